#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "bands.h"
#include "log.h"


struct band_thread {
    struct bands  *bands;
    pthread_t      thread;
    unsigned       worker;
};

/* A picture in work, on the stack of its caller */
struct band_job {
    struct band_job  *next;
    band_fn           fn;
    void             *context;
    unsigned          pieces;
    atomic_uint       taken;
    unsigned          helpers;          /* threads at it; of the mutex */
};

struct bands {
    pthread_mutex_t      mutex;
    pthread_cond_t       wake;          /* a job, or the end */
    pthread_cond_t       done;          /* a job has lost its last helper */
    bool                 quit;
    struct band_job     *jobs;
    void               (*enter)(void);
    void               (*leave)(void);
    atomic_uint          callers;
    unsigned             helping;       /* threads with a job */
    unsigned             spare;
    unsigned             nthreads;
    struct band_thread  *threads;
};


static void
work(struct band_job *job, unsigned worker)
{
    unsigned  piece;

    for ( ;; ) {
        piece = atomic_fetch_add(&job->taken, 1);

        if (piece >= job->pieces) {
            return;
        }

        job->fn(job->context, piece, worker);
    }
}


/*
 * A job with pieces that nobody has taken, unless enough threads are at work.
 * Mutex held.
 */
static struct band_job *
open_job(struct bands *bands)
{
    struct band_job  *job;

    if (atomic_load(&bands->callers) + bands->helping + bands->spare
        > bands->nthreads)
    {
        return NULL;
    }

    for (job = bands->jobs; job != NULL; job = job->next) {
        if (atomic_load(&job->taken) < job->pieces) {
            return job;
        }
    }

    return NULL;
}


static void *
thread_main(void *argument)
{
    struct bands        *bands;
    struct band_job     *job;
    struct band_thread  *self = argument;

    bands = self->bands;

    if (bands->enter != NULL) {
        bands->enter();
    }

    pthread_mutex_lock(&bands->mutex);

    while (!bands->quit) {
        job = open_job(bands);

        if (job == NULL) {
            pthread_cond_wait(&bands->wake, &bands->mutex);
            continue;
        }

        job->helpers++;
        bands->helping++;
        pthread_mutex_unlock(&bands->mutex);
        work(job, self->worker);
        pthread_mutex_lock(&bands->mutex);
        bands->helping--;

        if (--job->helpers == 0) {
            pthread_cond_broadcast(&bands->done);
        }
    }

    pthread_mutex_unlock(&bands->mutex);

    if (bands->leave != NULL) {
        bands->leave();
    }

    return NULL;
}


/* Signals are for the main thread. */
static void
start_threads(struct bands *bands, unsigned n)
{
    sigset_t             all, old;
    struct band_thread  *thread;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);

    for (unsigned i = 0; i < n; i++) {
        thread = &bands->threads[i];
        thread->bands = bands;
        thread->worker = i + 1;

        if (pthread_create(&thread->thread, NULL, thread_main, thread) != 0) {
            log_warn("bands", "%u of %u threads started", i, n);
            break;
        }

        pthread_setname_np(thread->thread, "bands");
        bands->nthreads++;
    }

    pthread_sigmask(SIG_SETMASK, &old, NULL);
}


struct bands *
bands_create(unsigned workers, void (*enter)(void), void (*leave)(void))
{
    struct bands  *bands;

    bands = calloc(1, sizeof(*bands));
    if (bands == NULL) {
        return NULL;
    }

    bands->threads = calloc(workers, sizeof(*bands->threads));
    if (bands->threads == NULL) {
        free(bands);
        return NULL;
    }

    pthread_mutex_init(&bands->mutex, NULL);
    pthread_cond_init(&bands->wake, NULL);
    pthread_cond_init(&bands->done, NULL);
    bands->enter = enter;
    bands->leave = leave;
    start_threads(bands, workers > 0 ? workers - 1 : 0);

    return bands;
}


void
bands_destroy(struct bands *bands)
{
    if (bands == NULL) {
        return;
    }

    pthread_mutex_lock(&bands->mutex);
    bands->quit = true;
    pthread_cond_broadcast(&bands->wake);
    pthread_mutex_unlock(&bands->mutex);

    for (unsigned i = 0; i < bands->nthreads; i++) {
        pthread_join(bands->threads[i].thread, NULL);
    }

    pthread_cond_destroy(&bands->done);
    pthread_cond_destroy(&bands->wake);
    pthread_mutex_destroy(&bands->mutex);
    free(bands->threads);
    free(bands);
}


void
bands_spare(struct bands *bands, unsigned threads)
{
    pthread_mutex_lock(&bands->mutex);
    bands->spare = threads;
    pthread_mutex_unlock(&bands->mutex);
}


unsigned
bands_workers(const struct bands *bands)
{
    return bands->nthreads + 1;
}


/* The caller works with whoever has time. */
static void
run_together(struct bands *bands, struct band_job *job)
{
    struct band_job  **link;

    pthread_mutex_lock(&bands->mutex);

    for (link = &bands->jobs; *link != NULL; link = &(*link)->next) {
        /* to the end: who came first is helped first */
    }

    *link = job;

    if (job->pieces == 2) {
        pthread_cond_signal(&bands->wake);

    } else {
        pthread_cond_broadcast(&bands->wake);
    }

    pthread_mutex_unlock(&bands->mutex);

    work(job, 0);

    pthread_mutex_lock(&bands->mutex);

    for (link = &bands->jobs; *link != job; link = &(*link)->next) {
        /* it may have moved */
    }

    *link = job->next;

    while (job->helpers > 0) {
        pthread_cond_wait(&bands->done, &bands->mutex);
    }

    pthread_mutex_unlock(&bands->mutex);
}


void
bands_run(struct bands *bands, band_fn fn, void *context, unsigned pieces)
{
    struct band_job  job = { .fn = fn, .context = context, .pieces = pieces };

    if (pieces <= 1 || bands == NULL || bands->nthreads == 0) {
        work(&job, 0);
        return;
    }

    if (atomic_fetch_add(&bands->callers, 1) < bands->nthreads) {
        run_together(bands, &job);

    } else {
        work(&job, 0);
    }

    if (atomic_fetch_sub(&bands->callers, 1) > 1) {
        pthread_cond_signal(&bands->wake);  /* there is time for another one */
    }
}
