
/*
 * The database: a pool of PostgreSQL-protocol connections for each worker,
 * inside the nginx event loop, outside ngx_http_upstream.
 * Touches nginx events; knows no request.
 */


#ifndef _NGX_DICOM_DB_H_INCLUDED_
#define _NGX_DICOM_DB_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <libpq-fe.h>

#include "ngx_dicom_config.h"
#include "ngx_dicom_stmt.h"


#define NGX_DICOM_DB_MAX_PARAMS  32
#define NGX_DICOM_DB_MAX_STEPS   64


typedef struct ngx_dicom_db_s        ngx_dicom_db_t;
typedef struct ngx_dicom_db_query_s  ngx_dicom_db_query_t;

typedef enum {
    NGX_DICOM_DB_OK = 0,           /* committed (or read) */
    NGX_DICOM_DB_ROLLED_BACK,      /* a step's check said so */
    NGX_DICOM_DB_CONFLICT,         /* 23505, 23503, 23514; sqlstate says */
    NGX_DICOM_DB_BUSY,             /* queue full -> 503 */
    NGX_DICOM_DB_UNAVAILABLE,      /* no server, or lost before COMMIT -> 503 */
    NGX_DICOM_DB_UNKNOWN,          /* lost at COMMIT even after the retry: may
                                      or may not be there -> 503 */
    NGX_DICOM_DB_TIMEOUT,          /* -> 503 */
    NGX_DICOM_DB_FAILED            /* anything else; logged -> 500 */
} ngx_dicom_db_status_e;


/*
 * Looks at a step's result within the transaction, once per attempt, so it
 * must not keep anything but in q->data's own per-attempt state.
 * NGX_OK: go on; NGX_DONE: commit now, leave out the rest;
 * NGX_DECLINED: roll back, status ROLLED_BACK, q->step names the step;
 * NGX_AGAIN: leave out the next step.
 */
typedef ngx_int_t (*ngx_dicom_db_check_pt)(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);

typedef struct {
    ngx_dicom_stmt_e          stmt;
    ngx_uint_t                nparams;
    const char               *params[NGX_DICOM_DB_MAX_PARAMS];
                                   /* text, NUL-terminated; NULL: SQL NULL */
    ngx_dicom_db_check_pt     check;   /* or NULL */
    unsigned                  binary:1;    /* 1: BYTEA comes as it is, BOOL as
                                              a byte; not of a quick query */
    PGresult                 *result;  /* owned by the query; NULL when the
                                          step was left out */
} ngx_dicom_db_step_t;

struct ngx_dicom_db_query_s {
    ngx_pool_t               *pool;
    ngx_log_t                *log;
    ngx_array_t               steps;       /* ngx_dicom_db_step_t */
    ngx_uint_t                read_only;   /* one statement, no transaction */
    ngx_uint_t                list;        /* read_only, and may be some seconds
                                              old where the settings say so */
    ngx_uint_t                quick;       /* read_only, one step, by a key: may
                                              share a connection's round trip
                                              with others of its kind */

    /* called once, from the event loop, never from within ngx_dicom_db_run */
    void                    (*handler)(ngx_dicom_db_query_t *q);
    void                     *data;

    ngx_dicom_db_status_e     status;
    ngx_uint_t                step;        /* where it ended */
    char                      sqlstate[6];
    char                      constraint[64];  /* name, for CONFLICT */
    ngx_uint_t                attempts;

    void                     *internal;    /* ngx_dicom_db.c's */
};


/*
 * Declares a database of conf at configuration time (several servers with the
 * same URLs share one).  NULL with a log line on a bad URL.  Opens nothing:
 * connections are made in init_process, never in the master.
 */
ngx_dicom_db_t *ngx_dicom_db_add(ngx_conf_t *cf, ngx_dicom_config_t *conf);

/* From the module's init_process and exit_process. */
ngx_int_t ngx_dicom_db_init_process(ngx_cycle_t *cycle);
void ngx_dicom_db_exit_process(ngx_cycle_t *cycle);

/* A query in pool, without steps. */
ngx_dicom_db_query_t *ngx_dicom_db_query(ngx_pool_t *pool, ngx_log_t *log);

/*
 * Adds a step; nparams C strings follow (NULL: SQL NULL), copied to the pool.
 * NULL when memory is short or nparams differs from the statement's.
 */
ngx_dicom_db_step_t *ngx_dicom_db_step(ngx_dicom_db_query_t *q,
    ngx_dicom_stmt_e stmt, ngx_uint_t nparams, ...);

/* The same with the parameters in an array. */
ngx_dicom_db_step_t *ngx_dicom_db_stepv(ngx_dicom_db_query_t *q,
    ngx_dicom_stmt_e stmt, ngx_uint_t nparams, const char *const *params);

/* Sets parameter n of step, for a check that knows it only now; copied. */
ngx_int_t ngx_dicom_db_param(ngx_dicom_db_query_t *q,
    ngx_dicom_db_step_t *step, ngx_uint_t n, const char *value);

/*
 * Starts q: with one step and read_only as one autocommitted statement, else
 * BEGIN ISOLATION LEVEL SERIALIZABLE, the steps, COMMIT; the whole again, with
 * jitter, on 40001 and 40P01 (at most seven times), on a prepared statement
 * that is stale, and on a connection lost before COMMIT, or at all when it is
 * read_only.  Writes must therefore be repeatable: keys chosen by the caller,
 * ON CONFLICT where COMMIT may be ambiguous.  NGX_OK (handler will be called)
 * or NGX_ERROR.
 */
ngx_int_t ngx_dicom_db_run(ngx_dicom_db_t *db, ngx_dicom_db_query_t *q);

/* Forgets q: the handler will not be called; frees its results.
   For pool cleanups; a query that has ended is accepted. */
void ngx_dicom_db_cancel(ngx_dicom_db_query_t *q);

/* Value of a row's column as a pool string; data NULL for SQL NULL. */
ngx_str_t ngx_dicom_db_value(PGresult *res, int row, int column);

/* A TIMESTAMPTZ as RFC 3339 in UTC, whole seconds, NUL after; data NULL for SQL
   NULL.  NGX_ERROR without memory. */
ngx_int_t ngx_dicom_db_time(ngx_pool_t *pool, PGresult *res, int row,
    int column, ngx_str_t *time);

/* n texts as one parameter of type TEXT[]; NULL without memory. */
const char *ngx_dicom_db_text_array(ngx_pool_t *pool, const ngx_str_t *text,
    ngx_uint_t n);

/* NGX_OK when a connection is up; for health. */
ngx_int_t ngx_dicom_db_health(ngx_dicom_db_t *db);


typedef struct {
    ngx_uint_t  connections, busy, waiting;
    ngx_uint_t  queries, retries, failures, reconnects;
} ngx_dicom_db_stats_t;

void ngx_dicom_db_stats(ngx_dicom_db_t *db, ngx_dicom_db_stats_t *stats);


#endif /* _NGX_DICOM_DB_H_INCLUDED_ */
