
/*
 * The audit trail of one server: what comes in, gathered in batches.
 * Touches nginx events; knows no request.
 */


#include "ngx_dicom_trail_chain.h"


ngx_dicom_trail_t *
ngx_dicom_trail_add(ngx_conf_t *cf, const ngx_dicom_config_t *conf,
    ngx_dicom_db_t *db)
{
    ngx_dicom_trail_t  *trail;

    trail = ngx_pcalloc(cf->pool, sizeof(ngx_dicom_trail_t));
    if (trail == NULL) {
        return NULL;
    }

    trail->db = db;
    trail->key = conf->audit_key;
    trail->timeout = conf->database_timeout;

    trail->server.len = conf->name.len;
    trail->server.data = ngx_pnalloc(cf->pool, conf->name.len + 1);
    if (trail->server.data == NULL) {
        return NULL;
    }

    ngx_memcpy(trail->server.data, conf->name.data, conf->name.len);
    trail->server.data[conf->name.len] = '\0';

    if (conf->type == NGX_DICOM_TOPLEVEL) {
        trail->write = NGX_DICOM_STMT_AUDIT_TOPLEVEL;
        trail->put = NGX_DICOM_STMT_AUDIT_TOPLEVEL_PUT;
        trail->begin = NGX_DICOM_STMT_AUDIT_TOPLEVEL_BEGIN;
        trail->seal = NGX_DICOM_STMT_AUDIT_TOPLEVEL_SEAL;
        trail->heads = NGX_DICOM_STMT_AUDIT_TOPLEVEL_HEADS;
        trail->unsealed = NGX_DICOM_STMT_AUDIT_TOPLEVEL_UNSEALED;

    } else {
        trail->write = NGX_DICOM_STMT_AUDIT_FACILITY;
        trail->put = NGX_DICOM_STMT_AUDIT_FACILITY_PUT;
        trail->begin = NGX_DICOM_STMT_AUDIT_FACILITY_BEGIN;
        trail->seal = NGX_DICOM_STMT_AUDIT_FACILITY_SEAL;
        trail->heads = NGX_DICOM_STMT_AUDIT_FACILITY_HEADS;
        trail->unsealed = NGX_DICOM_STMT_AUDIT_FACILITY_UNSEALED;
    }

    return trail;
}


void
ngx_dicom_trail_open(ngx_dicom_trail_t *trail, ngx_log_t *log,
    ngx_uint_t reload)
{
    trail->log = log;
    trail->reload = reload;

    ngx_queue_init(&trail->batches);

    trail->linger.handler = ngx_dicom_trail_go_handler;
    trail->linger.data = trail;
    trail->linger.log = log;

    trail->soon = trail->linger;
    trail->retry = trail->linger;
    trail->retry.cancelable = 1;

    trail->sweep = trail->retry;
    trail->sweep.handler = ngx_dicom_trail_sweep_handler;

    /* at once, from the event loop */

    ngx_add_timer(&trail->retry, 1);
}


void
ngx_dicom_trail_close(ngx_dicom_trail_t *trail, ngx_log_t *log)
{
    if (trail->state == NGX_DICOM_TRAIL_OPEN) {
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "audit chain %s of \"%V\" ends at %uL with %s",
                      trail->chain, &trail->server, trail->seq, trail->head);
    }
}


ngx_int_t
ngx_dicom_trail_write(ngx_dicom_trail_t *trail,
    const ngx_dicom_audit_t *event, ngx_dicom_trail_wait_t *wait)
{
    ngx_dicom_audit_t        *copy;
    ngx_dicom_trail_batch_t  *batch;

    if (trail->nbatches >= NGX_DICOM_TRAIL_BATCHES) {
        return NGX_BUSY;
    }

    batch = ngx_dicom_trail_batch(trail);
    if (batch == NULL) {
        return NGX_ERROR;
    }

    copy = ngx_array_push(&batch->events);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    if (ngx_dicom_audit_copy(batch->pool, copy, event, NGX_DICOM_TRAIL_TEXT)
        != NGX_OK)
    {
        batch->events.nelts--;
        return NGX_ERROR;
    }

    if (wait) {
        wait->waiting = 1;
        ngx_queue_insert_tail(&batch->waits, &wait->queue);
    }

    /* from an event of its own, so that no handler is called from here */

    if (!trail->running && !trail->soon.timer_set) {
        ngx_add_timer(&trail->soon, 0);
    }

    return NGX_OK;
}


void
ngx_dicom_trail_forget(ngx_dicom_trail_wait_t *wait)
{
    if (wait->waiting) {
        wait->waiting = 0;
        ngx_queue_remove(&wait->queue);
    }
}


ngx_int_t
ngx_dicom_trail_step(ngx_dicom_trail_t *trail, ngx_dicom_db_query_t *q,
    const ngx_dicom_audit_t *event)
{
    ngx_dicom_audit_t  copy;

    if (ngx_dicom_audit_copy(q->pool, &copy, event, NGX_DICOM_TRAIL_TEXT)
        != NGX_OK
        || ngx_dicom_audit_step(q, trail->write, &trail->server, &copy, 1)
           == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_dicom_trail_seal(ngx_dicom_trail_t *trail, ngx_dicom_db_query_t *q,
    ngx_uint_t ended)
{
    ngx_uint_t            i, doubt;
    ngx_dicom_db_step_t  *step;

    step = q->steps.elts;

    for (i = 0; i < q->steps.nelts; i++) {

        if (step[i].stmt != trail->write) {
            continue;
        }

        doubt = !ended || q->status == NGX_DICOM_DB_UNKNOWN;

        if (ended && q->status == NGX_DICOM_DB_OK) {

            /* without a row, a former attempt may have been committed */

            doubt = step[i].result ? PQntuples(step[i].result) == 0
                                   : q->attempts > 1;

            if (!doubt && step[i].result
                && ngx_dicom_trail_add_seal(trail, step[i].result, 0, 0)
                   != NGX_OK)
            {
                doubt = 1;
            }
        }

        if (doubt) {
            ngx_dicom_trail_doubt(trail, ngx_dicom_trail_now()
                                         - 2 * trail->timeout);
        }
    }
}


ngx_int_t
ngx_dicom_trail_add_seal(ngx_dicom_trail_t *trail, PGresult *res, int row,
    ngx_uint_t late)
{
    ngx_dicom_trail_seal_t   *seal;
    ngx_dicom_trail_batch_t  *batch;

    if (trail->nbatches >= NGX_DICOM_TRAIL_BATCHES
        || PQgetlength(res, row, 0) != 36)
    {
        return NGX_ERROR;
    }

    batch = ngx_dicom_trail_batch(trail);
    if (batch == NULL) {
        return NGX_ERROR;
    }

    seal = ngx_array_push(&batch->seals);
    if (seal == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(seal->event, PQgetvalue(res, row, 0), 36 + 1);
    seal->late = late;

    ngx_dicom_audit_digest(res, row, seal->digest);

    if (!trail->running && !trail->linger.timer_set) {
        ngx_add_timer(&trail->linger, NGX_DICOM_TRAIL_LINGER);
    }

    return NGX_OK;
}


/* The one that gathers. */

ngx_dicom_trail_batch_t *
ngx_dicom_trail_batch(ngx_dicom_trail_t *trail)
{
    ngx_queue_t              *q;
    ngx_dicom_trail_batch_t  *batch;

    if (!ngx_queue_empty(&trail->batches)) {

        q = ngx_queue_last(&trail->batches);
        batch = ngx_queue_data(q, ngx_dicom_trail_batch_t, queue);

        if (batch->events.nelts < NGX_DICOM_TRAIL_EVENTS
            && batch->seals.nelts < NGX_DICOM_TRAIL_SEALS)
        {
            return batch;
        }
    }

    batch = ngx_dicom_trail_create(trail);

    if (batch) {
        ngx_queue_insert_tail(&trail->batches, &batch->queue);
        trail->nbatches++;
    }

    return batch;
}


ngx_dicom_trail_batch_t *
ngx_dicom_trail_create(ngx_dicom_trail_t *trail)
{
    ngx_pool_t               *pool;
    ngx_dicom_trail_batch_t  *batch;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, trail->log);
    if (pool == NULL) {
        return NULL;
    }

    batch = ngx_pcalloc(pool, sizeof(ngx_dicom_trail_batch_t));

    if (batch == NULL
        || ngx_array_init(&batch->events, pool, 4, sizeof(ngx_dicom_audit_t))
           != NGX_OK
        || ngx_array_init(&batch->seals, pool, 4,
                          sizeof(ngx_dicom_trail_seal_t))
           != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    batch->pool = pool;
    batch->trail = trail;
    ngx_queue_init(&batch->waits);

    return batch;
}
