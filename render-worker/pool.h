/*
 * Jobs: pools of threads that run them, and the mailbox through which they
 * come back to the main thread.  A job is embedded in what it works on, so
 * that handing it over never needs memory.
 */

#ifndef DICOM_POOL_H
#define DICOM_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "turns.h"

struct job {
    struct turn   turn;         /* first; its user: whose turn the job takes */
    struct job   *next;         /* in the mailbox */
    void        (*run)(struct job *job);        /* on a thread of the pool */
    void        (*done)(struct job *job);       /* on the main thread */
};

/* Where finished jobs wait for the main thread. */
struct mailbox {
    pthread_mutex_t  mutex;
    struct job      *first, *last;
    int              fd;            /* eventfd, readable when jobs wait */
};

bool mailbox_init(struct mailbox *mailbox);
void mailbox_finish(struct mailbox *mailbox);

/* Any thread. */
void mailbox_post(struct mailbox *mailbox, struct job *job);

/* Runs done() of all jobs that wait.  Main thread. */
void mailbox_drain(struct mailbox *mailbox);

struct pool;

struct pool_config {
    const char      *name;          /* of the threads */
    unsigned         threads;
    unsigned         limit;         /* jobs that may wait */
    unsigned         user_limit;    /* ... of one user; 0: as many */
    int              nicer;         /* than other threads, by as much */
    struct mailbox  *mailbox;
    void           (*leave)(void);  /* as a thread ends, or NULL */
};

/*
 * Starts threads that run submitted jobs, of users in turn, and post them to
 * mailbox.  NULL on failure (logged).
 */
struct pool *pool_create(const struct pool_config *config);

/* The calling thread, and no other one, becomes nicer to the rest. */
void thread_nicer(int by);

/* Runs what was submitted, then ends the threads.  Accepts NULL. */
void pool_destroy(struct pool *pool);

/* false: the queue, or the user's part of it, is full.  Any thread. */
bool pool_submit(struct pool *pool, struct job *job);

/*
 * For jobs whose number is bounded elsewhere (pictures that were drawn):
 * never refuses.  Any thread.
 */
void pool_force(struct pool *pool, struct job *job);

/*
 * From now on so many of the threads take no job, though one always does.  Any
 * thread.
 */
void pool_spare(struct pool *pool, unsigned threads);

/* Jobs waiting now.  Any thread. */
unsigned pool_queued(struct pool *pool);

#endif /* DICOM_POOL_H */
