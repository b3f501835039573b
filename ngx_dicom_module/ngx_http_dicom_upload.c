
/*
 * PUT /api/v1/instances: a DICOM file becomes an object of the store and a row
 * of the facility.
 *
 * nginx writes the body below the store; the database says that it is there;
 * the render worker looks into the file in its sandbox, hashes it, and links it
 * into the store, synced to disk; then one transaction makes the rows; then the
 * client hears of it.  Whatever fails on the way leaves no row; what it leaves
 * in the store is found and removed.
 */


#include "ngx_http_dicom_node.h"
#include "ngx_dicom_meta.h"
#include "ngx_http_dicom_record.h"
#include "ngx_http_dicom_render.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_route.h"
#include "ngx_dicom_fold.h"


/* steps of the transaction, in their order */
enum {
    STUDY_INSERT = 0,
    STUDY_CHECK,
    STUDY_TOKENS,
    SERIES_INSERT,
    SERIES_CHECK,
    INSTANCE_INSERT,
    INSTANCE_CHECK
};


static void ngx_http_dicom_upload_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_upload_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_upload_ready(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_upload_path(ngx_http_request_t *r,
    ngx_str_t *path);
static ngx_int_t ngx_http_dicom_upload_ingested(ngx_http_request_t *r,
    ngx_str_t *block);
static ngx_int_t ngx_http_dicom_upload_study(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q, ngx_dicom_meta_t *meta);
static ngx_int_t ngx_http_dicom_upload_series(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q, ngx_dicom_meta_t *meta);
static ngx_int_t ngx_http_dicom_upload_instance(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q, ngx_dicom_meta_t *meta);
static const char *ngx_http_dicom_upload_tokens(ngx_http_request_t *r,
    ngx_dicom_meta_t *meta);
static ngx_int_t ngx_http_dicom_upload_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_upload_same(PGresult *res, int column,
    const ngx_str_t *value);
static ngx_int_t ngx_http_dicom_upload_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_upload_refuse(ngx_http_request_t *r,
    ngx_uint_t step);
static ngx_int_t ngx_http_dicom_upload_renew(ngx_http_request_t *r,
    ngx_dicom_meta_t *meta, const char *header);
static ngx_int_t ngx_http_dicom_upload_renewed(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_upload_discarded(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_upload_hold(ngx_http_request_t *r,
    ngx_dicom_meta_t *meta);
static void ngx_http_dicom_upload_release(ngx_dicom_meta_t *meta);
static ngx_int_t ngx_http_dicom_upload_conflict(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_upload_reply(ngx_http_request_t *r,
    ngx_dicom_meta_t *meta, ngx_uint_t status);


ngx_int_t
ngx_http_dicom_instance_put(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_http_dicom_srv_conf_t  *dscf;

    dscf = ngx_http_dicom_srv_conf(r);

    if (r->headers_in.content_length_n > dscf->conf->max_instance) {
        return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    }

    if (r->headers_in.content_length_n
        > ngx_fs_available(dscf->conf->store.data))
    {
        return ngx_http_dicom_problem(r, 507, "store-full",
                                      "The store has no room for it.", NULL);
    }

    r->request_body_in_file_only = 1;
    r->request_body_in_persistent_file = 1;
    r->request_body_in_clean_file = 1;
    r->request_body_file_group_access = 1;
    r->request_body_file_log_level = 0;

    rc = ngx_http_read_client_request_body(r,
                                           ngx_http_dicom_upload_body_handler);

    return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
}


static void
ngx_http_dicom_upload_body_handler(ngx_http_request_t *r)
{
    ngx_http_finalize_request(r, ngx_http_dicom_upload_body(r));
}


/*
 * An object whose rows could not be made may not simply be removed, as another
 * upload of the same bytes may rely on it by then: it stays for discardDelay
 * after the database is back.  So a database that is away is noticed before
 * anything enters the store.
 */

static ngx_int_t
ngx_http_dicom_upload_body(ngx_http_request_t *r)
{
    ngx_dicom_db_query_t  *q;

    if (r->request_body == NULL || r->request_body->temp_file == NULL) {
        return ngx_http_dicom_problem(r, NGX_HTTP_BAD_REQUEST, "not-dicom",
                                      "The body is empty.", NULL);
    }

    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (q == NULL || ngx_dicom_db_step(q, NGX_DICOM_STMT_READY, 0) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    q->read_only = 1;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_upload_ready);
}


static ngx_int_t
ngx_http_dicom_upload_ready(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    ngx_str_t            path, body;
    struct wire_ingest  *ingest;

    if (ngx_http_dicom_upload_path(r, &path) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    body.len = sizeof(struct wire_ingest) + path.len;
    body.data = ngx_pcalloc(r->pool, body.len);
    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ingest = (struct wire_ingest *) body.data;
    ingest->path_length = (uint32_t) path.len;
    ngx_memcpy(ingest + 1, path.data, path.len);

    return ngx_http_dicom_render(r, WIRE_INGEST, &body, NULL,
                                 ngx_http_dicom_upload_ingested);
}


/* Where the body is, relative to the store. */

static ngx_int_t
ngx_http_dicom_upload_path(ngx_http_request_t *r, ngx_str_t *path)
{
    ngx_str_t                  *name, *store;
    ngx_http_dicom_srv_conf_t  *dscf;

    dscf = ngx_http_dicom_srv_conf(r);

    name = &r->request_body->temp_file->file.name;
    store = &dscf->conf->store;

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


/* The object is in the store: now its rows. */

static ngx_int_t
ngx_http_dicom_upload_ingested(ngx_http_request_t *r, ngx_str_t *block)
{
    char                       *uid, *study;
    const char                 *error;
    ngx_dicom_db_step_t        *steps;
    ngx_dicom_db_query_t       *q;
    ngx_http_dicom_ctx_t       *ctx;
    ngx_dicom_meta_t      *meta;
    ngx_http_dicom_srv_conf_t  *dscf;

    ctx = ngx_http_dicom_ctx(r);
    dscf = ngx_http_dicom_srv_conf(r);

    meta = ngx_pcalloc(r->pool, sizeof(ngx_dicom_meta_t));
    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (meta == NULL || q == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    error = ngx_dicom_meta_parse(r->pool, block, meta);

    if (error) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "render worker described an upload with %s", error);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (meta->field[WIRE_F_PATIENT_ISSUER].len == 0) {
        meta->field[WIRE_F_PATIENT_ISSUER].data =
               (u_char *) ngx_http_dicom_cstring(r->pool, &dscf->conf->issuer);
        meta->field[WIRE_F_PATIENT_ISSUER].len = dscf->conf->issuer.len;

        if (meta->field[WIRE_F_PATIENT_ISSUER].data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    ctx->data = meta;

    if (meta->created && ngx_http_dicom_upload_hold(r, meta) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    uid = (char *) meta->field[WIRE_F_INSTANCE_UID].data;
    study = (char *) meta->field[WIRE_F_STUDY_UID].data;

    if (ngx_http_dicom_upload_study(r, q, meta) != NGX_OK
        || ngx_http_dicom_upload_series(r, q, meta) != NGX_OK
        || ngx_http_dicom_upload_instance(r, q, meta) != NGX_OK
        || ngx_http_dicom_audit(r, q, "instance-store", uid, study, NULL)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    steps = q->steps.elts;

    steps[STUDY_INSERT].check = ngx_http_dicom_upload_check;
    steps[STUDY_CHECK].check = ngx_http_dicom_upload_check;
    steps[SERIES_INSERT].check = ngx_http_dicom_upload_check;
    steps[SERIES_CHECK].check = ngx_http_dicom_upload_check;
    steps[INSTANCE_INSERT].check = ngx_http_dicom_upload_check;
    steps[INSTANCE_CHECK].check = ngx_http_dicom_upload_check;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_upload_done);
}


static ngx_int_t
ngx_http_dicom_upload_study(ngx_http_request_t *r, ngx_dicom_db_query_t *q,
    ngx_dicom_meta_t *meta)
{
    char         sort_key[32];
    const char  *tokens, *uid, *date, *time;

    uid = ngx_dicom_meta_text(meta, WIRE_F_STUDY_UID);
    date = ngx_dicom_meta_date(meta, WIRE_F_STUDY_DATE);
    time = ngx_dicom_meta_time(meta, WIRE_F_STUDY_TIME);

    (void) snprintf(sort_key, sizeof(sort_key), "%s%s%s", date ? date : "",
                    date && time ? "T" : "", date && time ? time : "");

    tokens = ngx_http_dicom_upload_tokens(r, meta);
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
ngx_http_dicom_upload_series(ngx_http_request_t *r, ngx_dicom_db_query_t *q,
    ngx_dicom_meta_t *meta)
{
    const char  *uid;

    uid = ngx_dicom_meta_text(meta, WIRE_F_SERIES_UID);

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_SERIES_INSERT, 6, uid,
                 ngx_dicom_meta_text(meta, WIRE_F_STUDY_UID),
                 ngx_dicom_meta_number(meta, WIRE_F_SERIES_NUMBER),
                 ngx_dicom_meta_text(meta, WIRE_F_MODALITY),
                 ngx_dicom_meta_text(meta, WIRE_F_SERIES_DESCRIPTION),
                 ngx_dicom_meta_text(meta, WIRE_F_BODY_PART))
        == NULL)
    {
        return NGX_ERROR;
    }

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_SERIES_CHECK, 1, uid) == NULL) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_upload_instance(ngx_http_request_t *r, ngx_dicom_db_query_t *q,
    ngx_dicom_meta_t *meta)
{
    char        *header, *user;
    ngx_str_t   *index;
    const char  *uid;

    index = &meta->field[WIRE_F_INDEX];

    header = ngx_pnalloc(r->pool, 2 + 2 * index->len + 1);
    user = ngx_http_dicom_user(r);

    if (header == NULL || user == NULL) {
        return NGX_ERROR;
    }

    header[0] = '\\';
    header[1] = 'x';
    *ngx_hex_dump((u_char *) header + 2, index->data, index->len) = '\0';

    uid = ngx_dicom_meta_text(meta, WIRE_F_INSTANCE_UID);

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_INSTANCE_INSERT, 15, uid,
                 ngx_dicom_meta_text(meta, WIRE_F_SERIES_UID),
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

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_INSTANCE_CHECK, 2, uid, header)
        == NULL) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* What the study will be found by. */

static const char *
ngx_http_dicom_upload_tokens(ngx_http_request_t *r,
    ngx_dicom_meta_t *meta)
{
    ngx_uint_t   i;
    ngx_array_t  words;

    static const ngx_uint_t  fields[] = {
        WIRE_F_PATIENT_NAME, WIRE_F_PATIENT_ID, WIRE_F_ACCESSION_NUMBER,
        WIRE_F_STUDY_ID, WIRE_F_STUDY_DESCRIPTION
    };

    if (ngx_array_init(&words, r->pool, 16, sizeof(ngx_str_t)) != NGX_OK) {
        return NULL;
    }

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {

        if (meta->field[fields[i]].len
            && ngx_dicom_fold(r->pool, &meta->field[fields[i]], &words)
               == NGX_ERROR)
        {
            return NULL;
        }
    }

    return ngx_dicom_db_text_array(r->pool, words.elts, words.nelts);
}


/*
 * A row that was there already is compared with the file; a row made now needs
 * no comparison, and a study that was there has its tokens.
 */

static ngx_int_t
ngx_http_dicom_upload_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    ngx_str_t              *field;
    ngx_dicom_meta_t  *meta;

    meta = ngx_http_dicom_ctx((ngx_http_request_t *) q->data)->data;
    field = meta->field;

    switch (step) {

    case STUDY_INSERT:
    case SERIES_INSERT:
    case INSTANCE_INSERT:
        return PQntuples(res) ? NGX_AGAIN : NGX_OK;

    case STUDY_CHECK:

        if (ngx_http_dicom_upload_same(res, 0, &field[WIRE_F_PATIENT_ID])
            && ngx_http_dicom_upload_same(res, 1,
                                          &field[WIRE_F_PATIENT_ISSUER]))
        {
            return NGX_AGAIN;
        }

        return NGX_DECLINED;

    case SERIES_CHECK:

        if (ngx_http_dicom_upload_same(res, 0, &field[WIRE_F_STUDY_UID])
            && ngx_http_dicom_upload_same(res, 1, &field[WIRE_F_MODALITY]))
        {
            return NGX_OK;
        }

        return NGX_DECLINED;

    default: /* INSTANCE_CHECK */

        return ngx_http_dicom_upload_same(res, 0, &field[WIRE_F_MD5])
               ? NGX_DONE : NGX_DECLINED;
    }
}


static ngx_int_t
ngx_http_dicom_upload_same(PGresult *res, int column, const ngx_str_t *value)
{
    return PQntuples(res) == 1
           && (size_t) PQgetlength(res, 0, column) == value->len
           && ngx_memcmp(PQgetvalue(res, 0, column), value->data, value->len)
              == 0;
}


static ngx_int_t
ngx_http_dicom_upload_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    ngx_dicom_db_step_t    *steps;
    ngx_dicom_meta_t  *meta;

    meta = ngx_http_dicom_ctx(r)->data;
    steps = q->steps.elts;

    switch (q->status) {

    case NGX_DICOM_DB_OK:
        ngx_http_dicom_upload_release(meta);

        if (PQntuples(steps[INSTANCE_INSERT].result)) {
            return ngx_http_dicom_upload_reply(r, meta, NGX_HTTP_CREATED);
        }

        if (*PQgetvalue(steps[INSTANCE_CHECK].result, 0, 1) == 't') {
            return ngx_http_dicom_upload_reply(r, meta, NGX_HTTP_OK);
        }

        return ngx_http_dicom_upload_renew(r, meta,
                                          steps[INSTANCE_CHECK].params[1]);

    case NGX_DICOM_DB_ROLLED_BACK:
        return ngx_http_dicom_upload_refuse(r, q->step);

    default: /* the study or series was removed meanwhile */
        return ngx_http_dicom_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE, "busy",
                                      "The study is being removed.", NULL);
    }
}


/* The row's index was made by another version of the render worker. */

static ngx_int_t
ngx_http_dicom_upload_renew(ngx_http_request_t *r, ngx_dicom_meta_t *meta,
    const char *header)
{
    ngx_dicom_db_query_t  *q;

    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (q == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_INSTANCE_RENEW, 3,
                             ngx_dicom_meta_text(meta, WIRE_F_INSTANCE_UID),
                             header, ngx_dicom_meta_text(meta, WIRE_F_MD5))
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_upload_renewed);
}


static ngx_int_t
ngx_http_dicom_upload_renewed(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    return ngx_http_dicom_upload_reply(r, ngx_http_dicom_ctx(r)->data,
                                       NGX_HTTP_OK);
}


/* An object that this upload made joins those that no row may name. */

static ngx_int_t
ngx_http_dicom_upload_refuse(ngx_http_request_t *r, ngx_uint_t step)
{
    ngx_dicom_meta_t      *meta;
    ngx_dicom_db_query_t  *q;

    meta = ngx_http_dicom_ctx(r)->data;
    meta->refused = step;

    if (!meta->created) {
        return ngx_http_dicom_upload_conflict(r);
    }

    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (q == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_DISCARDED_ADD, 1,
                             ngx_dicom_meta_text(meta, WIRE_F_LOCATION))
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_upload_discarded);
}


static ngx_int_t
ngx_http_dicom_upload_discarded(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    if (q->status == NGX_DICOM_DB_OK) {
        ngx_http_dicom_upload_release(ngx_http_dicom_ctx(r)->data);
    }

    return ngx_http_dicom_upload_conflict(r);
}


/*
 * The uploaded file is a second name of the object by now.  Should this upload
 * not come to its end, in whatever way, the name stays behind and says so
 * (ngx_http_dicom_discard.c); it goes with the request once the rows are there
 * or known not to be.
 */

static ngx_int_t
ngx_http_dicom_upload_hold(ngx_http_request_t *r, ngx_dicom_meta_t *meta)
{
    ngx_fd_t             fd;
    ngx_pool_cleanup_t  *cln;

    fd = r->request_body->temp_file->file.fd;

    for (cln = r->pool->cleanup; cln; cln = cln->next) {

        if (cln->handler == ngx_pool_delete_file
            && ((ngx_pool_cleanup_file_t *) cln->data)->fd == fd)
        {
            cln->handler = ngx_pool_cleanup_file;
            meta->held = cln;
            return NGX_OK;
        }
    }

    return NGX_ERROR;
}


static void
ngx_http_dicom_upload_release(ngx_dicom_meta_t *meta)
{
    if (meta->held) {
        meta->held->handler = ngx_pool_delete_file;
    }
}


static ngx_int_t
ngx_http_dicom_upload_conflict(ngx_http_request_t *r)
{
    ngx_dicom_meta_t  *meta;

    meta = ngx_http_dicom_ctx(r)->data;

    switch (meta->refused) {

    case STUDY_CHECK:
        return ngx_http_dicom_problem(r, NGX_HTTP_CONFLICT, "study-conflict",
                                      "The study is stored here for another "
                                      "patient.", NULL);

    case SERIES_CHECK:
        return ngx_http_dicom_problem(r, NGX_HTTP_CONFLICT, "study-conflict",
                                      "The series is stored here for another "
                                      "study or modality.", NULL);

    default:
        return ngx_http_dicom_problem(r, NGX_HTTP_CONFLICT,
                                      "instance-conflict",
                                      "An instance with this UID and other "
                                      "content is stored here; it was left "
                                      "as it is.", NULL);
    }
}


static ngx_int_t
ngx_http_dicom_upload_reply(ngx_http_request_t *r,
    ngx_dicom_meta_t *meta, ngx_uint_t status)
{
    ngx_dicom_json_writer_t  *w;

    w = ngx_dicom_json_writer(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_dicom_json_object(w);
    ngx_dicom_json_key(w, "study");
    ngx_dicom_json_string(w, &meta->field[WIRE_F_STUDY_UID]);
    ngx_dicom_json_key(w, "series");
    ngx_dicom_json_string(w, &meta->field[WIRE_F_SERIES_UID]);
    ngx_dicom_json_key(w, "instance");
    ngx_dicom_json_string(w, &meta->field[WIRE_F_INSTANCE_UID]);
    ngx_dicom_json_key(w, "sop_class");
    ngx_dicom_json_string(w, &meta->field[WIRE_F_SOP_CLASS]);
    ngx_dicom_json_key(w, "md5");
    ngx_dicom_json_string(w, &meta->field[WIRE_F_MD5]);
    ngx_dicom_json_key(w, "size");
    ngx_dicom_json_raw(w, &meta->field[WIRE_F_SIZE]);
    ngx_http_dicom_write_assigned(w,
                                  ngx_dicom_meta_text(meta, WIRE_F_ASSIGNED));
    ngx_dicom_json_end_object(w);

    return ngx_http_dicom_reply_json(r, status, w, 0, NULL);
}
