#include <stddef.h>
#include <string.h>

#include "gather.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif


static void
pairs_plain(float *a, float *b, const float *base, const int32_t *index,
    uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        a[i] = base[index[i]];
        b[i] = base[index[i] + 1];
    }
}


static void
gather_plain(uint32_t *to, const uint8_t *base, const int32_t *index,
    unsigned unit, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        memcpy(&to[i], base + (ptrdiff_t) index[i] * unit, sizeof(to[i]));
    }
}


#if defined(__x86_64__)

#define GATHER_256(unit)                                                      \
    for ( ; i + 8 <= n; i += 8) {                                             \
        _mm256_storeu_si256((__m256i *) (to + i),                             \
            _mm256_i32gather_epi32((const int *) base,                        \
                _mm256_loadu_si256((const __m256i *) (index + i)), unit));    \
    }

#define GATHER_512(unit)                                                      \
    for ( ; i + 16 <= n; i += 16) {                                           \
        _mm512_storeu_si512(to + i,                                           \
            _mm512_i32gather_epi32(_mm512_loadu_si512(index + i), base,       \
                                   unit));                                    \
    }


__attribute__((target("avx2")))
static void
gather_256(uint32_t *to, const uint8_t *base, const int32_t *index,
    unsigned unit, uint32_t n)
{
    uint32_t  i = 0;

    switch (unit) {
    case 1: GATHER_256(1) break;
    case 2: GATHER_256(2) break;
    case 4: GATHER_256(4) break;
    }

    gather_plain(to + i, base, index + i, unit, n - i);
}


__attribute__((target("avx512f")))
static void
gather_512(uint32_t *to, const uint8_t *base, const int32_t *index,
    unsigned unit, uint32_t n)
{
    uint32_t  i = 0;

    switch (unit) {
    case 1: GATHER_512(1) break;
    case 2: GATHER_512(2) break;
    case 4: GATHER_512(4) break;
    }

    gather_plain(to + i, base, index + i, unit, n - i);
}


/* Pairs are fetched as one word each. */
__attribute__((target("avx2")))
static void
pairs_256(float *a, float *b, const float *base, const int32_t *index,
    uint32_t n)
{
    __m256   low, high;
    __m256d  mixed;

    uint32_t  i = 0;

    for ( ; i + 8 <= n; i += 8) {
        low = _mm256_castpd_ps(_mm256_i32gather_pd((const double *) base,
            _mm_loadu_si128((const __m128i *) (index + i)), 4));
        high = _mm256_castpd_ps(_mm256_i32gather_pd((const double *) base,
            _mm_loadu_si128((const __m128i *) (index + i + 4)), 4));
        mixed = _mm256_castps_pd(_mm256_shuffle_ps(low, high, 0x88));
        _mm256_storeu_pd((double *) (a + i),
                         _mm256_permute4x64_pd(mixed, 0xd8));
        mixed = _mm256_castps_pd(_mm256_shuffle_ps(low, high, 0xdd));
        _mm256_storeu_pd((double *) (b + i),
                         _mm256_permute4x64_pd(mixed, 0xd8));
    }

    pairs_plain(a + i, b + i, base, index + i, n - i);
}


__attribute__((target("avx512f")))
static void
pairs_512(float *a, float *b, const float *base, const int32_t *index,
    uint32_t n)
{
    __m512         low, high;
    uint32_t       i = 0;
    const __m512i  even = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14,
                                           12, 10, 8, 6, 4, 2, 0);
    const __m512i  odd = _mm512_add_epi32(even, _mm512_set1_epi32(1));

    for ( ; i + 16 <= n; i += 16) {
        low = _mm512_castpd_ps(_mm512_i32gather_pd(
            _mm256_loadu_si256((const __m256i *) (index + i)), base, 4));
        high = _mm512_castpd_ps(_mm512_i32gather_pd(
            _mm256_loadu_si256((const __m256i *) (index + i + 8)), base, 4));
        _mm512_storeu_ps(a + i, _mm512_permutex2var_ps(low, even, high));
        _mm512_storeu_ps(b + i, _mm512_permutex2var_ps(low, odd, high));
    }

    pairs_plain(a + i, b + i, base, index + i, n - i);
}

#endif


void
gather_pairs(float *a, float *b, const float *base, const int32_t *index,
    uint32_t n)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
        pairs_512(a, b, base, index, n);
        return;
    }

    if (__builtin_cpu_supports("avx2")) {
        pairs_256(a, b, base, index, n);
        return;
    }
#endif

    pairs_plain(a, b, base, index, n);
}


void
gather(uint32_t *to, const void *base, const int32_t *index, unsigned unit,
    uint32_t n)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) {
        gather_512(to, base, index, unit, n);
        return;
    }

    if (__builtin_cpu_supports("avx2")) {
        gather_256(to, base, index, unit, n);
        return;
    }
#endif

    gather_plain(to, base, index, unit, n);
}
