
/*
 * What all of WADO-RS begins with: the instances that the path names.
 */


#ifndef _NGX_HTTP_DICOM_RETRIEVE_H_INCLUDED_
#define _NGX_HTTP_DICOM_RETRIEVE_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* columns of WADO_INSTANCES, and of WADO_INSTANCE and WADO_MIDDLE, which
   go on */
enum {
    W_UID = 0, W_SERIES, W_LOCATION, W_SIZE, W_SYNTAX,
    W_FRAMES, W_HEIGHT, W_WIDTH, W_HEADER
};

/* How many of the path's parameters are UIDs. */
enum {
    NGX_HTTP_DICOM_STUDY = 1,
    NGX_HTTP_DICOM_SERIES,
    NGX_HTTP_DICOM_INSTANCE
};

/* A retrieval under way; what ctx->data points to begins with one. */
typedef struct {
    ngx_uint_t               level;
    PGresult                *rows;         /* at least one, in done */
    ngx_uint_t               found;
    ngx_str_t                url;          /* of the study */
    const char              *uid[3];       /* study, series, instance */

    /* Looks at the rows before anything is recorded as read: NGX_OK, or
       NGX_DECLINED, for refuse to answer; NULL: nothing to be looked at. */
    ngx_int_t              (*check)(ngx_http_request_t *r, PGresult *rows);
    ngx_int_t              (*refuse)(ngx_http_request_t *r);
    ngx_int_t              (*done)(ngx_http_request_t *r);
} ngx_http_dicom_retrieve_t;


/*
 * Finds the instances, has the retrieval recorded, calls done, and answers
 * whatever goes wrong.  single: only one is wanted, with its index; of a study
 * or series the one in the middle.
 * To be returned by a handler.
 */
ngx_int_t ngx_http_dicom_retrieve(ngx_http_request_t *r,
    ngx_http_dicom_retrieve_t *retrieve, ngx_uint_t single);

/* A column of a row as a string within the result. */
ngx_str_t ngx_http_dicom_retrieve_text(const ngx_http_dicom_retrieve_t *t,
    ngx_uint_t row, int column);


/* The URL of the node, in r's memory: what it was told, or else as it was asked
   by this request.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_dicom_base_url(ngx_http_request_t *r, ngx_str_t *base);


#endif /* _NGX_HTTP_DICOM_RETRIEVE_H_INCLUDED_ */
