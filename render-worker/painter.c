#include "painter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"

/* How long pictures may hold up uploads, and uploads pictures: microseconds. */
#define DRAW_SHARE    8000
#define UPLOAD_SHARE  2000

struct painter {
    struct painter_config  config;
    struct renderer       *renderer;
    pthread_t              thread;
    pthread_mutex_t        mutex;
    pthread_cond_t         work;
    pthread_cond_t         ready;       /* the renderer is there, or is not */
    bool                   started, stopping;

    struct turns           pictures;
    struct painting       *held;    /* waits for room for its pixels */
    struct upload         *uploads, *uploads_last;
    struct stack          *dead;
    struct painter_stats   stats;

    atomic_ullong          spare;
    pthread_mutex_t        rooms;       /* painter_room() makes arrays */
};

static uint64_t
now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

static bool
painter_has_pictures(const struct painter *painter)
{
    return painter->pictures.count > 0 || painter->held != NULL;
}

bool
painter_draw(struct painter *painter, struct painting *painting)
{
    painting->turn.user = painting->user;
    pthread_mutex_lock(&painter->mutex);
    bool taken = turns_add(&painter->pictures, &painting->turn, false);
    if (taken) {
        pthread_cond_signal(&painter->work);
    }
    pthread_mutex_unlock(&painter->mutex);
    return taken;
}

void
painter_upload(struct painter *painter, struct upload *upload)
{
    pthread_mutex_lock(&painter->mutex);
    upload->next = upload->urgent ? painter->uploads : NULL;
    if (painter->uploads == NULL) {
        painter->uploads = painter->uploads_last = upload;
    } else if (upload->urgent) {
        painter->uploads = upload;
    } else {
        painter->uploads_last->next = upload;
        painter->uploads_last = upload;
    }
    pthread_cond_signal(&painter->work);
    pthread_mutex_unlock(&painter->mutex);
}

void
painter_bury(struct painter *painter, struct stack *stack)
{
    pthread_mutex_lock(&painter->mutex);
    stack->dead_next = painter->dead;
    painter->dead = stack;
    pthread_cond_signal(&painter->work);
    pthread_mutex_unlock(&painter->mutex);
}

void
painter_spare(struct painter *painter, uint64_t bytes)
{
    atomic_store(&painter->spare, bytes);
}

void
painter_stats(struct painter *painter, struct painter_stats *stats)
{
    pthread_mutex_lock(&painter->mutex);
    *stats = painter->stats;
    stats->queued = painter->pictures.count;
    pthread_mutex_unlock(&painter->mutex);
    if (painter_info(painter)->direct) {
        stats->pooled = renderer_pooled(painter->renderer);
    }
}

const struct renderer_info *
painter_info(const struct painter *painter)
{
    return renderer_info(painter->renderer);
}

static void
painter_dig(struct painter *painter, struct stack *stack)
{
    while (stack != NULL) {
        struct stack *next = stack->dead_next;

        for (uint32_t i = 0; i < stack->ngroups; i++) {
            struct layer_group *group = &stack->groups[i];

            for (uint32_t k = 0; k * group->chunk < group->count; k++) {
                renderer_array_destroy(painter->renderer, group->arrays[k]);
            }
        }
        stack_destroy(stack);
        stack = next;
    }
    renderer_trim(painter->renderer, atomic_load(&painter->spare));
}

/* The array that holds slot, made when this is its first layer. */
static struct layer_array *
painter_array(struct painter *painter, struct layer_group *group,
    uint32_t slot)
{
    uint32_t k = slot / group->chunk;

    if (group->arrays[k] == NULL) {
        uint32_t left = group->count - k * group->chunk;
        uint32_t layers = left < group->chunk ? left : group->chunk;

        group->arrays[k] = renderer_array_create(painter->renderer,
            group->width, group->height, group->format, layers);
        if (group->arrays[k] == NULL) {
            /* what others left behind may be in the way */
            renderer_trim(painter->renderer, 0);
            group->arrays[k] = renderer_array_create(painter->renderer,
                group->width, group->height, group->format, layers);
        }
    }
    return group->arrays[k];
}

void *
painter_room(struct painter *painter, struct stack *stack, uint32_t number,
    bool *full)
{
    const struct layer *layer = &stack->layers[number];
    struct layer_group *group = &stack->groups[layer->group];

    *full = false;
    if (!painter_info(painter)->direct) {
        return NULL;
    }
    pthread_mutex_lock(&painter->rooms);
    struct layer_array *array = painter_array(painter, group, layer->slot);
    pthread_mutex_unlock(&painter->rooms);
    if (array == NULL) {
        *full = true;
        return NULL;
    }
    return renderer_layer(painter->renderer, array,
        layer->slot % group->chunk);
}

static void
painter_copy(struct painter *painter, struct upload *upload)
{
    struct stack *stack = upload->stack;
    const struct layer *layer = &stack->layers[upload->layer];
    struct layer_group *group = &stack->groups[layer->group];

    if (atomic_load(&stack->closed)) {
        upload->done(upload, "stack-expired", "the stack was closed");
        return;
    }

    struct layer_array *array = painter_array(painter, group, layer->slot);
    if (array == NULL) {
        upload->done(upload, "out-of-texture-memory",
            "the renderer has no room for this layer");
    } else if (!renderer_upload(painter->renderer, array,
                   layer->slot % group->chunk, upload->texels))
    {
        upload->done(upload, "renderer-unavailable",
            "the renderer could not take the layer");
    } else {
        upload->done(upload, NULL, NULL);
    }
}

/* Draws into the pixels that the painting has. */
static bool
painter_fill(struct painter *painter, struct painting *painting)
{
    struct stack *stack = painting->stack;
    const struct layer *layer = &stack->layers[painting->layer];
    struct layer_group *group = &stack->groups[layer->group];
    uint64_t start = now_us();

    painting->draw.array = group->arrays[layer->slot / group->chunk];
    painting->draw.layer = layer->slot % group->chunk;
    bool drawn = renderer_draw(painter->renderer, &painting->draw,
        painting->pixels->data);
    painting->draw_us = now_us() - start;
    return drawn;
}

/* false: no room for its pixels yet, the picture was not touched. */
static bool
painter_paint(struct painter *painter, struct painting *painting)
{
    bool busy = false;

    if (atomic_load(&painting->cancelled)) {
        painting->done(painting, PAINTING_CANCELLED);
        return true;
    }
    painting->pixels = buffers_try(painter->config.pictures, painting->size,
        &busy);
    if (busy) {
        return false;
    }

    bool drawn = painting->pixels != NULL && painter_fill(painter, painting);
    painting->done(painting, drawn ? PAINTING_DRAWN : PAINTING_FAILED);
    return true;
}

enum painting_end
painter_draw_here(struct painter *painter, struct painting *painting)
{
    if (atomic_load(&painting->cancelled)) {
        return PAINTING_CANCELLED;
    }
    if (painting->pixels == NULL) {
        painting->pixels = buffers_take(painter->config.pictures,
            painting->size);
    }
    if (painting->pixels == NULL || !painter_fill(painter, painting)) {
        return PAINTING_FAILED;
    }

    pthread_mutex_lock(&painter->mutex);
    painter->stats.drawn++;
    painter->stats.draw_us += painting->draw_us;
    pthread_mutex_unlock(&painter->mutex);
    return PAINTING_DRAWN;
}

/* Copies layers for a while.  Mutex held, released meanwhile. */
static void
painter_copy_slice(struct painter *painter)
{
    uint64_t start = now_us(), end = start;
    unsigned count = 0;

    do {
        struct upload *upload = painter->uploads;

        painter->uploads = upload->next;
        pthread_mutex_unlock(&painter->mutex);
        painter_copy(painter, upload);
        count++;
        end = now_us();
        pthread_mutex_lock(&painter->mutex);
    } while (painter->uploads != NULL && painter->dead == NULL
             && (!painter_has_pictures(painter)
                 || end - start < UPLOAD_SHARE));

    painter->stats.uploaded += count;
    painter->stats.upload_us += end - start;
}

/* Draws pictures for a while.  Mutex held, released meanwhile. */
static void
painter_draw_slice(struct painter *painter)
{
    uint64_t start = now_us(), end = start;
    struct painter_stats sum = { 0 };

    do {
        struct painting *painting = painter->held;

        painter->held = NULL;
        if (painting == NULL) {
            painting = (struct painting *) turns_take(&painter->pictures);
        }
        pthread_mutex_unlock(&painter->mutex);
        bool painted = painter_paint(painter, painting);
        end = now_us();
        pthread_mutex_lock(&painter->mutex);
        if (!painted) {
            struct timespec pause = { .tv_nsec = 1000000 };

            painter->held = painting;
            if (painter->uploads == NULL) {
                pthread_mutex_unlock(&painter->mutex);
                nanosleep(&pause, NULL);
                pthread_mutex_lock(&painter->mutex);
            }
            break;
        }
        sum.drawn++;
    } while (painter_has_pictures(painter) && painter->dead == NULL
             && (painter->uploads == NULL || end - start < DRAW_SHARE));

    painter->stats.drawn += sum.drawn;
    painter->stats.draw_us += end - start;
}

static void
painter_loop(struct painter *painter)
{
    pthread_mutex_lock(&painter->mutex);
    for (;;) {
        if (painter->dead != NULL) {
            struct stack *dead = painter->dead;

            painter->dead = NULL;
            pthread_mutex_unlock(&painter->mutex);
            painter_dig(painter, dead);
            uint64_t pooled = renderer_pooled(painter->renderer);
            pthread_mutex_lock(&painter->mutex);
            painter->stats.pooled = pooled;
        }
        if (painter_has_pictures(painter)) {
            painter_draw_slice(painter);
        }
        if (painter->uploads != NULL) {
            painter_copy_slice(painter);
            painter->stats.pooled = renderer_pooled(painter->renderer);
        }
        if (!painter->stats.lost && renderer_lost(painter->renderer)) {
            painter->stats.lost = true;
        }
        if (!painter_has_pictures(painter) && painter->uploads == NULL
            && painter->dead == NULL)
        {
            if (painter->stopping) {
                break;
            }
            pthread_cond_wait(&painter->work, &painter->mutex);
        }
    }
    pthread_mutex_unlock(&painter->mutex);
}

static void *
painter_thread(void *data)
{
    struct painter *painter = data;
    struct renderer *renderer = renderer_create(painter->config.kind,
        &painter->config.renderer);

    pthread_mutex_lock(&painter->mutex);
    painter->renderer = renderer;
    painter->started = true;
    pthread_cond_signal(&painter->ready);
    pthread_mutex_unlock(&painter->mutex);

    if (renderer != NULL) {
        painter_loop(painter);
        renderer_trim(renderer, 0);
        renderer_destroy(renderer);
    }
    return NULL;
}

struct painter *
painter_create(const struct painter_config *config)
{
    struct painter *painter = calloc(1, sizeof(*painter));

    if (painter == NULL) {
        return NULL;
    }
    painter->config = *config;
    painter->pictures.limit = config->queue;
    painter->pictures.user_limit = config->user_queue;
    pthread_mutex_init(&painter->mutex, NULL);
    pthread_mutex_init(&painter->rooms, NULL);
    pthread_cond_init(&painter->work, NULL);
    pthread_cond_init(&painter->ready, NULL);

    int error = pthread_create(&painter->thread, NULL, painter_thread,
        painter);
    if (error != 0) {
        log_error("painter", "thread: %s", strerror(error));
        goto error_thread;
    }
    pthread_setname_np(painter->thread, "painter");

    pthread_mutex_lock(&painter->mutex);
    while (!painter->started) {
        pthread_cond_wait(&painter->ready, &painter->mutex);
    }
    pthread_mutex_unlock(&painter->mutex);
    if (painter->renderer == NULL) {
        pthread_join(painter->thread, NULL);
        goto error_thread;
    }
    return painter;

error_thread:
    pthread_cond_destroy(&painter->ready);
    pthread_cond_destroy(&painter->work);
    pthread_mutex_destroy(&painter->rooms);
    pthread_mutex_destroy(&painter->mutex);
    free(painter);
    return NULL;
}

void
painter_destroy(struct painter *painter)
{
    if (painter == NULL) {
        return;
    }
    pthread_mutex_lock(&painter->mutex);
    painter->stopping = true;
    pthread_cond_signal(&painter->work);
    pthread_mutex_unlock(&painter->mutex);
    pthread_join(painter->thread, NULL);

    pthread_cond_destroy(&painter->ready);
    pthread_cond_destroy(&painter->work);
    pthread_mutex_destroy(&painter->rooms);
    pthread_mutex_destroy(&painter->mutex);
    free(painter);
}
