#include "jpeg_gray.h"

#include <stdlib.h>
#include <string.h>

#include "multiversion.h"

#define LANES        16         /* blocks side by side that are done in one go */
#define BLOCK_BYTES  (64 * 26 / 8 + 8)  /* most that a block's code takes */

/*
 * Blocks side by side: arrays of one coefficient of all of them, so that every
 * step is a loop over lanes, of which the compiler makes vector instructions.
 */
struct group {
    int32_t   value[64][LANES];     /* samples, then their DCT */
    int32_t   coded[64][LANES];     /* in zigzag order: the bits of a magnitude
                                       (T.81 F.1.2), how many << 16 */
    int32_t   dc[LANES];
    uint32_t  used[2][LANES];       /* bit k of both: coefficient k is not 0 */
};

/* A stream of bits, most significant first, before bytes 0xff are marked. */
struct bits {
    uint64_t   word;
    unsigned   n;
    uint8_t   *out;
};

static const uint8_t zigzag[64] = {
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63
};

void
jpeg_gray_quant(struct jpeg_gray *gray, const uint16_t quant[64])
{
    for (unsigned i = 0; i < 64; i++) {
        unsigned divisor = 8u * quant[i];       /* the DCT scales by 8 */

        /*
         * A magnitude is below 2^15: half a unit more keeps a quotient that is
         * a whole number from falling below it, and reaches no other one.
         */
        gray->inverse[i] = 1.0f / (float) divisor;
        gray->rounding[i] = (float) (divisor / 2) + 0.5f;
    }
}

void
jpeg_gray_codes(jpeg_codes codes, const uint8_t counts[17],
    const uint8_t *symbols)
{
    uint32_t code = 0;

    memset(codes, 0, sizeof(jpeg_codes));
    for (uint32_t n = 1; n <= 16; n++) {
        for (unsigned i = 0; i < counts[n]; i++) {
            codes[*symbols++] = code++ | n << 16;
        }
        code <<= 1;
    }
}

/* Samples of LANES blocks from pixels on, from their rows of stride bytes. */
MULTIVERSION static void
load_blocks(struct group *g, const uint8_t *pixels, size_t stride)
{
    for (unsigned y = 0; y < 8; y++, pixels += stride) {
        uint64_t row[LANES];

        memcpy(row, pixels, sizeof(row));
        for (unsigned x = 0; x < 8; x++) {
            for (unsigned i = 0; i < LANES; i++) {
                g->value[8 * y + x][i] = (int32_t) (row[i] >> 8 * x & 255)
                    - 128;
            }
        }
    }
}

static inline int32_t
descale(int32_t x, unsigned bits)
{
    return (x + (1 << (bits - 1))) >> bits;
}

/*
 * Loeffler, Ligtenberg and Moschytz (1989): eight samples of one lane, step
 * apart, become their DCT times sqrt(8), by constants of 13 bits.  The first
 * pass keeps two bits more than it is given, the second one drops them.
 */
static inline __attribute__((always_inline)) void
dct_8(int32_t *d, size_t step, bool second)
{
    const unsigned shift = second ? 15 : 11;
    int32_t a0 = d[0] + d[7 * step], b0 = d[0] - d[7 * step];
    int32_t a1 = d[step] + d[6 * step], b1 = d[step] - d[6 * step];
    int32_t a2 = d[2 * step] + d[5 * step], b2 = d[2 * step] - d[5 * step];
    int32_t a3 = d[3 * step] + d[4 * step], b3 = d[3 * step] - d[4 * step];
    int32_t even = a0 + a3, odd = a1 + a2, c = a0 - a3, e = a1 - a2;
    int32_t turn = (c + e) * 4433;

    d[0] = second ? descale(even + odd, 2) : (even + odd) * 4;
    d[4 * step] = second ? descale(even - odd, 2) : (even - odd) * 4;
    d[2 * step] = descale(turn + c * 6270, shift);
    d[6 * step] = descale(turn - e * 15137, shift);

    int32_t all = (b3 + b1 + b2 + b0) * 9633;
    int32_t p = (b3 + b0) * -7373, q = (b2 + b1) * -20995;
    int32_t r = (b3 + b1) * -16069 + all, s = (b2 + b0) * -3196 + all;

    d[7 * step] = descale(b3 * 2446 + p + r, shift);
    d[5 * step] = descale(b2 * 16819 + q + s, shift);
    d[3 * step] = descale(b1 * 25172 + q + r, shift);
    d[step] = descale(b0 * 12299 + p + s, shift);
}

MULTIVERSION static void
transform(struct group *g)
{
    int32_t *d = g->value[0];

    for (unsigned y = 0; y < 8; y++) {
        for (unsigned i = 0; i < LANES; i++) {
            dct_8(d + (size_t) 8 * y * LANES + i, LANES, false);
        }
    }
    for (unsigned x = 0; x < 8; x++) {
        for (unsigned i = 0; i < LANES; i++) {
            dct_8(d + (size_t) x * LANES + i, (size_t) 8 * LANES, true);
        }
    }
}

/* Divides, rounding halves away from zero. */
static inline int32_t
quotient(int32_t value, float rounding, float inverse)
{
    int32_t sign = value >> 31;
    int32_t size = (value ^ sign) - sign;

    size = (int32_t) (((float) size + rounding) * inverse);
    return (size ^ sign) - sign;
}

MULTIVERSION static void
quantize(struct group *g, const struct jpeg_gray *gray)
{
    for (unsigned k = 0; k < 64; k++) {
        const int32_t *value = g->value[zigzag[k]];
        int32_t *coded = g->coded[k];
        float inverse = gray->inverse[zigzag[k]];
        float rounding = gray->rounding[zigzag[k]];

        for (unsigned i = 0; i < LANES; i++) {
            int32_t level = quotient(value[i], rounding, inverse);
            int32_t sign = level >> 31;
            float size = (float) ((level ^ sign) - sign);
            int32_t bits;

            /* the exponent of a float is the number of bits, and 126 */
            memcpy(&bits, &size, sizeof(bits));
            bits = (bits >> 23) - 126;
            bits = bits > 0 ? bits : 0;
            coded[i] = ((level + sign) & ((1 << bits) - 1)) | bits << 16;
        }
    }
    for (unsigned i = 0; i < LANES; i++) {
        g->dc[i] = quotient(g->value[0][i], gray->rounding[0],
            gray->inverse[0]);
    }
}

MULTIVERSION static void
find_used(struct group *g)
{
    for (unsigned half = 0; half < 2; half++) {
        int32_t (*coded)[LANES] = g->coded + (size_t) 32 * half;

        for (unsigned i = 0; i < LANES; i++) {
            uint32_t used = 0;

#pragma GCC unroll 32
            for (unsigned k = 0; k < 32; k++) {
                used |= (coded[k][i] != 0 ? 1u : 0u) << k;
            }
            g->used[half][i] = used;
        }
    }
}

/* At most 48 bits; writes whole bytes, fewer than 8 bits remain. */
static inline void
put(struct bits *bits, uint64_t value, unsigned n)
{
    bits->word |= value << (64 - bits->n - n);
    bits->n += n;

    uint64_t bytes = __builtin_bswap64(bits->word);

    memcpy(bits->out, &bytes, sizeof(bytes));
    bits->out += bits->n / 8;
    bits->word <<= bits->n & ~7u;
    bits->n &= 7;
}

/* A symbol's code and the magnitude behind it. */
static inline void
put_value(struct bits *bits, uint32_t code, uint32_t value, unsigned size)
{
    put(bits, (uint64_t) (code & 0xffff) << size | value, (code >> 16) + size);
}

/* T.81 F.1.2: one block, whose DC coefficient differs from before's by diff. */
static inline void
put_block(struct bits *stream, const struct group *g, unsigned lane,
    const struct jpeg_gray *gray, int32_t diff)
{
    struct bits bits = *stream;         /* in registers */
    uint64_t used = g->used[0][lane] | (uint64_t) g->used[1][lane] << 32;
    int32_t sign = diff >> 31;
    unsigned size = diff == 0 ? 0 : 32u
        - (unsigned) __builtin_clz((uint32_t) ((diff ^ sign) - sign));
    unsigned last = 0;

    put_value(&bits, gray->dc[size], (uint32_t) (diff + sign)
        & ((1u << size) - 1), size);
    used &= ~(uint64_t) 1;              /* that was the DC coefficient */
    while (used != 0) {
        unsigned k = (unsigned) __builtin_ctzll(used);
        unsigned run = k - last - 1;

        for (; run > 15; run -= 16) {
            put_value(&bits, gray->ac[0xf0], 0, 0);
        }
        uint32_t coded = (uint32_t) g->coded[k][lane];
        put_value(&bits, gray->ac[run << 4 | coded >> 16], coded & 0xffff,
            coded >> 16);
        last = k;
        used &= used - 1;
    }
    if (last < 63) {
        put_value(&bits, gray->ac[0], 0, 0);
    }
    *stream = bits;
}

/* A zero is put behind each byte 0xff (T.81 F.1.2.3). */
static uint8_t *
stuff(uint8_t *to, const uint8_t *from, const uint8_t *end)
{
    while (from < end) {
        uint64_t word, full;

        if (end - from >= 8) {
            memcpy(&word, from, sizeof(word));
            full = ~word;
            if (((full - 0x0101010101010101) & ~full & 0x8080808080808080)
                == 0)
            {
                memcpy(to, &word, sizeof(word));
                to += 8;
                from += 8;
                continue;
            }
        }
        *to++ = *from;
        if (*from++ == 0xff) {
            *to++ = 0;
        }
    }
    return to;
}

/* Eight rows that are whole blocks, for those at the edges of the picture. */
static void
pad_rows(uint8_t *rows, size_t padded, const uint8_t *pixels, uint32_t width,
    uint32_t height)
{
    for (uint32_t y = 0; y < 8; y++) {
        const uint8_t *row = pixels
            + (size_t) (y < height ? y : height - 1) * width;

        memcpy(rows, row, width);
        memset(rows + width, row[width - 1], padded - width);
        rows += padded;
    }
}

/* One row of blocks, from rows of whole groups. */
static void
put_blocks(struct bits *bits, struct group *g, const struct jpeg_gray *gray,
    const uint8_t *rows, size_t stride, uint32_t blocks, int32_t *dc)
{
    for (uint32_t x = 0; x < blocks; x += LANES) {
        load_blocks(g, rows + (size_t) x * 8, stride);
        transform(g);
        quantize(g, gray);
        find_used(g);
        for (unsigned i = 0; i < LANES && x + i < blocks; i++) {
            put_block(bits, g, i, gray, g->dc[i] - *dc);
            *dc = g->dc[i];
        }
    }
}

/* Makes room for n bytes behind length. */
static bool
reserve(uint8_t **data, size_t *size, size_t length, size_t n)
{
    uint8_t *grown;

    if (*size >= length + n) {
        return true;
    }
    grown = realloc(*data, 2 * (length + n));
    if (grown == NULL) {
        return false;
    }
    *data = grown;
    *size = 2 * (length + n);
    return true;
}

bool
jpeg_gray_encode(const struct jpeg_gray *gray, const uint8_t *pixels,
    uint32_t width, uint32_t height, uint8_t **data, size_t *length)
{
    uint32_t blocks = (width - 1) / 8 + 1;
    size_t padded = ((size_t) width - 1) / (8 * LANES) * (8 * LANES)
        + 8 * LANES;
    size_t size = 4096 + (size_t) width * height / 8;
    uint8_t *rows = malloc(8 * padded);
    uint8_t *raw = malloc((size_t) blocks * BLOCK_BYTES + 16);
    struct group group;
    struct bits bits = { .out = raw };
    int32_t dc = 0;
    bool done = false;

    *length = 0;
    *data = malloc(size);
    if (rows == NULL || raw == NULL || *data == NULL) {
        goto done;
    }
    for (uint32_t y = 0; y < height; y += 8) {
        const uint8_t *from = pixels + (size_t) y * width;

        if (padded == width && height - y >= 8) {
            put_blocks(&bits, &group, gray, from, width, blocks, &dc);
        } else {
            pad_rows(rows, padded, from, width, height - y);
            put_blocks(&bits, &group, gray, rows, padded, blocks, &dc);
        }
        if (y + 8 >= height) {
            put(&bits, 0x7f, 7);        /* what is left of a byte: ones */
        }
        if (!reserve(data, &size, *length,
                2 * (size_t) (bits.out - raw) + 2))
        {
            goto done;
        }
        *length = (size_t) (stuff(*data + *length, raw, bits.out) - *data);
        bits.out = raw;
    }
    done = true;

done:
    free(rows);
    free(raw);
    if (!done) {
        free(*data);
        *data = NULL;
    }
    return done;
}
