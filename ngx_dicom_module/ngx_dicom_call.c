
/*
 * One exchange with the render worker, in memory.
 * Touches nginx events; knows no request.
 */


#include "ngx_dicom_call.h"


/* an error's slug and detail are short */
#define NGX_DICOM_CALL_MAX_ERROR  4096
#define NGX_DICOM_CALL_MAX_SLUG   40


static void ngx_dicom_call_write_handler(ngx_event_t *wev);
static void ngx_dicom_call_read_handler(ngx_event_t *rev);
static ngx_int_t ngx_dicom_call_receive(ngx_dicom_call_t *call);
static ngx_int_t ngx_dicom_call_allocate(ngx_dicom_call_t *call);
static ngx_int_t ngx_dicom_call_test_connect(ngx_connection_t *c);
static void ngx_dicom_call_done(ngx_dicom_call_t *call, ngx_int_t rc);
static void ngx_dicom_call_close(ngx_dicom_call_t *call);


ngx_int_t
ngx_dicom_call(ngx_dicom_call_t *call)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;

    ngx_dicom_call_header(&call->request, call->type, call->user,
                          call->body.len);

    call->out = ngx_dicom_call_chain(call->pool, &call->request, &call->body);
    if (call->out == NULL) {
        return NGX_ERROR;
    }

    call->received = 0;
    call->before = 0;
    call->left = 0;
    call->paused = 0;
    ngx_str_null(&call->meta);
    ngx_str_null(&call->answer);

    ngx_memzero(&call->peer, sizeof(ngx_peer_connection_t));

    call->peer.sockaddr = call->addr->sockaddr;
    call->peer.socklen = call->addr->socklen;
    call->peer.name = &call->addr->name;
    call->peer.get = ngx_event_get_peer;
    call->peer.log = call->log;
    call->peer.log_error = NGX_ERROR_ERR;

    rc = ngx_event_connect_peer(&call->peer);

    if (rc == NGX_ERROR || rc == NGX_BUSY || rc == NGX_DECLINED) {
        ngx_dicom_call_close(call);
        return NGX_ERROR;
    }

    c = call->peer.connection;

    c->data = call;
    c->read->handler = ngx_dicom_call_read_handler;
    c->write->handler = ngx_dicom_call_write_handler;

    ngx_add_timer(c->write, call->timeout);

    if (rc == NGX_OK) {
        ngx_post_event(c->write, &ngx_posted_events);
    }

    return NGX_OK;
}


void
ngx_dicom_call_cancel(ngx_dicom_call_t *call)
{
    call->handler = NULL;

    ngx_dicom_call_close(call);
}


void
ngx_dicom_call_more(ngx_dicom_call_t *call)
{
    ngx_connection_t  *c;

    c = call->peer.connection;

    call->before += call->answer.len;
    call->received -= call->answer.len;
    call->answer.len = (size_t) ngx_min(call->left, call->window);
    call->left -= call->answer.len;
    call->paused = 0;

    ngx_add_timer(c->read, call->timeout);

    /* not in this turn of the loop: others have waited, too */

    ngx_post_event(c->read, &ngx_posted_next_events);
}


static void
ngx_dicom_call_write_handler(ngx_event_t *wev)
{
    ngx_chain_t       *cl;
    ngx_connection_t  *c;
    ngx_dicom_call_t  *call;

    c = wev->data;
    call = c->data;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_ERR, c->log, NGX_ETIMEDOUT,
                      "render worker timed out");
        ngx_dicom_call_done(call, NGX_ERROR);
        return;
    }

    if (call->out == NULL) {
        return;
    }

    if (c->sent == 0 && ngx_dicom_call_test_connect(c) != NGX_OK) {
        ngx_dicom_call_done(call, NGX_ERROR);
        return;
    }

    cl = c->send_chain(c, call->out, 0);

    if (cl == NGX_CHAIN_ERROR) {
        ngx_dicom_call_done(call, NGX_ERROR);
        return;
    }

    call->out = cl;

    if (cl == NULL && wev->timer_set) {
        ngx_del_timer(wev);

    } else if (cl) {
        ngx_add_timer(wev, call->timeout);
    }

    if (ngx_handle_write_event(wev, 0) != NGX_OK) {
        ngx_dicom_call_done(call, NGX_ERROR);
        return;
    }

    if (cl == NULL) {
        ngx_add_timer(c->read, call->timeout);
    }

    if (c->read->ready) {
        ngx_post_event(c->read, &ngx_posted_events);
    }
}


static void
ngx_dicom_call_read_handler(ngx_event_t *rev)
{
    ngx_int_t          rc;
    ngx_connection_t  *c;
    ngx_dicom_call_t  *call;

    c = rev->data;
    call = c->data;

    if (rev->timedout) {
        ngx_log_error(NGX_LOG_ERR, c->log, NGX_ETIMEDOUT,
                      "render worker timed out");
        ngx_dicom_call_done(call, NGX_ERROR);
        return;
    }

    if (call->paused) {
        return;
    }

    rc = ngx_dicom_call_receive(call);

    if (rc != NGX_AGAIN) {
        ngx_dicom_call_done(call, rc);
        return;
    }

    ngx_add_timer(rev, call->timeout);

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ngx_dicom_call_done(call, NGX_ERROR);
    }
}


/* The header, the meta block, the body: each as far as it has come. */

static ngx_int_t
ngx_dicom_call_receive(ngx_dicom_call_t *call)
{
    size_t             at;
    u_char            *p;
    ssize_t            n, size;
    ngx_connection_t  *c;

    c = call->peer.connection;

    for ( ;; ) {
        at = call->received;

        if (at < sizeof(struct wire_response)) {
            p = (u_char *) &call->response + at;
            size = sizeof(struct wire_response) - at;

        } else if (at - sizeof(struct wire_response) < call->meta.len) {
            at -= sizeof(struct wire_response);
            p = call->meta.data + at;
            size = call->meta.len - at;

        } else {
            at -= sizeof(struct wire_response) + call->meta.len;
            p = call->answer.data + at;
            size = call->answer.len - at;

            if (size == 0) {
                return NGX_OK;
            }
        }

        n = c->recv(c, p, size);

        if (n == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        if (n == NGX_ERROR || n == 0) {
            ngx_log_error(NGX_LOG_ERR, c->log, 0,
                          "render worker prematurely closed connection");
            return NGX_ERROR;
        }

        call->received += n;

        if (call->received == sizeof(struct wire_response)
            && ngx_dicom_call_allocate(call) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }
}


static ngx_int_t
ngx_dicom_call_allocate(ngx_dicom_call_t *call)
{
    const char            *error;
    struct wire_response  *response;

    response = &call->response;

    error = ngx_dicom_call_check(response, call->type);

    if (error == NULL && response->body_length > call->max_answer) {
        error = "a body that is too long";
    }

    if (error) {
        ngx_log_error(NGX_LOG_ERR, call->log, 0,
                      "render worker sent a response with %s", error);
        return NGX_ERROR;
    }

    call->meta.len = response->meta_length;
    call->answer.len = (size_t) response->body_length;

    if (call->window && call->answer.len > call->window) {
        call->answer.len = call->window;
        call->left = response->body_length - call->window;
    }

    call->meta.data = ngx_pnalloc(call->pool, call->meta.len + 1);
    call->answer.data = ngx_pnalloc(call->pool, call->answer.len + 1);

    if (call->meta.data == NULL || call->answer.data == NULL) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_call_test_connect(ngx_connection_t *c)
{
    int        err;
    socklen_t  len;

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        (void) ngx_connection_error(c, err, "connect() to render worker "
                                            "failed");
        return NGX_ERROR;
    }

    return NGX_OK;
}


static void
ngx_dicom_call_done(ngx_dicom_call_t *call, ngx_int_t rc)
{
    ngx_event_t  *rev;

    if (rc == NGX_OK && call->left) {
        rev = call->peer.connection->read;
        call->paused = 1;

        if (rev->timer_set) {
            ngx_del_timer(rev);
        }

    } else {
        ngx_dicom_call_close(call);
        call->left = 0;
    }

    call->rc = rc;

    if (call->handler) {
        call->handler(call);
    }
}


static void
ngx_dicom_call_close(ngx_dicom_call_t *call)
{
    if (call->peer.connection) {
        ngx_close_connection(call->peer.connection);
        call->peer.connection = NULL;
    }
}


void
ngx_dicom_call_header(struct wire_request *request, ngx_uint_t type,
    const u_char *user, size_t length)
{
    ngx_memzero(request, sizeof(struct wire_request));

    request->magic = WIRE_REQUEST_MAGIC;
    request->version = WIRE_VERSION;
    request->type = (uint16_t) type;
    request->length = (uint32_t) length;

    ngx_memcpy(request->user, user, sizeof(request->user));
}


ngx_chain_t *
ngx_dicom_call_chain(ngx_pool_t *pool, struct wire_request *request,
    ngx_str_t *body)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    b = ngx_calloc_buf(pool);
    cl = ngx_alloc_chain_link(pool);

    if (b == NULL || cl == NULL) {
        return NULL;
    }

    b->start = (u_char *) request;
    b->pos = b->start;
    b->last = b->pos + sizeof(struct wire_request);
    b->end = b->last;
    b->memory = 1;

    cl->buf = b;
    cl->next = NULL;

    if (body->len == 0) {
        return cl;
    }

    b = ngx_calloc_buf(pool);
    cl->next = ngx_alloc_chain_link(pool);

    if (b == NULL || cl->next == NULL) {
        return NULL;
    }

    b->start = body->data;
    b->pos = b->start;
    b->last = b->pos + body->len;
    b->end = b->last;
    b->memory = 1;

    cl->next->buf = b;
    cl->next->next = NULL;

    return cl;
}


const char *
ngx_dicom_call_check(const struct wire_response *response, ngx_uint_t type)
{
    if (response->magic != WIRE_RESPONSE_MAGIC) {
        return "a wrong magic";
    }

    if (response->version != WIRE_VERSION) {
        return "an unknown version";
    }

    if (response->type != type) {
        return "the type of another request";
    }

    if (response->status >= 400 && response->status <= 599) {

        if (response->meta_length < 2
            || response->meta_length > NGX_DICOM_CALL_MAX_ERROR
            || response->body_length != 0)
        {
            return "a malformed error";
        }

        return NULL;
    }

    if (response->status != 200
        && response->status != 202
        && response->status != 204)
    {
        return "an unexpected status";
    }

    if (response->meta_length > WIRE_MAX_META) {
        return "a meta block that is too long";
    }

    if (response->status == 204
        && (response->body_length != 0 || response->meta_length != 0))
    {
        return "content where there is none";
    }

    return NULL;
}


ngx_int_t
ngx_dicom_call_error(ngx_pool_t *pool, ngx_str_t *meta, ngx_str_t *slug,
    ngx_str_t *detail)
{
    u_char  *p, *last;
    size_t   i;

    p = ngx_strlchr(meta->data, meta->data + meta->len, '\0');

    if (p == NULL || p == meta->data
        || p - meta->data > NGX_DICOM_CALL_MAX_SLUG)
    {
        return NGX_DECLINED;
    }

    for (i = 0; i < (size_t) (p - meta->data); i++) {
        if ((meta->data[i] < 'a' || meta->data[i] > 'z')
            && (meta->data[i] < '0' || meta->data[i] > '9')
            && meta->data[i] != '-')
        {
            return NGX_DECLINED;
        }
    }

    slug->len = p - meta->data;
    slug->data = ngx_pnalloc(pool, meta->len + 1);
    if (slug->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(slug->data, meta->data, meta->len);
    slug->data[meta->len] = '\0';

    last = slug->data + meta->len;
    p = slug->data + slug->len + 1;

    detail->data = p;
    detail->len = ngx_strlen(p);

    if (detail->len != (size_t) (last - p)
        && detail->len + 1 != (size_t) (last - p))
    {
        return NGX_DECLINED;
    }

    for (i = 0; i < detail->len; i++) {
        if (p[i] < 0x20 || p[i] == 0x7f) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}
