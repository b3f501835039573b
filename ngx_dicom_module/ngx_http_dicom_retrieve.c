
/*
 * What all of WADO-RS begins with: the instances that the path names.
 */


#include "ngx_http_dicom_retrieve.h"
#include "ngx_http_dicom_record.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_route.h"
#include "ngx_dicom_uid.h"
#include "../render-worker/wire.h"


static ngx_int_t ngx_http_dicom_retrieve_uids(ngx_http_request_t *r,
    ngx_http_dicom_retrieve_t *retrieve);
static ngx_int_t ngx_http_dicom_retrieve_url(ngx_http_request_t *r,
    ngx_http_dicom_retrieve_t *retrieve);
static ngx_int_t ngx_http_dicom_retrieve_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_retrieve_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_retrieve_none(ngx_http_request_t *r,
    ngx_uint_t level);


/* events by level, from 1 */
static const char *const  ngx_http_dicom_retrieve_events[] = {
    NULL, "study-read", "series-read", "instance-read"
};


ngx_int_t
ngx_http_dicom_retrieve(ngx_http_request_t *r,
    ngx_http_dicom_retrieve_t *retrieve, ngx_uint_t single)
{
    char                    limit[16];
    ngx_int_t               rc;
    const char            **uid;
    ngx_dicom_db_step_t    *step;
    ngx_dicom_db_query_t   *q;

    rc = ngx_http_dicom_retrieve_uids(r, retrieve);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_dicom_ctx(r)->data = retrieve;
    uid = retrieve->uid;

    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (q == NULL || ngx_http_dicom_retrieve_url(r, retrieve) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    (void) snprintf(limit, sizeof(limit), "%u", WIRE_MAX_INSTANCES + 1);

    if (!single) {
        step = ngx_dicom_db_step(q, NGX_DICOM_STMT_WADO_INSTANCES, 4,
                                 uid[0], uid[1], uid[2], limit);

    } else if (retrieve->level == NGX_HTTP_DICOM_INSTANCE) {
        step = ngx_dicom_db_step(q, NGX_DICOM_STMT_WADO_INSTANCE, 3,
                                 uid[0], uid[1], uid[2]);

    } else {
        step = ngx_dicom_db_step(q, NGX_DICOM_STMT_WADO_MIDDLE, 2,
                                 uid[0], uid[1]);
    }

    if (step == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    step->check = ngx_http_dicom_retrieve_check;

    if (ngx_http_dicom_audit_read(r,
                              ngx_http_dicom_retrieve_events[retrieve->level],
                              uid[retrieve->level - 1], uid[0], NULL)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_retrieve_done);
}


static ngx_int_t
ngx_http_dicom_retrieve_uids(ngx_http_request_t *r,
    ngx_http_dicom_retrieve_t *retrieve)
{
    ngx_uint_t             i;
    ngx_http_dicom_ctx_t  *ctx;

    ctx = ngx_http_dicom_ctx(r);

    for (i = 0; i < retrieve->level; i++) {

        if (ngx_dicom_uid_check(&ctx->params[i]) != NGX_OK) {
            return ngx_http_dicom_problem(r, NGX_HTTP_BAD_REQUEST,
                                          "invalid-uid",
                                          "The path holds what is no UID.",
                                          NULL);
        }

        retrieve->uid[i] = (char *) ctx->params[i].data;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_retrieve_url(ngx_http_request_t *r,
    ngx_http_dicom_retrieve_t *retrieve)
{
    ngx_str_t  base;

    if (ngx_http_dicom_base_url(r, &base) != NGX_OK) {
        return NGX_ERROR;
    }

    retrieve->url.data = ngx_pnalloc(r->pool, base.len + 64
                                     + sizeof("/dicom-web/studies/"));
    if (retrieve->url.data == NULL) {
        return NGX_ERROR;
    }

    retrieve->url.len = ngx_sprintf(retrieve->url.data,
                                    "%V/dicom-web/studies/%s", &base,
                                    retrieve->uid[0])
                        - retrieve->url.data;

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_base_url(ngx_http_request_t *r, ngx_str_t *base)
{
    ngx_str_t    *node, *host;
    const char   *scheme;

    node = &ngx_http_dicom_srv_conf(r)->conf->node_url;

    if (node->len || r->headers_in.host == NULL
        || r->headers_in.host->value.len > 255)
    {
        *base = *node;
        return NGX_OK;
    }

    host = &r->headers_in.host->value;
    scheme = "http";

#if (NGX_HTTP_SSL)
    if (r->connection->ssl) {
        scheme = "https";
    }
#endif

    base->data = ngx_pnalloc(r->pool, sizeof("https://") + host->len);
    if (base->data == NULL) {
        return NGX_ERROR;
    }

    base->len = ngx_sprintf(base->data, "%s://%V", scheme, host) - base->data;

    return NGX_OK;
}


/* Before the audit: what is refused was not read. */

static ngx_int_t
ngx_http_dicom_retrieve_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    ngx_http_request_t         *r;
    ngx_http_dicom_retrieve_t  *retrieve;

    r = q->data;
    retrieve = ngx_http_dicom_ctx(r)->data;

    retrieve->found = PQntuples(res);

    if (retrieve->found == 0 || retrieve->found > WIRE_MAX_INSTANCES) {
        return NGX_DECLINED;
    }

    return retrieve->check ? retrieve->check(r, res) : NGX_OK;
}


static ngx_int_t
ngx_http_dicom_retrieve_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    ngx_dicom_db_step_t        *steps;
    ngx_http_dicom_retrieve_t  *retrieve;

    retrieve = ngx_http_dicom_ctx(r)->data;

    if (q->status == NGX_DICOM_DB_OK) {
        steps = q->steps.elts;
        retrieve->rows = steps[0].result;

        return retrieve->done(r);
    }

    if (retrieve->found == 0) {
        return ngx_http_dicom_retrieve_none(r, retrieve->level);
    }

    if (retrieve->found > WIRE_MAX_INSTANCES) {
        return ngx_http_dicom_problem(r, 422, "study-too-large",
                                      "These are too many instances for one "
                                      "answer: ask for each series.", NULL);
    }

    return retrieve->refuse(r);
}


static ngx_int_t
ngx_http_dicom_retrieve_none(ngx_http_request_t *r, ngx_uint_t level)
{
    switch (level) {

    case NGX_HTTP_DICOM_STUDY:
        return ngx_http_dicom_no_study(r);

    case NGX_HTTP_DICOM_SERIES:
        return ngx_http_dicom_problem(r, NGX_HTTP_NOT_FOUND,
                                      "series-not-found",
                                      "The study has no such series here.",
                                      NULL);

    default: /* NGX_HTTP_DICOM_INSTANCE */
        return ngx_http_dicom_problem(r, NGX_HTTP_NOT_FOUND,
                                      "instance-not-found",
                                      "The series has no such instance here.",
                                      NULL);
    }
}


ngx_str_t
ngx_http_dicom_retrieve_text(const ngx_http_dicom_retrieve_t *t,
    ngx_uint_t row, int column)
{
    ngx_str_t  text;

    text.data = (u_char *) PQgetvalue(t->rows, (int) row, column);
    text.len = PQgetlength(t->rows, (int) row, column);

    return text;
}
