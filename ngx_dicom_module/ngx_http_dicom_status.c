
/*
 * Health, metrics, and what the viewer must know before it logs in.
 */


#include "ngx_http_dicom_status.h"
#include "ngx_dicom_call.h"
#include "ngx_dicom_runtime.h"
#include "ngx_http_dicom_auth.h"
#include "ngx_http_dicom_peer.h"
#include "ngx_http_dicom_reply.h"
#include <ngx_sha1.h>


#define NGX_HTTP_DICOM_METRICS_SIZE    65536
#define NGX_HTTP_DICOM_HEALTH_TIMEOUT  2000
#define NGX_HTTP_DICOM_HEALTH_SIZE     65536

/* of 16 bytes in base64 */
#define NGX_HTTP_DICOM_WEBSOCKET_KEY   24
#define NGX_HTTP_DICOM_WEBSOCKET_GUID  "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


static const char *ngx_http_dicom_type_name(ngx_dicom_server_type_e type);
static ngx_int_t ngx_http_dicom_websocket(ngx_http_request_t *r,
    const ngx_str_t *key);
static void ngx_http_dicom_health_cleanup(void *data);
static void ngx_http_dicom_health_handler(ngx_dicom_call_t *call);
static ngx_int_t ngx_http_dicom_health_reply(ngx_http_request_t *r,
    const char *renderer);


static const char *
ngx_http_dicom_type_name(ngx_dicom_server_type_e type)
{
    switch (type) {

    case NGX_DICOM_WEB:
        return "web";

    case NGX_DICOM_TOPLEVEL:
        return "toplevel";

    case NGX_DICOM_FACILITY:
        return "facility";

    case NGX_DICOM_NODE:
        return "node";

    default:
        return "";
    }
}


ngx_int_t
ngx_http_dicom_line(ngx_http_request_t *r)
{
    ngx_str_t        *upgrade;
    ngx_table_elt_t  *key;

    static const u_char  websocket[] = "websocket";

    key = ngx_http_dicom_header_in(r, "Sec-WebSocket-Key");

    if (r->method == NGX_HTTP_GET
        && r->http_version == NGX_HTTP_VERSION_11
        && r->headers_in.upgrade
        && key && key->value.len == NGX_HTTP_DICOM_WEBSOCKET_KEY)
    {
        upgrade = &r->headers_in.upgrade->value;

        if (upgrade->len == sizeof(websocket) - 1
            && ngx_strncasecmp(upgrade->data, (u_char *) websocket,
                               upgrade->len)
               == 0)
        {
            return ngx_http_dicom_websocket(r, &key->value);
        }
    }

    return ngx_http_dicom_reply_empty(r);
}


/* The handshake, and the frame that ends it with code 1000. */

static ngx_int_t
ngx_http_dicom_websocket(ngx_http_request_t *r, const ngx_str_t *key)
{
    u_char       digest[20];
    ngx_int_t    rc;
    ngx_buf_t   *b;
    ngx_str_t    sum, *accept;
    ngx_sha1_t   sha1;
    ngx_chain_t  out;

    static const u_char     end[] = { 0x88, 0x02, 0x03, 0xe8 };
    static const ngx_str_t  upgrade = ngx_string("websocket");

    accept = ngx_palloc(r->pool, sizeof(ngx_str_t)
                                 + ngx_base64_encoded_length(sizeof(digest)));
    b = ngx_create_temp_buf(r->pool, sizeof(end));

    if (accept == NULL || b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, key->data, key->len);
    ngx_sha1_update(&sha1, NGX_HTTP_DICOM_WEBSOCKET_GUID,
                    sizeof(NGX_HTTP_DICOM_WEBSOCKET_GUID) - 1);
    ngx_sha1_final(digest, &sha1);

    sum.data = digest;
    sum.len = sizeof(digest);
    accept->data = (u_char *) (accept + 1);
    ngx_encode_base64(accept, &sum);

    if (ngx_http_dicom_header(r, "Upgrade", &upgrade) != NGX_OK
        || ngx_http_dicom_header(r, "Sec-WebSocket-Accept", accept) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->keepalive = 0;
    r->headers_out.status = NGX_HTTP_SWITCHING_PROTOCOLS;
    ngx_str_set(&r->headers_out.status_line, "101 Switching Protocols");
    r->headers_out.content_length_n = -1;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    b->last = ngx_cpymem(b->last, end, sizeof(end));
    b->last_buf = 1;
    out.buf = b;
    out.next = NULL;

    return ngx_http_output_filter(r, &out);
}


ngx_int_t
ngx_http_dicom_health(ngx_http_request_t *r)
{
    ngx_addr_t                 *addr;
    ngx_dicom_call_t           *call;
    ngx_http_cleanup_t         *cln;
    ngx_http_dicom_srv_conf_t  *dscf;

    dscf = ngx_http_dicom_srv_conf(r);

    if (dscf->conf->type != NGX_DICOM_NODE) {
        return ngx_http_dicom_health_reply(r, NULL);
    }

    /* a node that cannot draw is not well */

    addr = ngx_http_dicom_peer_addr(&dscf->upstream, NULL);

    call = ngx_pcalloc(r->pool, sizeof(ngx_dicom_call_t));
    cln = ngx_http_cleanup_add(r, 0);

    if (call == NULL || cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    call->pool = r->pool;
    call->log = r->connection->log;
    call->addr = addr;
    call->type = WIRE_HEALTH;
    call->timeout = NGX_HTTP_DICOM_HEALTH_TIMEOUT;
    call->max_answer = NGX_HTTP_DICOM_HEALTH_SIZE;
    call->handler = ngx_http_dicom_health_handler;
    call->data = r;

    if (addr == NULL || ngx_dicom_call(call) != NGX_OK) {
        return ngx_http_dicom_health_reply(r, "unavailable");
    }

    cln->handler = ngx_http_dicom_health_cleanup;
    cln->data = call;

    r->main->count++;

    r->read_event_handler = ngx_http_test_reading;
    r->write_event_handler = ngx_http_request_empty_handler;

    return NGX_DONE;
}


static void
ngx_http_dicom_health_cleanup(void *data)
{
    ngx_dicom_call_cancel(data);
}


static void
ngx_http_dicom_health_handler(ngx_dicom_call_t *call)
{
    ngx_uint_t           ok;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = call->data;
    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ok = (call->rc == NGX_OK && call->response.status == NGX_HTTP_OK);

    ngx_http_finalize_request(r,
                 ngx_http_dicom_health_reply(r, ok ? "ok" : "unavailable"));

    ngx_http_run_posted_requests(c);
}


/* renderer: NULL where there is none. */

static ngx_int_t
ngx_http_dicom_health_reply(ngx_http_request_t *r, const char *renderer)
{
    const char                 *database;
    ngx_uint_t                  degraded;
    ngx_dicom_json_writer_t    *w;
    ngx_http_dicom_srv_conf_t  *dscf;

    dscf = ngx_http_dicom_srv_conf(r);

    w = ngx_dicom_json_writer(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    database = NULL;

    if (dscf->db) {
        database = (ngx_dicom_db_health(dscf->db) == NGX_OK) ? "ok"
                                                             : "unavailable";
    }

    degraded = (database && ngx_strcmp(database, "ok") != 0)
               || (renderer && ngx_strcmp(renderer, "ok") != 0);

    ngx_dicom_json_object(w);
    ngx_dicom_json_key(w, "status");
    ngx_dicom_json_cstring(w, degraded ? "degraded" : "ok");
    ngx_dicom_json_key(w, "name");
    ngx_dicom_json_string(w, &dscf->conf->name);
    ngx_dicom_json_key(w, "type");
    ngx_dicom_json_cstring(w, ngx_http_dicom_type_name(dscf->conf->type));

    if (database) {
        ngx_dicom_json_key(w, "database");
        ngx_dicom_json_cstring(w, database);
    }

    if (renderer) {
        ngx_dicom_json_key(w, "renderer");
        ngx_dicom_json_cstring(w, renderer);
    }

    ngx_dicom_json_end_object(w);

    return ngx_http_dicom_reply_json(r, NGX_HTTP_OK, w, 0, NULL);
}


/*
 * Numbers of responses are the server's; those of the database are this worker
 * process's, as each has a pool of its own.
 */

ngx_int_t
ngx_http_dicom_metrics(ngx_http_request_t *r)
{
    u_char                     *p, *last;
    ngx_str_t                   text;
    ngx_uint_t                  i, n;
    const char                 *type;
    ngx_dicom_db_stats_t        st;
    ngx_http_dicom_srv_conf_t  *dscf;

    dscf = ngx_http_dicom_srv_conf(r);

    if (ngx_cidr_match(r->connection->sockaddr, dscf->metrics) != NGX_OK) {
        return ngx_http_dicom_problem(r, NGX_HTTP_FORBIDDEN, "forbidden",
                                      "Metrics are not given to this address.",
                                      NULL);
    }

    text.data = ngx_pnalloc(r->pool, NGX_HTTP_DICOM_METRICS_SIZE);
    if (text.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    p = text.data;
    last = p + NGX_HTTP_DICOM_METRICS_SIZE;
    type = ngx_http_dicom_type_name(dscf->conf->type);

    p = ngx_slprintf(p, last,
                     "# HELP dicom_responses_total Responses by status.\n"
                     "# TYPE dicom_responses_total counter\n");

    for (i = NGX_DICOM_MIN_STATUS; i <= NGX_DICOM_MAX_STATUS; i++) {
        n = ngx_dicom_runtime_counted(dscf->shm_zone, i);
        if (n) {
            p = ngx_slprintf(p, last, "dicom_responses_total{server=\"%s\","
                             "status=\"%ui\"} %ui\n", type, i, n);
        }
    }

    p = ngx_slprintf(p, last,
                     "# HELP dicom_settings_generation Times the settings "
                     "were read.\n"
                     "# TYPE dicom_settings_generation counter\n"
                     "dicom_settings_generation{server=\"%s\"} %ui\n",
                     type, ngx_dicom_runtime_generation(dscf->shm_zone));

    if (dscf->db) {
        ngx_dicom_db_stats(dscf->db, &st);

        p = ngx_slprintf(p, last,
            "# HELP dicom_db_connections Connections of one worker.\n"
            "# TYPE dicom_db_connections gauge\n"
            "dicom_db_connections{server=\"%s\",worker=\"%ui\","
            "state=\"all\"} %ui\n"
            "dicom_db_connections{server=\"%s\",worker=\"%ui\","
            "state=\"busy\"} %ui\n"
            "# HELP dicom_db_waiting Queries waiting for a connection.\n"
            "# TYPE dicom_db_waiting gauge\n"
            "dicom_db_waiting{server=\"%s\",worker=\"%ui\"} %ui\n",
            type, ngx_worker, st.connections, type, ngx_worker, st.busy,
            type, ngx_worker, st.waiting);

        p = ngx_slprintf(p, last,
            "# HELP dicom_db_events_total Queries, retries, failures and "
            "reconnects.\n"
            "# TYPE dicom_db_events_total counter\n"
            "dicom_db_events_total{server=\"%s\",worker=\"%ui\","
            "event=\"query\"} %ui\n"
            "dicom_db_events_total{server=\"%s\",worker=\"%ui\","
            "event=\"retry\"} %ui\n"
            "dicom_db_events_total{server=\"%s\",worker=\"%ui\","
            "event=\"failure\"} %ui\n"
            "dicom_db_events_total{server=\"%s\",worker=\"%ui\","
            "event=\"reconnect\"} %ui\n",
            type, ngx_worker, st.queries, type, ngx_worker, st.retries,
            type, ngx_worker, st.failures, type, ngx_worker, st.reconnects);
    }

    text.len = p - text.data;

    return ngx_http_dicom_reply_text(r, NGX_HTTP_OK,
                                     "text/plain; version=0.0.4", &text);
}


ngx_int_t
ngx_http_dicom_web_config(ngx_http_request_t *r)
{
    ngx_dicom_json_writer_t    *w;
    ngx_http_dicom_srv_conf_t  *dscf;

    dscf = ngx_http_dicom_srv_conf(r);

    w = ngx_dicom_json_writer(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_dicom_json_object(w);
    ngx_dicom_json_key(w, "name");
    ngx_dicom_json_string(w, &dscf->conf->name);
    ngx_dicom_json_key(w, "toplevel");

    if (dscf->conf->toplevel_url.len) {
        ngx_dicom_json_string(w, &dscf->conf->toplevel_url);

    } else {
        ngx_dicom_json_null(w);
    }

    ngx_dicom_json_key(w, "demo");
    ngx_dicom_json_bool(w, dscf->conf->demo);
    ngx_dicom_json_end_object(w);

    return ngx_http_dicom_reply_json(r, NGX_HTTP_OK, w, 0, NULL);
}
