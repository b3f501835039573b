
/*
 * What the render worker reads of one object, in memory.
 */


#include "ngx_http_dicom_ask.h"
#include "ngx_http_dicom_peer.h"
#include "ngx_http_dicom_render.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_stream.h"
#include "ngx_dicom_uid.h"


/* what a slow client has not taken yet stays with the worker, which bounds it
   for each user and for all */
#define NGX_HTTP_DICOM_ASK_WINDOW   (64 * 1024)

/* an upload is read and synced to disk before it is answered */
#define NGX_HTTP_DICOM_ASK_TIMEOUT  600000


static ngx_int_t ngx_http_dicom_ask_begin(ngx_http_dicom_ask_t *ask);
static ngx_int_t ngx_http_dicom_ask_call(ngx_http_dicom_ask_t *ask,
    ngx_uint_t type);
static void ngx_http_dicom_ask_handler(ngx_dicom_call_t *call);
static void ngx_http_dicom_ask_cleanup(void *data);
static void ngx_http_dicom_ask_free(void *data);
static ngx_int_t ngx_http_dicom_ask_unavailable(ngx_http_request_t *r);


ngx_http_dicom_ask_t *
ngx_http_dicom_ask(ngx_http_request_t *r)
{
    ngx_http_cleanup_t    *cln;
    ngx_pool_cleanup_t    *last;
    ngx_http_dicom_ask_t  *ask;

    cln = ngx_http_cleanup_add(r, sizeof(ngx_http_dicom_ask_t));
    last = ngx_pool_cleanup_add(r->pool, 0);

    if (cln == NULL || last == NULL) {
        return NULL;
    }

    ask = cln->data;
    ngx_memzero(ask, sizeof(ngx_http_dicom_ask_t));

    ask->request = r;
    ask->wake = ngx_http_dicom_stream_wake;
    cln->handler = ngx_http_dicom_ask_cleanup;

    /* over HTTP/2 frames of an answer that was broken off still go out */

    last->handler = ngx_http_dicom_ask_free;
    last->data = ask;

    if (ngx_http_dicom_render_user(r, ask->call.user) != NGX_OK) {
        return NULL;
    }

    return ask;
}


ngx_int_t
ngx_http_dicom_ask_object(ngx_http_dicom_ask_t *ask, ngx_uint_t type,
    const ngx_str_t *location, const ngx_str_t *text, const ngx_str_t *index,
    const struct wire_content *content)
{
    u_char                     *p;
    ngx_str_t                   hex;
    ngx_dicom_call_t           *call;
    ngx_http_request_t         *r;
    struct wire_content        *message;

    r = ask->request;
    call = &ask->call;

    if (ngx_http_dicom_ask_begin(ask) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* BYTEA is "\x" and two digits a byte */

    hex.len = index->len > 2 ? index->len - 2 : 0;
    hex.data = index->data + 2;

    call->body.len = sizeof(struct wire_content) + location->len + text->len
                     + hex.len / 2;
    call->body.data = ngx_palloc(ask->pool, call->body.len);
    if (call->body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    message = (struct wire_content *) call->body.data;
    *message = *content;
    message->location_length = (uint32_t) location->len;
    message->text_length = (uint32_t) text->len;
    message->index_length = (uint32_t) (hex.len / 2);

    p = ngx_cpymem(message + 1, location->data, location->len);
    p = ngx_cpymem(p, text->data, text->len);

    if (hex.len && ngx_dicom_unhex(p, &hex, hex.len / 2) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "malformed index of \"%V\"", location);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    call->window = NGX_HTTP_DICOM_ASK_WINDOW;

    if (ngx_http_dicom_ask_call(ask, type) != NGX_OK) {
        return ngx_http_dicom_ask_unavailable(r);
    }

    return NGX_AGAIN;
}


ngx_int_t
ngx_http_dicom_ask_more(ngx_http_dicom_ask_t *ask)
{
    if (ask->call.left == 0) {
        return NGX_DECLINED;
    }

    ask->asked = 1;
    ngx_dicom_call_more(&ask->call);

    return NGX_AGAIN;
}


ngx_int_t
ngx_http_dicom_ask_send(ngx_http_dicom_ask_t *ask, ngx_uint_t type,
    const ngx_str_t *body)
{
    if (ngx_http_dicom_ask_begin(ask) != NGX_OK) {
        return NGX_ERROR;
    }

    ask->call.body = *body;

    return ngx_http_dicom_ask_call(ask, type);
}


static ngx_int_t
ngx_http_dicom_ask_begin(ngx_http_dicom_ask_t *ask)
{
    ask->ready = 0;
    ask->call.rc = NGX_ERROR;
    ask->call.window = 0;
    ask->call.left = 0;

    if (ask->pool) {
        ngx_destroy_pool(ask->pool);
    }

    ask->pool = ngx_create_pool(4096, ask->request->connection->log);

    return ask->pool ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_dicom_ask_call(ngx_http_dicom_ask_t *ask, ngx_uint_t type)
{
    ngx_dicom_call_t           *call;
    ngx_http_dicom_srv_conf_t  *dscf;

    call = &ask->call;
    dscf = ngx_http_dicom_srv_conf(ask->request);

    call->pool = ask->pool;
    call->log = ask->request->connection->log;
    call->type = type;
    call->timeout = NGX_HTTP_DICOM_ASK_TIMEOUT;
    call->max_answer = (type == WIRE_INGEST) ? 0 : WIRE_MAX_CONTENT;
    call->handler = ngx_http_dicom_ask_handler;
    call->data = ask;
    call->rc = NGX_ERROR;
    call->addr = dscf->upstream.upstream
                 ? ngx_http_dicom_peer_addr(&dscf->upstream, ask->worker)
                 : NULL;

    if (call->addr == NULL || ngx_dicom_call(call) != NGX_OK) {
        return NGX_ERROR;
    }

    ask->asked = 1;

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_ask_answer(ngx_http_dicom_ask_t *ask)
{
    ngx_str_t            slug, detail;
    ngx_dicom_call_t    *call;
    ngx_http_request_t  *r;

    r = ask->request;
    call = &ask->call;

    ask->ready = 0;

    if (call->rc == NGX_OK && call->response.status < NGX_HTTP_BAD_REQUEST) {
        return NGX_OK;
    }

    if (call->rc != NGX_OK
        || ngx_dicom_call_error(r->pool, &call->meta, &slug, &detail)
           != NGX_OK)
    {
        return ngx_http_dicom_ask_unavailable(r);
    }

    if (r->header_sent) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "the answer ends early: %V", &detail);
        return NGX_ERROR;
    }

    return ngx_http_dicom_problem(r, call->response.status,
                                  (char *) slug.data,
                                  detail.len ? (char *) detail.data : NULL,
                                  NULL);
}


static void
ngx_http_dicom_ask_handler(ngx_dicom_call_t *call)
{
    ngx_http_dicom_ask_t *ask = call->data;

    ask->asked = 0;
    ask->ready = 1;

    ask->wake(ask->request);
}


static void
ngx_http_dicom_ask_cleanup(void *data)
{
    ngx_http_dicom_ask_t *ask = data;

    if (ask->asked || ask->call.left) {
        ask->asked = 0;
        ask->call.left = 0;
        ngx_dicom_call_cancel(&ask->call);
    }
}


static void
ngx_http_dicom_ask_free(void *data)
{
    ngx_http_dicom_ask_t *ask = data;

    if (ask->pool) {
        ngx_destroy_pool(ask->pool);
        ask->pool = NULL;
    }
}


static ngx_int_t
ngx_http_dicom_ask_unavailable(ngx_http_request_t *r)
{
    if (r->header_sent) {
        return NGX_ERROR;
    }

    return ngx_http_dicom_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                  "renderer-unavailable",
                                  "The render worker does not answer. Try "
                                  "again shortly.", NULL);
}
