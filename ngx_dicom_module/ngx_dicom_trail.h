
/*
 * The audit trail of one server, written by one process: a chain of its own,
 * in batches.  Touches nginx events; knows no request.
 *
 * What changes something is recorded by the transaction that changes it
 * (ngx_dicom_trail_step()) and sealed right after (ngx_dicom_trail_seal()); all
 * else waits for the next batch (ngx_dicom_trail_write()), one INSERT for all
 * that came while the last one was written.  A record whose writer did not see
 * it committed (a process that died, a client that left, an answer that was
 * lost) is found and sealed later, and marked as late.
 *
 * Each process begins its chain with the event "server-start", whose detail
 * names the ends of the server's chains before it, so that the end of a chain
 * cannot be cut off without contradicting the next ones.
 */


#ifndef _NGX_DICOM_TRAIL_H_INCLUDED_
#define _NGX_DICOM_TRAIL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_dicom_audit.h"


typedef struct ngx_dicom_trail_s  ngx_dicom_trail_t;

/* Who waits for a record to be there; lives in the waiter's memory. */
typedef struct ngx_dicom_trail_wait_s  ngx_dicom_trail_wait_t;

struct ngx_dicom_trail_wait_s {
    ngx_queue_t    queue;
    ngx_uint_t     waiting;

    /* called once, from the event loop, never from within
       ngx_dicom_trail_write(); rc: NGX_OK committed, NGX_ERROR not */
    void         (*handler)(ngx_dicom_trail_wait_t *wait, ngx_int_t rc);
    void          *data;
};


/*
 * The trail of a server of conf on db, at configuration time; NULL without
 * memory.  reload: this configuration follows another one (SIGHUP).
 */
ngx_dicom_trail_t *ngx_dicom_trail_add(ngx_conf_t *cf,
    const ngx_dicom_config_t *conf, ngx_dicom_db_t *db);

/* From init_process: begins the chain of this process. */
void ngx_dicom_trail_open(ngx_dicom_trail_t *trail, ngx_log_t *log,
    ngx_uint_t reload);

/* From exit_process: logs where the chain ends. */
void ngx_dicom_trail_close(ngx_dicom_trail_t *trail, ngx_log_t *log);

/*
 * Records a copy of event; wait (or NULL) is told.  NGX_OK, NGX_BUSY (too many
 * wait already), NGX_ERROR (memory).
 */
ngx_int_t ngx_dicom_trail_write(ngx_dicom_trail_t *trail,
    const ngx_dicom_audit_t *event, ngx_dicom_trail_wait_t *wait);

/* The handler of wait will not be called; the record is written all the same.
   One that waits for nothing is accepted. */
void ngx_dicom_trail_forget(ngx_dicom_trail_wait_t *wait);

/* Adds the record of event to the transaction q.  NGX_OK or NGX_ERROR. */
ngx_int_t ngx_dicom_trail_step(ngx_dicom_trail_t *trail,
    ngx_dicom_db_query_t *q, const ngx_dicom_audit_t *event);

/* After q has ended (ended: with a status), or was given up: what it recorded
   is sealed, or looked for later. */
void ngx_dicom_trail_seal(ngx_dicom_trail_t *trail, ngx_dicom_db_query_t *q,
    ngx_uint_t ended);


#endif /* _NGX_DICOM_TRAIL_H_INCLUDED_ */
