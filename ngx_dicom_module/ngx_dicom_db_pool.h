
/*
 * Inside the database room: hosts, connections, and the queries that run on
 * them.  Included by ngx_dicom_db*.c only.
 */


#ifndef _NGX_DICOM_DB_POOL_H_INCLUDED_
#define _NGX_DICOM_DB_POOL_H_INCLUDED_


#include "ngx_dicom_db.h"
#include "ngx_dicom_pg.h"


#define NGX_DICOM_DB_MAX_KEYWORDS     32
#define NGX_DICOM_DB_KEEP             2      /* connections open without need */
#define NGX_DICOM_DB_CONNECT_TIMEOUT  3000
#define NGX_DICOM_DB_BACKOFF          100    /* doubles with each failure */
#define NGX_DICOM_DB_MAX_BACKOFF      2000
#define NGX_DICOM_DB_REFUSED          500    /* a failure sooner than that */
#define NGX_DICOM_DB_RETRIES          7      /* of a transaction, on 40001 */
#define NGX_DICOM_DB_LOST_RETRIES     3      /* on a connection lost */
#define NGX_DICOM_DB_SHARE            8      /* quick queries of one batch */


typedef struct ngx_dicom_db_conn_s  ngx_dicom_db_conn_t;
typedef struct ngx_dicom_db_run_s   ngx_dicom_db_run_t;
typedef struct ngx_dicom_db_share_s  ngx_dicom_db_share_t;


/* One address of one URL; URLs with several become several hosts. */
typedef struct {
    const char            *keywords[NGX_DICOM_DB_MAX_KEYWORDS + 1];
    const char            *values[NGX_DICOM_DB_MAX_KEYWORDS + 1];
    ngx_uint_t             nkeywords;
    ngx_str_t              name;            /* "host:port", for the log */

    ngx_uint_t             down;
    ngx_uint_t             probing;         /* one connection tries it */
    ngx_uint_t             failures;        /* in a row */
    ngx_uint_t             live;            /* connections established */
    ngx_uint_t             refused;         /* at once, the last time */
    ngx_msec_t             tried_at;
    ngx_msec_t             retry_at;
} ngx_dicom_db_host_t;

struct ngx_dicom_db_conn_s {
    ngx_dicom_pg_t         pg;              /* first: the callbacks cast it */
    ngx_dicom_db_t        *db;
    ngx_uint_t             preferred;       /* host it is to spread to */
    ngx_dicom_db_host_t   *host;            /* NULL when closed */
    ngx_dicom_db_run_t    *run;             /* NULL: idle, or abandoned */
    ngx_queue_t            queue;           /* in db->idle */
    ngx_msec_t             since;           /* established */
    unsigned               established:1;
    unsigned               proven:1;        /* a batch has come back */
    unsigned               idle:1;
};

struct ngx_dicom_db_s {
    ngx_queue_t            queue;           /* of the cycle's databases */
    ngx_str_t              key;             /* what makes two the same */
    ngx_array_t            hosts;           /* ngx_dicom_db_host_t */
    ngx_uint_t             max;             /* connections */
    ngx_uint_t             max_waiting;
    ngx_uint_t             follower_reads;  /* of lists, on CockroachDB */
    ngx_msec_t             timeout;

    /* of this process */
    ngx_dicom_db_conn_t   *conns;           /* max of them */
    ngx_queue_t            idle;            /* last used first */
    ngx_queue_t            waiting;         /* ngx_dicom_db_run_t */
    ngx_uint_t             nwaiting;
    ngx_queue_t            quick;           /* those of this turn of the event
                                               loop */
    ngx_event_t            turn;            /* its end */
    ngx_uint_t             live;            /* idle or busy */
    ngx_uint_t             connecting;
    ngx_msec_t             grow_at;         /* no new one before, when set */
    ngx_uint_t             kicking;
    ngx_event_t            timer;           /* to connect again */
    ngx_dicom_db_stats_t   stats;
};

struct ngx_dicom_db_run_s {
    ngx_dicom_db_t        *db;
    ngx_dicom_db_query_t  *query;
    ngx_dicom_db_conn_t   *conn;            /* NULL: waiting, or delayed */
    ngx_dicom_db_share_t  *share;           /* goes with others, or NULL */
    ngx_queue_t            queue;           /* in db->waiting, or db->quick */
    ngx_event_t            deadline;
    ngx_event_t            delay;           /* before the next attempt */
    ngx_event_t            post;            /* calls the handler */
    ngx_uint_t             next;            /* step to send next */
    ngx_uint_t             checked;         /* steps looked at */
    ngx_uint_t             retries;
    ngx_uint_t             lost;
    ngx_dicom_db_status_e  failed;          /* of this attempt, and where */
    ngx_uint_t             failed_step;
    unsigned               waiting:1;
    unsigned               ended:1;
    unsigned               failing:1;       /* a result was an error */
    unsigned               commit_sent:1;
    unsigned               committed:1;
    unsigned               ambiguous:1;     /* an earlier COMMIT may be done */
    unsigned               reused:1;        /* a statement prepared before */
    unsigned               stale:1;         /* ... which did not fit */
    unsigned               urgent:1;        /* waits at the head */
    unsigned               gathered:1;      /* in db->quick */
};


/* ngx_dicom_db_url.c: the hosts of conf's URLs; NGX_ERROR is logged. */
ngx_int_t ngx_dicom_db_hosts(ngx_conf_t *cf, ngx_dicom_config_t *conf,
    ngx_array_t *hosts, ngx_str_t *key);

/* ngx_dicom_db_pool.c */
ngx_int_t ngx_dicom_db_open(ngx_cycle_t *cycle, ngx_dicom_db_t *db);
void ngx_dicom_db_close(ngx_dicom_db_t *db);
void ngx_dicom_db_kick(ngx_dicom_db_t *db);
void ngx_dicom_db_release(ngx_dicom_db_conn_t *conn);
void ngx_dicom_db_drop(ngx_dicom_db_conn_t *conn);
void ngx_dicom_db_abandon(ngx_dicom_db_conn_t *conn);

/* ngx_dicom_db.c */
void ngx_dicom_db_clear_results(ngx_dicom_db_query_t *q);

/* ngx_dicom_db_share.c: quick queries that come in one turn of the event loop
   go in one round trip; unshare takes one out, wherever it is. */
void ngx_dicom_db_share_init(ngx_dicom_db_t *db);
void ngx_dicom_db_share(ngx_dicom_db_run_t *run);
void ngx_dicom_db_unshare(ngx_dicom_db_run_t *run);

/* ngx_dicom_db_run.c: what happens to the query on a connection. */
ngx_int_t ngx_dicom_db_run_alone(ngx_dicom_db_t *db, ngx_dicom_db_query_t *q);
void ngx_dicom_db_enter(ngx_dicom_db_run_t *run);
void ngx_dicom_db_wait(ngx_dicom_db_run_t *run);
void ngx_dicom_db_start(ngx_dicom_db_run_t *run, ngx_dicom_db_conn_t *conn);
void ngx_dicom_db_take(ngx_dicom_db_run_t *run, ngx_uint_t tag, PGresult *res);
void ngx_dicom_db_batch_done(ngx_dicom_db_run_t *run);
void ngx_dicom_db_batch_lost(ngx_dicom_db_run_t *run);
void ngx_dicom_db_end(ngx_dicom_db_run_t *run, ngx_dicom_db_status_e status);


#endif /* _NGX_DICOM_DB_POOL_H_INCLUDED_ */
