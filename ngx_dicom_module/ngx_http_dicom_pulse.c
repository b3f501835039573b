
/*
 * Heartbeats: which servers of a facility live.
 *
 * Servers do not talk to each other, they share a database.  So each facility
 * server and each node writes into its facility's that it is there, and whether
 * it is well, and the facility server shows all rows: one that has not written
 * for 35 seconds is silent.  A browser can ask each server's /health itself,
 * but not those behind another one's address, nor since when one is gone.
 */


#include "ngx_http_dicom_pulse.h"
#include "ngx_http_dicom_peer.h"
#include "ngx_http_dicom_resource.h"
#include "ngx_dicom_call.h"


#define NGX_HTTP_DICOM_PULSE_PERIOD   10000
#define NGX_HTTP_DICOM_PULSE_TIMEOUT  2000
#define NGX_HTTP_DICOM_PULSE_SIZE     65536


typedef struct {
    ngx_http_dicom_srv_conf_t  *dscf;
    ngx_event_t                 timer;
    ngx_pool_t                 *pool;      /* of one beat */
    ngx_dicom_call_t            call;
    ngx_uint_t                  tidied;    /* rows of servers long gone */
    const char                 *type;
    u_char                     *host;      /* NUL-terminated */
    u_char                      started[sizeof("2026-11-22T13:00:00.123Z")];
} ngx_http_dicom_pulse_t;


static ngx_int_t ngx_http_dicom_pulse_add(ngx_cycle_t *cycle,
    ngx_http_dicom_srv_conf_t *dscf);
static void ngx_http_dicom_pulse_timer(ngx_event_t *ev);
static void ngx_http_dicom_pulse_again(ngx_http_dicom_pulse_t *pulse,
    ngx_msec_t delay);
static ngx_int_t ngx_http_dicom_pulse_call(ngx_http_dicom_pulse_t *pulse);
static void ngx_http_dicom_pulse_called(ngx_dicom_call_t *call);
static ngx_int_t ngx_http_dicom_pulse_write(ngx_http_dicom_pulse_t *pulse,
    const char *status);
static void ngx_http_dicom_pulse_written(ngx_dicom_db_query_t *q);


static const ngx_http_dicom_column_t  ngx_http_dicom_pulse_columns[] = {
    { "name", NGX_HTTP_DICOM_C_TEXT, 0, NULL },
    { "type", NGX_HTTP_DICOM_C_TEXT, 0, NULL },
    { "host", NGX_HTTP_DICOM_C_TEXT, 0, NULL },
    { "status", NGX_HTTP_DICOM_C_TEXT, 0, NULL },
    { "started_at", NGX_HTTP_DICOM_C_TIME, 0, NULL },
    { "seen_at", NGX_HTTP_DICOM_C_TIME, 0, NULL },
    { NULL, 0, 0, NULL }
};

static const ngx_http_dicom_list_t  ngx_http_dicom_pulses = {
    ngx_http_dicom_pulse_columns, NGX_DICOM_STMT_PULSE_LIST, 3, "ttt",
    { "", "", "", NULL }, NULL
};


ngx_int_t
ngx_http_dicom_pulse_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                   i;
    ngx_http_dicom_srv_conf_t  **dscf;
    ngx_http_dicom_main_conf_t  *dmcf;

    dmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_dicom_module);

    if (dmcf == NULL || ngx_worker != 0) {
        return NGX_OK;
    }

    dscf = dmcf->servers.elts;

    for (i = 0; i < dmcf->servers.nelts; i++) {

        if ((dscf[i]->conf->type & (NGX_DICOM_FACILITY|NGX_DICOM_NODE))
            && ngx_http_dicom_pulse_add(cycle, dscf[i]) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_pulse_add(ngx_cycle_t *cycle, ngx_http_dicom_srv_conf_t *dscf)
{
    ngx_time_t              *tp;
    ngx_http_dicom_pulse_t  *pulse;

    pulse = ngx_pcalloc(cycle->pool, sizeof(ngx_http_dicom_pulse_t));
    if (pulse == NULL) {
        return NGX_ERROR;
    }

    pulse->host = ngx_pnalloc(cycle->pool, cycle->hostname.len
                                           + sizeof(":65535"));
    if (pulse->host == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(pulse->host, "%V:%ui%Z", &cycle->hostname,
                       dscf->conf->port);

    tp = ngx_timeofday();
    ngx_dicom_audit_time((uint64_t) tp->sec * 1000 + tp->msec, pulse->started);

    pulse->type = dscf->conf->type == NGX_DICOM_NODE ? "node" : "facility";
    pulse->dscf = dscf;
    pulse->timer.handler = ngx_http_dicom_pulse_timer;
    pulse->timer.data = pulse;
    pulse->timer.log = cycle->log;
    pulse->timer.cancelable = 1;

    ngx_http_dicom_pulse_again(pulse, 1);

    return NGX_OK;
}


/* A beat owns its memory; what is left of the last one goes now. */

static void
ngx_http_dicom_pulse_timer(ngx_event_t *ev)
{
    ngx_int_t                rc;
    ngx_http_dicom_pulse_t  *pulse = ev->data;

    if (pulse->pool) {
        ngx_destroy_pool(pulse->pool);
    }

    pulse->pool = ngx_create_pool(1024, ngx_cycle->log);

    if (pulse->pool == NULL) {
        rc = NGX_ERROR;

    } else if (pulse->dscf->conf->type == NGX_DICOM_NODE) {
        rc = ngx_http_dicom_pulse_call(pulse);

    } else {
        rc = ngx_http_dicom_pulse_write(pulse, "ok");
    }

    if (rc != NGX_OK) {
        ngx_http_dicom_pulse_again(pulse, NGX_HTTP_DICOM_PULSE_PERIOD);
    }
}


static void
ngx_http_dicom_pulse_again(ngx_http_dicom_pulse_t *pulse, ngx_msec_t delay)
{
    if (ngx_exiting || ngx_terminate) {
        return;
    }

    ngx_add_timer(&pulse->timer, delay);
}


/* A node that cannot draw is not well. */

static ngx_int_t
ngx_http_dicom_pulse_call(ngx_http_dicom_pulse_t *pulse)
{
    ngx_dicom_call_t  *call = &pulse->call;

    ngx_memzero(call, sizeof(ngx_dicom_call_t));

    call->pool = pulse->pool;
    call->log = ngx_cycle->log;
    call->addr = ngx_http_dicom_peer_addr(&pulse->dscf->upstream, NULL);
    call->type = WIRE_HEALTH;
    call->timeout = NGX_HTTP_DICOM_PULSE_TIMEOUT;
    call->max_answer = NGX_HTTP_DICOM_PULSE_SIZE;
    call->handler = ngx_http_dicom_pulse_called;
    call->data = pulse;

    if (call->addr == NULL || ngx_dicom_call(call) != NGX_OK) {
        return ngx_http_dicom_pulse_write(pulse, "degraded");
    }

    return NGX_OK;
}


static void
ngx_http_dicom_pulse_called(ngx_dicom_call_t *call)
{
    ngx_uint_t               ok;
    ngx_http_dicom_pulse_t  *pulse = call->data;

    ok = (call->rc == NGX_OK && call->response.status == NGX_HTTP_OK);

    if (ngx_http_dicom_pulse_write(pulse, ok ? "ok" : "degraded") != NGX_OK) {
        ngx_http_dicom_pulse_again(pulse, NGX_HTTP_DICOM_PULSE_PERIOD);
    }
}


static ngx_int_t
ngx_http_dicom_pulse_write(ngx_http_dicom_pulse_t *pulse, const char *status)
{
    ngx_dicom_db_query_t  *q;

    q = ngx_dicom_db_query(pulse->pool, ngx_cycle->log);

    /* strings of the YAML end with a null character */

    if (q == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_PULSE_WRITE, 5,
                             (char *) pulse->dscf->conf->name.data,
                             pulse->type, (char *) pulse->host, status,
                             (char *) pulse->started)
           == NULL
        || (!pulse->tidied
            && ngx_dicom_db_step(q, NGX_DICOM_STMT_PULSE_FORGET, 0) == NULL))
    {
        return NGX_ERROR;
    }

    q->handler = ngx_http_dicom_pulse_written;
    q->data = pulse;

    return ngx_dicom_db_run(pulse->dscf->db, q);
}


/* One that was not written is seen by all others: no line in the log. */

static void
ngx_http_dicom_pulse_written(ngx_dicom_db_query_t *q)
{
    ngx_http_dicom_pulse_t  *pulse = q->data;

    if (q->status == NGX_DICOM_DB_OK) {
        pulse->tidied = 1;
    }

    ngx_http_dicom_pulse_again(pulse, NGX_HTTP_DICOM_PULSE_PERIOD);
}


ngx_int_t
ngx_http_dicom_pulse_list(ngx_http_request_t *r)
{
    ngx_int_t           rc;
    static const char  *known[] = { "limit", "cursor", NULL };

    rc = ngx_http_dicom_args_known(r, known);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_dicom_resource_list(r, &ngx_http_dicom_pulses, 0, NULL);
}
