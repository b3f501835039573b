
/*
 * Bearer token to claims, and CORS.
 */


#ifndef _NGX_HTTP_DICOM_AUTH_H_INCLUDED_
#define _NGX_HTTP_DICOM_AUTH_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/*
 * NGX_OK with ctx->claims filled and the route's roles and facility satisfied;
 * else the result of the 401 or 403 reply.
 */
ngx_int_t ngx_http_dicom_authenticate(ngx_http_request_t *r,
    ngx_http_dicom_ctx_t *ctx);

/*
 * Answers a preflight (NGX_DONE-like result to return), or adds the CORS
 * headers for an allowed Origin and returns NGX_DECLINED.  No database.
 */
ngx_int_t ngx_http_dicom_cors(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_AUTH_H_INCLUDED_ */
