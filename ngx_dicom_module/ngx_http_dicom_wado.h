
/*
 * WADO-RS (PS3.18 10.4): instances as the files that were stored.
 */


#ifndef _NGX_HTTP_DICOM_WADO_H_INCLUDED_
#define _NGX_HTTP_DICOM_WADO_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* Handlers of the route table: they answer r, and return what a content
   handler returns. */

/* GET /dicom-web/studies/{uid} */
ngx_int_t ngx_http_dicom_wado_study(ngx_http_request_t *r);

/* GET /dicom-web/studies/{uid}/series/{uid} */
ngx_int_t ngx_http_dicom_wado_series(ngx_http_request_t *r);

/* GET /dicom-web/studies/{uid}/series/{uid}/instances/{uid} */
ngx_int_t ngx_http_dicom_wado_instance(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_WADO_H_INCLUDED_ */
