
/*
 * The render worker as an upstream: one wire.h message out, one back.
 */


#ifndef _NGX_HTTP_DICOM_RENDER_H_INCLUDED_
#define _NGX_HTTP_DICOM_RENDER_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/*
 * Sends a request of type with body (in r->pool) to the worker that stack's
 * first 8 bytes choose (NULL: any), and answers r from the response: JSON and
 * pictures are passed on as they come, problems become problem+json.
 * Returns NGX_DONE or an error to return.
 */
ngx_int_t ngx_http_dicom_render(ngx_http_request_t *r, ngx_uint_t type,
    ngx_str_t *body, const u_char *stack);


/* The key by which the worker tells r's user from others: NGX_OK or
   NGX_ERROR. */
ngx_int_t ngx_http_dicom_render_user(ngx_http_request_t *r, u_char user[16]);


#endif /* _NGX_HTTP_DICOM_RENDER_H_INCLUDED_ */
