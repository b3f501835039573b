
/*
 * One exchange with the render worker that is wanted in memory, whole or piece
 * by piece: an upload, a probe of its health, an object's metadata.  Pictures
 * go through ngx_http_dicom_render.c instead.  Touches nginx events; knows no
 * request.
 */


#ifndef _NGX_DICOM_CALL_H_INCLUDED_
#define _NGX_DICOM_CALL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>

#include "../render-worker/wire.h"


typedef struct ngx_dicom_call_s  ngx_dicom_call_t;

struct ngx_dicom_call_s {
    ngx_pool_t              *pool;
    ngx_log_t               *log;
    ngx_addr_t              *addr;         /* of the worker's socket */
    ngx_uint_t               type;         /* enum wire_type */
    u_char                   user[16];
    ngx_str_t                body;         /* lives until the call ends */
    ngx_msec_t               timeout;      /* of each wait */
    size_t                   max_answer;   /* bytes of answer accepted */
    size_t                   window;       /* bytes of answer in memory; 0:
                                              all of them */

    /* called from the event loop, never from within ngx_dicom_call(), once; or,
       with a window, once for each piece of the answer that is asked for */
    void                   (*handler)(ngx_dicom_call_t *call);
    void                    *data;

    ngx_int_t                rc;           /* NGX_OK: a whole, valid answer, be
                                              it an error; else NGX_ERROR */
    struct wire_response     response;
    ngx_str_t                meta;
    ngx_str_t                answer;       /* the body of the response, or a
                                              piece of it; */
    uint64_t                 before;       /* bytes of it in pieces before, */
    uint64_t                 left;         /* and after this one */
    ngx_uint_t               paused;       /* this one is looked at */

    ngx_peer_connection_t    peer;
    ngx_chain_t             *out;
    struct wire_request      request;
    size_t                   received;
};


/* NGX_OK, the handler will be called; or NGX_ERROR, it will not. */
ngx_int_t ngx_dicom_call(ngx_dicom_call_t *call);

/* Asks for the next piece, in the place of this one, of a call that has some
   left; until then the worker keeps them. */
void ngx_dicom_call_more(ngx_dicom_call_t *call);

/* The handler will not be called any more; a call that ended is accepted. */
void ngx_dicom_call_cancel(ngx_dicom_call_t *call);

/* Fills the header of a request with length bytes of body. */
void ngx_dicom_call_header(struct wire_request *request, ngx_uint_t type,
    const u_char *user, size_t length);

/* The request and its body, uncopied, as buffers in pool; NULL: no memory. */
ngx_chain_t *ngx_dicom_call_chain(ngx_pool_t *pool,
    struct wire_request *request, ngx_str_t *body);

/*
 * Whether a response header can be the answer to a request of type: NULL, or
 * what is wrong (a literal).
 */
const char *ngx_dicom_call_check(const struct wire_response *response,
    ngx_uint_t type);

/*
 * Takes the meta block of an error apart: NGX_OK with a slug and a detail of
 * printable characters, NUL-terminated in pool; NGX_DECLINED when malformed.
 */
ngx_int_t ngx_dicom_call_error(ngx_pool_t *pool, ngx_str_t *meta,
    ngx_str_t *slug, ngx_str_t *detail);


#endif /* _NGX_DICOM_CALL_H_INCLUDED_ */
