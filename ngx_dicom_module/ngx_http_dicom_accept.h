
/*
 * Accept of a request to DICOMweb (PS3.18 8.7.5).
 */


#ifndef _NGX_HTTP_DICOM_ACCEPT_H_INCLUDED_
#define _NGX_HTTP_DICOM_ACCEPT_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* What an answer could be. */
typedef struct {
    const char   *type;                /* "image/jpeg" */
    ngx_uint_t    multipart;           /* as parts of multipart/related */
    const char   *syntax;              /* its transfer syntax, or NULL */
} ngx_http_dicom_offer_t;


/*
 * Which of n offers r likes best, by its argument accept or its header Accept:
 * its index, where it likes two alike that of the one it names first, then the
 * earlier one's; NGX_DECLINED when it takes none; the first when it does not
 * say.
 */
ngx_int_t ngx_http_dicom_accept(ngx_http_request_t *r,
    const ngx_http_dicom_offer_t *offers, ngx_uint_t n);

/* Of the DICOM JSON model: "application/dicom+json", or "application/json" for
   who likes that better; NULL when r takes neither. */
const char *ngx_http_dicom_accept_json(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_ACCEPT_H_INCLUDED_ */
