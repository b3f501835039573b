
/*
 * Headers that every response of our servers carries, errors included: CORS,
 * security, caching.
 */


#ifndef _NGX_HTTP_DICOM_FILTER_H_INCLUDED_
#define _NGX_HTTP_DICOM_FILTER_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* From postconfiguration. */
ngx_int_t ngx_http_dicom_filter_init(ngx_conf_t *cf);

/* The Content-Security-Policy of a web server, at configuration time. */
ngx_int_t ngx_http_dicom_csp(ngx_conf_t *cf, ngx_dicom_config_t *conf,
    ngx_str_t *csp);


#endif /* _NGX_HTTP_DICOM_FILTER_H_INCLUDED_ */
