
/*
 * What no row names any more leaves the store.
 *
 * Two lists are worked off.  The table "discarded" names objects whose rows
 * were removed; and a file in incoming/ that is a second name of an object
 * (render-worker/store.h) and older than discardDelay is of an upload that did
 * not come to its end: its object joins the table, and the name goes.
 *
 * An object is removed when, in this order: its entry is discardDelay old, the
 * database has no row that names it, and the render worker finds that no
 * upload holds it or touched it in the discardDelay before that question was
 * asked.  So whoever could still commit a row has either been seen by the
 * question or is seen by the worker: discardDelay is longer than any
 * transaction (databaseTimeout).  Each step may be repeated and the process
 * may end between any two of them: the entry goes last.
 */


#include "ngx_http_dicom_discard.h"
#include "ngx_http_dicom_peer.h"
#include "ngx_dicom_call.h"
#include "ngx_dicom_meta.h"


#define NGX_HTTP_DICOM_DISCARD_BATCH      "64"
#define NGX_HTTP_DICOM_DISCARD_PERIOD     10000
#define NGX_HTTP_DICOM_DISCARD_TIMEOUT    600000
#define NGX_HTTP_DICOM_DISCARD_ABANDONED  3600


/* columns of DISCARDED_LIST */
enum {
    D_LOCATION = 0,
    D_AT,
    D_USED
};


typedef struct {
    ngx_http_dicom_srv_conf_t  *dscf;
    ngx_event_t                 timer;
    ngx_pool_t                 *pool;      /* of the pass */
    time_t                      before;    /* see wire_discard */

    ngx_str_t                   upload;    /* the name that is looked at */

    PGresult                   *entries;   /* of the list's query */
    int                         entry;
    ngx_dicom_call_t            call;
} ngx_http_dicom_discard_t;


static void ngx_http_dicom_discard_timer(ngx_event_t *ev);
static void ngx_http_dicom_discard_again(ngx_http_dicom_discard_t *d,
    ngx_msec_t delay);
static ngx_int_t ngx_http_dicom_discard_pass(ngx_http_dicom_discard_t *d);

static ngx_int_t ngx_http_dicom_discard_find(ngx_http_dicom_discard_t *d);
static ngx_int_t ngx_http_dicom_discard_file(ngx_http_dicom_discard_t *d,
    ngx_str_t *folder, ngx_dir_t *dir);
static ngx_int_t ngx_http_dicom_discard_upload(ngx_http_dicom_discard_t *d);
static void ngx_http_dicom_discard_upload_handler(ngx_dicom_call_t *call);
static void ngx_http_dicom_discard_upload_done(ngx_dicom_db_query_t *q);

static ngx_int_t ngx_http_dicom_discard_list(ngx_http_dicom_discard_t *d);
static void ngx_http_dicom_discard_list_done(ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_discard_next(ngx_http_dicom_discard_t *d);
static void ngx_http_dicom_discard_object_handler(ngx_dicom_call_t *call);
static ngx_int_t ngx_http_dicom_discard_entry(ngx_http_dicom_discard_t *d,
    ngx_dicom_stmt_e stmt);
static void ngx_http_dicom_discard_entry_done(ngx_dicom_db_query_t *q);

static ngx_int_t ngx_http_dicom_discard_call(ngx_http_dicom_discard_t *d,
    ngx_uint_t type, uint32_t word, u_char *path, size_t len,
    void (*handler)(ngx_dicom_call_t *call));
static ngx_int_t ngx_http_dicom_discard_query(ngx_http_dicom_discard_t *d,
    ngx_dicom_db_query_t *q, void (*handler)(ngx_dicom_db_query_t *q));


ngx_int_t
ngx_http_dicom_discard_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                   i;
    ngx_http_dicom_discard_t    *d;
    ngx_http_dicom_srv_conf_t  **dscf;
    ngx_http_dicom_main_conf_t  *dmcf;

    dmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_dicom_module);

    if (dmcf == NULL || ngx_worker != 0) {
        return NGX_OK;
    }

    dscf = dmcf->servers.elts;

    for (i = 0; i < dmcf->servers.nelts; i++) {

        if (dscf[i]->conf->type != NGX_DICOM_NODE
            || dscf[i]->conf->store.len == 0)
        {
            continue;
        }

        d = ngx_pcalloc(cycle->pool, sizeof(ngx_http_dicom_discard_t));
        if (d == NULL) {
            return NGX_ERROR;
        }

        d->dscf = dscf[i];
        d->timer.handler = ngx_http_dicom_discard_timer;
        d->timer.data = d;
        d->timer.log = cycle->log;
        d->timer.cancelable = 1;

        ngx_http_dicom_discard_again(d, NGX_HTTP_DICOM_DISCARD_PERIOD);
    }

    return NGX_OK;
}


/* A pass owns its memory; what is left of the last one goes now. */

static void
ngx_http_dicom_discard_timer(ngx_event_t *ev)
{
    ngx_http_dicom_discard_t *d = ev->data;

    if (d->pool) {
        ngx_destroy_pool(d->pool);
    }

    d->pool = ngx_create_pool(4096, ngx_cycle->log);

    if (d->pool == NULL || ngx_http_dicom_discard_pass(d) != NGX_OK) {
        ngx_http_dicom_discard_again(d, NGX_HTTP_DICOM_DISCARD_PERIOD);
    }
}


/* Ends a pass: the next one begins after a delay, at most discardDelay. */

static void
ngx_http_dicom_discard_again(ngx_http_dicom_discard_t *d, ngx_msec_t delay)
{
    if (ngx_exiting || ngx_terminate) {
        return;
    }

    ngx_add_timer(&d->timer, ngx_min(delay, d->dscf->conf->discard_delay));
}


static ngx_int_t
ngx_http_dicom_discard_pass(ngx_http_dicom_discard_t *d)
{
    ngx_int_t  rc;

    d->before = ngx_time() - (time_t) (d->dscf->conf->discard_delay / 1000);

    rc = ngx_http_dicom_discard_find(d);

    if (rc == NGX_OK) {
        return ngx_http_dicom_discard_upload(d);
    }

    return (rc == NGX_DECLINED) ? ngx_http_dicom_discard_list(d) : rc;
}


/* uploads that did not come to their end */

static ngx_int_t
ngx_http_dicom_discard_find(ngx_http_dicom_discard_t *d)
{
    ngx_int_t   rc;
    ngx_dir_t   dir;
    ngx_str_t  *folder;

    folder = &d->dscf->incoming->name;

    if (ngx_open_dir(folder, &dir) == NGX_ERROR) {
        return (ngx_errno == NGX_ENOENT) ? NGX_DECLINED : NGX_ERROR;
    }

    do {
        ngx_set_errno(0);

        if (ngx_read_dir(&dir) == NGX_ERROR) {
            rc = (ngx_errno == 0 || ngx_errno == NGX_ENOMOREFILES)
                 ? NGX_DECLINED : NGX_ERROR;
            break;
        }

        rc = ngx_http_dicom_discard_file(d, folder, &dir);

    } while (rc == NGX_DECLINED);

    (void) ngx_close_dir(&dir);

    return rc;
}


/* NGX_OK: this is one; NGX_DECLINED: it is none. */

static ngx_int_t
ngx_http_dicom_discard_file(ngx_http_dicom_discard_t *d, ngx_str_t *folder,
    ngx_dir_t *dir)
{
    u_char           *p;
    size_t            len;
    ngx_file_info_t   fi;

    len = ngx_de_namelen(dir);

    p = ngx_pnalloc(d->pool, folder->len + 1 + len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(p, "%V/%*s%Z", folder, len, ngx_de_name(dir));

    if (ngx_link_info(p, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        return NGX_DECLINED;
    }

    if (fi.st_nlink > 1 && fi.st_ctime < d->before) {
        d->upload.data = p;
        d->upload.len = folder->len + 1 + len;
        return NGX_OK;
    }

    /* never an object, and nobody has written to it for long */

    if (fi.st_nlink == 1
        && fi.st_ctime < ngx_time() - NGX_HTTP_DICOM_DISCARD_ABANDONED)
    {
        (void) ngx_delete_file(p);
    }

    return NGX_DECLINED;
}


/* Which object is it? */

static ngx_int_t
ngx_http_dicom_discard_upload(ngx_http_dicom_discard_t *d)
{
    size_t  root;

    root = d->dscf->incoming->name.len - (sizeof("incoming") - 1);

    return ngx_http_dicom_discard_call(d, WIRE_INGEST, 0,
                                       d->upload.data + root,
                                       d->upload.len - root,
                                       ngx_http_dicom_discard_upload_handler);
}


static void
ngx_http_dicom_discard_upload_handler(ngx_dicom_call_t *call)
{
    const char                *error;
    ngx_dicom_meta_t          *meta;
    ngx_dicom_db_query_t      *q;
    ngx_http_dicom_discard_t  *d;

    d = call->data;

    if (call->rc != NGX_OK || call->response.status >= NGX_HTTP_BAD_REQUEST) {
        goto failed;
    }

    meta = ngx_pcalloc(d->pool, sizeof(ngx_dicom_meta_t));
    q = ngx_dicom_db_query(d->pool, ngx_cycle->log);

    if (meta == NULL || q == NULL) {
        goto failed;
    }

    error = ngx_dicom_meta_parse(d->pool, &call->meta, meta);

    if (error) {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, 0,
                      "render worker described an upload with %s", error);
        goto failed;
    }

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_DISCARDED_ADD, 1,
                          ngx_dicom_meta_text(meta, WIRE_F_LOCATION))
        == NULL
        || ngx_http_dicom_discard_query(d, q,
                                        ngx_http_dicom_discard_upload_done)
           != NGX_OK)
    {
        goto failed;
    }

    return;

failed:

    ngx_http_dicom_discard_again(d, NGX_HTTP_DICOM_DISCARD_PERIOD);
}


static void
ngx_http_dicom_discard_upload_done(ngx_dicom_db_query_t *q)
{
    ngx_http_dicom_discard_t *d = q->data;

    if (q->status != NGX_DICOM_DB_OK) {
        ngx_http_dicom_discard_again(d, NGX_HTTP_DICOM_DISCARD_PERIOD);
        return;
    }

    if (ngx_delete_file(d->upload.data) == NGX_FILE_ERROR
        && ngx_errno != NGX_ENOENT)
    {
        ngx_log_error(NGX_LOG_ERR, ngx_cycle->log, ngx_errno,
                      ngx_delete_file_n " \"%V\" failed", &d->upload);
        ngx_http_dicom_discard_again(d, NGX_HTTP_DICOM_DISCARD_PERIOD);
        return;
    }

    ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                  "upload \"%V\" did not come to its end", &d->upload);

    ngx_http_dicom_discard_again(d, 1);
}


/* objects whose rows were removed */

static ngx_int_t
ngx_http_dicom_discard_list(ngx_http_dicom_discard_t *d)
{
    char                   delay[NGX_INT_T_LEN + sizeof(" seconds")];
    ngx_dicom_db_query_t  *q;

    q = ngx_dicom_db_query(d->pool, ngx_cycle->log);
    if (q == NULL) {
        return NGX_ERROR;
    }

    (void) snprintf(delay, sizeof(delay), "%lu seconds",
                    (unsigned long) d->dscf->conf->discard_delay / 1000);

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_DISCARDED_LIST, 2, delay,
                          NGX_HTTP_DICOM_DISCARD_BATCH)
        == NULL)
    {
        return NGX_ERROR;
    }

    q->read_only = 1;

    return ngx_http_dicom_discard_query(d, q,
                                        ngx_http_dicom_discard_list_done);
}


static void
ngx_http_dicom_discard_list_done(ngx_dicom_db_query_t *q)
{
    ngx_dicom_db_step_t       *steps;
    ngx_http_dicom_discard_t  *d;

    d = q->data;
    steps = q->steps.elts;

    if (q->status != NGX_DICOM_DB_OK || PQntuples(steps[0].result) == 0) {
        ngx_http_dicom_discard_again(d, NGX_HTTP_DICOM_DISCARD_PERIOD);
        return;
    }

    d->entries = steps[0].result;
    d->entry = -1;

    if (ngx_http_dicom_discard_next(d) != NGX_OK) {
        ngx_http_dicom_discard_again(d, NGX_HTTP_DICOM_DISCARD_PERIOD);
    }
}


/* NGX_OK: something was started that goes on by itself. */

static ngx_int_t
ngx_http_dicom_discard_next(ngx_http_dicom_discard_t *d)
{
    u_char  *location;

    d->entry++;

    if (d->entry == PQntuples(d->entries)) {
        ngx_http_dicom_discard_again(d, 1);
        return NGX_OK;
    }

    if (*PQgetvalue(d->entries, d->entry, D_USED) == 't') {
        return ngx_http_dicom_discard_entry(d, NGX_DICOM_STMT_DISCARDED_DONE);
    }

    location = (u_char *) PQgetvalue(d->entries, d->entry, D_LOCATION);

    return ngx_http_dicom_discard_call(d, WIRE_DISCARD, (uint32_t) d->before,
                                       location, ngx_strlen(location),
                                       ngx_http_dicom_discard_object_handler);
}


static void
ngx_http_dicom_discard_object_handler(ngx_dicom_call_t *call)
{
    ngx_uint_t                 gone;
    ngx_http_dicom_discard_t  *d;

    d = call->data;

    if (call->rc != NGX_OK) {
        ngx_http_dicom_discard_again(d, NGX_HTTP_DICOM_DISCARD_PERIOD);
        return;
    }

    gone = (call->response.status == NGX_HTTP_NO_CONTENT
            || call->response.status == NGX_HTTP_NOT_FOUND);

    if (ngx_http_dicom_discard_entry(d, gone ? NGX_DICOM_STMT_DISCARDED_DONE
                                             : NGX_DICOM_STMT_DISCARDED_LATER)
        != NGX_OK)
    {
        ngx_http_dicom_discard_again(d, NGX_HTTP_DICOM_DISCARD_PERIOD);
    }
}


/* The entry that was read, and no newer one of the same object. */

static ngx_int_t
ngx_http_dicom_discard_entry(ngx_http_dicom_discard_t *d,
    ngx_dicom_stmt_e stmt)
{
    ngx_dicom_db_query_t  *q;

    q = ngx_dicom_db_query(d->pool, ngx_cycle->log);

    if (q == NULL
        || ngx_dicom_db_step(q, stmt, 2,
                             PQgetvalue(d->entries, d->entry, D_LOCATION),
                             PQgetvalue(d->entries, d->entry, D_AT))
           == NULL)
    {
        return NGX_ERROR;
    }

    return ngx_http_dicom_discard_query(d, q,
                                        ngx_http_dicom_discard_entry_done);
}


static void
ngx_http_dicom_discard_entry_done(ngx_dicom_db_query_t *q)
{
    ngx_http_dicom_discard_t *d = q->data;

    if (q->status != NGX_DICOM_DB_OK
        || ngx_http_dicom_discard_next(d) != NGX_OK)
    {
        ngx_http_dicom_discard_again(d, NGX_HTTP_DICOM_DISCARD_PERIOD);
    }
}


/* A wire_ingest or wire_discard: a length, a word, and a path. */

static ngx_int_t
ngx_http_dicom_discard_call(ngx_http_dicom_discard_t *d, ngx_uint_t type,
    uint32_t word, u_char *path, size_t len,
    void (*handler)(ngx_dicom_call_t *call))
{
    struct wire_ingest  *body;

    body = ngx_pcalloc(d->pool, sizeof(struct wire_ingest) + len);
    if (body == NULL) {
        return NGX_ERROR;
    }

    body->path_length = (uint32_t) len;
    body->flags = word;
    ngx_memcpy(body + 1, path, len);

    ngx_memzero(&d->call, sizeof(ngx_dicom_call_t));

    d->call.pool = d->pool;
    d->call.log = ngx_cycle->log;
    d->call.addr = ngx_http_dicom_peer_addr(&d->dscf->upstream, NULL);
    d->call.type = type;
    d->call.body.data = (u_char *) body;
    d->call.body.len = sizeof(struct wire_ingest) + len;
    d->call.timeout = NGX_HTTP_DICOM_DISCARD_TIMEOUT;
    d->call.handler = handler;
    d->call.data = d;

    return d->call.addr ? ngx_dicom_call(&d->call) : NGX_ERROR;
}


static ngx_int_t
ngx_http_dicom_discard_query(ngx_http_dicom_discard_t *d,
    ngx_dicom_db_query_t *q, void (*handler)(ngx_dicom_db_query_t *q))
{
    q->handler = handler;
    q->data = d;

    return ngx_dicom_db_run(d->dscf->db, q);
}
