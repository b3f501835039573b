
/*
 * STOW-RS (PS3.18 10.5): instances are stored.
 */


#ifndef _NGX_HTTP_DICOM_STOW_H_INCLUDED_
#define _NGX_HTTP_DICOM_STOW_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* Handlers of the route table: they answer r, and return what a content
   handler returns. */

/* POST /dicom-web/studies */
ngx_int_t ngx_http_dicom_stow(ngx_http_request_t *r);

/* POST /dicom-web/studies/{uid} */
ngx_int_t ngx_http_dicom_stow_study(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_STOW_H_INCLUDED_ */
