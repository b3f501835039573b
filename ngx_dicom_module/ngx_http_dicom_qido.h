
/*
 * QIDO-RS (PS3.18 10.6): studies, their series, and the instances of those, in
 * the DICOM JSON model.
 */


#ifndef _NGX_HTTP_DICOM_QIDO_H_INCLUDED_
#define _NGX_HTTP_DICOM_QIDO_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* Handlers of the route table: they answer r, and return what a content
   handler returns. */

/* GET /dicom-web/studies */
ngx_int_t ngx_http_dicom_qido_studies(ngx_http_request_t *r);

/* GET /dicom-web/studies/{uid}/series */
ngx_int_t ngx_http_dicom_qido_series(ngx_http_request_t *r);

/* GET /dicom-web/series */
ngx_int_t ngx_http_dicom_qido_all_series(ngx_http_request_t *r);

/* GET /dicom-web/studies/{uid}/series/{uid}/instances */
ngx_int_t ngx_http_dicom_qido_instances(ngx_http_request_t *r);

/* GET /dicom-web/studies/{uid}/instances */
ngx_int_t ngx_http_dicom_qido_study_instances(ngx_http_request_t *r);

/* GET /dicom-web/instances */
ngx_int_t ngx_http_dicom_qido_all_instances(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_QIDO_H_INCLUDED_ */
