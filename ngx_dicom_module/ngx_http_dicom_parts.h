
/*
 * What stands around the parts of a multipart/related answer (PS3.18 8.7.1), or
 * nothing around the one part of another.
 */


#ifndef _NGX_HTTP_DICOM_PARTS_H_INCLUDED_
#define _NGX_HTTP_DICOM_PARTS_H_INCLUDED_


#include "ngx_http_dicom_module.h"


typedef struct {
    ngx_uint_t            multipart;
    const char           *type;        /* of each part, static */
    ngx_str_t             boundary;
    ngx_uint_t            sent;        /* parts made so far */
    ngx_buf_t            *head;
    ngx_buf_t            *tail;
    ngx_chain_t           out[3];
} ngx_http_dicom_parts_t;


/*
 * Sets the Content-Type of r's answer, whose parts will all be of type.
 * syntax: a transfer syntax to be named there; empty: none.  NGX_OK or
 * NGX_ERROR.
 */
ngx_int_t ngx_http_dicom_parts(ngx_http_request_t *r,
    ngx_http_dicom_parts_t *parts, ngx_uint_t multipart, const char *type,
    const ngx_str_t *syntax);

/* The next part, body within its frame; last: no other follows. */
ngx_chain_t *ngx_http_dicom_part(ngx_http_dicom_parts_t *parts,
    const ngx_str_t *syntax, ngx_buf_t *body, ngx_uint_t last);

/* More of that part's body, when it comes in pieces; last: the last piece of the
   last part.  `last` above is then said of the first piece. */
ngx_chain_t *ngx_http_dicom_part_more(ngx_http_dicom_parts_t *parts,
    ngx_buf_t *body, ngx_uint_t last);

/* Bytes that will stand around the part that follows `before` others. */
size_t ngx_http_dicom_part_frame(ngx_http_dicom_parts_t *parts,
    const ngx_str_t *syntax, ngx_uint_t before, ngx_uint_t last);


#endif /* _NGX_HTTP_DICOM_PARTS_H_INCLUDED_ */
