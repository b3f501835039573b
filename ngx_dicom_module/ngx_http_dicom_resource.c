
/*
 * Reading a resource of the top level, and what its operations share.
 */


#include "ngx_http_dicom_op.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_dicom_uid.h"


static ngx_int_t ngx_http_dicom_read_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_op_event(ngx_http_dicom_op_t *op,
    const char *verb, ngx_dicom_audit_t *event);
static ngx_int_t ngx_http_dicom_not_found(ngx_http_request_t *r);


/* An operation and its query, ctx->data; NULL without memory. */
ngx_http_dicom_op_t *
ngx_http_dicom_op(ngx_http_request_t *r,
    const ngx_http_dicom_resource_t *resource, ngx_dicom_db_query_t **q)
{
    ngx_http_dicom_op_t   *op;
    ngx_http_dicom_ctx_t  *ctx;

    op = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_op_t));
    if (op == NULL) {
        return NULL;
    }

    op->resource = resource;
    op->request = r;

    op->input = ngx_pcalloc(r->pool, resource->size ? resource->size : 1);

    if (op->input == NULL
        || ngx_array_init(&op->errors, r->pool, 4,
                          sizeof(ngx_dicom_json_error_t))
           != NGX_OK
        || ngx_dicom_uuid(r->pool, &op->event) != NGX_OK)
    {
        return NULL;
    }

    *q = ngx_dicom_db_query(r->pool, r->connection->log);
    if (*q == NULL) {
        return NULL;
    }

    ctx = ngx_http_dicom_ctx(r);
    ctx->data = op;

    return op;
}


/* What is no id names nothing. */
ngx_int_t
ngx_http_dicom_resource_id(ngx_http_request_t *r, ngx_str_t *id)
{
    ngx_str_t  *param;

    param = &ngx_http_dicom_ctx(r)->params[0];

    if (ngx_dicom_uuid_check(param) != NGX_OK) {
        return ngx_http_dicom_not_found(r);
    }

    id->len = param->len;
    id->data = ngx_pnalloc(r->pool, param->len + 1);
    if (id->data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_strlow(id->data, param->data, param->len);
    id->data[id->len] = '\0';

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_op_target(ngx_http_dicom_op_t *op)
{
    ngx_int_t  rc;

    rc = ngx_http_dicom_resource_id(op->request, &op->id);

    return rc != NGX_OK ? rc : ngx_http_dicom_needs_match(op->request);
}


ngx_int_t
ngx_http_dicom_op_lock(ngx_http_dicom_op_t *op, ngx_dicom_db_query_t *q,
    ngx_dicom_db_check_pt check)
{
    ngx_dicom_db_step_t  *step;

    step = ngx_dicom_db_step(q, op->resource->lock, 2, op->id.data,
                             op->event.data);
    if (step == NULL) {
        return NGX_ERROR;
    }

    step->check = check;

    return NGX_OK;
}


/* The row as it is now: NGX_OK, NGX_DONE (done before), NGX_DECLINED. */
ngx_int_t
ngx_http_dicom_op_lock_check(ngx_http_dicom_op_t *op, PGresult *res)
{
    int                               column;
    ngx_str_t                         value;
    const ngx_http_dicom_resource_t  *resource = op->resource;

    op->missing = 0;
    op->stale = 0;
    op->forbidden = 0;
    op->frozen = 0;
    op->errors.nelts = 0;

    if (PQntuples(res) == 0) {
        op->missing = 1;
        return NGX_DECLINED;
    }

    value = ngx_dicom_db_value(res, 0, PQnfields(res) - 1);

    if (value.len == 1 && value.data[0] == 't') {
        return NGX_DONE;
    }

    if (resource->may && resource->may(op->request, res, 0, 1) != NGX_OK) {
        op->forbidden = 1;
        return NGX_DECLINED;
    }

    column = ngx_http_dicom_resource_column(resource->columns, "version");
    value = ngx_dicom_db_value(res, 0, column);
    op->version = ngx_atoof(value.data, value.len);

    if (!ngx_http_dicom_matches(op->request, op->version)) {
        op->stale = 1;
        return NGX_DECLINED;
    }

    if (resource->frozen && !op->thaws) {
        column = ngx_http_dicom_resource_column(resource->columns,
                                                resource->frozen->column);

        if (!PQgetisnull(res, 0, column)) {
            op->frozen = 1;
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_op_audit(ngx_http_dicom_op_t *op, ngx_dicom_db_query_t *q,
    const char *verb)
{
    ngx_dicom_audit_t  event;

    if (ngx_http_dicom_op_event(op, verb, &event) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_http_dicom_audit_step(op->request, q, &event);
}


static ngx_int_t
ngx_http_dicom_op_event(ngx_http_dicom_op_t *op, const char *verb,
    ngx_dicom_audit_t *event)
{
    u_char  *name;

    name = ngx_pnalloc(op->request->pool, ngx_strlen(op->resource->name)
                                          + ngx_strlen(verb) + 2);
    if (name == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(name, "%s-%s%Z", op->resource->name, verb);

    ngx_http_dicom_audit_event(op->request, event, (const char *) name);

    event->id = op->event;
    event->object = op->id;

    if (op->resource->patient) {
        event->patient = op->id;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_op_extras(ngx_http_dicom_op_t *op, ngx_dicom_db_query_t *q)
{
    ngx_uint_t                         i, j, next;
    const char                        *params[NGX_HTTP_DICOM_MAX_VALUES];
    const ngx_http_dicom_resource_t   *resource = op->resource;

    next = resource->nvalues;

    for (i = 0; i < resource->nextras; i++) {

        params[0] = (const char *) op->id.data;

        for (j = 0; j < resource->extras[i].nvalues; j++) {
            params[j + 1] = op->values[next++];
        }

        if (ngx_dicom_db_stepv(q, resource->extras[i].stmt, j + 1, params)
            == NULL)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* NGX_OK, NGX_DECLINED with op->errors or op->forbidden, NGX_ERROR. */
ngx_int_t
ngx_http_dicom_op_bind(ngx_http_dicom_op_t *op, const ngx_dicom_json_t *body)
{
    ngx_int_t  rc;

    op->errors.nelts = 0;
    op->forbidden = 0;

    ngx_memzero(op->input, op->resource->size);

    rc = ngx_dicom_json_bind(op->request->pool, body, op->resource->fields,
                             op->input, "", &op->errors);
    if (rc != NGX_OK) {
        return rc;
    }

    return op->resource->values(op);
}


PGresult *
ngx_http_dicom_op_result(ngx_dicom_db_query_t *q, ngx_uint_t step)
{
    ngx_dicom_db_step_t  *steps;

    steps = q->steps.elts;

    return steps[step].result;
}


ngx_int_t
ngx_http_dicom_op_invalid(ngx_http_dicom_op_t *op)
{
    if (op->forbidden) {
        return ngx_http_dicom_refuse(op->request, "forbidden",
                                     "This user may not do that.");
    }

    return ngx_http_dicom_problem(op->request, 422, "validation-failed", NULL,
                                  &op->errors);
}


/* A constraint of the tables was violated: the table says what that means. */
ngx_int_t
ngx_http_dicom_op_conflict(ngx_http_dicom_op_t *op, ngx_dicom_db_query_t *q)
{
    const ngx_http_dicom_conflict_t  *c;

    op->errors.nelts = 0;

    for (c = op->resource->conflicts; c->constraint; c++) {

        if (ngx_strcmp(c->constraint, q->constraint) != 0) {
            continue;
        }

        if (ngx_http_dicom_resource_error(op, c->field, c->detail) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_dicom_problem(op->request, c->status, c->status == 422
                                      ? "validation-failed" : "conflict",
                                      NULL, &op->errors);
    }

    ngx_log_error(NGX_LOG_ERR, op->request->connection->log, 0,
                  "unexpected violation of \"%s\" (%s)", q->constraint,
                  q->sqlstate);

    return ngx_http_dicom_problem(op->request, NGX_HTTP_CONFLICT, "conflict",
                                  NULL, NULL);
}


/* A check rolled the transaction back, and left in op why. */
ngx_int_t
ngx_http_dicom_op_refused(ngx_http_dicom_op_t *op, ngx_dicom_db_query_t *q)
{
    if (q->status == NGX_DICOM_DB_CONFLICT) {
        return ngx_http_dicom_op_conflict(op, q);
    }

    if (op->missing) {
        return ngx_http_dicom_not_found(op->request);
    }

    if (op->stale) {
        return ngx_http_dicom_if_match(op->request, op->version);
    }

    if (op->frozen) {
        return ngx_http_dicom_problem(op->request, NGX_HTTP_CONFLICT,
                                      op->resource->frozen->slug,
                                      op->resource->frozen->detail, NULL);
    }

    return ngx_http_dicom_op_invalid(op);
}


static ngx_int_t
ngx_http_dicom_not_found(ngx_http_request_t *r)
{
    return ngx_http_dicom_problem(r, NGX_HTTP_NOT_FOUND, "not-found",
                                  "There is nothing with this id.", NULL);
}


ngx_int_t
ngx_http_dicom_resource_read(ngx_http_request_t *r,
    const ngx_http_dicom_resource_t *resource)
{
    ngx_int_t              rc;
    ngx_dicom_audit_t      event;
    ngx_http_dicom_op_t   *op;
    ngx_dicom_db_query_t  *q;

    op = ngx_http_dicom_op(r, resource, &q);
    if (op == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_resource_id(r, &op->id);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_dicom_db_step(q, resource->get, 1, op->id.data) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (resource->audit
        && (ngx_http_dicom_op_event(op, "read", &event) != NGX_OK
            || ngx_http_dicom_audit_note(r, &event, 0) != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    q->read_only = 1;
    q->quick = 1;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_read_done);
}


static ngx_int_t
ngx_http_dicom_read_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    PGresult                         *res;
    ngx_http_dicom_op_t              *op;
    const ngx_http_dicom_resource_t  *resource;

    op = ngx_http_dicom_ctx(r)->data;
    resource = op->resource;
    res = ngx_http_dicom_op_result(q, 0);

    if (q->status != NGX_DICOM_DB_OK || res == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (PQntuples(res) == 0) {
        return ngx_http_dicom_not_found(r);
    }

    if (resource->may && resource->may(r, res, 0, 0) != NGX_OK) {
        op->forbidden = 1;
        return ngx_http_dicom_op_invalid(op);
    }

    return ngx_http_dicom_resource_reply(r, NGX_HTTP_OK, resource, res, 0);
}
