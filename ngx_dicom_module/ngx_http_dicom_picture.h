
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

/* Content-Type, Cache-Control and the Dicom-* headers.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_dicom_picture_headers(ngx_http_request_t *r,
    const struct wire_picture *picture);


#endif /* _NGX_HTTP_DICOM_PICTURE_H_INCLUDED_ */
