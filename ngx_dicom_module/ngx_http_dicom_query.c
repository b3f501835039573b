
/*
 * A request that waits for the database.
 */


#include "ngx_http_dicom_audit.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_route.h"


static void ngx_http_dicom_query_handler(ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_query_done(ngx_http_request_t *r,
    ngx_http_dicom_ctx_t *ctx, ngx_dicom_db_query_t *q);
static void ngx_http_dicom_query_cleanup(void *data);


ngx_int_t
ngx_http_dicom_query(ngx_http_request_t *r, ngx_dicom_db_query_t *q,
    ngx_int_t (*done)(ngx_http_request_t *r, ngx_dicom_db_query_t *q))
{
    ngx_http_cleanup_t         *cln;
    ngx_http_dicom_ctx_t       *ctx;
    ngx_http_dicom_srv_conf_t  *dscf;

    ctx = ngx_http_dicom_ctx(r);
    dscf = ngx_http_dicom_srv_conf(r);

    /* of the request, as these run as soon as it is terminated */

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    q->handler = ngx_http_dicom_query_handler;
    q->data = r;

    ctx->query = q;
    ctx->done = done;

    if (ngx_dicom_db_run(dscf->db, q) != NGX_OK) {
        ctx->query = NULL;
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_dicom_query_cleanup;
    cln->data = q;

    r->main->count++;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_DONE;
}


static void
ngx_http_dicom_query_cleanup(void *data)
{
    ngx_dicom_db_query_t  *q = data;

    ngx_http_request_t    *r;
    ngx_http_dicom_ctx_t  *ctx;

    r = q->data;
    ctx = ngx_http_dicom_ctx(r);

    /* an internal redirect takes the context away, long after the end of q */

    if (ctx && ctx->query == q) {

        /* COMMIT may be on its way */

        ctx->query = NULL;
        ngx_dicom_trail_seal(ngx_http_dicom_srv_conf(r)->trail, q, 0);
    }

    ngx_dicom_db_cancel(q);
}


static void
ngx_http_dicom_query_handler(ngx_dicom_db_query_t *q)
{
    ngx_http_request_t *r = q->data;

    ngx_connection_t      *c;
    ngx_http_dicom_ctx_t  *ctx;

    c = r->connection;
    ctx = ngx_http_dicom_ctx(r);
    ctx->query = NULL;

    ngx_http_set_log_request(c->log, r);

    ngx_dicom_trail_seal(ngx_http_dicom_srv_conf(r)->trail, q, 1);

    ngx_http_finalize_request(r, ngx_http_dicom_query_done(r, ctx, q));

    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_dicom_query_done(ngx_http_request_t *r, ngx_http_dicom_ctx_t *ctx,
    ngx_dicom_db_query_t *q)
{
    switch (q->status) {

    case NGX_DICOM_DB_OK:
    case NGX_DICOM_DB_ROLLED_BACK:
    case NGX_DICOM_DB_CONFLICT:
        return ctx->note ? ngx_http_dicom_audit_noted(r, q, ctx->done)
                         : ctx->done(r, q);

    case NGX_DICOM_DB_BUSY:
        return ngx_http_dicom_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE, "busy",
                                      "Too much is asked of the database.",
                                      NULL);

    case NGX_DICOM_DB_UNKNOWN:
        return ngx_http_dicom_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                      "database-unavailable",
                                      "The database was lost while it wrote: "
                                      "look whether the change is there.",
                                      NULL);

    case NGX_DICOM_DB_UNAVAILABLE:
    case NGX_DICOM_DB_TIMEOUT:
        return ngx_http_dicom_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                      "database-unavailable", NULL, NULL);

    default:
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
}
