
/*
 * A request that waits for a password to be hashed on the thread pool.
 */


#ifndef _NGX_HTTP_DICOM_HASH_H_INCLUDED_
#define _NGX_HTTP_DICOM_HASH_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* rc and hash as in ngx_dicom_kdf_t; hash lives until done returns. */
typedef ngx_int_t (*ngx_http_dicom_hash_pt)(ngx_http_request_t *r,
    ngx_int_t rc, const char *hash);

/*
 * Makes a hash of password (stored NULL), or verifies it against stored (""
 * takes as long, and fails), and finalizes r with what done returns.  To be
 * returned by a handler or by a query's done.  503 when the queue is full.
 */
ngx_int_t ngx_http_dicom_hash(ngx_http_request_t *r,
    const ngx_str_t *password, const char *stored,
    ngx_http_dicom_hash_pt done);


#endif /* _NGX_HTTP_DICOM_HASH_H_INCLUDED_ */
