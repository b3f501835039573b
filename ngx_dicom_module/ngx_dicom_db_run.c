
/*
 * Queries on their way: attempts, batches, commit.  Touches nginx events.
 *
 * Statements go out in batches (BEGIN, steps, COMMIT in one, where no step's
 * check needs to look in between), so that a transaction without checks costs
 * one round trip.  A handler is always called from an event of its own.
 */


#include "ngx_dicom_db_pool.h"


#define NGX_DICOM_DB_TAG_BEGIN   200
#define NGX_DICOM_DB_TAG_COMMIT  201


static ngx_dicom_db_run_t *ngx_dicom_db_prepare(ngx_dicom_db_t *db,
    ngx_dicom_db_query_t *q);
static void ngx_dicom_db_batch(ngx_dicom_db_run_t *run);
static ngx_int_t ngx_dicom_db_send(ngx_dicom_db_run_t *run);
static void ngx_dicom_db_commit(ngx_dicom_db_run_t *run);
static ngx_uint_t ngx_dicom_db_autocommit(ngx_dicom_db_run_t *run);
static const char *ngx_dicom_db_begin(ngx_dicom_db_run_t *run);
static void ngx_dicom_db_error(ngx_dicom_db_run_t *run, ngx_uint_t tag,
    PGresult *res);
static void ngx_dicom_db_attempt_failed(ngx_dicom_db_run_t *run);
static void ngx_dicom_db_restart(ngx_dicom_db_run_t *run);
static void ngx_dicom_db_end_rolled_back(ngx_dicom_db_run_t *run,
    ngx_dicom_db_status_e status);
static ngx_uint_t ngx_dicom_db_state(ngx_dicom_db_query_t *q,
    const char *sqlstate);
static void ngx_dicom_db_delay_handler(ngx_event_t *ev);
static void ngx_dicom_db_deadline_handler(ngx_event_t *ev);
static void ngx_dicom_db_post_handler(ngx_event_t *ev);


ngx_int_t
ngx_dicom_db_run(ngx_dicom_db_t *db, ngx_dicom_db_query_t *q)
{
    ngx_dicom_db_run_t  *run;

    run = ngx_dicom_db_prepare(db, q);
    if (run == NULL) {
        return NGX_ERROR;
    }

    db->stats.queries++;

    if (q->quick && db->conns != NULL) {
        ngx_dicom_db_share(run);

    } else {
        ngx_dicom_db_enter(run);
    }

    return NGX_OK;
}


ngx_int_t
ngx_dicom_db_run_alone(ngx_dicom_db_t *db, ngx_dicom_db_query_t *q)
{
    ngx_dicom_db_run_t  *run;

    run = ngx_dicom_db_prepare(db, q);
    if (run == NULL) {
        return NGX_ERROR;
    }

    ngx_dicom_db_enter(run);

    return NGX_OK;
}


static ngx_dicom_db_run_t *
ngx_dicom_db_prepare(ngx_dicom_db_t *db, ngx_dicom_db_query_t *q)
{
    ngx_dicom_db_run_t  *run;

    if (db == NULL || q->steps.nelts == 0) {
        return NULL;
    }

    run = ngx_pcalloc(q->pool, sizeof(ngx_dicom_db_run_t));
    if (run == NULL) {
        return NULL;
    }

    run->db = db;
    run->query = q;
    q->internal = run;
    q->attempts = 0;

    run->deadline.handler = ngx_dicom_db_deadline_handler;
    run->deadline.data = run;
    run->deadline.log = ngx_cycle->log;

    run->delay.handler = ngx_dicom_db_delay_handler;
    run->delay.data = run;
    run->delay.log = ngx_cycle->log;

    run->post.handler = ngx_dicom_db_post_handler;
    run->post.data = run;
    run->post.log = ngx_cycle->log;

    return run;
}


/* Into the row of those that wait for a connection. */
void
ngx_dicom_db_enter(ngx_dicom_db_run_t *run)
{
    ngx_dicom_db_t  *db = run->db;

    if (db->conns == NULL) {
        ngx_dicom_db_end(run, NGX_DICOM_DB_UNAVAILABLE);
        return;
    }

    if (db->nwaiting >= db->max_waiting) {
        ngx_dicom_db_end(run, NGX_DICOM_DB_BUSY);
        return;
    }

    ngx_add_timer(&run->deadline, db->timeout);
    ngx_dicom_db_wait(run);
    ngx_dicom_db_kick(db);
}


void
ngx_dicom_db_wait(ngx_dicom_db_run_t *run)
{
    ngx_dicom_db_t  *db = run->db;

    run->conn = NULL;
    run->waiting = 1;
    db->nwaiting++;

    if (run->urgent) {
        ngx_queue_insert_head(&db->waiting, &run->queue);

    } else {
        ngx_queue_insert_tail(&db->waiting, &run->queue);
    }
}


/* A new attempt, on a connection that is idle. */
void
ngx_dicom_db_start(ngx_dicom_db_run_t *run, ngx_dicom_db_conn_t *conn)
{
    ngx_dicom_db_query_t  *q = run->query;

    ngx_queue_remove(&run->queue);
    run->waiting = 0;
    run->db->nwaiting--;

    run->conn = conn;
    conn->run = run;

    q->attempts++;
    q->sqlstate[0] = '\0';
    q->constraint[0] = '\0';
    q->step = 0;

    run->next = 0;
    run->checked = 0;
    run->failing = 0;
    run->commit_sent = 0;
    run->committed = 0;
    run->reused = 0;

    ngx_dicom_db_clear_results(q);
    ngx_dicom_db_batch(run);
}


/* Whether the nearest replica may answer, with what was so seconds ago. */
static ngx_uint_t
ngx_dicom_db_follower(ngx_dicom_db_run_t *run)
{
    return run->query->list && run->db->follower_reads
           && ngx_dicom_pg_cockroach(&run->conn->pg);
}


static ngx_uint_t
ngx_dicom_db_autocommit(ngx_dicom_db_run_t *run)
{
    return run->query->read_only
           && (run->query->steps.nelts == 1 || run->query->quick)
           && !ngx_dicom_db_follower(run);
}


static const char *
ngx_dicom_db_begin(ngx_dicom_db_run_t *run)
{
    if (ngx_dicom_db_follower(run)) {
        return "BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, "
               "AS OF SYSTEM TIME follower_read_timestamp()";
    }

    return run->query->read_only
           ? "BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY"
           : "BEGIN ISOLATION LEVEL SERIALIZABLE";
}


static void
ngx_dicom_db_batch(ngx_dicom_db_run_t *run)
{
    if (ngx_dicom_db_send(run) != NGX_OK) {
        /* not sent as a whole, so that no COMMIT can be on its way */
        run->commit_sent = 0;
        ngx_dicom_db_drop(run->conn);
    }
}


/* Everything up to the next step with a check, or to COMMIT. */
static ngx_int_t
ngx_dicom_db_send(ngx_dicom_db_run_t *run)
{
    ngx_uint_t             i, autocommit;
    ngx_dicom_pg_t        *pg = &run->conn->pg;
    ngx_dicom_db_step_t   *step;
    ngx_dicom_db_query_t  *q = run->query;

    autocommit = ngx_dicom_db_autocommit(run);
    step = q->steps.elts;

    if (run->next == 0 && !autocommit
        && ngx_dicom_pg_command(pg, NGX_DICOM_DB_TAG_BEGIN,
                                ngx_dicom_db_begin(run))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = run->next; i < q->steps.nelts; i++) {

        if (pg->prepared[step[i].stmt]) {
            run->reused = 1;
        }

        if (ngx_dicom_pg_statement(pg, i, step[i].stmt, step[i].params,
                                   step[i].binary)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (step[i].check != NULL) {
            run->next = i + 1;
            return ngx_dicom_pg_sync(pg);
        }
    }

    run->next = i;

    if (!autocommit) {
        if (ngx_dicom_pg_command(pg, NGX_DICOM_DB_TAG_COMMIT, "COMMIT")
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        run->commit_sent = 1;
    }

    return ngx_dicom_pg_sync(pg);
}


static void
ngx_dicom_db_commit(ngx_dicom_db_run_t *run)
{
    run->next = run->query->steps.nelts;
    ngx_dicom_db_batch(run);
}


/* One result has come. */
void
ngx_dicom_db_take(ngx_dicom_db_run_t *run, ngx_uint_t tag, PGresult *res)
{
    ExecStatusType        status;
    ngx_dicom_db_step_t  *step;

    status = PQresultStatus(res);

    if (status == PGRES_PIPELINE_ABORTED) {
        PQclear(res);
        return;
    }

    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        ngx_dicom_db_error(run, tag, res);
        PQclear(res);
        return;
    }

    if (tag == NGX_DICOM_DB_TAG_COMMIT) {

        /* COMMIT of a failed transaction succeeds, and says ROLLBACK */

        if (ngx_strcmp(PQcmdStatus(res), "COMMIT") == 0) {
            run->committed = 1;

        } else if (!run->failing) {
            run->failing = 1;
            run->failed = NGX_DICOM_DB_FAILED;
        }
    }

    if (tag >= run->query->steps.nelts) {
        PQclear(res);
        return;
    }

    step = run->query->steps.elts;

    if (step[tag].result != NULL) {
        PQclear(step[tag].result);
    }

    step[tag].result = res;
}


/* The first error of an attempt is its reason; those after it follow. */
static void
ngx_dicom_db_error(ngx_dicom_db_run_t *run, ngx_uint_t tag, PGresult *res)
{
    const char            *state, *name, *message;
    ngx_dicom_db_query_t  *q = run->query;

    if (run->failing) {
        return;
    }

    run->failing = 1;
    run->failed_step = tag < q->steps.nelts ? tag : q->steps.nelts;

    state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
    name = PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME);
    message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

    (void) ngx_cpystrn((u_char *) q->sqlstate,
                       (u_char *) (state ? state : ""), sizeof(q->sqlstate));
    (void) ngx_cpystrn((u_char *) q->constraint, (u_char *) (name ? name : ""),
                       sizeof(q->constraint));

    if (ngx_dicom_db_state(q, "23505") || ngx_dicom_db_state(q, "23503")
        || ngx_dicom_db_state(q, "23514"))
    {
        run->failed = NGX_DICOM_DB_CONFLICT;
        return;
    }

    if (ngx_dicom_db_state(q, "57014")) {
        run->failed = NGX_DICOM_DB_TIMEOUT;

    } else if (ngx_strncmp(q->sqlstate, "53", 2) == 0) {

        /* its disk or memory is full, which may pass */

        run->failed = NGX_DICOM_DB_UNAVAILABLE;

    } else {
        run->failed = NGX_DICOM_DB_FAILED;
    }

    if (ngx_dicom_db_state(q, "40001") || ngx_dicom_db_state(q, "40P01")) {
        return;
    }

    /* the primary message names no values */

    ngx_log_error(NGX_LOG_ERR, q->log, 0, "database: %s (%s) in %s",
                  message ? message : "error without text", q->sqlstate,
                  tag < q->steps.nelts
                  ? ngx_dicom_stmts[((ngx_dicom_db_step_t *)
                                     q->steps.elts)[tag].stmt].name
                  : "the transaction");
}


static ngx_uint_t
ngx_dicom_db_state(ngx_dicom_db_query_t *q, const char *sqlstate)
{
    return ngx_strcmp(q->sqlstate, sqlstate) == 0;
}


/* All results of the batch have come. */
void
ngx_dicom_db_batch_done(ngx_dicom_db_run_t *run)
{
    ngx_int_t              rc;
    ngx_uint_t             last;
    ngx_dicom_db_step_t   *step;
    ngx_dicom_db_query_t  *q = run->query;

    if (run->failing) {
        ngx_dicom_db_attempt_failed(run);
        return;
    }

    if (run->commit_sent || run->committed) {
        if (!run->committed) {
            run->failed = NGX_DICOM_DB_FAILED;
            ngx_dicom_db_attempt_failed(run);
            return;
        }

        ngx_dicom_db_end_rolled_back(run, NGX_DICOM_DB_OK);
        return;
    }

    last = run->next - 1;
    step = q->steps.elts;
    q->step = last;
    rc = NGX_OK;

    if (step[last].check != NULL) {
        rc = step[last].check(q, last, step[last].result);
    }

    if (rc == NGX_DECLINED) {
        ngx_dicom_db_end_rolled_back(run, NGX_DICOM_DB_ROLLED_BACK);
        return;
    }

    if (rc == NGX_ERROR) {
        ngx_dicom_db_end_rolled_back(run, NGX_DICOM_DB_FAILED);
        return;
    }

    if (ngx_dicom_db_autocommit(run)) {
        ngx_dicom_db_end_rolled_back(run, NGX_DICOM_DB_OK);
        return;
    }

    if (rc == NGX_DONE) {
        ngx_dicom_db_commit(run);
        return;
    }

    if (rc == NGX_AGAIN && run->next < q->steps.nelts) {
        run->next++;
    }

    ngx_dicom_db_batch(run);
}


/* An error of the server's: again, or the end. */
static void
ngx_dicom_db_attempt_failed(ngx_dicom_db_run_t *run)
{
    ngx_msec_t             delay;
    ngx_dicom_db_conn_t   *conn;
    ngx_dicom_db_query_t  *q = run->query;

    q->step = run->failed_step;

    if (ngx_dicom_db_state(q, "40001") || ngx_dicom_db_state(q, "40P01")) {

        if (run->retries >= NGX_DICOM_DB_RETRIES) {
            ngx_log_error(NGX_LOG_WARN, q->log, 0, "database: a transaction "
                          "was in conflict %ui times", run->retries + 1);
            ngx_dicom_db_end_rolled_back(run, NGX_DICOM_DB_BUSY);
            return;
        }

        delay = 4 << run->retries;
        delay += (ngx_msec_t) ngx_random() % (delay * 2);

        run->retries++;
        run->db->stats.retries++;

        conn = run->conn;
        run->conn = NULL;
        ngx_add_timer(&run->delay, delay);
        ngx_dicom_db_abandon(conn);
        return;
    }

    /*
     * The statement does not fit the tables any more, or is not known there:
     * nothing was done, and a new connection prepares anew.
     */
    if ((ngx_dicom_db_state(q, "0A000") || ngx_dicom_db_state(q, "26000"))
        && run->reused)
    {
        run->stale = 1;
        ngx_dicom_db_drop(run->conn);
        return;
    }

    /* the server goes down, or is not one that can be written to */

    if (ngx_strncmp(q->sqlstate, "57P", 3) == 0
        || ngx_strncmp(q->sqlstate, "08", 2) == 0
        || ngx_dicom_db_state(q, "25P03") || ngx_dicom_db_state(q, "25006")
        || ngx_dicom_db_state(q, "40003"))
    {
        ngx_dicom_db_drop(run->conn);
        return;
    }

    ngx_dicom_db_end_rolled_back(run, run->failed);
}


/* The connection is gone (or was dropped); run is on none now. */
void
ngx_dicom_db_batch_lost(ngx_dicom_db_run_t *run)
{
    run->conn = NULL;

    if (run->committed && !run->failing) {
        ngx_dicom_db_end(run, NGX_DICOM_DB_OK);
        return;
    }

    /* COMMIT does nothing after an error in a step, nor of what only reads */

    if (run->commit_sent
        && !run->query->read_only
        && !(run->failing && run->failed_step < run->query->steps.nelts))
    {
        /*
         * COMMIT may have been done.  Writes are repeatable, so that doing
         * them again tells; once, then nobody knows.
         */
        if (run->ambiguous) {
            ngx_dicom_db_end(run, NGX_DICOM_DB_UNKNOWN);
            return;
        }

        run->ambiguous = 1;
        ngx_dicom_db_restart(run);
        return;
    }

    if (run->stale) {
        run->stale = 0;
        ngx_dicom_db_restart(run);
        return;
    }

    if (run->lost++ >= NGX_DICOM_DB_LOST_RETRIES) {
        ngx_dicom_db_end(run, NGX_DICOM_DB_UNAVAILABLE);
        return;
    }

    ngx_dicom_db_restart(run);
}


static void
ngx_dicom_db_restart(ngx_dicom_db_run_t *run)
{
    run->db->stats.retries++;
    run->urgent = 1;
    ngx_dicom_db_wait(run);
}


static void
ngx_dicom_db_delay_handler(ngx_event_t *ev)
{
    ngx_dicom_db_run_t  *run = ev->data;

    run->urgent = 1;
    ngx_dicom_db_wait(run);
    ngx_dicom_db_kick(run->db);
}


static void
ngx_dicom_db_deadline_handler(ngx_event_t *ev)
{
    ngx_uint_t            sent;
    ngx_dicom_db_run_t   *run = ev->data;
    ngx_dicom_db_conn_t  *conn;

    conn = run->conn;
    sent = conn != NULL && run->commit_sent && !run->committed
           && !run->query->read_only;

    ngx_log_error(NGX_LOG_WARN, run->query->log, 0,
                  "database: no answer within %M ms%s", run->db->timeout,
                  conn ? "" : ", still waiting for a connection");

    run->conn = NULL;

    ngx_dicom_db_end(run, sent ? NGX_DICOM_DB_UNKNOWN : NGX_DICOM_DB_TIMEOUT);

    if (conn != NULL) {
        /* libpq 15 cannot cancel without blocking */
        conn->run = NULL;
        ngx_dicom_db_drop(conn);
    }
}


/* Ends run and leaves its connection to be cleaned up and used again. */
static void
ngx_dicom_db_end_rolled_back(ngx_dicom_db_run_t *run,
    ngx_dicom_db_status_e status)
{
    ngx_dicom_db_conn_t  *conn;

    conn = run->conn;
    run->conn = NULL;

    ngx_dicom_db_end(run, status);
    ngx_dicom_db_abandon(conn);
}


void
ngx_dicom_db_end(ngx_dicom_db_run_t *run, ngx_dicom_db_status_e status)
{
    ngx_dicom_db_t  *db = run->db;

    if (run->waiting) {
        ngx_queue_remove(&run->queue);
        run->waiting = 0;
        db->nwaiting--;
    }

    if (run->deadline.timer_set) {
        ngx_del_timer(&run->deadline);
    }

    if (run->delay.timer_set) {
        ngx_del_timer(&run->delay);
    }

    /* the rerun could not tell what became of the first COMMIT */

    if (run->ambiguous
        && (status == NGX_DICOM_DB_UNAVAILABLE || status == NGX_DICOM_DB_BUSY
            || status == NGX_DICOM_DB_TIMEOUT
            || status == NGX_DICOM_DB_FAILED))
    {
        status = NGX_DICOM_DB_UNKNOWN;
    }

    if (status >= NGX_DICOM_DB_BUSY) {
        db->stats.failures++;
    }

    if (status == NGX_DICOM_DB_UNKNOWN) {
        ngx_log_error(NGX_LOG_ERR, run->query->log, 0, "database: the outcome "
                      "of a transaction is unknown");
    }

    run->ended = 1;
    run->query->status = status;

    ngx_post_event(&run->post, &ngx_posted_events);
}


static void
ngx_dicom_db_post_handler(ngx_event_t *ev)
{
    ngx_dicom_db_run_t  *run = ev->data;

    run->query->handler(run->query);
}


void
ngx_dicom_db_cancel(ngx_dicom_db_query_t *q)
{
    ngx_dicom_db_t       *db;
    ngx_dicom_db_run_t   *run;
    ngx_dicom_db_conn_t  *conn;

    run = q->internal;

    if (run != NULL) {
        db = run->db;
        conn = run->conn;
        q->internal = NULL;

        ngx_dicom_db_unshare(run);

        if (run->waiting) {
            ngx_queue_remove(&run->queue);
            run->waiting = 0;
            db->nwaiting--;
        }

        if (run->deadline.timer_set) {
            ngx_del_timer(&run->deadline);
        }

        if (run->delay.timer_set) {
            ngx_del_timer(&run->delay);
        }

        if (run->post.posted) {
            ngx_delete_posted_event(&run->post);
        }

        if (conn != NULL) {
            ngx_dicom_db_abandon(conn);
        }
    }

    ngx_dicom_db_clear_results(q);
}
