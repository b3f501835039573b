
/*
 * Radiology reports as they are read: the list of a study, one with its
 * addenda and its history.
 */


#include "ngx_http_dicom_facility.h"
#include "ngx_http_dicom_record.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_report.h"
#include "ngx_http_dicom_route.h"
#include "ngx_dicom_uid.h"


/* columns of the addenda and of the history */
enum { A_ID = 0, A_TEXT, A_AUTHOR, A_AUTHOR_NAME, A_CREATED, A_REPORT };
enum { V_VERSION = 0, V_AUTHOR, V_AUTHOR_NAME, V_CREATED };


static ngx_int_t ngx_http_dicom_report_list_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_report_get_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static void ngx_http_dicom_write_report(ngx_http_request_t *r,
    ngx_dicom_json_writer_t *w, PGresult *report, int row, PGresult *addenda);
static void ngx_http_dicom_write_versions(ngx_http_request_t *r,
    ngx_dicom_json_writer_t *w, PGresult *versions);
static void ngx_http_dicom_write_author(ngx_dicom_json_writer_t *w,
    PGresult *res, int row, int id, int name);


static const char *const  ngx_http_dicom_list_args[] = {
    "limit", "cursor", NULL
};


/* GET /api/v1/studies/{uid}/reports */

ngx_int_t
ngx_http_dicom_report_list(ngx_http_request_t *r)
{
    char                      limit[24];
    ngx_int_t                 rc;
    const char               *uid, *last;
    ngx_dicom_db_step_t      *step;
    ngx_dicom_db_query_t     *q;
    ngx_http_dicom_page_t    *page;

    rc = ngx_http_dicom_uid_param(r, ngx_http_dicom_no_study, &uid);
    if (rc != NGX_OK) {
        return rc;
    }

    page = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_page_t));
    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (page == NULL || q == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_args_known(r, ngx_http_dicom_list_args);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_page(r, page, 1);
    if (rc != NGX_OK) {
        return rc;
    }

    last = NULL;

    if (page->nkeys) {

        if (ngx_dicom_uuid_check(&page->keys[0]) != NGX_OK) {
            return ngx_http_dicom_problem(r, NGX_HTTP_BAD_REQUEST,
                                          "invalid-parameter",
                                          "The cursor is not one that this "
                                          "list gave.", NULL);
        }

        last = (char *) page->keys[0].data;
    }

    (void) snprintf(limit, sizeof(limit), "%lu",
                    (unsigned long) page->limit + 1);

    step = ngx_dicom_db_step(q, NGX_DICOM_STMT_STUDY_CHECK, 1, uid);
    if (step == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    step->check = ngx_http_dicom_some_rows;

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_LIST, 4, uid,
                          ngx_http_dicom_report_drafts(r), last, limit)
        == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_LIST_ADDENDA, 1, uid)
           == NULL
        || ngx_http_dicom_audit_read(r, "report-read", uid, uid, NULL)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_dicom_ctx(r)->data = page;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_report_list_done);
}


static ngx_int_t
ngx_http_dicom_report_list_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    int                       row, rows;
    PGresult                 *res;
    ngx_str_t                 key, next;
    ngx_dicom_db_step_t      *steps;
    ngx_dicom_json_writer_t  *w;
    ngx_http_dicom_page_t    *page;

    if (q->status != NGX_DICOM_DB_OK) {
        return ngx_http_dicom_no_study(r);
    }

    page = ngx_http_dicom_ctx(r)->data;
    steps = q->steps.elts;
    res = steps[1].result;

    w = ngx_dicom_json_writer(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rows = ngx_min(PQntuples(res), (int) page->limit);

    ngx_dicom_json_object(w);
    ngx_dicom_json_key(w, "items");
    ngx_dicom_json_array(w);

    for (row = 0; row < rows; row++) {
        ngx_dicom_json_object(w);
        ngx_http_dicom_write_report(r, w, res, row, steps[2].result);
        ngx_dicom_json_end_object(w);
    }

    ngx_dicom_json_end_array(w);
    ngx_dicom_json_key(w, "next");

    if (rows == PQntuples(res)) {
        ngx_dicom_json_null(w);

    } else {
        key = ngx_dicom_db_value(res, rows - 1, R_ID);

        if (ngx_http_dicom_cursor(r->pool, &key, 1, &next) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_dicom_json_string(w, &next);
    }

    ngx_dicom_json_end_object(w);

    return ngx_http_dicom_reply_json(r, NGX_HTTP_OK, w, 0, NULL);
}


/* GET /api/v1/reports/{id} */

ngx_int_t
ngx_http_dicom_report_get(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    const char            *id;
    ngx_dicom_db_step_t   *steps;
    ngx_dicom_db_query_t  *q;

    rc = ngx_http_dicom_report_param(r, &id);
    if (rc != NGX_OK) {
        return rc;
    }

    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (q == NULL
        || ngx_http_dicom_report_read_steps(r, q, id) != NGX_OK
        || ngx_http_dicom_audit_read(r, "report-read", id, NULL, id) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    steps = q->steps.elts;
    steps[0].check = ngx_http_dicom_some_rows;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_report_get_done);
}


static ngx_int_t
ngx_http_dicom_report_get_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    ngx_dicom_db_step_t  *steps;

    if (q->status != NGX_DICOM_DB_OK) {
        return ngx_http_dicom_report_not_found(r);
    }

    steps = q->steps.elts;

    return ngx_http_dicom_report_reply(r, NGX_HTTP_OK, steps[0].result,
                                       steps[1].result, steps[2].result);
}


/* The answer to a request that was repeated: the report as it is now. */

ngx_int_t
ngx_http_dicom_report_reread(ngx_http_request_t *r, const char *id)
{
    ngx_dicom_db_query_t  *q;

    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (q == NULL || ngx_http_dicom_report_read_steps(r, q, id) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_report_get_done);
}


ngx_int_t
ngx_http_dicom_report_param(ngx_http_request_t *r, const char **id)
{
    ngx_http_dicom_ctx_t  *ctx;

    ctx = ngx_http_dicom_ctx(r);
    *id = (const char *) ctx->params[0].data;

    if (ngx_dicom_uuid_check(&ctx->params[0]) != NGX_OK) {
        return ngx_http_dicom_report_not_found(r);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_report_not_found(ngx_http_request_t *r)
{
    return ngx_http_dicom_problem(r, NGX_HTTP_NOT_FOUND, "report-not-found",
                                  "There is no such report here.", NULL);
}


const char *
ngx_http_dicom_report_drafts(ngx_http_request_t *r)
{
    return (ngx_http_dicom_ctx(r)->claims.roles & NGX_DICOM_ROLE_PHYSICIAN)
           ? "true" : "false";
}


/* Three steps: the report, its addenda, its history. */

ngx_int_t
ngx_http_dicom_report_read_steps(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q, const char *id)
{
    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_GET, 2, id,
                          ngx_http_dicom_report_drafts(r))
        == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_ADDENDA, 1, id) == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_VERSIONS, 1, id)
           == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_report_reply(ngx_http_request_t *r, ngx_uint_t status,
    PGresult *report, PGresult *addenda, PGresult *versions)
{
    u_char                   *p;
    ngx_str_t                 location;
    ngx_dicom_json_writer_t  *w;

    w = ngx_dicom_json_writer(r->pool);
    if (w == NULL || PQntuples(report) == 0) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_dicom_json_object(w);
    ngx_http_dicom_write_report(r, w, report, 0, addenda);
    ngx_http_dicom_write_versions(r, w, versions);
    ngx_dicom_json_end_object(w);

    location.data = ngx_pnalloc(r->pool, sizeof("/api/v1/reports/")
                                         + PQgetlength(report, 0, R_ID));
    if (location.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = ngx_sprintf(location.data, "/api/v1/reports/%s",
                    PQgetvalue(report, 0, R_ID));
    location.len = p - location.data;

    return ngx_http_dicom_reply_json(r, status, w,
                              ngx_http_dicom_column(report, 0, R_VERSION),
                              status == NGX_HTTP_CREATED ? &location : NULL);
}


static void
ngx_http_dicom_write_report(ngx_http_request_t *r, ngx_dicom_json_writer_t *w,
    PGresult *report, int row, PGresult *addenda)
{
    int  i;

    ngx_http_dicom_write_text(w, "id", report, row, R_ID);
    ngx_http_dicom_write_text(w, "study", report, row, R_STUDY);
    ngx_http_dicom_write_text(w, "status", report, row, R_STATUS);
    ngx_http_dicom_write_text(w, "text", report, row, R_TEXT);
    ngx_http_dicom_write_number(w, "version", report, row, R_VERSION);
    ngx_http_dicom_write_author(w, report, row, R_AUTHOR, R_AUTHOR_NAME);
    ngx_http_dicom_write_time(w, r->pool, "created_at", report, row,
                              R_CREATED);
    ngx_http_dicom_write_time(w, r->pool, "updated_at", report, row,
                              R_UPDATED);
    ngx_http_dicom_write_time(w, r->pool, "finalized_at", report, row,
                              R_FINALIZED);

    ngx_dicom_json_key(w, "addenda");
    ngx_dicom_json_array(w);

    for (i = 0; i < PQntuples(addenda); i++) {

        if (ngx_strcmp(PQgetvalue(addenda, i, A_REPORT),
                       PQgetvalue(report, row, R_ID))
            != 0)
        {
            continue;
        }

        ngx_dicom_json_object(w);
        ngx_http_dicom_write_text(w, "id", addenda, i, A_ID);
        ngx_http_dicom_write_text(w, "text", addenda, i, A_TEXT);
        ngx_http_dicom_write_author(w, addenda, i, A_AUTHOR, A_AUTHOR_NAME);
        ngx_http_dicom_write_time(w, r->pool, "created_at", addenda, i,
                                  A_CREATED);
        ngx_dicom_json_end_object(w);
    }

    ngx_dicom_json_end_array(w);
}


static void
ngx_http_dicom_write_versions(ngx_http_request_t *r,
    ngx_dicom_json_writer_t *w, PGresult *versions)
{
    int  i;

    ngx_dicom_json_key(w, "versions");
    ngx_dicom_json_array(w);

    for (i = 0; i < PQntuples(versions); i++) {
        ngx_dicom_json_object(w);
        ngx_http_dicom_write_number(w, "version", versions, i, V_VERSION);
        ngx_http_dicom_write_author(w, versions, i, V_AUTHOR, V_AUTHOR_NAME);
        ngx_http_dicom_write_time(w, r->pool, "at", versions, i, V_CREATED);
        ngx_dicom_json_end_object(w);
    }

    ngx_dicom_json_end_array(w);
}


static void
ngx_http_dicom_write_author(ngx_dicom_json_writer_t *w, PGresult *res, int row,
    int id, int name)
{
    ngx_dicom_json_key(w, "author");
    ngx_dicom_json_object(w);
    ngx_http_dicom_write_text(w, "id", res, row, id);
    ngx_http_dicom_write_text(w, "name", res, row, name);
    ngx_dicom_json_end_object(w);
}
