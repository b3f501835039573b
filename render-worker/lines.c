#include "lines.h"
#include "multiversion.h"


static inline float
stored(uint32_t texel, unsigned shift, uint32_t mask, uint32_t sign)
{
    uint32_t  v;

    v = texel >> shift & mask;

    return (float) (int32_t) ((v ^ sign) - sign);
}


static inline float
blend(float a, float b, float f)
{
    return a + f * (b - a);
}


static inline float
weigh(float a, float b, float c, float d, const float w[4])
{
    return a * w[0] + b * w[1] + c * w[2] + d * w[3];
}


MULTIVERSION void
line_positions(int32_t *to, const double *part, double row, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        to[i] = scene_low_word(part[i] + row);
    }
}


MULTIVERSION void
line_corners(const int32_t *position, int32_t *at, float *fraction,
    unsigned bits, uint32_t n)
{
    int32_t  half, mask, p;
    float    unit;

    half = (1 << bits) >> 1;
    mask = (1 << bits) - 1;
    unit = 1.0f / (float) (1 << bits);

    for (uint32_t i = 0; i < n; i++) {
        p = position[i] - half;
        at[i] = p >> bits;
        fraction[i] = (float) (p & mask) * unit;
    }
}


MULTIVERSION void
line_texels(const struct places *places, uint32_t x, uint32_t n,
    int32_t columns, unsigned bits, int32_t *index)
{
    int32_t        p, q;
    double         u0 = places->u0, v0 = places->v0;
    const double  *u = places->u + x, *v = places->v + x;

    for (uint32_t i = 0; i < n; i++) {
        p = scene_low_word(u[i] + u0) >> bits;
        q = scene_low_word(v[i] + v0) >> bits;
        index[i] = q * columns + p;
    }
}


MULTIVERSION void
line_places(const struct places *places, uint32_t x, uint32_t n,
    int32_t columns, unsigned bits, int32_t *index, float *fx, float *fy)
{
    float          unit;
    double         u0 = places->u0, v0 = places->v0;
    int32_t        half, mask, p, q;
    const double  *u = places->u + x, *v = places->v + x;

    half = (1 << bits) >> 1;
    mask = (1 << bits) - 1;
    unit = 1.0f / (float) (1 << bits);

    for (uint32_t i = 0; i < n; i++) {
        p = scene_low_word(u[i] + u0) - half;
        q = scene_low_word(v[i] + v0) - half;
        index[i] = (q >> bits) * columns + (p >> bits);
        fx[i] = (float) (p & mask) * unit;
        fy[i] = (float) (q & mask) * unit;
    }
}


MULTIVERSION void
line_blend_pairs(float *to, const uint32_t *top, const uint32_t *bottom,
    const float *fx, const float *fy, struct draw_bits bits, unsigned next,
    uint32_t n)
{
    float     left, right;
    unsigned  near = bits.shift, far = bits.shift + next;

    for (uint32_t i = 0; i < n; i++) {
        left = blend(stored(top[i], near, bits.mask, bits.sign),
                     stored(bottom[i], near, bits.mask, bits.sign), fy[i]);
        right = blend(stored(top[i], far, bits.mask, bits.sign),
                      stored(bottom[i], far, bits.mask, bits.sign), fy[i]);
        to[i] = blend(left, right, fx[i]);
    }
}


MULTIVERSION void
line_weigh_pairs(float *left, float *right, uint32_t (*word)[PASS],
    const float *fy, struct draw_bits bits, unsigned next, uint32_t n)
{
    float     w[4];
    unsigned  near = bits.shift, far = bits.shift + next;

    for (uint32_t i = 0; i < n; i++) {
        line_weights(fy[i], w);
        left[i] = weigh(stored(word[0][i], near, bits.mask, bits.sign),
                        stored(word[1][i], near, bits.mask, bits.sign),
                        stored(word[2][i], near, bits.mask, bits.sign),
                        stored(word[3][i], near, bits.mask, bits.sign), w);
        right[i] = weigh(stored(word[0][i], far, bits.mask, bits.sign),
                         stored(word[1][i], far, bits.mask, bits.sign),
                         stored(word[2][i], far, bits.mask, bits.sign),
                         stored(word[3][i], far, bits.mask, bits.sign), w);
    }
}


MULTIVERSION void
line_weigh_lines(float *to, const float *a, const float *b, const float *c,
    const float *d, const float *fx, uint32_t n)
{
    float  w[4];

    for (uint32_t i = 0; i < n; i++) {
        line_weights(fx[i], w);
        to[i] = weigh(a[i], b[i], c[i], d[i], w);
    }
}


/* Values of neighbouring texels of one row, taken between two or four rows */
#define LINES(type)                                                           \
                                                                              \
MULTIVERSION void                                                             \
line_convert_##type(float *to, const type *a, struct draw_bits bits,          \
    uint32_t n)                                                               \
{                                                                             \
    for (uint32_t i = 0; i < n; i++) {                                        \
        to[i] = stored(a[i], bits.shift, bits.mask, bits.sign);               \
    }                                                                         \
}                                                                             \
                                                                              \
MULTIVERSION void                                                             \
line_blend_##type(float *to, const type *a, const type *b, float f,           \
    struct draw_bits bits, uint32_t n)                                        \
{                                                                             \
    for (uint32_t i = 0; i < n; i++) {                                        \
        to[i] = blend(stored(a[i], bits.shift, bits.mask, bits.sign),         \
                      stored(b[i], bits.shift, bits.mask, bits.sign), f);     \
    }                                                                         \
}                                                                             \
                                                                              \
MULTIVERSION void                                                             \
line_weigh_##type(float *to, const type *const *row, const float *w,          \
    struct draw_bits bits, uint32_t n)                                        \
{                                                                             \
    const type  *a = row[0], *b = row[1], *c = row[2], *d = row[3];           \
                                                                              \
    for (uint32_t i = 0; i < n; i++) {                                        \
        to[i] = weigh(stored(a[i], bits.shift, bits.mask, bits.sign),         \
                      stored(b[i], bits.shift, bits.mask, bits.sign),         \
                      stored(c[i], bits.shift, bits.mask, bits.sign),         \
                      stored(d[i], bits.shift, bits.mask, bits.sign), w);     \
    }                                                                         \
}

LINES(uint8_t)
LINES(uint16_t)


/* Nearest: the gray of each texel by the closed form, or its table's entry */
#define GRAYS(type)                                                           \
                                                                              \
MULTIVERSION void                                                             \
line_affine_##type(uint8_t *to, const type *a, float slope, float intercept,  \
    struct draw_bits bits, uint32_t n)                                        \
{                                                                             \
    float  y;                                                                 \
                                                                              \
    for (uint32_t i = 0; i < n; i++) {                                        \
        y = stored(a[i], bits.shift, bits.mask, bits.sign) * slope;           \
        y = y + intercept;                                                    \
        y = y < 0 ? 0 : y;                                                    \
        y = y > 255 ? 255 : y;                                                \
        to[i] = (uint8_t) (int32_t) (y + 0.5f);                               \
    }                                                                         \
}                                                                             \
                                                                              \
MULTIVERSION void                                                             \
line_index_##type(int32_t *to, const type *a, struct draw_bits bits,          \
    uint32_t n)                                                               \
{                                                                             \
    for (uint32_t i = 0; i < n; i++) {                                        \
        to[i] = (int32_t) ((a[i] >> bits.shift & bits.mask) ^ bits.sign);     \
    }                                                                         \
}

GRAYS(uint8_t)
GRAYS(uint16_t)
GRAYS(uint32_t)


MULTIVERSION void
line_low_bytes(uint8_t *to, const uint32_t *word, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        to[i] = (uint8_t) word[i];
    }
}


MULTIVERSION void
line_reverse(uint8_t *to, const uint8_t *from, uint32_t n)
{
    const uint8_t  *last = from + n - 1;

    for (ptrdiff_t i = 0; i < (ptrdiff_t) n; i++) {
        to[i] = last[-i];
    }
}


MULTIVERSION void
line_blend_lines(float *to, const float *a, const float *b, const float *f,
    uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        to[i] = blend(a[i], b[i], f[i]);
    }
}


MULTIVERSION void
line_shade_affine(uint8_t *to, const float *v, float slope, float intercept,
    uint32_t n)
{
    float  y;

    for (uint32_t i = 0; i < n; i++) {
        y = v[i] * slope;
        y = y + intercept;
        y = y < 0 ? 0 : y;
        y = y > 255 ? 255 : y;
        to[i] = (uint8_t) (int32_t) (y + 0.5f);
    }
}


MULTIVERSION void
line_entries(const float *v, float first, float last, int32_t *before,
    float *fraction, uint32_t n)
{
    float    at;
    int32_t  i;

    for (uint32_t k = 0; k < n; k++) {
        at = v[k] - first;
        at = at < 0 ? 0 : at;
        at = at > last ? last : at;
        i = (int32_t) at;
        before[k] = i;
        fraction[k] = at - (float) i;
    }
}


MULTIVERSION void
line_round_blend(uint8_t *to, const float *a, const float *b, const float *f,
    uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        to[i] = (uint8_t) (int32_t) (blend(a[i], b[i], f[i]) + 0.5f);
    }
}


MULTIVERSION void
line_blend_colour(uint8_t *pixels, uint32_t (*word)[PASS], const float *fx,
    const float *fy, uint32_t invert, uint32_t n)
{
    float  left, right, y;

    for (uint32_t i = 0; i < n; i++) {
        for (unsigned c = 0; c < 3; c++) {
            left = blend(stored(word[0][i], 8 * c, 255, 0),
                         stored(word[2][i], 8 * c, 255, 0), fy[i]);
            right = blend(stored(word[1][i], 8 * c, 255, 0),
                          stored(word[3][i], 8 * c, 255, 0), fy[i]);
            y = blend(left, right, fx[i]);
            y = invert ? 255 - y : y;
            pixels[3 * i + c] = (uint8_t) (int32_t) (y + 0.5f);
        }
    }
}


MULTIVERSION void
line_weigh_channel(float *to, uint32_t (*word)[PASS], unsigned shift,
    const float *fx, const float *fy, uint32_t n)
{
    float  w[4], column[4];

    for (uint32_t i = 0; i < n; i++) {
        line_weights(fy[i], w);

        for (int c = 0; c < 4; c++) {
            column[c] = weigh(stored(word[4 * c][i], shift, 255, 0),
                              stored(word[4 * c + 1][i], shift, 255, 0),
                              stored(word[4 * c + 2][i], shift, 255, 0),
                              stored(word[4 * c + 3][i], shift, 255, 0), w);
        }

        line_weights(fx[i], w);
        to[i] = weigh(column[0], column[1], column[2], column[3], w);
    }
}


MULTIVERSION void
line_round_colour(uint8_t *pixels, float (*value)[PASS], uint32_t invert,
    uint32_t n)
{
    float  y;

    for (unsigned c = 0; c < 3; c++) {
        for (uint32_t i = 0; i < n; i++) {
            y = value[c][i];
            y = y < 0 ? 0 : y;
            y = y > 255 ? 255 : y;
            y = invert ? 255 - y : y;
            pixels[3 * i + c] = (uint8_t) (int32_t) (y + 0.5f);
        }
    }
}
