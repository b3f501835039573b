/*
 * Display shutters: what lies outside of their shapes is hidden.  Pure.
 */

#ifndef DICOM_SHUTTER_H
#define DICOM_SHUTTER_H

#include "tables.h"

/*
 * Hides in a drawn picture of width x height pixels of samples bytes what the
 * shutter hides of an image of columns x rows whose pixels are aspect times as
 * high as wide; matrix maps picture to image as in struct draw.  bitmap is the
 * overlay of SHUTTER_BITMAP, or NULL.  A pixel is seen or not as a whole, and
 * what is not part of the image stays as it is.
 * false: memory is short.  Any thread.
 */
bool shutter_burn(const struct dicom_shutter *shutter,
    const struct dicom_overlay *bitmap, uint32_t columns, uint32_t rows,
    double aspect, const double matrix[6], uint32_t width, uint32_t height,
    unsigned samples, uint8_t *pixels);

#endif /* DICOM_SHUTTER_H */
