/*
 * Pictures come back from PNG as they were, and from JPEG nearly so.
 */

/* links: render-worker/encode.c render-worker/encode_png.c */
/* links: render-worker/encode_jpeg.c render-worker/bands.c */
/* links: render-worker/deflate.c render-worker/log.c */
/* links: render-worker/jpeg_gray.c */
/* pkg: libjpeg zlib libcrypto */
/* libs: -lisal -lm */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jpeglib.h>
#include <openssl/evp.h>
#include <zlib.h>

#include "deflate.h"
#include "encode.h"

enum content { NOISE, SMOOTH, FLAT, EDGES, RARE };

static uint8_t *
make_picture(uint32_t width, uint32_t height, unsigned samples,
    enum content content)
{
    uint8_t *pixels = malloc((size_t) width * height * samples);
    uint32_t state = 12345;

    assert_non_null(pixels);
    for (size_t i = 0; i < (size_t) width * height * samples; i++) {
        size_t x = i / samples % width, y = i / samples / width;

        state = state * 1664525 + 1013904223;
        pixels[i] = content == NOISE ? (uint8_t) (state >> 24)
            : content == FLAT ? 7
            : content == EDGES ? (x / 5 + y / 11) % 2 * 255
            : content == RARE ? (uint8_t) ((state >> 30)
                + (i % 9973 == 0 ? state >> 24 : 0))
            : (uint8_t) ((x + y) / 4 + i % samples * 9);
    }
    return pixels;
}

static uint32_t
be32(const uint8_t *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
        | (uint32_t) p[2] << 8 | p[3];
}

/* Reads the IDAT chunks of a PNG of filter Up, checking all CRCs. */
static uint8_t *
read_png(const uint8_t *data, size_t length, uint32_t width, uint32_t height,
    unsigned samples)
{
    size_t stride = (size_t) width * samples;
    uLongf size = (stride + 1) * height;
    uint8_t *plain = malloc(size), *pixels = malloc(stride * height);
    uint8_t *packed = malloc(length);
    size_t npacked = 0;
    unsigned chunks = 0, ended = 0;

    assert_memory_equal(data, "\x89PNG\r\n\x1a\n", 8);
    for (size_t at = 8; at < length; chunks++) {
        uint32_t n = be32(data + at);
        const uint8_t *type = data + at + 4;

        assert_true(at + 12 + n <= length);
        assert_int_equal(crc32(0, type, n + 4), be32(type + 4 + n));
        if (chunks == 0) {
            assert_memory_equal(type, "IHDR", 4);
            assert_int_equal(be32(type + 4), width);
            assert_int_equal(be32(type + 8), height);
            assert_int_equal(type[12], 8);
            assert_int_equal(type[13], samples == 1 ? 0 : 2);
        } else if (memcmp(type, "IDAT", 4) == 0) {
            memcpy(packed + npacked, type + 4, n);
            npacked += n;
        } else {
            assert_memory_equal(type, "IEND", 4);
            assert_int_equal(at + 12 + n, length);
            ended++;
        }
        at += 12 + n;
    }
    assert_int_equal(ended, 1);
    assert_int_equal(uncompress(plain, &size, packed, npacked), Z_OK);
    assert_int_equal(size, (stride + 1) * height);
    free(packed);

    for (uint32_t y = 0; y < height; y++) {
        const uint8_t *row = plain + y * (stride + 1);

        assert_int_equal(row[0], 2);
        for (size_t x = 0; x < stride; x++) {
            pixels[y * stride + x] = (uint8_t) (row[1 + x]
                + (y > 0 ? pixels[(y - 1) * stride + x] : 0));
        }
    }
    free(plain);
    return pixels;
}

/* Alone, and with helpers: the bytes must be the same, and the hash right. */
static void
encode_both(enum encode_format format, const uint8_t *pixels, uint32_t width,
    uint32_t height, unsigned samples, unsigned quality, uint8_t **data,
    size_t *length)
{
    uint8_t hash[2][32] = { { 0 } }, want[32];
    struct encode_source source = { pixels, width, height, samples, hash[0] };
    struct bands *bands = bands_create(4, NULL, encode_thread_finish);
    uint8_t *other = NULL;
    size_t other_length = 0;

    assert_non_null(bands);
    assert_true(encode_picture(format, &source, quality, NULL, data, length));
    source.sha256 = hash[1];
    assert_true(encode_picture(format, &source, quality, bands, &other,
        &other_length));
    bands_destroy(bands);
    EVP_Digest(pixels, (size_t) width * height * samples, want, NULL,
        EVP_sha256(), NULL);
    assert_memory_equal(hash[0], want, sizeof(want));
    assert_memory_equal(hash[1], want, sizeof(want));
    assert_int_equal(*length, other_length);
    assert_memory_equal(*data, other, other_length);
    free(other);
}

static void
check_png(uint32_t width, uint32_t height, unsigned samples,
    enum content content)
{
    uint8_t *pixels = make_picture(width, height, samples, content);
    uint8_t *data = NULL, *back;
    size_t length = 0;

    encode_both(ENCODE_PNG, pixels, width, height, samples, 0, &data, &length);
    back = read_png(data, length, width, height, samples);
    assert_memory_equal(back, pixels, (size_t) width * height * samples);
    if (content != NOISE && width > 100) {
        assert_true(length < (size_t) width * height * samples
            / (content == RARE ? 2 : 4));
    }
    free(back);
    free(data);
    free(pixels);
}

static void
test_png(void **state)
{
    (void) state;
    for (unsigned samples = 1; samples <= 3; samples += 2) {
        check_png(1, 1, samples, NOISE);
        check_png(3, 1, samples, NOISE);
        check_png(1, 257, samples, NOISE);
        check_png(512, 512, samples, SMOOTH);
        check_png(512, 512, samples, NOISE);    /* stored blocks */
        check_png(2457, 1996, samples, SMOOTH);
        check_png(1023, 777, samples, NOISE);
        check_png(640, 480, samples, FLAT);
        check_png(2457, 1996, samples, RARE);   /* codes hardly ever used */
    }
    encode_thread_finish();
    check_png(64, 64, 1, SMOOTH);               /* scratch comes back */
    encode_thread_finish();
}

/*
 * However unlike the bytes that are counted are to the others, all come back
 * and the output stays within that of stored blocks.
 */
static void
test_deflate_uncounted(void **state)
{
    const size_t length = 1u << 20, group = 64;
    uint8_t *in = malloc(length), *back = malloc(length);
    uint8_t *out = malloc(deflate_bound(length));
    struct deflate *deflate = deflate_create();
    uint32_t random = 1;

    (void) state;
    for (unsigned calm = 0; calm < 8; calm++) {
        z_stream stream = { 0 };

        for (size_t i = 0; i < length; i++) {
            random = random * 1664525 + 1013904223;
            in[i] = (uint8_t) (random >> 24);
            if ((uint32_t) (i / group) * 0x9e3779b1u >> 29 == calm) {
                in[i] &= 1;
            }
        }
        in[length - 1] = 128;           /* any step may be there */
        size_t n = deflate_run(deflate, in, length, true, out);

        assert_true(n > 0 && n <= length + (length / 65535 + 1) * 5);
        stream.next_in = out;
        stream.avail_in = (uInt) n;
        stream.next_out = back;
        stream.avail_out = (uInt) length;
        assert_int_equal(inflateInit2(&stream, -15), Z_OK);
        assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
        assert_int_equal(stream.total_out, length);
        assert_memory_equal(in, back, length);
        inflateEnd(&stream);
    }
    deflate_destroy(deflate);
    free(in);
    free(out);
    free(back);
}

static void
check_jpeg(uint32_t width, uint32_t height, unsigned samples,
    unsigned quality, int tolerance, int sampling)
{
    uint8_t *pixels = make_picture(width, height, samples, SMOOTH);
    uint8_t *row = malloc((size_t) width * samples), *data = NULL;
    size_t length = 0;
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;

    encode_both(ENCODE_JPEG, pixels, width, height, samples, quality, &data,
        &length);
    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&cinfo);
    jpeg_mem_src(&cinfo, data, length);
    assert_int_equal(jpeg_read_header(&cinfo, TRUE), JPEG_HEADER_OK);
    assert_int_equal(cinfo.image_width, width);
    assert_int_equal(cinfo.image_height, height);
    assert_int_equal(cinfo.num_components, samples);
    assert_int_equal(cinfo.comp_info[0].h_samp_factor, sampling);
    jpeg_start_decompress(&cinfo);
    while (cinfo.output_scanline < height) {
        const uint8_t *want = pixels
            + (size_t) cinfo.output_scanline * width * samples;

        jpeg_read_scanlines(&cinfo, &row, 1);
        for (size_t i = 0; i < (size_t) width * samples; i++) {
            assert_true(abs(row[i] - want[i]) <= tolerance);
        }
    }
    jpeg_finish_decompress(&cinfo);
    jpeg_destroy_decompress(&cinfo);
    assert_int_equal(errors.num_warnings, 0);
    free(row);
    free(data);
    free(pixels);
}

static void
test_jpeg(void **state)
{
    (void) state;
    check_jpeg(1, 1, 1, 90, 8, 1);
    check_jpeg(17, 33, 1, 100, 2, 1);
    check_jpeg(512, 512, 1, 90, 12, 1);
    check_jpeg(512, 300, 3, 90, 16, 1);
    check_jpeg(512, 300, 3, 75, 40, 2);
    check_jpeg(64, 64, 3, 1, 255, 2);
}

/* The restart interval that a file begins with, 0: none (T.81 B.2.4.4). */
static unsigned
restart_interval(const uint8_t *data)
{
    for (size_t at = 2; data[at + 1] != 0xda;
         at += 2 + ((size_t) data[at + 2] << 8) + data[at + 3])
    {
        if (data[at + 1] == 0xdd) {
            return (unsigned) data[at + 4] << 8 | data[at + 5];
        }
    }
    return 0;
}

/* Put together from bands, a picture has the bytes that libjpeg writes. */
static void
check_jpeg_bands(uint32_t width, uint32_t height, unsigned samples,
    unsigned quality, enum content content)
{
    size_t length = 0;
    uint8_t *pixels = make_picture(width, height, samples, content);
    uint8_t *data = NULL, *whole = NULL;
    unsigned long whole_length = 0;
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;

    encode_both(ENCODE_JPEG, pixels, width, height, samples, quality, &data,
        &length);
    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, &whole, &whole_length);
    cinfo.image_width = width;
    cinfo.image_height = height;
    cinfo.input_components = (int) samples;
    cinfo.in_color_space = samples == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&cinfo);
    jpeg_set_quality(&cinfo, (int) quality, TRUE);
    cinfo.comp_info[0].h_samp_factor = quality < 90 && samples == 3 ? 2 : 1;
    cinfo.comp_info[0].v_samp_factor = cinfo.comp_info[0].h_samp_factor;
    cinfo.restart_interval = restart_interval(data);
    jpeg_start_compress(&cinfo, TRUE);
    while (cinfo.next_scanline < height) {
        JSAMPROW row = pixels + (size_t) cinfo.next_scanline * width * samples;

        jpeg_write_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);

    assert_int_equal(length, whole_length);
    assert_memory_equal(data, whole, length);
    free(whole);
    free(data);
    free(pixels);
}

static void
test_jpeg_bands(void **state)
{
    static const unsigned qualities[] = { 1, 10, 50, 75, 90, 97, 100 };

    (void) state;
    check_jpeg_bands(2457, 1996, 1, 90, SMOOTH);    /* all restart markers */
    check_jpeg_bands(1023, 777, 3, 90, SMOOTH);
    check_jpeg_bands(16001, 65, 1, 90, SMOOTH);     /* one row of blocks each */
    check_jpeg_bands(1023, 777, 3, 75, SMOOTH);
    check_jpeg_bands(64, 8193, 1, 50, SMOOTH);
    check_jpeg_bands(128, 8, 1, 90, NOISE);         /* whole groups of blocks */
    for (unsigned i = 0; i < sizeof(qualities) / sizeof(qualities[0]); i++) {
        check_jpeg_bands(512, 512, 1, qualities[i], NOISE);
        check_jpeg_bands(1023, 777, 1, qualities[i], NOISE);
        check_jpeg_bands(640, 480, 1, qualities[i], SMOOTH);
        check_jpeg_bands(640, 480, 1, qualities[i], FLAT);
        check_jpeg_bands(640, 480, 1, qualities[i], EDGES);
        for (uint32_t size = 1; size < 30; size += 3) {
            check_jpeg_bands(size, 31 - size, 1, qualities[i], NOISE);
        }
    }
}

/* JPEG starts with a buffer of an eighth of the pixels: noise overflows it */
static void
test_jpeg_grows(void **state)
{
    uint8_t *pixels = make_picture(700, 500, 3, NOISE), *data = NULL;
    size_t length = 0;

    (void) state;
    encode_both(ENCODE_JPEG, pixels, 700, 500, 3, 100, &data, &length);
    assert_true(length > 700 * 500);
    assert_int_equal(data[length - 2], 0xff);
    assert_int_equal(data[length - 1], 0xd9);
    free(data);
    free(pixels);
}

static void
test_refused(void **state)
{
    uint8_t pixel[4] = { 0 }, *data = NULL;
    size_t length = 0;
    const struct encode_source sources[] = {
        { pixel, 0, 1, 1, NULL }, { pixel, 1, 0, 1, NULL },
        { pixel, 1, 1, 4, NULL },
    };

    (void) state;
    for (int i = 0; i < 3; i++) {
        assert_false(encode_picture(ENCODE_PNG, &sources[i], 0, NULL, &data,
            &length));
    }
    assert_null(data);
}

/* As many bytes as one may have, and not many fewer. */
static void
test_jpeg_within(void **state)
{
    static const size_t most[] = { 100000, 60000, 30000, 12000 };
    uint8_t *pixels = make_picture(300, 300, 1, NOISE), *data;
    struct encode_source source = { pixels, 300, 300, 1, NULL };
    size_t length;

    (void) state;
    for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
        unsigned quality = 95;

        data = NULL;
        assert_true(encode_within(&source, &quality, most[i], NULL, &data,
            &length));
        if (i == 3) {
            assert_null(data);      /* only a smaller one would fit */
            break;
        }
        assert_non_null(data);
        assert_true(length <= most[i] && length > most[i] / 2);
        assert_true(i == 0 ? quality == 95 : quality < 95);
        free(data);
    }
    free(pixels);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_jpeg_within),
        cmocka_unit_test(test_png),
        cmocka_unit_test(test_deflate_uncounted),
        cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_jpeg_bands),
        cmocka_unit_test(test_jpeg_grows),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
