
/*
 * An upload while it arrives: the render worker hashes it meanwhile.
 */


#ifndef _NGX_HTTP_DICOM_FOLLOW_H_INCLUDED_
#define _NGX_HTTP_DICOM_FOLLOW_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* From postconfiguration. */
ngx_int_t ngx_http_dicom_follow_init(ngx_conf_t *cf);

/*
 * From now on the body of r, which is about to be read into a file, is followed
 * by a render worker once it is large.  NULL without memory, else bytes that
 * choose that worker, for ask->worker: the one that must take the file in to
 * find it hashed.
 */
const u_char *ngx_http_dicom_follow(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_FOLLOW_H_INCLUDED_ */
