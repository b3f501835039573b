
/*
 * WADO-RS (PS3.18 10.4.1.1.2): metadata, the data sets without what is large.
 */


#ifndef _NGX_HTTP_DICOM_METADATA_H_INCLUDED_
#define _NGX_HTTP_DICOM_METADATA_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* Handlers of the route table: they answer r, and return what a content
   handler returns. */

/* GET /dicom-web/studies/{uid}/metadata */
ngx_int_t ngx_http_dicom_metadata_study(ngx_http_request_t *r);

/* GET /dicom-web/studies/{uid}/series/{uid}/metadata */
ngx_int_t ngx_http_dicom_metadata_series(ngx_http_request_t *r);

/* GET /dicom-web/studies/{uid}/series/{uid}/instances/{uid}/metadata */
ngx_int_t ngx_http_dicom_metadata_instance(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_METADATA_H_INCLUDED_ */
