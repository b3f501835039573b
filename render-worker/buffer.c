#include "buffer.h"

#include <stdlib.h>

void
buffers_init(struct buffers *buffers, size_t limit)
{
    *buffers = (struct buffers) { .limit = limit };
    pthread_mutex_init(&buffers->mutex, NULL);
    pthread_cond_init(&buffers->freed, NULL);
}

static void
buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    free(buffer);
}

void
buffers_finish(struct buffers *buffers)
{
    while (buffers->spare != NULL) {
        struct buffer *buffer = buffers->spare;

        buffers->spare = buffer->next;
        buffer_free(buffer);
    }
    pthread_cond_destroy(&buffers->freed);
    pthread_mutex_destroy(&buffers->mutex);
}

/* A spare one that fits without wasting more than half of itself. */
static struct buffer *
buffers_reuse(struct buffers *buffers, size_t size)
{
    for (struct buffer **link = &buffers->spare; *link != NULL;
         link = &(*link)->next)
    {
        struct buffer *buffer = *link;

        if (buffer->size >= size && buffer->size / 2 <= size) {
            *link = buffer->next;
            buffers->kept -= buffer->size;
            return buffer;
        }
    }
    return NULL;
}

static struct buffer *
buffer_new(size_t size)
{
    struct buffer *buffer = malloc(sizeof(*buffer));

    if (buffer == NULL) {
        return NULL;
    }
    buffer->size = size;
    buffer->data = malloc(size);
    if (buffer->data == NULL) {
        free(buffer);
        return NULL;
    }
    return buffer;
}

static struct buffer *
buffers_get(struct buffers *buffers, size_t size, bool wait, bool *busy)
{
    struct buffer *buffer = NULL;

    *busy = false;
    if (size == 0 || size > SIZE_MAX / 4) {
        return NULL;
    }

    pthread_mutex_lock(&buffers->mutex);
    while (!buffers->closed && buffers->used != 0
           && buffers->used + size > buffers->limit)
    {
        if (!wait) {
            *busy = true;
            goto out;
        }
        pthread_cond_wait(&buffers->freed, &buffers->mutex);
    }
    if (buffers->closed) {
        goto out;
    }
    buffer = buffers_reuse(buffers, size);
    buffers->used += buffer != NULL ? buffer->size : size;

out:
    pthread_mutex_unlock(&buffers->mutex);

    if (buffer == NULL && !*busy && !buffers->closed) {
        buffer = buffer_new(size);
        if (buffer == NULL) {
            pthread_mutex_lock(&buffers->mutex);
            buffers->used -= size;
            pthread_cond_broadcast(&buffers->freed);
            pthread_mutex_unlock(&buffers->mutex);
        }
    }
    return buffer;
}

struct buffer *
buffers_take(struct buffers *buffers, size_t size)
{
    bool busy;

    return buffers_get(buffers, size, true, &busy);
}

struct buffer *
buffers_try(struct buffers *buffers, size_t size, bool *busy)
{
    return buffers_get(buffers, size, false, busy);
}

void
buffers_give(struct buffers *buffers, struct buffer *buffer)
{
    if (buffer == NULL) {
        return;
    }

    struct buffer *excess = NULL;

    pthread_mutex_lock(&buffers->mutex);
    buffers->used -= buffer->size;
    buffer->next = buffers->spare;
    buffers->spare = buffer;
    buffers->kept += buffer->size;

    /* Drop from the far end: the size that nobody asks for any more. */
    while (buffers->kept > buffers->limit / 2 && buffers->spare != NULL) {
        struct buffer **link = &buffers->spare;

        while ((*link)->next != NULL) {
            link = &(*link)->next;
        }
        struct buffer *last = *link;
        *link = NULL;
        buffers->kept -= last->size;
        last->next = excess;
        excess = last;
    }
    pthread_cond_broadcast(&buffers->freed);
    pthread_mutex_unlock(&buffers->mutex);

    while (excess != NULL) {
        struct buffer *next = excess->next;

        buffer_free(excess);
        excess = next;
    }
}

void
buffers_close(struct buffers *buffers)
{
    pthread_mutex_lock(&buffers->mutex);
    buffers->closed = true;
    pthread_cond_broadcast(&buffers->freed);
    pthread_mutex_unlock(&buffers->mutex);
}
