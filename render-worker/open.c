/*
 * Opening, asking about and giving back stacks.
 */

#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "stack_json.h"
#include "states_json.h"
#include "worker.h"

/* What the thread that reads the indexes leaves behind. */
struct opening {
    struct stack  *stack;
    unsigned       status;
    const char    *slug, *detail;
};

static void
open_run(struct job *job)
{
    struct request *request = (struct request *) job;
    struct opening *opening = request->work;

    opening->stack = stack_create(request->body, request->head.length,
        request->head.user,
        painter_info(request->worker->painter)->max_dimension,
        &opening->status, &opening->slug, &opening->detail);
}

static void
open_answer(struct worker *worker, struct request *request,
    const struct stack *stack, const uint8_t id[16], unsigned status)
{
    struct json json = { 0 };
    struct loader_progress progress;

    loader_progress(worker->loader, stack, &progress);
    stack_json(&json, stack, id, &progress, worker->config.idle_ms);
    request_json(request, status, &json);
}

static void
open_done(struct job *job)
{
    struct request *request = (struct request *) job;
    struct worker *worker = request->worker;
    struct opening *opening = request->work;
    struct stack *stack = opening->stack;
    struct wire_open open;
    struct session_refusal refusal;

    request->work = NULL;
    if (stack == NULL) {
        request_problem(request, opening->status, opening->slug,
            opening->detail);
        free(opening);
        return;
    }
    free(opening);

    memcpy(&open, request->body, sizeof(open));
    stack->wake.done = picture_wake;
    stack->worker = worker;
    struct lease *lease = session_open(worker->session, request->head.user,
        open.stack, stack, open.layer, request_now_us() / 1000, &refusal);
    if (lease == NULL) {
        request_problem(request, refusal.status, refusal.slug,
            refusal.detail);
        return;
    }
    log_debug("open", "series %s: %u layers, %llu MB", lease->stack->series,
        lease->stack->nlayers,
        (unsigned long long) (lease->stack->bytes >> 20));
    open_answer(worker, request, lease->stack, open.stack, 202);
}

void
open_handle(struct worker *worker, struct request *request)
{
    struct opening *opening = calloc(1, sizeof(*opening));

    request->work = opening;
    request->job.run = open_run;
    request->job.done = open_done;
    if (opening == NULL || !pool_submit(worker->openers, &request->job)) {
        free(opening);
        request->work = NULL;
        request_problem(request, 503, "busy", "too many requests wait");
    }
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
    request->work = listing;
    request->job.run = layers_run;
    request->job.done = layers_done;
    if (listing != NULL) {
        listing->stack = stack;
        listing->state = state;
        if (pool_submit(worker->openers, &request->job)) {
            return;
        }
    }
    free(listing);
    request->work = NULL;
    worker_unpin(worker, stack);
    request_problem(request, 503, "busy", "too many requests wait");
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
