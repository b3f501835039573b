#include "states.h"

#include <stdlib.h>
#include <string.h>

#include "log.h"

/* What the states of one stack may take. */
#define MAX_BYTES  (128u * 1024 * 1024)

static void
state_finish(struct stack_state *state)
{
    presentation_destroy(state->presentation);
    free(state->instances);
    free(state->covered);
    memset(state, 0, sizeof(*state));
}

void
states_finish(struct stack *stack)
{
    for (uint32_t i = 0; i < stack->nstates; i++) {
        state_finish(&stack->states[i]);
    }
    free(stack->states);
    free(stack->layer_of);
    stack->states = NULL;
    stack->layer_of = NULL;
    stack->nstates = 0;
}

static int
compare_instances(const void *a, const void *b)
{
    const struct stack_instance *const *x = a, *const *y = b;

    return strcmp((*x)->index.instance_uid, (*y)->index.instance_uid);
}

/* Which layer shows each frame of each instance. */
static bool
number_frames(struct stack *stack)
{
    uint32_t total = 0;

    for (uint32_t i = 0; i < stack->ninstances; i++) {
        stack->instances[i].first_frame = total;
        total += stack->instances[i].index.nframes;
    }
    stack->layer_of = malloc(((size_t) total + 1) * sizeof(uint32_t));
    if (stack->layer_of == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < total; i++) {
        stack->layer_of[i] = LAYER_NONE;
    }
    for (uint32_t i = 0; i < stack->nlayers; i++) {
        const struct layer *layer = &stack->layers[i];

        stack->layer_of[stack->instances[layer->instance].first_frame
            + layer->frame] = i;
    }
    return true;
}

void
state_scope(const struct stack *stack, const struct stack_state *state,
    const struct presentation_scope *scope, uint8_t *layers)
{
    uint32_t whole = LAYER_NONE;        /* instance that is marked already */

    for (uint32_t i = 0; i < scope->count; i++) {
        const struct presentation_target *target = &scope->targets[i];
        uint32_t number = state->instances[target->reference];

        if (number == LAYER_NONE || number == whole) {
            continue;
        }
        const struct stack_instance *instance = &stack->instances[number];
        uint32_t frame = target->frame, end = target->frame;

        if (frame == 0) {
            whole = number;
            frame = 1;
            end = instance->index.nframes;
        }
        for (; frame <= end && frame <= instance->index.nframes; frame++) {
            uint32_t layer = stack->layer_of[instance->first_frame + frame
                - 1];

            if (layer != LAYER_NONE) {
                layers[layer / 8] |= (uint8_t) (1u << layer % 8);
            }
        }
    }
}

/* Finds the images in the stack; sorted has its instances by their UIDs. */
static bool
state_match(struct stack *stack, struct stack_state *state,
    struct stack_instance **sorted)
{
    const struct presentation *presentation = state->presentation;

    state->instances = malloc(((size_t) presentation->nreferences + 1)
        * sizeof(state->instances[0]));
    state->covered = calloc(stack->nlayers / 8 + 1, 1);
    if (state->instances == NULL || state->covered == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < presentation->nreferences; i++) {
        struct stack_instance key, *wanted = &key, **found;

        memcpy(key.index.instance_uid, presentation->references[i].uid,
            sizeof(key.index.instance_uid));
        found = bsearch(&wanted, sorted, stack->ninstances, sizeof(wanted),
            compare_instances);
        state->instances[i] = found == NULL ? LAYER_NONE
            : (uint32_t) (*found - stack->instances);
    }
    state_scope(stack, state, &presentation->scope, state->covered);
    for (uint32_t i = 0; i < stack->nlayers; i++) {
        state->layers += state_covers(state, i);
    }
    return true;
}

/* The index of one record; NULL: it is malformed. */
static const uint8_t *
state_record(const uint8_t **p, const uint8_t *end,
    struct wire_instance *record)
{
    const uint8_t *index;

    if ((size_t) (end - *p) < sizeof(*record)) {
        return NULL;
    }
    memcpy(record, *p, sizeof(*record));
    index = *p + sizeof(*record);
    if (record->location_length != 0 || record->index_length > WIRE_MAX_META
        || (size_t) (end - index) < record->index_length)
    {
        return NULL;
    }
    *p = index + record->index_length;
    return index;
}

bool
states_read(struct stack *stack, uint32_t count, const uint8_t **p,
    const uint8_t *end, uint64_t *bytes, const char **detail)
{
    struct stack_instance **sorted;
    bool read = false;

    *detail = NULL;
    if (count == 0) {
        return true;
    }
    if (count > WIRE_MAX_STATES) {
        return false;
    }
    *detail = "memory is short";
    stack->states = calloc(count, sizeof(stack->states[0]));
    sorted = malloc(stack->ninstances * sizeof(sorted[0]));
    if (stack->states == NULL || sorted == NULL || !number_frames(stack)) {
        goto done;
    }
    for (uint32_t i = 0; i < stack->ninstances; i++) {
        sorted[i] = &stack->instances[i];
    }
    qsort(sorted, stack->ninstances, sizeof(sorted[0]), compare_instances);

    for (uint32_t i = 0; i < count; i++) {
        struct stack_state *state = &stack->states[stack->nstates];
        struct wire_instance record;
        struct dicom_index index;
        const uint8_t *data = state_record(p, end, &record);
        const char *error;

        if (data == NULL) {
            *detail = NULL;
            goto done;
        }
        if (!index_decode(&index, data, record.index_length, 0, &error)) {
            /* the images can be seen without it */
            log_warn("states", "index of a presentation state: %s", error);
            continue;
        }
        memcpy(state->uid, index.instance_uid, sizeof(state->uid));
        state->presentation = index.presentation;
        index.presentation = NULL;
        index_finish(&index);
        if (state->presentation == NULL) {
            continue;           /* stored before states were read */
        }
        *bytes += presentation_bytes(state->presentation)
            + state->presentation->nreferences * sizeof(uint32_t)
            + stack->nlayers / 8;
        if (*bytes > MAX_BYTES) {
            log_warn("states", "the study has too many presentation states");
            state_finish(state);
            continue;
        }
        if (!state_match(stack, state, sorted)) {
            state_finish(state);
            goto done;
        }
        if (state->layers == 0) {
            state_finish(state);
            continue;
        }
        stack->nstates++;
    }
    read = true;

done:
    free(sorted);
    return read;
}

const struct stack_state *
states_find(const struct stack *stack, const char *uid)
{
    for (uint32_t i = 0; i < stack->nstates; i++) {
        if (strcmp(stack->states[i].uid, uid) == 0) {
            return &stack->states[i];
        }
    }
    return NULL;
}

bool
state_covers(const struct stack_state *state, uint32_t layer)
{
    return (state->covered[layer / 8] >> layer % 8 & 1) != 0;
}

/* Whether scope is for the layer, one of those that the state is for. */
static bool
scope_covers(const struct stack *stack, const struct stack_state *state,
    const struct presentation_scope *scope, uint32_t layer)
{
    if (scope->count == 0) {
        return true;
    }
    for (uint32_t i = 0; i < scope->count; i++) {
        const struct presentation_target *target = &scope->targets[i];

        if (state->instances[target->reference]
                == stack->layers[layer].instance
            && (target->frame == 0
                || target->frame == stack->layers[layer].frame + 1))
        {
            return true;
        }
    }
    return false;
}

const struct presentation_voi *
state_voi_of(const struct stack *stack, const struct stack_state *state,
    uint32_t layer)
{
    for (uint32_t i = 0; i < state->presentation->nvois; i++) {
        const struct presentation_voi *voi = &state->presentation->vois[i];

        if (scope_covers(stack, state, &voi->scope, layer)) {
            return voi;
        }
    }
    return NULL;
}

const struct presentation_area *
state_area_of(const struct stack *stack, const struct stack_state *state,
    uint32_t layer)
{
    for (uint32_t i = 0; i < state->presentation->nareas; i++) {
        const struct presentation_area *area = &state->presentation->areas[i];

        if (scope_covers(stack, state, &area->scope, layer)) {
            return area;
        }
    }
    return NULL;
}

/* A turn and then a flip are the same flip and then the turn backwards. */
void
state_turn(const struct presentation *state, double *rotate, uint8_t *flip)
{
    *flip = state->flip ? WIRE_FLIP_H : 0;
    *rotate = state->flip ? (360 - state->rotate) % 360 : state->rotate;
}
