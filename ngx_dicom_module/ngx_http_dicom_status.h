
/*
 * Health, metrics, and what the viewer must know before it logs in.
 */


#ifndef _NGX_HTTP_DICOM_STATUS_H_INCLUDED_
#define _NGX_HTTP_DICOM_STATUS_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* Handlers of the route table: they answer r and return what a content handler
   returns.  None needs a token. */

/* GET /api/v1/health, GET /metrics, GET /config.json */
ngx_int_t ngx_http_dicom_health(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_metrics(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_web_config(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_STATUS_H_INCLUDED_ */
