
/*
 * What the render worker says of an uploaded file: the records of wire_field,
 * checked.  Pure but for the pool.
 */


#ifndef _NGX_DICOM_META_H_INCLUDED_
#define _NGX_DICOM_META_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "../render-worker/wire.h"


#define NGX_DICOM_META_FIELDS  (WIRE_F_ASSIGNED + 1)


typedef struct {
    ngx_str_t            field[NGX_DICOM_META_FIELDS];  /* NUL-terminated */
    ngx_uint_t           created;      /* this upload made the object */
    ngx_uint_t           refused;      /* step that refused the rows */
    ngx_pool_cleanup_t  *held; /* of the upload's file, while that stays */
} ngx_dicom_meta_t;


/* Fills meta, which is zeroed, from block; absent fields are "".  NULL, or
   what is wrong. */
const char *ngx_dicom_meta_parse(ngx_pool_t *pool, const ngx_str_t *block,
    ngx_dicom_meta_t *meta);

/* Parameters of a statement: a text; a date, a time or a number, NULL where
   the field is none; a count, "0" where it is none. */
const char *ngx_dicom_meta_text(const ngx_dicom_meta_t *meta,
    ngx_uint_t tag);
const char *ngx_dicom_meta_date(const ngx_dicom_meta_t *meta,
    ngx_uint_t tag);
const char *ngx_dicom_meta_time(const ngx_dicom_meta_t *meta,
    ngx_uint_t tag);
const char *ngx_dicom_meta_number(const ngx_dicom_meta_t *meta,
    ngx_uint_t tag);
const char *ngx_dicom_meta_count(const ngx_dicom_meta_t *meta,
    ngx_uint_t tag);

/* NGX_OK when s is a day of the calendar, YYYY-MM-DD. */
ngx_int_t ngx_dicom_meta_is_date(const ngx_str_t *s);


#endif /* _NGX_DICOM_META_H_INCLUDED_ */
