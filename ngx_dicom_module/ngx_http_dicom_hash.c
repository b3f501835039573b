
/*
 * A request that waits for a password to be hashed on the thread pool.
 */


#include "ngx_http_dicom_hash.h"
#include "ngx_dicom_kdf.h"
#include "ngx_http_dicom_reply.h"


#define NGX_HTTP_DICOM_HASH_TIMEOUT  60000


/* Lives in the request's pool; kdf is NULL when nothing runs any more. */
typedef struct {
    ngx_http_request_t      *request;
    ngx_dicom_kdf_t         *kdf;
    ngx_http_dicom_hash_pt   done;
    ngx_event_t              timer;
} ngx_http_dicom_hash_t;


static void ngx_http_dicom_hash_handler(ngx_dicom_kdf_t *kdf);
static void ngx_http_dicom_hash_timeout(ngx_event_t *ev);
static ngx_int_t ngx_http_dicom_hash_busy(ngx_http_request_t *r);
static void ngx_http_dicom_hash_cleanup(void *data);


ngx_int_t
ngx_http_dicom_hash(ngx_http_request_t *r, const ngx_str_t *password,
    const char *stored, ngx_http_dicom_hash_pt done)
{
    ngx_http_cleanup_t         *cln;
    ngx_http_dicom_hash_t      *h;
    ngx_http_dicom_srv_conf_t  *dscf;

    dscf = ngx_http_dicom_srv_conf(r);

    cln = ngx_http_cleanup_add(r, sizeof(ngx_http_dicom_hash_t));
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    h = cln->data;
    ngx_memzero(h, sizeof(ngx_http_dicom_hash_t));

    h->request = r;
    h->done = done;

    h->kdf = ngx_dicom_kdf(dscf->kdf_pool, r->connection->log, password,
                           stored, ngx_http_dicom_hash_handler, h);

    if (h->kdf == NULL) {
        return ngx_http_dicom_hash_busy(r);
    }

    cln->handler = ngx_http_dicom_hash_cleanup;

    /* without a timer, a worker that shuts down would not wait for r */

    h->timer.handler = ngx_http_dicom_hash_timeout;
    h->timer.data = h;
    h->timer.log = r->connection->log;

    ngx_add_timer(&h->timer, NGX_HTTP_DICOM_HASH_TIMEOUT);

    r->main->count++;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_DONE;
}


static ngx_int_t
ngx_http_dicom_hash_busy(ngx_http_request_t *r)
{
    return ngx_http_dicom_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE, "busy",
                                  "Too many passwords are being checked.",
                                  NULL);
}


static void
ngx_http_dicom_hash_timeout(ngx_event_t *ev)
{
    ngx_http_dicom_hash_t *h = ev->data;

    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = h->request;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_dicom_kdf_cancel(h->kdf);
    h->kdf = NULL;

    ngx_http_finalize_request(r, ngx_http_dicom_hash_busy(r));

    ngx_http_run_posted_requests(c);
}


static void
ngx_http_dicom_hash_cleanup(void *data)
{
    ngx_http_dicom_hash_t *h = data;

    if (h->timer.timer_set) {
        ngx_del_timer(&h->timer);
    }

    if (h->kdf) {
        ngx_dicom_kdf_cancel(h->kdf);
        h->kdf = NULL;
    }
}


static void
ngx_http_dicom_hash_handler(ngx_dicom_kdf_t *kdf)
{
    ngx_http_dicom_hash_t *h = kdf->data;

    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = h->request;
    c = r->connection;

    h->kdf = NULL;

    if (h->timer.timer_set) {
        ngx_del_timer(&h->timer);
    }

    ngx_http_set_log_request(c->log, r);

    ngx_http_finalize_request(r, h->done(r, kdf->rc, (char *) kdf->hash));

    ngx_http_run_posted_requests(c);
}
