
/*
 * The only place that sends JSON, problems and images.
 */


#ifndef _NGX_HTTP_DICOM_REPLY_H_INCLUDED_
#define _NGX_HTTP_DICOM_REPLY_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/*
 * All return what the handler returns, never NGX_OK: a check that answers
 * NGX_OK or the result of a reply leaves no doubt which it is.  They discard
 * an unread request body and are safe once per request.
 */

/* status, JSON text, optional ETag (version, written as "\"<n>\""; 0: none)
   and Location (path; NULL: none). */
ngx_int_t ngx_http_dicom_reply_json(ngx_http_request_t *r, ngx_uint_t status,
    ngx_dicom_json_writer_t *w, int64_t version, const ngx_str_t *location);

/* 204. */
ngx_int_t ngx_http_dicom_reply_empty(ngx_http_request_t *r);

/*
 * RFC 9457.  slug: "stack-expired" -> urn:dicom:problem:stack-expired; the
 * title comes from the slug's table.  detail: a sentence for people, no
 * internals; NULL: none.  errors: ngx_dicom_json_error_t, or NULL.
 * 401 carries WWW-Authenticate, 503 Retry-After, 405 Allow (set by the route).
 */
ngx_int_t ngx_http_dicom_problem(ngx_http_request_t *r, ngx_uint_t status,
    const char *slug, const char *detail, ngx_array_t *errors);

/* Only the text of a problem, in r->pool. */
ngx_int_t ngx_http_dicom_problem_json(ngx_http_request_t *r, ngx_uint_t status,
    const char *slug, const char *detail, ngx_array_t *errors,
    ngx_str_t *json);

/* printf-like detail (nginx's formats). */
ngx_int_t ngx_http_dicom_problemf(ngx_http_request_t *r, ngx_uint_t status,
    const char *slug, const char *fmt, ...);

/* 422 validation-failed with one field's error; both are copied. */
ngx_int_t ngx_http_dicom_invalid(ngx_http_request_t *r, const char *field,
    const char *detail);

/* The same of an argument of the query string: 400 invalid-parameter. */
ngx_int_t ngx_http_dicom_arg_invalid(ngx_http_request_t *r, const char *name,
    const char *detail);

/* 401 with WWW-Authenticate: Bearer error="invalid_token". */
ngx_int_t ngx_http_dicom_unauthorized(ngx_http_request_t *r, const char *why);

/* Sets a response header, in place of one of the same name; value lives in the
   pool or is static, name is static. */
ngx_int_t ngx_http_dicom_header(ngx_http_request_t *r, const char *name,
    const ngx_str_t *value);

/* The response header of this name, or NULL. */
ngx_table_elt_t *ngx_http_dicom_header_sent(ngx_http_request_t *r,
    const char *name);

/* Sends text as the whole body; type is static. */
ngx_int_t ngx_http_dicom_reply_text(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, ngx_str_t *text);

/* Whether there is If-Match: NGX_OK, or the result of the 428 reply. */
ngx_int_t ngx_http_dicom_needs_match(ngx_http_request_t *r);

/* Whether If-Match, which must be there, names version (as in the ETag), alone
   or in a list, or is "*".  Replies nothing: for checks of a transaction. */
ngx_uint_t ngx_http_dicom_matches(ngx_http_request_t *r, int64_t version);

/* Both: NGX_OK, or the result of the 428 or 412 reply, to be returned. */
ngx_int_t ngx_http_dicom_if_match(ngx_http_request_t *r, int64_t version);


#endif /* _NGX_HTTP_DICOM_REPLY_H_INCLUDED_ */
