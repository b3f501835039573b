
/*
 * Inside the session rooms: what login, renewal and password change share.
 */


#ifndef _NGX_HTTP_DICOM_SESSION_IMPL_H_INCLUDED_
#define _NGX_HTTP_DICOM_SESSION_IMPL_H_INCLUDED_


#include "ngx_http_dicom_module.h"
#include "ngx_http_dicom_audit.h"
#include "ngx_http_dicom_hash.h"
#include "ngx_http_dicom_lockout.h"


/* One session's request, ctx->data. */
typedef struct {
    ngx_str_t    username;       /* as given, folded */
    ngx_str_t    password;       /* current */
    ngx_str_t    new_password;

    ngx_uint_t   known;          /* the rest is filled */
    ngx_str_t    id;
    ngx_str_t    login;
    ngx_str_t    name;
    ngx_str_t    email;
    ngx_str_t    hash;
    ngx_uint_t   roles;
    ngx_uint_t   physician;
    ngx_str_t    facility;
    ngx_str_t    facility_name;
    ngx_uint_t   active;
    int64_t      version;
    ngx_uint_t   must_change;    /* the password: no roles until then */
    ngx_uint_t   expired;        /* the password does not count any more */

    ngx_http_dicom_lockout_t  lockout;

    ngx_str_t    token;
    int64_t      expires_in;
} ngx_http_dicom_session_t;


/* An empty one as ctx->data; NULL without memory. */
ngx_http_dicom_session_t *ngx_http_dicom_session(ngx_http_request_t *r);

/* Runs stmt, LOGIN_USER or SESSION_USER, with key (NUL-terminated); returns
   what a handler returns. */
ngx_int_t ngx_http_dicom_session_read(ngx_http_request_t *r,
    ngx_dicom_stmt_e stmt, const ngx_str_t *key,
    ngx_int_t (*done)(ngx_http_request_t *r, ngx_dicom_db_query_t *q));

/* The token's user, filled in: NGX_OK, or the result of the 401 reply. */
ngx_int_t ngx_http_dicom_session_active(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);

/* As ngx_http_dicom_hash(), which takes a copy: ours is not kept. */
ngx_int_t ngx_http_dicom_session_hash(ngx_http_request_t *r,
    ngx_str_t *password, const char *stored, ngx_http_dicom_hash_pt done);

/* An event of this session, cleared and filled in. */
void ngx_http_dicom_session_event(ngx_http_request_t *r,
    ngx_dicom_audit_t *event, const char *name, const char *outcome);

/* Records an event, then done; nobody gets in, or is turned away, without a
   line in the audit trail. */
ngx_int_t ngx_http_dicom_session_record(ngx_http_request_t *r,
    const char *event, const char *outcome,
    ngx_int_t (*done)(ngx_http_request_t *r, ngx_dicom_db_query_t *q));

/* The same, with one more failure of account and address, or with the
   account's forgiven. */
ngx_int_t ngx_http_dicom_session_count(ngx_http_request_t *r,
    const char *name, ngx_uint_t failed,
    ngx_int_t (*done)(ngx_http_request_t *r, ngx_dicom_db_query_t *q));

/* done of a query: answers 429, as long as lockout.wait says. */
ngx_int_t ngx_http_dicom_session_locked(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);


#endif /* _NGX_HTTP_DICOM_SESSION_IMPL_H_INCLUDED_ */
