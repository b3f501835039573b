
/*
 * An upload while it arrives.
 *
 * Hashing takes about as long as receiving; so the worker is told of a large
 * body as soon as there is a good part of it, and reads along.  Whatever it
 * says to that, or whether it hears of it, changes nothing but the time that
 * WIRE_INGEST will take.
 */


#include "ngx_http_dicom_follow.h"
#include "ngx_http_dicom_ingest.h"
#include "ngx_http_dicom_peer.h"
#include "ngx_dicom_call.h"


/* bytes of a body that are there before the worker is told */
#define NGX_HTTP_DICOM_FOLLOW_LEAST    (2 * 1024 * 1024)

#define NGX_HTTP_DICOM_FOLLOW_TIMEOUT  10000


typedef struct {
    u_char              key[16];       /* chooses the worker */
    ngx_uint_t          told;
    ngx_dicom_call_t    call;
} ngx_http_dicom_follow_t;


static ngx_int_t ngx_http_dicom_follow_filter(ngx_http_request_t *r,
    ngx_chain_t *in);
static ngx_int_t ngx_http_dicom_follow_tell(ngx_http_request_t *r,
    ngx_http_dicom_follow_t *follow);
static void ngx_http_dicom_follow_handler(ngx_dicom_call_t *call);
static void ngx_http_dicom_follow_cleanup(void *data);


static ngx_http_request_body_filter_pt  ngx_http_next_request_body_filter;


ngx_int_t
ngx_http_dicom_follow_init(ngx_conf_t *cf)
{
    ngx_http_next_request_body_filter = ngx_http_top_request_body_filter;
    ngx_http_top_request_body_filter = ngx_http_dicom_follow_filter;

    return NGX_OK;
}


const u_char *
ngx_http_dicom_follow(ngx_http_request_t *r)
{
    uint32_t                  word;
    ngx_uint_t                i;
    ngx_http_dicom_follow_t  *follow;

    follow = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_follow_t));
    if (follow == NULL) {
        return NULL;
    }

    for (i = 0; i < sizeof(follow->key); i += sizeof(word)) {
        word = (uint32_t) ngx_random();
        ngx_memcpy(follow->key + i, &word, sizeof(word));
    }

    ngx_http_dicom_ctx(r)->follow = follow;

    return follow->key;
}


/* Behind the filter that writes the file. */

static ngx_int_t
ngx_http_dicom_follow_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_int_t                 rc;
    ngx_temp_file_t          *file;
    ngx_http_dicom_ctx_t     *ctx;
    ngx_http_dicom_follow_t  *follow;

    rc = ngx_http_next_request_body_filter(r, in);

    ctx = ngx_http_dicom_ctx(r);

    if (rc != NGX_OK || ctx == NULL || ctx->follow == NULL
        || r->request_body == NULL)
    {
        return rc;
    }

    follow = ctx->follow;
    file = r->request_body->temp_file;

    if (follow->told || file == NULL
        || file->offset < NGX_HTTP_DICOM_FOLLOW_LEAST
        || r->request_body->rest == 0)
    {
        return NGX_OK;
    }

    follow->told = 1;

    return ngx_http_dicom_follow_tell(r, follow);
}


/* NGX_ERROR without memory only. */

static ngx_int_t
ngx_http_dicom_follow_tell(ngx_http_request_t *r,
    ngx_http_dicom_follow_t *follow)
{
    ngx_str_t                   path;
    ngx_dicom_call_t           *call;
    ngx_http_cleanup_t         *cln;
    struct wire_ingest         *message;
    ngx_http_dicom_srv_conf_t  *dscf;

    dscf = ngx_http_dicom_srv_conf(r);
    call = &follow->call;

    call->addr = ngx_http_dicom_peer_addr(&dscf->upstream, follow->key);

    if (call->addr == NULL
        || ngx_http_dicom_ingest_path(r, &r->request_body->temp_file->file.name,
                                      &path)
           != NGX_OK)
    {
        return NGX_OK;
    }

    message = ngx_pcalloc(r->pool, sizeof(struct wire_ingest) + path.len);
    cln = ngx_http_cleanup_add(r, 0);

    if (message == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    message->path_length = (uint32_t) path.len;
    ngx_memcpy(message + 1, path.data, path.len);

    call->pool = r->pool;
    call->log = r->connection->log;
    call->type = WIRE_FOLLOW;
    call->body.data = (u_char *) message;
    call->body.len = sizeof(struct wire_ingest) + path.len;
    call->timeout = NGX_HTTP_DICOM_FOLLOW_TIMEOUT;
    call->handler = ngx_http_dicom_follow_handler;

    if (ngx_dicom_call(call) == NGX_OK) {
        cln->handler = ngx_http_dicom_follow_cleanup;
        cln->data = call;
    }

    return NGX_OK;
}


static void
ngx_http_dicom_follow_handler(ngx_dicom_call_t *call)
{
    ngx_log_debug2(NGX_LOG_DEBUG_HTTP, call->log, 0,
                   "dicom upload followed: %i, %ui", call->rc,
                   (ngx_uint_t) call->response.status);
}


static void
ngx_http_dicom_follow_cleanup(void *data)
{
    ngx_dicom_call_cancel(data);
}
