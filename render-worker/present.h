/*
 * What a picture shows besides its pixels, from what the user asks, what a
 * presentation state says, and what the image itself says: how it lies in the
 * viewport, which overlays are burnt in, what a shutter hides.
 */

#ifndef DICOM_PRESENT_H
#define DICOM_PRESENT_H

#include "overlay.h"
#include "states.h"

struct present {
    struct view                  view;
    double                       aspect;    /* of a pixel, as it is shown */
    const struct presentation   *state;     /* whose overlays; NULL: the image's
                                               own, all of them */
    bool                         overlays;
    const struct dicom_shutter  *shutter;   /* NULL: there is none */
    const struct dicom_overlay  *bitmap;    /* of the shutter, or NULL */
    double                       pixel;     /* aspect of the shutter's circle */
};

/*
 * Settles what ask means for its layer, which state (NULL: none) covers;
 * aspect is that of the image's pixels.  NULL, or what is wrong (a literal).
 */
const char *present_init(struct present *present, const struct stack *stack,
    const struct stack_state *state, const struct wire_render *ask,
    double aspect);

/* Whether anything is to be drawn over the pixels. */
bool present_marks(const struct present *present);

/*
 * Draws over the pixels of a picture, as large as present says, where matrix
 * maps picture to image as in struct draw.  false: *error.  Any thread.
 */
bool present_burn(const struct present *present,
    const struct frame_source *source, const struct frame_ref *ref,
    const double matrix[6], unsigned samples, uint8_t *pixels,
    struct frame_error *error);

#endif /* DICOM_PRESENT_H */
