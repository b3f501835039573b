
/*
 * The errors that nginx itself makes in our servers (400, 413, 414, 494, 502
 * and so on) become problem+json too, by nginx's own error_page mechanism.
 */


#ifndef _NGX_HTTP_DICOM_ERROR_H_INCLUDED_
#define _NGX_HTTP_DICOM_ERROR_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* At configuration time: error pages of the server's location conf. */
ngx_int_t ngx_http_dicom_error_pages(ngx_conf_t *cf,
    ngx_http_core_loc_conf_t *clcf);

/* Answers a request that came by one of them, and returns what a handler
   returns; NGX_DECLINED when r is another request. */
ngx_int_t ngx_http_dicom_error(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_ERROR_H_INCLUDED_ */
