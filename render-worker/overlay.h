/*
 * 60xx overlays (PS3.3 C.9.2), burnt white into a drawn picture.  Any thread.
 */

#ifndef DICOM_OVERLAY_H
#define DICOM_OVERLAY_H

#include <stdbool.h>
#include <stdint.h>

#include "frame.h"

/*
 * Draws all overlays of the frame that ref names, or those that a presentation
 * state shows (NULL: there is none), its own before the image's of the same
 * group, into width x height pixels of samples bytes, where matrix maps picture
 * to image as in struct draw.
 * Overlays that lie within the stored pixels are read from the file.
 */
bool overlay_burn(const struct frame_source *source,
    const struct frame_ref *ref, const struct presentation *state,
    const double matrix[6], uint32_t width, uint32_t height,
    unsigned samples, uint8_t *pixels, struct frame_error *error);

#endif /* DICOM_OVERLAY_H */
