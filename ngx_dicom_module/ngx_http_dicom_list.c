
/*
 * Rows as JSON: single ones and pages of lists.
 */


#include "ngx_http_dicom_resource.h"
#include "ngx_http_dicom_audit.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_dicom_fold.h"
#include "ngx_dicom_uid.h"


typedef struct {
    const ngx_http_dicom_list_t  *list;
    ngx_uint_t                    limit;
} ngx_http_dicom_list_ctx_t;


static ngx_int_t ngx_http_dicom_list_keys(ngx_http_request_t *r,
    const ngx_http_dicom_list_t *list, ngx_http_dicom_page_t *page,
    const char **params);
static ngx_uint_t ngx_http_dicom_list_is_day(ngx_int_t year, ngx_int_t month,
    ngx_int_t day);
static ngx_int_t ngx_http_dicom_list_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_list_next(ngx_http_request_t *r,
    ngx_dicom_json_writer_t *w, const ngx_http_dicom_list_t *list,
    PGresult *res, int row);
static ngx_int_t ngx_http_dicom_write_value(ngx_http_request_t *r,
    ngx_dicom_json_writer_t *w, const ngx_http_dicom_column_t *column,
    PGresult *res, int row, int n);
static void ngx_http_dicom_write_words(ngx_dicom_json_writer_t *w,
    const ngx_str_t *value);


ngx_int_t
ngx_http_dicom_resource_list(ngx_http_request_t *r,
    const ngx_http_dicom_list_t *list, ngx_uint_t nparams,
    const char *const *params)
{
    u_char                      limit[NGX_INT_T_LEN + 1];
    ngx_int_t                   rc;
    ngx_uint_t                  i, n;
    const char                 *all[NGX_DICOM_DB_MAX_PARAMS];
    ngx_dicom_db_query_t       *q;
    ngx_http_dicom_page_t       page;
    ngx_http_dicom_list_ctx_t  *lctx;

    rc = ngx_http_dicom_page(r, &page, list->nkeys);

    if (rc != NGX_OK) {
        return rc;
    }

    n = 0;

    for (i = 0; i < nparams; i++) {
        all[n++] = params[i];
    }

    rc = ngx_http_dicom_list_keys(r, list, &page, &all[n]);

    if (rc != NGX_OK) {
        return rc;
    }

    n += list->nkeys;

    /* one row more tells whether there is a next page */

    (void) ngx_sprintf(limit, "%ui%Z", page.limit + 1);
    all[n++] = (const char *) limit;

    lctx = ngx_palloc(r->pool, sizeof(ngx_http_dicom_list_ctx_t));
    if (lctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    lctx->list = list;
    lctx->limit = page.limit;
    ngx_http_dicom_ctx(r)->data = lctx;

    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (q == NULL || ngx_dicom_db_stepv(q, list->stmt, n, all) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (list->event
        && ngx_http_dicom_audit_search(r, list->event) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    q->read_only = 1;
    q->list = 1;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_list_done);
}


/* A cursor comes from the client: its keys must be what the statement takes. */
static ngx_int_t
ngx_http_dicom_list_keys(ngx_http_request_t *r,
    const ngx_http_dicom_list_t *list, ngx_http_dicom_page_t *page,
    const char **params)
{
    ngx_uint_t  i;
    ngx_str_t  *key;

    for (i = 0; i < list->nkeys; i++) {

        if (page->nkeys == 0) {
            params[i] = list->first[i];
            continue;
        }

        key = &page->keys[i];

        if ((list->keys[i] == 'u' && ngx_dicom_uuid_check(key) != NGX_OK)
            || (list->keys[i] == 'z' && !ngx_http_dicom_is_time(key)))
        {
            return ngx_http_dicom_arg_invalid(r, "cursor",
                                              "is not one that this list "
                                              "gave");
        }

        params[i] = (const char *) key->data;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_dicom_list_is_day(ngx_int_t year, ngx_int_t month, ngx_int_t day)
{
    ngx_int_t         days;
    static const int  months[] = { 31, 28, 31, 30, 31, 30,
                                   31, 31, 30, 31, 30, 31 };

    if (year < 1 || month < 1 || month > 12 || day < 1) {
        return 0;
    }

    days = months[month - 1];

    if (month == 2
        && ((year % 4 == 0 && year % 100 != 0) || year % 400 == 0))
    {
        days++;
    }

    return day <= days;
}


ngx_uint_t
ngx_http_dicom_is_time(const ngx_str_t *s)
{
    size_t                i;
    static const u_char   shape[] = "dddd-dd-dd dd:dd:dd";

    if (s->len < sizeof(shape) - 1 + 3 || s->len > sizeof(shape) - 1 + 10
        || ngx_strncmp(s->data + s->len - 3, "+00", 3) != 0)
    {
        return 0;
    }

    for (i = 0; i < s->len - 3; i++) {

        if (i == sizeof(shape) - 1) {
            if (s->data[i] != '.') {
                return 0;
            }

            continue;
        }

        if (i > sizeof(shape) - 1 || shape[i] == 'd') {
            if (s->data[i] < '0' || s->data[i] > '9') {
                return 0;
            }

        } else if (s->data[i] != shape[i]) {
            return 0;
        }
    }

    return ngx_http_dicom_list_is_day(ngx_atoi(s->data, 4),
                                      ngx_atoi(s->data + 5, 2),
                                      ngx_atoi(s->data + 8, 2))
           && ngx_atoi(s->data + 11, 2) <= 23
           && ngx_atoi(s->data + 14, 2) <= 59
           && ngx_atoi(s->data + 17, 2) <= 59;
}


static ngx_int_t
ngx_http_dicom_list_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    int                         row, rows;
    PGresult                   *res;
    ngx_dicom_db_step_t        *steps;
    ngx_dicom_json_writer_t    *w;
    ngx_http_dicom_list_ctx_t  *lctx;

    lctx = ngx_http_dicom_ctx(r)->data;
    steps = q->steps.elts;
    res = steps[0].result;

    if (q->status != NGX_DICOM_DB_OK || res == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    w = ngx_dicom_json_writer(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rows = ngx_min(PQntuples(res), (int) lctx->limit);

    ngx_dicom_json_object(w);
    ngx_dicom_json_key(w, "items");
    ngx_dicom_json_array(w);

    for (row = 0; row < rows; row++) {
        if (ngx_http_dicom_resource_write(r, w, lctx->list->columns, res, row,
                                          0)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    ngx_dicom_json_end_array(w);
    ngx_dicom_json_key(w, "next");

    if (PQntuples(res) <= rows) {
        ngx_dicom_json_null(w);

    } else if (ngx_http_dicom_list_next(r, w, lctx->list, res, rows - 1)
               != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_dicom_json_end_object(w);

    return ngx_http_dicom_reply_json(r, NGX_HTTP_OK, w, 0, NULL);
}


/* The keys are the last columns of a list's row. */
static ngx_int_t
ngx_http_dicom_list_next(ngx_http_request_t *r, ngx_dicom_json_writer_t *w,
    const ngx_http_dicom_list_t *list, PGresult *res, int row)
{
    ngx_str_t   keys[4], cursor;
    ngx_uint_t  i;

    for (i = 0; i < list->nkeys; i++) {
        keys[i] = ngx_dicom_db_value(res, row,
                                     PQnfields(res) - list->nkeys + i);
    }

    if (ngx_http_dicom_cursor(r->pool, keys, list->nkeys, &cursor) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_dicom_json_string(w, &cursor);

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_resource_write(ngx_http_request_t *r,
    ngx_dicom_json_writer_t *w, const ngx_http_dicom_column_t *columns,
    PGresult *res, int row, ngx_uint_t editable)
{
    int                             n;
    const char                     *group;
    const ngx_http_dicom_column_t  *column;

    group = NULL;
    ngx_dicom_json_object(w);

    for (n = 0; columns[n].name; n++) {

        column = &columns[n];

        if (column->type == NGX_HTTP_DICOM_C_HIDDEN
            || (editable && !column->editable))
        {
            continue;
        }

        if (group != NULL
            && (column->group == NULL
                || ngx_strcmp(group, column->group) != 0))
        {
            ngx_dicom_json_end_object(w);
            group = NULL;
        }

        if (column->group != NULL && group == NULL) {
            group = column->group;
            ngx_dicom_json_key(w, group);
            ngx_dicom_json_object(w);
        }

        ngx_dicom_json_key(w, column->name);

        if (ngx_http_dicom_write_value(r, w, column, res, row, n) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (group != NULL) {
        ngx_dicom_json_end_object(w);
    }

    ngx_dicom_json_end_object(w);

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_write_value(ngx_http_request_t *r, ngx_dicom_json_writer_t *w,
    const ngx_http_dicom_column_t *column, PGresult *res, int row, int n)
{
    ngx_str_t  value;

    value = ngx_dicom_db_value(res, row, n);

    if (value.data == NULL && column->type != NGX_HTTP_DICOM_C_JSON) {
        ngx_dicom_json_null(w);
        return NGX_OK;
    }

    switch (column->type) {

    case NGX_HTTP_DICOM_C_MAYBE:

        if (value.len == 0) {
            ngx_dicom_json_null(w);
            return NGX_OK;
        }

        break;

    case NGX_HTTP_DICOM_C_BOOL:
        ngx_dicom_json_bool(w, value.len == 1 && value.data[0] == 't');
        return NGX_OK;

    case NGX_HTTP_DICOM_C_INTEGER:
        ngx_dicom_json_raw(w, &value);
        return NGX_OK;

    case NGX_HTTP_DICOM_C_TIME:
        if (ngx_dicom_db_time(r->pool, res, row, n, &value) != NGX_OK) {
            return NGX_ERROR;
        }

        break;

    case NGX_HTTP_DICOM_C_WORDS:
        ngx_http_dicom_write_words(w, &value);
        return NGX_OK;

    case NGX_HTTP_DICOM_C_JSON:
        if (value.data == NULL) {
            ngx_str_set(&value, "[]");
        }

        ngx_dicom_json_raw(w, &value);
        return NGX_OK;

    default:
        break;
    }

    ngx_dicom_json_string(w, &value);

    return NGX_OK;
}


static void
ngx_http_dicom_write_words(ngx_dicom_json_writer_t *w, const ngx_str_t *value)
{
    u_char     *p, *last;
    ngx_str_t   word;

    ngx_dicom_json_array(w);

    p = value->data;
    last = p + value->len;

    while (p < last) {
        word.data = p;

        while (p < last && *p != ' ') {
            p++;
        }

        word.len = p - word.data;

        if (word.len != 0) {
            ngx_dicom_json_string(w, &word);
        }

        p++;
    }

    ngx_dicom_json_end_array(w);
}


ngx_int_t
ngx_http_dicom_resource_reply(ngx_http_request_t *r, ngx_uint_t status,
    const ngx_http_dicom_resource_t *resource, PGresult *res, int row)
{
    size_t                    len;
    int64_t                   version;
    ngx_str_t                 value, id, location;
    ngx_dicom_json_writer_t  *w;

    w = ngx_dicom_json_writer(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_dicom_resource_write(r, w, resource->columns, res, row, 0)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    value = ngx_dicom_db_value(res, row,
                  ngx_http_dicom_resource_column(resource->columns,
                                                 "version"));
    version = ngx_atoof(value.data, value.len);

    if (status != NGX_HTTP_CREATED) {
        return ngx_http_dicom_reply_json(r, status, w, version, NULL);
    }

    id = ngx_dicom_db_value(res, row, 0);
    len = ngx_strlen(resource->path) + id.len;

    location.data = ngx_pnalloc(r->pool, len);
    if (location.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    location.len = ngx_sprintf(location.data, "%s%V", resource->path, &id)
                   - location.data;

    return ngx_http_dicom_reply_json(r, status, w, version, &location);
}


ngx_int_t
ngx_http_dicom_resource_error(ngx_http_dicom_op_t *op, const char *field,
    const char *detail)
{
    size_t                   len;
    ngx_dicom_json_error_t  *e;

    e = ngx_array_push(&op->errors);
    if (e == NULL) {
        return NGX_ERROR;
    }

    /* the name of a field may be put together on the stack, a detail is not */

    len = ngx_strlen(field);

    e->field.data = ngx_pnalloc(op->request->pool, len + 1);
    if (e->field.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(e->field.data, field, len + 1);
    e->field.len = len;

    e->detail.data = (u_char *) detail;
    e->detail.len = ngx_strlen(detail);

    return NGX_OK;
}


const char *
ngx_http_dicom_resource_text(ngx_pool_t *pool, const ngx_str_t *s)
{
    u_char  *text;

    if (s->data == NULL) {
        return NULL;
    }

    text = ngx_pnalloc(pool, s->len + 1);
    if (text == NULL) {
        return NULL;
    }

    ngx_memcpy(text, s->data, s->len);
    text[s->len] = '\0';

    return (const char *) text;
}


ngx_int_t
ngx_http_dicom_resource_search(ngx_pool_t *pool, const ngx_str_t *texts,
    ngx_uint_t n, const char **search)
{
    u_char       *p;
    size_t        len;
    ngx_str_t    *word;
    ngx_uint_t    i;
    ngx_array_t   words;

    if (ngx_array_init(&words, pool, 8, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (ngx_dicom_fold(pool, &texts[i], &words) == NGX_ERROR) {
            return NGX_ERROR;
        }
    }

    word = words.elts;
    len = 1;

    for (i = 0; i < words.nelts; i++) {
        len += word[i].len + 1;
    }

    p = ngx_pnalloc(pool, len);
    if (p == NULL) {
        return NGX_ERROR;
    }

    *search = (const char *) p;

    for (i = 0; i < words.nelts; i++) {
        *p++ = ' ';
        p = ngx_cpymem(p, word[i].data, word[i].len);
    }

    *p = '\0';

    return NGX_OK;
}


int
ngx_http_dicom_resource_column(const ngx_http_dicom_column_t *columns,
    const char *name)
{
    int  n;

    for (n = 0; columns[n].name; n++) {
        if (ngx_strcmp(columns[n].name, name) == 0) {
            return n;
        }
    }

    return -1;
}
