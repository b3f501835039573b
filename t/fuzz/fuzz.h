/*
 * What the fuzz targets share.  Each target is one file fuzz_NAME.c with the
 * entry point of libFuzzer; driver.c runs the same without libFuzzer.
 *
 * A target takes the bytes it needs from the front of the input.  When they
 * are used up every number is zero, so that any input is a valid one.  What a
 * target must not only survive but get right it checks with fuzz_check().
 */

#ifndef T_FUZZ_H
#define T_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define fuzz_check(condition)                                                 \
    do {                                                                      \
        if (!(condition)) {                                                   \
            fprintf(stderr, "%s:%d: not true: %s\n", __FILE__, __LINE__,      \
                #condition);                                                  \
            abort();                                                          \
        }                                                                     \
    } while (0)

struct fuzz {
    const uint8_t  *data;
    size_t          size;
};


/* A little-endian number of so many bytes. */
static inline uint64_t
fuzz_number(struct fuzz *f, unsigned bytes)
{
    uint64_t  value = 0;

    for (unsigned i = 0; i < bytes && f->size > 0; i++) {
        value |= (uint64_t) *f->data++ << (8 * i);
        f->size--;
    }
    return value;
}


/* Any double, as it may stand in a message: NaN and infinity too. */
static inline double
fuzz_double(struct fuzz *f)
{
    uint64_t  bits = fuzz_number(f, 8);
    double    value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}


/* A finite one of ordinary size: hundredths. */
static inline double
fuzz_decimal(struct fuzz *f)
{
    return (int32_t) (uint32_t) fuzz_number(f, 4) / 100.0;
}


/*
 * So many bytes, or what is left, on the heap and of just that size, so that
 * the sanitizer sees the first byte too much.  The caller frees them.
 */
static inline uint8_t *
fuzz_take(struct fuzz *f, size_t most, size_t *length)
{
    uint8_t  *copy;

    *length = most < f->size ? most : f->size;
    copy = malloc(*length > 0 ? *length : 1);
    fuzz_check(copy != NULL);
    memcpy(copy, f->data, *length);
    f->data += *length;
    f->size -= *length;
    return copy;
}

#endif /* T_FUZZ_H */
