/*
 * Our own decoders, RLE and JPEG lossless, without a sandbox around them: all
 * predictors, restarts and precisions, and noise, which a sanitizer build
 * would not survive if they read or wrote a byte too far.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "codec.h"

/* links: render-worker/codec.c render-worker/rle.c */
/* links: render-worker/jpeg_lossless.c */

#define ROWS     19u
#define COLUMNS  23u

struct output {
    uint8_t   data[65536];
    size_t    length;
    uint32_t  bits;
    unsigned  count;
};

struct options {
    unsigned  precision, samples, predictor, shift, restart;
};


static void
put(struct output *o, unsigned value, unsigned bytes)
{
    while (bytes-- > 0) {
        o->data[o->length++] = (uint8_t) (value >> (8 * bytes));
    }
}


static void
put_bits(struct output *o, unsigned value, unsigned count)
{
    for (unsigned i = count; i-- > 0; ) {
        o->bits = o->bits << 1 | (value >> i & 1);
        if (++o->count == 8) {
            put(o, o->bits & 0xff, 1);
            if ((o->bits & 0xff) == 0xff) {
                put(o, 0, 1);
            }
            o->bits = o->count = 0;
        }
    }
}


static void
flush_bits(struct output *o)
{
    if (o->count > 0) {
        put_bits(o, 0x7f, 8 - o->count);
    }
}


/*
 * Seventeen categories: 0 to 9 in four bits, 10 in eleven, the rest in
 * thirteen, so that both ways of looking a code up are taken.
 */
static void
put_category(struct output *o, unsigned category)
{
    if (category < 10) {
        put_bits(o, category, 4);
    } else if (category == 10) {
        put_bits(o, 10u << 7, 11);
    } else {
        put_bits(o, ((10u << 7 | 1) << 2) + category - 11, 13);
    }
}


static void
put_difference(struct output *o, int difference)
{
    int       d = (int16_t) difference;
    unsigned  size = 0, magnitude = (unsigned) abs(d);

    if (d == -32768) {
        put_category(o, 16);
        return;
    }
    while (magnitude >> size != 0) {
        size++;
    }
    put_category(o, size);
    put_bits(o, (unsigned) (d < 0 ? d - 1 : d) & ((1u << size) - 1), size);
}


static void
put_header(struct output *o, const struct options *options)
{
    put(o, 0xffd8, 2);
    put(o, 0xffc4, 2);
    put(o, 2 + 17 + 17, 2);
    put(o, 0, 1);
    for (unsigned i = 1; i <= 16; i++) {
        put(o, i == 4 ? 10 : i == 11 ? 1 : i == 13 ? 6 : 0, 1);
    }
    for (unsigned i = 0; i < 17; i++) {
        put(o, i, 1);
    }
    if (options->restart > 0) {
        put(o, 0xffdd, 2);
        put(o, 4, 2);
        put(o, options->restart * COLUMNS, 2);
    }
    put(o, 0xffc3, 2);
    put(o, 8 + 3 * options->samples, 2);
    put(o, options->precision, 1);
    put(o, ROWS, 2);
    put(o, COLUMNS, 2);
    put(o, options->samples, 1);
    for (unsigned i = 0; i < options->samples; i++) {
        put(o, (i + 1) << 16 | 0x1100, 3);
    }
    put(o, 0xffda, 2);
    put(o, 6 + 2 * options->samples, 2);
    put(o, options->samples, 1);
    for (unsigned i = 0; i < options->samples; i++) {
        put(o, (i + 1) << 8, 2);
    }
    put(o, options->predictor, 1);
    put(o, 0, 1);
    put(o, options->shift, 1);
}


static int
predict(const struct options *options, const uint16_t *v, unsigned x,
    bool first)
{
    unsigned  n = options->samples, row = COLUMNS * n;
    int       a, b, c;

    if (x == 0) {
        return first ? 1 << (options->precision - options->shift - 1)
            : v[-(int) row];
    }
    a = v[-(int) n];
    if (first) {
        return a;
    }
    b = v[-(int) row];
    c = v[-(int) (row + n)];
    switch (options->predictor) {
    case 1: return a;
    case 2: return b;
    case 3: return c;
    case 4: return a + b - c;
    case 5: return a + ((b - c) >> 1);
    case 6: return b + ((a - c) >> 1);
    default: return (a + b) >> 1;
    }
}


static void
encode(struct output *o, const struct options *options,
    const uint16_t *values)
{
    memset(o, 0, sizeof(*o));
    put_header(o, options);
    for (unsigned y = 0; y < ROWS; y++) {
        bool  first = y == 0;

        if (options->restart > 0 && y > 0 && y % options->restart == 0) {
            flush_bits(o);
            put(o, 0xffd0 + (y / options->restart - 1) % 8, 2);
            first = true;
        }
        for (unsigned i = 0; i < COLUMNS * options->samples; i++) {
            const uint16_t  *v = values + y * COLUMNS * options->samples + i;

            put_difference(o, *v - predict(options, v,
                i / options->samples, first));
        }
    }
    flush_bits(o);
    put(o, 0xffd9, 2);
}


static bool
decode(const struct output *o, const struct options *options,
    uint8_t *pixels, struct decoder_error *error)
{
    /* an own allocation, so that a sanitizer knows where it ends */
    uint8_t       *stream = malloc(o->length + (o->length == 0));
    struct codec   c = {
        .rows = ROWS, .columns = COLUMNS,
        .samples = (uint16_t) options->samples,
        .bits_allocated = options->precision > 8 ? 16 : 8,
        .stream = stream, .length = o->length, .pixels = pixels,
        .error = error
    };
    bool           done;

    memcpy(stream, o->data, o->length);
    memset(error, 0, sizeof(*error));
    c.size = (size_t) ROWS * COLUMNS * c.samples * c.bits_allocated / 8;
    done = codec_jpeg_lossless(&c);
    free(stream);
    assert_true(done || error->detail[0] != '\0');
    return done;
}


static void
check_lossless(const struct options *options)
{
    static struct output   o;
    size_t                 count = ROWS * COLUMNS * options->samples;
    uint16_t              *values = calloc(count, sizeof(uint16_t));
    uint8_t               *pixels = malloc(2 * count);
    struct decoder_error   error;
    uint32_t               seed = options->predictor;

    for (size_t i = 0; i < count; i++) {
        seed = seed * 1103515245 + 12345;
        /* smooth, with an edge and wild values here and there */
        values[i] = (uint16_t) ((i * 3 + (seed >> 30)
            + (seed >> 27 == 0 ? seed >> 8 : 0))
            & ((1u << (options->precision - options->shift)) - 1));
    }
    encode(&o, options, values);
    if (!decode(&o, options, pixels, &error)) {
        fail_msg("%s", error.detail);
    }
    for (size_t i = 0; i < count; i++) {
        unsigned  got = options->precision > 8 ? pixels[2 * i]
            | (unsigned) pixels[2 * i + 1] << 8 : pixels[i];

        assert_int_equal(got, values[i] << options->shift);
    }
    free(values);
    free(pixels);
}


static void
test_lossless(void **state)
{
    for (unsigned predictor = 1; predictor <= 7; predictor++) {
        for (unsigned precision = 2; precision <= 16; precision++) {
            check_lossless(&(struct options) { precision, 1, predictor, 0,
                0 });
        }
        check_lossless(&(struct options) { 8, 3, predictor, 0, 0 });
        check_lossless(&(struct options) { 12, 1, predictor, 0, 4 });
        check_lossless(&(struct options) { 8, 3, predictor, 0, 1 });
        check_lossless(&(struct options) { 12, 1, predictor, 3, 0 });
    }
}


static void
test_lossless_damage(void **state)
{
    const struct options   options = { 12, 1, 1, 0, 4 };
    static struct output   o, whole;
    struct decoder_error   error;
    uint16_t               values[ROWS * COLUMNS];
    uint8_t                pixels[2 * ROWS * COLUMNS];
    uint32_t               seed = 3;

    for (size_t i = 0; i < ROWS * COLUMNS; i++) {
        values[i] = (uint16_t) (i * 77 & 4095);
    }
    encode(&whole, &options, values);

    for (size_t cut = 0; cut + 3 < whole.length; cut++) {
        o = whole;
        o.length = cut;
        assert_false(decode(&o, &options, pixels, &error));
    }
    for (unsigned round = 0; round < 5000; round++) {
        o = whole;
        for (unsigned i = 0; i <= round % 4; i++) {
            seed = seed * 1103515245 + 12345;
            o.data[(seed >> 8) % (round % 2 ? 80 : o.length)] =
                (uint8_t) (seed >> 24);
        }
        decode(&o, &options, pixels, &error);
    }
}


static void
test_rle_damage(void **state)
{
    uint8_t               pixels[2 * ROWS * COLUMNS];
    struct decoder_error  error;
    uint32_t              seed = 9;
    unsigned              done = 0;

    for (unsigned round = 0; round < 20000; round++) {
        size_t         length = round % 1500;
        uint8_t       *stream = malloc(length + 1);
        struct codec   c = {
            .rows = ROWS, .columns = COLUMNS, .samples = 1,
            .bits_allocated = 16, .stream = stream, .length = length,
            .pixels = pixels, .size = sizeof(pixels), .error = &error
        };

        for (size_t i = 0; i < length; i++) {
            seed = seed * 1103515245 + 12345;
            stream[i] = (uint8_t) (seed >> 24);
        }
        if (length >= 64 && round % 3 != 0) {
            memset(stream, 0, 64);
            stream[0] = 2;
            stream[4] = 64;
            stream[8] = (uint8_t) (round >> 3);
            stream[9] = (uint8_t) (round % 7);
        }
        memset(&error, 0, sizeof(error));
        done += codec_rle(&c);
        free(stream);
    }
    assert_in_range(done, 1, 19999);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_lossless),
        cmocka_unit_test(test_lossless_damage),
        cmocka_unit_test(test_rle_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
