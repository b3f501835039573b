/*
 * WIRE_RENDER: wait for the layer, draw, encode, answer.  WIRE_SHOW, once
 * its stack is open, is the same and tells of the stack, too.
 */

#include "picture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "encode.h"
#include "present.h"
#include "stack_json.h"
#include "worker.h"

#define MAX_PIXELS   (64u * 1024 * 1024)    /* of one picture */
#define LARGE        (512u * 1024)          /* bytes worth more threads */
#define SMALL        (320u * 1024)          /* bytes not worth another one */

/* One picture on its way. */
struct picture {
    struct painting      painting;      /* first */
    struct request      *request;
    struct worker       *worker;
    struct stack        *stack;         /* pinned */
    struct stack_voi    *voi;
    struct wire_render   ask;
    struct wire_picture  shown;
    const struct stack_state  *state;   /* NULL: none */
    struct present       present;
    enum painting_end    end;
    struct job           job;           /* draws, unless the GL thread did */
    bool                 counted;       /* among those in work */
    bool                 helped;        /* by worker->bands */
    bool                 encoded;
    bool                 too_large;     /* for ask.max_bytes */
    struct frame_error   error;         /* slug set: failed */
    uint8_t             *data;
    size_t               length;
    uint64_t             draw_start_us, draw_us, encode_us;
};

static struct picture *
picture_of_job(struct job *job)
{
    return (struct picture *) (void *)
        ((char *) job - offsetof(struct picture, job));
}

static bool
within(double value, double least, double most)
{
    return value >= least && value <= most;     /* false for NaN */
}

const char *
picture_check(const struct wire_render *ask, uint32_t max_dimension)
{
    uint32_t most = max_dimension < WIRE_MAX_VIEWPORT ? max_dimension
        : WIRE_MAX_VIEWPORT;
    double narrowest = ask->voi <= WIRE_VOI_LINEAR
        ? WIRE_MIN_WINDOW : WIRE_MIN_WINDOW_EXACT;

    if (ask->voi > WIRE_VOI_LUT) {
        return "voi: unknown function";
    }
    if (ask->interpolation > WIRE_CUBIC) {
        return "interpolation: nearest, linear or cubic";
    }
    if (ask->format > WIRE_JPEG) {
        return "format: png or jpeg";
    }
    if (ask->format == WIRE_JPEG && (ask->quality < 1 || ask->quality > 100)) {
        return "quality: 1 to 100";
    }
    if (ask->max_bytes != 0
        && (ask->format != WIRE_JPEG || ask->max_bytes < WIRE_LEAST_BYTES))
    {
        return "max_bytes: of JPEG, at least 1024";
    }
    if ((ask->flip & ~(WIRE_FLIP_H | WIRE_FLIP_V)) != 0) {
        return "flip: h, v or hv";
    }
    if (ask->set >= 2 * WIRE_SET_FRAME || ask->shutter > 1
        || memchr(ask->state, '\0', sizeof(ask->state)) == NULL)
    {
        return "unknown parameters";
    }
    if (ask->set & WIRE_SET_SIZE) {
        if (ask->width < 1 || ask->width > most || ask->height < 1
            || ask->height > most)
        {
            return "width, height: out of range";
        }
        if ((uint64_t) ask->width * ask->height > MAX_PIXELS) {
            return "width, height: the picture would be too large";
        }
    }
    if ((ask->set & WIRE_SET_WINDOW)
        && (!within(ask->center, -WIRE_MAX_VALUE, WIRE_MAX_VALUE)
            || !within(ask->window, narrowest, WIRE_MAX_VALUE)))
    {
        return "center, window: out of range";
    }
    if (!within(ask->zoom, WIRE_MIN_ZOOM, WIRE_MAX_ZOOM)) {
        return "zoom: out of range";
    }
    if (!within(ask->pan_x, -WIRE_MAX_PAN, WIRE_MAX_PAN)
        || !within(ask->pan_y, -WIRE_MAX_PAN, WIRE_MAX_PAN))
    {
        return "pan: out of range";
    }
    if (!within(ask->rotate, -WIRE_MAX_ROTATE, WIRE_MAX_ROTATE)) {
        return "rotate: out of range";
    }
    return NULL;
}

/* What the user asks for in the words of voi.h; NULL or what is wrong. */
static const char *
picture_choice(const struct stack *stack, const struct stack_state *state,
    const struct wire_render *ask, struct voi_choice *choice)
{
    const struct dicom_index *index = stack_index(stack, ask->layer);
    const struct dicom_frame *frame =
        &index->frames[stack->layers[ask->layer].frame];

    *choice = (struct voi_choice) {
        .function = ask->voi,
        .index = ask->voi_index,
        .invert = ask->invert != 0,
    };
    if (state != NULL) {
        choice->state = state->presentation;
        choice->state_voi = state_voi_of(stack, state, ask->layer);
    }
    if (ask->voi == WIRE_VOI_LUT) {
        return NULL;
    }
    if (ask->set & WIRE_SET_WINDOW) {
        choice->has_window = true;
        choice->center = ask->center;
        choice->width = ask->window;
    } else if (ask->set & WIRE_SET_WINDOW_INDEX) {
        const struct dicom_window *windows = frame->nwindows > 0
            ? frame->windows : index->windows;
        uint32_t count = frame->nwindows > 0 ? frame->nwindows
            : index->nwindows;

        if (ask->voi_index >= count) {
            return "window: the image has no such window";
        }
        choice->has_window = true;
        choice->center = windows[ask->voi_index].center;
        choice->width = windows[ask->voi_index].width;
    }
    return NULL;
}

static void
picture_shown(struct wire_picture *shown, const struct stack *stack,
    const struct dicom_index *index, const struct stack_state *state,
    const struct wire_render *ask, const struct present *present)
{
    const struct view *view = &present->view;

    memset(shown, 0, sizeof(*shown));
    memcpy(shown->instance, index->instance_uid,
        sizeof(index->instance_uid));
    shown->frame = stack->layers[ask->layer].frame;
    shown->layer = ask->layer;
    shown->width = view->width;
    shown->height = view->height;
    shown->lossy = index->lossy || ask->format == WIRE_JPEG;
    shown->format = ask->format;
    shown->invert = ask->invert != 0;
    shown->flip = view->flip;
    shown->interpolation = ask->interpolation;
    shown->zoom = view->zoom;
    shown->pan_x = view->pan_x;
    shown->pan_y = view->pan_y;
    shown->rotate = view->rotate;
    shown->overlays = present->overlays;
    shown->shutter = present->shutter != NULL;
    if (state != NULL) {
        memcpy(shown->state, state->uid, sizeof(state->uid));
    }
    shown->quality = ask->format == WIRE_JPEG ? ask->quality : 0;
    shown->center = NAN;
    shown->window = NAN;
}

const char *
picture_prepare(struct stack *stack, const struct stack_state *state,
    const struct wire_render *ask, double lowest, double highest,
    struct painting *painting, struct present *present,
    struct stack_voi **voi, struct wire_picture *shown)
{
    const struct dicom_index *index = stack_index(stack, ask->layer);
    const struct layer_group *group =
        &stack->groups[stack->layers[ask->layer].group];
    const struct view *view = &present->view;
    struct draw *draw = &painting->draw;
    bool colour = group->format == LAYER_RGBA8;

    *voi = NULL;
    const char *error = present_init(present, stack, state, ask,
        stack_aspect(stack, ask->layer));
    if (error != NULL) {
        return error;
    }
    if ((uint64_t) view->width * view->height > MAX_PIXELS) {
        return "width, height: the picture would be too large";
    }
    if (!geometry_view(view, index->columns, index->rows, present->aspect,
            draw->matrix))
    {
        return "zoom, rotate: out of range";
    }

    picture_shown(shown, stack, index, state, ask, present);
    draw->width = view->width;
    draw->height = view->height;
    draw->interpolation = (enum draw_interpolation) ask->interpolation;
    draw->background = 0;
    shown->samples = colour ? 3 : 1;
    painting->stack = stack;
    painting->layer = ask->layer;
    painting->size = (size_t) view->width * view->height * shown->samples;
    if (colour) {
        draw->invert = ask->invert != 0;
        return NULL;
    }

    struct voi_choice choice;
    error = picture_choice(stack, state, ask, &choice);
    if (error != NULL) {
        return error;
    }
    *voi = stack_voi(stack, ask->layer, &choice, lowest, highest, &error);
    if (*voi == NULL) {
        return error != NULL ? error : "memory is short";
    }
    draw->voi = &(*voi)->table;
    shown->voi = (*voi)->shown.function;
    shown->voi_index = (*voi)->shown.function >= WIRE_VOI_LUT
        ? (*voi)->shown.index : ask->voi_index;
    if ((*voi)->shown.function < WIRE_VOI_LUT) {
        shown->center = (*voi)->shown.center;
        shown->window = (*voi)->shown.width;
    }
    return NULL;
}

static void
picture_free(struct picture *picture)
{
    if (picture->counted) {
        picture->worker->in_work--;
        picture->worker->small -= picture->painting.size < LARGE;
    }
    stack_voi_release(picture->voi);
    buffers_give(&picture->worker->pictures, picture->painting.pixels);
    worker_unpin(picture->worker, picture->stack);
    loader_resume(picture->worker->loader);
    free(picture->data);
    free(picture);
}

/*
 * What the picture shows; for WIRE_SHOW the stack's JSON behind it.  NULL when
 * memory is short, or the stack has more to tell than an answer may hold.
 */
static uint8_t *
picture_meta(const struct picture *picture, size_t *length)
{
    struct json json = { 0 };
    uint8_t *meta = NULL;

    if (picture->request->head.type == WIRE_SHOW) {
        open_json(picture->worker, picture->stack, picture->ask.stack, &json);
    }
    *length = sizeof(picture->shown) + json.length;
    if (!json.failed && *length <= WIRE_MAX_META) {
        meta = malloc(*length);
    }
    if (meta != NULL) {
        memcpy(meta, &picture->shown, sizeof(picture->shown));
        if (json.length > 0) {
            memcpy(meta + sizeof(picture->shown), json.data, json.length);
        }
    }
    json_finish(&json);
    return meta;
}

static void
picture_answer(struct picture *picture)
{
    struct request *request = picture->request;
    struct worker *worker = picture->worker;
    size_t length;

    request->answer.draw_us = (uint32_t) picture->draw_us;
    request->answer.encode_us = (uint32_t) picture->encode_us;
    request->answer.queue_us = (uint32_t) (picture->draw_start_us
        - request->start_us);

    uint8_t *meta = picture_meta(picture, &length);
    if (meta == NULL) {
        request_problem(request, 503, "busy", "memory is short");
        return;
    }
    if (!picture->stack->shown) {
        picture->stack->shown = true;
        loader_grace(worker->loader);
    }
    worker->counts.pictures++;
    worker->counts.picture_bytes += picture->length;
    worker->counts.encode_us += picture->encode_us;
    worker->counts.queue_us += request->answer.queue_us;
    request_answer(request, request->head.type == WIRE_SHOW ? 202 : 200, meta,
        length, picture->data, picture->length);
    picture->data = NULL;
}

static void picture_go_on(struct picture *picture);

/*
 * Asks for the same view at half the size, said in full: what the presentation
 * state leaves open depends on the size.
 */
static void
picture_halve(struct picture *picture)
{
    struct wire_render *ask = &picture->ask;
    const struct wire_picture *shown = &picture->shown;

    ask->set |= WIRE_SET_SIZE | WIRE_SET_ZOOM | WIRE_SET_PAN | WIRE_SET_ROTATE
        | WIRE_SET_FLIP;
    ask->width = (shown->width + 1) / 2;
    ask->height = (shown->height + 1) / 2;
    ask->zoom = shown->zoom;
    ask->pan_x = shown->pan_x / 2;
    ask->pan_y = shown->pan_y / 2;
    ask->rotate = shown->rotate;
    ask->flip = shown->flip;

    stack_voi_release(picture->voi);
    picture->voi = NULL;
    buffers_give(&picture->worker->pictures, picture->painting.pixels);
    picture->painting.pixels = NULL;
    picture->encoded = picture->too_large = false;
    if (picture->counted) {
        picture->counted = false;
        picture->worker->in_work--;
        picture->worker->small -= picture->painting.size < LARGE;
    }
}

/* Main thread: all that was to be done for the picture is done. */
static void
picture_end(struct picture *picture)
{
    struct request *request = picture->request;

    if (picture->too_large && picture->error.slug == NULL) {
        picture_halve(picture);
        picture_go_on(picture);
        return;
    }
    if (picture->end == PAINTING_CANCELLED) {
        picture->worker->counts.cancelled++;
        request_problem(request, 503, "cancelled", "the client went away");
    } else if (picture->end == PAINTING_FAILED) {
        worker_tick(picture->worker);   /* notices a lost context */
        request_problem(request, 503, "renderer-unavailable",
            "the picture could not be drawn");
    } else if (picture->error.slug != NULL) {
        request_problem(request, strcmp(picture->error.slug, "busy") == 0
            ? 503 : 422, picture->error.slug, picture->error.detail);
    } else if (!picture->encoded) {
        request_problem(request, 503, "busy", "memory is short");
    } else {
        picture_answer(picture);
    }
    picture_free(picture);
}

static void
picture_done(struct job *job)
{
    picture_end(picture_of_job(job));
}

static bool
picture_burn(struct picture *picture)
{
    struct stack *stack = picture->stack;
    const struct layer *layer = &stack->layers[picture->ask.layer];
    const struct stack_instance *instance =
        &stack->instances[layer->instance];
    struct frame_ref ref = {
        .index = &instance->index,
        .location = instance->location,
        .frame = layer->frame,
    };

    memcpy(ref.user, stack->owner, sizeof(ref.user));
    return present_burn(&picture->present, &picture->worker->source, &ref,
        picture->painting.draw.matrix, picture->shown.samples,
        picture->painting.pixels->data, &picture->error);
}

static void
picture_encode(struct picture *picture)
{
    uint64_t start = request_now_us();

    if (present_marks(&picture->present) && !picture_burn(picture)) {
        return;
    }
    struct encode_source source = {
        .pixels = picture->painting.pixels->data,
        .width = picture->shown.width,
        .height = picture->shown.height,
        .samples = picture->shown.samples,
        .sha256 = picture->shown.sha256,
    };
    struct bands *bands = picture->helped ? picture->worker->bands : NULL;
    unsigned quality = picture->ask.quality;

    if (picture->ask.max_bytes == 0) {
        picture->encoded = encode_picture(
            (enum encode_format) picture->ask.format, &source, quality, bands,
            &picture->data, &picture->length);
    } else {
        picture->encoded = encode_within(&source, &quality,
            picture->ask.max_bytes, bands, &picture->data, &picture->length);
        picture->too_large = picture->encoded && picture->data == NULL;
        picture->shown.quality = (uint8_t) quality;
    }
    picture->encode_us += request_now_us() - start;
}

/* It was drawn, once more if it was too large. */
static void
picture_note_draw(struct picture *picture)
{
    uint64_t draw_us = picture->painting.draw_us;

    if (picture->draw_start_us == 0) {
        picture->draw_start_us = request_now_us() - draw_us;
    }
    picture->draw_us += draw_us;
}

static void
picture_run(struct job *job)
{
    struct picture *picture = picture_of_job(job);
    struct painting *painting = &picture->painting;

    if (picture->worker->direct) {
        picture->end = painter_draw_here(picture->worker->painter, painting);
        picture_note_draw(picture);
    }
    if (picture->end == PAINTING_DRAWN && !atomic_load(&painting->cancelled)) {
        picture_encode(picture);
    }
}

/* GL thread: the picture is drawn, or is not. */
static void
picture_drawn(struct painting *painting, enum painting_end end)
{
    struct picture *picture = (struct picture *) painting;
    struct worker *worker = picture->worker;

    picture->end = end;
    picture_note_draw(picture);
    if (end != PAINTING_DRAWN) {
        mailbox_post(&worker->mailbox, &picture->job);
    } else {
        pool_force(painting->size < LARGE ? worker->encoders
            : worker->patient, &picture->job);
    }
}

/* The client has gone while the picture was in the queue or drawn. */
static void
picture_cancel(struct request *request)
{
    struct picture *picture = request->work;

    atomic_store(&picture->painting.cancelled, true);
}

/*
 * Whether the main thread makes it, which must not wait for room for pixels:
 * nobody else gives any back.
 */
static bool
picture_is_quick(struct picture *picture)
{
    struct worker *worker = picture->worker;
    size_t size = picture->painting.size;
    bool busy;

    if (size > SMALL || worker->small != 1 || worker->crowded
        || picture->ask.interpolation == WIRE_CUBIC
        || present_marks(&picture->present))
    {
        return false;
    }
    picture->painting.pixels = buffers_try(&worker->pictures, size, &busy);
    return picture->painting.pixels != NULL;
}

/*
 * Puts the picture into the queue of those who make it; false: it is full.
 *
 * Layers in plain memory are drawn by the thread that encodes: each hand-over
 * costs as much time as drawing.  For the same reason a small picture is made
 * at once, unless others are or somebody waits for this thread: it takes a
 * millisecond, and all processors shall have something to do.
 */
static bool
picture_submit(struct picture *picture)
{
    struct worker *worker = picture->worker;
    size_t size = picture->painting.size;

    if (worker->ending) {
        return false;
    }
    picture->counted = true;
    picture->helped = worker->in_work++ == 0 || size >= LARGE;
    worker->small += size < LARGE;
    picture->job.turn.user = picture->painting.user;
    picture->job.run = picture_run;
    picture->job.done = picture_done;
    if (!worker->direct) {
        return painter_draw(worker->painter, &picture->painting);
    }
    if (size < LARGE) {
        worker_note_small(worker, picture->painting.user);
    } else {
        worker_leave_room(worker, picture->painting.user);
    }
    if (picture_is_quick(picture)) {
        picture_run(&picture->job);
        picture_end(picture);
        return true;
    }
    return pool_submit(size < LARGE ? worker->encoders : worker->patient,
        &picture->job);
}

static void
picture_begin(struct picture *picture, double lowest, double highest)
{
    struct request *request = picture->request;
    const char *wrong = picture_prepare(picture->stack, picture->state,
        &picture->ask, lowest, highest, &picture->painting, &picture->present,
        &picture->voi, &picture->shown);

    if (wrong != NULL) {
        request_problem(request, 422, "invalid-parameter", wrong);
        picture_free(picture);
        return;
    }
    memcpy(picture->painting.user, request->head.user,
        sizeof(picture->painting.user));
    picture->painting.done = picture_drawn;
    request->cancel = picture_cancel;
    if (!picture_submit(picture)) {
        request_problem(request, 503, "busy", "too many pictures wait");
        picture_free(picture);
    }
}

static void
picture_unwait(struct stack *stack, struct request *request)
{
    struct request **link = &stack->waiting;

    while (*link != request) {
        link = &(*link)->next;
    }
    *link = request->next;
    request->next = NULL;
    request->cancel = NULL;
}

/* The client has gone while the picture waited for its layer. */
static void
picture_cancel_wait(struct request *request)
{
    struct picture *picture = request->work;
    struct stack *stack = picture->stack;
    const struct request *other;

    picture->worker->counts.cancelled++;
    picture_unwait(stack, request);
    for (other = stack->waiting; other != NULL; other = other->next) {
        const struct picture *waiting = other->work;

        if (waiting->ask.layer == picture->ask.layer) {
            break;
        }
    }
    if (other == NULL) {
        loader_unwant(picture->worker->loader, stack, picture->ask.layer);
    }
    request_problem(request, 503, "cancelled", "the client went away");
    picture_free(picture);
}

static void
picture_wait(struct picture *picture)
{
    struct request *request = picture->request;

    request->next = picture->stack->waiting;
    picture->stack->waiting = request;
    request->cancel = picture_cancel_wait;
}

/* Draws when the layer is there, answers when it failed; false: it waits. */
static bool
picture_try(struct picture *picture)
{
    struct loader_answer answer;

    loader_want(picture->worker->loader, picture->stack, picture->ask.layer,
        &answer);
    if (answer.state == LAYER_RESIDENT) {
        picture_begin(picture, answer.lowest, answer.highest);
        return true;
    }
    if (answer.state == LAYER_FAILED) {
        bool passing = strcmp(answer.slug, "frame-not-decodable") != 0;

        request_problem(picture->request,
            strcmp(answer.slug, "out-of-texture-memory") == 0 ? 507
                : passing ? 503 : 422, answer.slug, answer.detail);
        picture_free(picture);
        return true;
    }
    if (atomic_load(&picture->stack->closed)) {
        request_problem(picture->request, 410, "stack-expired",
            "the stack was closed meanwhile");
        picture_free(picture);
        return true;
    }
    return false;
}

void
picture_wake(struct job *job)
{
    struct stack *stack = (struct stack *) (void *)
        ((char *) job - offsetof(struct stack, wake));
    struct worker *worker = stack->worker;
    struct request *request = stack->waiting;

    loader_woken(worker->loader, stack);
    stack->waiting = NULL;
    while (request != NULL) {
        struct request *next = request->next;

        request->next = NULL;
        request->cancel = NULL;
        if (!picture_try(request->work)) {
            picture_wait(request->work);
        }
        request = next;
    }
    stack_release(worker->painter, stack);
}

/* The layer was there, and mostly still is. */
static void
picture_go_on(struct picture *picture)
{
    if (!picture_try(picture)) {
        picture_wait(picture);
    }
}

/*
 * Finds the presentation state that is asked for.  A layer that it is not for
 * is refused: shown without it, the picture would look like one with it.
 */
static bool
picture_find_state(struct picture *picture)
{
    const struct stack *stack = picture->stack;
    uint32_t layer = picture->ask.layer;
    const char *wrong;

    if (picture->ask.state[0] == '\0') {
        return true;
    }
    picture->state = states_find(stack, picture->ask.state);
    if (picture->state == NULL) {
        request_problem(picture->request, 404, "presentation-not-found",
            "the stack has no such presentation state");
        return false;
    }

    bool colour = stack->layers[layer].placed
        && stack->groups[stack->layers[layer].group].format == LAYER_RGBA8;
    wrong = presentation_problem(picture->state->presentation);
    if (wrong == NULL && !state_covers(picture->state, layer)) {
        wrong = "the presentation state is not for this image";
    } else if (wrong == NULL && colour
        != (picture->state->presentation->kind == PRESENTATION_COLOUR))
    {
        wrong = colour ? "a grayscale presentation state is not for colour "
            "images" : "a colour presentation state is not for gray images";
    }
    if (wrong != NULL) {
        request_problem(picture->request, 422, "presentation-not-applicable",
            wrong);
        return false;
    }
    return true;
}

/* The layer that a frame of the stack's only instance became. */
static bool
picture_find_frame(struct picture *picture)
{
    const struct stack *stack = picture->stack;

    if (!(picture->ask.set & WIRE_SET_FRAME)) {
        return true;
    }
    for (uint32_t i = 0; stack->ninstances == 1 && i < stack->nlayers; i++) {
        if (stack->layers[i].frame == picture->ask.layer) {
            picture->ask.layer = i;
            return true;
        }
    }
    request_problem(picture->request, 404, "frame-not-found",
        "the stack has no such frame");
    return false;
}

void
picture_handle(struct worker *worker, struct request *request)
{
    struct wire_render ask;

    memcpy(&ask, request->body, sizeof(ask));
    const char *wrong = picture_check(&ask,
        painter_info(worker->painter)->max_dimension);
    if (wrong != NULL) {
        request_problem(request, 422, "invalid-parameter", wrong);
        return;
    }

    struct picture *picture = calloc(1, sizeof(*picture));
    if (picture == NULL) {
        request_problem(request, 503, "busy", "memory is short");
        return;
    }
    picture->stack = worker_pin(worker, request, ask.stack,
        ask.set & WIRE_SET_FRAME ? 0 : ask.layer);
    if (picture->stack == NULL) {
        free(picture);
        return;
    }
    picture->request = request;
    picture->worker = worker;
    picture->ask = ask;
    loader_yield(worker->loader);
    if (!picture_find_frame(picture) || !picture_find_state(picture)) {
        picture_free(picture);
        return;
    }
    atomic_init(&picture->painting.cancelled, false);
    request->work = picture;
    picture_go_on(picture);
}
