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
    struct job     *next;
    const uint8_t  *user;       /* 16 bytes, or NULL: whose turn it takes */
    void          (*run)(struct job *job);      /* on a thread of the pool */
    void          (*done)(struct job *job);     /* on the main thread */
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
 * Starts threads that run submitted jobs and post them to mailbox, in order but
 * that no user is served twice while another waits.  At most limit jobs wait.
 * leave, if given, runs as a thread ends.  The threads are nicer than others by
 * as much as nicer says.
 */
struct pool *pool_create(const char *name, unsigned threads, unsigned limit,
    int nicer, struct mailbox *mailbox, void (*leave)(void));

/* The calling thread, and no other one, becomes nicer to the rest. */
void thread_nicer(int by);

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
