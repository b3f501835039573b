#include "pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"

/* Nanoseconds that a nice thread wants to run at a time: the most there is. */
#define NICE_SLICE  100000000

/* Of sched_setattr(2), for which the C library has no header. */
struct attributes {
    uint32_t  size, policy;
    uint64_t  flags;
    int32_t   nice;
    uint32_t  priority;
    uint64_t  runtime, deadline, period;
};

#define KEEP_POLICY  0x08u      /* of flags */

struct pool {
    pthread_mutex_t     mutex;
    pthread_cond_t      filled;
    struct turns        turns;
    bool                stopping;
    unsigned            running;        /* jobs */
    unsigned            spare;          /* threads that take none now */
    struct pool_config  config;
    unsigned            nthreads;
    pthread_t           threads[];
};

bool
mailbox_init(struct mailbox *mailbox)
{
    memset(mailbox, 0, sizeof(*mailbox));
    mailbox->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (mailbox->fd < 0) {
        log_error("pool", "eventfd: %s", strerror(errno));
        return false;
    }
    pthread_mutex_init(&mailbox->mutex, NULL);
    return true;
}

void
mailbox_finish(struct mailbox *mailbox)
{
    if (mailbox->fd >= 0) {
        close(mailbox->fd);
        mailbox->fd = -1;
    }
    pthread_mutex_destroy(&mailbox->mutex);
}

void
mailbox_post(struct mailbox *mailbox, struct job *job)
{
    pthread_mutex_lock(&mailbox->mutex);
    bool was_empty = mailbox->first == NULL;
    job->next = NULL;
    if (was_empty) {
        mailbox->first = job;
    } else {
        mailbox->last->next = job;
    }
    mailbox->last = job;
    pthread_mutex_unlock(&mailbox->mutex);

    if (was_empty) {
        uint64_t one = 1;
        ssize_t ignored = write(mailbox->fd, &one, sizeof(one));
        (void) ignored;
    }
}

void
mailbox_drain(struct mailbox *mailbox)
{
    uint64_t count;
    ssize_t ignored = read(mailbox->fd, &count, sizeof(count));
    (void) ignored;

    pthread_mutex_lock(&mailbox->mutex);
    struct job *job = mailbox->first;
    mailbox->first = mailbox->last = NULL;
    pthread_mutex_unlock(&mailbox->mutex);

    while (job != NULL) {
        struct job *next = job->next;   /* done() may free the job */

        job->done(job);
        job = next;
    }
}

void
thread_nicer(int by)
{
    /* on Linux, threads have a niceness each */
    struct attributes attributes = {
        .size = sizeof(attributes),
        .flags = KEEP_POLICY,
        .nice = getpriority(PRIO_PROCESS, (id_t) gettid()) + by,
        /* since Linux 6.12 who wakes takes the processor at once from who
           wants it for longer, else when a slice ends, after milliseconds */
        .runtime = NICE_SLICE,
    };

    /* not before Linux 5.3, nor where a container's filter knows it not */
    if (by != 0 && syscall(SYS_sched_setattr, 0, &attributes, 0) < 0
        && setpriority(PRIO_PROCESS, (id_t) gettid(), attributes.nice) < 0)
    {
        log_warn("pool", "niceness: %s", strerror(errno));
    }
}

/* Whether one more thread may take a job.  Mutex held. */
static bool
pool_may(const struct pool *pool)
{
    return pool->turns.count > 0
        && (pool->running == 0
            || pool->running + pool->spare < pool->config.threads);
}

static void *
pool_thread(void *data)
{
    struct pool *pool = data;

    thread_nicer(pool->config.nicer);
    pthread_mutex_lock(&pool->mutex);
    for (;;) {
        while (!pool_may(pool) && !pool->stopping) {
            pthread_cond_wait(&pool->filled, &pool->mutex);
        }
        struct job *job = (struct job *) turns_take(&pool->turns);
        if (job == NULL) {
            break;
        }
        pool->running++;
        pthread_mutex_unlock(&pool->mutex);

        job->run(job);
        mailbox_post(pool->config.mailbox, job);

        pthread_mutex_lock(&pool->mutex);
        pool->running--;
    }
    pthread_mutex_unlock(&pool->mutex);

    if (pool->config.leave != NULL) {
        pool->config.leave();
    }
    return NULL;
}

struct pool *
pool_create(const struct pool_config *config)
{
    struct pool *pool = calloc(1, sizeof(*pool)
        + config->threads * sizeof(pool->threads[0]));

    if (pool == NULL) {
        return NULL;
    }
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->filled, NULL);
    pool->config = *config;
    pool->turns.limit = config->limit;
    pool->turns.user_limit = config->user_limit > 0 ? config->user_limit
        : config->limit;

    for (; pool->nthreads < config->threads; pool->nthreads++) {
        pthread_t *thread = &pool->threads[pool->nthreads];
        int error = pthread_create(thread, NULL, pool_thread, pool);

        if (error != 0) {
            log_error("pool", "thread %s: %s", config->name,
                strerror(error));
            pool_destroy(pool);
            return NULL;
        }
        pthread_setname_np(*thread, config->name);
    }
    return pool;
}

void
pool_destroy(struct pool *pool)
{
    if (pool == NULL) {
        return;
    }
    pthread_mutex_lock(&pool->mutex);
    pool->stopping = true;
    pthread_cond_broadcast(&pool->filled);
    pthread_mutex_unlock(&pool->mutex);

    for (unsigned i = 0; i < pool->nthreads; i++) {
        pthread_join(pool->threads[i], NULL);
    }
    pthread_cond_destroy(&pool->filled);
    pthread_mutex_destroy(&pool->mutex);
    free(pool);
}

static bool
pool_push(struct pool *pool, struct job *job, bool forced)
{
    pthread_mutex_lock(&pool->mutex);
    bool taken = turns_add(&pool->turns, &job->turn, forced);
    pthread_mutex_unlock(&pool->mutex);
    if (taken) {
        pthread_cond_signal(&pool->filled);     /* who wakes finds it free */
    }
    return taken;
}

bool
pool_submit(struct pool *pool, struct job *job)
{
    return pool_push(pool, job, false);
}

void
pool_force(struct pool *pool, struct job *job)
{
    pool_push(pool, job, true);
}

void
pool_spare(struct pool *pool, unsigned threads)
{
    pthread_mutex_lock(&pool->mutex);
    bool fewer = threads < pool->spare;
    pool->spare = threads;
    pthread_mutex_unlock(&pool->mutex);
    if (fewer) {
        pthread_cond_broadcast(&pool->filled);
    }
}

unsigned
pool_queued(struct pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    unsigned queued = pool->turns.count;
    pthread_mutex_unlock(&pool->mutex);
    return queued;
}
