#include "quads.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define GATHER_256(index, base, unit)                                         \
    (words) _mm256_i32gather_epi32((const int *) (base), (__m256i) (index),   \
                                   unit)
#define GATHER_512(index, base, unit)                                         \
    (words) _mm512_i32gather_epi32((__m512i) (index), base, unit)

#define STORED(texel)                                                         \
    __builtin_convertvector(                                                  \
        (ints) ((((texel) & mask) ^ sign) - sign), reals)

#define BLEND(a, b, f)  ((a) + (f) * ((b) - (a)))


/* unit: bytes of a texel; a word holds one and its right neighbour */
#define QUADS(name, arch, lanes, unit, gather)                                \
                                                                              \
__attribute__((target(arch)))                                                 \
static uint32_t                                                               \
name(float *to, const struct quads *quads, const struct places *places,       \
    uint32_t x, uint32_t n)                                                   \
{                                                                             \
    typedef int32_t   ints __attribute__((vector_size(4 * lanes)));           \
    typedef uint32_t  words __attribute__((vector_size(4 * lanes)));          \
    typedef float     reals __attribute__((vector_size(4 * lanes)));          \
    typedef double    doubles __attribute__((vector_size(8 * lanes)));        \
    typedef uint64_t  longs __attribute__((vector_size(8 * lanes)));          \
                                                                              \
    float           scale;                                                    \
    ints            p, q, at, inside;                                         \
    words           top, bottom;                                              \
    reals           fx, fy, left, right, value;                               \
    doubles         u, v;                                                     \
    int32_t         one = 1 << quads->fraction, half = one >> 1;              \
    int32_t         columns = (int32_t) quads->columns;                       \
    uint32_t        i, mask = quads->bits.mask, sign = quads->bits.sign;      \
    unsigned        shift = quads->bits.shift;                                \
    const uint8_t  *upper = quads->texels;                                    \
    const uint8_t  *lower = upper + (size_t) quads->columns * unit;           \
                                                                              \
    scale = 1.0f / (float) one;                                               \
                                                                              \
    for (i = 0; i + lanes <= n; i += lanes) {                                 \
        memcpy(&u, places->u + x + i, sizeof(u));                             \
        memcpy(&v, places->v + x + i, sizeof(v));                             \
        p = __builtin_convertvector((longs) (u + places->u0), ints) - half;   \
        q = __builtin_convertvector((longs) (v + places->v0), ints) - half;   \
        at = (q >> quads->fraction) * columns + (p >> quads->fraction);       \
        top = gather(at, upper, unit) >> shift;                               \
        bottom = gather(at, lower, unit) >> shift;                            \
        __builtin_prefetch((const void *) ((uintptr_t) upper                  \
            + (uintptr_t) quads->ahead + (uintptr_t) (at[0] * (ptrdiff_t)     \
            unit)), 0, 2);                                                    \
        inside = p & (one - 1);                                               \
        fx = __builtin_convertvector(inside, reals) * scale;                  \
        inside = q & (one - 1);                                               \
        fy = __builtin_convertvector(inside, reals) * scale;                  \
        left = BLEND(STORED(top), STORED(bottom), fy);                        \
        right = BLEND(STORED(top >> (8 * unit)),                              \
                      STORED(bottom >> (8 * unit)), fy);                      \
        value = BLEND(left, right, fx);                                       \
        memcpy(to + i, &value, sizeof(value));                                \
    }                                                                         \
                                                                              \
    return i;                                                                 \
}

QUADS(blend_256_1, "avx2", 8, 1, GATHER_256)
QUADS(blend_256_2, "avx2", 8, 2, GATHER_256)
QUADS(blend_512_1, "avx512f", 16, 1, GATHER_512)
QUADS(blend_512_2, "avx512f", 16, 2, GATHER_512)

#endif


uint32_t
quads_blend(float *to, const struct quads *quads, const struct places *places,
    uint32_t x, uint32_t n)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
        return quads->texel == 1 ? blend_512_1(to, quads, places, x, n)
                                 : blend_512_2(to, quads, places, x, n);
    }

    if (__builtin_cpu_supports("avx2")) {
        return quads->texel == 1 ? blend_256_1(to, quads, places, x, n)
                                 : blend_256_2(to, quads, places, x, n);
    }
#endif

    return 0;
}
