
/*
 * One PGconn as a state machine in the nginx event loop: connect, send a batch
 * of statements, hand out its results, be idle.  Never blocks: PQgetResult is
 * called only when PQisBusy says that it will not wait.
 * Touches nginx events; knows no request and no pool of connections.
 */


#ifndef _NGX_DICOM_PG_H_INCLUDED_
#define _NGX_DICOM_PG_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <libpq-fe.h>

#include "ngx_dicom_stmt.h"


#define NGX_DICOM_PG_MAX_ITEMS  160    /* of one batch, prepares included */


typedef struct ngx_dicom_pg_s  ngx_dicom_pg_t;

typedef enum {
    NGX_DICOM_PG_CLOSED = 0,
    NGX_DICOM_PG_CONNECTING,
    NGX_DICOM_PG_IDLE,
    NGX_DICOM_PG_BUSY                  /* a batch is on its way */
} ngx_dicom_pg_state_e;


/*
 * What the owner is told.  result() comes for each item of the batch and owns
 * res; it only takes note.  The others come last in an event, so they may send
 * the next batch or close.  At lost() the connection is closed already.
 */
typedef struct {
    void     (*connected)(ngx_dicom_pg_t *pg);
    void     (*result)(ngx_dicom_pg_t *pg, ngx_uint_t tag, PGresult *res);
    void     (*done)(ngx_dicom_pg_t *pg);
    void     (*lost)(ngx_dicom_pg_t *pg, const char *why);
    void     (*closing)(ngx_dicom_pg_t *pg);    /* the worker wants to exit */
} ngx_dicom_pg_events_t;

typedef enum {
    NGX_DICOM_PG_STATEMENT = 0,        /* its result is handed out */
    NGX_DICOM_PG_PREPARE,
    NGX_DICOM_PG_SETTING
} ngx_dicom_pg_kind_e;

typedef enum {
    NGX_DICOM_PG_PLAN_EACH = 0,        /* as PostgreSQL judges, its default */
    NGX_DICOM_PG_PLAN_ONE,
    NGX_DICOM_PG_PLAN_UNKNOWN          /* the setting may have been undone */
} ngx_dicom_pg_plan_e;

typedef struct {
    u_char                         tag;
    u_char                         kind;        /* ngx_dicom_pg_kind_e */
    uint16_t                       stmt;
} ngx_dicom_pg_item_t;

struct ngx_dicom_pg_s {
    ngx_dicom_pg_state_e           state;
    PGconn                        *conn;
    ngx_connection_t              *c;
    int                            fd;          /* as registered */
    const ngx_dicom_pg_events_t   *events;
    ngx_event_t                    timer;       /* connecting; an abandoned
                                                   batch */
    ngx_uint_t                     nitems;
    ngx_uint_t                     item;        /* whose results come now */
    ngx_dicom_pg_item_t            items[NGX_DICOM_PG_MAX_ITEMS];
    u_char                         prepared[NGX_DICOM_STMT_MAX + 1];
    ngx_dicom_pg_plan_e            plan;        /* of the session, after the
                                                   batch, */
    ngx_uint_t                     setting;     /* which changes it */
    char                           why[256];
};


/* Whether the server at the other end says that it is CockroachDB. */
ngx_uint_t ngx_dicom_pg_cockroach(ngx_dicom_pg_t *pg);

/*
 * Starts to connect with libpq's keywords and values (NULL-ended), which name
 * one address only; connected() or lost() follows from the event loop.
 * NGX_OK, or NGX_ERROR with pg->why set when it failed at once.
 */
ngx_int_t ngx_dicom_pg_connect(ngx_dicom_pg_t *pg,
    const char *const *keywords, const char *const *values,
    ngx_msec_t timeout);

/*
 * Add to the batch: a command as it is, or a statement of the table, prepared
 * first where this connection has not got it; binary: its columns come as the
 * server holds them instead of as text.  tag comes back with the result.
 * NGX_OK, or NGX_ERROR: the connection is of no use any more, close it.
 */
ngx_int_t ngx_dicom_pg_command(ngx_dicom_pg_t *pg, ngx_uint_t tag,
    const char *sql);
ngx_int_t ngx_dicom_pg_statement(ngx_dicom_pg_t *pg, ngx_uint_t tag,
    ngx_dicom_stmt_e stmt, const char *const *params, ngx_uint_t binary);

/* Ends the batch and sends it; done() or lost() follows. */
ngx_int_t ngx_dicom_pg_sync(ngx_dicom_pg_t *pg);

/* Tells the owner lost() when the batch takes longer than that. */
void ngx_dicom_pg_expire(ngx_dicom_pg_t *pg, ngx_msec_t timeout);

/* Idle connections must not keep a worker from exiting, busy ones must. */
void ngx_dicom_pg_idle(ngx_dicom_pg_t *pg, ngx_uint_t idle);

/* Closes without telling; a closed one is accepted. */
void ngx_dicom_pg_close(ngx_dicom_pg_t *pg);


#endif /* _NGX_DICOM_PG_H_INCLUDED_ */
