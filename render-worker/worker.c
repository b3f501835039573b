#include "worker.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "encode.h"
#include "log.h"

/* Bounds of work that waits; more is refused with 503. */
#define QUEUE_PICTURES       512
#define QUEUE_USER_PICTURES  64
#define QUEUE_READS          256
#define QUEUE_USER_READS     64
#define QUEUE_INGESTS        256

#define PICTURE_BYTES        ((size_t) 256 * 1024 * 1024)
#define RING_BYTES           ((size_t) 24 * 1024 * 1024)
#define OPEN_FILES           64

/* A child that is ready for the next frame is worth its memory for so long. */
#define DECODER_IDLE_MS      30000

/* Uploads hashed while they arrive: each takes two threads and 1 MB. */
#define FOLLOWED             8

/* Added to the niceness of those who encode large pictures. */
#define PATIENCE             5

/* For so long after a small picture its user is taken to be looking at others. */
#define LOOKING_US           100000u

static uint64_t
machine_memory(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

    return pages > 0 && size > 0 ? (uint64_t) pages * (uint64_t) size
        : (uint64_t) 4 << 30;
}

/*
 * A software renderer's arrays are plain memory, of which it may take half; a
 * GPU's memory is unknown to GL, and 4 GB is what a workstation's has.
 */
static void
worker_budget(struct worker *worker)
{
    struct worker_config *config = &worker->config;

    if (config->budget == 0) {
        config->budget = painter_info(worker->painter)->software
            ? machine_memory() / 2 : (uint64_t) 4 << 30;
    }
    if (config->user_budget == 0) {
        config->user_budget = config->budget / 2;
    }
}

static void
be_patient(void)
{
    thread_nicer(PATIENCE);
}

static void
leave(void)
{
    encode_thread_finish();
    renderer_thread_finish();
}

static bool
worker_pools(struct worker *worker)
{
    unsigned encoders = worker->threads < 16 ? worker->threads : 16;
    const struct pool_config pictures = { "encoder", encoders, QUEUE_PICTURES,
        QUEUE_USER_PICTURES, 0, &worker->mailbox, leave };
    const struct pool_config patient = { "patient", encoders, QUEUE_PICTURES,
        QUEUE_USER_PICTURES, PATIENCE, &worker->mailbox, leave };
    const struct pool_config openers = { "opener", 2, QUEUE_READS, 0, 0,
        &worker->mailbox, NULL };
    const struct pool_config readers = { "probe", 2, QUEUE_READS,
        QUEUE_USER_READS, 0,
        &worker->mailbox, NULL };
    /* More than two processors have work for: they wait for the disk. */
    const struct pool_config ingesters = { "ingest", 4, QUEUE_INGESTS, 0, 0,
        &worker->mailbox, NULL };

    worker->encoders = pool_create(&pictures);
    worker->patient = pool_create(&patient);
    worker->bands = bands_create(encoders, be_patient, encode_thread_finish);
    worker->openers = pool_create(&openers);
    worker->readers = pool_create(&readers);
    worker->ingesters = pool_create(&ingesters);
    worker->follower = follower_create(FOLLOWED);
    return worker->encoders != NULL && worker->patient != NULL
        && worker->bands != NULL && worker->follower != NULL
        && worker->openers != NULL
        && worker->readers != NULL && worker->ingesters != NULL;
}

bool
worker_init(struct worker *worker, const struct worker_config *config)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    memset(worker, 0, sizeof(*worker));
    worker->config = *config;
    worker->threads = processors > 0 ? (unsigned) processors : 1;
    buffers_init(&worker->pictures, PICTURE_BYTES);
    if (!mailbox_init(&worker->mailbox)) {
        return false;
    }

    worker->objects = objects_create(config->store, OPEN_FILES);
    if (worker->objects == NULL) {
        return false;
    }
    worker->source = (struct frame_source) { worker->objects,
        config->decoder };

    struct painter_config painting = {
        .kind = config->renderer,
        .renderer = config->egl,
        .queue = QUEUE_PICTURES,
        .user_queue = QUEUE_USER_PICTURES,
        .pictures = &worker->pictures,
    };
    worker->painter = painter_create(&painting);
    if (worker->painter == NULL) {
        return false;
    }
    worker->direct = painter_info(worker->painter)->direct;
    worker_budget(worker);
    log_info("worker", "renderer %s; budget %llu MB, of one user %llu MB",
        painter_info(worker->painter)->description,
        (unsigned long long) (worker->config.budget >> 20),
        (unsigned long long) (worker->config.user_budget >> 20));

    struct loader_config loading = {
        .source = worker->source,
        .painter = worker->painter,
        .mailbox = &worker->mailbox,
        .readers = 2,
        .decoders = config->children > 0 ? config->children : 1,
        .ring = RING_BYTES,
    };
    worker->loader = loader_create(&loading);
    if (worker->loader == NULL) {
        return false;
    }

    struct session_config leasing = {
        .loader = worker->loader,
        .painter = worker->painter,
        .idle_ms = config->idle_ms,
        .user_budget = worker->config.user_budget,
        .budget = worker->config.budget,
    };
    worker->session = session_create(&leasing);
    return worker->session != NULL && worker_pools(worker);
}

static void
pictures_finish(struct worker *worker)
{
    pool_destroy(worker->encoders);
    pool_destroy(worker->patient);
    bands_destroy(worker->bands);
}

static void
worker_drain(struct worker *worker)
{
    if (worker->mailbox.fd > 0) {
        mailbox_drain(&worker->mailbox);
    }
}

/*
 * Whatever waits is finished first: pools in the order in which work flows,
 * the mailbox after each, the painter last, since it frees the stacks; but for
 * those who encode what it draws.
 */
void
worker_finish(struct worker *worker)
{
    worker->ending = true;
    loader_stop(worker->loader);
    pool_destroy(worker->ingesters);
    follower_destroy(worker->follower);
    pool_destroy(worker->openers);
    pool_destroy(worker->readers);
    worker_drain(worker);
    if (worker->direct) {
        pictures_finish(worker);
        worker_drain(worker);
    }
    session_destroy(worker->session);
    worker_drain(worker);
    painter_destroy(worker->painter);
    if (!worker->direct) {
        pictures_finish(worker);
    }
    loader_destroy(worker->loader);
    objects_destroy(worker->objects);
    buffers_finish(&worker->pictures);
    mailbox_finish(&worker->mailbox);
    leave();
}

bool
worker_body_bounds(unsigned type, uint32_t *least, uint32_t *most)
{
    static const struct {
        uint32_t  least, most;
    } bounds[] = {
        [WIRE_HEALTH] = { 0, 0 },
        [WIRE_METRICS] = { 0, 0 },
        [WIRE_INGEST] = { sizeof(struct wire_ingest) + 1,
            sizeof(struct wire_ingest) + 4096 },
        [WIRE_DISCARD] = { sizeof(struct wire_ingest) + 1,
            sizeof(struct wire_ingest) + 4096 },
        [WIRE_FOLLOW] = { sizeof(struct wire_ingest) + 1,
            sizeof(struct wire_ingest) + 4096 },
        [WIRE_OPEN] = { sizeof(struct wire_open), WIRE_MAX_REQUEST },
        [WIRE_STATUS] = { sizeof(struct wire_stack),
            sizeof(struct wire_stack) },
        [WIRE_LAYERS] = { sizeof(struct wire_stack),
            sizeof(struct wire_stack) },
        [WIRE_SHOW] = { sizeof(struct wire_render)
            + sizeof(struct wire_open), WIRE_MAX_REQUEST },
        [WIRE_STATE] = { sizeof(struct wire_state),
            sizeof(struct wire_state) },
        [WIRE_RELEASE] = { sizeof(struct wire_stack),
            sizeof(struct wire_stack) },
        [WIRE_RENDER] = { sizeof(struct wire_render),
            sizeof(struct wire_render) },
        [WIRE_PIXEL] = { sizeof(struct wire_pixel),
            sizeof(struct wire_pixel) },
        [WIRE_METADATA] = { sizeof(struct wire_content) + 1,
            sizeof(struct wire_content) + 4096 },
        [WIRE_VALUE] = { sizeof(struct wire_content) + 1,
            sizeof(struct wire_content) + 4096 },
        [WIRE_FRAME] = { sizeof(struct wire_content) + 1,
            sizeof(struct wire_content) + 4096 + WIRE_MAX_META },
        [WIRE_ROI] = { sizeof(struct wire_roi),
            sizeof(struct wire_roi) + 1024 * 2 * sizeof(double) },
    };

    if (type == 0 || type >= sizeof(bounds) / sizeof(bounds[0])) {
        return false;
    }
    *least = bounds[type].least;
    *most = bounds[type].most;
    return true;
}

struct stack *
worker_pin(struct worker *worker, struct request *request,
    const uint8_t id[16], uint32_t layer)
{
    struct session_refusal refusal;
    struct lease *lease = session_find(worker->session, request->head.user,
        id, request_now_us() / 1000, &refusal);

    if (lease == NULL) {
        request_problem(request, refusal.status, refusal.slug,
            refusal.detail);
        return NULL;
    }
    if (layer >= lease->stack->nlayers) {
        request_problem(request, 404, "layer-out-of-range",
            "the stack has no such layer");
        return NULL;
    }
    lease->stack->pictures++;
    stack_hold(lease->stack);
    return lease->stack;
}

void
worker_unpin(struct worker *worker, struct stack *stack)
{
    stack->pictures--;
    stack_release(worker->painter, stack);
}

void
worker_note_small(struct worker *worker, const uint8_t user[16])
{
    struct looker *lookers = worker->lookers;

    if (memcmp(lookers[0].user, user, sizeof(lookers[0].user)) != 0) {
        lookers[1] = lookers[0];
        memcpy(lookers[0].user, user, sizeof(lookers[0].user));
    }
    lookers[0].last_us = request_now_us();
}

void
worker_leave_room(struct worker *worker, const uint8_t user[16])
{
    uint64_t now = request_now_us();
    unsigned spare = 0;

    for (unsigned i = 0; i < 2; i++) {
        const struct looker *looker = &worker->lookers[i];

        if (memcmp(looker->user, user, sizeof(looker->user)) != 0
            && looker->last_us != 0 && now - looker->last_us < LOOKING_US)
        {
            spare = 1;
        }
    }
    if (spare != worker->spare) {
        worker->spare = spare;
        pool_spare(worker->patient, spare);
        bands_spare(worker->bands, spare);
    }
}

static void
worker_health(struct worker *worker, struct request *request)
{
    struct json json = { 0 };
    struct session_stats session;
    struct painter_stats painter;

    session_stats(worker->session, &session);
    painter_stats(worker->painter, &painter);

    json_open(&json, NULL, '{');
    json_string(&json, "status", painter.lost || worker->draining
        ? "degraded" : "ok");
    json_string(&json, "renderer",
        painter_info(worker->painter)->description);
    json_integer(&json, "stacks", session.stacks);
    json_integer(&json, "leases", session.leases);
    json_integer(&json, "bytes", (int64_t) session.bytes);
    json_integer(&json, "budget", (int64_t) worker->config.budget);
    json_integer(&json, "pooled", (int64_t) painter.pooled);
    json_integer(&json, "queue", painter.queued
        + pool_queued(worker->encoders) + pool_queued(worker->patient));
    json_integer(&json, "connections", worker->connections);
    json_close(&json, '}');
    request_json(request, 200, &json);
}

static void
metric(struct json *json, const char *name, const char *kind,
    const char *help, double value)
{
    json_text(json, "# HELP dicom_render_%s %s\n# TYPE dicom_render_%s %s\n"
        "dicom_render_%s %.15g\n", name, help, name, kind, name, value);
}

static void
metrics_of_requests(struct worker *worker, struct json *json)
{
    static const char *const names[WIRE_TYPES] = { NULL, "health", "metrics",
        "ingest", "open", "status", "release", "render", "pixel", "roi",
        "discard", "layers", "presentation", "metadata", "value", "frame",
        [WIRE_SHOW] = "show", [WIRE_FOLLOW] = "follow" };

    json_text(json, "# HELP dicom_render_requests_total Requests by type.\n"
        "# TYPE dicom_render_requests_total counter\n");
    for (unsigned i = 1; i < WIRE_TYPES; i++) {
        if (names[i] == NULL) {
            continue;
        }
        json_text(json, "dicom_render_requests_total{type=\"%s\"} %llu\n",
            names[i], (unsigned long long) worker->counts.requests[i]);
    }
    json_text(json, "# HELP dicom_render_answers_total Answers by status.\n"
        "# TYPE dicom_render_answers_total counter\n");
    for (unsigned i = 2; i < 6; i++) {
        json_text(json, "dicom_render_answers_total{status=\"%uxx\"} %llu\n",
            i, (unsigned long long) worker->counts.refused[i]);
    }
}

static void
worker_metrics(struct worker *worker, struct request *request)
{
    struct json json = { 0 };
    struct session_stats session;
    struct painter_stats painter;
    struct loader_stats loader;
    struct follower_stats follower;

    session_stats(worker->session, &session);
    painter_stats(worker->painter, &painter);
    loader_stats(worker->loader, &loader);
    follower_stats(worker->follower, &follower);

    metrics_of_requests(worker, &json);
    metric(&json, "pictures_total", "counter", "Pictures drawn.",
        (double) worker->counts.pictures);
    metric(&json, "cancelled_total", "counter",
        "Pictures not drawn since their client went away.",
        (double) worker->counts.cancelled);
    metric(&json, "picture_bytes_total", "counter",
        "Bytes of encoded pictures.", (double) worker->counts.picture_bytes);
    metric(&json, "draw_seconds_total", "counter",
        "Time the renderer drew.", (double) painter.draw_us / 1e6);
    metric(&json, "encode_seconds_total", "counter",
        "Time pictures were encoded.", (double) worker->counts.encode_us / 1e6);
    metric(&json, "wait_seconds_total", "counter",
        "Time pictures waited for a layer and their turn.",
        (double) worker->counts.queue_us / 1e6);
    metric(&json, "layers_loaded_total", "counter",
        "Layers loaded.", (double) loader.loaded);
    metric(&json, "layers_failed_total", "counter",
        "Layers that could not be loaded.", (double) loader.failed);
    metric(&json, "loaded_bytes_total", "counter",
        "Bytes of texels loaded.", (double) loader.bytes);
    metric(&json, "followed_bytes_total", "counter",
        "Bytes of uploads hashed while they arrived.",
        (double) follower.bytes);
    metric(&json, "stacks_built_total", "counter",
        "Stacks that were opened and were not there.",
        (double) worker->counts.built);
    metric(&json, "leases_expired_total", "counter",
        "Leases ended because they were idle.", (double) session.expired);
    metric(&json, "leases_evicted_total", "counter",
        "Leases ended to make room.", (double) session.evicted);
    metric(&json, "stacks", "gauge", "Open stacks.", session.stacks);
    metric(&json, "leases", "gauge", "Leases on stacks.", session.leases);
    metric(&json, "stack_bytes", "gauge",
        "Memory that the open stacks take.", (double) session.bytes);
    metric(&json, "budget_bytes", "gauge", "Memory that stacks may take.",
        (double) worker->config.budget);
    metric(&json, "pooled_bytes", "gauge",
        "Unused arrays kept for the next series.", (double) painter.pooled);
    metric(&json, "queue", "gauge", "Pictures waiting.",
        painter.queued + pool_queued(worker->encoders)
            + pool_queued(worker->patient));
    metric(&json, "answer_bytes", "gauge",
        "Answers that nginx has not taken yet.", (double) worker->answers);
    metric(&json, "connections", "gauge", "Connections from nginx.",
        worker->connections);
    request_json(request, 200, &json);
}

/* The path behind a struct wire_ingest, as a string; NULL: malformed. */
static char *
ingest_path(const struct request *request)
{
    struct wire_ingest ingest;
    const uint8_t *path = request->body + sizeof(ingest);

    memcpy(&ingest, request->body, sizeof(ingest));
    if (ingest.path_length != request->head.length - sizeof(ingest)
        || memchr(path, '\0', ingest.path_length) != NULL)
    {
        return NULL;
    }
    return strndup((const char *) path, ingest.path_length);
}

/* struct wire_discard begins as struct wire_ingest does. */
static void
discard_run(struct worker *worker, const struct request *request,
    const char *location, struct ingest_result *result)
{
    struct wire_discard discard;

    memcpy(&discard, request->body, sizeof(discard));
    if (store_discard(worker->config.store, location, discard.before) == 0) {
        result->status = 204;
        return;
    }
    result->status = errno == ENOENT ? 404 : errno == EBUSY ? 409 : 500;
    strcpy(result->slug, "object-stays");
    snprintf(result->detail, sizeof(result->detail),
        "the object was not removed: %s", strerror(errno));
}

static void
ingest_run(struct job *job)
{
    struct request *request = (struct request *) job;
    struct worker *worker = request->worker;
    struct ingest_result *result = request->work;
    char *path = ingest_path(request);
    struct wire_ingest ingest;

    memcpy(&ingest, request->body, sizeof(ingest));
    if (path == NULL) {
        result->status = 400;
        strcpy(result->slug, "malformed-request");
        strcpy(result->detail, "the ingest request contradicts itself");
    } else if (request->head.type == WIRE_DISCARD) {
        discard_run(worker, request, path, result);
    } else if (ingest.flags & WIRE_INGEST_OBJECT) {
        ingest_object(worker->config.store, worker->config.decoder, path,
            request->head.user, result);
    } else {
        ingest_file(worker->config.store, worker->config.decoder,
            worker->follower, path, request->head.user, result);
    }
    free(path);
}

static void
ingest_done(struct job *job)
{
    struct request *request = (struct request *) job;
    struct ingest_result *result = request->work;

    request->work = NULL;
    if (result->status < 300) {
        request_answer(request, result->status, result->fields,
            result->fields_length, NULL, 0);
    } else {
        free(result->fields);
        request_problem(request, result->status, result->slug,
            result->detail);
    }
    free(result);
}

static void
ingest_handle(struct worker *worker, struct request *request)
{
    struct ingest_result *result = calloc(1, sizeof(*result));

    request->work = result;
    request->job.run = ingest_run;
    request->job.done = ingest_done;
    if (result == NULL || !pool_submit(worker->ingesters, &request->job)) {
        free(result);
        request->work = NULL;
        request_problem(request, 503, "busy", "too many uploads wait");
    }
}

/* Now, and not after the uploads that wait: this one still grows. */
static void
follow_handle(struct worker *worker, struct request *request)
{
    struct ingest_result result = { .status = 400,
        .slug = "malformed-request",
        .detail = "the follow request contradicts itself" };
    char *path = ingest_path(request);

    if (path != NULL) {
        ingest_follow(worker->config.store, worker->follower, path, &result);
    }
    free(path);
    if (result.status < 300) {
        request_answer(request, result.status, NULL, 0, NULL, 0);
    } else {
        request_problem(request, result.status, result.slug, result.detail);
    }
}

void
worker_handle(struct worker *worker, struct request *request)
{
    request->worker = worker;
    worker->counts.requests[request->head.type]++;

    switch (request->head.type) {
    case WIRE_HEALTH:
        worker_health(worker, request);
        break;
    case WIRE_METRICS:
        worker_metrics(worker, request);
        break;
    case WIRE_INGEST:
    case WIRE_DISCARD:
        ingest_handle(worker, request);
        break;
    case WIRE_FOLLOW:
        follow_handle(worker, request);
        break;
    case WIRE_OPEN:
    case WIRE_SHOW:
        open_handle(worker, request);
        break;
    case WIRE_STATUS:
        open_status(worker, request);
        break;
    case WIRE_LAYERS:
        open_layers(worker, request);
        break;
    case WIRE_STATE:
        open_state(worker, request);
        break;
    case WIRE_RELEASE:
        open_release(worker, request);
        break;
    case WIRE_RENDER:
        picture_handle(worker, request);
        break;
    case WIRE_METADATA:
    case WIRE_VALUE:
    case WIRE_FRAME:
        content_handle(worker, request);
        break;
    default:
        probe_handle(worker, request);
        break;
    }
}

void
worker_tick(struct worker *worker)
{
    struct painter_stats painter;

    session_expire(worker->session, request_now_us() / 1000);
    decoder_rest(worker->config.decoder, DECODER_IDLE_MS);
    painter_stats(worker->painter, &painter);
    if (painter.lost && !worker->lost) {
        log_error("worker", "the GL context was lost");
        worker->lost = true;
    }
    if (decoder_lost(worker->config.decoder) && !worker->lost) {
        log_error("worker", "the decoder's zygote died");
        worker->lost = true;
    }
}
