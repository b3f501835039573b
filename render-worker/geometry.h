/*
 * View transform, orientation letters, and the order of a series.  Pure.
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
 * Letters at the four edges of the picture, clockwise from the top, of at most
 * three letters each (PS3.3 C.7.6.1.1.1); empty where unknown, never guessed.
 */
void geometry_letters(const struct dicom_index *index, uint32_t frame,
    const struct view *view, char letters[4][4]);

/* One layer of a stack: a frame of an instance. */
struct layer_ref {
    uint32_t  instance;         /* index into the array of instances */
    uint32_t  frame;
};

/* What the ordering noticed. */
struct geometry_order {
    bool    by_position;        /* else by instance number, then UID */
    bool    uneven;             /* gaps differ by more than 1% */
    bool    tilted;             /* positions shear against the normal */
    double  spacing;            /* mm between neighbours, 0: unknown */
};

/*
 * Orders all frames of count instances into layers (room for the sum of
 * nframes): by position along the common normal, then time, then instance
 * number; by instance number where geometry is missing or mixed.
 * Returns the number of layers; 0 when memory is short.
 */
size_t geometry_order(const struct dicom_index *instances, size_t count,
    struct layer_ref *layers, struct geometry_order *order);

#endif /* DICOM_GEOMETRY_H */
