
/*
 * STOW-RS: instances are stored.
 *
 * The body is taken apart as it comes.  Each part is written to a file of its
 * own below the store, then taken in as any upload is, while the rest of the
 * body waits; what one part needed is freed before the next begins.
 */


#include "ngx_http_dicom_stow.h"
#include "ngx_http_dicom_accept.h"
#include "ngx_http_dicom_ingest.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_stow_reply.h"
#include "ngx_dicom_multipart.h"
#include "ngx_dicom_uid.h"


#define NGX_HTTP_DICOM_STOW_PARTS  20000


/* A request under way; its ingest is ctx->data. */
typedef struct {
    ngx_http_dicom_ingest_t        ingest;     /* of the part; the first */
    ngx_dicom_multipart_t          multipart;
    ngx_http_dicom_stow_reply_t   *reply;
    ngx_http_dicom_ask_t          *ask;
    const char                    *study;      /* of the path, or NULL */
    ngx_file_t                     file;       /* of the part */
    off_t                          size;
    ngx_uint_t                     failure;    /* why it will not be stored */
    ngx_http_cleanup_t            *cleanups;   /* of r when it began */
    ngx_uint_t                     complete;   /* the last delimiter came */
} ngx_http_dicom_stow_t;


static ngx_int_t ngx_http_dicom_stow_begin(ngx_http_request_t *r,
    const char *study);
static ngx_int_t ngx_http_dicom_stow_type(ngx_http_request_t *r,
    ngx_http_dicom_stow_t *stow);
static void ngx_http_dicom_stow_body(ngx_http_request_t *r);
static void ngx_http_dicom_stow_reader(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_stow_run(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_stow_read(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_stow_take(ngx_http_request_t *r,
    ngx_http_dicom_stow_t *stow, ngx_buf_t *b);
static ngx_int_t ngx_http_dicom_stow_open(ngx_http_request_t *r,
    ngx_http_dicom_stow_t *stow);
static ngx_int_t ngx_http_dicom_stow_write(ngx_http_request_t *r,
    ngx_http_dicom_stow_t *stow);
static ngx_int_t ngx_http_dicom_stow_end(ngx_http_request_t *r,
    ngx_http_dicom_stow_t *stow);
static ngx_int_t ngx_http_dicom_stow_ingested(ngx_http_request_t *r,
    ngx_http_dicom_ingest_t *ingest);
static void ngx_http_dicom_stow_forget(ngx_http_request_t *r,
    ngx_http_dicom_stow_t *stow);
static void ngx_http_dicom_stow_cleanup(void *data);
static ngx_int_t ngx_http_dicom_stow_finish(ngx_http_request_t *r,
    ngx_http_dicom_stow_t *stow);


ngx_int_t
ngx_http_dicom_stow(ngx_http_request_t *r)
{
    return ngx_http_dicom_stow_begin(r, NULL);
}


ngx_int_t
ngx_http_dicom_stow_study(ngx_http_request_t *r)
{
    ngx_str_t  *study;

    study = &ngx_http_dicom_ctx(r)->params[0];

    if (ngx_dicom_uid_check(study) != NGX_OK) {
        return ngx_http_dicom_problem(r, NGX_HTTP_BAD_REQUEST, "invalid-uid",
                                      "The path holds what is no UID.", NULL);
    }

    return ngx_http_dicom_stow_begin(r, (char *) study->data);
}


static ngx_int_t
ngx_http_dicom_stow_begin(ngx_http_request_t *r, const char *study)
{
    ngx_int_t                   rc;
    ngx_pool_cleanup_t         *cln;
    ngx_http_dicom_stow_t      *stow;
    ngx_http_dicom_srv_conf_t  *dscf;

    dscf = ngx_http_dicom_srv_conf(r);

    if (ngx_http_dicom_accept_json(r) == NULL) {
        return ngx_http_dicom_problem(r, 406, "not-acceptable",
                                      "The answer is application/dicom+json.",
                                      NULL);
    }

    if (r->headers_in.content_length_n
        > ngx_fs_available(dscf->conf->store.data))
    {
        return ngx_http_dicom_problem(r, 507, "store-full",
                                      "The store has no room for it.", NULL);
    }

    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_dicom_stow_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    stow = cln->data;
    ngx_memzero(stow, sizeof(ngx_http_dicom_stow_t));

    stow->study = study;
    stow->reply = ngx_http_dicom_stow_reply(r, study);
    stow->ask = ngx_http_dicom_ask(r);

    if (stow->reply == NULL || stow->ask == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_stow_type(r, stow);
    if (rc != NGX_OK) {
        return rc;
    }

    cln->handler = ngx_http_dicom_stow_cleanup;
    ngx_http_dicom_ctx(r)->data = stow;

    r->request_body_no_buffering = 1;

    rc = ngx_http_read_client_request_body(r, ngx_http_dicom_stow_body);

    return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
}


static ngx_int_t
ngx_http_dicom_stow_type(ngx_http_request_t *r, ngx_http_dicom_stow_t *stow)
{
    ngx_str_t         type, boundary;
    ngx_table_elt_t  *h;

    static ngx_str_t  dicom = ngx_string("application/dicom");

    h = r->headers_in.content_type;

    if (h == NULL
        || ngx_dicom_multipart_related(&h->value, &type, &boundary) != NGX_OK
        || type.len != dicom.len
        || ngx_strncasecmp(type.data, dicom.data, dicom.len) != 0)
    {
        return ngx_http_dicom_problem(r, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                      "unsupported-media-type",
                                      "The body must be multipart/related; "
                                      "type=\"application/dicom\".", NULL);
    }

    if (ngx_dicom_multipart_init(&stow->multipart, &boundary) != NGX_OK) {
        return ngx_http_dicom_problem(r, NGX_HTTP_BAD_REQUEST,
                                      "malformed-multipart",
                                      "The Content-Type has no boundary that "
                                      "a body can have.", NULL);
    }

    return NGX_OK;
}


static void
ngx_http_dicom_stow_body(ngx_http_request_t *r)
{
    ngx_http_finalize_request(r, ngx_http_dicom_stow_run(r));
}


/* More of the body is there. */

static void
ngx_http_dicom_stow_reader(ngx_http_request_t *r)
{
    if (r->connection->read->timedout) {
        r->connection->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    ngx_http_finalize_request(r, ngx_http_dicom_stow_run(r));
}


/*
 * Goes on with the body until it ends, more of it must come, or a part is to be
 * taken in, each of which calls this again.  What it returns is for
 * ngx_http_finalize_request().
 */

static ngx_int_t
ngx_http_dicom_stow_run(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_buf_t              *b;
    ngx_chain_t            *cl;
    ngx_http_dicom_stow_t  *stow;

    stow = ngx_http_dicom_ctx(r)->data;

    for ( ;; ) {
        cl = r->request_body->bufs;

        if (cl == NULL) {

            if (!r->reading_body) {
                return ngx_http_dicom_stow_finish(r, stow);
            }

            rc = ngx_http_dicom_stow_read(r);

            if (rc != NGX_OK) {
                return rc;
            }

            continue;
        }

        b = cl->buf;

        rc = ngx_http_dicom_stow_take(r, stow, b);

        if (b->pos == b->last) {
            r->request_body->bufs = cl->next;
            ngx_free_chain(r->pool, cl);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }
}


/* NGX_OK: something came, or the end; NGX_DONE: nothing yet. */

static ngx_int_t
ngx_http_dicom_stow_read(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_event_t               *rev;
    ngx_http_core_loc_conf_t  *clcf;

    rc = ngx_http_read_unbuffered_request_body(r);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        return rc;
    }

    rev = r->connection->read;

    if (r->request_body->bufs || rc == NGX_OK) {

        if (rev->timer_set) {
            ngx_del_timer(rev);
        }

        return NGX_OK;
    }

    /* over HTTP/2 nginx sets no new timer while its window is open */

    if (!rev->timer_set) {
        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);
        ngx_add_timer(rev, clcf->client_body_timeout);
    }

    r->read_event_handler = ngx_http_dicom_stow_reader;
    r->main->count++;

    return NGX_DONE;
}


/* Takes bytes of the body: NGX_OK when all of b is used up. */

static ngx_int_t
ngx_http_dicom_stow_take(ngx_http_request_t *r, ngx_http_dicom_stow_t *stow,
    ngx_buf_t *b)
{
    ngx_int_t  rc;

    for ( ;; ) {

        switch (ngx_dicom_multipart_next(&stow->multipart, &b->pos, b->last)) {

        case NGX_DICOM_MULTIPART_MORE:
            return NGX_OK;

        case NGX_DICOM_MULTIPART_BEGIN:
            rc = ngx_http_dicom_stow_open(r, stow);
            break;

        case NGX_DICOM_MULTIPART_DATA:
            rc = ngx_http_dicom_stow_write(r, stow);
            break;

        case NGX_DICOM_MULTIPART_END:
            rc = ngx_http_dicom_stow_end(r, stow);
            break;

        case NGX_DICOM_MULTIPART_LAST:
            stow->complete = 1;
            rc = NGX_OK;
            break;

        default: /* NGX_DICOM_MULTIPART_MALFORMED */
            return ngx_http_dicom_problem(r, NGX_HTTP_BAD_REQUEST,
                                          "malformed-multipart",
                                          "The body is no multipart of this "
                                          "boundary; what stood before the "
                                          "error was stored.", NULL);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }
}


/* A part begins. */

static ngx_int_t
ngx_http_dicom_stow_open(ngx_http_request_t *r, ngx_http_dicom_stow_t *stow)
{
    ngx_str_t                 *type;
    ngx_http_core_loc_conf_t  *clcf;

    static ngx_str_t  dicom = ngx_string("application/dicom");

    if (stow->multipart.parts > NGX_HTTP_DICOM_STOW_PARTS) {
        return ngx_http_dicom_problem(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE,
                                      "too-many-parts", NULL, NULL);
    }

    ngx_memzero(&stow->ingest, sizeof(ngx_http_dicom_ingest_t));
    ngx_memzero(&stow->file, sizeof(ngx_file_t));

    stow->size = 0;
    stow->failure = 0;
    stow->cleanups = r->cleanup;
    stow->file.fd = NGX_INVALID_FILE;
    stow->file.log = r->connection->log;

    type = &stow->multipart.type;

    if (type->len
        && (type->len != dicom.len
            || ngx_strncasecmp(type->data, dicom.data, dicom.len) != 0))
    {
        stow->failure = NGX_HTTP_DICOM_STOW_NOT_UNDERSTOOD;
        return NGX_OK;
    }

    stow->ingest.pool = ngx_create_pool(4096, r->connection->log);
    if (stow->ingest.pool == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (ngx_create_temp_file(&stow->file, clcf->client_body_temp_path,
                             stow->ingest.pool, 1, 1, 0640)
        != NGX_OK)
    {
        stow->failure = NGX_HTTP_DICOM_STOW_NO_ROOM;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_stow_write(ngx_http_request_t *r, ngx_http_dicom_stow_t *stow)
{
    ngx_str_t                  *data;
    ngx_http_dicom_srv_conf_t  *dscf;

    dscf = ngx_http_dicom_srv_conf(r);
    data = &stow->multipart.data;

    if (stow->failure) {
        return NGX_OK;
    }

    stow->size += data->len;

    if (stow->size > dscf->conf->max_instance
        || ngx_write_file(&stow->file, data->data, data->len,
                          stow->file.offset)
           == NGX_ERROR)
    {
        stow->failure = NGX_HTTP_DICOM_STOW_NO_ROOM;
    }

    return NGX_OK;
}


/* A part is there as a whole: NGX_OK when it will not be stored. */

static ngx_int_t
ngx_http_dicom_stow_end(ngx_http_request_t *r, ngx_http_dicom_stow_t *stow)
{
    ngx_http_dicom_ingest_t  *ingest;

    ingest = &stow->ingest;

    if (stow->failure == 0 && stow->size == 0) {
        stow->failure = NGX_HTTP_DICOM_STOW_NOT_UNDERSTOOD;
    }

    if (stow->failure) {

        if (ngx_http_dicom_stow_failed(stow->reply, &ingest->meta,
                                       stow->failure)
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_http_dicom_stow_forget(r, stow);

        return NGX_OK;
    }

    ingest->fd = stow->file.fd;
    ingest->study = stow->study;
    ingest->ask = stow->ask;
    ingest->done = ngx_http_dicom_stow_ingested;

    if (ngx_http_dicom_ingest_path(r, &stow->file.name, &ingest->path)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_ingest(r, ingest);
}


static ngx_int_t
ngx_http_dicom_stow_ingested(ngx_http_request_t *r,
    ngx_http_dicom_ingest_t *ingest)
{
    ngx_event_t            *rev;
    ngx_http_dicom_stow_t  *stow;

    stow = (ngx_http_dicom_stow_t *) ingest;
    rev = r->connection->read;

    /* it was not the client that was waited for */

    if (rev->timer_set) {
        ngx_del_timer(rev);
    }

    rev->timedout = 0;

    if (ngx_http_dicom_stow_stored(stow->reply, ingest) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_dicom_stow_forget(r, stow);

    return ngx_http_dicom_stow_run(r);
}


/* Frees what a part needed; its queries' cleanups, which r has, before that. */

static void
ngx_http_dicom_stow_forget(ngx_http_request_t *r, ngx_http_dicom_stow_t *stow)
{
    ngx_http_cleanup_t  *cln;

    for (cln = r->cleanup; cln != stow->cleanups; cln = cln->next) {

        if (cln->handler) {
            cln->handler(cln->data);
        }
    }

    r->cleanup = stow->cleanups;

    ngx_http_dicom_stow_cleanup(stow);
}


static void
ngx_http_dicom_stow_cleanup(void *data)
{
    ngx_http_dicom_stow_t *stow = data;

    if (stow->ingest.pool) {
        ngx_destroy_pool(stow->ingest.pool);
        stow->ingest.pool = NULL;
    }
}


/* The body has ended. */

static ngx_int_t
ngx_http_dicom_stow_finish(ngx_http_request_t *r, ngx_http_dicom_stow_t *stow)
{
    if (!stow->complete) {
        return ngx_http_dicom_problem(r, NGX_HTTP_BAD_REQUEST,
                                      "malformed-multipart",
                                      "The body ends before its last "
                                      "delimiter; the parts that were whole "
                                      "were stored.", NULL);
    }

    if (stow->multipart.parts == 0) {
        return ngx_http_dicom_problem(r, NGX_HTTP_BAD_REQUEST,
                                      "malformed-multipart",
                                      "The body has no parts.", NULL);
    }

    return ngx_http_dicom_stow_send(r, stow->reply);
}
