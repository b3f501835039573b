
/*
 * Radiology reports: drafts, finalisation, addenda.
 *
 * A draft is rewritten by its author; a final text never changes, which the
 * statements enforce as well (their WHERE asks for a draft).  Each text ever
 * saved stays in the history.  Author and time come from the token and the
 * database, never from the client.
 */


#include <openssl/evp.h>

#include "ngx_http_dicom_facility.h"
#include "ngx_http_dicom_record.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_route.h"
#include "ngx_dicom_uid.h"


#define NGX_HTTP_DICOM_MAX_REPORT  100000      /* bytes */

/* columns of REPORT_COLUMNS */
enum {
    R_ID = 0, R_STUDY, R_STATUS, R_TEXT, R_AUTHOR, R_AUTHOR_NAME, R_VERSION,
    R_CREATED, R_UPDATED, R_FINALIZED, R_CREATED_AS
};

/* columns of the addenda and of the history */
enum { A_ID = 0, A_TEXT, A_AUTHOR, A_AUTHOR_NAME, A_CREATED, A_REPORT };
enum { V_VERSION = 0, V_AUTHOR, V_AUTHOR_NAME, V_CREATED };

/* steps of the transactions that make something */
enum { MAKE_PARENT = 0, MAKE_INSERT, MAKE_COMPARE };


typedef struct {
    ngx_str_t                  text;
    ngx_str_t                  id_given;
    char                      *id;
    char                      *user;
    char                       hash[2 * EVP_MAX_MD_SIZE + 1];
    int64_t                    version;      /* If-Match; -1: any */
    ngx_http_dicom_page_t      page;
} ngx_http_dicom_report_t;


static ngx_int_t ngx_http_dicom_report_bind(ngx_http_request_t *r,
    ngx_http_dicom_report_t *report);
static ngx_int_t ngx_http_dicom_report_identify(ngx_http_request_t *r,
    ngx_http_dicom_report_t *report, const char *parent);
static ngx_int_t ngx_http_dicom_report_param(ngx_http_request_t *r,
    const char **id);
static ngx_int_t ngx_http_dicom_report_not_found(ngx_http_request_t *r);
static const char *ngx_http_dicom_report_drafts(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_report_read_steps(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q, const char *id);

static ngx_int_t ngx_http_dicom_report_list_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_report_list_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_report_create_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_report_create_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_report_get_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_report_change(ngx_http_request_t *r,
    ngx_http_dicom_report_t *report, const char *event);
static ngx_int_t ngx_http_dicom_report_change_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_report_change_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_report_addendum_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_report_addendum_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_report_reread(ngx_http_request_t *r,
    const char *id);

static ngx_int_t ngx_http_dicom_report_is_final(PGresult *res);
static ngx_int_t ngx_http_dicom_report_reply(ngx_http_request_t *r,
    ngx_uint_t status, PGresult *report, PGresult *addenda,
    PGresult *versions);
static void ngx_http_dicom_write_report(ngx_http_request_t *r,
    ngx_dicom_json_writer_t *w, PGresult *report, int row, PGresult *addenda);
static void ngx_http_dicom_write_versions(ngx_http_request_t *r,
    ngx_dicom_json_writer_t *w, PGresult *versions);
static void ngx_http_dicom_write_author(ngx_dicom_json_writer_t *w,
    PGresult *res, int row, int id, int name);


static const ngx_dicom_field_t  ngx_http_dicom_report_fields[] = {

    { ngx_string("text"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED, 1,
      NGX_HTTP_DICOM_MAX_REPORT, offsetof(ngx_http_dicom_report_t, text) },

    { ngx_string("id"), NGX_DICOM_F_UUID, 0, 36, 36,
      offsetof(ngx_http_dicom_report_t, id_given) },

    ngx_dicom_null_field
};

/* a text that replaces another brings no id */
static const ngx_dicom_field_t  ngx_http_dicom_report_text_fields[] = {

    { ngx_string("text"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED, 1,
      NGX_HTTP_DICOM_MAX_REPORT, offsetof(ngx_http_dicom_report_t, text) },

    ngx_dicom_null_field
};

static const char *const  ngx_http_dicom_list_args[] = {
    "limit", "cursor", NULL
};

static const char  ngx_http_dicom_no_study[] = "There is no such study here.";


/* GET /api/v1/studies/{uid}/reports */

ngx_int_t
ngx_http_dicom_report_list(ngx_http_request_t *r)
{
    char                      limit[24];
    ngx_int_t                 rc;
    const char               *uid, *last;
    ngx_dicom_db_step_t      *step;
    ngx_dicom_db_query_t     *q;
    ngx_http_dicom_report_t  *report;

    rc = ngx_http_dicom_uid_param(r, "study-not-found",
                                  ngx_http_dicom_no_study, &uid);
    if (rc != NGX_OK) {
        return rc;
    }

    report = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_report_t));
    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (report == NULL || q == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_args_known(r, ngx_http_dicom_list_args);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_page(r, &report->page, 1);
    if (rc != NGX_OK) {
        return rc;
    }

    last = NULL;

    if (report->page.nkeys) {

        if (ngx_dicom_uuid_check(&report->page.keys[0]) != NGX_OK) {
            return ngx_http_dicom_problem(r, NGX_HTTP_BAD_REQUEST,
                                          "invalid-parameter",
                                          "The cursor is not one that this "
                                          "list gave.", NULL);
        }

        last = (char *) report->page.keys[0].data;
    }

    (void) snprintf(limit, sizeof(limit), "%lu",
                    (unsigned long) report->page.limit + 1);

    step = ngx_dicom_db_step(q, NGX_DICOM_STMT_STUDY_CHECK, 1, uid);
    if (step == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    step->check = ngx_http_dicom_report_list_check;

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_LIST, 4, uid,
                          ngx_http_dicom_report_drafts(r), last, limit)
        == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_LIST_ADDENDA, 1, uid)
           == NULL
        || ngx_http_dicom_audit(r, q, "report-read", uid, uid, NULL)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_dicom_ctx(r)->data = report;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_report_list_done);
}


static ngx_int_t
ngx_http_dicom_report_list_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    return PQntuples(res) ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_dicom_report_list_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    int                       row, rows;
    PGresult                 *res;
    ngx_str_t                 key, next;
    ngx_dicom_db_step_t      *steps;
    ngx_dicom_json_writer_t  *w;
    ngx_http_dicom_report_t  *report;

    if (q->status != NGX_DICOM_DB_OK) {
        return ngx_http_dicom_problem(r, NGX_HTTP_NOT_FOUND, "study-not-found",
                                      ngx_http_dicom_no_study, NULL);
    }

    report = ngx_http_dicom_ctx(r)->data;
    steps = q->steps.elts;
    res = steps[1].result;

    w = ngx_dicom_json_writer(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rows = ngx_min(PQntuples(res), (int) report->page.limit);

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


/* POST /api/v1/studies/{uid}/reports */

ngx_int_t
ngx_http_dicom_report_create(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    const char               *uid;
    ngx_uint_t                i;
    ngx_dicom_db_step_t      *steps;
    ngx_dicom_db_query_t     *q;
    ngx_http_dicom_report_t  *report;

    rc = ngx_http_dicom_uid_param(r, "study-not-found",
                                  ngx_http_dicom_no_study, &uid);
    if (rc != NGX_OK) {
        return rc;
    }

    report = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_report_t));
    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (report == NULL || q == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_report_bind(r, report);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_dicom_report_identify(r, report, uid) != NGX_OK
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_STUDY_CHECK, 1, uid) == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_INSERT, 6, report->id,
                             uid, (char *) report->text.data, report->user,
                             ngx_http_dicom_user_name(r), report->hash)
           == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_GET, 2, report->id,
                             "true")
           == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_KEEP, 1, report->id)
           == NULL
        || ngx_http_dicom_audit(r, q, "report-create", report->id, uid, NULL)
           != NGX_OK
        || ngx_http_dicom_report_read_steps(r, q, report->id) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    steps = q->steps.elts;

    for (i = MAKE_PARENT; i <= MAKE_COMPARE; i++) {
        steps[i].check = ngx_http_dicom_report_create_check;
    }

    ngx_http_dicom_ctx(r)->data = report;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_report_create_done);
}


static ngx_int_t
ngx_http_dicom_report_create_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    ngx_http_dicom_report_t  *report;

    switch (step) {

    case MAKE_PARENT:
        return PQntuples(res) ? NGX_OK : NGX_DECLINED;

    case MAKE_INSERT:
        return PQntuples(res) ? NGX_AGAIN : NGX_OK;

    default: /* MAKE_COMPARE */
        report = ngx_http_dicom_ctx((ngx_http_request_t *) q->data)->data;

        return (PQntuples(res)
                && ngx_strcmp(PQgetvalue(res, 0, R_CREATED_AS), report->hash)
                   == 0)
               ? NGX_DONE : NGX_DECLINED;
    }
}


static ngx_int_t
ngx_http_dicom_report_create_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q)
{
    ngx_dicom_db_step_t      *steps;
    ngx_http_dicom_report_t  *report;

    report = ngx_http_dicom_ctx(r)->data;
    steps = q->steps.elts;

    if (q->status == NGX_DICOM_DB_OK) {

        if (PQntuples(steps[MAKE_INSERT].result) == 0) {
            return ngx_http_dicom_report_reread(r, report->id);
        }

        return ngx_http_dicom_report_reply(r, NGX_HTTP_CREATED,
                                           steps[5].result, steps[6].result,
                                           steps[7].result);
    }

    if (q->status == NGX_DICOM_DB_ROLLED_BACK && q->step == MAKE_COMPARE) {
        return ngx_http_dicom_problem(r, NGX_HTTP_CONFLICT, "id-conflict",
                                      "The id belongs to another report.",
                                      NULL);
    }

    return ngx_http_dicom_problem(r, NGX_HTTP_NOT_FOUND, "study-not-found",
                                  ngx_http_dicom_no_study, NULL);
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
        || ngx_http_dicom_audit(r, q, "report-read", id, NULL, id) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    steps = q->steps.elts;
    steps[0].check = ngx_http_dicom_report_list_check;

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


/* PUT /api/v1/reports/{id} */

ngx_int_t
ngx_http_dicom_report_put(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_array_t              *errors;
    ngx_http_dicom_report_t  *report;

    report = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_report_t));
    errors = ngx_array_create(r->pool, 4, sizeof(ngx_dicom_json_error_t));

    if (report == NULL || errors == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_dicom_json_bind(r->pool, ngx_http_dicom_ctx(r)->body,
                             ngx_http_dicom_report_text_fields, report, "",
                             errors);

    if (rc == NGX_DECLINED) {
        return ngx_http_dicom_problem(r, 422, "validation-failed", NULL,
                                      errors);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_report_change(r, report, "report-change");
}


/* POST /api/v1/reports/{id}/finalize */

ngx_int_t
ngx_http_dicom_report_finalize(ngx_http_request_t *r)
{
    ngx_http_dicom_report_t  *report;

    report = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_report_t));
    if (report == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_report_change(r, report, "report-final");
}


/* A new text for a draft; without one, the end of its being a draft. */

static ngx_int_t
ngx_http_dicom_report_change(ngx_http_request_t *r,
    ngx_http_dicom_report_t *report, const char *event)
{
    char                  *text;
    ngx_int_t              rc;
    const char            *id;
    ngx_dicom_db_step_t   *steps, *step;
    ngx_dicom_db_query_t  *q;

    rc = ngx_http_dicom_report_param(r, &id);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_if_match_read(r, &report->version);
    if (rc != NGX_OK) {
        return rc;
    }

    q = ngx_dicom_db_query(r->pool, r->connection->log);
    report->user = ngx_http_dicom_user(r);

    if (q == NULL || report->user == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_GET, 2, id, "true")
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (report->text.data) {
        text = ngx_http_dicom_cstring(r->pool, &report->text);
        if (text == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        step = ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_UPDATE, 2, id, text);

    } else {
        step = ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_FINALIZE, 1, id);
    }

    if (step == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_KEEP, 1, id) == NULL
        || ngx_http_dicom_audit(r, q, event, id, NULL, id) != NGX_OK
        || ngx_http_dicom_report_read_steps(r, q, id) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    steps = q->steps.elts;
    steps[0].check = ngx_http_dicom_report_change_check;

    ngx_http_dicom_ctx(r)->data = report;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_report_change_done);
}


static ngx_int_t
ngx_http_dicom_report_change_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    ngx_http_dicom_report_t  *report;

    report = ngx_http_dicom_ctx((ngx_http_request_t *) q->data)->data;

    if (PQntuples(res) == 0
        || ngx_http_dicom_report_is_final(res)
        || ngx_strcasecmp((u_char *) PQgetvalue(res, 0, R_AUTHOR),
                          (u_char *) report->user)
           != 0)
    {
        return NGX_DECLINED;
    }

    return (report->version == -1
            || report->version == ngx_http_dicom_column(res, 0, R_VERSION))
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_dicom_report_change_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q)
{
    PGresult                 *res;
    ngx_dicom_db_step_t      *steps;
    ngx_http_dicom_report_t  *report;

    report = ngx_http_dicom_ctx(r)->data;
    steps = q->steps.elts;
    res = steps[0].result;

    if (q->status == NGX_DICOM_DB_OK) {
        return ngx_http_dicom_report_reply(r, NGX_HTTP_OK, steps[4].result,
                                           steps[5].result, steps[6].result);
    }

    if (q->status != NGX_DICOM_DB_ROLLED_BACK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (PQntuples(res) == 0) {
        return ngx_http_dicom_report_not_found(r);
    }

    if (ngx_http_dicom_report_is_final(res)) {
        return ngx_http_dicom_problem(r, NGX_HTTP_CONFLICT, "report-final",
                                      "A final report is not changed any "
                                      "more; add an addendum.", NULL);
    }

    if (ngx_strcasecmp((u_char *) PQgetvalue(res, 0, R_AUTHOR),
                       (u_char *) report->user)
        != 0)
    {
        return ngx_http_dicom_problem(r, NGX_HTTP_FORBIDDEN, "not-author",
                                      "A draft is changed and finalised by "
                                      "its author.", NULL);
    }

    return ngx_http_dicom_if_match(r,
                                   ngx_http_dicom_column(res, 0, R_VERSION));
}


/* POST /api/v1/reports/{id}/addenda */

ngx_int_t
ngx_http_dicom_report_addendum(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    const char               *id;
    ngx_uint_t                i;
    ngx_dicom_db_step_t      *steps;
    ngx_dicom_db_query_t     *q;
    ngx_http_dicom_report_t  *report;

    rc = ngx_http_dicom_report_param(r, &id);
    if (rc != NGX_OK) {
        return rc;
    }

    report = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_report_t));
    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (report == NULL || q == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_report_bind(r, report);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_dicom_report_identify(r, report, id) != NGX_OK
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_GET, 2, id, "true")
           == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_ADDENDUM, 6, report->id,
                             id, (char *) report->text.data, report->user,
                             ngx_http_dicom_user_name(r), report->hash)
           == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_ADDENDUM_GET, 1,
                             report->id)
           == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_TOUCH, 1, id) == NULL
        || ngx_http_dicom_audit(r, q, "report-addendum", id, NULL, id)
           != NGX_OK
        || ngx_http_dicom_report_read_steps(r, q, id) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    steps = q->steps.elts;

    for (i = MAKE_PARENT; i <= MAKE_COMPARE; i++) {
        steps[i].check = ngx_http_dicom_report_addendum_check;
    }

    ngx_http_dicom_ctx(r)->data = report;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_report_addendum_done);
}


static ngx_int_t
ngx_http_dicom_report_addendum_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    ngx_http_dicom_report_t  *report;

    switch (step) {

    case MAKE_PARENT:
        return (PQntuples(res) && ngx_http_dicom_report_is_final(res))
               ? NGX_OK : NGX_DECLINED;

    case MAKE_INSERT:
        return PQntuples(res) ? NGX_AGAIN : NGX_OK;

    default: /* MAKE_COMPARE */
        report = ngx_http_dicom_ctx((ngx_http_request_t *) q->data)->data;

        return (PQntuples(res)
                && ngx_strcmp(PQgetvalue(res, 0, 1), report->hash) == 0)
               ? NGX_DONE : NGX_DECLINED;
    }
}


static ngx_int_t
ngx_http_dicom_report_addendum_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q)
{
    ngx_dicom_db_step_t   *steps;
    ngx_http_dicom_ctx_t  *ctx;

    ctx = ngx_http_dicom_ctx(r);
    steps = q->steps.elts;

    if (q->status == NGX_DICOM_DB_OK) {

        if (PQntuples(steps[MAKE_INSERT].result) == 0) {
            return ngx_http_dicom_report_reread(r,
                                                (char *) ctx->params[0].data);
        }

        return ngx_http_dicom_report_reply(r, NGX_HTTP_CREATED,
                                           steps[5].result, steps[6].result,
                                           steps[7].result);
    }

    if (q->status != NGX_DICOM_DB_ROLLED_BACK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (q->step == MAKE_COMPARE) {
        return ngx_http_dicom_problem(r, NGX_HTTP_CONFLICT, "id-conflict",
                                      "The id belongs to another addendum.",
                                      NULL);
    }

    if (PQntuples(steps[MAKE_PARENT].result) == 0) {
        return ngx_http_dicom_report_not_found(r);
    }

    return ngx_http_dicom_problem(r, NGX_HTTP_CONFLICT, "report-draft",
                                  "Only a final report takes addenda.", NULL);
}


/* The answer to a request that was repeated: the report as it is now. */

static ngx_int_t
ngx_http_dicom_report_reread(ngx_http_request_t *r, const char *id)
{
    ngx_dicom_db_query_t  *q;

    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (q == NULL || ngx_http_dicom_report_read_steps(r, q, id) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_report_get_done);
}


static ngx_int_t
ngx_http_dicom_report_bind(ngx_http_request_t *r,
    ngx_http_dicom_report_t *report)
{
    ngx_int_t     rc;
    ngx_array_t  *errors;

    errors = ngx_array_create(r->pool, 4, sizeof(ngx_dicom_json_error_t));
    if (errors == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_dicom_json_bind(r->pool, ngx_http_dicom_ctx(r)->body,
                             ngx_http_dicom_report_fields, report, "", errors);

    if (rc == NGX_DECLINED) {
        return ngx_http_dicom_problem(r, 422, "validation-failed", NULL,
                                      errors);
    }

    return (rc == NGX_OK) ? NGX_OK : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/* Id, author, and the hash by which a repeated request is known again. */

static ngx_int_t
ngx_http_dicom_report_identify(ngx_http_request_t *r,
    ngx_http_dicom_report_t *report, const char *parent)
{
    u_char       hash[EVP_MAX_MD_SIZE];
    ngx_int_t    rc;
    ngx_str_t    id;
    EVP_MD_CTX  *md;

    if (report->id_given.data) {
        id = report->id_given;

    } else if (ngx_dicom_uuid(r->pool, &id) != NGX_OK) {
        return NGX_ERROR;
    }

    report->id = ngx_http_dicom_cstring(r->pool, &id);
    report->user = ngx_http_dicom_user(r);
    report->text.data = (u_char *) ngx_http_dicom_cstring(r->pool,
                                                          &report->text);

    if (report->id == NULL || report->user == NULL
        || report->text.data == NULL)
    {
        return NGX_ERROR;
    }

    ngx_strlow((u_char *) report->id, (u_char *) report->id, id.len);

    md = EVP_MD_CTX_new();
    if (md == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;

    if (EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1
        && EVP_DigestUpdate(md, parent, ngx_strlen(parent) + 1) == 1
        && EVP_DigestUpdate(md, report->user, ngx_strlen(report->user) + 1)
           == 1
        && EVP_DigestUpdate(md, report->text.data, report->text.len) == 1
        && EVP_DigestFinal_ex(md, hash, NULL) == 1)
    {
        *ngx_hex_dump((u_char *) report->hash, hash, 32) = '\0';
        rc = NGX_OK;
    }

    EVP_MD_CTX_free(md);

    return rc;
}


static ngx_int_t
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


static ngx_int_t
ngx_http_dicom_report_not_found(ngx_http_request_t *r)
{
    return ngx_http_dicom_problem(r, NGX_HTTP_NOT_FOUND, "report-not-found",
                                  "There is no such report here.", NULL);
}


/* Who is no physician sees final reports only. */

static const char *
ngx_http_dicom_report_drafts(ngx_http_request_t *r)
{
    return (ngx_http_dicom_ctx(r)->claims.roles & NGX_DICOM_ROLE_PHYSICIAN)
           ? "true" : "false";
}


/* Three steps: the report, its addenda, its history. */

static ngx_int_t
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


static ngx_int_t
ngx_http_dicom_report_is_final(PGresult *res)
{
    return ngx_strcmp(PQgetvalue(res, 0, R_STATUS), "final") == 0;
}


static ngx_int_t
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
