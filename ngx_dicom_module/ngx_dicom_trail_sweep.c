
/*
 * The audit trail of one server: records that nobody saw committed.
 * Touches nginx events; knows no request.
 */


#include "ngx_dicom_trail_chain.h"


static void ngx_dicom_trail_sweep(ngx_dicom_trail_t *trail, uint64_t from);
static void ngx_dicom_trail_swept(ngx_dicom_db_query_t *q);


uint64_t
ngx_dicom_trail_now(void)
{
    ngx_time_t  *now;

    now = ngx_timeofday();

    return (uint64_t) now->sec * 1000 + now->msec;
}


/* There may be records without a seal since from. */

void
ngx_dicom_trail_doubt(ngx_dicom_trail_t *trail, uint64_t from)
{
    trail->doubted = ngx_dicom_trail_now();
    ngx_dicom_trail_sweep(trail, from);
}


static void
ngx_dicom_trail_sweep(ngx_dicom_trail_t *trail, uint64_t from)
{
    if (trail->sweep_from == 0 || from < trail->sweep_from) {
        trail->sweep_from = from;
    }

    if (!trail->sweep.timer_set && !trail->sweeping) {
        ngx_add_timer(&trail->sweep, trail->timeout + 2000);
    }
}


/* What is younger than a transaction may take can still be sealed by whoever
   wrote it. */

void
ngx_dicom_trail_sweep_handler(ngx_event_t *ev)
{
    ngx_dicom_trail_t *trail = ev->data;

    u_char                 from[sizeof("2026-11-22T13:00:00.123Z")];
    u_char                 to[sizeof("2026-11-22T13:00:00.123Z")];
    ngx_pool_t            *pool;
    ngx_dicom_db_query_t  *q;

    if (ngx_exiting) {
        return;
    }

    trail->sweep_to = ngx_dicom_trail_now() - trail->timeout - 1000;

    ngx_dicom_audit_time(trail->sweep_from, from);
    ngx_dicom_audit_time(trail->sweep_to, to);

    q = ngx_dicom_trail_query(trail, ngx_dicom_trail_swept, &pool);
    if (q == NULL) {
        ngx_add_timer(ev, NGX_DICOM_TRAIL_RETRY);
        return;
    }

    if (ngx_dicom_db_step(q, trail->unsealed, 4, trail->server.data, from, to,
                          NGX_DICOM_TRAIL_SWEEP)
        == NULL
        || ngx_dicom_db_run(trail->db, q) != NGX_OK)
    {
        ngx_destroy_pool(pool);
        ngx_add_timer(ev, NGX_DICOM_TRAIL_RETRY);
        return;
    }

    trail->sweeping = 1;
    trail->swept_from = trail->sweep_from;

    /* a doubt that came meanwhile may be about what is too young yet */

    trail->sweep_from = (trail->doubted > trail->sweep_to)
                        ? trail->sweep_to - 2 * trail->timeout : 0;
}


static void
ngx_dicom_trail_swept(ngx_dicom_db_query_t *q)
{
    ngx_dicom_trail_t *trail = q->data;

    int                   row, rows;
    uint64_t              again;
    ngx_dicom_db_step_t  *step;

    step = q->steps.elts;
    trail->sweeping = 0;
    again = trail->sweep_from;

    if (q->status != NGX_DICOM_DB_OK) {
        again = trail->swept_from;

    } else {
        rows = PQntuples(step->result);

        for (row = 0; row < rows; row++) {
            if (ngx_dicom_trail_add_seal(trail, step->result, row, 1)
                != NGX_OK)
            {
                break;
            }
        }

        if (rows) {
            ngx_log_error(NGX_LOG_WARN, trail->log, 0, "audit trail of "
                          "\"%V\": %d records are sealed late",
                          &trail->server, row);

            /* there may be more */

            again = trail->sweep_to - 2 * trail->timeout;

            if (row < rows || rows >= atoi(NGX_DICOM_TRAIL_SWEEP)) {
                again = strtoull(PQgetvalue(step->result, row ? row - 1 : 0,
                                            1), NULL, 10);
            }
        }
    }

    ngx_destroy_pool(q->pool);

    if (again) {
        ngx_dicom_trail_sweep(trail, again);
    }
}
