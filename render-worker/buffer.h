/*
 * A pool of large buffers under a limit of bytes: pictures on their way out,
 * frames on their way in.  Reuse keeps their pages touched and in the cache.
 * Any thread.
 */

#ifndef DICOM_BUFFER_H
#define DICOM_BUFFER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
    struct buffer  *next;
    size_t          size;
    uint8_t        *data;
};

struct buffers {
    pthread_mutex_t  mutex;
    pthread_cond_t   freed;
    struct buffer   *spare;         /* last used first: still in the cache */
    size_t           used, kept;    /* bytes handed out; bytes spare */
    size_t           limit;
    bool             closed;
};

void buffers_init(struct buffers *buffers, size_t limit);

/* All buffers must be back. */
void buffers_finish(struct buffers *buffers);

/*
 * A buffer of at least size bytes, contents undefined.  Over the limit it
 * waits until others are back (a single one larger than the limit is given
 * when it is alone); NULL when closed or memory is short.
 */
struct buffer *buffers_take(struct buffers *buffers, size_t size);

/* The same without waiting: *busy tells a full pool from short memory. */
struct buffer *buffers_try(struct buffers *buffers, size_t size, bool *busy);

/* Accepts NULL. */
void buffers_give(struct buffers *buffers, struct buffer *buffer);

/* Wakes and refuses those who wait. */
void buffers_close(struct buffers *buffers);

#endif /* DICOM_BUFFER_H */
