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

struct job {
    struct job  *next;
    void       (*run)(struct job *job);     /* on a thread of the pool */
    void       (*done)(struct job *job);    /* on the main thread */
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

/*
 * Starts threads that run submitted jobs in order and post them to mailbox.
 * At most limit jobs wait.  leave, if given, runs as a thread ends.
 */
struct pool *pool_create(const char *name, unsigned threads, unsigned limit,
    struct mailbox *mailbox, void (*leave)(void));

/* Runs what was submitted, then ends the threads.  Accepts NULL. */
void pool_destroy(struct pool *pool);

/* false: the queue is full.  Any thread. */
bool pool_submit(struct pool *pool, struct job *job);

/*
 * For jobs whose number is bounded elsewhere (pictures that were drawn):
 * never refuses.  Any thread.
 */
void pool_force(struct pool *pool, struct job *job);

/* Jobs waiting now.  Any thread. */
unsigned pool_queued(struct pool *pool);

#endif /* DICOM_POOL_H */
