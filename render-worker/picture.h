/*
 * From the parameters of a picture to what the renderer draws, and from drawn
 * pixels to an answer; shared by requests and the offline check.
 */

#ifndef DICOM_PICTURE_H
#define DICOM_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "painter.h"
#include "present.h"
#include "stack.h"
#include "wire.h"

/* NULL, or what is wrong with the parameters (a literal). */
const char *picture_check(const struct wire_render *ask,
    uint32_t max_dimension);

/*
 * Fills painting->draw and size for layer, which is resident with the given
 * extremes, and which state (NULL: none) covers; present with what is to be
 * drawn over it, and shown with what is in effect.  *voi is held for the caller
 * (NULL for colour).  NULL, or what is wrong (a literal).  Main thread.
 */
const char *picture_prepare(struct stack *stack,
    const struct stack_state *state, const struct wire_render *ask,
    double lowest, double highest, struct painting *painting,
    struct present *present, struct stack_voi **voi,
    struct wire_picture *shown);

#endif /* DICOM_PICTURE_H */
