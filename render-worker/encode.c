/*
 * PNG through ISA-L (igzip level 1, filter Up: a mammogram in a tenth of
 * libpng's time at about the same size) and JPEG through libjpeg-turbo.
 */

#include "encode.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <jpeglib.h>

/* Scratch that one thread keeps between pictures is at most this large. */
#define SCRATCH_KEPT  (32u * 1024 * 1024)

/* Signature, IHDR, the head of IDAT; and its CRC and IEND behind. */
#define PNG_HEAD      (8 + 25 + 8)
#define PNG_TAIL      (4 + 12)

struct scratch {
    uint8_t  *data;
    size_t    size;
};

static _Thread_local struct scratch filtered, deflated;
static _Thread_local uint8_t *level_buffer;

static bool
scratch_reserve(struct scratch *scratch, size_t size)
{
    if (scratch->size >= size) {
        return true;
    }
    free(scratch->data);
    scratch->data = malloc(size);
    scratch->size = scratch->data != NULL ? size : 0;
    return scratch->data != NULL;
}

static void
scratch_release(struct scratch *scratch, size_t kept)
{
    if (scratch->size > kept) {
        free(scratch->data);
        scratch->data = NULL;
        scratch->size = 0;
    }
}

void
encode_thread_finish(void)
{
    scratch_release(&filtered, 0);
    scratch_release(&deflated, 0);
    free(level_buffer);
    level_buffer = NULL;
}

static void
put_be32(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t) (value >> 24);
    p[1] = (uint8_t) (value >> 16);
    p[2] = (uint8_t) (value >> 8);
    p[3] = (uint8_t) value;
}

/* CRC over type and data of the chunk whose length field is at chunk. */
static void
png_seal(uint8_t *chunk, size_t length)
{
    put_be32(chunk, (uint32_t) length);
    put_be32(chunk + 8 + length, crc32_gzip_refl(0, chunk + 4, length + 4));
}

static void
png_filter_up(uint8_t *restrict out, const uint8_t *restrict pixels,
    size_t stride, uint32_t height)
{
    *out++ = 2;
    memcpy(out, pixels, stride);
    out += stride;

    for (uint32_t y = 1; y < height; y++) {
        const uint8_t *row = pixels + (size_t) y * stride;
        const uint8_t *above = row - stride;

        *out++ = 2;
        for (size_t x = 0; x < stride; x++) {
            out[x] = (uint8_t) (row[x] - above[x]);
        }
        out += stride;
    }
}

static bool
png_deflate(const uint8_t *in, size_t in_length, uint8_t *out, size_t size,
    size_t *length)
{
    struct isal_zstream stream;

    if (level_buffer == NULL) {
        level_buffer = malloc(ISAL_DEF_LVL1_DEFAULT);
        if (level_buffer == NULL) {
            return false;
        }
    }

    isal_deflate_stateless_init(&stream);
    stream.level = 1;
    stream.level_buf = level_buffer;
    stream.level_buf_size = ISAL_DEF_LVL1_DEFAULT;
    stream.gzip_flag = IGZIP_ZLIB;
    stream.end_of_stream = 1;
    stream.flush = NO_FLUSH;
    stream.next_in = (uint8_t *) (uintptr_t) in;
    stream.avail_in = (uint32_t) in_length;
    stream.next_out = out;
    stream.avail_out = (uint32_t) size;

    if (isal_deflate_stateless(&stream) != COMP_OK || stream.avail_in != 0) {
        return false;
    }
    *length = size - stream.avail_out;
    return true;
}

static bool
encode_png(const uint8_t *pixels, uint32_t width, uint32_t height,
    unsigned samples, uint8_t **data, size_t *length)
{
    static const uint8_t signature[8] =
        { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };
    static const uint8_t end[12] =
        { 0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82 };

    size_t stride = (size_t) width * samples;
    size_t plain = (stride + 1) * height;
    /* stored blocks of up to 64 KB cost 5 bytes each, at worst */
    size_t bound = plain + plain / 1024 + 512;

    if (bound > UINT32_MAX / 2) {
        return false;       /* a chunk holds 2^31 - 1 bytes */
    }
    if (!scratch_reserve(&filtered, plain)
        || !scratch_reserve(&deflated, bound))
    {
        return false;
    }

    size_t packed;
    bool ok = false;
    uint8_t *out = NULL;

    png_filter_up(filtered.data, pixels, stride, height);
    if (!png_deflate(filtered.data, plain, deflated.data, bound, &packed)) {
        goto done;
    }

    out = malloc(PNG_HEAD + packed + PNG_TAIL);
    if (out == NULL) {
        goto done;
    }

    uint8_t *p = out;
    memcpy(p, signature, 8);
    p += 8;
    memcpy(p + 4, "IHDR", 4);
    put_be32(p + 8, width);
    put_be32(p + 12, height);
    p[16] = 8;                              /* bits a sample */
    p[17] = samples == 1 ? 0 : 2;           /* gray, RGB */
    p[18] = p[19] = p[20] = 0;
    png_seal(p, 13);
    p += 25;
    memcpy(p + 4, "IDAT", 4);
    memcpy(p + 8, deflated.data, packed);
    png_seal(p, packed);
    memcpy(p + 12 + packed, end, sizeof(end));

    *data = out;
    *length = PNG_HEAD + packed + PNG_TAIL;
    ok = true;

done:
    scratch_release(&filtered, SCRATCH_KEPT);
    scratch_release(&deflated, SCRATCH_KEPT);
    return ok;
}

struct jpeg_failure {
    struct jpeg_error_mgr  base;
    jmp_buf                escape;
};

/*
 * jpeg_mem_dest() forgets to tell about a grown buffer when it fails, so the
 * buffer is ours.
 */
struct jpeg_buffer {
    struct jpeg_destination_mgr  base;
    uint8_t                     *data;
    size_t                       size;
};

static void
jpeg_fail(j_common_ptr cinfo)
{
    struct jpeg_failure *failure = (struct jpeg_failure *) cinfo->err;

    longjmp(failure->escape, 1);
}

static void
jpeg_quiet(j_common_ptr cinfo)
{
    (void) cinfo;
}

static void
jpeg_buffer_begin(j_compress_ptr cinfo)
{
    struct jpeg_buffer *buffer = (struct jpeg_buffer *) cinfo->dest;

    buffer->base.next_output_byte = buffer->data;
    buffer->base.free_in_buffer = buffer->size;
}

/* libjpeg calls this only when all of the buffer is used. */
static boolean
jpeg_buffer_grow(j_compress_ptr cinfo)
{
    struct jpeg_buffer *buffer = (struct jpeg_buffer *) cinfo->dest;
    uint8_t *data = realloc(buffer->data, buffer->size * 2);

    if (data == NULL) {
        jpeg_fail((j_common_ptr) cinfo);
    }
    buffer->data = data;
    buffer->base.next_output_byte = data + buffer->size;
    buffer->base.free_in_buffer = buffer->size;
    buffer->size *= 2;
    return TRUE;
}

static void
jpeg_buffer_end(j_compress_ptr cinfo)
{
    (void) cinfo;
}

static void
jpeg_write(j_compress_ptr cinfo, const uint8_t *pixels, size_t stride)
{
    while (cinfo->next_scanline < cinfo->image_height) {
        JSAMPROW rows[16];
        JDIMENSION n = 0;

        while (n < 16 && cinfo->next_scanline + n < cinfo->image_height) {
            rows[n] = (JSAMPROW) (uintptr_t) (pixels
                + (size_t) (cinfo->next_scanline + n) * stride);
            n++;
        }
        jpeg_write_scanlines(cinfo, rows, n);
    }
}

static bool
encode_jpeg(const uint8_t *pixels, uint32_t width, uint32_t height,
    unsigned samples, unsigned quality, uint8_t **data, size_t *length)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_failure failure;
    struct jpeg_buffer buffer = { .size = 4096
        + (size_t) width * height * samples / 8 };

    buffer.data = malloc(buffer.size);
    if (buffer.data == NULL) {
        return false;
    }
    buffer.base.init_destination = jpeg_buffer_begin;
    buffer.base.empty_output_buffer = jpeg_buffer_grow;
    buffer.base.term_destination = jpeg_buffer_end;

    cinfo.err = jpeg_std_error(&failure.base);
    failure.base.error_exit = jpeg_fail;
    failure.base.output_message = jpeg_quiet;

    if (setjmp(failure.escape) != 0) {
        jpeg_destroy_compress(&cinfo);
        free(buffer.data);
        return false;
    }

    jpeg_create_compress(&cinfo);
    cinfo.dest = &buffer.base;
    cinfo.image_width = width;
    cinfo.image_height = height;
    cinfo.input_components = (int) samples;
    cinfo.in_color_space = samples == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&cinfo);
    jpeg_set_quality(&cinfo, (int) quality, TRUE);
    if (samples == 3) {
        int factor = quality >= 90 ? 1 : 2;

        cinfo.comp_info[0].h_samp_factor = factor;
        cinfo.comp_info[0].v_samp_factor = factor;
    }

    jpeg_start_compress(&cinfo, TRUE);
    jpeg_write(&cinfo, pixels, (size_t) width * samples);
    jpeg_finish_compress(&cinfo);

    *length = buffer.size - buffer.base.free_in_buffer;
    *data = buffer.data;
    jpeg_destroy_compress(&cinfo);
    return true;
}

bool
encode_picture(enum encode_format format, const uint8_t *pixels,
    uint32_t width, uint32_t height, unsigned samples, unsigned quality,
    uint8_t **data, size_t *length)
{
    if (width == 0 || height == 0 || (samples != 1 && samples != 3)) {
        return false;
    }
    if (format == ENCODE_JPEG) {
        return encode_jpeg(pixels, width, height, samples, quality, data,
            length);
    }
    return encode_png(pixels, width, height, samples, data, length);
}
