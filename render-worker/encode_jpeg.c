/*
 * JPEG: gray by jpeg_gray.c, colour and all headers by libjpeg-turbo.
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

#include "jpeg_gray.h"

/* Bytes of the pixels of a band: a quarter of a millisecond's work. */
#define BAND_BYTES  (128u * 1024)

#define MARKER_SOF0  0xc0
#define MARKER_RST0  0xd0
#define MARKER_EOI   0xd9
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
    struct band    head;            /* of a gray picture: only its headers */
    struct jpeg_gray  gray;
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
set_parameters(j_compress_ptr cinfo, const struct jpeg *jpeg, uint32_t width,
    uint32_t rows)
{
    const struct encode_source *source = jpeg->source;
    uint32_t least = 8 * jpeg->factor;

    cinfo->image_width = width;
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
        cinfo->restart_interval = jpeg->rows / least
            * ((source->width - 1) / least + 1);
    }
}

/* What libjpeg would code gray with. */
static void
take_tables(struct jpeg_gray *gray, j_compress_ptr cinfo)
{
    const JHUFF_TBL *dc = cinfo->dc_huff_tbl_ptrs[0];
    const JHUFF_TBL *ac = cinfo->ac_huff_tbl_ptrs[0];

    jpeg_gray_quant(gray, cinfo->quant_tbl_ptrs[0]->quantval);
    jpeg_gray_codes(gray->dc, dc->bits, dc->huffval);
    jpeg_gray_codes(gray->ac, ac->bits, ac->huffval);
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

/* Compresses width x rows pixels; tables, or NULL, are told by which. */
static bool
compress(const struct jpeg *jpeg, const uint8_t *pixels, uint32_t width,
    uint32_t rows, struct band *band, struct jpeg_gray *tables)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_failure failure;
    size_t stride = (size_t) width * jpeg->source->samples;
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
    set_parameters(&cinfo, jpeg, width, rows);
    jpeg_start_compress(&cinfo, TRUE);
    write_rows(&cinfo, pixels, stride);
    jpeg_finish_compress(&cinfo);
    if (tables != NULL) {
        take_tables(tables, &cinfo);
    }

    band->length = buffer.size - buffer.base.free_in_buffer;
    band->data = buffer.data;
    jpeg_destroy_compress(&cinfo);
    return find_parts(band);
}

/* The headers of a gray picture: those of a single pixel, but for its size. */
static bool
write_head(struct jpeg *jpeg)
{
    struct band *head = &jpeg->head;

    if (!compress(jpeg, jpeg->source->pixels, 1, 1, head, &jpeg->gray)) {
        return false;
    }
    head->data[head->height + 2] = (uint8_t) (jpeg->source->width >> 8);
    head->data[head->height + 3] = (uint8_t) jpeg->source->width;
    return true;
}

static bool
code_gray(const struct jpeg *jpeg, const uint8_t *pixels, uint32_t rows,
    struct band *band)
{
    if (!jpeg_gray_encode(&jpeg->gray, pixels, jpeg->source->width, rows,
            &band->data, &band->length))
    {
        return false;
    }
    band->data[band->length++] = 0xff;
    band->data[band->length++] = MARKER_EOI;
    return true;
}

static void
encode_band(void *context, unsigned number, unsigned worker)
{
    struct jpeg *jpeg = context;
    uint32_t from = number * jpeg->rows;
    uint32_t rows = number + 1 == jpeg->nbands ? jpeg->source->height - from
        : jpeg->rows;

    const uint8_t *pixels = jpeg->source->pixels
        + (size_t) from * jpeg->source->width * jpeg->source->samples;
    struct band *band = &jpeg->bands[number];

    (void) worker;
    if (!atomic_load(&jpeg->failed)
        && !(jpeg->source->samples == 1
            ? code_gray(jpeg, pixels, rows, band)
            : compress(jpeg, pixels, jpeg->source->width, rows, band, NULL)))
    {
        atomic_store(&jpeg->failed, true);
    }
}

/* The headers, and the coded data of all bands. */
static bool
join(const struct jpeg *jpeg, uint8_t **data, size_t *length)
{
    const struct band *head = jpeg->source->samples == 1 ? &jpeg->head
        : &jpeg->bands[0];
    size_t total = head->coded;

    for (unsigned i = 0; i < jpeg->nbands; i++) {
        /* the marker for the next one has the place of the end marker */
        total += jpeg->bands[i].length - jpeg->bands[i].coded;
    }

    uint8_t *p = malloc(total);
    if (p == NULL) {
        return false;
    }
    *data = p;

    memcpy(p, head->data, head->coded);
    p[head->height] = (uint8_t) (jpeg->source->height >> 8);
    p[head->height + 1] = (uint8_t) jpeg->source->height;
    p += head->coded;
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

    ok = source->samples != 1 || write_head(&jpeg);
    if (ok) {
        encode_bands(source, bands, encode_band, &jpeg, jpeg.nbands);
        ok = !atomic_load(&jpeg.failed) && join(&jpeg, data, length);
    }
    for (unsigned i = 0; i < jpeg.nbands; i++) {
        free(jpeg.bands[i].data);
    }
    free(jpeg.head.data);
    free(jpeg.bands);
    return ok;
}
