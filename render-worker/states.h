/*
 * The presentation states of a stack: which of its layers they are for, and
 * what they say of each.  Fixed when the stack is made.
 */

#ifndef DICOM_STATES_H
#define DICOM_STATES_H

#include "geometry.h"
#include "presentation.h"
#include "stack.h"

struct stack_state {
    char                  uid[65];
    struct presentation  *presentation;     /* owned */
    uint32_t             *instances;    /* owned: the image of each reference
                                           in the stack, or LAYER_NONE */
    uint8_t              *covered;      /* owned: a bit a layer */
    uint32_t              layers;       /* so many bits are set */
};

/*
 * Reads count records of WIRE_OPEN from *p on, and keeps in stack, whose layers
 * are there, the states that are for one of them.  *bytes grows by what they
 * take.  false: the records are malformed (*detail NULL), or memory is short
 * (*detail, a literal).
 */
bool states_read(struct stack *stack, uint32_t count, const uint8_t **p,
    const uint8_t *end, uint64_t *bytes, const char **detail);

/* Accepts a stack without any. */
void states_finish(struct stack *stack);

/* The state of that name, or NULL. */
const struct stack_state *states_find(const struct stack *stack,
    const char *uid);

bool state_covers(const struct stack_state *state, uint32_t layer);

/*
 * Sets a bit of layers (a bit a layer of the stack) for each one that scope,
 * of state, is for.
 */
void state_scope(const struct stack *stack, const struct stack_state *state,
    const struct presentation_scope *scope, uint8_t *layers);

/* What state says of a layer that it covers; NULL: nothing. */
const struct presentation_voi *state_voi_of(const struct stack *stack,
    const struct stack_state *state, uint32_t layer);
const struct presentation_area *state_area_of(const struct stack *stack,
    const struct stack_state *state, uint32_t layer);

/*
 * Turning and flipping as the state says, in the order that struct view has.
 */
void state_turn(const struct presentation *state, double *rotate,
    uint8_t *flip);

#endif /* DICOM_STATES_H */
