
/*
 * One PGconn as a state machine.  Touches nginx events.
 *
 * The socket belongs to libpq; nginx only watches it.  It is watched level
 * triggered, since libpq neither reads until EAGAIN nor tells when it did, and
 * for writing only while libpq has something left to write.
 */


#include "ngx_dicom_pg.h"


static ngx_int_t ngx_dicom_pg_watch(ngx_dicom_pg_t *pg);
static ngx_int_t ngx_dicom_pg_want(ngx_dicom_pg_t *pg, ngx_uint_t read,
    ngx_uint_t write);
static ngx_int_t ngx_dicom_pg_toggle(ngx_event_t *ev, ngx_int_t type,
    ngx_uint_t on);
static void ngx_dicom_pg_read_handler(ngx_event_t *rev);
static void ngx_dicom_pg_write_handler(ngx_event_t *wev);
static void ngx_dicom_pg_timer_handler(ngx_event_t *ev);
static void ngx_dicom_pg_poll(ngx_dicom_pg_t *pg);
static void ngx_dicom_pg_input(ngx_dicom_pg_t *pg);
static ngx_int_t ngx_dicom_pg_item(ngx_dicom_pg_t *pg, PGresult *res);
static ngx_int_t ngx_dicom_pg_send(ngx_dicom_pg_t *pg, ngx_uint_t tag,
    ngx_dicom_pg_kind_e kind, const char *sql);
static void ngx_dicom_pg_sent(ngx_dicom_pg_t *pg, ngx_uint_t tag,
    ngx_dicom_pg_kind_e kind, ngx_uint_t stmt);
static ngx_int_t ngx_dicom_pg_plan(ngx_dicom_pg_t *pg, ngx_uint_t tag,
    ngx_dicom_pg_plan_e plan);
static ngx_int_t ngx_dicom_pg_flush(ngx_dicom_pg_t *pg);
static void ngx_dicom_pg_lost(ngx_dicom_pg_t *pg, const char *why);
static void ngx_dicom_pg_reason(ngx_dicom_pg_t *pg, const char *why);
static void ngx_dicom_pg_notice(void *data, const PGresult *res);


ngx_uint_t
ngx_dicom_pg_cockroach(ngx_dicom_pg_t *pg)
{
    return PQparameterStatus(pg->conn, "crdb_version") != NULL;
}


ngx_int_t
ngx_dicom_pg_connect(ngx_dicom_pg_t *pg, const char *const *keywords,
    const char *const *values, ngx_msec_t timeout)
{
    pg->why[0] = '\0';
    pg->nitems = 0;
    pg->item = 0;
    pg->fd = -1;
    pg->c = NULL;

    pg->plan = NGX_DICOM_PG_PLAN_EACH;
    pg->setting = 0;

    ngx_memzero(pg->prepared, sizeof(pg->prepared));

    pg->conn = PQconnectStartParams(keywords, values, 0);

    if (pg->conn == NULL) {
        ngx_dicom_pg_reason(pg, "no memory");
        return NGX_ERROR;
    }

    pg->state = NGX_DICOM_PG_CONNECTING;

    if (PQstatus(pg->conn) == CONNECTION_BAD) {
        ngx_dicom_pg_reason(pg, NULL);
        ngx_dicom_pg_close(pg);
        return NGX_ERROR;
    }

    (void) PQsetNoticeReceiver(pg->conn, ngx_dicom_pg_notice, pg);

    /* until the first poll libpq is to be taken as waiting to write */

    if (ngx_dicom_pg_watch(pg) != NGX_OK
        || ngx_dicom_pg_want(pg, 0, 1) != NGX_OK)
    {
        ngx_dicom_pg_reason(pg, "the socket cannot be watched");
        ngx_dicom_pg_close(pg);
        return NGX_ERROR;
    }

    ngx_dicom_pg_expire(pg, timeout);

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_pg_watch(ngx_dicom_pg_t *pg)
{
    ngx_connection_t  *c;

    pg->fd = PQsocket(pg->conn);

    c = ngx_get_connection(pg->fd, ngx_cycle->log);
    if (c == NULL) {
        return NGX_ERROR;
    }

    /* ngx_close_connection() leaves a shared socket to PQfinish() */
    c->shared = 1;

    c->data = pg;
    c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);
    c->log = ngx_cycle->log;
    c->read->log = c->log;
    c->write->log = c->log;
    c->read->handler = ngx_dicom_pg_read_handler;
    c->write->handler = ngx_dicom_pg_write_handler;

    pg->c = c;

    pg->timer.handler = ngx_dicom_pg_timer_handler;
    pg->timer.data = pg;
    pg->timer.log = c->log;

    /* a worker that exits need not wait for a connection nobody waits for */
    pg->timer.cancelable = 1;

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_pg_want(ngx_dicom_pg_t *pg, ngx_uint_t read, ngx_uint_t write)
{
    if (ngx_dicom_pg_toggle(pg->c->read, NGX_READ_EVENT, read) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_dicom_pg_toggle(pg->c->write, NGX_WRITE_EVENT, write);
}


static ngx_int_t
ngx_dicom_pg_toggle(ngx_event_t *ev, ngx_int_t type, ngx_uint_t on)
{
    if (on && !ev->active) {
        return ngx_add_event(ev, type, NGX_LEVEL_EVENT);
    }

    if (!on && ev->active) {
        return ngx_del_event(ev, type, 0);
    }

    return NGX_OK;
}


static void
ngx_dicom_pg_read_handler(ngx_event_t *rev)
{
    ngx_dicom_pg_t    *pg;
    ngx_connection_t  *c;

    c = rev->data;
    pg = c->data;

    if (c->close) {
        pg->events->closing(pg);
        return;
    }

    if (pg->state == NGX_DICOM_PG_CONNECTING) {
        ngx_dicom_pg_poll(pg);

    } else {
        ngx_dicom_pg_input(pg);
    }
}


static void
ngx_dicom_pg_write_handler(ngx_event_t *wev)
{
    ngx_dicom_pg_t    *pg;
    ngx_connection_t  *c;

    c = wev->data;
    pg = c->data;

    if (pg->state == NGX_DICOM_PG_CONNECTING) {
        ngx_dicom_pg_poll(pg);

    } else if (ngx_dicom_pg_flush(pg) != NGX_OK) {
        ngx_dicom_pg_lost(pg, NULL);
    }
}


static void
ngx_dicom_pg_timer_handler(ngx_event_t *ev)
{
    ngx_dicom_pg_t  *pg = ev->data;

    ngx_dicom_pg_lost(pg, pg->state == NGX_DICOM_PG_CONNECTING
                          ? "no answer while connecting"
                          : "no answer to an abandoned statement");
}


static void
ngx_dicom_pg_poll(ngx_dicom_pg_t *pg)
{
    PostgresPollingStatusType  rc;

    rc = PQconnectPoll(pg->conn);

    if (rc == PGRES_POLLING_FAILED) {
        ngx_dicom_pg_lost(pg, NULL);
        return;
    }

    /*
     * With one address and no second attempt without TLS or GSS libpq keeps
     * its socket; another one would not be the one that is watched.
     */
    if (PQsocket(pg->conn) != pg->fd) {
        ngx_dicom_pg_lost(pg, "the socket changed while connecting");
        return;
    }

    if (rc != PGRES_POLLING_OK) {
        if (ngx_dicom_pg_want(pg, rc == PGRES_POLLING_READING,
                              rc == PGRES_POLLING_WRITING)
            != NGX_OK)
        {
            ngx_dicom_pg_lost(pg, "the socket cannot be watched");
        }

        return;
    }

    if (PQsetnonblocking(pg->conn, 1) != 0
        || PQenterPipelineMode(pg->conn) != 1
        || ngx_dicom_pg_want(pg, 1, 0) != NGX_OK)
    {
        ngx_dicom_pg_lost(pg, "the connection cannot be set up");
        return;
    }

    if (pg->timer.timer_set) {
        ngx_del_timer(&pg->timer);
    }

    pg->state = NGX_DICOM_PG_IDLE;
    pg->events->connected(pg);
}


/*
 * Takes what has come.  Also when idle: the server says good-bye, or a notice
 * has come.
 */
static void
ngx_dicom_pg_input(ngx_dicom_pg_t *pg)
{
    PGresult   *res;
    ngx_int_t   rc;

    if (PQconsumeInput(pg->conn) == 0) {
        ngx_dicom_pg_lost(pg, NULL);
        return;
    }

    if (pg->state != NGX_DICOM_PG_BUSY) {
        /* libpq parses, and drops a connection that talks out of turn */
        (void) PQisBusy(pg->conn);

        if (PQstatus(pg->conn) == CONNECTION_BAD) {
            ngx_dicom_pg_lost(pg, NULL);
        }

        return;
    }

    while (!PQisBusy(pg->conn)) {

        res = PQgetResult(pg->conn);
        rc = ngx_dicom_pg_item(pg, res);

        if (rc == NGX_DONE) {
            if (pg->timer.timer_set) {
                ngx_del_timer(&pg->timer);
            }

            /* what an open transaction has set may be rolled back */

            if (pg->setting && PQtransactionStatus(pg->conn) != PQTRANS_IDLE) {
                pg->plan = NGX_DICOM_PG_PLAN_UNKNOWN;
            }

            pg->setting = 0;
            pg->nitems = 0;
            pg->item = 0;
            pg->state = NGX_DICOM_PG_IDLE;
            pg->events->done(pg);
            return;
        }

        if (rc == NGX_ERROR) {
            ngx_dicom_pg_lost(pg, NULL);
            return;
        }
    }

    if (PQstatus(pg->conn) == CONNECTION_BAD
        || ngx_dicom_pg_flush(pg) != NGX_OK)
    {
        ngx_dicom_pg_lost(pg, NULL);
    }
}


/*
 * In a pipeline NULL ends the results of one item, and the result of the sync
 * ends the batch: NGX_DONE then, NGX_OK before, NGX_ERROR when the server has
 * lost the thread.
 */
static ngx_int_t
ngx_dicom_pg_item(ngx_dicom_pg_t *pg, PGresult *res)
{
    ExecStatusType        status;
    ngx_dicom_pg_item_t  *item;

    if (res == NULL) {
        if (PQstatus(pg->conn) == CONNECTION_BAD || pg->item >= pg->nitems) {
            return NGX_ERROR;
        }

        pg->item++;
        return NGX_OK;
    }

    status = PQresultStatus(res);

    if (status == PGRES_PIPELINE_SYNC) {
        PQclear(res);
        return pg->item == pg->nitems ? NGX_DONE : NGX_ERROR;
    }

    if (PQstatus(pg->conn) == CONNECTION_BAD || pg->item >= pg->nitems) {
        PQclear(res);
        return NGX_ERROR;
    }

    item = &pg->items[pg->item];

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        pg->plan = NGX_DICOM_PG_PLAN_UNKNOWN;
    }

    if (item->kind == NGX_DICOM_PG_STATEMENT) {
        pg->events->result(pg, item->tag, res);
        return NGX_OK;
    }

    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
        PQclear(res);
        return NGX_OK;
    }

    if (item->kind == NGX_DICOM_PG_PREPARE) {
        pg->prepared[item->stmt] = 0;
    }

    if (status == PGRES_PIPELINE_ABORTED) {
        PQclear(res);
        return NGX_OK;
    }

    /* its statement is aborted next: this is the reason why */
    pg->events->result(pg, item->tag, res);

    return NGX_OK;
}


ngx_int_t
ngx_dicom_pg_command(ngx_dicom_pg_t *pg, ngx_uint_t tag, const char *sql)
{
    return ngx_dicom_pg_send(pg, tag, NGX_DICOM_PG_STATEMENT, sql);
}


static ngx_int_t
ngx_dicom_pg_send(ngx_dicom_pg_t *pg, ngx_uint_t tag, ngx_dicom_pg_kind_e kind,
    const char *sql)
{
    if (pg->nitems >= NGX_DICOM_PG_MAX_ITEMS) {
        return NGX_ERROR;
    }

    if (PQsendQueryParams(pg->conn, sql, 0, NULL, NULL, NULL, NULL, 0) != 1) {
        ngx_dicom_pg_reason(pg, NULL);
        return NGX_ERROR;
    }

    ngx_dicom_pg_sent(pg, tag, kind, 0);

    return NGX_OK;
}


static void
ngx_dicom_pg_sent(ngx_dicom_pg_t *pg, ngx_uint_t tag, ngx_dicom_pg_kind_e kind,
    ngx_uint_t stmt)
{
    ngx_dicom_pg_item_t  *item;

    item = &pg->items[pg->nitems++];

    item->tag = (u_char) tag;
    item->kind = (u_char) kind;
    item->stmt = (uint16_t) stmt;
}


ngx_int_t
ngx_dicom_pg_statement(ngx_dicom_pg_t *pg, ngx_uint_t tag,
    ngx_dicom_stmt_e stmt, const char *const *params, ngx_uint_t binary)
{
    const ngx_dicom_stmt_t  *s = &ngx_dicom_stmts[stmt];

    if (pg->nitems + 3 > NGX_DICOM_PG_MAX_ITEMS) {
        return NGX_ERROR;
    }

    if (!pg->prepared[stmt]) {

        if (PQsendPrepare(pg->conn, s->name, s->sql, 0, NULL) != 1) {
            ngx_dicom_pg_reason(pg, NULL);
            return NGX_ERROR;
        }

        pg->prepared[stmt] = 1;
        ngx_dicom_pg_sent(pg, tag, NGX_DICOM_PG_PREPARE, stmt);
    }

    if (ngx_dicom_pg_plan(pg, tag, ngx_dicom_stmt_one_plan(stmt)
                                   ? NGX_DICOM_PG_PLAN_ONE
                                   : NGX_DICOM_PG_PLAN_EACH)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (PQsendQueryPrepared(pg->conn, s->name, (int) s->nparams, params, NULL,
                            NULL, (int) binary)
        != 1)
    {
        ngx_dicom_pg_reason(pg, NULL);
        return NGX_ERROR;
    }

    ngx_dicom_pg_sent(pg, tag, NGX_DICOM_PG_STATEMENT, stmt);

    return NGX_OK;
}


/*
 * A setting of PostgreSQL's, sent where the session has the other one.  A plan
 * for any parameters looks dear enough to start parallel workers, which takes
 * longer than what they would do.
 */
static ngx_int_t
ngx_dicom_pg_plan(ngx_dicom_pg_t *pg, ngx_uint_t tag, ngx_dicom_pg_plan_e plan)
{
    if (pg->plan == plan || ngx_dicom_pg_cockroach(pg)) {
        return NGX_OK;
    }

    pg->plan = plan;
    pg->setting = 1;

    return ngx_dicom_pg_send(pg, tag, NGX_DICOM_PG_SETTING,
                             plan == NGX_DICOM_PG_PLAN_ONE
                             ? "SELECT set_config('plan_cache_mode', "
                               "'force_generic_plan', false), "
                               "set_config('max_parallel_workers_per_gather', "
                               "'0', false)"
                             : "SET plan_cache_mode = auto");
}


ngx_int_t
ngx_dicom_pg_sync(ngx_dicom_pg_t *pg)
{
    if (PQpipelineSync(pg->conn) != 1 || ngx_dicom_pg_flush(pg) != NGX_OK) {
        ngx_dicom_pg_reason(pg, NULL);
        return NGX_ERROR;
    }

    pg->state = NGX_DICOM_PG_BUSY;

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_pg_flush(ngx_dicom_pg_t *pg)
{
    int  rc;

    rc = PQflush(pg->conn);

    if (rc == -1) {
        return NGX_ERROR;
    }

    return ngx_dicom_pg_toggle(pg->c->write, NGX_WRITE_EVENT, rc == 1);
}


void
ngx_dicom_pg_expire(ngx_dicom_pg_t *pg, ngx_msec_t timeout)
{
    ngx_add_timer(&pg->timer, timeout);
}


void
ngx_dicom_pg_idle(ngx_dicom_pg_t *pg, ngx_uint_t idle)
{
    pg->c->idle = idle ? 1 : 0;
}


static void
ngx_dicom_pg_lost(ngx_dicom_pg_t *pg, const char *why)
{
    ngx_dicom_pg_reason(pg, why);
    ngx_dicom_pg_close(pg);
    pg->events->lost(pg, pg->why);
}


void
ngx_dicom_pg_close(ngx_dicom_pg_t *pg)
{
    ngx_int_t  flags;

    if (pg->timer.timer_set) {
        ngx_del_timer(&pg->timer);
    }

    if (pg->c != NULL) {

        /*
         * libpq closes the socket itself when it finds the connection broken;
         * the kernel has forgotten it then, and the number may be another's
         */
        flags = PQsocket(pg->conn) == pg->fd ? 0 : NGX_CLOSE_EVENT;

        if (pg->c->read->active) {
            ngx_del_event(pg->c->read, NGX_READ_EVENT, flags);
        }

        if (pg->c->write->active) {
            ngx_del_event(pg->c->write, NGX_WRITE_EVENT, flags);
        }

        ngx_close_connection(pg->c);
        pg->c = NULL;
    }

    if (pg->conn != NULL) {
        PQfinish(pg->conn);
        pg->conn = NULL;
    }

    pg->fd = -1;
    pg->state = NGX_DICOM_PG_CLOSED;
}


/* Keeps the first reason given, on one line. */
static void
ngx_dicom_pg_reason(ngx_dicom_pg_t *pg, const char *why)
{
    char  *p;

    if (why == NULL && pg->why[0] == '\0' && pg->conn != NULL) {
        why = PQerrorMessage(pg->conn);
    }

    if (why == NULL || *why == '\0') {
        if (pg->why[0] != '\0') {
            return;
        }

        why = "the connection was lost";
    }

    (void) ngx_cpystrn((u_char *) pg->why, (u_char *) why, sizeof(pg->why));

    for (p = pg->why; *p; p++) {
        if (*p == '\n' || *p == '\t') {
            *p = p[1] ? ' ' : '\0';
        }
    }
}


static void
ngx_dicom_pg_notice(void *data, const PGresult *res)
{
    const char  *message;

    message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

    ngx_log_error(NGX_LOG_INFO, ngx_cycle->log, 0, "database notice: %s",
                  message ? message : "without text");
}
