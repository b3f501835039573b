
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

/*
 * A POST to a node's /api/v1/stacks or a facility's /api/v1/studies with a
 * header "Dicom-Target: ID/layers/N?..." becomes the GET of what this names
 * below it (or, "?...", of itself): method, r->uri and r->args are set.
 * Browsers ask before each new URL of another origin whether they may (CORS,
 * Fetch 4.8), and on a long line that was half of the time of a picture; of one
 * URL they ask once.  A POST, as they keep GETs of one URL apart from each
 * other, and forget the permission where such a GET may not be stored.
 * Called before the route is looked up, so that its permissions hold.
 * Returns NGX_DECLINED to go on, or what a handler returns.
 */
ngx_int_t ngx_http_dicom_target(ngx_http_request_t *r);

/* The first request header of this name, in any case, or NULL. */
ngx_table_elt_t *ngx_http_dicom_header_in(ngx_http_request_t *r,
    const char *name);

/* Adds the CORS headers for an allowed Origin; called for every response. */
ngx_int_t ngx_http_dicom_cors_headers(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_AUTH_H_INCLUDED_ */
