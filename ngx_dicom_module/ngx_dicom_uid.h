
/*
 * DICOM UIDs and UUIDs.  Pure.
 */


#ifndef _NGX_DICOM_UID_H_INCLUDED_
#define _NGX_DICOM_UID_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* NGX_OK when s is a UID: 1 to 64 characters, digits and single dots (PS3.5
   9.1, but for components with a leading zero, which devices do write). */
ngx_int_t ngx_dicom_uid_check(const ngx_str_t *s);

/* NGX_OK when s is a UUID in its 36-character form, either case. */
ngx_int_t ngx_dicom_uuid_check(const ngx_str_t *s);

/* A random UUID (RFC 9562 version 4) as 36 characters and NUL in pool; from
   OpenSSL's RAND_bytes.  NGX_ERROR when there is no entropy or memory. */
ngx_int_t ngx_dicom_uuid(ngx_pool_t *pool, ngx_str_t *uuid);

/* 2 * len hexadecimal digits to len bytes; NGX_DECLINED when they are not. */
ngx_int_t ngx_dicom_unhex(u_char *dst, const ngx_str_t *s, size_t len);


#endif /* _NGX_DICOM_UID_H_INCLUDED_ */
