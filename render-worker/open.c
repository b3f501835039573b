/*
 * Opening, asking about and giving back stacks.
 */

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "picture.h"
#include "stack_json.h"
#include "states_json.h"
#include "worker.h"

/*
 * An open request on other threads: what it asks for is told by a key; unless
 * such a stack is open already, as when many look at one series, its indexes
 * are decoded.
 */
struct opening {
    struct stack_request  request;
    struct stack         *stack;
    struct stack_refusal  refusal;
};

/* Where the body of WIRE_OPEN begins. */
static size_t
open_offset(const struct request *request)
{
    return request->head.type == WIRE_SHOW ? sizeof(struct wire_render) : 0;
}

static void
key_run(struct job *job)
{
    struct request *request = (struct request *) job;
    struct opening *opening = request->work;
    size_t offset = open_offset(request);

    if (!stack_key(request->body + offset, request->head.length - offset,
            opening->request.key))
    {
        opening->refusal = (struct stack_refusal) { 503, "busy",
            "memory is short" };
    }
}

static void
create_run(struct job *job)
{
    struct opening *opening = ((struct request *) job)->work;

    opening->stack = stack_create(&opening->request, &opening->refusal);
}

void
open_json(const struct worker *worker, const struct stack *stack,
    const uint8_t id[16], struct json *json)
{
    struct loader_progress progress;

    loader_progress(worker->loader, stack, &progress);
    stack_json(json, stack, id, &progress, worker->config.idle_ms);
}

static void
open_answer(struct worker *worker, struct request *request,
    const struct stack *stack, const uint8_t id[16], unsigned status)
{
    struct json json = { 0 };

    open_json(worker, stack, id, &json);
    request_json(request, status, &json);
}

/* The layer of WIRE_SHOW's picture, which is loaded first, too. */
static uint32_t
open_picture_layer(struct request *request, const struct stack *stack)
{
    struct wire_render ask;

    memcpy(&ask, request->body, sizeof(ask));
    if (ask.layer == WIRE_LAYER_MIDDLE) {
        ask.layer = (stack->nlayers - 1) / 2;
        memcpy(request->body, &ask, sizeof(ask));
    }
    return ask.layer;
}

/* Lets another thread do the next step; false: it was refused. */
static bool
open_submit(struct worker *worker, struct request *request,
    void (*run)(struct job *job), void (*done)(struct job *job))
{
    request->job.run = run;
    request->job.done = done;
    if (request->work != NULL && !worker->ending
        && pool_submit(worker->openers, &request->job))
    {
        return true;
    }
    free(request->work);
    request->work = NULL;
    request_problem(request, 503, "busy", "too many requests wait");
    return false;
}

/* The user gets a lease on stack, which is taken over; NULL: it was refused. */
static const struct lease *
open_lease(struct worker *worker, struct request *request,
    struct stack *stack)
{
    struct session_refusal refusal;
    struct wire_open open;

    memcpy(&open, request->body + open_offset(request), sizeof(open));
    if (request->head.type == WIRE_SHOW) {
        open.layer = open_picture_layer(request, stack);
    }
    struct lease *lease = session_open(worker->session, request->head.user,
        open.stack, stack, open.layer, request_now_us() / 1000, &refusal);
    if (lease == NULL) {
        request_problem(request, refusal.status, refusal.slug,
            refusal.detail);
        return NULL;
    }
    log_debug("open", "series %s: %u layers, %llu MB", lease->stack->series,
        lease->stack->nlayers,
        (unsigned long long) (lease->stack->bytes >> 20));
    return lease;
}

/*
 * The stack is there.  A picture of it goes first: meanwhile the loader reads
 * its layer and no other.
 */
static void
open_built(struct worker *worker, struct request *request,
    struct stack *stack)
{
    bool show = request->head.type == WIRE_SHOW;

    if (show) {
        loader_yield(worker->loader);
    }
    const struct lease *lease = open_lease(worker, request, stack);
    if (lease != NULL && show) {
        picture_handle(worker, request);
    } else if (lease != NULL) {
        open_answer(worker, request, lease->stack, lease->id, 202);
    }
    if (show) {
        loader_resume(worker->loader);
    }
}

static void
create_done(struct job *job)
{
    struct request *request = (struct request *) job;
    struct worker *worker = request->worker;
    struct opening *opening = request->work;
    struct stack *stack = opening->stack;

    request->work = NULL;
    if (stack != NULL) {
        worker->counts.built++;
        stack->wake.done = picture_wake;
        stack->worker = worker;
        open_built(worker, request, stack);
    } else {
        request_problem(request, opening->refusal.status,
            opening->refusal.slug, opening->refusal.detail);
    }
    free(opening);
}

static void
key_done(struct job *job)
{
    struct request *request = (struct request *) job;
    struct worker *worker = request->worker;
    struct opening *opening = request->work;
    struct stack *same = session_stack(worker->session,
        opening->request.key);

    if (opening->refusal.status == 0 && same == NULL) {
        open_submit(worker, request, create_run, create_done);
        return;
    }
    request->work = NULL;
    if (opening->refusal.status != 0) {
        request_problem(request, opening->refusal.status,
            opening->refusal.slug, opening->refusal.detail);
    } else {
        stack_hold(same);
        open_built(worker, request, same);
    }
    free(opening);
}

void
open_handle(struct worker *worker, struct request *request)
{
    if (request->head.type == WIRE_SHOW) {
        struct wire_render ask;

        memcpy(&ask, request->body, sizeof(ask));
        const char *wrong = picture_check(&ask,
            painter_info(worker->painter)->max_dimension);
        if (wrong != NULL) {
            request_problem(request, 422, "invalid-parameter", wrong);
            return;
        }
    }

    struct opening *opening = calloc(1, sizeof(*opening));

    if (opening != NULL) {
        opening->request = (struct stack_request) {
            .body = request->body + open_offset(request),
            .length = request->head.length - open_offset(request),
            .max_dimension = painter_info(worker->painter)->max_dimension,
            .direct = worker->direct,
            .bands = worker->bands,
        };
        memcpy(opening->request.owner, request->head.user,
            sizeof(opening->request.owner));
    }
    request->work = opening;
    open_submit(worker, request, key_run, key_done);
}

void
open_status(struct worker *worker, struct request *request)
{
    struct stack *stack = worker_pin(worker, request, request->body, 0);

    if (stack != NULL) {
        open_answer(worker, request, stack, request->body, 200);
        worker_unpin(worker, stack);
    }
}

/* A list may be megabytes long: it is written on another thread. */
struct listing {
    struct stack              *stack;
    const struct stack_state  *state;   /* NULL: the layers */
    struct json                json;
};

static void
layers_run(struct job *job)
{
    struct listing *listing = ((struct request *) job)->work;

    if (listing->state != NULL) {
        state_json(&listing->json, listing->stack, listing->state);
    } else {
        stack_json_layers(&listing->json, listing->stack);
    }
}

static void
layers_done(struct job *job)
{
    struct request *request = (struct request *) job;
    struct listing *listing = request->work;

    request->work = NULL;
    worker_unpin(request->worker, listing->stack);
    request_json(request, 200, &listing->json);
    free(listing);
}

/* Lets another thread answer; the stack is pinned. */
static void
open_list(struct worker *worker, struct request *request, struct stack *stack,
    const struct stack_state *state)
{
    struct listing *listing = calloc(1, sizeof(*listing));

    if (listing != NULL) {
        listing->stack = stack;
        listing->state = state;
    }
    request->work = listing;
    if (!open_submit(worker, request, layers_run, layers_done)) {
        worker_unpin(worker, stack);
    }
}

void
open_layers(struct worker *worker, struct request *request)
{
    struct stack *stack = worker_pin(worker, request, request->body, 0);

    if (stack != NULL) {
        open_list(worker, request, stack, NULL);
    }
}

void
open_state(struct worker *worker, struct request *request)
{
    struct wire_state ask;

    memcpy(&ask, request->body, sizeof(ask));
    struct stack *stack = worker_pin(worker, request, ask.stack, 0);
    if (stack == NULL) {
        return;
    }
    const struct stack_state *state = memchr(ask.uid, '\0', sizeof(ask.uid))
        != NULL ? states_find(stack, ask.uid) : NULL;
    if (state == NULL) {
        worker_unpin(worker, stack);
        request_problem(request, 404, "presentation-not-found",
            "the stack has no such presentation state");
        return;
    }
    open_list(worker, request, stack, state);
}

void
open_release(struct worker *worker, struct request *request)
{
    struct session_refusal refusal;
    struct lease *lease = session_find(worker->session, request->head.user,
        request->body, request_now_us() / 1000, &refusal);

    if (lease == NULL) {
        request_problem(request, refusal.status, refusal.slug,
            refusal.detail);
        return;
    }
    session_close(worker->session, lease);
    request_answer(request, 204, NULL, 0, NULL, 0);
}
