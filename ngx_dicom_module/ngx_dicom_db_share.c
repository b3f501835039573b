
/*
 * Quick queries together: what comes in one turn of the event loop goes to the
 * database as one batch on one connection.  Touches nginx events.
 *
 * A single query costs the server's process and ours a switch and some system
 * calls, more than a read by key itself.  Under load several have come by the
 * end of a turn; without load there is one, and it goes its way at once.
 *
 * The batch is a query of its own, one step for each, outside a transaction.
 * When the server refuses any of them, each is asked again alone.
 */


#include "ngx_dicom_db_pool.h"


struct ngx_dicom_db_share_s {
    ngx_dicom_db_t       *db;
    ngx_uint_t            n;
    ngx_dicom_db_run_t   *runs[NGX_DICOM_DB_SHARE];   /* NULL: given up */
};


static void ngx_dicom_db_turn_handler(ngx_event_t *ev);
static ngx_int_t ngx_dicom_db_share_run(ngx_dicom_db_t *db,
    ngx_dicom_db_run_t **runs, ngx_uint_t n);
static void ngx_dicom_db_shared(ngx_dicom_db_query_t *q);


void
ngx_dicom_db_share_init(ngx_dicom_db_t *db)
{
    ngx_queue_init(&db->quick);

    db->turn.handler = ngx_dicom_db_turn_handler;
    db->turn.data = db;
    db->turn.log = ngx_cycle->log;
}


void
ngx_dicom_db_share(ngx_dicom_db_run_t *run)
{
    ngx_dicom_db_t  *db = run->db;

    run->gathered = 1;
    ngx_queue_insert_tail(&db->quick, &run->queue);

    ngx_post_event(&db->turn, &ngx_posted_events);
}


void
ngx_dicom_db_unshare(ngx_dicom_db_run_t *run)
{
    ngx_uint_t  i;

    if (run->gathered) {
        run->gathered = 0;
        ngx_queue_remove(&run->queue);
    }

    if (run->share) {
        for (i = 0; i < run->share->n; i++) {
            if (run->share->runs[i] == run) {
                run->share->runs[i] = NULL;
            }
        }

        run->share = NULL;
    }
}


static void
ngx_dicom_db_turn_handler(ngx_event_t *ev)
{
    ngx_dicom_db_t *db = ev->data;

    ngx_uint_t           i, n;
    ngx_queue_t         *q;
    ngx_dicom_db_run_t  *runs[NGX_DICOM_DB_SHARE];

    while (!ngx_queue_empty(&db->quick)) {

        for (n = 0; n < NGX_DICOM_DB_SHARE && !ngx_queue_empty(&db->quick);
             n++)
        {
            q = ngx_queue_head(&db->quick);
            ngx_queue_remove(q);

            runs[n] = ngx_queue_data(q, ngx_dicom_db_run_t, queue);
            runs[n]->gathered = 0;
        }

        if (n > 1 && ngx_dicom_db_share_run(db, runs, n) == NGX_OK) {
            continue;
        }

        for (i = 0; i < n; i++) {
            ngx_dicom_db_enter(runs[i]);
        }
    }
}


static ngx_int_t
ngx_dicom_db_share_run(ngx_dicom_db_t *db, ngx_dicom_db_run_t **runs,
    ngx_uint_t n)
{
    ngx_uint_t             i;
    ngx_pool_t            *pool;
    ngx_dicom_db_step_t   *step;
    ngx_dicom_db_share_t  *share;
    ngx_dicom_db_query_t  *q;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, ngx_cycle->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    q = ngx_dicom_db_query(pool, pool->log);
    share = ngx_pcalloc(pool, sizeof(ngx_dicom_db_share_t));

    if (q == NULL || share == NULL) {
        goto failed;
    }

    /* copies: whoever asked may leave before it is sent */

    for (i = 0; i < n; i++) {
        step = runs[i]->query->steps.elts;

        if (ngx_dicom_db_stepv(q, step->stmt, step->nparams, step->params)
            == NULL)
        {
            goto failed;
        }

        share->runs[i] = runs[i];
    }

    share->db = db;
    share->n = n;

    q->read_only = 1;
    q->quick = 1;
    q->handler = ngx_dicom_db_shared;
    q->data = share;

    if (ngx_dicom_db_run_alone(db, q) != NGX_OK) {
        goto failed;
    }

    for (i = 0; i < n; i++) {
        runs[i]->share = share;
    }

    return NGX_OK;

failed:

    ngx_destroy_pool(pool);

    return NGX_ERROR;
}


static void
ngx_dicom_db_shared(ngx_dicom_db_query_t *q)
{
    ngx_dicom_db_share_t *share = q->data;

    ngx_uint_t            i;
    ngx_dicom_db_run_t   *run;
    ngx_dicom_db_step_t  *own, *shared;

    shared = q->steps.elts;

    for (i = 0; i < share->n; i++) {
        run = share->runs[i];

        if (run == NULL) {
            continue;
        }

        run->share = NULL;

        switch (q->status) {

        case NGX_DICOM_DB_OK:
            own = run->query->steps.elts;
            own->result = shared[i].result;
            shared[i].result = NULL;

            run->query->attempts = q->attempts;
            ngx_dicom_db_end(run, NGX_DICOM_DB_OK);
            break;

        case NGX_DICOM_DB_BUSY:
        case NGX_DICOM_DB_UNAVAILABLE:
        case NGX_DICOM_DB_TIMEOUT:
            ngx_dicom_db_end(run, q->status);
            break;

        default:
            /* one of them was at fault, or met somebody: each by itself */
            ngx_dicom_db_enter(run);
        }
    }

    ngx_destroy_pool(q->pool);
}
