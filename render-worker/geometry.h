/*
 * View transform, orientation letters, and planes.  Pure.
 */

#ifndef DICOM_GEOMETRY_H
#define DICOM_GEOMETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index.h"

/* The user's view of one image; defaults: zoom 1, all else 0. */
struct view {
    uint32_t  width, height;    /* viewport, pixels */
    double    zoom;             /* 1: the whole image just fits */
    double    pan_x, pan_y;     /* viewport pixels, right and down */
    double    rotate;           /* degrees clockwise, applied after the flip */
    uint8_t   flip;             /* enum wire_flip */
};

/*
 * The affine map from picture to image coordinates of struct draw, for an
 * image of columns x rows whose pixels are aspect times as high as wide.
 * At zoom 1, no pan, no rotation and a viewport of the image's own size it is
 * exactly the identity.  false: not invertible (zoom 0, NaN).
 */
bool geometry_view(const struct view *view, uint32_t columns, uint32_t rows,
    double aspect, double matrix[6]);

/*
 * Sets view->zoom and pan so that the part of the image from left, top to
 * right, bottom (image coordinates, the first pixel covers 0 to 1) lies in the
 * middle of the viewport, and just fits; or scale viewport pixels show a
 * column, when scale is above 0.  false: as geometry_view().
 */
bool geometry_area(struct view *view, uint32_t columns, uint32_t rows,
    double aspect, double scale, const double area[4]);

/*
 * Letters at the four edges of the picture, clockwise from the top, of at most
 * three letters each (PS3.3 C.7.6.1.1.1); empty where unknown, never guessed.
 */
void geometry_letters(const struct dicom_index *index, uint32_t frame,
    const struct view *view, char letters[4][4]);

/*
 * Directions in the patient of the rows and of the columns of a frame, of
 * length 1; false: unknown or no two perpendicular ones.
 */
bool geometry_axes(const struct dicom_index *index, uint32_t frame,
    double row[3], double column[3]);

/* The direction that is perpendicular to both. */
void geometry_normal(const double row[3], const double column[3],
    double normal[3]);

#endif /* DICOM_GEOMETRY_H */
