
/*
 * What the render worker reads of one object, one question at a time and of
 * each answer one piece in memory: for answers that are made of several.
 */


#ifndef _NGX_HTTP_DICOM_ASK_H_INCLUDED_
#define _NGX_HTTP_DICOM_ASK_H_INCLUDED_


#include "ngx_http_dicom_module.h"
#include "ngx_dicom_call.h"


typedef struct {
    ngx_http_request_t   *request;
    const u_char         *worker;      /* chooses it (ngx_http_dicom_peer.h);
                                          NULL, as it is at first: any */
    ngx_uint_t            asked;       /* and not answered */
    ngx_uint_t            ready;       /* call holds the answer */
    ngx_pool_t           *pool;        /* of the last question */
    void                (*wake)(ngx_http_request_t *r);  /* when the answer is
                                          there: ngx_http_dicom_stream_wake(),
                                          unless it is set */
    ngx_dicom_call_t      call;
} ngx_http_dicom_ask_t;


/* Lives as long as r; NULL without memory. */
ngx_http_dicom_ask_t *ngx_http_dicom_ask(ngx_http_request_t *r);

/*
 * Sends a question of type (WIRE_METADATA, _VALUE, _FRAME) about the object at
 * location; what the one before brought is freed.  index: as the database has
 * it, or empty.  NGX_AGAIN, or the result of a reply.
 */
ngx_int_t ngx_http_dicom_ask_object(ngx_http_dicom_ask_t *ask,
    ngx_uint_t type, const ngx_str_t *location, const ngx_str_t *text,
    const ngx_str_t *index, const struct wire_content *content);

/* Sends another question, whose body lives until it is answered: NGX_OK; or
   NGX_ERROR, and call.rc says that there is no answer. */
ngx_int_t ngx_http_dicom_ask_send(ngx_http_dicom_ask_t *ask, ngx_uint_t type,
    const ngx_str_t *body);

/* Of an object's answer that was looked at, its next piece: NGX_AGAIN, or
   NGX_DECLINED, that was the last. */
ngx_int_t ngx_http_dicom_ask_more(ngx_http_dicom_ask_t *ask);

/* The answer: NGX_OK with ask->call.meta and .answer, until the next question;
   of an object .answer is a piece, until the next, with .before and .left; or, when it is an error, the result of a reply, or NGX_ERROR when the reply
   has begun. */
ngx_int_t ngx_http_dicom_ask_answer(ngx_http_dicom_ask_t *ask);


#endif /* _NGX_HTTP_DICOM_ASK_H_INCLUDED_ */
