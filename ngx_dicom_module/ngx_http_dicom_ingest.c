
/*
 * An uploaded file becomes an object of the store and a row of the facility.
 *
 * The database says that it is there; the render worker looks into the file in
 * its sandbox, hashes it, and links it into the store, synced to disk; then one
 * transaction makes the rows; then the client hears of it.  Whatever fails on
 * the way leaves no row; what it leaves in the store is found and removed.
 */


#include "ngx_http_dicom_ingest.h"
#include "ngx_http_dicom_record.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_route.h"
#include "ngx_dicom_fold.h"


/*
 * Steps of the transaction, in their order, and a refusal before it.  Each that
 * is looked at ends a round trip, so the series is when the instance is there.
 */
enum {
    STUDY_INSERT = 0,
    STUDY_CHECK,
    STUDY_TOKENS,
    SERIES_INSERT,
    INSTANCE_INSERT,
    SERIES_CHECK,
    INSTANCE_CHECK,
    OTHER_STUDY
};


static ngx_int_t ngx_http_dicom_ingest_ready(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static void ngx_http_dicom_ingest_wake(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_ingest_answer(ngx_http_request_t *r,
    ngx_http_dicom_ingest_t *ingest);
static ngx_int_t ngx_http_dicom_ingest_rows(ngx_http_request_t *r,
    ngx_http_dicom_ingest_t *ingest);
static ngx_int_t ngx_http_dicom_ingest_issuer(ngx_http_request_t *r,
    ngx_http_dicom_ingest_t *ingest);
static ngx_int_t ngx_http_dicom_ingest_study(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q, ngx_http_dicom_ingest_t *ingest);
static ngx_int_t ngx_http_dicom_ingest_series(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q, ngx_http_dicom_ingest_t *ingest);
static ngx_int_t ngx_http_dicom_ingest_instance(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q, ngx_http_dicom_ingest_t *ingest);
static const char *ngx_http_dicom_ingest_tokens(
    ngx_http_dicom_ingest_t *ingest);
static ngx_int_t ngx_http_dicom_ingest_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_ingest_same(PGresult *res, int column,
    const ngx_str_t *value);
static ngx_int_t ngx_http_dicom_ingest_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_ingest_renew(ngx_http_request_t *r,
    ngx_http_dicom_ingest_t *ingest, const char *header);
static ngx_int_t ngx_http_dicom_ingest_renewed(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_ingest_refuse(ngx_http_request_t *r,
    ngx_http_dicom_ingest_t *ingest, ngx_uint_t step);
static ngx_int_t ngx_http_dicom_ingest_discarded(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_ingest_hold(ngx_http_dicom_ingest_t *ingest);
static void ngx_http_dicom_ingest_release(ngx_http_dicom_ingest_t *ingest);
static ngx_int_t ngx_http_dicom_ingest_conflict(ngx_http_request_t *r,
    ngx_http_dicom_ingest_t *ingest);
static ngx_int_t ngx_http_dicom_ingest_problem(ngx_http_request_t *r,
    ngx_http_dicom_ingest_t *ingest, ngx_uint_t status, const char *slug,
    const char *detail);


/*
 * An object whose rows could not be made may not simply be removed, as another
 * upload of the same bytes may rely on it by then: it stays for discardDelay
 * after the database is back.  So a database that is away is noticed before
 * anything enters the store.
 */

ngx_int_t
ngx_http_dicom_ingest(ngx_http_request_t *r, ngx_http_dicom_ingest_t *ingest)
{
    ngx_dicom_db_query_t  *q;

    ngx_http_dicom_ctx(r)->data = ingest;

    q = ngx_dicom_db_query(ingest->pool, r->connection->log);

    if (q == NULL || ngx_dicom_db_step(q, NGX_DICOM_STMT_READY, 0) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    q->read_only = 1;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_ingest_ready);
}


static ngx_int_t
ngx_http_dicom_ingest_ready(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    ngx_str_t                 body;
    struct wire_ingest       *message;
    ngx_http_dicom_ingest_t  *ingest;

    ingest = ngx_http_dicom_ctx(r)->data;

    body.len = sizeof(struct wire_ingest) + ingest->path.len;
    body.data = ngx_pcalloc(ingest->pool, body.len);
    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    message = (struct wire_ingest *) body.data;
    message->path_length = (uint32_t) ingest->path.len;
    ngx_memcpy(message + 1, ingest->path.data, ingest->path.len);

    ingest->ask->wake = ngx_http_dicom_ingest_wake;

    if (ngx_http_dicom_ask_send(ingest->ask, WIRE_INGEST, &body) != NGX_OK) {
        return ngx_http_dicom_ingest_answer(r, ingest);
    }

    r->main->count++;

    return NGX_DONE;
}


static void
ngx_http_dicom_ingest_wake(ngx_http_request_t *r)
{
    ngx_connection_t  *c;

    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_http_finalize_request(r, ngx_http_dicom_ingest_answer(r,
                                              ngx_http_dicom_ctx(r)->data));

    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ngx_http_dicom_ingest_answer(ngx_http_request_t *r,
    ngx_http_dicom_ingest_t *ingest)
{
    ngx_str_t          slug, detail;
    const char        *error;
    ngx_dicom_call_t  *call;

    call = &ingest->ask->call;
    ingest->ask->ready = 0;

    if (call->rc == NGX_OK && call->response.status < NGX_HTTP_BAD_REQUEST) {

        error = ngx_dicom_meta_parse(ingest->pool, &call->meta, &ingest->meta);

        if (error == NULL) {
            return ngx_http_dicom_ingest_rows(r, ingest);
        }

        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "render worker described an upload with %s", error);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (call->rc == NGX_OK
        && ngx_dicom_call_error(ingest->pool, &call->meta, &slug, &detail)
           == NGX_OK)
    {
        return ngx_http_dicom_ingest_problem(r, ingest, call->response.status,
                                             (char *) slug.data,
                                             detail.len ? (char *) detail.data
                                                        : NULL);
    }

    return ngx_http_dicom_ingest_problem(r, ingest,
                                         NGX_HTTP_SERVICE_UNAVAILABLE,
                                         "renderer-unavailable",
                                         "The render worker does not answer. "
                                         "Try again shortly.");
}


/* The object is in the store: now its rows. */

static ngx_int_t
ngx_http_dicom_ingest_rows(ngx_http_request_t *r,
    ngx_http_dicom_ingest_t *ingest)
{
    char                  *uid, *study;
    ngx_dicom_meta_t      *meta;
    ngx_dicom_db_step_t   *steps;
    ngx_dicom_db_query_t  *q;

    meta = &ingest->meta;
    q = ngx_dicom_db_query(ingest->pool, r->connection->log);

    if (q == NULL
        || ngx_http_dicom_ingest_issuer(r, ingest) != NGX_OK
        || (meta->created && ngx_http_dicom_ingest_hold(ingest) != NGX_OK))
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    uid = (char *) meta->field[WIRE_F_INSTANCE_UID].data;
    study = (char *) meta->field[WIRE_F_STUDY_UID].data;

    if (ingest->study && ngx_strcmp(ingest->study, study) != 0) {
        return ngx_http_dicom_ingest_refuse(r, ingest, OTHER_STUDY);
    }

    if (ngx_http_dicom_ingest_study(r, q, ingest) != NGX_OK
        || ngx_http_dicom_ingest_series(r, q, ingest) != NGX_OK
        || ngx_http_dicom_ingest_instance(r, q, ingest) != NGX_OK
        || ngx_http_dicom_audit(r, q, "instance-store", uid, study, NULL)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    steps = q->steps.elts;

    steps[STUDY_CHECK].check = ngx_http_dicom_ingest_check;
    steps[SERIES_CHECK].check = ngx_http_dicom_ingest_check;
    steps[INSTANCE_CHECK].check = ngx_http_dicom_ingest_check;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_ingest_done);
}


/* Where the file names none it is the facility's. */

static ngx_int_t
ngx_http_dicom_ingest_issuer(ngx_http_request_t *r,
    ngx_http_dicom_ingest_t *ingest)
{
    ngx_str_t                  *issuer;
    ngx_http_dicom_srv_conf_t  *dscf;

    dscf = ngx_http_dicom_srv_conf(r);
    issuer = &ingest->meta.field[WIRE_F_PATIENT_ISSUER];

    if (issuer->len) {
        return NGX_OK;
    }

    issuer->len = dscf->conf->issuer.len;
    issuer->data = (u_char *) ngx_http_dicom_cstring(ingest->pool,
                                                     &dscf->conf->issuer);

    return issuer->data ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_dicom_ingest_study(ngx_http_request_t *r, ngx_dicom_db_query_t *q,
    ngx_http_dicom_ingest_t *ingest)
{
    const ngx_dicom_meta_t  *meta = &ingest->meta;

    char         sort_key[32];
    const char  *tokens, *uid, *date, *time;

    uid = ngx_dicom_meta_text(meta, WIRE_F_STUDY_UID);
    date = ngx_dicom_meta_date(meta, WIRE_F_STUDY_DATE);
    time = ngx_dicom_meta_time(meta, WIRE_F_STUDY_TIME);

    (void) snprintf(sort_key, sizeof(sort_key), "%s%s%s", date ? date : "",
                    date && time ? "T" : "", date && time ? time : "");

    tokens = ngx_http_dicom_ingest_tokens(ingest);
    if (tokens == NULL) {
        return NGX_ERROR;
    }

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_STUDY_INSERT, 13,
                 uid, sort_key, date, time,
                 ngx_dicom_meta_text(meta, WIRE_F_STUDY_ID),
                 ngx_dicom_meta_text(meta, WIRE_F_STUDY_DESCRIPTION),
                 ngx_dicom_meta_text(meta, WIRE_F_ACCESSION_NUMBER),
                 ngx_dicom_meta_text(meta, WIRE_F_REFERRING_PHYSICIAN),
                 ngx_dicom_meta_text(meta, WIRE_F_PATIENT_ID),
                 ngx_dicom_meta_text(meta, WIRE_F_PATIENT_ISSUER),
                 ngx_dicom_meta_text(meta, WIRE_F_PATIENT_NAME),
                 ngx_dicom_meta_date(meta, WIRE_F_PATIENT_BIRTH_DATE),
                 ngx_dicom_meta_text(meta, WIRE_F_PATIENT_SEX))
        == NULL)
    {
        return NGX_ERROR;
    }

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_STUDY_CHECK, 1, uid) == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_STUDY_TOKENS, 2, uid, tokens)
           == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_ingest_series(ngx_http_request_t *r, ngx_dicom_db_query_t *q,
    ngx_http_dicom_ingest_t *ingest)
{
    const ngx_dicom_meta_t  *meta = &ingest->meta;

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_SERIES_INSERT, 6,
                 ngx_dicom_meta_text(meta, WIRE_F_SERIES_UID),
                 ngx_dicom_meta_text(meta, WIRE_F_STUDY_UID),
                 ngx_dicom_meta_number(meta, WIRE_F_SERIES_NUMBER),
                 ngx_dicom_meta_text(meta, WIRE_F_MODALITY),
                 ngx_dicom_meta_text(meta, WIRE_F_SERIES_DESCRIPTION),
                 ngx_dicom_meta_text(meta, WIRE_F_BODY_PART))
        == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_ingest_instance(ngx_http_request_t *r, ngx_dicom_db_query_t *q,
    ngx_http_dicom_ingest_t *ingest)
{
    const ngx_dicom_meta_t  *meta = &ingest->meta;

    char        *header, *user;
    const char  *uid, *series;
    const ngx_str_t  *index;

    index = &meta->field[WIRE_F_INDEX];

    header = ngx_pnalloc(ingest->pool, 2 + 2 * index->len + 1);
    user = ngx_http_dicom_user(r);

    if (header == NULL || user == NULL) {
        return NGX_ERROR;
    }

    header[0] = '\\';
    header[1] = 'x';
    *ngx_hex_dump((u_char *) header + 2, index->data, index->len) = '\0';

    uid = ngx_dicom_meta_text(meta, WIRE_F_INSTANCE_UID);
    series = ngx_dicom_meta_text(meta, WIRE_F_SERIES_UID);

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_INSTANCE_INSERT, 15, uid, series,
                 ngx_dicom_meta_text(meta, WIRE_F_STUDY_UID),
                 ngx_dicom_meta_text(meta, WIRE_F_SOP_CLASS),
                 ngx_dicom_meta_text(meta, WIRE_F_TRANSFER_SYNTAX),
                 ngx_dicom_meta_number(meta, WIRE_F_INSTANCE_NUMBER),
                 ngx_dicom_meta_count(meta, WIRE_F_ROWS),
                 ngx_dicom_meta_count(meta, WIRE_F_COLUMNS),
                 ngx_dicom_meta_count(meta, WIRE_F_FRAMES),
                 ngx_dicom_meta_count(meta, WIRE_F_SIZE),
                 ngx_dicom_meta_text(meta, WIRE_F_MD5),
                 ngx_dicom_meta_text(meta, WIRE_F_LOCATION),
                 header, user, ngx_dicom_meta_text(meta, WIRE_F_ASSIGNED))
        == NULL)
    {
        return NGX_ERROR;
    }

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_SERIES_CHECK, 1, series) == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_INSTANCE_CHECK, 2, uid, header)
           == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* What the study will be found by. */

static const char *
ngx_http_dicom_ingest_tokens(ngx_http_dicom_ingest_t *ingest)
{
    const ngx_dicom_meta_t  *meta = &ingest->meta;

    ngx_uint_t   i;
    ngx_array_t  words;

    static const ngx_uint_t  fields[] = {
        WIRE_F_PATIENT_NAME, WIRE_F_PATIENT_ID, WIRE_F_ACCESSION_NUMBER,
        WIRE_F_STUDY_ID, WIRE_F_STUDY_DESCRIPTION
    };

    if (ngx_array_init(&words, ingest->pool, 16, sizeof(ngx_str_t)) != NGX_OK) {
        return NULL;
    }

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {

        if (meta->field[fields[i]].len
            && ngx_dicom_fold(ingest->pool, &meta->field[fields[i]], &words)
               == NGX_ERROR)
        {
            return NULL;
        }
    }

    return ngx_dicom_db_text_array(ingest->pool, words.elts, words.nelts);
}


/*
 * A row that was there already is compared with the file; a study that was there
 * has its tokens, and an instance made now needs no comparison.
 */

static ngx_int_t
ngx_http_dicom_ingest_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    ngx_str_t                *field;
    ngx_dicom_db_step_t      *steps;
    ngx_http_dicom_ingest_t  *ingest;

    ingest = ngx_http_dicom_ctx((ngx_http_request_t *) q->data)->data;
    field = ingest->meta.field;
    steps = q->steps.elts;

    switch (step) {

    case STUDY_CHECK:

        if (PQntuples(steps[STUDY_INSERT].result)) {
            return NGX_OK;
        }

        if (ngx_http_dicom_ingest_same(res, 0, &field[WIRE_F_PATIENT_ID])
            && ngx_http_dicom_ingest_same(res, 1,
                                          &field[WIRE_F_PATIENT_ISSUER]))
        {
            return NGX_AGAIN;
        }

        return NGX_DECLINED;

    case SERIES_CHECK:

        if (!ngx_http_dicom_ingest_same(res, 0, &field[WIRE_F_STUDY_UID])
            || !ngx_http_dicom_ingest_same(res, 1, &field[WIRE_F_MODALITY]))
        {
            return NGX_DECLINED;
        }

        return PQntuples(steps[INSTANCE_INSERT].result) ? NGX_AGAIN : NGX_OK;

    default: /* INSTANCE_CHECK */

        return ngx_http_dicom_ingest_same(res, 0, &field[WIRE_F_MD5])
               ? NGX_DONE : NGX_DECLINED;
    }
}


static ngx_int_t
ngx_http_dicom_ingest_same(PGresult *res, int column, const ngx_str_t *value)
{
    return PQntuples(res) == 1
           && (size_t) PQgetlength(res, 0, column) == value->len
           && ngx_memcmp(PQgetvalue(res, 0, column), value->data, value->len)
              == 0;
}


static ngx_int_t
ngx_http_dicom_ingest_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    ngx_dicom_db_step_t      *steps;
    ngx_http_dicom_ingest_t  *ingest;

    ingest = ngx_http_dicom_ctx(r)->data;
    steps = q->steps.elts;

    switch (q->status) {

    case NGX_DICOM_DB_OK:
        ngx_http_dicom_ingest_release(ingest);

        if (PQntuples(steps[INSTANCE_INSERT].result)) {
            ingest->status = NGX_HTTP_CREATED;
            return ingest->done(r, ingest);
        }

        if (*PQgetvalue(steps[INSTANCE_CHECK].result, 0, 1) == 't') {
            ingest->status = NGX_HTTP_OK;
            return ingest->done(r, ingest);
        }

        return ngx_http_dicom_ingest_renew(r, ingest,
                                           steps[INSTANCE_CHECK].params[1]);

    case NGX_DICOM_DB_ROLLED_BACK:
        return ngx_http_dicom_ingest_refuse(r, ingest, q->step);

    default: /* the study or series was removed meanwhile */
        return ngx_http_dicom_ingest_problem(r, ingest,
                                             NGX_HTTP_SERVICE_UNAVAILABLE,
                                             "busy",
                                             "The study is being removed.");
    }
}


/* The row's index was made by another version of the render worker. */

static ngx_int_t
ngx_http_dicom_ingest_renew(ngx_http_request_t *r,
    ngx_http_dicom_ingest_t *ingest, const char *header)
{
    ngx_dicom_meta_t      *meta;
    ngx_dicom_db_query_t  *q;

    meta = &ingest->meta;
    q = ngx_dicom_db_query(ingest->pool, r->connection->log);

    if (q == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_INSTANCE_RENEW, 3,
                             ngx_dicom_meta_text(meta, WIRE_F_INSTANCE_UID),
                             header, ngx_dicom_meta_text(meta, WIRE_F_MD5))
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_ingest_renewed);
}


static ngx_int_t
ngx_http_dicom_ingest_renewed(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    ngx_http_dicom_ingest_t  *ingest;

    ingest = ngx_http_dicom_ctx(r)->data;
    ingest->status = NGX_HTTP_OK;

    return ingest->done(r, ingest);
}


/* An object that this upload made joins those that no row may name. */

static ngx_int_t
ngx_http_dicom_ingest_refuse(ngx_http_request_t *r,
    ngx_http_dicom_ingest_t *ingest, ngx_uint_t step)
{
    ngx_dicom_meta_t      *meta;
    ngx_dicom_db_query_t  *q;

    meta = &ingest->meta;
    meta->refused = step;

    if (!meta->created) {
        return ngx_http_dicom_ingest_conflict(r, ingest);
    }

    q = ngx_dicom_db_query(ingest->pool, r->connection->log);

    if (q == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_DISCARDED_ADD, 1,
                             ngx_dicom_meta_text(meta, WIRE_F_LOCATION))
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_ingest_discarded);
}


static ngx_int_t
ngx_http_dicom_ingest_discarded(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    ngx_http_dicom_ingest_t  *ingest;

    ingest = ngx_http_dicom_ctx(r)->data;

    if (q->status == NGX_DICOM_DB_OK) {
        ngx_http_dicom_ingest_release(ingest);
    }

    return ngx_http_dicom_ingest_conflict(r, ingest);
}


/*
 * The uploaded file is a second name of the object by now.  Should this upload
 * not come to its end, in whatever way, the name stays behind and says so
 * (ngx_http_dicom_discard.c); it goes with the request once the rows are there
 * or known not to be.
 */

static ngx_int_t
ngx_http_dicom_ingest_hold(ngx_http_dicom_ingest_t *ingest)
{
    ngx_pool_cleanup_t  *cln;

    for (cln = ingest->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler == ngx_pool_delete_file
            && ((ngx_pool_cleanup_file_t *) cln->data)->fd == ingest->fd)
        {
            cln->handler = ngx_pool_cleanup_file;
            ingest->meta.held = cln;
            return NGX_OK;
        }
    }

    return NGX_ERROR;
}


static void
ngx_http_dicom_ingest_release(ngx_http_dicom_ingest_t *ingest)
{
    if (ingest->meta.held) {
        ingest->meta.held->handler = ngx_pool_delete_file;
    }
}


static ngx_int_t
ngx_http_dicom_ingest_conflict(ngx_http_request_t *r,
    ngx_http_dicom_ingest_t *ingest)
{
    switch (ingest->meta.refused) {

    case STUDY_CHECK:
        return ngx_http_dicom_ingest_problem(r, ingest, NGX_HTTP_CONFLICT,
                                             "study-conflict",
                                             "The study is stored here for "
                                             "another patient.");

    case SERIES_CHECK:
        return ngx_http_dicom_ingest_problem(r, ingest, NGX_HTTP_CONFLICT,
                                             "study-conflict",
                                             "The series is stored here for "
                                             "another study or modality.");

    case OTHER_STUDY:
        return ngx_http_dicom_ingest_problem(r, ingest, NGX_HTTP_CONFLICT,
                                             "other-study",
                                             "The instance is of another "
                                             "study.");

    default:
        return ngx_http_dicom_ingest_problem(r, ingest, NGX_HTTP_CONFLICT,
                                             "instance-conflict",
                                             "An instance with this UID and "
                                             "other content is stored here; "
                                             "it was left as it is.");
    }
}


static ngx_int_t
ngx_http_dicom_ingest_problem(ngx_http_request_t *r,
    ngx_http_dicom_ingest_t *ingest, ngx_uint_t status, const char *slug,
    const char *detail)
{
    ingest->status = status;
    ingest->slug = slug;
    ingest->detail = detail;

    return ingest->done(r, ingest);
}


ngx_int_t
ngx_http_dicom_ingest_path(ngx_http_request_t *r, const ngx_str_t *name,
    ngx_str_t *path)
{
    ngx_str_t  *store;

    store = &ngx_http_dicom_srv_conf(r)->conf->store;

    if (name->len <= store->len + 1
        || ngx_strncmp(name->data, store->data, store->len) != 0)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "client_body_temp_path is not below the store \"%V\"",
                      store);
        return NGX_ERROR;
    }

    path->data = name->data + store->len;
    path->len = name->len - store->len;

    while (path->len && path->data[0] == '/') {
        path->data++;
        path->len--;
    }

    return NGX_OK;
}
