
/*
 * What a rendered picture shows, as response headers.
 */


#ifndef _NGX_HTTP_DICOM_PICTURE_H_INCLUDED_
#define _NGX_HTTP_DICOM_PICTURE_H_INCLUDED_


#include "ngx_http_dicom_module.h"
#include "../render-worker/wire.h"


/* NULL when picture is a sound answer to render, or what is wrong with it. */
const char *ngx_http_dicom_picture_check(const struct wire_picture *picture,
    const struct wire_render *render);

/* Server-Timing (W3C), what the worker needed.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_dicom_picture_timing(ngx_http_request_t *r,
    const struct wire_response *response);

/* Has r's answer of len bytes go out in TLS records that suit it. */
void ngx_http_dicom_picture_records(ngx_http_request_t *r, off_t len);

/*
 * Makes the answer to r, whose headers are those of the picture, one of two
 * parts (multipart/form-data, RFC 7578, which browsers take apart themselves):
 * "stack", this JSON, and "picture".  *before and *after, in r->pool, are what
 * stands around the picture's bytes.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_dicom_picture_parts(ngx_http_request_t *r,
    const u_char stack[16], const ngx_str_t *json, ngx_str_t *before,
    ngx_str_t *after);

/* Content-Type, Cache-Control and the Dicom-* headers.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_dicom_picture_headers(ngx_http_request_t *r,
    const struct wire_picture *picture);


#endif /* _NGX_HTTP_DICOM_PICTURE_H_INCLUDED_ */
