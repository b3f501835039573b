/*
 * JPEG through libjpeg-turbo.
 *
 * A restart marker (ITU-T T.81 B.1.1.3, F.1.1.5.2) resets all that the coder
 * knows of what went before.  So a picture is cut into bands of rows, each a
 * restart interval; they are compressed as pictures of their own, by several
 * threads, and their coded data are put behind each other.
 */

#include "encode.h"

#include <setjmp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>

/* Bytes of the pixels of a band: a quarter of a millisecond's work. */
#define BAND_BYTES  (128u * 1024)

#define MARKER_SOF0  0xc0
#define MARKER_RST0  0xd0
#define MARKER_SOS   0xda

/* A band as libjpeg wrote it: a whole picture. */
struct band {
    uint8_t  *data;
    size_t    length;
    size_t    coded;                /* where its coded data begin */
    size_t    height;               /* where the height stands */
};

struct jpeg {
    const struct encode_source  *source;
    unsigned       quality;
    unsigned       factor;          /* of chroma's size, each way */
    uint32_t       rows;            /* of all bands but the last */
    unsigned       nbands;
    struct band   *bands;
    atomic_bool    failed;
};

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

/*
 * Gray needs no conversion, and libjpeg's way of doing none takes a quarter of
 * its time: it is given its blocks as they are, filled up at the edges as it
 * would do itself.
 */
static void
write_gray(j_compress_ptr cinfo, const uint8_t *pixels)
{
    uint32_t width = cinfo->image_width, height = cinfo->image_height;
    size_t padded = ((size_t) width + DCTSIZE - 1) / DCTSIZE * DCTSIZE;
    JSAMPARRAY lines = cinfo->mem->alloc_sarray((j_common_ptr) cinfo,
        JPOOL_IMAGE, (JDIMENSION) padded, DCTSIZE);

    for (uint32_t y = 0; y < height; y += DCTSIZE) {
        JSAMPROW rows[DCTSIZE];

        for (uint32_t i = 0; i < DCTSIZE; i++) {
            const uint8_t *row = pixels
                + (size_t) (y + i < height ? y + i : height - 1) * width;

            rows[i] = (JSAMPROW) (uintptr_t) row;
            if (padded != width) {
                memcpy(lines[i], row, width);
                memset(lines[i] + width, row[width - 1], padded - width);
                rows[i] = lines[i];
            }
        }
        JSAMPARRAY planes[1] = { rows };
        jpeg_write_raw_data(cinfo, planes, DCTSIZE);
    }
}

static void
write_rows(j_compress_ptr cinfo, const uint8_t *pixels, size_t stride)
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

static void
set_parameters(j_compress_ptr cinfo, const struct jpeg *jpeg, uint32_t rows)
{
    const struct encode_source *source = jpeg->source;

    cinfo->image_width = source->width;
    cinfo->image_height = rows;
    cinfo->input_components = (int) source->samples;
    cinfo->in_color_space = source->samples == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(cinfo);
    jpeg_set_quality(cinfo, (int) jpeg->quality, TRUE);
    if (source->samples == 3) {
        cinfo->comp_info[0].h_samp_factor = (int) jpeg->factor;
        cinfo->comp_info[0].v_samp_factor = (int) jpeg->factor;
    }
    if (jpeg->nbands > 1) {
        cinfo->restart_in_rows = (int) (jpeg->rows / (8 * jpeg->factor));
    }
}

/* Looks for what join() needs; libjpeg's own headers are well formed. */
static bool
find_parts(struct band *band)
{
    const uint8_t *p = band->data;

    for (size_t at = 2; at + 4 <= band->length; ) {
        size_t length = 2 + ((size_t) p[at + 2] << 8) + p[at + 3];

        if (p[at + 1] == MARKER_SOF0) {
            band->height = at + 5;
        }
        if (p[at + 1] == MARKER_SOS) {
            band->coded = at + length;
            return band->height != 0 && band->coded + 2 <= band->length;
        }
        at += length;
    }
    return false;
}

static bool
compress_band(const struct jpeg *jpeg, uint32_t from, uint32_t rows,
    struct band *band)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_failure failure;
    size_t stride = (size_t) jpeg->source->width * jpeg->source->samples;
    struct jpeg_buffer buffer = { .size = 4096 + stride * rows / 8 };

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
    set_parameters(&cinfo, jpeg, rows);
    cinfo.raw_data_in = jpeg->source->samples == 1;
    jpeg_start_compress(&cinfo, TRUE);
    if (cinfo.raw_data_in) {
        write_gray(&cinfo, jpeg->source->pixels + from * stride);
    } else {
        write_rows(&cinfo, jpeg->source->pixels + from * stride, stride);
    }
    jpeg_finish_compress(&cinfo);

    band->length = buffer.size - buffer.base.free_in_buffer;
    band->data = buffer.data;
    jpeg_destroy_compress(&cinfo);
    return find_parts(band);
}

static void
encode_band(void *context, unsigned number, unsigned worker)
{
    struct jpeg *jpeg = context;
    uint32_t from = number * jpeg->rows;
    uint32_t rows = number + 1 == jpeg->nbands ? jpeg->source->height - from
        : jpeg->rows;

    (void) worker;
    if (!atomic_load(&jpeg->failed)
        && !compress_band(jpeg, from, rows, &jpeg->bands[number]))
    {
        atomic_store(&jpeg->failed, true);
    }
}

/* The first band's headers, and the coded data of all. */
static bool
join(const struct jpeg *jpeg, uint8_t **data, size_t *length)
{
    const struct band *first = &jpeg->bands[0];
    size_t total = first->coded;

    for (unsigned i = 0; i < jpeg->nbands; i++) {
        /* the marker for the next one has the place of the end marker */
        total += jpeg->bands[i].length - jpeg->bands[i].coded;
    }

    uint8_t *p = malloc(total);
    if (p == NULL) {
        return false;
    }
    *data = p;

    memcpy(p, first->data, first->coded);
    p[first->height] = (uint8_t) (jpeg->source->height >> 8);
    p[first->height + 1] = (uint8_t) jpeg->source->height;
    p += first->coded;
    for (unsigned i = 0; i < jpeg->nbands; i++) {
        const struct band *band = &jpeg->bands[i];
        size_t n = band->length - band->coded;

        memcpy(p, band->data + band->coded, n);
        p += n;
        if (i + 1 < jpeg->nbands) {
            p[-1] = (uint8_t) (MARKER_RST0 + i % 8);
        }
    }
    *length = (size_t) (p - *data);
    return true;
}

bool
encode_jpeg(const struct encode_source *source, unsigned quality,
    struct bands *bands, uint8_t **data, size_t *length)
{
    struct jpeg jpeg = { .source = source, .quality = quality };
    size_t stride = (size_t) source->width * source->samples;
    bool ok;

    if (source->width > JPEG_MAX_DIMENSION
        || source->height > JPEG_MAX_DIMENSION)
    {
        return false;
    }
    jpeg.factor = source->samples == 3 && quality < 90 ? 2 : 1;

    /* whole rows of blocks, of which an interval may have 65535 */
    uint32_t least = 8 * jpeg.factor;
    jpeg.rows = (uint32_t) (BAND_BYTES / (stride * least)) * least;
    jpeg.rows = jpeg.rows > least ? jpeg.rows : least;
    jpeg.nbands = (source->height - 1) / jpeg.rows + 1;
    jpeg.bands = calloc(jpeg.nbands, sizeof(jpeg.bands[0]));
    if (jpeg.bands == NULL) {
        return false;
    }

    encode_bands(source, bands, encode_band, &jpeg, jpeg.nbands);
    ok = !atomic_load(&jpeg.failed) && join(&jpeg, data, length);
    for (unsigned i = 0; i < jpeg.nbands; i++) {
        free(jpeg.bands[i].data);
    }
    free(jpeg.bands);
    return ok;
}
