
/*
 * What all resources of the top level have in common: create, read, list,
 * change, deactivate.  A resource is a table of columns, a table of fields,
 * its statements, and a few functions.
 */


#ifndef _NGX_HTTP_DICOM_RESOURCE_H_INCLUDED_
#define _NGX_HTTP_DICOM_RESOURCE_H_INCLUDED_


#include "ngx_http_dicom_module.h"
#include "ngx_http_dicom_route.h"


#define NGX_HTTP_DICOM_MAX_VALUES  24
#define NGX_HTTP_DICOM_MAX_WORDS   8      /* of ?q= */


typedef struct ngx_http_dicom_resource_s  ngx_http_dicom_resource_t;

typedef enum {
    NGX_HTTP_DICOM_C_TEXT = 0,     /* a string; null for SQL NULL */
    NGX_HTTP_DICOM_C_MAYBE,        /* a string; null when empty, too */
    NGX_HTTP_DICOM_C_BOOL,
    NGX_HTTP_DICOM_C_INTEGER,
    NGX_HTTP_DICOM_C_TIME,
    NGX_HTTP_DICOM_C_WORDS,        /* array of what spaces separate */
    NGX_HTTP_DICOM_C_JSON,         /* as it is; an empty array for NULL */
    NGX_HTTP_DICOM_C_HIDDEN
} ngx_http_dicom_column_e;

/* name NULL ends the table; group: an object that the member stands in. */
typedef struct {
    const char                  *name;
    ngx_http_dicom_column_e      type;
    ngx_uint_t                   editable;
    const char                  *group;
} ngx_http_dicom_column_t;

/* What a violated constraint means; a null constraint ends the table. */
typedef struct {
    const char                  *constraint;
    ngx_uint_t                   status;     /* 409 or 422 */
    const char                  *field;
    const char                  *detail;
} ngx_http_dicom_conflict_t;

/* A statement beside INSERT and UPDATE; its first parameter is the id, the
   others are taken from the values that follow those of INSERT. */
typedef struct {
    ngx_dicom_stmt_e             stmt;
    ngx_uint_t                   nvalues;
} ngx_http_dicom_extra_t;

/* A column that, while it is not NULL, keeps a row from being changed or
   deactivated: 409 with this slug. */
typedef struct {
    const char                  *column;
    const char                  *slug;
    const char                  *detail;
} ngx_http_dicom_frozen_t;

/*
 * One operation under way, ctx->data.  It lives for all attempts: a check
 * overwrites what an attempt before it left.
 */
typedef struct {
    const ngx_http_dicom_resource_t  *resource;
    ngx_http_request_t               *request;
    ngx_str_t                         id;
    ngx_uint_t                        own_id;     /* chosen by the client */
    ngx_uint_t                        creating;
    ngx_str_t                         digest;     /* of the creating body */
    ngx_str_t                         event;      /* id of the audit event */
    ngx_str_t                         password_hash;  /* users */
    void                             *input;
    const char                       *values[NGX_HTTP_DICOM_MAX_VALUES];
    ngx_array_t                       errors;     /* ngx_dicom_json_error_t */
    ngx_uint_t                        missing;    /* no such row */
    ngx_uint_t                        stale;      /* If-Match differs */
    ngx_uint_t                        forbidden;
    ngx_uint_t                        frozen;
    ngx_uint_t                        thaws;      /* changes frozen rows */
    int64_t                           version;    /* of the row found */
    void                             *data;       /* the handler's own */
} ngx_http_dicom_op_t;

struct ngx_http_dicom_resource_s {
    const char                       *name;       /* "facility" */
    const char                       *path;       /* "/api/v1/facilities/" */
    const ngx_http_dicom_column_t    *columns;
    const ngx_dicom_field_t          *fields;
    size_t                            size;       /* of the input */
    ngx_uint_t                        nvalues;    /* of INSERT, but id and
                                                     created_as */
    const ngx_http_dicom_extra_t     *extras;
    ngx_uint_t                        nextras;
    const ngx_http_dicom_conflict_t  *conflicts;
    const char                       *secret;     /* member not in a digest */
    ngx_uint_t                        patient;    /* the id is a patient's */
    ngx_uint_t                        audit;      /* reads are recorded */

    ngx_dicom_stmt_e                  get;
    ngx_dicom_stmt_e                  lock;
    ngx_dicom_stmt_e                  insert;
    ngx_dicom_stmt_e                  update;
    ngx_dicom_stmt_e                  end;

    /* Bound input to op->values; NGX_OK, NGX_DECLINED with errors added or
       op->forbidden set, NGX_ERROR. */
    ngx_int_t                       (*values)(ngx_http_dicom_op_t *op);

    /* Whether the caller may have this row: NGX_OK or NGX_DECLINED; NULL: all
       that the route lets in. */
    ngx_int_t                       (*may)(ngx_http_request_t *r,
                                           PGresult *res, int row,
                                           ngx_uint_t change);

    /* Answers a repeated create whose body is the same; NULL: 200. */
    ngx_int_t                       (*again)(ngx_http_request_t *r,
                                             ngx_http_dicom_op_t *op,
                                             PGresult *res);

    const ngx_http_dicom_frozen_t    *frozen;     /* or NULL */
};


/* A list: columns of the resource, then the keys. */
typedef struct {
    const ngx_http_dicom_column_t    *columns;
    ngx_dicom_stmt_e                  stmt;
    ngx_uint_t                        nkeys;
    const char                       *keys;       /* a letter each: t(ext),
                                                     u(uid), z (time) */
    const char                       *first[4];   /* below the first row */
    const char                       *event;      /* recorded, or NULL */
} ngx_http_dicom_list_t;


/* Handlers' work; all return what a handler returns. */

ngx_int_t ngx_http_dicom_resource_read(ngx_http_request_t *r,
    const ngx_http_dicom_resource_t *resource);
ngx_int_t ngx_http_dicom_resource_create(ngx_http_request_t *r,
    const ngx_http_dicom_resource_t *resource, const ngx_str_t *password_hash);
ngx_int_t ngx_http_dicom_resource_change(ngx_http_request_t *r,
    const ngx_http_dicom_resource_t *resource, const ngx_str_t *password_hash);
ngx_int_t ngx_http_dicom_resource_end(ngx_http_request_t *r,
    const ngx_http_dicom_resource_t *resource);

/* params: of the statement, before keys and limit. */
ngx_int_t ngx_http_dicom_resource_list(ngx_http_request_t *r,
    const ngx_http_dicom_list_t *list, ngx_uint_t nparams,
    const char *const *params);


/* Writes a row; NGX_ERROR without memory. */
ngx_int_t ngx_http_dicom_resource_write(ngx_http_request_t *r,
    ngx_dicom_json_writer_t *w, const ngx_http_dicom_column_t *columns,
    PGresult *res, int row, ngx_uint_t editable);

/* Answers with a row, its ETag, and for status 201 its Location. */
ngx_int_t ngx_http_dicom_resource_reply(ngx_http_request_t *r,
    ngx_uint_t status, const ngx_http_dicom_resource_t *resource,
    PGresult *res, int row);

/* A member's problem, for op->errors. */
ngx_int_t ngx_http_dicom_resource_error(ngx_http_dicom_op_t *op,
    const char *field, const char *detail);

/* A bound string as a C string: NULL when absent, "" when null. */
const char *ngx_http_dicom_resource_text(ngx_pool_t *pool, const ngx_str_t *s);

/* The folded words of texts, each with a space before it, to search in. */
ngx_int_t ngx_http_dicom_resource_search(ngx_pool_t *pool,
    const ngx_str_t *texts, ngx_uint_t n, const char **search);

/* The number of a column, -1 when there is none. */
int ngx_http_dicom_resource_column(const ngx_http_dicom_column_t *columns,
    const char *name);


/* The path's id, in lower case and NUL-terminated, a copy in r->pool: NGX_OK,
   or the result of the 404 reply, or 500 without memory, to be returned. */
ngx_int_t ngx_http_dicom_resource_id(ngx_http_request_t *r, ngx_str_t *id);


/*
 * Arguments of lists.  NGX_OK, or the result of the 400 reply, or 500 without
 * memory, to be returned.
 */

/* ?active=true|false|all: "t", "f", NULL. */
ngx_int_t ngx_http_dicom_arg_active(ngx_http_request_t *r,
    const char **active);

/* ?name=UUID, NULL when absent. */
ngx_int_t ngx_http_dicom_arg_uuid(ngx_http_request_t *r, const char *name,
    const char **uuid);

/* ?name= of 1 to max bytes of UTF-8, NULL when absent. */
ngx_int_t ngx_http_dicom_arg_text(ngx_http_request_t *r, const char *name,
    size_t max, const char **value);

/* ?name=2026-11-22 with suffix after it, NULL when absent. */
ngx_int_t ngx_http_dicom_arg_day(ngx_http_request_t *r, const char *name,
    const char *suffix, const char **value);

/* ?q= as folded words (ngx_str_t), at most MAX_WORDS: none for blanks, of signs
   only one that nothing has. */
ngx_int_t ngx_http_dicom_arg_words(ngx_http_request_t *r, ngx_array_t *words);

/* Prefixes as ranges of words: from lowest, not as far as below. */
typedef struct {
    const char                       *lowest;       /* of the longest one, */
    const char                       *below;        /* as the rarest */
    const char                       *others;       /* TEXT[] */
    const char                       *others_below;
} ngx_http_dicom_ranges_t;

/* Of one word at least, whose order changes; NGX_OK, or NGX_ERROR without
   memory. */
ngx_int_t ngx_http_dicom_arg_ranges(ngx_http_request_t *r, ngx_array_t *words,
    ngx_http_dicom_ranges_t *ranges);

/* The same as TEXT[] for a statement, in r->pool. */
ngx_int_t ngx_http_dicom_arg_search(ngx_http_request_t *r,
    const char **words);

/* Whether s is a time as the database writes it in UTC:
   "2026-11-22 13:00:00.123456+00", with or without a fraction. */
ngx_uint_t ngx_http_dicom_is_time(const ngx_str_t *s);


#endif /* _NGX_HTTP_DICOM_RESOURCE_H_INCLUDED_ */
