
/*
 * Objects of the store, opened for reading.
 */


#ifndef _NGX_HTTP_DICOM_OBJECT_H_INCLUDED_
#define _NGX_HTTP_DICOM_OBJECT_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* One object at a time, and a buffer of what is to be sent of it. */
typedef struct {
    ngx_file_t                file;
    ngx_buf_t                *buf;
    ngx_pool_cleanup_t       *cleanup;     /* handled while a file is open */
} ngx_http_dicom_object_t;


/* Without an object so far; it lives as long as r, and closes its file then.
   NULL without memory. */
ngx_http_dicom_object_t *ngx_http_dicom_object(ngx_http_request_t *r);

/*
 * Opens the object at location, which has size bytes, in place of the one
 * before; buf is all of it.  NGX_OK; NGX_DECLINED, logged, when it is not the
 * one that was stored; NGX_ERROR without memory.
 */
ngx_int_t ngx_http_dicom_object_open(ngx_http_request_t *r,
    ngx_http_dicom_object_t *object, const ngx_str_t *location, off_t size);

/* Answers 500, what the database names is not in the store; NGX_ERROR when it
   is too late for that. */
ngx_int_t ngx_http_dicom_object_lost(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_OBJECT_H_INCLUDED_ */
