#include <stddef.h>
#include <string.h>

#include "gather.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif


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

#endif


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
