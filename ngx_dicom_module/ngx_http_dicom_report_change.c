
/*
 * Radiology reports as they are written: drafts, finalisation, addenda.
 *
 * A draft is rewritten by its author: each text is one more version, and none
 * is ever overwritten.  A report is final when report_finals names a version;
 * the database does not let the servers' role change or remove any of it.
 * Author and time come from the token and the database, never from the client.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/evp.h>

#include "ngx_http_dicom_facility.h"
#include "ngx_http_dicom_audit.h"
#include "ngx_http_dicom_record.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_report.h"
#include "ngx_http_dicom_route.h"
#include "ngx_dicom_uid.h"


#define NGX_HTTP_DICOM_MAX_REPORT  100000      /* bytes */

/* steps of the transactions that make something, and of those that change */
enum { MAKE_PARENT = 0, MAKE_INSERT, MAKE_COMPARE };
enum { CHANGE_REPORT = 0, CHANGE_APPEND, CHANGE_FINALIZE, CHANGE_WORDS };

/* columns of REPORT_ADDENDUM_GET */
enum { D_REPORT = 0, D_CREATED_AS };


typedef struct {
    ngx_str_t                  text;
    ngx_str_t                  id_given;
    ngx_str_t                  event;        /* id of the audit event */
    char                      *id;
    char                      *user;
    char                       hash[2 * EVP_MAX_MD_SIZE + 1];
    int                        compare;      /* column of MAKE_COMPARE */
} ngx_http_dicom_report_t;


static ngx_int_t ngx_http_dicom_report_identify(ngx_http_request_t *r,
    ngx_http_dicom_report_t *report, const char *parent);
static ngx_int_t ngx_http_dicom_report_make(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q, ngx_http_dicom_report_t *report,
    ngx_dicom_db_check_pt check,
    ngx_int_t (*done)(ngx_http_request_t *r, ngx_dicom_db_query_t *q));
static ngx_int_t ngx_http_dicom_report_make_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_report_made(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q, const char *id);
static ngx_int_t ngx_http_dicom_report_final_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_report_create_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_report_change(ngx_http_request_t *r,
    ngx_http_dicom_report_t *report, const char *event);
static ngx_int_t ngx_http_dicom_report_change_steps(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q, ngx_http_dicom_report_t *report, const char *id);
static ngx_int_t ngx_http_dicom_report_change_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_report_change_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_report_addendum_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_report_is_final(PGresult *res);
static ngx_int_t ngx_http_dicom_report_answer(ngx_http_request_t *r,
    ngx_uint_t status, ngx_dicom_db_query_t *q);


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


/* POST /api/v1/studies/{uid}/reports */

ngx_int_t
ngx_http_dicom_report_create(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    const char               *uid;
    ngx_dicom_db_query_t     *q;
    ngx_http_dicom_report_t  *report;

    rc = ngx_http_dicom_uid_param(r, ngx_http_dicom_no_study, &uid);
    if (rc != NGX_OK) {
        return rc;
    }

    report = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_report_t));
    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (report == NULL || q == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_bind(r, ngx_http_dicom_report_fields, report);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_dicom_report_identify(r, report, uid) != NGX_OK
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_STUDY_CHECK, 1, uid) == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_INSERT, 5, report->id,
                             uid, report->user, ngx_http_dicom_user_name(r),
                             report->hash)
           == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_GET, 2, report->id,
                             "true")
           == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_APPEND, 2, report->id,
                             (char *) report->text.data)
           == NULL
        || ngx_http_dicom_audit(r, q, "report-create", report->id, uid, NULL)
           != NGX_OK
        || ngx_http_dicom_report_read_steps(r, q, report->id) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    report->compare = R_CREATED_AS;

    return ngx_http_dicom_report_make(r, q, report, ngx_http_dicom_some_rows,
                                      ngx_http_dicom_report_create_done);
}


static ngx_int_t
ngx_http_dicom_report_create_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q)
{
    ngx_http_dicom_report_t  *report;

    report = ngx_http_dicom_ctx(r)->data;

    if (q->status == NGX_DICOM_DB_OK) {
        return ngx_http_dicom_report_made(r, q, report->id);
    }

    if (q->status == NGX_DICOM_DB_ROLLED_BACK && q->step == MAKE_COMPARE) {
        return ngx_http_dicom_problem(r, NGX_HTTP_CONFLICT, "id-conflict",
                                      "The id belongs to another report.",
                                      NULL);
    }

    return ngx_http_dicom_no_study(r);
}


/* Runs what makes a report or an addendum: a parent that check finds fit,
   then the new row, or a look at the one whose id it has. */

static ngx_int_t
ngx_http_dicom_report_make(ngx_http_request_t *r, ngx_dicom_db_query_t *q,
    ngx_http_dicom_report_t *report, ngx_dicom_db_check_pt check,
    ngx_int_t (*done)(ngx_http_request_t *r, ngx_dicom_db_query_t *q))
{
    ngx_dicom_db_step_t  *steps;

    steps = q->steps.elts;
    steps[MAKE_PARENT].check = check;
    steps[MAKE_INSERT].check = ngx_http_dicom_report_make_check;
    steps[MAKE_COMPARE].check = ngx_http_dicom_report_make_check;

    ngx_http_dicom_ctx(r)->data = report;

    return ngx_http_dicom_query(r, q, done);
}


static ngx_int_t
ngx_http_dicom_report_make_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    ngx_http_dicom_report_t  *report;

    if (step == MAKE_INSERT) {
        return PQntuples(res) ? NGX_AGAIN : NGX_OK;
    }

    report = ngx_http_dicom_ctx((ngx_http_request_t *) q->data)->data;

    return (PQntuples(res)
            && ngx_strcmp(PQgetvalue(res, 0, report->compare), report->hash)
               == 0)
           ? NGX_DONE : NGX_DECLINED;
}


/* Answers with the report; id is its id, for a request that was repeated. */

static ngx_int_t
ngx_http_dicom_report_made(ngx_http_request_t *r, ngx_dicom_db_query_t *q,
    const char *id)
{
    ngx_dicom_db_step_t  *steps;

    steps = q->steps.elts;

    if (PQntuples(steps[MAKE_INSERT].result) == 0) {
        return ngx_http_dicom_report_reread(r, id);
    }

    return ngx_http_dicom_report_answer(r, NGX_HTTP_CREATED, q);
}


/* What the last three steps read. */

static ngx_int_t
ngx_http_dicom_report_answer(ngx_http_request_t *r, ngx_uint_t status,
    ngx_dicom_db_query_t *q)
{
    ngx_dicom_db_step_t  *steps;

    steps = q->steps.elts;
    steps += q->steps.nelts - 3;

    return ngx_http_dicom_report_reply(r, status, steps[0].result,
                                       steps[1].result, steps[2].result);
}


/* PUT /api/v1/reports/{id} */

ngx_int_t
ngx_http_dicom_report_put(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_dicom_report_t  *report;

    report = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_report_t));
    if (report == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_bind(r, ngx_http_dicom_report_text_fields, report);
    if (rc != NGX_OK) {
        return rc;
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
    ngx_int_t              rc;
    const char            *id;
    ngx_dicom_audit_t      e;
    ngx_dicom_db_step_t   *steps;
    ngx_dicom_db_query_t  *q;

    rc = ngx_http_dicom_report_param(r, &id);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_needs_match(r);
    if (rc != NGX_OK) {
        return rc;
    }

    q = ngx_dicom_db_query(r->pool, r->connection->log);
    report->user = ngx_http_dicom_user(r);

    ngx_http_dicom_audit_of(r, &e, event, id, NULL, id);

    if (q == NULL || report->user == NULL
        || ngx_dicom_uuid(r->pool, &report->event) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    e.id = report->event;

    if (ngx_http_dicom_report_change_steps(r, q, report, id) != NGX_OK
        || ngx_http_dicom_audit_step(r, q, &e) != NGX_OK
        || ngx_http_dicom_report_read_steps(r, q, id) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    steps = q->steps.elts;
    steps[CHANGE_REPORT].check = ngx_http_dicom_report_change_check;

    ngx_http_dicom_ctx(r)->data = report;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_report_change_done);
}


static ngx_int_t
ngx_http_dicom_report_change_steps(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q, ngx_http_dicom_report_t *report, const char *id)
{
    char  *text = NULL;

    if (report->text.data) {
        text = ngx_http_dicom_cstring(r->pool, &report->text);
        if (text == NULL) {
            return NGX_ERROR;
        }
    }

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_CHANGE, 2, id,
                          report->event.data)
        == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_APPEND, 2, id, text)
           == NULL)
    {
        return NGX_ERROR;
    }

    if (text) {
        return NGX_OK;
    }

    /* the check fills the words in, when it has seen the text */

    return ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_FINALIZE, 1, id)
           && ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_WORDS, 2, id, NULL)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_dicom_report_change_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    ngx_str_t                 text;
    const char               *words;
    ngx_dicom_db_step_t      *steps;
    ngx_http_dicom_report_t  *report;

    report = ngx_http_dicom_ctx((ngx_http_request_t *) q->data)->data;

    if (PQntuples(res) && *PQgetvalue(res, 0, R_DONE) == 't') {
        return NGX_DONE;
    }

    if (PQntuples(res) == 0
        || ngx_http_dicom_report_is_final(res)
        || ngx_strcasecmp((u_char *) PQgetvalue(res, 0, R_AUTHOR),
                          (u_char *) report->user)
           != 0)
    {
        return NGX_DECLINED;
    }

    if (!ngx_http_dicom_matches(q->data,
                                ngx_http_dicom_column(res, 0, R_VERSION)))
    {
        return NGX_DECLINED;
    }

    if (report->text.data) {
        return NGX_OK;
    }

    text.data = (u_char *) PQgetvalue(res, 0, R_TEXT);
    text.len = PQgetlength(res, 0, R_TEXT);

    words = ngx_http_dicom_report_words(q->pool, &text, 1);
    steps = q->steps.elts;

    return words ? ngx_dicom_db_param(q, &steps[CHANGE_WORDS], 1, words)
                 : NGX_ERROR;
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

        /* only the answer to its COMMIT had been lost */

        if (steps[CHANGE_APPEND].result == NULL) {
            return ngx_http_dicom_report_reread(r, PQgetvalue(res, 0, R_ID));
        }

        return ngx_http_dicom_report_answer(r, NGX_HTTP_OK, q);
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
        return ngx_http_dicom_refuse(r, "not-author",
                                     "A draft is changed and finalised by its "
                                     "author.");
    }

    return ngx_http_dicom_if_match(r,
                                   ngx_http_dicom_column(res, 0, R_VERSION));
}


/* POST /api/v1/reports/{id}/addenda */

ngx_int_t
ngx_http_dicom_report_addendum(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    const char               *id, *words;
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

    rc = ngx_http_dicom_bind(r, ngx_http_dicom_report_fields, report);
    if (rc != NGX_OK) {
        return rc;
    }

    words = ngx_http_dicom_report_words(r->pool, &report->text, 0);

    if (words == NULL
        || ngx_http_dicom_report_identify(r, report, id) != NGX_OK
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_GET, 2, id, "true")
           == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_ADDENDUM, 6, report->id,
                             id, (char *) report->text.data, report->user,
                             ngx_http_dicom_user_name(r), report->hash)
           == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_ADDENDUM_GET, 1,
                             report->id)
           == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_REPORT_WORDS, 2, id, words)
           == NULL
        || ngx_http_dicom_audit(r, q, "report-addendum", id, NULL, id)
           != NGX_OK
        || ngx_http_dicom_report_read_steps(r, q, id) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    report->compare = D_CREATED_AS;

    return ngx_http_dicom_report_make(r, q, report,
                                      ngx_http_dicom_report_final_check,
                                      ngx_http_dicom_report_addendum_done);
}


static ngx_int_t
ngx_http_dicom_report_final_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    return (PQntuples(res) && ngx_http_dicom_report_is_final(res))
           ? NGX_OK : NGX_DECLINED;
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
        return ngx_http_dicom_report_made(r, q, (char *) ctx->params[0].data);
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
ngx_http_dicom_report_is_final(PGresult *res)
{
    return ngx_strcmp(PQgetvalue(res, 0, R_STATUS), "final") == 0;
}
