/*
 * Frames that are parts of one stream: videos and deflated data sets in every
 * order, of several files in turn, and damaged; and JPEG XL, which like video
 * is there only where the system has its library.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <stdio.h>
#include <cmocka.h>

#include <zlib.h>
#ifdef HAVE_LIBJXL
#include <jxl/encode.h>
#endif
#ifdef HAVE_FFMPEG
#include <libavcodec/avcodec.h>
#include <libavutil/frame.h>
#endif

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
/* optional: libjxl libavcodec libavutil */
/* libs: -lgdcmMSFF -lgdcmDSED -lgdcmDICT -lgdcmCommon */

#define ROWS     144u
#define COLUMNS  176u
#define PIXELS   (ROWS * COLUMNS)
#define FRAMES   30u

static const uint8_t    anna[16] = { 1 };
static struct decoder  *decoder;

/* A file that stays open over several frames. */
struct picture {
    int                    fd;
    struct decoder_header  header;
    size_t                 size;
    uint8_t               *pixels;
};


static int
setup(void **state)
{
    const struct decoder_config  config = { 2, 60000, 1024u << 20 };

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


static void
open_picture(struct picture *p, struct dicom_bytes *b)
{
    struct decoder_error  error = { 0 };

    p->fd = bytes_file(b);
    if (!decoder_header(decoder, p->fd, anna, &p->header, &error)) {
        fail_msg("header: %s", error.detail);
    }
    p->size = (size_t) index_frame_size(&p->header.index);
    p->pixels = malloc(p->size);
}


static void
close_picture(struct picture *p)
{
    decoder_header_finish(&p->header);
    free(p->pixels);
    close(p->fd);
}


static enum decoder_status
read_frame(struct picture *p, uint32_t frame)
{
    struct decoder_error  error = { 0 };
    uint8_t               photometric;

    return decoder_frame(decoder, p->fd, anna, &p->header.index, frame,
        p->pixels, p->size, &photometric, &error) ? DECODER_OK : error.status;
}


/* Number of Frames may promise more than there is. */
static void
test_frames(void **state)
{
    struct bytes_picture  shape = { .photometric = "MONOCHROME2", .rows = 4,
        .columns = 4, .samples = 1, .allocated = 16, .frames = 3 };
    const uint8_t         pixels[70] = { 0 };
    struct dicom_bytes    b = { 0 };
    struct picture        p;

    bytes_meta(&b, "1.2.840.10008.1.2.1");
    bytes_header(&b, "1.2.3.4", &shape);
    bytes_element(&b, 0x7fe00010, "OW", pixels, sizeof(pixels));
    open_picture(&p, &b);
    assert_int_equal(p.header.index.nframes, 2);
    close_picture(&p);
}


/* The bits of frame i, in a pattern that no other frame has. */
static unsigned
bit_of(uint32_t frame, size_t i)
{
    return (i * i + frame * 5) % 11 < 4;
}


static void
make_deflated(struct dicom_bytes *b, struct bytes_picture *p)
{
    struct dicom_bytes  data = { 0 };
    size_t              length = ((size_t) p->rows * p->columns * FRAMES + 7)
        / 8;
    uint8_t            *packed = calloc(1, length), *out;
    z_stream            z = { 0 };

    for (size_t i = 0; i < (size_t) p->rows * p->columns * FRAMES; i++) {
        packed[i / 8] |= (uint8_t) (bit_of((uint32_t) (i / (p->rows
            * p->columns)), i % (p->rows * p->columns)) << (i % 8));
    }
    bytes_header(&data, "1.2.3.4", p);
    bytes_element(&data, 0x7fe00010, "OB", packed, length);

    out = malloc(data.length + 1000);
    deflateInit2(&z, 6, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
    z.next_in = data.data;
    z.avail_in = (uInt) data.length;
    z.next_out = out;
    z.avail_out = (uInt) data.length + 1000;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    bytes_meta(b, "1.2.840.10008.1.2.1.99");
    bytes_put(b, out, z.total_out);
    deflateEnd(&z);
    free(out);
    free(packed);
    free(data.data);
}


/* One-bit frames that begin within a byte, in and out of order. */
static void
test_deflated(void **state)
{
    static const uint32_t  order[] = { 0, 1, 2, 3, 29, 28, 4, 5, 4, 29, 0 };
    struct bytes_picture   shape[2] = {
        { .photometric = "MONOCHROME2", .rows = 333, .columns = 1001,
          .samples = 1, .allocated = 1, .frames = FRAMES },
        { .photometric = "MONOCHROME2", .rows = 37, .columns = 51,
          .samples = 1, .allocated = 1, .frames = FRAMES }
    };
    struct picture         pictures[2];

    for (unsigned k = 0; k < 2; k++) {
        struct dicom_bytes  b = { 0 };

        make_deflated(&b, &shape[k]);
        open_picture(&pictures[k], &b);
    }
    for (size_t n = 0; n < sizeof(order) / sizeof(order[0]); n++) {
        for (unsigned k = 0; k < 2; k++) {
            size_t  wrong = 0;

            assert_int_equal(read_frame(&pictures[k], order[n]), DECODER_OK);
            for (size_t i = 0; i < pictures[k].size; i++) {
                wrong += pictures[k].pixels[i] != bit_of(order[n], i);
            }
            assert_int_equal(wrong, 0);
        }
    }
    close_picture(&pictures[0]);
    close_picture(&pictures[1]);
}


#ifdef HAVE_FFMPEG

/* Each frame is of one gray, so that its place in the film is seen. */
static uint8_t
luma_of(uint32_t frame)
{
    return (uint8_t) (16 + frame * 7);
}


static void
drain(AVCodecContext *encoder, AVPacket *packet, struct dicom_bytes *out)
{
    while (avcodec_receive_packet(encoder, packet) == 0) {
        bytes_put(out, packet->data, (size_t) packet->size);
        av_packet_unref(packet);
    }
}


/* An MPEG-2 stream whose frames are coded in another order than shown. */
static void
encode_film(struct dicom_bytes *out)
{
    const AVCodec   *codec = avcodec_find_encoder(AV_CODEC_ID_MPEG2VIDEO);
    AVCodecContext  *encoder = avcodec_alloc_context3(codec);
    AVPacket        *packet = av_packet_alloc();
    AVFrame         *frame = av_frame_alloc();

    encoder->width = frame->width = COLUMNS;
    encoder->height = frame->height = ROWS;
    encoder->pix_fmt = frame->format = AV_PIX_FMT_YUV420P;
    encoder->time_base = (AVRational) { 1, 25 };
    encoder->gop_size = 12;
    encoder->max_b_frames = 2;
    encoder->flags |= AV_CODEC_FLAG_QSCALE;
    encoder->global_quality = FF_QP2LAMBDA * 2;
    assert_int_equal(avcodec_open2(encoder, codec, NULL), 0);
    assert_int_equal(av_frame_get_buffer(frame, 0), 0);

    for (uint32_t i = 0; i < FRAMES; i++) {
        assert_int_equal(av_frame_make_writable(frame), 0);
        memset(frame->data[0], luma_of(i), (size_t) frame->linesize[0] * ROWS);
        memset(frame->data[1], 128, (size_t) frame->linesize[1] * ROWS / 2);
        memset(frame->data[2], 128, (size_t) frame->linesize[2] * ROWS / 2);
        frame->pts = i;
        frame->quality = encoder->global_quality;
        assert_int_equal(avcodec_send_frame(encoder, frame), 0);
        drain(encoder, packet, out);
    }
    avcodec_send_frame(encoder, NULL);
    drain(encoder, packet, out);
    av_packet_free(&packet);
    av_frame_free(&frame);
    avcodec_free_context(&encoder);
}


/* The film in fragments of so many bytes. */
static void
open_film(struct picture *p, const struct dicom_bytes *film, const char *syntax,
    size_t fragment, uint32_t frames)
{
    struct bytes_picture  shape = { .photometric = "YBR_PARTIAL_420",
        .rows = ROWS, .columns = COLUMNS, .samples = 3, .allocated = 8,
        .frames = frames };
    struct dicom_bytes    b = { 0 };

    bytes_meta(&b, syntax);
    bytes_header(&b, "1.2.3.4", &shape);
    bytes_encapsulated(&b);
    for (size_t at = 0; at < film->length; at += fragment) {
        size_t  left = film->length - at;

        bytes_item(&b, film->data + at, left < fragment ? left : fragment);
    }
    bytes_end(&b);
    open_picture(p, &b);
}


static void
assert_shows(struct picture *p, uint32_t frame)
{
    int       want = (int) lround((luma_of(frame) - 16) * 255 / 219.0);
    unsigned  worst = 0;

    assert_int_equal(read_frame(p, frame), DECODER_OK);
    for (size_t i = 0; i < p->size; i++) {
        unsigned  off = (unsigned) abs(p->pixels[i] - want);

        worst = off > worst ? off : worst;
    }
    assert_in_range(worst, 0, 3);
}


static void
test_video(void **state)
{
    struct dicom_bytes  film = { 0 };
    struct picture      whole, pieces, longer;

    encode_film(&film);
    open_film(&whole, &film, "1.2.840.10008.1.2.4.100", film.length, FRAMES);
    open_film(&pieces, &film, "1.2.840.10008.1.2.4.100.1", 500, FRAMES);
    open_film(&longer, &film, "1.2.840.10008.1.2.4.100", film.length,
        FRAMES + 1);

    for (uint32_t i = 0; i < FRAMES; i++) {
        assert_shows(&whole, i);
        assert_shows(&pieces, FRAMES - 1 - i);
    }
    assert_shows(&whole, 3);
    assert_shows(&whole, FRAMES - 1);
    assert_shows(&longer, FRAMES - 1);
    assert_int_equal(read_frame(&longer, FRAMES), DECODER_INVALID);

    close_picture(&whole);
    close_picture(&pieces);
    close_picture(&longer);
    free(film.data);
}


/* No bytes of a film end anything but the frame that was asked for. */
static void
test_video_damage(void **state)
{
    struct dicom_bytes  film = { 0 };
    uint32_t            seed = 7;

    encode_film(&film);
    for (unsigned round = 0; round < 20; round++) {
        struct picture  p;
        uint8_t        *saved = malloc(film.length);

        memcpy(saved, film.data, film.length);
        for (unsigned i = 0; i < 1 + round * 8; i++) {
            seed = seed * 1103515245 + 12345;
            film.data[(seed >> 8) % film.length] = (uint8_t) (seed >> 3);
        }
        open_film(&p, &film, "1.2.840.10008.1.2.4.101", film.length, FRAMES);
        for (uint32_t i = 0; i < FRAMES; i += 13) {
            enum decoder_status  status = read_frame(&p, i);

            assert_true(status == DECODER_OK || status == DECODER_INVALID
                || status == DECODER_UNSUPPORTED);
        }
        close_picture(&p);
        memcpy(film.data, saved, film.length);
        free(saved);
    }
    free(film.data);
}

#endif

#ifdef HAVE_LIBJXL

static uint8_t *
encode_jxl(const void *samples, size_t size, unsigned bits, unsigned channels,
    size_t *length)
{
    JxlEncoder               *encoder = JxlEncoderCreate(NULL);
    JxlEncoderFrameSettings  *settings = JxlEncoderFrameSettingsCreate(encoder,
        NULL);
    JxlPixelFormat            format = { channels, bits > 8 ? JXL_TYPE_UINT16
        : JXL_TYPE_UINT8, JXL_LITTLE_ENDIAN, 0 };
    JxlBasicInfo              info;
    JxlColorEncoding          colour;
    uint8_t                  *out = malloc(size + 100000), *next = out;
    size_t                    left = size + 100000;

    JxlEncoderInitBasicInfo(&info);
    info.xsize = COLUMNS;
    info.ysize = ROWS;
    info.bits_per_sample = bits;
    info.num_color_channels = channels;
    info.uses_original_profile = JXL_TRUE;
    assert_int_equal(JxlEncoderSetBasicInfo(encoder, &info), 0);
    JxlColorEncodingSetToSRGB(&colour, channels == 1);
    assert_int_equal(JxlEncoderSetColorEncoding(encoder, &colour), 0);
    assert_int_equal(JxlEncoderSetFrameLossless(settings, JXL_TRUE), 0);
    assert_int_equal(JxlEncoderAddImageFrame(settings, &format, samples, size),
        0);
    JxlEncoderCloseInput(encoder);
    assert_int_equal(JxlEncoderProcessOutput(encoder, &next, &left), 0);
    JxlEncoderDestroy(encoder);
    *length = (size_t) (next - out);
    return out;
}


static void
check_jxl(unsigned bits, unsigned channels)
{
    struct bytes_picture  shape = { .photometric = channels == 3 ? "RGB"
        : "MONOCHROME2", .rows = ROWS, .columns = COLUMNS,
        .samples = channels, .allocated = bits, .frames = 2 };
    struct dicom_bytes    b = { 0 };
    struct picture        p;
    size_t                size = (size_t) PIXELS * channels * bits / 8, length;
    uint8_t              *samples = malloc(size), *out;

    for (size_t i = 0; i < size; i++) {
        samples[i] = (uint8_t) (i * 7 + i / 311);
    }
    out = encode_jxl(samples, size, bits, channels, &length);
    bytes_meta(&b, "1.2.840.10008.1.2.4.110");
    bytes_header(&b, "1.2.3.4", &shape);
    bytes_encapsulated(&b);
    bytes_item(&b, out, length);
    bytes_item(&b, out, length / 2);
    bytes_end(&b);

    open_picture(&p, &b);
    assert_int_equal(read_frame(&p, 0), DECODER_OK);
    assert_int_equal(p.size, size);
    assert_memory_equal(p.pixels, samples, size);
    assert_int_equal(read_frame(&p, 1), DECODER_INVALID);
    close_picture(&p);
    free(samples);
    free(out);
}


static void
test_jxl(void **state)
{
    check_jxl(8, 1);
    check_jxl(16, 1);
    check_jxl(8, 3);
    check_jxl(16, 3);
}

#endif

int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_deflated),
#ifdef HAVE_FFMPEG
        cmocka_unit_test(test_video),
        cmocka_unit_test(test_video_damage),
#endif
#ifdef HAVE_LIBJXL
        cmocka_unit_test(test_jxl),
#endif
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
