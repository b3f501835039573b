
/*
 * Changing and deactivating a resource of the top level.
 */


#include "ngx_http_dicom_op.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_dicom_patch.h"


static ngx_int_t ngx_http_dicom_lock(ngx_http_dicom_op_t *op,
    ngx_dicom_db_query_t *q, ngx_dicom_db_check_pt check);
static ngx_int_t ngx_http_dicom_change_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_change_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_dicom_json_t *ngx_http_dicom_change_body(ngx_http_dicom_op_t *op,
    PGresult *res);
static ngx_int_t ngx_http_dicom_end_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_end_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);


ngx_int_t
ngx_http_dicom_resource_change(ngx_http_request_t *r,
    const ngx_http_dicom_resource_t *resource, const ngx_str_t *password_hash)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    const char            *params[NGX_HTTP_DICOM_MAX_VALUES + 1];
    ngx_http_dicom_op_t   *op;
    ngx_dicom_db_query_t  *q;

    op = ngx_http_dicom_op(r, resource, &q);
    if (op == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (password_hash != NULL) {
        op->password_hash = *password_hash;
    }

    rc = ngx_http_dicom_lock(op, q, ngx_http_dicom_change_check);

    if (rc != NGX_OK) {
        return rc;
    }

    /* the check fills the values in, when it has seen the row */

    params[0] = (const char *) op->id.data;

    for (i = 0; i < resource->nvalues; i++) {
        params[i + 1] = NULL;
    }

    if (ngx_dicom_db_stepv(q, resource->update, i + 1, params) == NULL
        || ngx_http_dicom_op_extras(op, q) != NGX_OK
        || ngx_http_dicom_op_audit(op, q, "change") != NGX_OK
        || ngx_dicom_db_step(q, resource->get, 1, op->id.data) == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_change_done);
}


/* The first step: the row of the path, when If-Match says what is expected.
   NGX_OK, or the result of a reply, or 500. */
static ngx_int_t
ngx_http_dicom_lock(ngx_http_dicom_op_t *op, ngx_dicom_db_query_t *q,
    ngx_dicom_db_check_pt check)
{
    ngx_int_t  rc;

    rc = ngx_http_dicom_op_target(op);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_dicom_op_lock(op, q, check) == NGX_OK
           ? NGX_OK : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


static ngx_int_t
ngx_http_dicom_change_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    ngx_int_t                         rc;
    ngx_uint_t                        i, j, next;
    ngx_dicom_json_t                 *body;
    ngx_http_request_t               *r = q->data;
    ngx_http_dicom_op_t              *op;
    ngx_dicom_db_step_t              *steps;
    const ngx_http_dicom_resource_t  *resource;

    op = ngx_http_dicom_ctx(r)->data;
    resource = op->resource;

    rc = ngx_http_dicom_op_lock_check(op, res);

    if (rc != NGX_OK) {
        return rc;
    }

    body = ngx_http_dicom_change_body(op, res);
    if (body == NULL) {
        return NGX_ERROR;
    }

    rc = ngx_http_dicom_op_bind(op, body);

    if (rc != NGX_OK) {
        return rc;
    }

    steps = q->steps.elts;

    for (i = 0; i < resource->nvalues; i++) {
        if (ngx_dicom_db_param(q, &steps[1], i + 1, op->values[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    next = resource->nvalues;

    for (i = 0; i < resource->nextras; i++) {
        for (j = 0; j < resource->extras[i].nvalues; j++) {
            if (ngx_dicom_db_param(q, &steps[2 + i], j + 1, op->values[next++])
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* What a creation of the row as it is would say, with the patch applied. */
static ngx_dicom_json_t *
ngx_http_dicom_change_body(ngx_http_dicom_op_t *op, PGresult *res)
{
    ngx_str_t                 json, error;
    ngx_dicom_json_t         *tree;
    ngx_http_request_t       *r = op->request;
    ngx_dicom_json_writer_t  *w;

    w = ngx_dicom_json_writer(r->pool);
    if (w == NULL) {
        return NULL;
    }

    if (ngx_http_dicom_resource_write(r, w, op->resource->columns, res, 0, 1)
        != NGX_OK
        || ngx_dicom_json_finish(w, &json) != NGX_OK)
    {
        return NULL;
    }

    tree = ngx_dicom_json_parse(r->pool, json.data, json.len, &error);
    if (tree == NULL) {
        return NULL;
    }

    return ngx_dicom_patch_merge(r->pool, tree, ngx_http_dicom_ctx(r)->body);
}


static ngx_int_t
ngx_http_dicom_change_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    PGresult             *res;
    ngx_http_dicom_op_t  *op;

    op = ngx_http_dicom_ctx(r)->data;

    if (q->status != NGX_DICOM_DB_OK) {
        return ngx_http_dicom_op_refused(op, q);
    }

    /* the last look, or the first where it had been done before */

    res = ngx_http_dicom_op_result(q, q->steps.nelts - 1);

    if (res == NULL) {
        res = ngx_http_dicom_op_result(q, 0);
    }

    if (res == NULL || PQntuples(res) == 0) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_resource_reply(r, NGX_HTTP_OK, op->resource, res, 0);
}


ngx_int_t
ngx_http_dicom_resource_end(ngx_http_request_t *r,
    const ngx_http_dicom_resource_t *resource)
{
    ngx_int_t              rc;
    ngx_http_dicom_op_t   *op;
    ngx_dicom_db_query_t  *q;

    op = ngx_http_dicom_op(r, resource, &q);
    if (op == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_lock(op, q, ngx_http_dicom_end_check);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_dicom_db_step(q, resource->end, 1, op->id.data) == NULL
        || ngx_http_dicom_op_audit(op, q, "deactivate") != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_end_done);
}


static ngx_int_t
ngx_http_dicom_end_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    int                   column;
    ngx_int_t             rc;
    ngx_str_t             active;
    ngx_http_request_t   *r = q->data;
    ngx_http_dicom_op_t  *op;

    op = ngx_http_dicom_ctx(r)->data;

    rc = ngx_http_dicom_op_lock_check(op, res);

    if (rc != NGX_OK) {
        return rc;
    }

    column = ngx_http_dicom_resource_column(op->resource->columns, "active");
    active = ngx_dicom_db_value(res, 0, column);

    /* what is inactive already is left as it is */

    return active.len == 1 && active.data[0] == 'f' ? NGX_DONE : NGX_OK;
}


static ngx_int_t
ngx_http_dicom_end_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    if (q->status != NGX_DICOM_DB_OK) {
        return ngx_http_dicom_op_refused(ngx_http_dicom_ctx(r)->data, q);
    }

    return ngx_http_dicom_reply_empty(r);
}
