
/*
 * The render workers as upstream peers.
 *
 * A stack lives in one worker, so its id alone chooses the worker, the same
 * in every nginx: the one with the highest hash of id and socket wins, and a
 * worker that is added or removed moves only its own share of the stacks.
 * There is no second choice; nginx tries again only where an idle connection
 * turned out to be dead.
 */


#include "ngx_http_dicom_peer.h"


#define NGX_HTTP_DICOM_PEER_IDLE          128      /* in each nginx worker */
#define NGX_HTTP_DICOM_PEER_IDLE_TIMEOUT  55000    /* less than the worker's */
#define NGX_HTTP_DICOM_PEER_REQUESTS      100000


typedef struct {
    ngx_addr_t                     addr;
    uint64_t                       seed;
} ngx_http_dicom_worker_t;


typedef struct {
    ngx_uint_t                     nworkers;
    ngx_http_dicom_worker_t       *workers;
    ngx_uint_t                     turn;
    ngx_queue_t                    idle;
    ngx_queue_t                    free;
} ngx_http_dicom_peers_t;


/* an idle connection, or room for one */
typedef struct {
    ngx_queue_t                    queue;
    ngx_http_dicom_peers_t        *peers;
    ngx_addr_t                    *addr;
    ngx_connection_t              *connection;
} ngx_http_dicom_idle_t;


typedef struct {
    ngx_http_dicom_peers_t        *peers;
    ngx_http_upstream_t           *upstream;
    ngx_addr_t                    *addr;
} ngx_http_dicom_peer_t;


static ngx_int_t ngx_http_dicom_peer_init(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *uscf);
static ngx_int_t ngx_http_dicom_peer_get(ngx_peer_connection_t *pc,
    void *data);
static void ngx_http_dicom_peer_free(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state);
static ngx_int_t ngx_http_dicom_peer_reusable(ngx_peer_connection_t *pc,
    ngx_http_upstream_t *u, ngx_uint_t state);
static void ngx_http_dicom_peer_keep(ngx_peer_connection_t *pc,
    ngx_http_dicom_peer_t *peer);
static void ngx_http_dicom_idle_write_handler(ngx_event_t *ev);
static void ngx_http_dicom_idle_read_handler(ngx_event_t *ev);
static void ngx_http_dicom_idle_close(ngx_http_dicom_idle_t *idle);
static uint64_t ngx_http_dicom_mix(uint64_t x);


ngx_int_t
ngx_http_dicom_render_upstream(ngx_conf_t *cf, ngx_http_dicom_srv_conf_t *dscf)
{
    ngx_url_t                      u;
    ngx_str_t                     *sockets;
    ngx_uint_t                     i;
    ngx_http_dicom_idle_t         *idle;
    ngx_http_dicom_peers_t        *peers;
    ngx_http_upstream_conf_t      *conf;
    ngx_http_upstream_srv_conf_t  *uscf;

    peers = ngx_pcalloc(cf->pool, sizeof(ngx_http_dicom_peers_t));
    uscf = ngx_pcalloc(cf->pool, sizeof(ngx_http_upstream_srv_conf_t));

    if (peers == NULL || uscf == NULL) {
        return NGX_ERROR;
    }

    sockets = dscf->conf->render_workers->elts;
    peers->nworkers = dscf->conf->render_workers->nelts;

    peers->workers = ngx_pcalloc(cf->pool,
                          peers->nworkers * sizeof(ngx_http_dicom_worker_t));
    idle = ngx_pcalloc(cf->pool,
                    NGX_HTTP_DICOM_PEER_IDLE * sizeof(ngx_http_dicom_idle_t));

    if (peers->workers == NULL || idle == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < peers->nworkers; i++) {
        ngx_memzero(&u, sizeof(ngx_url_t));

        u.url = sockets[i];

        if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "%s in renderWorker \"%V\"",
                               u.err ? u.err : "no address", &sockets[i]);
            return NGX_ERROR;
        }

        peers->workers[i].addr = u.addrs[0];
        peers->workers[i].seed =
            ngx_http_dicom_mix(ngx_crc32_long(u.url.data, u.url.len) + 1);
    }

    ngx_queue_init(&peers->idle);
    ngx_queue_init(&peers->free);

    for (i = 0; i < NGX_HTTP_DICOM_PEER_IDLE; i++) {
        idle[i].peers = peers;
        ngx_queue_insert_head(&peers->free, &idle[i].queue);
    }

    ngx_str_set(&uscf->host, "render-worker");
    uscf->peer.init = ngx_http_dicom_peer_init;
    uscf->peer.data = peers;

    conf = &dscf->upstream;
    ngx_memzero(conf, sizeof(ngx_http_upstream_conf_t));

    conf->upstream = uscf;
    conf->connect_timeout = 5000;
    conf->send_timeout = 30000;
    conf->read_timeout = dscf->conf->render_timeout;

    /* more than sendfile_max_chunk: what stays in the buffer ends the turn */
    conf->buffer_size = 64 * 1024;

    /* opening a stack twice is the same as once: POST may be repeated */
    conf->next_upstream = NGX_HTTP_UPSTREAM_FT_ERROR
                          |NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT;

    ngx_str_set(&conf->module, "dicom");

    return NGX_OK;
}


ngx_addr_t *
ngx_http_dicom_peer_addr(ngx_http_upstream_conf_t *conf, const u_char *stack)
{
    uint64_t                  key, weight, best;
    ngx_uint_t                i, chosen;
    ngx_http_dicom_peers_t   *peers;
    ngx_http_dicom_worker_t  *workers;

    if (conf->upstream == NULL) {
        return NULL;
    }

    peers = conf->upstream->peer.data;
    workers = peers->workers;

    if (stack == NULL) {
        return &workers[peers->turn++ % peers->nworkers].addr;
    }

    ngx_memcpy(&key, stack, sizeof(uint64_t));

    chosen = 0;
    best = 0;

    for (i = 0; i < peers->nworkers; i++) {
        weight = ngx_http_dicom_mix(key ^ workers[i].seed);

        if (weight >= best) {
            best = weight;
            chosen = i;
        }
    }

    return &workers[chosen].addr;
}


/* u->peer.data is the stack's id, or NULL, until it is replaced here. */

static ngx_int_t
ngx_http_dicom_peer_init(ngx_http_request_t *r,
    ngx_http_upstream_srv_conf_t *uscf)
{
    ngx_http_upstream_t    *u;
    ngx_http_dicom_peer_t  *peer;

    peer = ngx_palloc(r->pool, sizeof(ngx_http_dicom_peer_t));
    if (peer == NULL) {
        return NGX_ERROR;
    }

    u = r->upstream;

    peer->peers = uscf->peer.data;
    peer->upstream = u;
    peer->addr = ngx_http_dicom_peer_addr(u->conf, u->peer.data);

    u->peer.data = peer;
    u->peer.get = ngx_http_dicom_peer_get;
    u->peer.free = ngx_http_dicom_peer_free;
    u->peer.tries = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_peer_get(ngx_peer_connection_t *pc, void *data)
{
    ngx_http_dicom_peer_t  *peer = data;

    ngx_queue_t            *q;
    ngx_connection_t       *c;
    ngx_http_dicom_idle_t  *idle;

    pc->sockaddr = peer->addr->sockaddr;
    pc->socklen = peer->addr->socklen;
    pc->name = &peer->addr->name;
    pc->cached = 0;
    pc->connection = NULL;

    for (q = ngx_queue_head(&peer->peers->idle);
         q != ngx_queue_sentinel(&peer->peers->idle);
         q = ngx_queue_next(q))
    {
        idle = ngx_queue_data(q, ngx_http_dicom_idle_t, queue);

        if (idle->addr == peer->addr) {
            goto found;
        }
    }

    return NGX_OK;

found:

    ngx_queue_remove(q);
    ngx_queue_insert_head(&peer->peers->free, q);

    c = idle->connection;

    c->idle = 0;
    c->sent = 0;
    c->data = NULL;
    c->log = pc->log;
    c->read->log = pc->log;
    c->write->log = pc->log;
    c->pool->log = pc->log;

    if (c->read->timer_set) {
        ngx_del_timer(c->read);
    }

    pc->connection = c;
    pc->cached = 1;

    return NGX_DONE;
}


static void
ngx_http_dicom_peer_free(ngx_peer_connection_t *pc, void *data,
    ngx_uint_t state)
{
    ngx_http_dicom_peer_t  *peer = data;

    if (ngx_http_dicom_peer_reusable(pc, peer->upstream, state) == NGX_OK) {
        ngx_http_dicom_peer_keep(pc, peer);
    }

    pc->tries = 0;
}


static ngx_int_t
ngx_http_dicom_peer_reusable(ngx_peer_connection_t *pc,
    ngx_http_upstream_t *u, ngx_uint_t state)
{
    ngx_connection_t  *c;

    c = pc->connection;

    if (state & NGX_PEER_FAILED
        || c == NULL
        || c->read->eof
        || c->read->error
        || c->read->timedout
        || c->write->error
        || c->write->timedout)
    {
        return NGX_DECLINED;
    }

    if (!u->keepalive || !u->request_body_sent) {
        return NGX_DECLINED;
    }

    if (c->requests >= NGX_HTTP_DICOM_PEER_REQUESTS) {
        return NGX_DECLINED;
    }

    if (ngx_terminate || ngx_exiting) {
        return NGX_DECLINED;
    }

    return ngx_handle_read_event(c->read, 0);
}


static void
ngx_http_dicom_peer_keep(ngx_peer_connection_t *pc,
    ngx_http_dicom_peer_t *peer)
{
    ngx_queue_t             *q;
    ngx_connection_t        *c;
    ngx_http_dicom_idle_t   *idle;
    ngx_http_dicom_peers_t  *peers;

    peers = peer->peers;

    if (ngx_queue_empty(&peers->free)) {
        q = ngx_queue_last(&peers->idle);
        ngx_http_dicom_idle_close(
                           ngx_queue_data(q, ngx_http_dicom_idle_t, queue));
    }

    q = ngx_queue_head(&peers->free);
    ngx_queue_remove(q);
    ngx_queue_insert_head(&peers->idle, q);

    idle = ngx_queue_data(q, ngx_http_dicom_idle_t, queue);

    c = pc->connection;
    pc->connection = NULL;

    idle->connection = c;
    idle->addr = peer->addr;

    c->read->delayed = 0;
    ngx_add_timer(c->read, NGX_HTTP_DICOM_PEER_IDLE_TIMEOUT);

    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }

    c->write->handler = ngx_http_dicom_idle_write_handler;
    c->read->handler = ngx_http_dicom_idle_read_handler;

    c->data = idle;
    c->idle = 1;
    c->log = ngx_cycle->log;
    c->read->log = ngx_cycle->log;
    c->write->log = ngx_cycle->log;
    c->pool->log = ngx_cycle->log;

    if (c->read->ready) {
        ngx_http_dicom_idle_read_handler(c->read);
    }
}


static void
ngx_http_dicom_idle_write_handler(ngx_event_t *ev)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, ev->log, 0,
                   "dicom idle render connection: write event");
}


/* The worker never writes unasked: whatever comes here ends the connection. */

static void
ngx_http_dicom_idle_read_handler(ngx_event_t *ev)
{
    int                n;
    char               buf[1];
    ngx_connection_t  *c;

    c = ev->data;

    if (c->close || c->read->timedout) {
        goto close;
    }

    n = recv(c->fd, buf, 1, MSG_PEEK);

    if (n == -1 && ngx_socket_errno == NGX_EAGAIN) {
        ev->ready = 0;

        if (ngx_handle_read_event(c->read, 0) != NGX_OK) {
            goto close;
        }

        return;
    }

close:

    ngx_http_dicom_idle_close(c->data);
}


static void
ngx_http_dicom_idle_close(ngx_http_dicom_idle_t *idle)
{
    ngx_connection_t  *c;

    c = idle->connection;
    idle->connection = NULL;

    ngx_queue_remove(&idle->queue);
    ngx_queue_insert_head(&idle->peers->free, &idle->queue);

    ngx_destroy_pool(c->pool);
    ngx_close_connection(c);
}


/* The finalizer of SplitMix64 (Steele, Lea, Flood 2014). */

static uint64_t
ngx_http_dicom_mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15ull;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;

    return x ^ (x >> 31);
}
