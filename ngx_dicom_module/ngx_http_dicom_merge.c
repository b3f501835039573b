
/*
 * Duplicates of a patient: merging one record into another, and undoing it.
 *
 * Nothing of either record is changed or moved: a row of patient_merges says
 * that one lives on in the other, and while it is there the merged one is
 * found in no list, and by its numbers and names the survivor is.  So undoing
 * is exact, whatever was merged before or after (HL7's ADT^A40 and ^A37).
 */


#include "ngx_http_dicom_toplevel.h"
#include "ngx_http_dicom_audit.h"
#include "ngx_http_dicom_op.h"
#include "ngx_http_dicom_patient.h"
#include "ngx_http_dicom_reply.h"


/* Records that one survivor may hold: they are all in its answer. */
#define NGX_HTTP_DICOM_MAX_MERGED  100

/* Steps of both transactions; columns of MERGE_LOCK. */
enum { MERGE_BOTH = 0, MERGE_ROW };
enum { M_ID = 0, M_ACTIVE, M_MERGED, M_HOLDS };

/* Steps of undoing that learn of the survivor; parameters of
   AUDIT_TOPLEVEL. */
enum { UNMERGE_TOUCH = 4, UNMERGE_UNLEND, UNMERGE_LEND, UNMERGE_EVENT = 9,
       UNMERGE_OTHER };
enum { E_PATIENT = 10, E_DETAIL };


typedef struct {
    ngx_str_t     into;
    ngx_str_t     reason;
    const char   *slug;          /* of a 409 that a check found, or NULL */
    const char   *detail;
} ngx_http_dicom_merge_t;


static ngx_int_t ngx_http_dicom_merge_steps(ngx_http_dicom_op_t *op,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_merge_event(ngx_http_dicom_op_t *op,
    ngx_dicom_db_query_t *q, const char *name, const ngx_str_t *detail,
    const ngx_str_t *other);
static ngx_int_t ngx_http_dicom_merge_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_merge_target(ngx_http_dicom_op_t *op,
    PGresult *both);
static ngx_int_t ngx_http_dicom_merge_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_unmerge_steps(ngx_http_dicom_op_t *op,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_unmerge_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_unmerge_params(ngx_dicom_db_query_t *q,
    ngx_str_t *survivor);


static const ngx_dicom_field_t  ngx_http_dicom_merge_fields[] = {
    { ngx_string("into"), NGX_DICOM_F_UUID, NGX_DICOM_F_REQUIRED, 0, 0,
      offsetof(ngx_http_dicom_merge_t, into) },
    { ngx_string("reason"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED, 10, 400,
      offsetof(ngx_http_dicom_merge_t, reason) },
    ngx_dicom_null_field
};


/* POST /api/v1/patients/{id}/merge */

ngx_int_t
ngx_http_dicom_patient_merge(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_dicom_op_t     *op;
    ngx_dicom_db_query_t    *q;
    ngx_http_dicom_merge_t  *merge;

    op = ngx_http_dicom_op(r, &ngx_http_dicom_patient, &q);
    merge = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_merge_t));

    if (op == NULL || merge == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    op->data = merge;

    rc = ngx_http_dicom_op_target(op);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_bind(r, ngx_http_dicom_merge_fields, merge);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_strlow(merge->into.data, merge->into.data, merge->into.len);

    if (ngx_memcmp(merge->into.data, op->id.data, op->id.len) == 0) {
        return ngx_http_dicom_invalid(r, "into", "is the record itself");
    }

    if (ngx_http_dicom_merge_steps(op, q) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_merge_done);
}


static ngx_int_t
ngx_http_dicom_merge_steps(ngx_http_dicom_op_t *op, ngx_dicom_db_query_t *q)
{
    u_char                  *p;
    ngx_str_t                detail;
    const char              *id, *into;
    ngx_http_dicom_ctx_t    *ctx;
    ngx_http_dicom_merge_t  *merge = op->data;

    /* strings of JSON and of tokens end with a null character */

    id = (const char *) op->id.data;
    into = (const char *) merge->into.data;
    ctx = ngx_http_dicom_ctx(op->request);

    p = ngx_pnalloc(q->pool, merge->into.len + merge->reason.len
                             + sizeof("into : ") - 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    detail.data = p;
    detail.len = ngx_sprintf(p, "into %V: %V", &merge->into, &merge->reason)
                 - p;

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_MERGE_LOCK, 2, id, into) == NULL
        || ngx_http_dicom_op_lock(op, q, ngx_http_dicom_merge_check) != NGX_OK
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_MERGE_INSERT, 5, id, into,
                             merge->reason.data, ctx->claims.sub.data,
                             ctx->claims.name.len ? (char *)
                             ctx->claims.name.data : "")
           == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_MERGE_FOLLOW, 2, id, into)
           == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_MERGE_TOUCH, 2, id, into)
           == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_PATIENT_LEND_WORDS, 1, into)
           == NULL
        || ngx_http_dicom_merge_event(op, q, "patient-merge", &detail,
                                      &merge->into)
           != NGX_OK
        || ngx_dicom_db_step(q, op->resource->get, 1, id) == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* Two records of one event, so that it stays in the access log of both. */

static ngx_int_t
ngx_http_dicom_merge_event(ngx_http_dicom_op_t *op, ngx_dicom_db_query_t *q,
    const char *name, const ngx_str_t *detail, const ngx_str_t *other)
{
    ngx_dicom_audit_t  event;

    ngx_http_dicom_audit_event(op->request, &event, name);

    event.id = op->event;
    event.object = op->id;
    event.patient = op->id;
    event.detail = *detail;

    if (ngx_http_dicom_audit_step(op->request, q, &event) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_null(&event.id);
    event.patient = *other;

    return ngx_http_dicom_audit_step(op->request, q, &event);
}


static ngx_int_t
ngx_http_dicom_merge_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    ngx_int_t             rc;
    ngx_http_dicom_op_t  *op;

    op = ngx_http_dicom_ctx((ngx_http_request_t *) q->data)->data;

    ((ngx_http_dicom_merge_t *) op->data)->slug = NULL;

    rc = ngx_http_dicom_op_lock_check(op, res);

    return rc != NGX_OK ? rc
                        : ngx_http_dicom_merge_target(op,
                                   ngx_http_dicom_op_result(q, MERGE_BOTH));
}


/* Whether the other record can take this one in: NGX_OK; NGX_DECLINED. */

static ngx_int_t
ngx_http_dicom_merge_target(ngx_http_dicom_op_t *op, PGresult *both)
{
    int                      row;
    ngx_uint_t               holds;
    const char              *wrong;
    ngx_http_dicom_merge_t  *merge = op->data;

    wrong = "is no patient";
    holds = 0;

    for (row = 0; row < PQntuples(both); row++) {

        holds += strtoul(PQgetvalue(both, row, M_HOLDS), NULL, 10);

        if (ngx_strcmp(PQgetvalue(both, row, M_ID), merge->into.data) != 0) {
            continue;
        }

        wrong = *PQgetvalue(both, row, M_ACTIVE) == 't' ? NULL
                                                        : "is deactivated";

        if (*PQgetvalue(both, row, M_MERGED) == 't') {
            merge->slug = "patient-merged";
            merge->detail = "The record to merge into was merged itself; its "
                            "merged_into names the one to take.";
            return NGX_DECLINED;
        }
    }

    if (wrong) {
        return ngx_http_dicom_resource_error(op, "into", wrong) == NGX_OK
               ? NGX_DECLINED : NGX_ERROR;
    }

    if (holds >= NGX_HTTP_DICOM_MAX_MERGED) {
        merge->slug = "too-many-merged";
        merge->detail = "That many records are not merged into one.";
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* Of both: the record of the path as it is now. */

static ngx_int_t
ngx_http_dicom_merge_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    PGresult                *res;
    ngx_http_dicom_op_t     *op;
    ngx_http_dicom_merge_t  *merge;

    op = ngx_http_dicom_ctx(r)->data;
    merge = op->data;

    if (q->status == NGX_DICOM_DB_ROLLED_BACK && merge->slug) {
        return ngx_http_dicom_problem(r, NGX_HTTP_CONFLICT, merge->slug,
                                      merge->detail, NULL);
    }

    if (q->status != NGX_DICOM_DB_OK) {
        return ngx_http_dicom_op_refused(op, q);
    }

    /* the last look, or the first where it had been done before */

    res = ngx_http_dicom_op_result(q, q->steps.nelts - 1);

    if (res == NULL) {
        res = ngx_http_dicom_op_result(q, MERGE_ROW);
    }

    if (res == NULL || PQntuples(res) == 0) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_resource_reply(r, NGX_HTTP_OK, op->resource, res, 0);
}


/* DELETE /api/v1/patients/{id}/merge */

ngx_int_t
ngx_http_dicom_patient_unmerge(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    ngx_http_dicom_op_t   *op;
    ngx_dicom_db_query_t  *q;

    op = ngx_http_dicom_op(r, &ngx_http_dicom_patient, &q);
    if (op == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    op->thaws = 1;
    op->data = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_merge_t));

    rc = ngx_http_dicom_op_target(op);

    if (rc != NGX_OK) {
        return rc;
    }

    if (op->data == NULL || ngx_http_dicom_unmerge_steps(op, q) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_merge_done);
}


/* The check fills the survivor in, when it has seen the row. */

static ngx_int_t
ngx_http_dicom_unmerge_steps(ngx_http_dicom_op_t *op, ngx_dicom_db_query_t *q)
{
    ngx_str_t    later = ngx_null_string;
    const char  *id = (const char *) op->id.data;

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_UNMERGE_LOCK, 1, id) == NULL
        || ngx_http_dicom_op_lock(op, q, ngx_http_dicom_unmerge_check)
           != NGX_OK
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_UNMERGE_FOLLOW, 1, id) == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_UNMERGE_DELETE, 1, id) == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_MERGE_TOUCH, 2, id, NULL)
           == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_PATIENT_UNLEND_WORDS, 1, NULL)
           == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_PATIENT_LEND_WORDS, 1, NULL)
           == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_PATIENT_UNLEND_WORDS, 1, id)
           == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_PATIENT_LEND_WORDS, 1, id)
           == NULL
        || ngx_http_dicom_merge_event(op, q, "patient-unmerge", &later, &later)
           != NGX_OK
        || ngx_dicom_db_step(q, op->resource->get, 1, id) == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_unmerge_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    int                      column;
    ngx_int_t                rc;
    ngx_str_t                survivor;
    ngx_http_dicom_op_t     *op;
    ngx_http_dicom_merge_t  *merge;

    op = ngx_http_dicom_ctx((ngx_http_request_t *) q->data)->data;
    merge = op->data;
    merge->slug = NULL;

    rc = ngx_http_dicom_op_lock_check(op, res);

    if (rc != NGX_OK) {
        return rc;
    }

    column = ngx_http_dicom_resource_column(op->resource->columns,
                                            "merged_into");
    survivor = ngx_dicom_db_value(res, 0, column);

    if (survivor.len == 0) {
        merge->slug = "not-merged";
        merge->detail = "This record was not merged.";
        return NGX_DECLINED;
    }

    return ngx_http_dicom_unmerge_params(q, &survivor);
}


static ngx_int_t
ngx_http_dicom_unmerge_params(ngx_dicom_db_query_t *q, ngx_str_t *survivor)
{
    ngx_str_t             detail;
    const char           *id, *patients, *details;
    ngx_dicom_db_step_t  *steps;

    detail.data = ngx_pnalloc(q->pool, sizeof("from ") - 1 + survivor->len);
    if (detail.data == NULL) {
        return NGX_ERROR;
    }

    detail.len = ngx_sprintf(detail.data, "from %V", survivor) - detail.data;

    id = (const char *) survivor->data;
    patients = ngx_dicom_db_text_array(q->pool, survivor, 1);
    details = ngx_dicom_db_text_array(q->pool, &detail, 1);
    steps = q->steps.elts;

    if (patients == NULL || details == NULL
        || ngx_dicom_db_param(q, &steps[UNMERGE_TOUCH], 1, id) != NGX_OK
        || ngx_dicom_db_param(q, &steps[UNMERGE_UNLEND], 0, id) != NGX_OK
        || ngx_dicom_db_param(q, &steps[UNMERGE_LEND], 0, id) != NGX_OK
        || ngx_dicom_db_param(q, &steps[UNMERGE_EVENT], E_DETAIL, details)
           != NGX_OK
        || ngx_dicom_db_param(q, &steps[UNMERGE_OTHER], E_PATIENT, patients)
           != NGX_OK
        || ngx_dicom_db_param(q, &steps[UNMERGE_OTHER], E_DETAIL, details)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}
