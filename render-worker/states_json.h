/*
 * Presentation states as JSON: the stack's list of them, and one of them with
 * all that a viewer needs to show and draw what it says.
 */

#ifndef DICOM_STATES_JSON_H
#define DICOM_STATES_JSON_H

#include "json.h"
#include "states.h"

/* The member "presentations" of a stack. */
void states_json(struct json *json, const struct stack *stack);

/* One state.  Any thread; the stack is pinned. */
void state_json(struct json *json, const struct stack *stack,
    const struct stack_state *state);

#endif /* DICOM_STATES_JSON_H */
