
/*
 * Audit trail: who did what to which record, from where, with what result
 * (DICOM PS3.15 A.5, after RFC 3881), and the hash that chains the records.
 * Pure but for the query it adds to.
 *
 * A record is a row of audit.  Its digest is the SHA-256 of its fields in the
 * order of NGX_DICOM_SQL_AUDIT_ROW, as the database returned them, each as
 * "LENGTH:BYTES,", NULL as "-,".  Its seal is a row of audit_chain whose hash
 * is the HMAC-SHA256, under the audit key (or an empty one), of
 *
 *     PREVIOUS " " CHAIN " " SEQ " " LATE " " DIGEST
 *
 * in hexadecimal, decimal, and 0 or 1; PREVIOUS of the first is 64 zeros.
 * scripts/verify-audit computes the same.
 */


#ifndef _NGX_DICOM_AUDIT_H_INCLUDED_
#define _NGX_DICOM_AUDIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_dicom_db.h"


#define NGX_DICOM_AUDIT_HASH  64       /* hexadecimal digits */


typedef struct {
    ngx_str_t    id;         /* UUID; empty: one is made */
    const char  *event;      /* "login", "patient-read", "report-final" */
    const char  *outcome;    /* "success", "failure"; static */
    ngx_str_t    user;       /* UUID, or empty */
    ngx_str_t    user_name;  /* login name or display name */
    ngx_uint_t   roles;      /* NGX_DICOM_ROLE_* */
    ngx_str_t    address;    /* of the client */
    ngx_str_t    object;     /* UUID or UID concerned, or empty */
    ngx_str_t    patient;    /* patient concerned, or empty */
    ngx_str_t    detail;     /* short, no secret */
    ngx_str_t    study;      /* facility: its patient is concerned ... */
    ngx_str_t    report;     /* ... or that of the report's study */

    /* set by ngx_dicom_audit_copy() */
    u_char       at[sizeof("2026-11-22T13:00:00.123Z")];
    uint64_t     ms;         /* the same, since 1970 */
    ngx_str_t    role_names;
} ngx_dicom_audit_t;


/*
 * A copy of event that lives in pool: an id where there was none, the time of
 * now, texts cut to max bytes between characters, and NULs after all of them;
 * what is not UTF-8 would fail a whole transaction, so such bytes become '?'.
 * UUIDs are in lower case, as a database gives them back.
 * NGX_OK or NGX_ERROR (memory, entropy).
 */
ngx_int_t ngx_dicom_audit_copy(ngx_pool_t *pool, ngx_dicom_audit_t *copy,
    const ngx_dicom_audit_t *event, size_t max);

/* Adds the INSERT of n copies to q, by a statement AUDIT_TOPLEVEL or
   AUDIT_FACILITY or their _PUT, of the server of this name (NUL-terminated);
   NULL without memory. */
ngx_dicom_db_step_t *ngx_dicom_audit_step(ngx_dicom_db_query_t *q,
    ngx_dicom_stmt_e stmt, const ngx_str_t *server,
    const ngx_dicom_audit_t *copies, ngx_uint_t n);

/* The digest of a row returned; digest: NGX_DICOM_AUDIT_HASH bytes and NUL. */
void ngx_dicom_audit_digest(PGresult *res, int row, u_char *digest);

/* Whether the row that a copy becomes is known before the database has it: not
   when the patient is to be looked up there. */
ngx_uint_t ngx_dicom_audit_known(const ngx_dicom_audit_t *copy);

/* The digest of that row, of the server of this name. */
void ngx_dicom_audit_digest_copy(const ngx_dicom_audit_t *copy,
    const ngx_str_t *server, u_char *digest);

/* The next hash of a chain, from the one before it; all hashes and digests
   are hexadecimal with NUL, hash may be previous. */
void ngx_dicom_audit_hash(const ngx_str_t *key, const u_char *previous,
    const u_char *chain, uint64_t seq, ngx_uint_t late, const u_char *digest,
    u_char *hash);

/* "2026-11-22T13:00:00.123Z" with NUL, of milliseconds since 1970. */
void ngx_dicom_audit_time(uint64_t ms, u_char *text);


#endif /* _NGX_DICOM_AUDIT_H_INCLUDED_ */
