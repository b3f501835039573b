
/*
 * ONE table: which role answers which method and path, who may ask, what kind
 * of body comes along, and who handles it.
 */


#ifndef _NGX_HTTP_DICOM_ROUTE_H_INCLUDED_
#define _NGX_HTTP_DICOM_ROUTE_H_INCLUDED_


#include "ngx_http_dicom_module.h"


typedef enum {
    NGX_HTTP_DICOM_BODY_NONE = 0,  /* a body is refused with 400 */
    NGX_HTTP_DICOM_BODY_JSON,      /* read, parsed, an object; else 4xx */
    NGX_HTTP_DICOM_BODY_RAW        /* left to the handler */
} ngx_http_dicom_body_e;

/*
 * Called when role, method, path, token, permission and body are right.
 * Returns what ngx_http_finalize_request() takes; NGX_DONE when a query or an
 * upstream will finish later.
 */
typedef ngx_int_t (*ngx_http_dicom_handler_pt)(ngx_http_request_t *r);

#define NGX_HTTP_DICOM_ANYONE      0x00   /* no token needed */
#define NGX_HTTP_DICOM_ANY_ROLE    0xff   /* any valid token */

#define NGX_HTTP_DICOM_OWN_FACILITY  0x01 /* flag: the token's facility must be
                                             the server's */
#define NGX_HTTP_DICOM_RENEWAL       0x02 /* flag: who is turned away for a token
                                             of ours that ended is recorded */

struct ngx_http_dicom_route_s {
    ngx_uint_t                  types;       /* server types, or-ed */
    ngx_uint_t                  method;      /* NGX_HTTP_GET also takes HEAD */
    const char                 *path;        /* "/api/v1/users/{id}" */
    ngx_uint_t                  roles;       /* who may: NGX_DICOM_ROLE_* */
    ngx_uint_t                  flags;
    ngx_http_dicom_body_e       body;
    ngx_http_dicom_handler_pt   handler;
};

extern const ngx_http_dicom_route_t  ngx_http_dicom_routes[];  /* NULL path */


/* Access phase: finds the route, then the auth room; content phase: body,
   handler.  Unknown path 404, wrong method 405 with Allow. */
ngx_int_t ngx_http_dicom_access_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_content_handler(ngx_http_request_t *r);


/*
 * Runs q for r and finalizes r with what done returns; to be returned by the
 * handler (or by done itself, for a second query).  done sees the statuses OK,
 * ROLLED_BACK and CONFLICT; the others are answered here (503 with Retry-After,
 * 500).  The query is cancelled when r goes away first.
 */
ngx_int_t ngx_http_dicom_query(ngx_http_request_t *r, ngx_dicom_db_query_t *q,
    ngx_int_t (*done)(ngx_http_request_t *r, ngx_dicom_db_query_t *q));


/* Argument name of the query string, percent-decoded into the pool.
   NGX_OK, NGX_DECLINED when absent, NGX_ERROR when malformed or given twice. */
ngx_int_t ngx_http_dicom_arg(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);

/* Refuses arguments that are not in names (NULL-ended): NGX_OK, or the result
   of the 400 reply, to be returned. */
ngx_int_t ngx_http_dicom_args_known(ngx_http_request_t *r,
    const char *const *names);

/* Writes a value of Warning that names the arguments that are not in names
   (NULL-ended), nothing when there are none, to text, which ends at last: the
   end of what was written. */
u_char *ngx_http_dicom_args_ignored(ngx_http_request_t *r,
    const char *const *names, u_char *text, u_char *last);

/* Binds the JSON body's members to the struct at out (ngx_dicom_json_bind());
   its strings point into r->pool.  NGX_OK, or the result of the 422 reply with
   each member's error, or 500 without memory, to be returned. */
ngx_int_t ngx_http_dicom_bind(ngx_http_request_t *r,
    const ngx_dicom_field_t *fields, void *out);


/* ?limit= and ?cursor= of lists.  The cursor is opaque to clients: base64url
   of the last row's keys, fields separated by 0x1f. */
typedef struct {
    ngx_uint_t   limit;                /* 1 to 500, default 50 */
    ngx_uint_t   nkeys;                /* 0: from the start */
    ngx_str_t    keys[4];              /* NUL-terminated */
} ngx_http_dicom_page_t;

/* NGX_OK, or the result of the 400 reply, to be returned. */
ngx_int_t ngx_http_dicom_page(ngx_http_request_t *r,
    ngx_http_dicom_page_t *page, ngx_uint_t nkeys);

/* Cursor naming the row with these keys; NGX_ERROR without memory. */
ngx_int_t ngx_http_dicom_cursor(ngx_pool_t *pool, const ngx_str_t *keys,
    ngx_uint_t nkeys, ngx_str_t *cursor);


#endif /* _NGX_HTTP_DICOM_ROUTE_H_INCLUDED_ */
