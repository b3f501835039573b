
/*
 * QIDO-RS (PS3.18 10.6): studies, their series, and the instances of those, in
 * the DICOM JSON model.
 */


#ifndef _NGX_HTTP_DICOM_QIDO_H_INCLUDED_
#define _NGX_HTTP_DICOM_QIDO_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* GET /dicom-web/studies */
ngx_int_t ngx_http_dicom_qido_studies(ngx_http_request_t *r);

/* GET /dicom-web/studies/{uid}/series */
ngx_int_t ngx_http_dicom_qido_series(ngx_http_request_t *r);

/* GET /dicom-web/studies/{uid}/series/{uid}/instances */
ngx_int_t ngx_http_dicom_qido_instances(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_QIDO_H_INCLUDED_ */
