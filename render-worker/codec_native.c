/*
 * Frames that need no decoder of their own, and the choice among those of JPEG.
 */

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "codec.h"
#include "dicom.h"


static void
unpack_bits(struct codec *c, unsigned first_bit)
{
    for (size_t i = 0; i < c->size; i++) {
        size_t  bit = first_bit + i;

        c->pixels[i] = c->stream[bit / 8] >> (bit % 8) & 1;
    }
}


/* Planes one after the other become samples side by side. */
static void
interleave(struct codec *c)
{
    unsigned  bytes = codec_sample_size(c);
    size_t    pixels = (size_t) c->rows * c->columns;

    for (unsigned s = 0; s < c->samples; s++) {
        const uint8_t  *from = c->stream + s * pixels * bytes;
        uint8_t        *to = c->pixels + s * bytes;

        for (size_t i = 0; i < pixels; i++) {
            memcpy(to, from, bytes);
            from += bytes;
            to += c->samples * bytes;
        }
    }
}


/* Y1 Y2 Cb Cr for two pixels of a row (PS3.3 C.7.6.3.1.2) */
static void
widen_422(struct codec *c)
{
    unsigned  bytes = codec_sample_size(c);
    size_t    pixels = (size_t) c->rows * c->columns;

    for (size_t i = 0; i < pixels; i++) {
        const uint8_t  *pair = c->stream + i / 2 * 4 * bytes;
        uint8_t        *to = c->pixels + i * 3 * bytes;

        memcpy(to, pair + i % 2 * bytes, bytes);
        memcpy(to + bytes, pair + 2 * bytes, bytes);
        memcpy(to + 2 * bytes, pair + 3 * bytes, bytes);
    }
}


bool
codec_native(struct codec *c, unsigned first_bit)
{
    size_t    pixels = (size_t) c->rows * c->columns;
    unsigned  bytes = codec_sample_size(c);

    if (c->bits_allocated == 1) {
        if ((first_bit + c->size + 7) / 8 > c->length) {
            return codec_fail(c, DECODER_INVALID, "the frame is cut short");
        }
        unpack_bits(c, first_bit);
        return true;
    }

    if (c->photometric == PHOTOMETRIC_YBR_FULL_422
        || c->photometric == PHOTOMETRIC_YBR_PARTIAL_422)
    {
        if (c->columns % 2 != 0 || pixels * 2 * bytes > c->length) {
            return codec_fail(c, DECODER_INVALID, "the frame is cut short");
        }
        widen_422(c);
        return true;
    }

    if (c->size > c->length) {
        return codec_fail(c, DECODER_INVALID, "the frame is cut short");
    }
    if (c->planar && c->samples > 1) {
        interleave(c);
    } else {
        memcpy(c->pixels, c->stream, c->size);
    }
    return true;
}


/* What is within a deflated frame is a native one (PS3.5 8.2.16). */
bool
codec_deflated(struct codec *c)
{
    z_stream  z = { 0 };
    uint8_t  *native = malloc(c->size);
    bool      done;
    int       rc;

    if (native == NULL || c->length > UINT32_MAX || c->size > UINT32_MAX
        || inflateInit2(&z, -15) != Z_OK)
    {
        free(native);
        return codec_fail(c, DECODER_MEMORY, "the frame is too large");
    }
    z.next_in = c->stream;
    z.avail_in = (uInt) c->length;
    z.next_out = native;
    z.avail_out = (uInt) c->size;
    rc = inflate(&z, Z_FINISH);
    inflateEnd(&z);

    c->stream = native;
    c->length = z.total_out;
    done = (rc == Z_STREAM_END || rc == Z_OK || rc == Z_BUF_ERROR)
        && codec_native(c, 0);
    free(native);
    c->stream = NULL;
    return done || codec_fail(c, DECODER_INVALID,
        "the deflated frame is damaged");
}


bool
codec_gdcm(struct codec *c)
{
    struct dicom_codec  params = {
        .transfer_syntax = c->syntax,
        .rows = c->rows, .columns = c->columns, .samples = c->samples,
        .bits_allocated = c->bits_allocated, .bits_stored = c->bits_stored,
        .high_bit = c->high_bit, .is_signed = c->is_signed,
        .photometric = c->photometric
    };

    return dicom_decode(&params, c->stream, c->length, c->pixels, c->size,
        c->error);
}


/* A JPEG stream's start-of-frame segment, from its marker's second byte on. */
static const uint8_t *
find_frame(const uint8_t *p, const uint8_t *end)
{
    while (end - p >= 10) {
        size_t  length;

        if (p[0] != 0xff || p[1] == 0xff || p[1] == 0x00 || p[1] == 0x01
            || (p[1] >= 0xd0 && p[1] <= 0xd8))
        {
            p += p[0] == 0xff && p[1] == 0xd8 ? 2 : 1;
            continue;
        }
        if (p[1] >= 0xc0 && p[1] <= 0xcf && p[1] != 0xc4 && p[1] != 0xc8
            && p[1] != 0xcc)
        {
            return p + 1;
        }
        length = (size_t) (p[2] << 8 | p[3]);
        if (length > (size_t) (end - p) - 2) {
            break;
        }
        p += 2 + length;
    }
    return NULL;
}


/*
 * The transfer syntax names a process, but what counts is the stream's own
 * frame header.
 */
bool
codec_jpeg_any(struct codec *c)
{
    const uint8_t  *frame;

    /* fill bytes may stand before any marker, the first one too */
    while (c->length > 2 && c->stream[0] == 0xff && c->stream[1] == 0xff) {
        c->stream++;
        c->length--;
    }
    frame = find_frame(c->stream, c->stream + c->length);

    if (frame == NULL) {
        return codec_fail(c, DECODER_INVALID, "the JPEG stream has no frame");
    }
    if (frame[0] == 0xc3) {
        if (codec_jpeg_lossless(c)) {
            return true;
        }
        if (c->error->status != DECODER_UNSUPPORTED) {
            return false;
        }
        c->error->detail[0] = '\0';

    } else if (frame[3] == 8 && frame[0] != 0xc5 && frame[0] != 0xc6
        && frame[0] != 0xc7)
    {
        return codec_jpeg(c);
    }

    if ((unsigned) (frame[4] << 8 | frame[5]) != c->rows
        || (unsigned) (frame[6] << 8 | frame[7]) != c->columns
        || frame[8] != c->samples || frame[3] > 8 * codec_sample_size(c)
        || (frame[3] > 8) != (codec_sample_size(c) > 1))
    {
        return codec_fail(c, DECODER_INVALID, "the JPEG stream has other "
            "dimensions, components or bits than the data set");
    }
    return codec_gdcm(c);
}
