/*
 * Frames through the sandboxed child: every layout and codec against pixels
 * that were made here.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <charls/charls.h>
#include <jpeglib.h>
#include <openjpeg.h>
#include <zlib.h>

#include "decoder.h"
#include "dicom_bytes.h"
#include "log.h"

/* links: render-worker/decoder.c render-worker/decoder_child.c */
/* links: render-worker/zygote.c render-worker/sandbox.c */
/* links: render-worker/header.c render-worker/header_frames.c */
/* links: render-worker/header_series.c render-worker/header_values.c */
/* links: render-worker/header_picture.c render-worker/header_tables.c */
/* links: render-worker/attribute.c render-worker/charset.c */
/* links: render-worker/meta.c render-worker/structure.c */
/* links: render-worker/child_content.c render-worker/dataset.c */
/* links: render-worker/dicom_json.c render-worker/element.c */
/* links: render-worker/json.c render-worker/metadata.c */
/* links: render-worker/fragments.c render-worker/index.c */
/* links: render-worker/index_values.c */
/* links: render-worker/pack.c render-worker/presentation.c */
/* links: render-worker/header_shutter.c render-worker/header_presentation.c */
/* links: render-worker/header_graphics.c */
/* links: render-worker/codec.c render-worker/codec_native.c */
/* links: render-worker/rle.c render-worker/inflated.c */
/* links: render-worker/codec_jxl.c render-worker/codec_video.c */
/* links: render-worker/codec_jpeg.c render-worker/jpeg_lossless.c */
/* links: render-worker/codec_jpegls.c render-worker/codec_jpeg2000.c */
/* links: render-worker/dicom_gdcm.cc render-worker/log.c */
/* pkg: libseccomp libjpeg libopenjp2 charls zlib */
/* optional: libjxl */
/* libs: -lgdcmMSFF -lgdcmDSED -lgdcmDICT -lgdcmCommon */

#define ROWS     37u
#define COLUMNS  50u
#define PIXELS   (ROWS * COLUMNS)

static const uint8_t    anna[16] = { 1 };
static struct decoder  *decoder;


static int
setup(void **state)
{
    const struct decoder_config  config = { 2, 10000, 512u << 20 };

    log_set_level(LOG_LEVEL_ERROR);
    decoder = decoder_create(&config);
    return decoder != NULL ? 0 : -1;
}


static int
teardown(void **state)
{
    decoder_destroy(decoder);
    return 0;
}


/* A smooth picture with some noise, count samples of bytes each. */
static uint8_t *
make_samples(size_t count, unsigned bytes, unsigned bits)
{
    uint8_t   *samples = malloc(count * bytes);
    uint32_t   seed = 5;

    for (size_t i = 0; i < count; i++) {
        uint32_t  value;

        seed = seed * 1103515245 + 12345;
        value = (uint32_t) (i % COLUMNS * 3 + i / COLUMNS * 5)
            << (bits > 8 ? bits - 8 : 0);
        value = (value + (seed >> 28)) & (uint32_t) ((UINT64_C(1) << bits)
            - 1);
        for (unsigned k = 0; k < bytes; k++) {
            samples[i * bytes + k] = k < 4 ? (uint8_t) (value >> (8 * k)) : 0;
        }
    }
    return samples;
}


static void
begin(struct dicom_bytes *b, const char *syntax,
    const struct bytes_picture *picture)
{
    bytes_meta(b, syntax);
    bytes_header(b, "1.2.3.4", picture);
}


static struct bytes_picture
gray(unsigned allocated, unsigned stored)
{
    struct bytes_picture  p = { .photometric = "MONOCHROME2", .rows = ROWS,
        .columns = COLUMNS, .samples = 1, .allocated = allocated,
        .stored = stored };

    return p;
}


static struct bytes_picture
colour(const char *photometric, unsigned planar)
{
    struct bytes_picture  p = { .photometric = photometric, .rows = ROWS,
        .columns = COLUMNS, .samples = 3, .planar = planar, .allocated = 8 };

    return p;
}


/* The pixels of a frame, malloc'ed; the file is closed. */
static uint8_t *
decode(struct dicom_bytes *b, uint32_t frame, uint8_t *photometric,
    size_t *size)
{
    struct decoder_header  header;
    struct decoder_error   error = { 0 };
    uint8_t               *pixels;
    int                    fd = bytes_file(b);

    if (!decoder_header(decoder, fd, anna, &header, &error)) {
        fail_msg("header: %s", error.detail);
    }
    assert_int_equal(header.index.storage, STORAGE_CHILD);
    *size = (size_t) index_frame_size(&header.index);
    pixels = malloc(*size);
    if (!decoder_frame(decoder, fd, anna, &header.index, frame, pixels, *size,
        photometric, &error))
    {
        fail_msg("frame: %s", error.detail);
    }
    decoder_header_finish(&header);
    close(fd);
    return pixels;
}


/* Decodes frame and compares it with expected, which is freed. */
static void
assert_frame(struct dicom_bytes *b, uint32_t frame, uint8_t *expected,
    unsigned tolerance, uint8_t photometric)
{
    size_t    size;
    uint8_t   got = 0, *pixels = decode(b, frame, &got, &size);
    unsigned  worst = 0;

    for (size_t i = 0; i < size; i++) {
        unsigned  difference = (unsigned) abs(pixels[i] - expected[i]);

        worst = difference > worst ? difference : worst;
    }
    assert_in_range(worst, 0, tolerance);
    assert_int_equal(got, photometric);
    free(pixels);
    free(expected);
}


static void
test_planar(void **state)
{
    struct bytes_picture  p = colour("RGB", 1);
    struct dicom_bytes    b = { 0 };
    uint8_t              *samples = make_samples(PIXELS * 3, 1, 8);
    uint8_t              *expected = malloc(PIXELS * 3);

    for (size_t i = 0; i < PIXELS * 3; i++) {
        expected[i % PIXELS * 3 + i / PIXELS] = samples[i];
    }
    begin(&b, "1.2.840.10008.1.2.1", &p);
    bytes_element(&b, 0x7fe00010, "OB", samples, PIXELS * 3);
    free(samples);
    assert_frame(&b, 0, expected, 0, PHOTOMETRIC_RGB);
}


static void
test_422(void **state)
{
    struct bytes_picture  p = colour("YBR_FULL_422", 0);
    struct dicom_bytes    b = { 0 };
    uint8_t              *samples = make_samples(PIXELS * 2, 1, 8);
    uint8_t              *expected = malloc(PIXELS * 3);

    for (size_t i = 0; i < PIXELS; i++) {
        expected[3 * i] = samples[i / 2 * 4 + i % 2];
        expected[3 * i + 1] = samples[i / 2 * 4 + 2];
        expected[3 * i + 2] = samples[i / 2 * 4 + 3];
    }
    begin(&b, "1.2.840.10008.1.2.1", &p);
    bytes_element(&b, 0x7fe00010, "OB", samples, PIXELS * 2);
    free(samples);
    assert_frame(&b, 0, expected, 0, PHOTOMETRIC_YBR_FULL_422);
}


/* Frames of 1850 pixels, so that the second one begins within a byte. */
static void
test_bits(void **state)
{
    struct bytes_picture  p = gray(1, 1);
    uint8_t               packed[(2 * PIXELS + 7) / 8] = { 0 };

    p.frames = 2;
    for (uint32_t frame = 0; frame < 2; frame++) {
        struct dicom_bytes  b = { 0 };
        uint8_t            *expected = malloc(PIXELS);

        for (size_t i = 0; i < 2 * PIXELS; i++) {
            packed[i / 8] |= (uint8_t) ((i * i % 7 == 1) << (i % 8));
        }
        for (size_t i = 0; i < PIXELS; i++) {
            size_t  n = frame * PIXELS + i;

            expected[i] = n * n % 7 == 1;
        }
        begin(&b, "1.2.840.10008.1.2.1", &p);
        bytes_element(&b, 0x7fe00010, "OB", packed, sizeof(packed));
        assert_frame(&b, frame, expected, 0, PHOTOMETRIC_MONOCHROME2);
    }
}


static void
test_deflated(void **state)
{
    struct bytes_picture  p = gray(16, 16);
    struct dicom_bytes    b = { 0 }, data = { 0 };
    uint8_t              *samples = make_samples(PIXELS, 2, 16);
    uint8_t              *packed;
    z_stream              z = { 0 };

    bytes_header(&data, "1.2.3.4", &p);
    bytes_element(&data, 0x7fe00010, "OW", samples, PIXELS * 2);
    packed = malloc(data.length + 1000);
    deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
    z.next_in = data.data;
    z.avail_in = (uInt) data.length;
    z.next_out = packed;
    z.avail_out = (uInt) data.length + 1000;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);

    bytes_meta(&b, "1.2.840.10008.1.2.1.99");
    bytes_put(&b, packed, z.total_out);
    deflateEnd(&z);
    free(packed);
    free(data.data);
    assert_frame(&b, 0, samples, 0, PHOTOMETRIC_MONOCHROME2);
}


/* RLE of the plainest kind: runs where there are some, else literals. */
static void
put_packbits(struct dicom_bytes *b, const uint8_t *p, size_t count,
    size_t step)
{
    size_t  i = 0;

    while (i < count) {
        size_t  run = 1;

        while (i + run < count && run < 128
            && p[(i + run) * step] == p[i * step])
        {
            run++;
        }
        if (run > 1) {
            const uint8_t  pair[2] = { (uint8_t) (257 - run), p[i * step] };

            bytes_put(b, pair, 2);
        } else {
            const uint8_t  pair[2] = { 0, p[i * step] };

            bytes_put(b, pair, 2);
        }
        i += run;
    }
    if (b->length % 2 != 0) {
        bytes_put(b, "\x80", 1);
    }
}


static void
check_rle(struct bytes_picture p, unsigned bits)
{
    struct dicom_bytes  b = { 0 }, segment[12] = { 0 };
    unsigned            bytes = p.allocated / 8, count = bytes * p.samples;
    uint8_t            *samples = make_samples(PIXELS * p.samples, bytes,
        bits);
    uint32_t            at = 64;
    struct dicom_bytes  frame = { 0 };

    for (unsigned i = 0; i < count; i++) {
        put_packbits(&segment[i], samples + i / bytes * bytes
            + (bytes - 1 - i % bytes), PIXELS, count);
    }
    bytes_number(&frame, count, 4);
    for (unsigned i = 0; i < 15; i++) {
        bytes_number(&frame, i < count ? at : 0, 4);
        at += i < count ? (uint32_t) segment[i].length : 0;
    }
    for (unsigned i = 0; i < count; i++) {
        bytes_put(&frame, segment[i].data, segment[i].length);
        free(segment[i].data);
    }

    begin(&b, "1.2.840.10008.1.2.5", &p);
    bytes_encapsulated(&b);
    bytes_item(&b, frame.data, frame.length);
    bytes_end(&b);
    free(frame.data);
    assert_frame(&b, 0, samples, 0, p.samples == 3 ? PHOTOMETRIC_YBR_FULL
        : PHOTOMETRIC_MONOCHROME2);
}


static void
test_rle(void **state)
{
    check_rle(gray(8, 8), 8);
    check_rle(gray(16, 12), 12);
    check_rle(gray(32, 32), 32);
    check_rle(colour("YBR_FULL", 0), 8);
}


/* DCT loses something, so a smooth picture within a tolerance. */
static void
check_jpeg(const char *photometric, bool ycc, unsigned fragments)
{
    struct jpeg_compress_struct  info;
    struct jpeg_error_mgr        errors;
    unsigned                     samples = photometric[0] == 'M' ? 1 : 3;
    struct bytes_picture         p = colour(photometric, 0);
    struct dicom_bytes           b = { 0 };
    uint8_t                     *pixels = malloc(PIXELS * samples);
    unsigned char               *out = NULL;
    unsigned long                length = 0;

    for (size_t i = 0; i < PIXELS * samples; i++) {
        size_t  n = i / samples;

        pixels[i] = (uint8_t) (n % COLUMNS * 2 + n / COLUMNS
            + i % samples * 30);
    }

    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &out, &length);
    info.image_width = COLUMNS;
    info.image_height = ROWS;
    info.input_components = (int) samples;
    info.in_color_space = samples == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&info);
    if (samples == 3) {
        jpeg_set_colorspace(&info, ycc ? JCS_YCbCr : JCS_RGB);
    }
    info.write_JFIF_header = FALSE;
    info.write_Adobe_marker = FALSE;
    jpeg_set_quality(&info, 98, TRUE);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < ROWS) {
        JSAMPROW  row = pixels + info.next_scanline * COLUMNS * samples;

        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);

    p.samples = samples;
    begin(&b, "1.2.840.10008.1.2.4.50", &p);
    bytes_encapsulated(&b);
    for (unsigned i = 0; i < fragments; i++) {
        size_t  part = (length / fragments + 1) & ~1ul;
        size_t  left = length - i * part;

        bytes_item(&b, out + i * part, i + 1 < fragments ? part : left);
    }
    bytes_end(&b);
    free(out);
    assert_frame(&b, 0, pixels, 5, samples == 1 ? PHOTOMETRIC_MONOCHROME2
        : PHOTOMETRIC_RGB);
}


static void
test_jpeg(void **state)
{
    check_jpeg("MONOCHROME2", false, 1);
    check_jpeg("YBR_FULL_422", true, 1);
    check_jpeg("YBR_FULL_422", true, 4);
    /* no marker tells; RGB by component ids, whatever the data set says */
    check_jpeg("YBR_FULL_422", false, 1);
    check_jpeg("RGB", false, 1);
}


static void
check_jpegls(struct bytes_picture p, unsigned bits, int interleave)
{
    charls_jpegls_encoder  *encoder = charls_jpegls_encoder_create();
    charls_frame_info       info = { COLUMNS, ROWS, (int32_t) bits,
        (int32_t) p.samples };
    unsigned                bytes = p.allocated / 8;
    uint8_t                *samples = make_samples(PIXELS * p.samples, bytes,
        bits);
    uint8_t                *input = malloc(PIXELS * p.samples * bytes);
    uint8_t                *out = malloc(100000);
    struct dicom_bytes      b = { 0 };
    size_t                  length = 0;

    memcpy(input, samples, PIXELS * p.samples * bytes);
    if (interleave == CHARLS_INTERLEAVE_MODE_NONE && p.samples == 3) {
        for (size_t i = 0; i < PIXELS * 3; i++) {
            input[i % 3 * PIXELS + i / 3] = samples[i];
        }
    }
    assert_int_equal(charls_jpegls_encoder_set_frame_info(encoder, &info), 0);
    if (p.samples == 3) {
        assert_int_equal(charls_jpegls_encoder_set_interleave_mode(encoder,
            (charls_interleave_mode) interleave), 0);
    }
    assert_int_equal(charls_jpegls_encoder_set_destination_buffer(encoder, out,
        100000), 0);
    assert_int_equal(charls_jpegls_encoder_encode_from_buffer(encoder, input,
        PIXELS * p.samples * bytes, 0), 0);
    assert_int_equal(charls_jpegls_encoder_get_bytes_written(encoder, &length),
        0);
    charls_jpegls_encoder_destroy(encoder);
    free(input);

    begin(&b, "1.2.840.10008.1.2.4.80", &p);
    bytes_encapsulated(&b);
    bytes_item(&b, out, length);
    bytes_end(&b);
    free(out);
    assert_frame(&b, 0, samples, 0, p.samples == 3 ? PHOTOMETRIC_RGB
        : PHOTOMETRIC_MONOCHROME2);
}


static void
test_jpegls(void **state)
{
    check_jpegls(gray(8, 8), 8, 0);
    check_jpegls(gray(16, 12), 12, 0);
    check_jpegls(gray(16, 16), 16, 0);
    check_jpegls(colour("RGB", 0), 8, CHARLS_INTERLEAVE_MODE_NONE);
    check_jpegls(colour("RGB", 0), 8, CHARLS_INTERLEAVE_MODE_LINE);
    check_jpegls(colour("RGB", 0), 8, CHARLS_INTERLEAVE_MODE_SAMPLE);
}


static OPJ_SIZE_T
write_bytes(void *buffer, OPJ_SIZE_T size, void *data)
{
    bytes_put(data, buffer, size);
    return size;
}


static OPJ_OFF_T
skip_bytes(OPJ_OFF_T by, void *data)
{
    return -1;
}


static void
check_jpeg2000(struct bytes_picture p, unsigned bits)
{
    opj_cparameters_t      parameters;
    opj_image_cmptparm_t   components[3] = { { 0 } };
    unsigned               bytes = p.allocated / 8;
    uint8_t               *samples = make_samples(PIXELS * p.samples, bytes,
        bits);
    opj_codec_t           *codec = opj_create_compress(OPJ_CODEC_J2K);
    opj_stream_t          *stream = opj_stream_default_create(OPJ_FALSE);
    opj_image_t           *image;
    struct dicom_bytes     b = { 0 }, out = { 0 };

    for (unsigned i = 0; i < p.samples; i++) {
        components[i] = (opj_image_cmptparm_t) { .dx = 1, .dy = 1,
            .w = COLUMNS, .h = ROWS, .prec = bits };
    }
    image = opj_image_create(p.samples, components, p.samples == 3
        ? OPJ_CLRSPC_SRGB : OPJ_CLRSPC_GRAY);
    image->x1 = COLUMNS;
    image->y1 = ROWS;
    for (size_t i = 0; i < PIXELS * p.samples; i++) {
        image->comps[i % p.samples].data[i / p.samples] = bytes == 1
            ? samples[i] : samples[2 * i] | samples[2 * i + 1] << 8;
    }
    opj_set_default_encoder_parameters(&parameters);
    parameters.tcp_mct = p.samples == 3;
    parameters.tcp_numlayers = 1;
    parameters.cp_disto_alloc = 1;
    parameters.numresolution = 3;
    opj_stream_set_write_function(stream, write_bytes);
    opj_stream_set_skip_function(stream, skip_bytes);
    opj_stream_set_user_data(stream, &out, NULL);
    assert_true(opj_setup_encoder(codec, &parameters, image));
    assert_true(opj_start_compress(codec, image, stream));
    assert_true(opj_encode(codec, stream));
    assert_true(opj_end_compress(codec, stream));
    opj_stream_destroy(stream);
    opj_destroy_codec(codec);
    opj_image_destroy(image);

    begin(&b, "1.2.840.10008.1.2.4.90", &p);
    bytes_encapsulated(&b);
    bytes_item(&b, out.data, out.length);
    bytes_end(&b);
    free(out.data);
    assert_frame(&b, 0, samples, 0, p.samples == 3 ? PHOTOMETRIC_RGB
        : PHOTOMETRIC_MONOCHROME2);
}


static void
test_jpeg2000(void **state)
{
    check_jpeg2000(gray(8, 8), 8);
    check_jpeg2000(gray(16, 12), 12);
    check_jpeg2000(gray(16, 16), 16);
    check_jpeg2000(colour("YBR_RCT", 0), 8);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_planar),
        cmocka_unit_test(test_422),
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_deflated),
        cmocka_unit_test(test_rle),
        cmocka_unit_test(test_jpeg),
        cmocka_unit_test(test_jpegls),
        cmocka_unit_test(test_jpeg2000),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
