
/*
 * Audit trail: records, their digests, the hashes of their chain.  Pure but
 * for the query it adds to.
 */


#include "ngx_dicom_audit.h"
#include "ngx_dicom_jwt.h"
#include "ngx_dicom_uid.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>


#define NGX_DICOM_AUDIT_COLUMNS  12
#define NGX_DICOM_AUDIT_ARRAYS   13    /* of AUDIT_FACILITY; the last two only
                                          there */
#define NGX_DICOM_AUDIT_USER     4     /* the array of users: '' is NULL */


static ngx_int_t ngx_dicom_audit_text(ngx_pool_t *pool, ngx_str_t *copy,
    const ngx_str_t *text, size_t max);
static ngx_str_t ngx_dicom_audit_roles(ngx_pool_t *pool, ngx_uint_t roles);
static void ngx_dicom_audit_column(const ngx_dicom_audit_t *e,
    ngx_uint_t column, ngx_str_t *value);
static void ngx_dicom_audit_field(EVP_MD_CTX *ctx, const u_char *data,
    size_t len);
static void ngx_dicom_audit_finish(EVP_MD_CTX *ctx, u_char *digest);


ngx_int_t
ngx_dicom_audit_copy(ngx_pool_t *pool, ngx_dicom_audit_t *copy,
    const ngx_dicom_audit_t *event, size_t max)
{
    size_t       len;
    u_char      *name;
    ngx_time_t  *now;

    ngx_memzero(copy, sizeof(ngx_dicom_audit_t));

    len = ngx_strlen(event->event) + 1;

    name = ngx_pnalloc(pool, len);
    if (name == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(name, event->event, len);

    copy->event = (const char *) name;
    copy->outcome = event->outcome;
    copy->roles = event->roles;

    if (event->id.len == 0 && ngx_dicom_uuid(pool, &copy->id) != NGX_OK) {
        return NGX_ERROR;
    }

    if ((event->id.len != 0
         && ngx_dicom_audit_text(pool, &copy->id, &event->id, max) != NGX_OK)
        || ngx_dicom_audit_text(pool, &copy->user, &event->user, max) != NGX_OK
        || ngx_dicom_audit_text(pool, &copy->user_name, &event->user_name, max)
           != NGX_OK
        || ngx_dicom_audit_text(pool, &copy->address, &event->address, max)
           != NGX_OK
        || ngx_dicom_audit_text(pool, &copy->object, &event->object, max)
           != NGX_OK
        || ngx_dicom_audit_text(pool, &copy->patient, &event->patient, max)
           != NGX_OK
        || ngx_dicom_audit_text(pool, &copy->detail, &event->detail, max)
           != NGX_OK
        || ngx_dicom_audit_text(pool, &copy->study, &event->study, max)
           != NGX_OK
        || ngx_dicom_audit_text(pool, &copy->report, &event->report, max)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_strlow(copy->id.data, copy->id.data, copy->id.len);
    ngx_strlow(copy->user.data, copy->user.data, copy->user.len);

    copy->role_names = ngx_dicom_audit_roles(pool, copy->roles);
    if (copy->role_names.data == NULL) {
        return NGX_ERROR;
    }

    now = ngx_timeofday();

    copy->ms = (uint64_t) now->sec * 1000 + now->msec;
    ngx_dicom_audit_time(copy->ms, copy->at);

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_audit_text(ngx_pool_t *pool, ngx_str_t *copy, const ngx_str_t *text,
    size_t max)
{
    size_t    len, left;
    u_char   *p, *start;
    uint32_t  ch;

    len = ngx_min(text->len, max);

    while (len < text->len && len > 0 && (text->data[len] & 0xc0) == 0x80) {
        len--;
    }

    copy->len = len;
    copy->data = ngx_pnalloc(pool, len + 1);
    if (copy->data == NULL) {
        return NGX_ERROR;
    }

    if (len) {
        ngx_memcpy(copy->data, text->data, len);
    }

    copy->data[len] = '\0';

    p = copy->data;
    left = len;

    while (left) {
        start = p;

        /* ngx_utf8_decode() takes no ASCII */
        ch = (*p < 0x80) ? *p++ : ngx_utf8_decode(&p, left);

        if (ch > 0x10ffff || ch == 0 || (ch >= 0xd800 && ch <= 0xdfff)) {
            *start = '?';
            p = start + 1;
        }

        left = len - (p - copy->data);
    }

    return NGX_OK;
}


ngx_dicom_db_step_t *
ngx_dicom_audit_step(ngx_dicom_db_query_t *q, ngx_dicom_stmt_e stmt,
    const ngx_str_t *server, const ngx_dicom_audit_t *copies, ngx_uint_t n)
{
    ngx_str_t   *values;
    ngx_uint_t   i, column, nparams;
    const char  *params[NGX_DICOM_AUDIT_ARRAYS + 1];

    nparams = ngx_dicom_stmts[stmt].nparams;

    values = ngx_palloc(q->pool, n * sizeof(ngx_str_t));
    if (values == NULL) {
        return NULL;
    }

    params[0] = (const char *) server->data;

    for (column = 0; column + 1 < nparams; column++) {

        for (i = 0; i < n; i++) {
            ngx_dicom_audit_column(&copies[i], column, &values[i]);
        }

        params[column + 1] = ngx_dicom_db_text_array(q->pool, values, n);
        if (params[column + 1] == NULL) {
            return NULL;
        }
    }

    return ngx_dicom_db_stepv(q, stmt, nparams, params);
}


/* In the order of the statement's arrays. */

static void
ngx_dicom_audit_column(const ngx_dicom_audit_t *e, ngx_uint_t column,
    ngx_str_t *value)
{
    switch (column) {

    case 0:
        *value = e->id;
        break;

    case 1:
        value->data = (u_char *) e->at;
        value->len = sizeof(e->at) - 1;
        break;

    case 2:
        value->data = (u_char *) e->event;
        value->len = ngx_strlen(e->event);
        break;

    case 3:
        value->data = (u_char *) e->outcome;
        value->len = ngx_strlen(e->outcome);
        break;

    case 4:
        *value = e->user;
        break;

    case 5:
        *value = e->user_name;
        break;

    case 6:
        *value = e->role_names;
        break;

    case 7:
        *value = e->address;
        break;

    case 8:
        *value = e->object;
        break;

    case 9:
        *value = e->patient;
        break;

    case 10:
        *value = e->detail;
        break;

    case 11:
        *value = e->study;
        break;

    default:
        *value = e->report;
        break;
    }
}


static ngx_str_t
ngx_dicom_audit_roles(ngx_pool_t *pool, ngx_uint_t roles)
{
    size_t      len;
    u_char     *p;
    ngx_str_t   text;
    ngx_uint_t  bit;

    len = 1;

    for (bit = 1; ngx_dicom_role_name(bit); bit <<= 1) {
        len += ngx_strlen(ngx_dicom_role_name(bit)) + 1;
    }

    text.len = 0;
    text.data = ngx_pnalloc(pool, len);
    if (text.data == NULL) {
        return text;
    }

    p = text.data;

    for (bit = 1; ngx_dicom_role_name(bit); bit <<= 1) {
        if (roles & bit) {
            p = ngx_sprintf(p, "%s%s", p == text.data ? "" : " ",
                            ngx_dicom_role_name(bit));
        }
    }

    text.len = p - text.data;

    return text;
}


void
ngx_dicom_audit_digest(PGresult *res, int row, u_char *digest)
{
    int         i;
    EVP_MD_CTX *ctx;

    ctx = EVP_MD_CTX_new();

    if (ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1) {

        for (i = 0; i < NGX_DICOM_AUDIT_COLUMNS; i++) {
            ngx_dicom_audit_field(ctx,
                                  PQgetisnull(res, row, i)
                                  ? NULL
                                  : (u_char *) PQgetvalue(res, row, i),
                                  PQgetlength(res, row, i));
        }
    }

    ngx_dicom_audit_finish(ctx, digest);
}


ngx_uint_t
ngx_dicom_audit_known(const ngx_dicom_audit_t *copy)
{
    return copy->study.len == 0 && copy->report.len == 0;
}


void
ngx_dicom_audit_digest_copy(const ngx_dicom_audit_t *copy,
    const ngx_str_t *server, u_char *digest)
{
    u_char       ms[NGX_INT64_LEN];
    ngx_str_t    value;
    ngx_uint_t   column;
    EVP_MD_CTX  *ctx;

    ctx = EVP_MD_CTX_new();

    if (ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1) {

        /* the row's columns are those of the arrays, and the server third */

        ngx_dicom_audit_field(ctx, copy->id.data, copy->id.len);
        ngx_dicom_audit_field(ctx, ms, ngx_sprintf(ms, "%uL", copy->ms) - ms);
        ngx_dicom_audit_field(ctx, server->data, server->len);

        for (column = 2; column < NGX_DICOM_AUDIT_COLUMNS - 1; column++) {
            ngx_dicom_audit_column(copy, column, &value);

            if (column == NGX_DICOM_AUDIT_USER && value.len == 0) {
                value.data = NULL;
            }

            ngx_dicom_audit_field(ctx, value.data, value.len);
        }
    }

    ngx_dicom_audit_finish(ctx, digest);
}


/* data NULL: SQL NULL. */
static void
ngx_dicom_audit_field(EVP_MD_CTX *ctx, const u_char *data, size_t len)
{
    u_char  head[NGX_INT_T_LEN + 1];

    if (data == NULL) {
        (void) EVP_DigestUpdate(ctx, "-,", 2);
        return;
    }

    (void) EVP_DigestUpdate(ctx, head, ngx_sprintf(head, "%uz:", len) - head);
    (void) EVP_DigestUpdate(ctx, data, len);
    (void) EVP_DigestUpdate(ctx, ",", 1);
}


static void
ngx_dicom_audit_finish(EVP_MD_CTX *ctx, u_char *digest)
{
    u_char  md[EVP_MAX_MD_SIZE];

    if (ctx == NULL || EVP_DigestFinal_ex(ctx, md, NULL) != 1) {
        ngx_memzero(md, 32);
    }

    EVP_MD_CTX_free(ctx);

    *ngx_hex_dump(digest, md, 32) = '\0';
}


void
ngx_dicom_audit_hash(const ngx_str_t *key, const u_char *previous,
    const u_char *chain, uint64_t seq, ngx_uint_t late, const u_char *digest,
    u_char *hash)
{
    u_char        md[EVP_MAX_MD_SIZE], *last;
    u_char        text[2 * NGX_DICOM_AUDIT_HASH + 36 + NGX_INT64_LEN + 8];
    unsigned int  len;

    last = ngx_sprintf(text, "%s %s %uL %ui %s", previous, chain, seq, late,
                       digest);

    if (HMAC(EVP_sha256(), key->len ? key->data : (u_char *) "", key->len,
             text, last - text, md, &len)
        == NULL)
    {
        ngx_memzero(md, 32);
    }

    *ngx_hex_dump(hash, md, 32) = '\0';
}


void
ngx_dicom_audit_time(uint64_t ms, u_char *text)
{
    ngx_tm_t  tm;

    ngx_gmtime((time_t) (ms / 1000), &tm);

    (void) ngx_sprintf(text, "%4d-%02d-%02dT%02d:%02d:%02d.%03uLZ%Z",
                       tm.ngx_tm_year, tm.ngx_tm_mon, tm.ngx_tm_mday,
                       tm.ngx_tm_hour, tm.ngx_tm_min, tm.ngx_tm_sec,
                       ms % 1000);
}
