
/*
 * What the rooms of the facility's records share.
 */


#include "ngx_http_dicom_record.h"
#include "ngx_http_dicom_audit.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_dicom_uid.h"


char *
ngx_http_dicom_cstring(ngx_pool_t *pool, const ngx_str_t *s)
{
    char  *p;

    p = ngx_pnalloc(pool, s->len + 1);
    if (p == NULL) {
        return NULL;
    }

    ngx_memcpy(p, s->data, s->len);
    p[s->len] = '\0';

    return p;
}


char *
ngx_http_dicom_cstring_or_null(ngx_pool_t *pool, const ngx_str_t *s)
{
    return s->len ? ngx_http_dicom_cstring(pool, s) : NULL;
}


char *
ngx_http_dicom_user(ngx_http_request_t *r)
{
    return ngx_http_dicom_cstring(r->pool, &ngx_http_dicom_ctx(r)->claims.sub);
}


char *
ngx_http_dicom_user_name(ngx_http_request_t *r)
{
    return ngx_http_dicom_cstring(r->pool,
                                  &ngx_http_dicom_ctx(r)->claims.name);
}


void
ngx_http_dicom_audit_of(ngx_http_request_t *r, ngx_dicom_audit_t *event,
    const char *name, const char *object, const char *study,
    const char *report)
{
    ngx_http_dicom_audit_event(r, event, name);

    event->object.data = (u_char *) object;
    event->object.len = ngx_strlen(object);

    if (study) {
        event->study.data = (u_char *) study;
        event->study.len = ngx_strlen(study);
    }

    if (report) {
        event->report.data = (u_char *) report;
        event->report.len = ngx_strlen(report);
    }
}


ngx_int_t
ngx_http_dicom_audit(ngx_http_request_t *r, ngx_dicom_db_query_t *q,
    const char *event, const char *object, const char *study,
    const char *report)
{
    ngx_dicom_audit_t  e;

    ngx_http_dicom_audit_of(r, &e, event, object, study, report);

    return ngx_http_dicom_audit_step(r, q, &e);
}


ngx_int_t
ngx_http_dicom_audit_read(ngx_http_request_t *r, const char *event,
    const char *object, const char *study, const char *report)
{
    ngx_dicom_audit_t  e;

    ngx_http_dicom_audit_of(r, &e, event, object, study, report);

    return ngx_http_dicom_audit_note(r, &e, 0);
}


ngx_int_t
ngx_http_dicom_uid_param(ngx_http_request_t *r,
    ngx_int_t (*missing)(ngx_http_request_t *r), const char **uid)
{
    ngx_http_dicom_ctx_t  *ctx;

    ctx = ngx_http_dicom_ctx(r);
    *uid = (const char *) ctx->params[0].data;

    if (ngx_dicom_uid_check(&ctx->params[0]) != NGX_OK) {
        return missing(r);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_no_study(ngx_http_request_t *r)
{
    return ngx_http_dicom_problem(r, NGX_HTTP_NOT_FOUND, "study-not-found",
                                  "There is no such study here.", NULL);
}


ngx_int_t
ngx_http_dicom_some_rows(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    return PQntuples(res) ? NGX_OK : NGX_DECLINED;
}


void
ngx_http_dicom_write_text(ngx_dicom_json_writer_t *w, const char *key,
    PGresult *res, int row, int column)
{
    ngx_dicom_json_key(w, key);

    if (PQgetisnull(res, row, column)) {
        ngx_dicom_json_null(w);
        return;
    }

    ngx_dicom_json_cstring(w, PQgetvalue(res, row, column));
}


void
ngx_http_dicom_write_number(ngx_dicom_json_writer_t *w, const char *key,
    PGresult *res, int row, int column)
{
    ngx_dicom_json_key(w, key);

    if (PQgetisnull(res, row, column)) {
        ngx_dicom_json_null(w);
        return;
    }

    ngx_dicom_json_integer(w, ngx_http_dicom_column(res, row, column));
}


void
ngx_http_dicom_write_time(ngx_dicom_json_writer_t *w, ngx_pool_t *pool,
    const char *key, PGresult *res, int row, int column)
{
    ngx_str_t  time;

    ngx_dicom_json_key(w, key);

    if (ngx_dicom_db_time(pool, res, row, column, &time) != NGX_OK
        || time.data == NULL)
    {
        ngx_dicom_json_null(w);
        return;
    }

    ngx_dicom_json_string(w, &time);
}


void
ngx_http_dicom_write_assigned(ngx_dicom_json_writer_t *w, const char *names)
{
    size_t     len;
    ngx_str_t  name;

    if (*names == '\0') {
        return;
    }

    ngx_dicom_json_key(w, "assigned");
    ngx_dicom_json_array(w);

    while (*names) {
        len = strcspn(names, " ");

        name.data = (u_char *) names;
        name.len = len;
        ngx_dicom_json_string(w, &name);

        names += len + (names[len] == ' ');
    }

    ngx_dicom_json_end_array(w);
}


int64_t
ngx_http_dicom_column(PGresult *res, int row, int column)
{
    return strtoll(PQgetvalue(res, row, column), NULL, 10);
}
