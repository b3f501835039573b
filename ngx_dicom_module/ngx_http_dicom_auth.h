
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
 * Answers a preflight and returns what a handler returns, or NGX_DECLINED when
 * r is none.  No database.
 */
ngx_int_t ngx_http_dicom_cors(ngx_http_request_t *r);

/* Adds the CORS headers for an allowed Origin; called for every response. */
ngx_int_t ngx_http_dicom_cors_headers(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_AUTH_H_INCLUDED_ */
