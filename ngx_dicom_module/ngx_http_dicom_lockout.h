
/*
 * Failed logins: counted by account and by address, each failure beyond some
 * free ones doubles the time until the next attempt is looked at.
 */


#ifndef _NGX_HTTP_DICOM_LOCKOUT_H_INCLUDED_
#define _NGX_HTTP_DICOM_LOCKOUT_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* What is counted of one login, as hexadecimal SHA-256 with NUL. */
typedef struct {
    u_char       account[64 + 1];
    u_char       address[64 + 1];
    ngx_uint_t   counted;          /* the account has failures */
    ngx_uint_t   wait;             /* seconds; 0: may try */
} ngx_http_dicom_lockout_t;


/* The keys of a login as username (folded) from r's client: its network of 64
   bits in IPv6. */
void ngx_http_dicom_lockout_keys(ngx_http_request_t *r,
    const ngx_str_t *username, ngx_http_dicom_lockout_t *lockout);

/* The key of an account. */
void ngx_http_dicom_lockout_account(const ngx_str_t *username, u_char *key);

/* Adds the look at both counts to q; NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_dicom_lockout_look(ngx_dicom_db_query_t *q,
    const ngx_http_dicom_lockout_t *lockout);

/* Reads its result: counted and wait. */
void ngx_http_dicom_lockout_seen(PGresult *res,
    ngx_http_dicom_lockout_t *lockout);

/* Adds to the transaction q that a login failed; NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_dicom_lockout_count(ngx_dicom_db_query_t *q,
    const ngx_http_dicom_lockout_t *lockout);

/* Answers 429 with Retry-After. */
ngx_int_t ngx_http_dicom_lockout_reply(ngx_http_request_t *r,
    ngx_uint_t wait);


#endif /* _NGX_HTTP_DICOM_LOCKOUT_H_INCLUDED_ */
