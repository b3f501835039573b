
/*
 * The connections of one database in one worker.  Touches nginx events.
 *
 * Each connection prefers one of the hosts, so that workers and connections
 * spread over them; when that one is down it takes the next.  A host that
 * refuses is left alone for a while that doubles, then tried by one connection
 * alone; when it is back, connections return to it one after the other.
 */


#include "ngx_dicom_db_pool.h"


#define NGX_DICOM_DB_TAG_ROLLBACK  255


static ngx_int_t ngx_dicom_db_connect(ngx_dicom_db_conn_t *conn);
static ngx_dicom_db_host_t *ngx_dicom_db_choose(ngx_dicom_db_conn_t *conn);
static void ngx_dicom_db_host_failed(ngx_dicom_db_conn_t *conn,
    const char *why);
static void ngx_dicom_db_grow(ngx_dicom_db_t *db);
static void ngx_dicom_db_probe(ngx_dicom_db_t *db);
static void ngx_dicom_db_arm(ngx_dicom_db_t *db);
static void ngx_dicom_db_timer_handler(ngx_event_t *ev);
static void ngx_dicom_db_forget(ngx_dicom_db_conn_t *conn);
static void ngx_dicom_db_connected(ngx_dicom_pg_t *pg);
static void ngx_dicom_db_result(ngx_dicom_pg_t *pg, ngx_uint_t tag,
    PGresult *res);
static void ngx_dicom_db_done(ngx_dicom_pg_t *pg);
static void ngx_dicom_db_lost(ngx_dicom_pg_t *pg, const char *why);
static void ngx_dicom_db_closing(ngx_dicom_pg_t *pg);


static const ngx_dicom_pg_events_t  ngx_dicom_db_events = {
    ngx_dicom_db_connected,
    ngx_dicom_db_result,
    ngx_dicom_db_done,
    ngx_dicom_db_lost,
    ngx_dicom_db_closing
};


/* True when time a is not after b, whatever the wrap of milliseconds. */
#define ngx_dicom_db_passed(a, b)  ((ngx_msec_int_t) ((b) - (a)) >= 0)


ngx_int_t
ngx_dicom_db_open(ngx_cycle_t *cycle, ngx_dicom_db_t *db)
{
    ngx_uint_t            i;
    ngx_dicom_db_conn_t  *conn;

    db->conns = ngx_pcalloc(cycle->pool,
                            db->max * sizeof(ngx_dicom_db_conn_t));
    if (db->conns == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_init(&db->idle);
    ngx_queue_init(&db->waiting);
    ngx_dicom_db_share_init(db);

    db->timer.handler = ngx_dicom_db_timer_handler;
    db->timer.data = db;
    db->timer.log = cycle->log;
    db->timer.cancelable = 1;

    for (i = 0; i < db->max; i++) {
        conn = &db->conns[i];
        conn->db = db;
        conn->pg.events = &ngx_dicom_db_events;
        conn->pg.fd = -1;
        conn->preferred = (ngx_worker + i) % db->hosts.nelts;
    }

    ngx_dicom_db_kick(db);

    return NGX_OK;
}


void
ngx_dicom_db_close(ngx_dicom_db_t *db)
{
    ngx_uint_t  i;

    if (db->conns == NULL) {
        return;
    }

    for (i = 0; i < db->max; i++) {
        ngx_dicom_pg_close(&db->conns[i].pg);
    }

    if (db->timer.timer_set) {
        ngx_del_timer(&db->timer);
    }

    db->conns = NULL;
}


/*
 * After anything that changed: gives waiting queries to idle connections,
 * opens connections where there are too few, and fails the queries that wait
 * for a database of which nothing is up.
 */
void
ngx_dicom_db_kick(ngx_dicom_db_t *db)
{
    ngx_queue_t          *q;
    ngx_dicom_db_run_t   *run;
    ngx_dicom_db_conn_t  *conn;

    if (db->kicking || db->conns == NULL) {
        return;
    }

    db->kicking = 1;

    for ( ;; ) {

        while (!ngx_queue_empty(&db->waiting) && !ngx_queue_empty(&db->idle)) {

            q = ngx_queue_head(&db->idle);
            ngx_queue_remove(q);
            conn = ngx_queue_data(q, ngx_dicom_db_conn_t, queue);
            conn->idle = 0;
            ngx_dicom_pg_idle(&conn->pg, 0);

            q = ngx_queue_head(&db->waiting);
            run = ngx_queue_data(q, ngx_dicom_db_run_t, queue);

            ngx_dicom_db_start(run, conn);
        }

        ngx_dicom_db_grow(db);

        if (ngx_queue_empty(&db->waiting) || db->live || db->connecting) {
            break;
        }

        q = ngx_queue_head(&db->waiting);
        run = ngx_queue_data(q, ngx_dicom_db_run_t, queue);

        ngx_dicom_db_end(run, NGX_DICOM_DB_UNAVAILABLE);
    }

    ngx_dicom_db_arm(db);

    db->kicking = 0;
}


static void
ngx_dicom_db_grow(ngx_dicom_db_t *db)
{
    ngx_uint_t            i, keep;
    ngx_dicom_db_conn_t  *conn;

    if (db->grow_at != 0 && db->live) {
        if (!ngx_dicom_db_passed(db->grow_at, ngx_current_msec)) {
            return;
        }
    }

    db->grow_at = 0;
    keep = ngx_exiting ? 0 : ngx_min(NGX_DICOM_DB_KEEP, db->max);

    for (i = 0; i < db->max; i++) {

        if (db->connecting >= db->nwaiting
            && db->live + db->connecting >= keep)
        {
            return;
        }

        conn = &db->conns[i];

        if (conn->pg.state == NGX_DICOM_PG_CLOSED
            && ngx_dicom_db_connect(conn) != NGX_OK)
        {
            return;
        }
    }
}


/* Tries host after host until one can be waited for. */
static ngx_int_t
ngx_dicom_db_connect(ngx_dicom_db_conn_t *conn)
{
    ngx_dicom_db_t       *db = conn->db;
    ngx_dicom_db_host_t  *host;

    for ( ;; ) {
        host = ngx_dicom_db_choose(conn);

        if (host == NULL) {
            return NGX_DECLINED;
        }

        host->tried_at = ngx_current_msec;

        conn->host = host;
        conn->run = NULL;
        conn->established = 0;
        conn->proven = 0;
        conn->idle = 0;

        if (host->down) {
            host->probing = 1;
        }

        if (ngx_dicom_pg_connect(&conn->pg, host->keywords, host->values,
                                 NGX_DICOM_DB_CONNECT_TIMEOUT)
            == NGX_OK)
        {
            db->connecting++;
            return NGX_OK;
        }

        ngx_dicom_db_host_failed(conn, conn->pg.why);
        conn->host = NULL;

        if (db->grow_at != 0) {
            return NGX_DECLINED;
        }
    }
}


static ngx_dicom_db_host_t *
ngx_dicom_db_choose(ngx_dicom_db_conn_t *conn)
{
    ngx_uint_t            i, n;
    ngx_dicom_db_host_t  *hosts, *host;

    hosts = conn->db->hosts.elts;
    n = conn->db->hosts.nelts;

    for (i = 0; i < n; i++) {
        host = &hosts[(conn->preferred + i) % n];

        if (!host->down
            || (!host->probing
                && ngx_dicom_db_passed(host->retry_at, ngx_current_msec)))
        {
            return host;
        }
    }

    if (conn->db->live || conn->db->connecting || conn->db->nwaiting == 0) {
        return NULL;
    }

    /*
     * Nothing is up and somebody waits: one that refuses without delay may be
     * asked more often than its turn comes
     */

    for (i = 0; i < n; i++) {
        host = &hosts[(conn->preferred + i) % n];

        if (host->refused
            && ngx_dicom_db_passed(host->tried_at + NGX_DICOM_DB_BACKOFF,
                                   ngx_current_msec))
        {
            return host;
        }
    }

    return NULL;
}


static void
ngx_dicom_db_host_failed(ngx_dicom_db_conn_t *conn, const char *why)
{
    ngx_msec_t            delay;
    ngx_uint_t            level;
    ngx_dicom_db_host_t  *host = conn->host;

    if (host->live) {
        /* it lives; it just takes no more connections */
        conn->db->grow_at = ngx_current_msec + 1000;

        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "database %V: %s; no more connections for now",
                      &host->name, why);
        return;
    }

    delay = NGX_DICOM_DB_BACKOFF << ngx_min(host->failures, 5);
    delay = ngx_min(delay, NGX_DICOM_DB_MAX_BACKOFF);
    delay = delay / 2 + (ngx_msec_t) ngx_random() % (delay / 2 + 1);

    /* said once, not with every try */

    level = host->failures == 0 ? NGX_LOG_ERR : NGX_LOG_INFO;

    ngx_log_error(level, ngx_cycle->log, 0, "database %V is down: %s",
                  &host->name, why);

    host->down = 1;
    host->probing = 0;
    host->refused = ngx_current_msec - host->tried_at < NGX_DICOM_DB_REFUSED;
    host->failures++;
    host->retry_at = ngx_current_msec + delay;
}


/* Tries a host that was down, when all connections have gone elsewhere. */
static void
ngx_dicom_db_probe(ngx_dicom_db_t *db)
{
    ngx_uint_t            i, j, n;
    ngx_dicom_db_host_t  *host;
    ngx_dicom_db_conn_t  *conn, *spare;

    host = db->hosts.elts;
    n = db->hosts.nelts;

    if (n == 1 || db->live == 0 || ngx_exiting) {
        return;
    }

    for (i = 0; i < n; i++) {

        if (!host[i].down || host[i].probing
            || !ngx_dicom_db_passed(host[i].retry_at, ngx_current_msec))
        {
            continue;
        }

        spare = NULL;

        for (j = 0; j < db->max; j++) {
            conn = &db->conns[j];

            if (conn->preferred != i) {
                continue;
            }

            if (conn->pg.state == NGX_DICOM_PG_CLOSED) {
                spare = conn;
                break;
            }

            if (conn->idle && db->live > 1) {
                spare = conn;
            }
        }

        if (spare != NULL) {
            ngx_dicom_db_forget(spare);
            ngx_dicom_pg_close(&spare->pg);
            (void) ngx_dicom_db_connect(spare);
        }
    }
}


static void
ngx_dicom_db_arm(ngx_dicom_db_t *db)
{
    ngx_msec_t            at;
    ngx_uint_t            i, need;
    ngx_msec_int_t        delay;
    ngx_dicom_db_host_t  *host;

    if (ngx_exiting && db->nwaiting == 0) {
        if (db->timer.timer_set) {
            ngx_del_timer(&db->timer);
        }

        return;
    }

    need = 0;
    at = 0;

    if (db->grow_at != 0) {
        at = db->grow_at;
        need = 1;
    }

    host = db->hosts.elts;

    for (i = 0; i < db->hosts.nelts; i++) {

        if (!host[i].down || host[i].probing) {
            continue;
        }

        if (!need || ngx_dicom_db_passed(host[i].retry_at, at)) {
            at = host[i].retry_at;
            need = 1;
        }
    }

    if (!need) {
        if (db->timer.timer_set) {
            ngx_del_timer(&db->timer);
        }

        return;
    }

    /* a host whose time has come but whom nobody can try is not spun upon */

    delay = (ngx_msec_int_t) (at - ngx_current_msec);

    ngx_add_timer(&db->timer, delay > 0 ? (ngx_msec_t) delay : 250);
}


static void
ngx_dicom_db_timer_handler(ngx_event_t *ev)
{
    ngx_dicom_db_t  *db = ev->data;

    ngx_dicom_db_probe(db);
    ngx_dicom_db_kick(db);
}


/* Takes a connection that is to be closed out of all accounts. */
static void
ngx_dicom_db_forget(ngx_dicom_db_conn_t *conn)
{
    ngx_dicom_db_t  *db = conn->db;

    if (conn->idle) {
        ngx_queue_remove(&conn->queue);
        conn->idle = 0;
    }

    if (conn->host == NULL) {
        return;
    }

    if (conn->established) {
        conn->established = 0;
        conn->host->live--;
        db->live--;

    } else {
        db->connecting--;
        conn->host->probing = 0;
    }
}


static void
ngx_dicom_db_connected(ngx_dicom_pg_t *pg)
{
    ngx_dicom_db_conn_t  *conn = (ngx_dicom_db_conn_t *) pg;
    ngx_dicom_db_t       *db = conn->db;
    ngx_dicom_db_host_t  *host = conn->host;

    if (host->down) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0,
                      "database %V is up again", &host->name);
    }

    host->down = 0;
    host->probing = 0;
    host->live++;

    db->connecting--;
    db->live++;

    conn->established = 1;
    conn->since = ngx_current_msec;

    ngx_dicom_db_release(conn);
}


static void
ngx_dicom_db_result(ngx_dicom_pg_t *pg, ngx_uint_t tag, PGresult *res)
{
    ngx_dicom_db_conn_t  *conn = (ngx_dicom_db_conn_t *) pg;

    if (conn->run == NULL) {
        PQclear(res);
        return;
    }

    ngx_dicom_db_take(conn->run, tag, res);
}


static void
ngx_dicom_db_done(ngx_dicom_pg_t *pg)
{
    ngx_dicom_db_conn_t  *conn = (ngx_dicom_db_conn_t *) pg;

    conn->proven = 1;
    conn->host->failures = 0;

    if (conn->run == NULL) {
        ngx_dicom_db_abandon(conn);

    } else {
        ngx_dicom_db_batch_done(conn->run);
    }

    ngx_dicom_db_kick(conn->db);
}


static void
ngx_dicom_db_lost(ngx_dicom_pg_t *pg, const char *why)
{
    ngx_dicom_db_conn_t  *conn = (ngx_dicom_db_conn_t *) pg;
    ngx_dicom_db_t       *db = conn->db;
    ngx_uint_t            established;
    ngx_dicom_db_run_t   *run;

    established = conn->established;
    run = conn->run;
    conn->run = NULL;

    ngx_dicom_db_forget(conn);

    if (!established) {
        ngx_dicom_db_host_failed(conn, why);

    } else {
        ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                      "database %V: connection lost: %s",
                      &conn->host->name, why);
        db->stats.reconnects++;

        /* one that hangs up as soon as it has answered is not up */

        if (!conn->proven
            && ngx_current_msec - conn->since < NGX_DICOM_DB_REFUSED)
        {
            ngx_dicom_db_host_failed(conn, why);
        }
    }

    conn->host = NULL;

    if (run != NULL) {
        ngx_dicom_db_batch_lost(run);
    }

    ngx_dicom_db_kick(db);
}


/* The worker is told to exit, gracefully or not any more. */
static void
ngx_dicom_db_closing(ngx_dicom_pg_t *pg)
{
    ngx_dicom_db_conn_t  *conn = (ngx_dicom_db_conn_t *) pg;

    if (conn->idle || pg->c->error) {
        ngx_dicom_db_drop(conn);
        return;
    }

    pg->c->close = 0;
}


/* Closes a connection; its query, if any, goes on as with a lost one. */
void
ngx_dicom_db_drop(ngx_dicom_db_conn_t *conn)
{
    ngx_dicom_db_run_t  *run;

    run = conn->run;
    conn->run = NULL;

    ngx_dicom_db_forget(conn);
    ngx_dicom_pg_close(&conn->pg);
    conn->host = NULL;

    if (run != NULL) {
        ngx_dicom_db_batch_lost(run);
    }

    ngx_dicom_db_kick(conn->db);
}


/* A connection has nothing to do: it becomes idle, or goes home. */
void
ngx_dicom_db_release(ngx_dicom_db_conn_t *conn)
{
    ngx_dicom_db_t       *db = conn->db;
    ngx_dicom_db_host_t  *home;

    conn->run = NULL;

    if (ngx_exiting && db->nwaiting == 0) {
        ngx_dicom_db_forget(conn);
        ngx_dicom_pg_close(&conn->pg);
        conn->host = NULL;
        return;
    }

    home = (ngx_dicom_db_host_t *) db->hosts.elts + conn->preferred;

    if (conn->host != home && !home->down && home->live && !ngx_exiting
        && db->connecting == 0 && db->live > 1)
    {
        ngx_dicom_db_forget(conn);
        ngx_dicom_pg_close(&conn->pg);
        conn->host = NULL;

        (void) ngx_dicom_db_connect(conn);
        return;
    }

    conn->idle = 1;
    ngx_dicom_pg_idle(&conn->pg, 1);
    ngx_queue_insert_head(&db->idle, &conn->queue);

    ngx_dicom_db_kick(db);
}


/*
 * The query of a connection has gone its way.  What is still under way is
 * awaited, what is left of its transaction is rolled back.
 */
void
ngx_dicom_db_abandon(ngx_dicom_db_conn_t *conn)
{
    ngx_dicom_db_t  *db = conn->db;

    conn->run = NULL;

    if (conn->pg.state == NGX_DICOM_PG_BUSY) {
        ngx_dicom_pg_expire(&conn->pg, db->timeout);
        return;
    }

    if (PQtransactionStatus(conn->pg.conn) == PQTRANS_IDLE) {
        ngx_dicom_db_release(conn);
        return;
    }

    if (ngx_dicom_pg_command(&conn->pg, NGX_DICOM_DB_TAG_ROLLBACK, "ROLLBACK")
        != NGX_OK
        || ngx_dicom_pg_sync(&conn->pg) != NGX_OK)
    {
        ngx_dicom_db_drop(conn);
        return;
    }

    ngx_dicom_pg_expire(&conn->pg, db->timeout);
}
