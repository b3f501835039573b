
/*
 * The databases of a configuration, and queries as their callers see them.
 * Touches nginx events.
 */


#include "ngx_dicom_db_pool.h"


/* The databases of one configuration; the old one lives while reloading. */
typedef struct {
    ngx_queue_t   queue;
    ngx_cycle_t  *cycle;
    ngx_queue_t   databases;
} ngx_dicom_db_cycle_t;


static ngx_dicom_db_cycle_t *ngx_dicom_db_find_cycle(ngx_cycle_t *cycle);
static ngx_dicom_db_cycle_t *ngx_dicom_db_add_cycle(ngx_conf_t *cf);
static void ngx_dicom_db_cycle_cleanup(void *data);
static void ngx_dicom_db_query_cleanup(void *data);


static ngx_queue_t  ngx_dicom_db_cycles;


ngx_dicom_db_t *
ngx_dicom_db_add(ngx_conf_t *cf, ngx_dicom_config_t *conf)
{
    ngx_queue_t           *q;
    ngx_dicom_db_t        *db, *other;
    ngx_dicom_db_cycle_t  *dc;

    dc = ngx_dicom_db_add_cycle(cf);
    if (dc == NULL) {
        return NULL;
    }

    db = ngx_pcalloc(cf->pool, sizeof(ngx_dicom_db_t));
    if (db == NULL) {
        return NULL;
    }

    if (conf->database_timeout == 0) {
        conf->database_timeout = 10000;
    }

    if (ngx_dicom_db_hosts(cf, conf, &db->hosts, &db->key) != NGX_OK) {
        return NULL;
    }

    db->max = conf->database_connections ? conf->database_connections : 8;
    db->max_waiting = conf->database_queue ? conf->database_queue : 256;
    db->timeout = conf->database_timeout;
    db->follower_reads = conf->database_follower_reads;

    for (q = ngx_queue_head(&dc->databases);
         q != ngx_queue_sentinel(&dc->databases);
         q = ngx_queue_next(q))
    {
        other = ngx_queue_data(q, ngx_dicom_db_t, queue);

        if (other->key.len == db->key.len
            && ngx_memcmp(other->key.data, db->key.data, db->key.len) == 0)
        {
            other->max = ngx_max(other->max, db->max);
            other->max_waiting = ngx_max(other->max_waiting, db->max_waiting);
            other->follower_reads &= db->follower_reads;
            return other;
        }
    }

    ngx_queue_insert_tail(&dc->databases, &db->queue);

    return db;
}


static ngx_dicom_db_cycle_t *
ngx_dicom_db_find_cycle(ngx_cycle_t *cycle)
{
    ngx_queue_t           *q;
    ngx_dicom_db_cycle_t  *dc;

    if (ngx_dicom_db_cycles.next == NULL) {
        ngx_queue_init(&ngx_dicom_db_cycles);
    }

    for (q = ngx_queue_head(&ngx_dicom_db_cycles);
         q != ngx_queue_sentinel(&ngx_dicom_db_cycles);
         q = ngx_queue_next(q))
    {
        dc = ngx_queue_data(q, ngx_dicom_db_cycle_t, queue);

        if (dc->cycle == cycle) {
            return dc;
        }
    }

    return NULL;
}


static ngx_dicom_db_cycle_t *
ngx_dicom_db_add_cycle(ngx_conf_t *cf)
{
    ngx_pool_cleanup_t    *cln;
    ngx_dicom_db_cycle_t  *dc;

    dc = ngx_dicom_db_find_cycle(cf->cycle);
    if (dc != NULL) {
        return dc;
    }

    cln = ngx_pool_cleanup_add(cf->cycle->pool, sizeof(ngx_dicom_db_cycle_t));
    if (cln == NULL) {
        return NULL;
    }

    dc = cln->data;
    cln->handler = ngx_dicom_db_cycle_cleanup;

    dc->cycle = cf->cycle;
    ngx_queue_init(&dc->databases);
    ngx_queue_insert_tail(&ngx_dicom_db_cycles, &dc->queue);

    return dc;
}


static void
ngx_dicom_db_cycle_cleanup(void *data)
{
    ngx_dicom_db_cycle_t  *dc = data;

    ngx_queue_remove(&dc->queue);
}


ngx_int_t
ngx_dicom_db_init_process(ngx_cycle_t *cycle)
{
    ngx_queue_t           *q;
    ngx_dicom_db_t        *db;
    ngx_dicom_db_cycle_t  *dc;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    dc = ngx_dicom_db_find_cycle(cycle);
    if (dc == NULL) {
        return NGX_OK;
    }

    for (q = ngx_queue_head(&dc->databases);
         q != ngx_queue_sentinel(&dc->databases);
         q = ngx_queue_next(q))
    {
        db = ngx_queue_data(q, ngx_dicom_db_t, queue);

        if (ngx_dicom_db_open(cycle, db) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


void
ngx_dicom_db_exit_process(ngx_cycle_t *cycle)
{
    ngx_queue_t           *q;
    ngx_dicom_db_cycle_t  *dc;

    dc = ngx_dicom_db_find_cycle(cycle);
    if (dc == NULL) {
        return;
    }

    for (q = ngx_queue_head(&dc->databases);
         q != ngx_queue_sentinel(&dc->databases);
         q = ngx_queue_next(q))
    {
        ngx_dicom_db_close(ngx_queue_data(q, ngx_dicom_db_t, queue));
    }
}


ngx_dicom_db_query_t *
ngx_dicom_db_query(ngx_pool_t *pool, ngx_log_t *log)
{
    ngx_pool_cleanup_t    *cln;
    ngx_dicom_db_query_t  *q;

    cln = ngx_pool_cleanup_add(pool, sizeof(ngx_dicom_db_query_t));
    if (cln == NULL) {
        return NULL;
    }

    q = cln->data;
    ngx_memzero(q, sizeof(ngx_dicom_db_query_t));

    q->pool = pool;
    q->log = log;

    if (ngx_array_init(&q->steps, pool, 4, sizeof(ngx_dicom_db_step_t))
        != NGX_OK)
    {
        return NULL;
    }

    cln->handler = ngx_dicom_db_query_cleanup;

    return q;
}


static void
ngx_dicom_db_query_cleanup(void *data)
{
    ngx_dicom_db_cancel(data);
}


void
ngx_dicom_db_clear_results(ngx_dicom_db_query_t *q)
{
    ngx_uint_t            i;
    ngx_dicom_db_step_t  *step;

    step = q->steps.elts;

    for (i = 0; i < q->steps.nelts; i++) {
        if (step[i].result != NULL) {
            PQclear(step[i].result);
            step[i].result = NULL;
        }
    }
}


ngx_dicom_db_step_t *
ngx_dicom_db_step(ngx_dicom_db_query_t *q, ngx_dicom_stmt_e stmt,
    ngx_uint_t nparams, ...)
{
    va_list      args;
    ngx_uint_t   i;
    const char  *params[NGX_DICOM_DB_MAX_PARAMS];

    va_start(args, nparams);

    for (i = 0; i < nparams && i < NGX_DICOM_DB_MAX_PARAMS; i++) {
        params[i] = va_arg(args, const char *);
    }

    va_end(args);

    return ngx_dicom_db_stepv(q, stmt, nparams, params);
}


ngx_dicom_db_step_t *
ngx_dicom_db_stepv(ngx_dicom_db_query_t *q, ngx_dicom_stmt_e stmt,
    ngx_uint_t nparams, const char *const *params)
{
    ngx_uint_t            i;
    ngx_dicom_db_step_t  *step;

    if (nparams != ngx_dicom_stmts[stmt].nparams
        || nparams > NGX_DICOM_DB_MAX_PARAMS
        || q->steps.nelts >= NGX_DICOM_DB_MAX_STEPS)
    {
        ngx_log_error(NGX_LOG_ALERT, q->log, 0,
                      "statement %s: %ui parameters given, step %ui",
                      ngx_dicom_stmts[stmt].name, nparams, q->steps.nelts);
        return NULL;
    }

    step = ngx_array_push(&q->steps);
    if (step == NULL) {
        return NULL;
    }

    ngx_memzero(step, sizeof(ngx_dicom_db_step_t));

    step->stmt = stmt;
    step->nparams = nparams;

    for (i = 0; i < nparams; i++) {
        if (ngx_dicom_db_param(q, step, i, params[i]) != NGX_OK) {
            return NULL;
        }
    }

    return step;
}


ngx_int_t
ngx_dicom_db_param(ngx_dicom_db_query_t *q, ngx_dicom_db_step_t *step,
    ngx_uint_t n, const char *value)
{
    size_t   len;
    u_char  *copy;

    if (n >= step->nparams) {
        return NGX_ERROR;
    }

    if (value == NULL) {
        step->params[n] = NULL;
        return NGX_OK;
    }

    len = ngx_strlen(value) + 1;

    copy = ngx_pnalloc(q->pool, len);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy, value, len);
    step->params[n] = (const char *) copy;

    return NGX_OK;
}


ngx_int_t
ngx_dicom_db_health(ngx_dicom_db_t *db)
{
    return db != NULL && db->live ? NGX_OK : NGX_ERROR;
}


void
ngx_dicom_db_stats(ngx_dicom_db_t *db, ngx_dicom_db_stats_t *stats)
{
    ngx_uint_t  i;

    *stats = db->stats;

    stats->connections = db->live;
    stats->waiting = db->nwaiting;
    stats->busy = 0;

    for (i = 0; db->conns != NULL && i < db->max; i++) {
        if (db->conns[i].established && !db->conns[i].idle) {
            stats->busy++;
        }
    }
}


ngx_str_t
ngx_dicom_db_value(PGresult *res, int row, int column)
{
    ngx_str_t  value;

    if (PQgetisnull(res, row, column)) {
        ngx_str_null(&value);
        return value;
    }

    value.data = (u_char *) PQgetvalue(res, row, column);
    value.len = PQgetlength(res, row, column);

    return value;
}


ngx_int_t
ngx_dicom_db_time(ngx_pool_t *pool, PGresult *res, int row, int column,
    ngx_str_t *time)
{
    ngx_str_t  value;

    /* "2026-11-22 13:00:00.123456+00": sessions run in UTC with ISO dates */

    value = ngx_dicom_db_value(res, row, column);

    if (value.len < sizeof("2026-11-22 13:00:00") - 1) {
        ngx_str_null(time);
        return NGX_OK;
    }

    time->len = sizeof("2026-11-22T13:00:00Z") - 1;
    time->data = ngx_pnalloc(pool, time->len + 1);
    if (time->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(time->data, value.data, time->len - 1);
    time->data[10] = 'T';
    time->data[19] = 'Z';
    time->data[20] = '\0';

    return NGX_OK;
}


const char *
ngx_dicom_db_text_array(ngx_pool_t *pool, const ngx_str_t *text, ngx_uint_t n)
{
    size_t       size;
    u_char      *array, *p;
    ngx_uint_t   i, j;

    size = sizeof("{}");

    for (i = 0; i < n; i++) {
        size += 2 * text[i].len + 3;
    }

    array = ngx_pnalloc(pool, size);
    if (array == NULL) {
        return NULL;
    }

    p = array;
    *p++ = '{';

    for (i = 0; i < n; i++) {

        if (i != 0) {
            *p++ = ',';
        }

        *p++ = '"';

        for (j = 0; j < text[i].len; j++) {
            if (text[i].data[j] == '"' || text[i].data[j] == '\\') {
                *p++ = '\\';
            }

            *p++ = text[i].data[j];
        }

        *p++ = '"';
    }

    *p++ = '}';
    *p = '\0';

    return (const char *) array;
}
