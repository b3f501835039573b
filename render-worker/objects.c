#include "objects.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct object {
    char     *location;
    int       fd;               /* -1: the slot is free */
    unsigned  users;
    uint64_t  used;             /* tick of the last use */
};

struct objects {
    pthread_mutex_t  mutex;
    struct store    *store;
    uint64_t         tick;
    unsigned         limit;
    struct object    slots[];
};

struct objects *
objects_create(struct store *store, unsigned limit)
{
    struct objects *objects = calloc(1, sizeof(*objects)
        + limit * sizeof(objects->slots[0]));

    if (objects == NULL) {
        return NULL;
    }
    pthread_mutex_init(&objects->mutex, NULL);
    objects->store = store;
    objects->limit = limit;
    for (unsigned i = 0; i < limit; i++) {
        objects->slots[i].fd = -1;
    }
    return objects;
}

void
objects_destroy(struct objects *objects)
{
    if (objects == NULL) {
        return;
    }
    for (unsigned i = 0; i < objects->limit; i++) {
        if (objects->slots[i].fd >= 0) {
            close(objects->slots[i].fd);
            free(objects->slots[i].location);
        }
    }
    pthread_mutex_destroy(&objects->mutex);
    free(objects);
}

static int
objects_find(struct objects *objects, const char *location)
{
    int fd = -1;

    pthread_mutex_lock(&objects->mutex);
    for (unsigned i = 0; i < objects->limit; i++) {
        struct object *slot = &objects->slots[i];

        if (slot->fd >= 0 && strcmp(slot->location, location) == 0) {
            slot->users++;
            slot->used = ++objects->tick;
            fd = slot->fd;
            break;
        }
    }
    pthread_mutex_unlock(&objects->mutex);
    return fd;
}

bool
objects_keep(struct objects *objects, const char *location, int fd)
{
    char *copy = strdup(location);
    struct object *victim = NULL;
    int old = -1;

    if (copy == NULL) {
        return false;
    }

    pthread_mutex_lock(&objects->mutex);
    for (unsigned i = 0; i < objects->limit; i++) {
        struct object *slot = &objects->slots[i];

        if (slot->users == 0
            && (victim == NULL || slot->fd < 0 || slot->used < victim->used))
        {
            victim = slot;
            if (slot->fd < 0) {
                break;
            }
        }
    }
    if (victim != NULL) {
        char *location_old = victim->location;

        old = victim->fd;
        *victim = (struct object) { .location = copy, .fd = fd, .users = 1,
            .used = ++objects->tick };
        copy = old >= 0 ? location_old : NULL;
    }
    pthread_mutex_unlock(&objects->mutex);

    free(copy);
    if (old >= 0) {
        close(old);
    }
    return victim != NULL;
}

int
objects_open(struct objects *objects, const char *location, bool keep)
{
    if (objects->store == NULL) {
        return objects_find(objects, location);
    }
    if (!keep) {
        return store_object(objects->store, location);
    }

    int fd = objects_find(objects, location);
    if (fd < 0) {
        fd = store_object(objects->store, location);
        if (fd >= 0) {
            /* when there is no slot, objects_close() closes it */
            objects_keep(objects, location, fd);
        }
    }
    return fd;
}

void
objects_close(struct objects *objects, int fd)
{
    pthread_mutex_lock(&objects->mutex);
    for (unsigned i = 0; i < objects->limit; i++) {
        struct object *slot = &objects->slots[i];

        if (slot->fd == fd) {
            slot->users--;
            fd = -1;
            break;
        }
    }
    pthread_mutex_unlock(&objects->mutex);

    if (fd >= 0) {
        close(fd);
    }
}
