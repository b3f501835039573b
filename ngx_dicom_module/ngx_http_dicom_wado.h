
/*
 * WADO-RS (PS3.18 10.4): an instance as the file that was stored.
 */


#ifndef _NGX_HTTP_DICOM_WADO_H_INCLUDED_
#define _NGX_HTTP_DICOM_WADO_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* GET /dicom-web/studies/{uid}/series/{uid}/instances/{uid} */
ngx_int_t ngx_http_dicom_wado_instance(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_WADO_H_INCLUDED_ */
