/*
 * The loops over many pixels that rows.c is made of.  Each step and its
 * precision is that of sample.c; the compiler makes vector instructions of
 * them.  Pure; lines do not overlap, other than where to is also an input.
 */

#ifndef DICOM_LINES_H
#define DICOM_LINES_H

#include "scene.h"

/* Pixels of one pass: the arrays of a pass stay in the first-level cache */
#define PASS  256

/* Weights of the four texels around a cubic interpolation. */
static inline void
line_weights(float f, float w[4])
{
    w[0] = f * (f * (1.0f - f * 0.5f) - 0.5f);
    w[1] = f * f * (f * 1.5f - 2.5f) + 1.0f;
    w[2] = f * (f * (2.0f - f * 1.5f) + 0.5f);
    w[3] = f * f * (f * 0.5f - 0.5f);
}

/* Positions of n pixels of a row along an axis: low words of part[i] + row. */
void line_positions(int32_t *to, const double *part, double row, uint32_t n);

/* From positions to texels and the way to the next; bits: of a fraction. */
void line_corners(const int32_t *position, int32_t *at, float *fraction,
    unsigned bits, uint32_t n);

/*
 * Of n pixels of any row from x on: index of the texel there; or of the texel
 * before, and the ways to the next.
 */
void line_texels(const struct places *places, uint32_t x, uint32_t n,
    int32_t columns, unsigned bits, int32_t *index);
void line_places(const struct places *places, uint32_t x, uint32_t n,
    int32_t columns, unsigned bits, int32_t *index, float *fx, float *fy);

/*
 * Linear interpolation where each word holds a texel and its right neighbour:
 * top and bottom row.
 */
void line_blend_pairs(float *to, const uint32_t *top, const uint32_t *bottom,
    const float *fx, const float *fy, struct draw_bits bits, unsigned next,
    uint32_t n);

/* Cubic interpolation of two columns: four words above each other hold both. */
void line_weigh_pairs(float *left, float *right, uint32_t (*word)[PASS],
    const float *fy, struct draw_bits bits, unsigned next, uint32_t n);

/* Between two, and between four values. */
void line_blend_lines(float *to, const float *a, const float *b,
    const float *f, uint32_t n);
void line_weigh_lines(float *to, const float *a, const float *b,
    const float *c, const float *d, const float *fx, uint32_t n);

/* Values of neighbouring texels of one row, or between two or four rows */
void line_convert_uint8_t(float *to, const uint8_t *a, struct draw_bits bits,
    uint32_t n);
void line_convert_uint16_t(float *to, const uint16_t *a,
    struct draw_bits bits, uint32_t n);
void line_blend_uint8_t(float *to, const uint8_t *a, const uint8_t *b,
    float f, struct draw_bits bits, uint32_t n);
void line_blend_uint16_t(float *to, const uint16_t *a, const uint16_t *b,
    float f, struct draw_bits bits, uint32_t n);
void line_weigh_uint8_t(float *to, const uint8_t *const *row, const float *w,
    struct draw_bits bits, uint32_t n);
void line_weigh_uint16_t(float *to, const uint16_t *const *row,
    const float *w, struct draw_bits bits, uint32_t n);

/* Nearest: the gray of each texel by the closed form, or where its gray stands
   in the table; the first byte of each word found there */
void line_affine_uint8_t(uint8_t *to, const uint8_t *a, float slope,
    float intercept, struct draw_bits bits, uint32_t n);
void line_affine_uint16_t(uint8_t *to, const uint16_t *a, float slope,
    float intercept, struct draw_bits bits, uint32_t n);
void line_affine_uint32_t(uint8_t *to, const uint32_t *a, float slope,
    float intercept, struct draw_bits bits, uint32_t n);
void line_index_uint8_t(int32_t *to, const uint8_t *a, struct draw_bits bits,
    uint32_t n);
void line_index_uint16_t(int32_t *to, const uint16_t *a,
    struct draw_bits bits, uint32_t n);
void line_index_uint32_t(int32_t *to, const uint32_t *a,
    struct draw_bits bits, uint32_t n);
void line_low_bytes(uint8_t *to, const uint32_t *word, uint32_t n);

/* The last of n bytes first. */
void line_reverse(uint8_t *to, const uint8_t *from, uint32_t n);

/* Grays of interpolated values: closed form */
void line_shade_affine(uint8_t *to, const float *v, float slope,
    float intercept, uint32_t n);

/* and table: the entry before a value, and its way to the next. */
void line_entries(const float *v, float first, float last, int32_t *before,
    float *fraction, uint32_t n);
void line_round_blend(uint8_t *to, const float *a, const float *b,
    const float *f, uint32_t n);

/* RGB from words of RGBA: upper left, upper right, lower left, lower right. */
void line_blend_colour(uint8_t *pixels, uint32_t (*word)[PASS],
    const float *fx, const float *fy, uint32_t invert, uint32_t n);

/* Cubic: one channel of 4 x 4 words, word[4 * column + row], */
void line_weigh_channel(float *to, uint32_t (*word)[PASS], unsigned shift,
    const float *fx, const float *fy, uint32_t n);

/* and RGB from three of them. */
void line_round_colour(uint8_t *pixels, float (*value)[PASS], uint32_t invert,
    uint32_t n);

#endif /* DICOM_LINES_H */
