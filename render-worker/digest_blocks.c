/*
 * Each step of MD5 waits for the one before, so that most of a processor is idle
 * meanwhile; SHA-256 of the same block, written between its steps, costs hardly
 * any time of its own.
 */

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "digest_blocks.h"

#ifdef __x86_64__

#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>

/* floor(2^32 * |sin(i + 1)|) */
static const uint32_t  md5_table[64] = {
    0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a,
    0xa8304613, 0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be,
    0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340,
    0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
    0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8,
    0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c,
    0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
    0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
    0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92,
    0xffeff47d, 0x85845dd1, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1,
    0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391
};

/* The fractional parts of the cube roots of the first 64 primes */
static const uint32_t  sha256_table[64] __attribute__((aligned(16))) = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

static bool  able;

/*
 * A step of MD5: what does not depend on the step before, whose result is b, is
 * added first, and the compiler is kept from finding another order.
 */
#define MD5_STEP(early, late, a, b, k, s, i)                                  \
    do {                                                                      \
        a += word(data, k) + md5_table[i] + (early);                          \
        __asm__("" : "+r" (a));                                               \
        a += (late);                                                          \
        a = (a << (s) | a >> (32 - (s))) + b;                                 \
    } while (0)

#define MD5_F(a, b, c, d, k, s, i)                                            \
    MD5_STEP(0, ((c ^ d) & b) ^ d, a, b, k, s, i)
#define MD5_G(a, b, c, d, k, s, i)                                            \
    MD5_STEP(c & ~d, b & d, a, b, k, s, i)
#define MD5_H(a, b, c, d, k, s, i)                                            \
    MD5_STEP(0, b ^ (c ^ d), a, b, k, s, i)
#define MD5_I(a, b, c, d, k, s, i)                                            \
    MD5_STEP(0, c ^ (b | ~d), a, b, k, s, i)

/* Four steps, from step i on; step i takes word (i * m + n) % 16. */
#define MD5_FOUR(f, i, m, n, s0, s1, s2, s3)                                  \
    f(a, b, c, d, ((i) * (m) + (n)) % 16, s0, i);                             \
    f(d, a, b, c, ((i + 1) * (m) + (n)) % 16, s1, i + 1);                     \
    f(c, d, a, b, ((i + 2) * (m) + (n)) % 16, s2, i + 2);                     \
    f(b, c, d, a, ((i + 3) * (m) + (n)) % 16, s3, i + 3)

/* A round of MD5, and four times four rounds of SHA-256, from 4 * i on. */
#define ROUND(i, f, m, n, s0, s1, s2, s3)                                     \
    MD5_FOUR(f, 4 * (i), m, n, s0, s1, s2, s3);                               \
    SHA_FOUR(i);                                                              \
    MD5_FOUR(f, 4 * (i) + 4, m, n, s0, s1, s2, s3);                           \
    SHA_FOUR((i) + 1);                                                        \
    MD5_FOUR(f, 4 * (i) + 8, m, n, s0, s1, s2, s3);                           \
    SHA_FOUR((i) + 2);                                                        \
    MD5_FOUR(f, 4 * (i) + 12, m, n, s0, s1, s2, s3);                          \
    SHA_FOUR((i) + 3)

#define M(j)  words[(j) % 4]

/*
 * Rounds 4 * i and on of SHA-256, and the words of the rounds 4 * i + 4 and on
 * that are not the message's own.
 */
#define SHA_FOUR(i)                                                           \
    do {                                                                      \
        __m128i  sum = _mm_add_epi32(M(i),                                    \
            _mm_load_si128((const __m128i *) sha256_table + (i)));            \
                                                                              \
        cdgh = _mm_sha256rnds2_epu32(cdgh, abef, sum);                        \
        abef = _mm_sha256rnds2_epu32(abef, cdgh,                              \
                                     _mm_shuffle_epi32(sum, 0x0e));           \
        if ((i) >= 3 && (i) < 15) {                                           \
            M((i) + 1) = _mm_sha256msg2_epu32(_mm_add_epi32(                  \
                _mm_sha256msg1_epu32(M((i) + 1), M((i) + 2)),                 \
                _mm_alignr_epi8(M(i), M((i) + 3), 4)), M(i));                 \
        }                                                                     \
    } while (0)


static inline uint32_t
word(const uint8_t *data, size_t k)
{
    uint32_t  value;

    memcpy(&value, data + 4 * k, sizeof(value));
    return value;
}


__attribute__((target("sha,sse4.1")))
void
digest_blocks(struct digest_state *state, const uint8_t *data, size_t count)
{
    const __m128i  swap = _mm_set_epi64x(0x0c0d0e0f08090a0b,
                                         0x0405060700010203);
    uint32_t      *h = state->sha256;
    uint32_t       a = state->md5[0], b = state->md5[1];
    uint32_t       c = state->md5[2], d = state->md5[3];
    __m128i        abef = _mm_set_epi32((int) h[0], (int) h[1], (int) h[4],
                                        (int) h[5]);
    __m128i        cdgh = _mm_set_epi32((int) h[2], (int) h[3], (int) h[6],
                                        (int) h[7]);

    for (; count > 0; count--, data += DIGEST_BLOCK) {
        uint32_t  a_before = a, b_before = b, c_before = c, d_before = d;
        __m128i   abef_before = abef, cdgh_before = cdgh, words[4];

        for (unsigned i = 0; i < 4; i++) {
            words[i] = _mm_shuffle_epi8(
                _mm_loadu_si128((const __m128i *) data + i), swap);
        }

        ROUND(0, MD5_F, 1, 0, 7, 12, 17, 22);
        ROUND(4, MD5_G, 5, 1, 5, 9, 14, 20);
        ROUND(8, MD5_H, 3, 5, 4, 11, 16, 23);
        ROUND(12, MD5_I, 7, 0, 6, 10, 15, 21);

        a += a_before;
        b += b_before;
        c += c_before;
        d += d_before;
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }

    state->md5[0] = a;
    state->md5[1] = b;
    state->md5[2] = c;
    state->md5[3] = d;
    h[0] = (uint32_t) _mm_extract_epi32(abef, 3);
    h[1] = (uint32_t) _mm_extract_epi32(abef, 2);
    h[2] = (uint32_t) _mm_extract_epi32(cdgh, 3);
    h[3] = (uint32_t) _mm_extract_epi32(cdgh, 2);
    h[4] = (uint32_t) _mm_extract_epi32(abef, 1);
    h[5] = (uint32_t) _mm_extract_epi32(abef, 0);
    h[6] = (uint32_t) _mm_extract_epi32(cdgh, 1);
    h[7] = (uint32_t) _mm_extract_epi32(cdgh, 0);
}


/* Leaf 1's ECX and leaf 7's EBX.  CPUID is slow on virtual machines. */
static void
ask_processor(void)
{
    unsigned  a, b, c, d, needed = bit_SSSE3 | bit_SSE4_1;

    able = __get_cpuid(1, &a, &b, &c, &d) == 1 && (c & needed) == needed
        && __get_cpuid_count(7, 0, &a, &b, &c, &d) == 1 && (b & bit_SHA) != 0;
}


bool
digest_blocks_able(void)
{
    static pthread_once_t  once = PTHREAD_ONCE_INIT;

    pthread_once(&once, ask_processor);
    return able;
}

#else

bool
digest_blocks_able(void)
{
    return false;
}


void
digest_blocks(struct digest_state *state, const uint8_t *data, size_t count)
{
    (void) state;
    (void) data;
    (void) count;
    abort();
}

#endif


void
digest_blocks_begin(struct digest_state *state)
{
    *state = (struct digest_state) {
        { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 },
        { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
          0x9b05688c, 0x1f83d9ab, 0x5be0cd19 } };
}


/* Both pad alike, but write the length in bits differently. */
void
digest_blocks_end(struct digest_state *state, const uint8_t *rest,
    uint64_t length)
{
    size_t               held = length % DIGEST_BLOCK;
    size_t               count = held < DIGEST_BLOCK - 8 ? 1 : 2;
    uint8_t              last[2 * DIGEST_BLOCK] = { 0 };
    uint8_t             *bits = last + count * DIGEST_BLOCK - 8;
    uint64_t             value = htole64(8 * length);
    struct digest_state  other = *state;

    memcpy(last, rest, held);
    last[held] = 0x80;
    memcpy(bits, &value, 8);
    digest_blocks(state, last, count);

    value = htobe64(8 * length);
    memcpy(bits, &value, 8);
    digest_blocks(&other, last, count);
    memcpy(state->sha256, other.sha256, sizeof(state->sha256));

    for (unsigned i = 0; i < 4; i++) {
        state->md5[i] = htole32(state->md5[i]);
    }
    for (unsigned i = 0; i < 8; i++) {
        state->sha256[i] = htobe32(state->sha256[i]);
    }
}
