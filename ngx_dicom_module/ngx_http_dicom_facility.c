
/*
 * Studies and series of a facility: one in detail, and its removal.
 */


#include "ngx_http_dicom_facility.h"
#include "ngx_http_dicom_audit.h"
#include "ngx_http_dicom_record.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_route.h"
#include "ngx_dicom_uid.h"


/* version of a study: rises with what is removed, then with what is added */
#define NGX_HTTP_DICOM_VERSIONS   10000000

/* columns of STUDY_SERIES and SERIES_GET */
enum {
    E_UID = 0, E_NUMBER, E_MODALITY, E_DESCRIPTION, E_BODY_PART, E_STUDY,
    E_VERSION
};

/* columns of STUDY_INSTANCES and SERIES_INSTANCES */
enum {
    I_UID = 0, I_SERIES, I_NUMBER, I_SOP_CLASS, I_SYNTAX, I_FRAMES, I_HEIGHT,
    I_WIDTH, I_SIZE, I_MD5, I_LOCATION, I_ASSIGNED
};

/* steps of a removal */
enum { REMOVAL_DONE = 0, REMOVAL_OF, REMOVAL_INSTANCES, REMOVAL_AUDIT };


static ngx_int_t ngx_http_dicom_removal(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q, ngx_dicom_audit_t *e, const char *name,
    const char *uid, const char *study);
static ngx_int_t ngx_http_dicom_study_get_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_study_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_study_delete_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_series_get_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_series_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_series_removal_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_series_delete_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);

static ngx_int_t ngx_http_dicom_no_series(ngx_http_request_t *r);
static int64_t ngx_http_dicom_study_version(PGresult *res);
static int64_t ngx_http_dicom_series_version(PGresult *series,
    PGresult *instances);
static void ngx_http_dicom_write_modalities(ngx_dicom_json_writer_t *w,
    char *list);
static void ngx_http_dicom_write_series(ngx_http_request_t *r,
    ngx_dicom_json_writer_t *w, PGresult *series, int row,
    PGresult *instances);
static void ngx_http_dicom_write_instance(ngx_http_request_t *r,
    ngx_dicom_json_writer_t *w, PGresult *res, int row);


static const char *const  ngx_http_dicom_no_args[] = { NULL };


/* GET /api/v1/studies/{uid} */

ngx_int_t
ngx_http_dicom_study_get(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    const char            *uid;
    ngx_dicom_db_query_t  *q;

    rc = ngx_http_dicom_args_known(r, ngx_http_dicom_no_args);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_uid_param(r, ngx_http_dicom_no_study, &uid);
    if (rc != NGX_OK) {
        return rc;
    }

    q = ngx_dicom_db_query(r->pool, r->connection->log);
    if (q == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_STUDY_GET, 1, uid) == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_STUDY_SERIES, 1, uid) == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_STUDY_INSTANCES, 1, uid)
           == NULL
        || ngx_http_dicom_audit_read(r, "study-read", uid, uid, NULL) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* all in one round trip */

    q->read_only = 1;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_study_get_done);
}


static ngx_int_t
ngx_http_dicom_study_get_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    int                       row;
    ngx_dicom_db_step_t      *steps;
    ngx_dicom_json_writer_t  *w;

    steps = q->steps.elts;

    if (q->status != NGX_DICOM_DB_OK || PQntuples(steps[0].result) == 0) {
        return ngx_http_dicom_no_study(r);
    }

    w = ngx_dicom_json_writer(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_dicom_json_object(w);
    ngx_http_dicom_write_study(r, w, steps[0].result, 0);
    ngx_dicom_json_key(w, "series");
    ngx_dicom_json_array(w);

    for (row = 0; row < PQntuples(steps[1].result); row++) {
        ngx_dicom_json_object(w);
        ngx_http_dicom_write_series(r, w, steps[1].result, row,
                                    steps[2].result);
        ngx_dicom_json_end_object(w);
    }

    ngx_dicom_json_end_array(w);
    ngx_dicom_json_end_object(w);

    return ngx_http_dicom_reply_json(r, NGX_HTTP_OK, w,
                               ngx_http_dicom_study_version(steps[0].result),
                               NULL);
}


/* DELETE /api/v1/studies/{uid} */

ngx_int_t
ngx_http_dicom_study_delete(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    const char            *uid;
    ngx_dicom_audit_t      e;
    ngx_dicom_db_step_t   *step;
    ngx_dicom_db_query_t  *q;

    rc = ngx_http_dicom_uid_param(r, ngx_http_dicom_no_study, &uid);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_needs_match(r);
    if (rc != NGX_OK) {
        return rc;
    }

    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (q == NULL
        || ngx_http_dicom_removal(r, q, &e, "study-delete", uid, uid)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    step = ngx_dicom_db_step(q, NGX_DICOM_STMT_STUDY_GET, 1, uid);
    if (step == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    step->check = ngx_http_dicom_study_check;

    if (ngx_http_dicom_audit_step(r, q, &e) != NGX_OK
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_DISCARDED_STUDY, 1, uid) == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_STUDY_DELETE, 1, uid) == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_study_delete_done);
}


/* Begins a removal: should the answer to its COMMIT be lost, the audit event
   tells the repetition that this was done. */

static ngx_int_t
ngx_http_dicom_removal(ngx_http_request_t *r, ngx_dicom_db_query_t *q,
    ngx_dicom_audit_t *e, const char *name, const char *uid,
    const char *study)
{
    ngx_str_t  id;

    ngx_http_dicom_audit_of(r, e, name, uid, study, NULL);

    if (ngx_dicom_uuid(r->pool, &id) != NGX_OK) {
        return NGX_ERROR;
    }

    e->id = id;

    return ngx_dicom_db_step(q, NGX_DICOM_STMT_REMOVAL_DONE, 1, id.data)
           ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_dicom_study_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    ngx_dicom_db_step_t  *steps;

    steps = q->steps.elts;

    if (PQntuples(steps[REMOVAL_DONE].result)) {
        return NGX_DONE;
    }

    if (PQntuples(res) == 0) {
        return NGX_DECLINED;
    }

    return ngx_http_dicom_matches(q->data, ngx_http_dicom_study_version(res))
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_dicom_study_delete_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q)
{
    ngx_dicom_db_step_t  *steps;

    steps = q->steps.elts;

    if (q->status == NGX_DICOM_DB_OK) {
        return ngx_http_dicom_reply_empty(r);
    }

    if (q->status == NGX_DICOM_DB_CONFLICT) {
        return ngx_http_dicom_problem(r, NGX_HTTP_CONFLICT,
                                      "study-has-reports",
                                      "A study with reports is not removed.",
                                      NULL);
    }

    if (PQntuples(steps[REMOVAL_OF].result) == 0) {
        return ngx_http_dicom_no_study(r);
    }

    return ngx_http_dicom_if_match(r,
                     ngx_http_dicom_study_version(steps[REMOVAL_OF].result));
}


/* GET /api/v1/series/{uid} */

ngx_int_t
ngx_http_dicom_series_get(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    const char            *uid;
    ngx_dicom_db_step_t   *step;
    ngx_dicom_db_query_t  *q;

    rc = ngx_http_dicom_args_known(r, ngx_http_dicom_no_args);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_uid_param(r, ngx_http_dicom_no_series, &uid);
    if (rc != NGX_OK) {
        return rc;
    }

    q = ngx_dicom_db_query(r->pool, r->connection->log);
    if (q == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    step = ngx_dicom_db_step(q, NGX_DICOM_STMT_SERIES_GET, 1, uid);
    if (step == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    step->check = ngx_http_dicom_series_check;

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_SERIES_INSTANCES, 1, uid) == NULL
        || ngx_http_dicom_audit_read(r, "series-read", uid, NULL, NULL)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_series_get_done);
}


/* The study is for the audit. */

static ngx_int_t
ngx_http_dicom_series_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    if (PQntuples(res) == 0) {
        return NGX_DECLINED;
    }

    ngx_http_dicom_ctx((ngx_http_request_t *) q->data)->note->study =
                                       ngx_dicom_db_value(res, 0, E_STUDY);

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_series_get_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    ngx_dicom_db_step_t      *steps;
    ngx_dicom_json_writer_t  *w;

    if (q->status != NGX_DICOM_DB_OK) {
        return ngx_http_dicom_no_series(r);
    }

    steps = q->steps.elts;

    w = ngx_dicom_json_writer(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_dicom_json_object(w);
    ngx_http_dicom_write_text(w, "study", steps[0].result, 0, E_STUDY);
    ngx_http_dicom_write_series(r, w, steps[0].result, 0, steps[1].result);
    ngx_dicom_json_end_object(w);

    return ngx_http_dicom_reply_json(r, NGX_HTTP_OK, w,
                               ngx_http_dicom_series_version(steps[0].result,
                                                             steps[1].result),
                               NULL);
}


/* DELETE /api/v1/series/{uid} */

ngx_int_t
ngx_http_dicom_series_delete(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    const char            *uid;
    ngx_dicom_audit_t      e;
    ngx_dicom_db_step_t   *steps;
    ngx_dicom_db_query_t  *q;

    rc = ngx_http_dicom_uid_param(r, ngx_http_dicom_no_series, &uid);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_needs_match(r);
    if (rc != NGX_OK) {
        return rc;
    }

    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (q == NULL
        || ngx_http_dicom_removal(r, q, &e, "series-delete", uid, NULL)
           != NGX_OK
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_SERIES_GET, 1, uid) == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_SERIES_INSTANCES, 1, uid)
           == NULL
        || ngx_http_dicom_audit_step(r, q, &e) != NGX_OK
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_SERIES_VERSION, 1, uid) == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_DISCARDED_SERIES, 1, uid) == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_SERIES_DELETE, 1, uid) == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    steps = q->steps.elts;
    steps[REMOVAL_OF].check = ngx_http_dicom_series_removal_check;
    steps[REMOVAL_INSTANCES].check = ngx_http_dicom_series_removal_check;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_series_delete_done);
}


/* One step finds the study for the audit, the next the version. */

static ngx_int_t
ngx_http_dicom_series_removal_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    ngx_str_t             study;
    const char           *array;
    ngx_dicom_db_step_t  *steps;

    steps = q->steps.elts;

    if (step == REMOVAL_OF) {

        if (PQntuples(steps[REMOVAL_DONE].result)) {
            return NGX_DONE;
        }

        if (PQntuples(res) == 0) {
            return NGX_DECLINED;
        }

        study = ngx_dicom_db_value(res, 0, E_STUDY);
        array = ngx_dicom_db_text_array(q->pool, &study, 1);

        return array ? ngx_dicom_db_param(q, &steps[REMOVAL_AUDIT],
                                          NGX_HTTP_DICOM_AUDIT_STUDY, array)
                     : NGX_ERROR;
    }

    return ngx_http_dicom_matches(q->data,
                                  ngx_http_dicom_series_version(
                                             steps[REMOVAL_OF].result, res))
           ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_dicom_series_delete_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q)
{
    ngx_dicom_db_step_t  *steps;

    steps = q->steps.elts;

    if (q->status == NGX_DICOM_DB_OK) {
        return ngx_http_dicom_reply_empty(r);
    }

    if (q->status == NGX_DICOM_DB_CONFLICT) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (PQntuples(steps[REMOVAL_OF].result) == 0) {
        return ngx_http_dicom_no_series(r);
    }

    return ngx_http_dicom_if_match(r,
              ngx_http_dicom_series_version(steps[REMOVAL_OF].result,
                                            steps[REMOVAL_INSTANCES].result));
}


static ngx_int_t
ngx_http_dicom_no_series(ngx_http_request_t *r)
{
    return ngx_http_dicom_problem(r, NGX_HTTP_NOT_FOUND, "series-not-found",
                                  "There is no such series here.", NULL);
}


static int64_t
ngx_http_dicom_study_version(PGresult *res)
{
    return ngx_http_dicom_column(res, 0, S_VERSION) * NGX_HTTP_DICOM_VERSIONS
           + ngx_http_dicom_column(res, 0, S_INSTANCES);
}


static int64_t
ngx_http_dicom_series_version(PGresult *series, PGresult *instances)
{
    return ngx_http_dicom_column(series, 0, E_VERSION)
           * NGX_HTTP_DICOM_VERSIONS
           + PQntuples(instances);
}


/* The members of a study, as lists and the detail show them. */

void
ngx_http_dicom_write_study(ngx_http_request_t *r, ngx_dicom_json_writer_t *w,
    PGresult *res, int row)
{
    ngx_http_dicom_srv_conf_t  *dscf;

    dscf = ngx_http_dicom_srv_conf(r);

    ngx_http_dicom_write_text(w, "uid", res, row, S_UID);

    ngx_dicom_json_key(w, "patient");
    ngx_dicom_json_object(w);
    ngx_http_dicom_write_text(w, "id", res, row, S_PATIENT_ID);
    ngx_http_dicom_write_text(w, "issuer", res, row, S_ISSUER);
    ngx_http_dicom_write_text(w, "name", res, row, S_NAME);
    ngx_http_dicom_write_text(w, "birth_date", res, row, S_BIRTH_DATE);
    ngx_http_dicom_write_text(w, "sex", res, row, S_SEX);
    ngx_dicom_json_end_object(w);

    ngx_http_dicom_write_text(w, "date", res, row, S_DATE);
    ngx_http_dicom_write_text(w, "time", res, row, S_TIME);
    ngx_http_dicom_write_text(w, "id", res, row, S_ID);
    ngx_http_dicom_write_text(w, "description", res, row, S_DESCRIPTION);
    ngx_http_dicom_write_text(w, "accession", res, row, S_ACCESSION);
    ngx_http_dicom_write_text(w, "referring_physician", res, row,
                              S_REFERRING);

    ngx_dicom_json_key(w, "modalities");
    ngx_http_dicom_write_modalities(w, PQgetvalue(res, row, S_MODALITIES));

    ngx_http_dicom_write_number(w, "series_count", res, row, S_SERIES);
    ngx_http_dicom_write_number(w, "instance_count", res, row, S_INSTANCES);

    ngx_dicom_json_key(w, "reports");
    ngx_dicom_json_object(w);
    ngx_http_dicom_write_number(w, "draft", res, row, S_DRAFTS);
    ngx_http_dicom_write_number(w, "final", res, row, S_FINALS);
    ngx_dicom_json_end_object(w);

    ngx_dicom_json_key(w, "node");

    if (dscf->conf->node_url.len) {
        ngx_dicom_json_string(w, &dscf->conf->node_url);

    } else {
        ngx_dicom_json_null(w);
    }
}


static void
ngx_http_dicom_write_modalities(ngx_dicom_json_writer_t *w, char *list)
{
    char       *comma;
    ngx_str_t   modality;

    ngx_dicom_json_array(w);

    while (*list) {
        comma = strchrnul(list, ',');

        modality.data = (u_char *) list;
        modality.len = comma - list;
        ngx_dicom_json_string(w, &modality);

        list = *comma ? comma + 1 : comma;
    }

    ngx_dicom_json_end_array(w);
}


/* instances are in runs of one series each */

static void
ngx_http_dicom_write_series(ngx_http_request_t *r, ngx_dicom_json_writer_t *w,
    PGresult *series, int row, PGresult *instances)
{
    int      i, first, last, shown;
    char    *uid;
    int64_t  frames;

    uid = PQgetvalue(series, row, E_UID);

    first = 0;

    while (first < PQntuples(instances)
           && ngx_strcmp(PQgetvalue(instances, first, I_SERIES), uid) != 0)
    {
        first++;
    }

    frames = 0;
    shown = -1;

    for (last = first;
         last < PQntuples(instances)
         && ngx_strcmp(PQgetvalue(instances, last, I_SERIES), uid) == 0;
         last++)
    {
        frames += ngx_http_dicom_column(instances, last, I_FRAMES);

        if (shown == -1 && frames) {
            shown = last;
        }
    }

    ngx_http_dicom_write_text(w, "uid", series, row, E_UID);
    ngx_http_dicom_write_number(w, "number", series, row, E_NUMBER);
    ngx_http_dicom_write_text(w, "modality", series, row, E_MODALITY);
    ngx_http_dicom_write_text(w, "description", series, row, E_DESCRIPTION);
    ngx_http_dicom_write_text(w, "body_part", series, row, E_BODY_PART);

    ngx_dicom_json_key(w, "instance_count");
    ngx_dicom_json_integer(w, last - first);
    ngx_dicom_json_key(w, "frame_count");
    ngx_dicom_json_integer(w, frames);
    ngx_dicom_json_key(w, "rows");
    ngx_dicom_json_integer(w, shown == -1 ? 0
                      : ngx_http_dicom_column(instances, shown, I_HEIGHT));
    ngx_dicom_json_key(w, "columns");
    ngx_dicom_json_integer(w, shown == -1 ? 0
                      : ngx_http_dicom_column(instances, shown, I_WIDTH));

    ngx_dicom_json_key(w, "instances");
    ngx_dicom_json_array(w);

    for (i = first; i < last; i++) {
        ngx_http_dicom_write_instance(r, w, instances, i);
    }

    ngx_dicom_json_end_array(w);
}


static void
ngx_http_dicom_write_instance(ngx_http_request_t *r,
    ngx_dicom_json_writer_t *w, PGresult *res, int row)
{
    ngx_dicom_json_object(w);

    ngx_http_dicom_write_text(w, "uid", res, row, I_UID);
    ngx_http_dicom_write_number(w, "number", res, row, I_NUMBER);
    ngx_http_dicom_write_text(w, "sop_class", res, row, I_SOP_CLASS);
    ngx_http_dicom_write_text(w, "transfer_syntax", res, row, I_SYNTAX);
    ngx_http_dicom_write_number(w, "frames", res, row, I_FRAMES);
    ngx_http_dicom_write_number(w, "rows", res, row, I_HEIGHT);
    ngx_http_dicom_write_number(w, "columns", res, row, I_WIDTH);
    ngx_http_dicom_write_number(w, "size", res, row, I_SIZE);
    ngx_http_dicom_write_assigned(w, PQgetvalue(res, row, I_ASSIGNED));

    if (ngx_http_dicom_ctx(r)->claims.roles
        & (NGX_DICOM_ROLE_ADMIN|NGX_DICOM_ROLE_FACILITY_ADMIN))
    {
        ngx_http_dicom_write_text(w, "md5", res, row, I_MD5);
        ngx_http_dicom_write_text(w, "location", res, row, I_LOCATION);
    }

    ngx_dicom_json_end_object(w);
}
