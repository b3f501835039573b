#include <string.h>

#include "columns.h"

#define SIDE  16

typedef uint8_t  bytes __attribute__((vector_size(SIDE)));


/* The first, or the last, halves of two vectors, byte by byte by turns. */
static inline void
interleave(const bytes *a, const bytes *b, bytes *first, bytes *last)
{
    *first = __builtin_shufflevector(*a, *b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20,
                                     5, 21, 6, 22, 7, 23);
    *last = __builtin_shufflevector(*a, *b, 8, 24, 9, 25, 10, 26, 11, 27, 12,
                                    28, 13, 29, 14, 30, 15, 31);
}


/*
 * 16 x 16 bytes.  Each step puts rows i and i + 8 byte by byte into rows 2 i and
 * 2 i + 1: the number of a byte's row and that of its column, written one behind
 * the other, turn by one bit, and after four steps they have changed places.
 */
static void
put_square(uint8_t *to, size_t stride, const uint8_t *from, size_t step)
{
    bytes  a[SIDE], b[SIDE];

    for (int i = 0; i < SIDE; i++) {
        memcpy(&a[i], from + (size_t) i * step, SIDE);
    }

    for (int turn = 0; turn < 2; turn++) {
        for (int i = 0; i < SIDE / 2; i++) {
            interleave(&a[i], &a[i + SIDE / 2], &b[2 * i], &b[2 * i + 1]);
        }

        for (int i = 0; i < SIDE / 2; i++) {
            interleave(&b[i], &b[i + SIDE / 2], &a[2 * i], &a[2 * i + 1]);
        }
    }

    for (int i = 0; i < SIDE; i++) {
        memcpy(to + (size_t) i * stride, &a[i], SIDE);
    }
}


static void
put_bytes(uint8_t *to, size_t stride, const uint8_t *from, size_t step,
    uint32_t n, uint32_t length)
{
    for (uint32_t y = 0; y < length; y++) {
        for (uint32_t x = 0; x < n; x++) {
            to[y * stride + x] = from[x * step + y];
        }
    }
}


void
columns_put(uint8_t *to, size_t stride, const uint8_t *from, size_t step,
    uint32_t n, uint32_t length)
{
    uint32_t  x, y;

    for (y = 0; y + SIDE <= length; y += SIDE) {
        for (x = 0; x + SIDE <= n; x += SIDE) {
            put_square(to + y * stride + x, stride, from + x * step + y, step);
        }

        put_bytes(to + y * stride + x, stride, from + x * step + y, step,
                  n - x, SIDE);
    }

    put_bytes(to + y * stride, stride, from + y, step, n, length - y);
}
