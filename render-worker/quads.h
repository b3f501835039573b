/*
 * Linear interpolation between the four texels around each pixel of a row that
 * runs askew, from positions to values without leaving the registers, where the
 * machine loads from scattered places itself.  Steps and precision are those of
 * line_places() and line_blend_pairs().
 */

#ifndef DICOM_QUADS_H
#define DICOM_QUADS_H

#include "scene.h"

struct quads {
    const uint8_t     *texels;          /* of 1 or 2 bytes */
    unsigned           texel;
    uint32_t           columns;
    unsigned           fraction;        /* bits of a position */
    struct draw_bits   bits;
    ptrdiff_t          ahead;           /* bytes to texels wanted later */
};

/*
 * Values of pixels x to x + n - 1 at places, all with their neighbours inside
 * the image: of the first of them, as many as it returns; 0 without such a
 * machine.  Pure.
 */
uint32_t quads_blend(float *to, const struct quads *quads,
    const struct places *places, uint32_t x, uint32_t n);

#endif /* DICOM_QUADS_H */
