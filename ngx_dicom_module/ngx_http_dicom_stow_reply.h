
/*
 * What became of the instances of a STOW-RS request (PS3.18 10.5.3).
 */


#ifndef _NGX_HTTP_DICOM_STOW_REPLY_H_INCLUDED_
#define _NGX_HTTP_DICOM_STOW_REPLY_H_INCLUDED_


#include "ngx_http_dicom_ingest.h"


/* Failure Reason (0008,1197), PS3.18 table I.2-2 */
#define NGX_HTTP_DICOM_STOW_PROCESSING      0x0110
#define NGX_HTTP_DICOM_STOW_DUPLICATE       0x0111
#define NGX_HTTP_DICOM_STOW_NO_ROOM         0xa700
#define NGX_HTTP_DICOM_STOW_NOT_MATCHING    0xa900
#define NGX_HTTP_DICOM_STOW_NOT_UNDERSTOOD  0xc000
#define NGX_HTTP_DICOM_STOW_OTHER_STUDY     0xc409


typedef struct ngx_http_dicom_stow_reply_s  ngx_http_dicom_stow_reply_t;


/* In r's memory; study: of the path, or NULL.  NULL without memory. */
ngx_http_dicom_stow_reply_t *ngx_http_dicom_stow_reply(ngx_http_request_t *r,
    const char *study);

/* Notes how an instance fared.  Both copy what they keep; NGX_OK or
   NGX_ERROR. */
ngx_int_t ngx_http_dicom_stow_stored(ngx_http_dicom_stow_reply_t *reply,
    const ngx_http_dicom_ingest_t *ingest);
ngx_int_t ngx_http_dicom_stow_failed(ngx_http_dicom_stow_reply_t *reply,
    const ngx_dicom_meta_t *meta, ngx_uint_t reason);

/* Answers r. */
ngx_int_t ngx_http_dicom_stow_send(ngx_http_request_t *r,
    ngx_http_dicom_stow_reply_t *reply);


#endif /* _NGX_HTTP_DICOM_STOW_REPLY_H_INCLUDED_ */
