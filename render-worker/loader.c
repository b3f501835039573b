#include "loader.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"

/* Added to the niceness of those who read ahead. */
#define NICER  10

/*
 * While pictures are on their way those who read ahead wait for so long, then
 * read for so long: milliseconds.  A first picture is done before, and who
 * leafs without end does not keep a series from being loaded.
 */
#define YIELD_MS  25
#define TURN_MS   2

/*
 * They also wait for so long after a series was opened, whose first picture is
 * asked for next, and after this picture was made, while it is passed on.
 */
#define GRACE_MS  5

/* The share of the ring that layers have which somebody waits for: few. */
#define HURRY  4

/* What a thread looks for. */
enum loader_duty { DUTY_READ, DUTY_READ_AHEAD, DUTY_DECODE, DUTY_COUNT };

struct loader_thread {
    struct loader    *loader;
    pthread_t         thread;
    enum loader_duty  duty;
    bool              started;
    uint64_t          turn_ms;      /* when it may read, pictures or not */
    bool              busy;
    uint8_t           user[16];     /* for whom it is */
};

struct loader {
    struct loader_config   config;
    pthread_mutex_t        mutex;
    pthread_cond_t         work[DUTY_COUNT];
    pthread_cond_t         quiet;           /* no more pictures */
    unsigned               pictures;        /* on their way */
    uint64_t               grace_ms;        /* when it ends */
    bool                   stopping;
    struct stack          *first, *last;    /* with layers to load, in turn */
    struct buffers         rings[DUTY_COUNT];  /* slow decoding must not
                                                   hold up reading, nor
                                                   reading ahead the layer
                                                   that is waited for */
    struct loader_stats    stats;
    unsigned               nthreads;
    struct loader_thread   threads[];
};

/* A layer on its way through the painter. */
struct load {
    struct upload       upload;     /* first */
    struct loader      *loader;
    struct buffers     *ring;
    struct buffer      *buffer;
    struct frame_range  range;
};

void
stack_hold(struct stack *stack)
{
    atomic_fetch_add(&stack->users, 1);
}

void
stack_release(struct painter *painter, struct stack *stack)
{
    if (atomic_fetch_sub(&stack->users, 1) == 1) {
        painter_bury(painter, stack);
    }
}

/* The list of stacks with layers to load.  Mutex held. */
static void
loader_link(struct loader *loader, struct stack *stack)
{
    stack->prev = loader->last;
    stack->next = NULL;
    if (loader->last != NULL) {
        loader->last->next = stack;
    } else {
        loader->first = stack;
    }
    loader->last = stack;
    stack->linked = true;
}

static void
loader_unlink(struct loader *loader, struct stack *stack)
{
    if (!stack->linked) {
        return;
    }
    if (stack->prev != NULL) {
        stack->prev->next = stack->next;
    } else {
        loader->first = stack->next;
    }
    if (stack->next != NULL) {
        stack->next->prev = stack->prev;
    } else {
        loader->last = stack->prev;
    }
    stack->linked = false;
}

static uint32_t
list_shift(struct stack *stack, struct layer_list *list)
{
    uint32_t i = list->first;
    struct layer *layer = &stack->layers[i];

    list->first = layer->next;
    if (list->first == LAYER_NONE) {
        list->last = LAYER_NONE;
    }
    layer->next = LAYER_NONE;
    layer->listed = false;
    return i;
}

/* A layer of the stack that somebody waits for, LAYER_NONE: none. */
static uint32_t
take_wanted(struct stack *stack, enum layer_way way)
{
    struct layer_list *list = &stack->wanted[way];

    while (list->first != LAYER_NONE) {
        uint32_t i = list_shift(stack, list);

        if (stack->layers[i].wanted && stack->layers[i].state == LAYER_ABSENT) {
            /* the neighbours of what is looked at come next */
            stack->cursor[way] = i;
            return i;
        }
    }
    return LAYER_NONE;
}

static uint32_t
take_any(struct stack *stack, enum layer_way way)
{
    if (stack->pending[way] == 0) {
        return LAYER_NONE;
    }

    uint32_t i = stack->cursor[way];
    for (uint32_t n = 0; n < stack->nlayers; n++) {
        if (stack->layers[i].way == way
            && stack->layers[i].state == LAYER_ABSENT)
        {
            stack->cursor[way] = i + 1 < stack->nlayers ? i + 1 : 0;
            return i;
        }
        i = i + 1 < stack->nlayers ? i + 1 : 0;
    }
    return LAYER_NONE;
}

/*
 * Decoding may take as long as it likes: whoever has nothing decoded yet finds
 * a thread that is left over by the others.  Mutex held.
 */
static bool
loader_may(const struct loader *loader, enum loader_duty duty,
    const struct stack *stack)
{
    unsigned all = 0, own = 0;

    for (unsigned i = 0; duty == DUTY_DECODE && i < loader->nthreads; i++) {
        const struct loader_thread *thread = &loader->threads[i];

        if (thread->duty == duty && thread->busy) {
            all++;
            own += memcmp(thread->user, stack->owner, sizeof(thread->user))
                == 0;
        }
    }
    return own == 0 || all < loader->config.decoders;
}

/*
 * The next layer to load, marked as loading; the stack goes to the end of the
 * row and is held.  Mutex held.
 */
static struct stack *
loader_take(struct loader *loader, enum loader_duty duty, uint32_t *layer)
{
    enum layer_way way = duty == DUTY_DECODE ? WAY_DECODE : WAY_READ;
    struct stack *stack;

    for (stack = loader->first; stack != NULL && duty != DUTY_READ_AHEAD;
         stack = stack->next)
    {
        if (loader_may(loader, duty, stack)) {
            *layer = take_wanted(stack, way);
            if (*layer != LAYER_NONE) {
                goto found;
            }
        }
    }
    for (stack = loader->first; stack != NULL && duty != DUTY_READ;
         stack = stack->next)
    {
        if (loader_may(loader, duty, stack)) {
            *layer = take_any(stack, way);
            if (*layer != LAYER_NONE) {
                goto found;
            }
        }
    }
    return NULL;

found:
    stack->layers[*layer].state = LAYER_LOADING;
    stack->pending[way]--;
    loader_unlink(loader, stack);
    if (stack->pending[WAY_READ] != 0 || stack->pending[WAY_DECODE] != 0) {
        loader_link(loader, stack);
    }
    stack_hold(stack);
    return stack;
}

/* Tells main once that layers somebody waits for are there.  Mutex held. */
static void
loader_wake(struct loader *loader, struct stack *stack)
{
    if (stack->wake.done != NULL && !stack->waking) {
        stack->waking = true;
        stack_hold(stack);
        mailbox_post(loader->config.mailbox, &stack->wake);
    }
}

/* A layer ends, well (slug NULL) or not; gives the stack back. */
static void
loader_settle(struct loader *loader, struct stack *stack, uint32_t number,
    const struct frame_range *range, const char *slug, const char *detail)
{
    struct layer *layer = &stack->layers[number];
    char *copy = slug != NULL && detail != NULL ? strdup(detail) : NULL;

    pthread_mutex_lock(&loader->mutex);
    bool tell = slug != NULL && !loader->stopping
        && !atomic_load(&stack->closed);
    if (slug == NULL) {
        layer->state = LAYER_RESIDENT;
        layer->lowest = range->lowest;
        layer->highest = range->highest;
        stack->loaded++;
        loader->stats.loaded++;
        loader->stats.bytes += stack->groups[layer->group].layer_bytes;
    } else {
        layer->state = LAYER_FAILED;
        layer->slug = slug;
        free(layer->detail);
        layer->detail = copy;
        stack->failed++;
        loader->stats.failed++;
    }
    if (layer->wanted) {
        layer->wanted = false;
        loader_wake(loader, stack);
    }
    pthread_mutex_unlock(&loader->mutex);

    if (tell) {
        log_warn("loader", "series %s, layer %u: %s", stack->series, number,
            detail);
    }
    stack_release(loader->config.painter, stack);
}

static void
load_done(struct upload *upload, const char *slug, const char *detail)
{
    struct load *load = (struct load *) upload;
    struct loader *loader = load->loader;

    buffers_give(load->ring, load->buffer);
    loader_settle(loader, upload->stack, upload->layer, &load->range, slug,
        detail);
    free(load);
}

static void
loader_ref(const struct stack *stack, uint32_t number, struct frame_ref *ref)
{
    const struct layer *layer = &stack->layers[number];

    ref->index = &stack->instances[layer->instance].index;
    ref->location = stack->instances[layer->instance].location;
    ref->frame = layer->frame;
    memcpy(ref->user, stack->owner, sizeof(ref->user));
}

/*
 * While this layer is read the kernel may fetch the next one: files of one
 * frame give it no hint of their own.
 */
static void
loader_prefetch(struct loader *loader, const struct stack *stack,
    uint32_t next)
{
    const struct layer *layer = &stack->layers[next];
    struct frame_ref ref;

    if (layer->way == WAY_READ) {
        loader_ref(stack, next, &ref);
        if (ref.index->nframes == 1) {
            frame_prefetch(&loader->config.source, &ref);
        }
    }
}

static bool
loader_read(struct loader *loader, struct stack *stack, uint32_t number,
    void *texels, struct frame_range *range, struct frame_error *error)
{
    struct frame_ref ref;

    if (atomic_load(&stack->closed)) {
        *error = (struct frame_error) { .slug = "stack-expired" };
        return false;
    }
    loader_ref(stack, number, &ref);
    return frame_load(&loader->config.source, &ref, texels,
        frame_needs_range(ref.index, ref.frame) ? range : NULL, error);
}

/* Reads one layer to where it stays; false: by way of the painter. */
static bool
loader_run_direct(struct loader *loader, struct stack *stack,
    uint32_t number)
{
    struct frame_error error = { 0 };
    struct frame_range range = { 0 };
    bool full;
    void *room = painter_room(loader->config.painter, stack, number, &full);

    if (full) {
        loader_settle(loader, stack, number, NULL, "out-of-texture-memory",
            "the renderer has no room for this layer");
    } else if (room != NULL) {
        loader_read(loader, stack, number, room, &range, &error);
        loader_settle(loader, stack, number, &range, error.slug,
            error.detail);
    }
    return full || room != NULL;
}

/* Reads one layer and hands it to the painter; urgent: a picture waits. */
static void
loader_run(struct loader *loader, struct stack *stack, uint32_t number,
    enum loader_duty duty, bool urgent)
{
    struct layer *layer = &stack->layers[number];
    struct frame_error error = { 0 };

    if (loader_run_direct(loader, stack, number)) {
        return;
    }

    struct load *load = calloc(1, sizeof(*load));
    if (load == NULL) {
        goto short_memory;
    }
    load->upload.stack = stack;
    load->upload.layer = number;
    load->upload.urgent = urgent;
    load->upload.done = load_done;
    load->loader = loader;
    load->ring = &loader->rings[duty];
    load->buffer = buffers_take(load->ring,
        stack->groups[layer->group].layer_bytes);
    if (load->buffer == NULL) {
        goto short_memory;
    }
    load->upload.texels = load->buffer->data;

    if (!loader_read(loader, stack, number, load->buffer->data, &load->range,
            &error))
    {
        buffers_give(load->ring, load->buffer);
        free(load);
        loader_settle(loader, stack, number, NULL, error.slug, error.detail);
        return;
    }
    painter_upload(loader->config.painter, &load->upload);
    return;

short_memory:
    free(load);
    loader_settle(loader, stack, number, NULL, "busy", "memory is short");
}

static uint64_t
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}

void
loader_grace(struct loader *loader)
{
    pthread_mutex_lock(&loader->mutex);
    loader->grace_ms = now_ms() + GRACE_MS;
    pthread_mutex_unlock(&loader->mutex);
}

void
loader_yield(struct loader *loader)
{
    pthread_mutex_lock(&loader->mutex);
    loader->pictures++;
    pthread_mutex_unlock(&loader->mutex);
}

void
loader_resume(struct loader *loader)
{
    pthread_mutex_lock(&loader->mutex);
    if (--loader->pictures == 0) {
        pthread_cond_broadcast(&loader->quiet);
    }
    pthread_mutex_unlock(&loader->mutex);
}

/* Waits until nobody minds, or it is our turn.  Mutex held. */
static void
loader_wait_quiet(struct loader *loader, struct loader_thread *self)
{
    uint64_t now = now_ms(), end = now + YIELD_MS;

    if (now < self->turn_ms + TURN_MS) {
        return;
    }
    while ((loader->pictures > 0 || now < loader->grace_ms)
           && !loader->stopping)
    {
        uint64_t time = loader->pictures > 0 || loader->grace_ms > end ? end
            : loader->grace_ms;
        struct timespec until = { .tv_sec = (time_t) (time / 1000),
            .tv_nsec = (long) (time % 1000) * 1000000 };

        pthread_cond_timedwait(&loader->quiet, &loader->mutex, &until);
        now = now_ms();
        if (now >= end) {
            self->turn_ms = now;
            return;
        }
    }
}

static void *
loader_thread(void *data)
{
    struct loader_thread *self = data;
    struct loader *loader = self->loader;

    thread_nicer(self->duty == DUTY_READ_AHEAD ? NICER : 0);
    pthread_mutex_lock(&loader->mutex);
    while (!loader->stopping) {
        if (self->duty == DUTY_READ_AHEAD) {
            loader_wait_quiet(loader, self);
        }
        uint32_t layer;
        struct stack *stack = loader_take(loader, self->duty, &layer);

        if (stack == NULL) {
            pthread_cond_wait(&loader->work[self->duty], &loader->mutex);
            continue;
        }
        uint32_t next = stack->pending[WAY_READ] != 0
            && self->duty == DUTY_READ_AHEAD
            ? stack->cursor[WAY_READ] : LAYER_NONE;
        bool urgent = stack->layers[layer].wanted;
        self->busy = true;
        memcpy(self->user, stack->owner, sizeof(self->user));
        pthread_mutex_unlock(&loader->mutex);
        if (next != LAYER_NONE) {
            loader_prefetch(loader, stack, next);
        }
        loader_run(loader, stack, layer, self->duty, urgent);
        pthread_mutex_lock(&loader->mutex);
        self->busy = false;
    }
    pthread_mutex_unlock(&loader->mutex);
    return NULL;
}

struct loader *
loader_create(const struct loader_config *config)
{
    static const char *const names[] = { "reader", "read ahead", "decoding" };
    unsigned nthreads = 2 * config->readers + config->decoders + 1;
    struct loader *loader = calloc(1, sizeof(*loader)
        + nthreads * sizeof(loader->threads[0]));

    if (loader == NULL) {
        return NULL;
    }
    loader->config = *config;
    pthread_mutex_init(&loader->mutex, NULL);
    for (int duty = 0; duty < DUTY_COUNT; duty++) {
        pthread_cond_init(&loader->work[duty], NULL);
    }
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&loader->quiet, &monotonic);
    pthread_condattr_destroy(&monotonic);
    for (int duty = 0; duty < DUTY_COUNT; duty++) {
        buffers_init(&loader->rings[duty], duty == DUTY_READ
            ? config->ring / HURRY : config->ring);
    }

    loader->nthreads = nthreads;
    for (unsigned i = 0; i < nthreads; i++) {
        struct loader_thread *thread = &loader->threads[i];

        thread->loader = loader;
        thread->duty = i < config->readers ? DUTY_READ
            : i < 2 * config->readers ? DUTY_READ_AHEAD : DUTY_DECODE;
        int error = pthread_create(&thread->thread, NULL, loader_thread,
            thread);
        if (error != 0) {
            log_error("loader", "thread: %s", strerror(error));
            loader_stop(loader);
            loader_destroy(loader);
            return NULL;
        }
        thread->started = true;
        pthread_setname_np(thread->thread, names[thread->duty]);
    }
    return loader;
}

void
loader_stop(struct loader *loader)
{
    if (loader == NULL) {
        return;
    }
    pthread_mutex_lock(&loader->mutex);
    loader->stopping = true;
    for (int duty = 0; duty < DUTY_COUNT; duty++) {
        pthread_cond_broadcast(&loader->work[duty]);
    }
    pthread_cond_broadcast(&loader->quiet);
    pthread_mutex_unlock(&loader->mutex);
    for (int duty = 0; duty < DUTY_COUNT; duty++) {
        buffers_close(&loader->rings[duty]);
    }

    for (unsigned i = 0; i < loader->nthreads; i++) {
        if (loader->threads[i].started) {
            pthread_join(loader->threads[i].thread, NULL);
        }
    }
}

void
loader_destroy(struct loader *loader)
{
    if (loader == NULL) {
        return;
    }
    for (int duty = 0; duty < DUTY_COUNT; duty++) {
        buffers_finish(&loader->rings[duty]);
    }
    for (int duty = 0; duty < DUTY_COUNT; duty++) {
        pthread_cond_destroy(&loader->work[duty]);
    }
    pthread_cond_destroy(&loader->quiet);
    pthread_mutex_destroy(&loader->mutex);
    free(loader);
}

void
loader_open(struct loader *loader, struct stack *stack, uint32_t first)
{
    if (first >= stack->nlayers) {
        first = stack->nlayers - 1;
    }

    pthread_mutex_lock(&loader->mutex);
    for (uint32_t i = 0; stack->failed != 0 && i < stack->nlayers; i++) {
        struct layer *layer = &stack->layers[i];

        if (layer->state == LAYER_FAILED && layer->placed) {
            layer->state = LAYER_ABSENT;
            stack->pending[layer->way]++;
            stack->failed--;
        }
    }
    if (!stack->linked
        && (stack->pending[WAY_READ] != 0 || stack->pending[WAY_DECODE] != 0))
    {
        loader_link(loader, stack);
    }
    for (int way = 0; way < WAY_COUNT; way++) {
        stack->cursor[way] = first;
    }
    bool read = stack->pending[WAY_READ] != 0;
    bool decode = stack->pending[WAY_DECODE] != 0;
    if (read) {
        loader->grace_ms = now_ms() + GRACE_MS;
    }
    pthread_mutex_unlock(&loader->mutex);
    if (read) {
        pthread_cond_broadcast(&loader->work[DUTY_READ_AHEAD]);
    }
    if (decode) {
        pthread_cond_broadcast(&loader->work[DUTY_DECODE]);
    }
}

void
loader_close(struct loader *loader, struct stack *stack)
{
    atomic_store(&stack->closed, true);
    pthread_mutex_lock(&loader->mutex);
    loader_unlink(loader, stack);
    if (stack->waiting != NULL) {
        loader_wake(loader, stack);     /* they wait for nothing now */
    }
    pthread_mutex_unlock(&loader->mutex);
}

static void
copy_detail(char to[220], const char *detail)
{
    size_t length = detail != NULL ? strlen(detail) : 0;

    if (length > 219) {
        length = 219;
    }
    memcpy(to, detail != NULL ? detail : "", length);
    to[length] = '\0';
}

void
loader_want(struct loader *loader, struct stack *stack, uint32_t number,
    struct loader_answer *answer)
{
    struct layer *layer = &stack->layers[number];

    pthread_mutex_lock(&loader->mutex);
    answer->state = layer->state;
    answer->lowest = layer->lowest;
    answer->highest = layer->highest;
    answer->slug = layer->slug;
    answer->detail[0] = '\0';
    if (layer->state == LAYER_FAILED) {
        copy_detail(answer->detail, layer->detail);
    } else if (layer->state != LAYER_RESIDENT) {
        layer->wanted = true;
    }
    bool listed = layer->state == LAYER_ABSENT && !layer->listed;
    if (listed) {
        struct layer_list *list = &stack->wanted[layer->way];

        layer->listed = true;
        if (list->first == LAYER_NONE) {
            list->first = number;
        } else {
            stack->layers[list->last].next = number;
        }
        list->last = number;
    }
    pthread_mutex_unlock(&loader->mutex);
    if (listed) {
        /* who wakes finds the mutex free */
        pthread_cond_signal(&loader->work[layer->way == WAY_READ ? DUTY_READ
            : DUTY_DECODE]);
    }
}

void
loader_unwant(struct loader *loader, struct stack *stack, uint32_t number)
{
    pthread_mutex_lock(&loader->mutex);
    stack->layers[number].wanted = false;
    pthread_mutex_unlock(&loader->mutex);
}

void
loader_woken(struct loader *loader, struct stack *stack)
{
    pthread_mutex_lock(&loader->mutex);
    stack->waking = false;
    pthread_mutex_unlock(&loader->mutex);
}

void
loader_progress(struct loader *loader, const struct stack *stack,
    struct loader_progress *progress)
{
    pthread_mutex_lock(&loader->mutex);
    progress->loaded = stack->loaded;
    progress->failed = stack->failed;
    progress->slug = NULL;
    progress->detail[0] = '\0';
    for (uint32_t i = 0; stack->failed != 0 && i < stack->nlayers; i++) {
        const struct layer *layer = &stack->layers[i];

        if (layer->state == LAYER_FAILED) {
            progress->slug = layer->slug;
            copy_detail(progress->detail, layer->detail);
            break;
        }
    }
    pthread_mutex_unlock(&loader->mutex);
}

void
loader_stats(struct loader *loader, struct loader_stats *stats)
{
    pthread_mutex_lock(&loader->mutex);
    *stats = loader->stats;
    pthread_mutex_unlock(&loader->mutex);
}
