#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "follow.h"
#include "log.h"

/* Bytes that make a call worth its while, hashing and to disk. */
#define LEAST       ((uint64_t) 256 * 1024)
#define WRITE_STEP  ((uint64_t) 8 * 1024 * 1024)

/* How long to wait for more: from, up to (milliseconds), in all (seconds). */
#define PAUSE_LEAST  1
#define PAUSE_MOST   64
#define PATIENCE     300

/* An upload on its way.  The thread frees it, unless somebody waits for it. */
struct followed {
    struct followed       *next;
    struct follower       *owner;
    int                    fd;
    dev_t                  dev;
    ino_t                  ino;
    uint64_t               written;     /* given to the disk, bytes */

    /* under the mutex */
    bool                   taken;       /* somebody waits for the end */
    bool                   complete;    /* nobody writes any more */
    bool                   ended, good;
    struct digest          digest;
};

struct follower {
    pthread_mutex_t   mutex;
    pthread_cond_t    changed;
    unsigned          limit, count;     /* of threads */
    uint64_t          bytes;            /* hashed in advance */
    bool              stopping;
    struct followed  *first;
};


struct follower *
follower_create(unsigned limit)
{
    struct follower     *follower = calloc(1, sizeof(*follower));
    pthread_condattr_t   monotonic;

    if (follower == NULL) {
        return NULL;
    }
    follower->limit = limit;
    pthread_mutex_init(&follower->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&follower->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return follower;
}


void
follower_destroy(struct follower *follower)
{
    if (follower == NULL) {
        return;
    }
    pthread_mutex_lock(&follower->mutex);
    follower->stopping = true;
    pthread_cond_broadcast(&follower->changed);
    while (follower->count > 0) {
        pthread_cond_wait(&follower->changed, &follower->mutex);
    }
    pthread_mutex_unlock(&follower->mutex);
    pthread_cond_destroy(&follower->changed);
    pthread_mutex_destroy(&follower->mutex);
    free(follower);
}


void
follower_stats(struct follower *follower, struct follower_stats *stats)
{
    pthread_mutex_lock(&follower->mutex);
    *stats = (struct follower_stats) { follower->count, follower->bytes };
    pthread_mutex_unlock(&follower->mutex);
}


/* The file in the list, if nobody has taken it yet.  Mutex held. */
static struct followed *
find(struct follower *follower, const struct stat *st)
{
    struct followed  *file = follower->first;

    while (file != NULL && (file->taken || file->dev != st->st_dev
                            || file->ino != st->st_ino))
    {
        file = file->next;
    }
    return file;
}


/* Mutex held. */
static void
remove_file(struct follower *follower, struct followed *file)
{
    struct followed  **link = &follower->first;

    while (*link != file) {
        link = &(*link)->next;
    }
    *link = file->next;
}


/* Waits a while, less when the file is complete.  Mutex held. */
static void
wait_for_more(struct follower *follower, unsigned ms)
{
    struct timespec  until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long) ms * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_cond_timedwait(&follower->changed, &follower->mutex, &until);
}


/* The disk may begin with what is there: the sync at the end then is short. */
static void
write_back(struct followed *file, uint64_t size)
{
    if (size - file->written >= WRITE_STEP) {
        (void) sync_file_range(file->fd, (off_t) file->written,
            (off_t) (size - file->written), SYNC_FILE_RANGE_WRITE);
        file->written = size;
    }
}


/*
 * Hashes what has come.  False when there is no more to be done: the file is at
 * its end, or of no use to anybody.  Mutex held, released meanwhile.
 */
static bool
follow_step(struct followed *file, struct digest_stream *stream,
    unsigned *pause, uint64_t *idle_ms)
{
    struct follower  *follower = file->owner;
    bool              complete = file->complete;
    uint64_t          size, position = digest_position(stream);
    struct stat       st;

    if (follower->stopping || fstat(file->fd, &st) == -1
        || (!complete && st.st_nlink != 1)
        || *idle_ms > PATIENCE * UINT64_C(1000))
    {
        return false;
    }
    size = (uint64_t) st.st_size;
    if (size < position || (!complete && size - position < LEAST)) {
        wait_for_more(follower, *pause);
        *idle_ms += *pause;
        *pause = *pause < PAUSE_MOST ? 2 * *pause : PAUSE_MOST;
        return size >= position;
    }

    *pause = PAUSE_LEAST;
    *idle_ms = 0;
    pthread_mutex_unlock(&follower->mutex);
    write_back(file, size);
    bool  done = digest_advance(stream, file->fd, size);
    pthread_mutex_lock(&follower->mutex);

    if (!complete) {
        follower->bytes += digest_position(stream) - position;
    }

    /* what was complete before its size was asked for is done as a whole */
    file->good = done && complete && digest_position(stream) == size;
    return done && !complete;
}


static void *
follow_thread(void *data)
{
    struct followed       *file = data;
    struct follower       *follower = file->owner;
    struct digest_stream  *stream = digest_begin();
    unsigned               pause = PAUSE_LEAST;
    uint64_t               idle_ms = 0;

    pthread_mutex_lock(&follower->mutex);
    while (stream != NULL && follow_step(file, stream, &pause, &idle_ms)) {
        /* until it is complete or given up */
    }
    file->good = file->good && digest_finish(stream, &file->digest);
    file->ended = true;
    if (!file->taken) {
        remove_file(follower, file);
        close(file->fd);
        free(file);
    }
    pthread_mutex_unlock(&follower->mutex);

    digest_destroy(stream);

    pthread_mutex_lock(&follower->mutex);
    follower->count--;
    pthread_cond_broadcast(&follower->changed);
    pthread_mutex_unlock(&follower->mutex);
    return NULL;
}


/* Signals are for the main thread. */
static bool
start_thread(struct followed *file)
{
    pthread_t       thread;
    pthread_attr_t  attributes;
    sigset_t        all, old;
    int             error;

    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    error = pthread_create(&thread, &attributes, follow_thread, file);
    if (error == 0) {
        pthread_setname_np(thread, "follow");
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    return error == 0;
}


bool
follower_begin(struct follower *follower, int fd)
{
    struct followed  *file = calloc(1, sizeof(*file));
    struct stat       st;
    bool              begun = false;

    if (file == NULL || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
        free(file);
        close(fd);
        return false;
    }
    *file = (struct followed) { .owner = follower, .fd = fd,
        .dev = st.st_dev, .ino = st.st_ino };

    pthread_mutex_lock(&follower->mutex);
    if (!follower->stopping && follower->count < follower->limit
        && find(follower, &st) == NULL)
    {
        file->next = follower->first;
        follower->first = file;
        follower->count++;
        begun = start_thread(file);
        if (!begun) {
            follower->first = file->next;
            follower->count--;
        }
    }
    pthread_mutex_unlock(&follower->mutex);

    if (!begun) {
        close(fd);
        free(file);
    }
    return begun;
}


/* What was followed, taken over; false: nothing, or it was given up. */
static bool
take_followed(struct follower *follower, const struct stat *st,
    struct digest *digest)
{
    struct followed  *file;
    bool              good = false;

    pthread_mutex_lock(&follower->mutex);
    file = find(follower, st);
    if (file != NULL) {
        file->taken = true;
        file->complete = true;
        pthread_cond_broadcast(&follower->changed);
        while (!file->ended) {
            pthread_cond_wait(&follower->changed, &follower->mutex);
        }
        good = file->good && file->digest.size == (uint64_t) st->st_size;
        *digest = file->digest;
        remove_file(follower, file);
        close(file->fd);
        free(file);
    }
    pthread_mutex_unlock(&follower->mutex);
    return good;
}


bool
follower_digest(struct follower *follower, int fd, struct digest *digest)
{
    struct stat  st;

    if (fstat(fd, &st) == -1) {
        return false;
    }
    return (follower != NULL && take_followed(follower, &st, digest))
        || digest_file(fd, digest);
}
