
/*
 * Creating a resource of the top level, repeatably.
 */


#include "ngx_http_dicom_op.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_dicom_patch.h"
#include "ngx_dicom_uid.h"


static ngx_dicom_json_t *ngx_http_dicom_create_body(ngx_http_dicom_op_t *op);
static ngx_int_t ngx_http_dicom_create_check_new(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_create_check_old(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_create_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);


ngx_int_t
ngx_http_dicom_resource_create(ngx_http_request_t *r,
    const ngx_http_dicom_resource_t *resource, const ngx_str_t *password_hash)
{
    ngx_int_t              rc;
    ngx_uint_t             i;
    const char            *params[NGX_HTTP_DICOM_MAX_VALUES + 2];
    ngx_dicom_json_t      *body;
    ngx_dicom_db_step_t   *step;
    ngx_http_dicom_op_t   *op;
    ngx_dicom_db_query_t  *q;

    op = ngx_http_dicom_op(r, resource, &q);
    if (op == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    op->creating = 1;

    if (password_hash != NULL) {
        op->password_hash = *password_hash;
    }

    body = ngx_http_dicom_create_body(op);
    if (body == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (op->errors.nelts != 0) {
        return ngx_http_dicom_op_invalid(op);
    }

    rc = ngx_http_dicom_op_bind(op, body);

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED ? ngx_http_dicom_op_invalid(op)
                                  : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    params[0] = (const char *) op->id.data;

    for (i = 0; i < resource->nvalues; i++) {
        params[i + 1] = op->values[i];
    }

    params[i + 1] = (const char *) op->digest.data;

    step = ngx_dicom_db_stepv(q, resource->insert, i + 2, params);
    if (step == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    step->check = ngx_http_dicom_create_check_new;

    step = ngx_dicom_db_step(q, resource->get, 1, op->id.data);
    if (step == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    step->check = ngx_http_dicom_create_check_old;

    if (ngx_http_dicom_op_extras(op, q) != NGX_OK
        || ngx_http_dicom_op_audit(op, q, "create") != NGX_OK
        || ngx_dicom_db_step(q, resource->get, 1, op->id.data) == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_create_done);
}


/* The body without its id, which becomes op->id. */
static ngx_dicom_json_t *
ngx_http_dicom_create_body(ngx_http_dicom_op_t *op)
{
    ngx_dicom_json_t        *id, none, drop;
    ngx_http_request_t      *r = op->request;
    const ngx_dicom_json_t  *body;

    body = ngx_http_dicom_ctx(r)->body;
    id = ngx_dicom_json_get(body, "id");

    /* however it is written, it is the same body */

    if (id && id->type == NGX_DICOM_JSON_STRING) {
        ngx_strlow(id->string.data, id->string.data, id->string.len);
    }

    if (ngx_dicom_patch_digest(r->pool, body, op->resource->secret,
                               &op->digest)
        != NGX_OK)
    {
        return NULL;
    }

    if (id == NULL) {
        if (ngx_dicom_uuid(r->pool, &op->id) != NGX_OK) {
            return NULL;
        }

    } else if (id->type != NGX_DICOM_JSON_STRING
               || ngx_dicom_uuid_check(&id->string) != NGX_OK)
    {
        if (ngx_http_dicom_resource_error(op, "id", "must be a UUID")
            != NGX_OK)
        {
            return NULL;
        }

    } else {
        op->own_id = 1;
        op->id.len = id->string.len;
        op->id.data = ngx_pnalloc(r->pool, op->id.len + 1);
        if (op->id.data == NULL) {
            return NULL;
        }

        ngx_memcpy(op->id.data, id->string.data, op->id.len);
        op->id.data[op->id.len] = '\0';
    }

    /* a merge that takes the id away leaves the rest, its nulls included */

    ngx_memzero(&none, sizeof(ngx_dicom_json_t));
    ngx_memzero(&drop, sizeof(ngx_dicom_json_t));

    drop.type = NGX_DICOM_JSON_NULL;
    ngx_str_set(&drop.name, "id");

    none.type = NGX_DICOM_JSON_OBJECT;
    none.nelts = 1;
    none.first = &drop;

    return ngx_dicom_patch_merge(r->pool, body, &none);
}


/* INSERT gave a row: it is new, and the look at the old one is left out. */
static ngx_int_t
ngx_http_dicom_create_check_new(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    return PQntuples(res) != 0 ? NGX_AGAIN : NGX_OK;
}


static ngx_int_t
ngx_http_dicom_create_check_old(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    return NGX_DONE;
}


static ngx_int_t
ngx_http_dicom_create_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    int                               column;
    PGresult                         *res;
    ngx_str_t                         digest;
    ngx_http_dicom_op_t              *op;
    const ngx_http_dicom_resource_t  *resource;

    op = ngx_http_dicom_ctx(r)->data;
    resource = op->resource;

    if (q->status == NGX_DICOM_DB_CONFLICT) {
        return ngx_http_dicom_op_conflict(op, q);
    }

    if (q->status != NGX_DICOM_DB_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    res = ngx_http_dicom_op_result(q, q->steps.nelts - 1);

    if (res != NULL) {
        if (PQntuples(res) == 0) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        return ngx_http_dicom_resource_reply(r, NGX_HTTP_CREATED, resource,
                                             res, 0);
    }

    /*
     * It was there: this request came before, or (with an id of ours) its own
     * COMMIT was done although the answer was lost.
     */
    res = ngx_http_dicom_op_result(q, 1);

    if (res == NULL || PQntuples(res) == 0) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    column = ngx_http_dicom_resource_column(resource->columns, "created_as");
    digest = ngx_dicom_db_value(res, 0, column);

    if (digest.len != op->digest.len
        || ngx_memcmp(digest.data, op->digest.data, digest.len) != 0
        || (resource->may && resource->may(r, res, 0, 0) != NGX_OK))
    {
        return ngx_http_dicom_problem(r, NGX_HTTP_CONFLICT, "id-conflict",
                                      "The id is taken by something else.",
                                      NULL);
    }

    if (!op->own_id) {
        return ngx_http_dicom_resource_reply(r, NGX_HTTP_CREATED, resource,
                                             res, 0);
    }

    if (resource->again) {
        return resource->again(r, op, res);
    }

    return ngx_http_dicom_resource_reply(r, NGX_HTTP_OK, resource, res, 0);
}
