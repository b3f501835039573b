
/*
 * An uploaded file becomes an object of the store and a row of the facility,
 * whatever it was uploaded by.
 */


#ifndef _NGX_HTTP_DICOM_INGEST_H_INCLUDED_
#define _NGX_HTTP_DICOM_INGEST_H_INCLUDED_


#include "ngx_http_dicom_module.h"
#include "ngx_http_dicom_ask.h"
#include "ngx_dicom_meta.h"


typedef struct ngx_http_dicom_ingest_s  ngx_http_dicom_ingest_t;

/* One file; ctx->data while it is taken in. */
struct ngx_http_dicom_ingest_s {
    ngx_pool_t            *pool;       /* for all of this, and with a cleanup
                                          that deletes the uploaded file */
    ngx_fd_t               fd;         /* of that */
    ngx_str_t              path;       /* of that, below the store */
    const char            *study;      /* that it must be of; NULL: of any */
    ngx_http_dicom_ask_t  *ask;
    ngx_int_t            (*done)(ngx_http_request_t *r,
                                 ngx_http_dicom_ingest_t *ingest);

    ngx_uint_t             status;     /* 201, 200: it is there already, or of a
                                          problem, with these: */
    const char            *slug;
    const char            *detail;     /* or NULL */
    ngx_dicom_meta_t       meta;       /* zeroed unless the worker read it */
};


/*
 * Takes the file in, then calls done, whose result finalizes r; a database that
 * does not answer is a problem of r's as a whole, which is answered here.  To
 * be returned by whoever was called to finalize r.
 */
ngx_int_t ngx_http_dicom_ingest(ngx_http_request_t *r,
    ngx_http_dicom_ingest_t *ingest);

/* Where the file of this name lies below the store: NGX_OK; NGX_ERROR, logged,
   when it does not. */
ngx_int_t ngx_http_dicom_ingest_path(ngx_http_request_t *r,
    const ngx_str_t *name, ngx_str_t *path);


#endif /* _NGX_HTTP_DICOM_INGEST_H_INCLUDED_ */
