
/*
 * What requests leave in the audit trail.
 */


#include "ngx_http_dicom_audit.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_route.h"


/* A request that waits for its record; lives in its pool. */
typedef struct {
    ngx_dicom_trail_wait_t    wait;
    ngx_http_request_t       *request;
    ngx_dicom_db_query_t     *query;
    ngx_int_t               (*done)(ngx_http_request_t *r,
                                    ngx_dicom_db_query_t *q);
} ngx_http_dicom_audit_t;


static void ngx_http_dicom_audit_handler(ngx_dicom_trail_wait_t *wait,
    ngx_int_t rc);
static ngx_int_t ngx_http_dicom_audit_failed(ngx_http_request_t *r);
static void ngx_http_dicom_audit_cleanup(void *data);
static ngx_int_t ngx_http_dicom_refused(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_not_renewed(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);


void
ngx_http_dicom_audit_event(ngx_http_request_t *r, ngx_dicom_audit_t *event,
    const char *name)
{
    ngx_http_dicom_ctx_t  *ctx;

    ctx = ngx_http_dicom_ctx(r);

    ngx_memzero(event, sizeof(ngx_dicom_audit_t));

    event->event = name;
    event->outcome = "success";
    event->user = ctx->claims.sub;
    event->user_name = ctx->claims.name;
    event->roles = ctx->claims.roles;
    event->address = r->connection->addr_text;
}


ngx_int_t
ngx_http_dicom_audit_step(ngx_http_request_t *r, ngx_dicom_db_query_t *q,
    const ngx_dicom_audit_t *event)
{
    return ngx_dicom_trail_step(ngx_http_dicom_srv_conf(r)->trail, q, event);
}


ngx_int_t
ngx_http_dicom_audit_note(ngx_http_request_t *r,
    const ngx_dicom_audit_t *event, ngx_uint_t list)
{
    ngx_http_dicom_ctx_t  *ctx;

    ctx = ngx_http_dicom_ctx(r);

    ctx->note = ngx_palloc(r->pool, sizeof(ngx_dicom_audit_t));
    if (ctx->note == NULL) {
        return NGX_ERROR;
    }

    *ctx->note = *event;
    ctx->note_list = list;

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_audit_search(ngx_http_request_t *r, const char *name)
{
    ngx_dicom_audit_t  event;

    ngx_http_dicom_audit_event(r, &event, name);
    event.detail = r->args;

    return ngx_http_dicom_audit_note(r, &event, 1);
}


ngx_int_t
ngx_http_dicom_audit_noted(ngx_http_request_t *r, ngx_dicom_db_query_t *q,
    ngx_int_t (*done)(ngx_http_request_t *r, ngx_dicom_db_query_t *q))
{
    ngx_dicom_audit_t     *note;
    ngx_dicom_db_step_t   *steps;
    ngx_http_dicom_ctx_t  *ctx;

    ctx = ngx_http_dicom_ctx(r);
    steps = q->steps.elts;

    note = ctx->note;
    ctx->note = NULL;

    if (q->status != NGX_DICOM_DB_OK
        || (!ctx->note_list
            && (steps->result == NULL || PQntuples(steps->result) == 0)))
    {
        note->outcome = "failure";
        ngx_str_null(&note->patient);
    }

    return ngx_http_dicom_audit_write(r, note, q, done);
}


ngx_int_t
ngx_http_dicom_audit_write(ngx_http_request_t *r,
    const ngx_dicom_audit_t *event, ngx_dicom_db_query_t *q,
    ngx_int_t (*done)(ngx_http_request_t *r, ngx_dicom_db_query_t *q))
{
    ngx_int_t                rc;
    ngx_http_cleanup_t      *cln;
    ngx_http_dicom_audit_t  *audit;

    /* of the request, as these run as soon as it is terminated */

    cln = ngx_http_cleanup_add(r, sizeof(ngx_http_dicom_audit_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    audit = cln->data;
    ngx_memzero(audit, sizeof(ngx_http_dicom_audit_t));

    audit->wait.handler = ngx_http_dicom_audit_handler;
    audit->wait.data = audit;
    audit->request = r;
    audit->query = q;
    audit->done = done;

    rc = ngx_dicom_trail_write(ngx_http_dicom_srv_conf(r)->trail, event,
                               &audit->wait);

    if (rc == NGX_BUSY) {
        return ngx_http_dicom_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE, "busy",
                                      "Too much is asked of the database.",
                                      NULL);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_dicom_audit_cleanup;

    r->main->count++;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_DONE;
}


static void
ngx_http_dicom_audit_cleanup(void *data)
{
    ngx_http_dicom_audit_t  *audit = data;

    ngx_dicom_trail_forget(&audit->wait);
}


static void
ngx_http_dicom_audit_handler(ngx_dicom_trail_wait_t *wait, ngx_int_t rc)
{
    ngx_http_dicom_audit_t *audit = wait->data;

    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = audit->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_http_finalize_request(r, rc == NGX_OK ? audit->done(r, audit->query)
                                              : ngx_http_dicom_audit_failed(r));

    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_dicom_audit_failed(ngx_http_request_t *r)
{
    return ngx_http_dicom_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                  "database-unavailable", NULL, NULL);
}


ngx_int_t
ngx_http_dicom_refuse(ngx_http_request_t *r, const char *slug,
    const char *detail)
{
    u_char                *p;
    ngx_dicom_audit_t      event;
    ngx_http_dicom_ctx_t  *ctx;

    ctx = ngx_http_dicom_ctx(r);

    ctx->note = NULL;
    ctx->refusal = slug;
    ctx->refusal_detail = detail;

    ngx_http_dicom_audit_event(r, &event, "refused");

    event.outcome = "failure";
    event.object = r->uri;

    event.detail.data = ngx_pnalloc(r->pool, r->method_name.len
                                             + ngx_strlen(slug) + 1);
    if (event.detail.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_sprintf(event.detail.data, "%V %s", &r->method_name, slug);
    event.detail.len = p - event.detail.data;

    return ngx_http_dicom_audit_write(r, &event, NULL, ngx_http_dicom_refused);
}


static ngx_int_t
ngx_http_dicom_refused(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    ngx_http_dicom_ctx_t  *ctx;

    ctx = ngx_http_dicom_ctx(r);

    return ngx_http_dicom_problem(r, NGX_HTTP_FORBIDDEN, ctx->refusal,
                                  ctx->refusal_detail, NULL);
}


ngx_int_t
ngx_http_dicom_no_renewal(ngx_http_request_t *r, const char *why)
{
    ngx_dicom_audit_t  event;

    ngx_http_dicom_ctx(r)->refusal_detail = why;

    ngx_http_dicom_audit_event(r, &event, "renewal");

    event.outcome = "failure";
    event.detail.data = (u_char *) why;
    event.detail.len = ngx_strlen(why);

    return ngx_http_dicom_audit_write(r, &event, NULL,
                                      ngx_http_dicom_not_renewed);
}


static ngx_int_t
ngx_http_dicom_not_renewed(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    return ngx_http_dicom_unauthorized(r,
                                       ngx_http_dicom_ctx(r)->refusal_detail);
}
