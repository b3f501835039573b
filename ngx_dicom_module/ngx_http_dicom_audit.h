
/*
 * What requests leave in the audit trail: who asked, and how it is recorded
 * before the answer goes out.
 */


#ifndef _NGX_HTTP_DICOM_AUDIT_H_INCLUDED_
#define _NGX_HTTP_DICOM_AUDIT_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* Clears event and fills in its name, the outcome "success", the user of r's
   token, and the client's address. */
void ngx_http_dicom_audit_event(ngx_http_request_t *r,
    ngx_dicom_audit_t *event, const char *name);

/* Adds the record of event to the transaction q.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_dicom_audit_step(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q, const ngx_dicom_audit_t *event);

/*
 * Has a copy of event recorded when the query that r is about to run has ended,
 * before the query's done is called; as a failure, and of no patient, when its
 * transaction was rolled back or, but for lists, its first step found nothing.
 * NGX_OK or NGX_ERROR (memory).
 */
ngx_int_t ngx_http_dicom_audit_note(ngx_http_request_t *r,
    const ngx_dicom_audit_t *event, ngx_uint_t list);

/* The note of a list: its search is the detail. */
ngx_int_t ngx_http_dicom_audit_search(ngx_http_request_t *r,
    const char *name);

/* For the route room: q has ended, the note of r is recorded, then done. */
ngx_int_t ngx_http_dicom_audit_noted(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q,
    ngx_int_t (*done)(ngx_http_request_t *r, ngx_dicom_db_query_t *q));

/*
 * Records event, then finalizes r with what done returns; to be returned by a
 * handler.  q is handed on to done, and may be NULL.  503 when the record
 * could not be written.
 */
ngx_int_t ngx_http_dicom_audit_write(ngx_http_request_t *r,
    const ngx_dicom_audit_t *event, ngx_dicom_db_query_t *q,
    ngx_int_t (*done)(ngx_http_request_t *r, ngx_dicom_db_query_t *q));

/* 403 that is recorded first; slug and detail are static. */
ngx_int_t ngx_http_dicom_refuse(ngx_http_request_t *r, const char *slug,
    const char *detail);

/* 401 that is recorded first, as the refusal of a renewal; why is static. */
ngx_int_t ngx_http_dicom_no_renewal(ngx_http_request_t *r, const char *why);


#endif /* _NGX_HTTP_DICOM_AUDIT_H_INCLUDED_ */
