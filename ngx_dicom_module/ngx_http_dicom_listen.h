
/*
 * A server block without "listen" listens on the address and port of its YAML.
 */


#ifndef _NGX_HTTP_DICOM_LISTEN_H_INCLUDED_
#define _NGX_HTTP_DICOM_LISTEN_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* In the server block: keeps nginx from listening on its default port. */
ngx_int_t ngx_http_dicom_listen_later(ngx_conf_t *cf);

/* After all server blocks: adds what no "listen" has said. */
ngx_int_t ngx_http_dicom_listen_init(ngx_conf_t *cf);


#endif /* _NGX_HTTP_DICOM_LISTEN_H_INCLUDED_ */
