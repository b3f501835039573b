
/*
 * WADO-RS: rendered pictures and thumbnails (PS3.18 10.4.1.1.3, 10.4.1.1.4).
 */


#ifndef _NGX_HTTP_DICOM_RENDERED_H_INCLUDED_
#define _NGX_HTTP_DICOM_RENDERED_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* Handlers of the route table: they answer r, and return what a content
   handler returns.  Below /dicom-web/studies/{uid}: */

/* GET series/{uid}/instances/{uid}/rendered */
ngx_int_t ngx_http_dicom_rendered(ngx_http_request_t *r);

/* GET series/{uid}/instances/{uid}/frames/{list}/rendered */
ngx_int_t ngx_http_dicom_rendered_frame(ngx_http_request_t *r);

/* GET thumbnail, series/{uid}/thumbnail, and the like of the two above */
ngx_int_t ngx_http_dicom_thumbnail_study(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_thumbnail_series(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_thumbnail(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_thumbnail_frame(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_RENDERED_H_INCLUDED_ */
