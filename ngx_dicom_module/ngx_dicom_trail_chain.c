
/*
 * The audit trail of one server: batches become records and their chain.
 * Touches nginx events; knows no request.
 */


#include "ngx_dicom_trail_chain.h"
#include "ngx_dicom_uid.h"


static void ngx_dicom_trail_ask(ngx_dicom_trail_t *trail);
static void ngx_dicom_trail_asked(ngx_dicom_db_query_t *q);
static ngx_int_t ngx_dicom_trail_past(ngx_dicom_trail_t *trail, PGresult *res);
static ngx_int_t ngx_dicom_trail_start(ngx_dicom_trail_t *trail,
    ngx_dicom_trail_batch_t *batch);
static ngx_int_t ngx_dicom_trail_run(ngx_dicom_trail_batch_t *batch);
static ngx_uint_t ngx_dicom_trail_known(ngx_dicom_trail_batch_t *batch);
static ngx_int_t ngx_dicom_trail_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_dicom_trail_link(ngx_dicom_trail_batch_t *batch,
    PGresult *res, ngx_dicom_db_step_t *step);
static ngx_uint_t ngx_dicom_trail_done_before(ngx_dicom_db_query_t *q);
static void ngx_dicom_trail_done(ngx_dicom_db_query_t *q);
static void ngx_dicom_trail_end(ngx_dicom_trail_batch_t *batch, ngx_int_t rc);
static void ngx_dicom_trail_tell(ngx_dicom_trail_batch_t *batch,
    ngx_int_t rc);
static void ngx_dicom_trail_keep(ngx_dicom_trail_t *trail,
    ngx_dicom_trail_batch_t *batch);


void
ngx_dicom_trail_go_handler(ngx_event_t *ev)
{
    ngx_dicom_trail_go(ev->data);
}


/* The next batch, unless one is under way. */

void
ngx_dicom_trail_go(ngx_dicom_trail_t *trail)
{
    ngx_queue_t              *q;
    ngx_dicom_trail_batch_t  *batch;

    if (trail->running || trail->state == NGX_DICOM_TRAIL_ASKING) {
        return;
    }

    if (trail->state == NGX_DICOM_TRAIL_CLOSED) {
        ngx_dicom_trail_ask(trail);
        return;
    }

    batch = NULL;

    while (batch == NULL && !ngx_queue_empty(&trail->batches)) {
        q = ngx_queue_head(&trail->batches);
        batch = ngx_queue_data(q, ngx_dicom_trail_batch_t, queue);

        ngx_queue_remove(q);
        trail->nbatches--;

        if (batch->events.nelts + batch->seals.nelts == 0) {
            ngx_destroy_pool(batch->pool);
            batch = NULL;
        }
    }

    if (batch == NULL && trail->state == NGX_DICOM_TRAIL_READY) {
        batch = ngx_dicom_trail_create(trail);
    }

    if (batch == NULL) {
        return;
    }

    trail->running = batch;

    if ((trail->state == NGX_DICOM_TRAIL_READY
         && ngx_dicom_trail_start(trail, batch) != NGX_OK)
        || ngx_dicom_trail_run(batch) != NGX_OK)
    {
        ngx_dicom_trail_end(batch, NGX_ERROR);
    }
}


/* A query in a pool of its own, *pool. */

ngx_dicom_db_query_t *
ngx_dicom_trail_query(ngx_dicom_trail_t *trail,
    void (*handler)(ngx_dicom_db_query_t *q), ngx_pool_t **pool)
{
    ngx_dicom_db_query_t  *q;

    *pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, trail->log);
    if (*pool == NULL) {
        return NULL;
    }

    q = ngx_dicom_db_query(*pool, trail->log);
    if (q == NULL) {
        ngx_destroy_pool(*pool);
        return NULL;
    }

    q->handler = handler;
    q->data = trail;
    q->read_only = 1;

    return q;
}


static void
ngx_dicom_trail_ask(ngx_dicom_trail_t *trail)
{
    ngx_pool_t            *pool;
    ngx_dicom_db_query_t  *q;

    q = ngx_dicom_trail_query(trail, ngx_dicom_trail_asked, &pool);
    if (q == NULL) {
        return;
    }

    if (ngx_dicom_db_step(q, trail->heads, 2, trail->server.data,
                          NGX_DICOM_TRAIL_HEADS)
        == NULL
        || ngx_dicom_db_run(trail->db, q) != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return;
    }

    trail->state = NGX_DICOM_TRAIL_ASKING;
}


static void
ngx_dicom_trail_asked(ngx_dicom_db_query_t *q)
{
    ngx_dicom_trail_t *trail = q->data;

    ngx_queue_t              *n;
    ngx_dicom_db_step_t      *step;
    ngx_dicom_trail_batch_t  *batch;

    step = q->steps.elts;
    trail->state = NGX_DICOM_TRAIL_CLOSED;

    if (q->status == NGX_DICOM_DB_OK
        && ngx_dicom_trail_past(trail, step->result) == NGX_OK)
    {
        trail->state = NGX_DICOM_TRAIL_READY;
        ngx_destroy_pool(q->pool);
        ngx_dicom_trail_go(trail);
        return;
    }

    ngx_destroy_pool(q->pool);

    /* who waits is told, seals are kept */

    for (n = ngx_queue_head(&trail->batches);
         n != ngx_queue_sentinel(&trail->batches);
         n = ngx_queue_next(n))
    {
        batch = ngx_queue_data(n, ngx_dicom_trail_batch_t, queue);

        batch->events.nelts = 0;
        ngx_dicom_trail_tell(batch, NGX_ERROR);
    }

    if (!trail->retry.timer_set) {
        ngx_add_timer(&trail->retry, NGX_DICOM_TRAIL_RETRY);
    }
}


/* "CHAIN SEQ HASH" of each, a comma between two; and from when on records may
   be without a seal. */

static ngx_int_t
ngx_dicom_trail_past(ngx_dicom_trail_t *trail, PGresult *res)
{
    int         row;
    size_t      len;
    u_char     *p, *text;
    uint64_t    ms, last;

    last = 0;
    len = PQntuples(res) * (36 + NGX_INT64_LEN + NGX_DICOM_AUDIT_HASH + 3) + 1;

    text = ngx_alloc(len, trail->log);
    if (text == NULL) {
        return NGX_ERROR;
    }

    p = text;

    for (row = 0; row < PQntuples(res); row++) {

        p = ngx_snprintf(p, text + len - p, "%s%s %s %s", row ? "," : "",
                         PQgetvalue(res, row, 0), PQgetvalue(res, row, 1),
                         PQgetvalue(res, row, 2));

        ms = strtoull(PQgetvalue(res, row, 3), NULL, 10);
        last = ngx_max(last, ms);
    }

    ngx_free(trail->heads_text.data);

    trail->heads_text.data = text;
    trail->heads_text.len = p - text;

    if (last) {
        ngx_dicom_trail_doubt(trail, last - 60000);
    }

    return NGX_OK;
}


/* The first record of a chain goes before those of its first batch. */

static ngx_int_t
ngx_dicom_trail_start(ngx_dicom_trail_t *trail, ngx_dicom_trail_batch_t *batch)
{
    u_char             *p;
    ngx_str_t           id;
    ngx_dicom_audit_t   event, *copy, *events;

    if (ngx_dicom_uuid(batch->pool, &id) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_memcpy(trail->chain, id.data, 36 + 1);
    ngx_memset(trail->head, '0', NGX_DICOM_AUDIT_HASH);
    trail->head[NGX_DICOM_AUDIT_HASH] = '\0';
    trail->seq = 0;

    ngx_memzero(&event, sizeof(ngx_dicom_audit_t));

    event.event = "server-start";
    event.outcome = "success";
    event.object = id;

    event.detail.data = ngx_pnalloc(batch->pool,
                                    trail->heads_text.len
                                    + sizeof("reload; after ") - 1);
    if (event.detail.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(event.detail.data, "%s%s%V",
                    trail->reload ? "reload; " : "",
                    trail->heads_text.len ? "after " : "",
                    &trail->heads_text);
    event.detail.len = p - event.detail.data;

    if (ngx_array_push(&batch->events) == NULL) {
        return NGX_ERROR;
    }

    events = batch->events.elts;
    ngx_memmove(events + 1, events,
                (batch->events.nelts - 1) * sizeof(ngx_dicom_audit_t));

    copy = events;
    batch->begins = 1;

    return ngx_dicom_audit_copy(batch->pool, copy, &event,
                                NGX_DICOM_TRAIL_LONG);
}


static ngx_int_t
ngx_dicom_trail_run(ngx_dicom_trail_batch_t *batch)
{
    ngx_dicom_trail_t     *trail = batch->trail;

    ngx_uint_t             known;
    ngx_dicom_audit_t     *events;
    ngx_dicom_db_step_t   *step;
    ngx_dicom_db_query_t  *q;

    q = ngx_dicom_db_query(batch->pool, trail->log);
    if (q == NULL) {
        return NGX_ERROR;
    }

    batch->query = q;
    q->handler = ngx_dicom_trail_done;
    q->data = batch;

    events = batch->events.elts;

    if (batch->begins
        && ngx_dicom_db_step(q, trail->begin, 3, trail->chain,
                             trail->server.data, events[0].at)
           == NULL)
    {
        return NGX_ERROR;
    }

    /* what needs nobody's answer goes in one round trip, COMMIT included */

    known = ngx_dicom_trail_known(batch);

    if (batch->events.nelts) {
        step = ngx_dicom_audit_step(q, known ? trail->put : trail->write,
                                    &trail->server, events,
                                    batch->events.nelts);
        if (step == NULL) {
            return NGX_ERROR;
        }

        step->check = known ? NULL : ngx_dicom_trail_check;
    }

    step = ngx_dicom_db_step(q, trail->seal, 5, trail->chain, NULL, NULL, NULL,
                             NULL);
    if (step == NULL) {
        return NGX_ERROR;
    }

    if (known && ngx_dicom_trail_link(batch, NULL, step) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_dicom_db_run(trail->db, q);
}


static ngx_uint_t
ngx_dicom_trail_known(ngx_dicom_trail_batch_t *batch)
{
    ngx_uint_t          i;
    ngx_dicom_audit_t  *events;

    events = batch->events.elts;

    for (i = 0; i < batch->events.nelts; i++) {
        if (!ngx_dicom_audit_known(&events[i])) {
            return 0;
        }
    }

    return 1;
}


/* The records are there: now the database has said what they are. */

static ngx_int_t
ngx_dicom_trail_check(ngx_dicom_db_query_t *q, ngx_uint_t step, PGresult *res)
{
    ngx_dicom_db_step_t      *steps;
    ngx_dicom_trail_batch_t  *batch = q->data;

    if ((ngx_uint_t) PQntuples(res) != batch->events.nelts) {

        /*
         * the COMMIT whose answer was lost was done, seals included, and
         * batch->head is what the attempt before this one computed
         */
        return q->attempts > 1 ? NGX_DONE : NGX_ERROR;
    }

    steps = q->steps.elts;

    return ngx_dicom_trail_link(batch, res, &steps[step + 1]);
}


/* Hashes the events, as rows of res or as they will be, and the seals, into the
   parameters of step. */

static ngx_int_t
ngx_dicom_trail_link(ngx_dicom_trail_batch_t *batch, PGresult *res,
    ngx_dicom_db_step_t *step)
{
    ngx_dicom_trail_t       *trail = batch->trail;

    u_char                  *p, *hash, digest[NGX_DICOM_AUDIT_HASH + 1];
    const u_char            *d;
    ngx_str_t               *value[4];
    ngx_uint_t               i, n, rows, late;
    const char              *array;
    ngx_dicom_audit_t       *events;
    ngx_dicom_trail_seal_t  *seals;

    rows = batch->events.nelts;
    n = rows + batch->seals.nelts;
    events = batch->events.elts;
    seals = batch->seals.elts;

    for (i = 0; i < 4; i++) {
        value[i] = ngx_palloc(batch->pool, n * sizeof(ngx_str_t));
        if (value[i] == NULL) {
            return NGX_ERROR;
        }
    }

    p = ngx_pnalloc(batch->pool,
                    n * (NGX_INT64_LEN + NGX_DICOM_AUDIT_HASH + 1));
    if (p == NULL) {
        return NGX_ERROR;
    }

    batch->seq = trail->seq;
    ngx_memcpy(batch->head, trail->head, NGX_DICOM_AUDIT_HASH + 1);

    for (i = 0; i < n; i++) {

        if (i < rows) {
            d = digest;
            late = 0;

            if (res) {
                value[1][i].data = (u_char *) PQgetvalue(res, i, 0);
                ngx_dicom_audit_digest(res, i, digest);

            } else {
                value[1][i].data = events[i].id.data;
                ngx_dicom_audit_digest_copy(&events[i], &trail->server,
                                            digest);
            }

        } else {
            value[1][i].data = seals[i - rows].event;
            d = seals[i - rows].digest;
            late = seals[i - rows].late;
        }

        value[1][i].len = 36;

        value[0][i].data = p;
        p = ngx_sprintf(p, "%uL", ++batch->seq);
        value[0][i].len = p - value[0][i].data;

        value[2][i].data = (u_char *) (late ? "t" : "f");
        value[2][i].len = 1;

        ngx_dicom_audit_hash(&trail->key, batch->head, trail->chain,
                             batch->seq, late, d, batch->head);

        hash = p;
        p = ngx_cpymem(p, batch->head, NGX_DICOM_AUDIT_HASH);
        value[3][i].data = hash;
        value[3][i].len = NGX_DICOM_AUDIT_HASH;
    }

    for (i = 0; i < 4; i++) {
        array = ngx_dicom_db_text_array(batch->pool, value[i], n);

        if (array == NULL
            || ngx_dicom_db_param(batch->query, step, i + 1, array) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/*
 * The COMMIT whose answer was lost was done: nobody else writes these keys.
 */
static ngx_uint_t
ngx_dicom_trail_done_before(ngx_dicom_db_query_t *q)
{
    return q->status == NGX_DICOM_DB_CONFLICT && q->attempts > 1
           && (ngx_strcmp(q->constraint, "audit_pkey") == 0
               || ngx_strcmp(q->constraint, "audit_chain_pkey") == 0);
}


static void
ngx_dicom_trail_done(ngx_dicom_db_query_t *q)
{
    ngx_dicom_trail_t        *trail;
    ngx_dicom_trail_batch_t  *batch = q->data;

    trail = batch->trail;

    if (q->status == NGX_DICOM_DB_OK || ngx_dicom_trail_done_before(q)) {

        trail->seq = batch->seq;
        ngx_memcpy(trail->head, batch->head, NGX_DICOM_AUDIT_HASH + 1);

        if (batch->begins) {
            trail->state = NGX_DICOM_TRAIL_OPEN;

            ngx_free(trail->heads_text.data);
            ngx_str_null(&trail->heads_text);

            ngx_log_error(NGX_LOG_NOTICE, trail->log, 0,
                          "audit chain %s of \"%V\" begins", trail->chain,
                          &trail->server);
        }

        ngx_dicom_trail_end(batch, NGX_OK);
        return;
    }

    ngx_log_error(NGX_LOG_ERR, trail->log, 0,
                  "audit trail of \"%V\" could not be written", &trail->server);

    /* where the chain ends is not known any more: another one begins */

    if (q->status == NGX_DICOM_DB_UNKNOWN) {
        trail->state = NGX_DICOM_TRAIL_CLOSED;
    }

    ngx_dicom_trail_end(batch, NGX_ERROR);
}


static void
ngx_dicom_trail_end(ngx_dicom_trail_batch_t *batch, ngx_int_t rc)
{
    ngx_dicom_trail_t  *trail = batch->trail;

    trail->running = NULL;

    if (rc != NGX_OK) {

        if (batch->begins) {
            trail->state = NGX_DICOM_TRAIL_CLOSED;
        }

        ngx_dicom_trail_keep(trail, batch);

        if (!trail->retry.timer_set) {
            ngx_add_timer(&trail->retry, NGX_DICOM_TRAIL_RETRY);
        }

    } else if (!ngx_queue_empty(&trail->batches) && !trail->soon.timer_set) {
        ngx_add_timer(&trail->soon, 0);
    }

    ngx_dicom_trail_tell(batch, rc);
    ngx_destroy_pool(batch->pool);
}


static void
ngx_dicom_trail_tell(ngx_dicom_trail_batch_t *batch, ngx_int_t rc)
{
    ngx_queue_t             *q;
    ngx_dicom_trail_wait_t  *wait;

    while (!ngx_queue_empty(&batch->waits)) {
        q = ngx_queue_head(&batch->waits);
        wait = ngx_queue_data(q, ngx_dicom_trail_wait_t, queue);

        ngx_dicom_trail_forget(wait);
        wait->handler(wait, rc);
    }
}


/* Seals of a batch that failed go into the next one, or are looked for. */

static void
ngx_dicom_trail_keep(ngx_dicom_trail_t *trail, ngx_dicom_trail_batch_t *batch)
{
    ngx_uint_t                i;
    ngx_dicom_trail_seal_t   *seals, *seal;
    ngx_dicom_trail_batch_t  *next;

    seals = batch->seals.elts;

    for (i = 0; i < batch->seals.nelts; i++) {

        next = (trail->nbatches < NGX_DICOM_TRAIL_BATCHES)
               ? ngx_dicom_trail_batch(trail) : NULL;
        seal = next ? ngx_array_push(&next->seals) : NULL;

        if (seal == NULL) {
            ngx_dicom_trail_doubt(trail, ngx_dicom_trail_now()
                                         - 2 * trail->timeout);
            return;
        }

        *seal = seals[i];
    }
}
