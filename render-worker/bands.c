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

struct bands {
    pthread_mutex_t      mutex;
    pthread_cond_t       wake;          /* a job, or the end */
    pthread_cond_t       done;          /* busy has become 0 */
    bool                 quit;
    unsigned             job;           /* counts jobs */
    unsigned             busy;          /* threads that have not finished it */
    band_fn              fn;
    void                *context;
    unsigned             pieces;
    atomic_uint          next;
    unsigned             nthreads;
    struct band_thread  *threads;
};


static void
work(struct bands *bands, unsigned worker)
{
    unsigned  piece;

    for ( ;; ) {
        piece = atomic_fetch_add(&bands->next, 1);

        if (piece >= bands->pieces) {
            return;
        }

        bands->fn(bands->context, piece, worker);
    }
}


static void *
thread_main(void *argument)
{
    unsigned             seen;
    struct bands        *bands;
    struct band_thread  *self = argument;

    bands = self->bands;
    seen = 0;

    pthread_mutex_lock(&bands->mutex);

    for ( ;; ) {
        while (!bands->quit && bands->job == seen) {
            pthread_cond_wait(&bands->wake, &bands->mutex);
        }

        if (bands->quit) {
            break;
        }

        seen = bands->job;
        pthread_mutex_unlock(&bands->mutex);
        work(bands, self->worker);
        pthread_mutex_lock(&bands->mutex);

        if (--bands->busy == 0) {
            pthread_cond_signal(&bands->done);
        }
    }

    pthread_mutex_unlock(&bands->mutex);

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

        bands->nthreads++;
    }

    pthread_sigmask(SIG_SETMASK, &old, NULL);
}


struct bands *
bands_create(unsigned workers)
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
    atomic_init(&bands->next, 0);
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


unsigned
bands_workers(const struct bands *bands)
{
    return bands->nthreads + 1;
}


void
bands_run(struct bands *bands, band_fn fn, void *context, unsigned pieces)
{
    if (pieces <= 1 || bands->nthreads == 0) {
        for (unsigned i = 0; i < pieces; i++) {
            fn(context, i, 0);
        }

        return;
    }

    pthread_mutex_lock(&bands->mutex);
    bands->fn = fn;
    bands->context = context;
    bands->pieces = pieces;
    atomic_store(&bands->next, 0);
    bands->busy = bands->nthreads;
    bands->job++;
    pthread_cond_broadcast(&bands->wake);
    pthread_mutex_unlock(&bands->mutex);

    work(bands, 0);

    pthread_mutex_lock(&bands->mutex);

    while (bands->busy > 0) {
        pthread_cond_wait(&bands->done, &bands->mutex);
    }

    pthread_mutex_unlock(&bands->mutex);
}
