
/*
 * Health, metrics, and what the viewer must know before it logs in.
 */


#ifndef _NGX_HTTP_DICOM_STATUS_H_INCLUDED_
#define _NGX_HTTP_DICOM_STATUS_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* Handlers of the route table: they answer r and return what a content handler
   returns.  None needs a token. */

/*
 * GET /api/v1/line: 204 without a word to anybody else; to a WebSocket (RFC
 * 6455) 101 and the end.  A browser that hears nothing more on its connection
 * finds out with the first whether it is the connection, and with the second,
 * which always takes a new one, whether it is the line.
 */
ngx_int_t ngx_http_dicom_line(ngx_http_request_t *r);

/* GET /api/v1/health, GET /metrics, GET /config.json */
ngx_int_t ngx_http_dicom_health(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_metrics(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_web_config(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_STATUS_H_INCLUDED_ */
