
/*
 * Accept of a request for DICOM files.
 */


#ifndef _NGX_HTTP_DICOM_ACCEPT_H_INCLUDED_
#define _NGX_HTTP_DICOM_ACCEPT_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* Whether r takes a file of this transfer syntax, one of many if there are more
   of them: NGX_OK, with multipart set when it wants it as a part of
   multipart/related; or NGX_DECLINED. */
ngx_int_t ngx_http_dicom_accept_dicom(ngx_http_request_t *r,
    const ngx_str_t *syntax, ngx_uint_t many, ngx_uint_t *multipart);


#endif /* _NGX_HTTP_DICOM_ACCEPT_H_INCLUDED_ */
