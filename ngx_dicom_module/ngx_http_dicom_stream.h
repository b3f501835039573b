
/*
 * Answers of any length, made piece by piece: the next piece is asked for when
 * the client has taken the one before, so that one is in memory at a time.
 */


#ifndef _NGX_HTTP_DICOM_STREAM_H_INCLUDED_
#define _NGX_HTTP_DICOM_STREAM_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/*
 * Makes the next piece: NGX_OK with *out, which lives until the next call;
 * NGX_AGAIN, it comes later, by ngx_http_dicom_stream_wake(); NGX_DONE, there
 * is none; or the result of a reply, or an HTTP status, which after the first
 * piece breaks the connection off.
 */
typedef ngx_int_t (*ngx_http_dicom_stream_pt)(ngx_http_request_t *r,
    ngx_chain_t **out);


/*
 * Answers r with the pieces of next, after the headers that r has when its
 * first piece is there.  Returns NGX_DONE, to be returned by the handler, or an
 * HTTP status without memory.
 */
ngx_int_t ngx_http_dicom_stream(ngx_http_request_t *r,
    ngx_http_dicom_stream_pt next);

/* What next answered NGX_AGAIN for has come: next is called again.  From event
   handlers only. */
void ngx_http_dicom_stream_wake(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_STREAM_H_INCLUDED_ */
