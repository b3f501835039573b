/*
 * What a stack tells about itself: the JSON of WIRE_OPEN, WIRE_STATUS and
 * WIRE_LAYERS.
 */

#ifndef DICOM_STACK_JSON_H
#define DICOM_STACK_JSON_H

#include "json.h"
#include "loader.h"
#include "stack.h"

/* id: of the lease */
void stack_json(struct json *json, const struct stack *stack,
    const uint8_t id[16], const struct loader_progress *progress,
    uint64_t idle_ms);

void stack_json_layers(struct json *json, const struct stack *stack);

/* Height of a pixel of the layer over its width. */
double stack_aspect(const struct stack *stack, uint32_t layer);

#endif /* DICOM_STACK_JSON_H */
