/*
 * Samples of 32 bits, many at a time, in double precision: what lines.h is for
 * smaller ones.  The steps are those of sample.c, bit for bit.
 */

#ifndef DICOM_REALS_H
#define DICOM_REALS_H

#include <stdbool.h>
#include <stdint.h>

#include "renderer_impl.h"

enum real_kind { REAL_FLOAT, REAL_SIGNED, REAL_UNSIGNED };

/* Values of n texels. */
void real_convert(double *to, const uint32_t *texel, enum real_kind kind,
    struct draw_bits bits, uint32_t n);

/* Between a and b, f of the way; where f is 0 b does not count, NaN or not. */
void real_blend(double *to, const double *a, const double *b, const float *f,
    uint32_t n);

/* Cubic, between v[1] and v[2], each of n values; to may be one of them. */
void real_weigh(double *to, const double *const v[4], const float *f,
    uint32_t n);

/* Grays by the closed form, without sigmoid. */
void real_shade(uint8_t *to, const double *v, double slope, double intercept,
    bool invert, uint32_t n);

#endif /* DICOM_REALS_H */
