
/*
 * JSON merge patch (RFC 7396), and the digest by which a repeated request is
 * known.  Pure: trees of ngx_dicom_json.h, a pool.
 */


#ifndef _NGX_DICOM_PATCH_H_INCLUDED_
#define _NGX_DICOM_PATCH_H_INCLUDED_


#include "ngx_dicom_json.h"


/* The object target with patch applied: a new tree that shares the values of
   both.  NULL without memory. */
ngx_dicom_json_t *ngx_dicom_patch_merge(ngx_pool_t *pool,
    const ngx_dicom_json_t *target, const ngx_dicom_json_t *patch);

/*
 * SHA-256 of an object in hexadecimal, NUL after, the same whatever the order
 * of members and the spaces between them.  The member called without (or
 * NULL), of the object itself, does not count.
 */
ngx_int_t ngx_dicom_patch_digest(ngx_pool_t *pool,
    const ngx_dicom_json_t *object, const char *without, ngx_str_t *digest);


#endif /* _NGX_DICOM_PATCH_H_INCLUDED_ */
