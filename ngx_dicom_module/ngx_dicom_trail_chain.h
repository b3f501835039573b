
/*
 * Inside the trail's rooms: batches, and where a chain stands.  Included by
 * ngx_dicom_trail*.c only.
 */


#ifndef _NGX_DICOM_TRAIL_CHAIN_H_INCLUDED_
#define _NGX_DICOM_TRAIL_CHAIN_H_INCLUDED_


#include "ngx_dicom_trail.h"


#define NGX_DICOM_TRAIL_EVENTS   128   /* records of one batch */
#define NGX_DICOM_TRAIL_SEALS    512   /* others sealed by one batch */
#define NGX_DICOM_TRAIL_BATCHES  16    /* waiting */
#define NGX_DICOM_TRAIL_LINGER   20    /* ms that seals wait for more */
#define NGX_DICOM_TRAIL_RETRY    1000  /* ms after a failure */
#define NGX_DICOM_TRAIL_HEADS    "64"  /* ends of chains that a start names */
#define NGX_DICOM_TRAIL_SWEEP    "500"
#define NGX_DICOM_TRAIL_TEXT     512   /* bytes of a field */
#define NGX_DICOM_TRAIL_LONG     16384 /* of the detail of a start */


typedef enum {
    NGX_DICOM_TRAIL_CLOSED = 0,    /* the next batch begins a chain */
    NGX_DICOM_TRAIL_ASKING,        /* looks at the chains before it */
    NGX_DICOM_TRAIL_READY,         /* knows them, has no chain yet */
    NGX_DICOM_TRAIL_OPEN
} ngx_dicom_trail_state_e;

typedef struct {
    u_char                    event[36 + 1];
    u_char                    digest[NGX_DICOM_AUDIT_HASH + 1];
    ngx_uint_t                late;
} ngx_dicom_trail_seal_t;

/* Lives in a pool of its own. */
typedef struct {
    ngx_queue_t               queue;
    ngx_pool_t               *pool;
    ngx_dicom_trail_t        *trail;
    ngx_dicom_db_query_t     *query;
    ngx_array_t               events;      /* ngx_dicom_audit_t */
    ngx_array_t               seals;       /* ngx_dicom_trail_seal_t */
    ngx_queue_t               waits;
    ngx_uint_t                begins;      /* a chain */
    uint64_t                  seq;         /* of the chain, after this */
    u_char                    head[NGX_DICOM_AUDIT_HASH + 1];
} ngx_dicom_trail_batch_t;

struct ngx_dicom_trail_s {
    ngx_dicom_db_t           *db;
    ngx_str_t                 server;      /* NUL-terminated */
    ngx_str_t                 key;
    ngx_msec_t                timeout;     /* of a transaction */
    ngx_dicom_stmt_e          write, put, begin, seal, heads, unsealed;

    /* of this process */
    ngx_log_t                *log;
    ngx_uint_t                reload;
    ngx_dicom_trail_state_e   state;
    u_char                    chain[36 + 1];
    uint64_t                  seq;
    u_char                    head[NGX_DICOM_AUDIT_HASH + 1];
    ngx_str_t                 heads_text;  /* of READY */
    ngx_queue_t               batches;     /* waiting, the oldest first */
    ngx_uint_t                nbatches;
    ngx_dicom_trail_batch_t  *running;
    ngx_uint_t                sweeping;
    uint64_t                  sweep_from;  /* of the next one, 0: none; ms */
    uint64_t                  swept_from;
    uint64_t                  sweep_to;
    uint64_t                  doubted;     /* when the last doubt came up */
    ngx_event_t               soon;
    ngx_event_t               linger;
    ngx_event_t               retry;
    ngx_event_t               sweep;
};


/* ngx_dicom_trail.c: the batch that gathers, NULL without memory; a new one;
   a seal of a row for it (NGX_OK, or NGX_ERROR without room). */
ngx_dicom_trail_batch_t *ngx_dicom_trail_batch(ngx_dicom_trail_t *trail);
ngx_dicom_trail_batch_t *ngx_dicom_trail_create(ngx_dicom_trail_t *trail);
ngx_int_t ngx_dicom_trail_add_seal(ngx_dicom_trail_t *trail, PGresult *res,
    int row, ngx_uint_t late);

/* ngx_dicom_trail_chain.c: the next batch, unless one is under way; a query
   that reads, in a pool of its own, NULL without memory. */
void ngx_dicom_trail_go(ngx_dicom_trail_t *trail);
void ngx_dicom_trail_go_handler(ngx_event_t *ev);
ngx_dicom_db_query_t *ngx_dicom_trail_query(ngx_dicom_trail_t *trail,
    void (*handler)(ngx_dicom_db_query_t *q), ngx_pool_t **pool);

/* ngx_dicom_trail_sweep.c: there may be records without a seal since from
   (milliseconds since 1970); the time now. */
void ngx_dicom_trail_doubt(ngx_dicom_trail_t *trail, uint64_t from);
uint64_t ngx_dicom_trail_now(void);
void ngx_dicom_trail_sweep_handler(ngx_event_t *ev);


#endif /* _NGX_DICOM_TRAIL_CHAIN_H_INCLUDED_ */
