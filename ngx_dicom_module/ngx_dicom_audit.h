
/*
 * Audit trail: who did what to which record, from where, with what result.
 * An event is a statement added to the transaction that it records, so that
 * neither exists without the other.  Pure but for the query it adds to.
 */


#ifndef _NGX_DICOM_AUDIT_H_INCLUDED_
#define _NGX_DICOM_AUDIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_dicom_db.h"


typedef struct {
    const char  *event;      /* "login", "patient-read", "report-final" */
    const char  *outcome;    /* "success", "failure" */
    ngx_str_t    user;       /* UUID, or empty */
    ngx_str_t    user_name;  /* login name or display name */
    ngx_str_t    address;    /* of the client */
    ngx_str_t    object;     /* UUID or UID concerned, or empty */
    ngx_str_t    patient;    /* patient concerned, or empty */
    ngx_str_t    detail;     /* short, no secret */
} ngx_dicom_audit_t;


/* Adds the INSERT of event to q (AUDIT_TOPLEVEL or AUDIT_FACILITY by stmt).
   NGX_OK or NGX_ERROR (memory). */
ngx_int_t ngx_dicom_audit(ngx_dicom_db_query_t *q, ngx_dicom_stmt_e stmt,
    const ngx_dicom_audit_t *event);

/* The same under an id of the caller's (UUID), by which a transaction that was
   committed, but whose answer was lost, knows itself again. */
ngx_int_t ngx_dicom_audit_as(ngx_dicom_db_query_t *q, ngx_dicom_stmt_e stmt,
    const ngx_dicom_audit_t *event, const char *id);


#endif /* _NGX_DICOM_AUDIT_H_INCLUDED_ */
