/*
 * JPEG-LS by CharLS.
 */

#include <stdlib.h>
#include <string.h>

#include <charls/charls.h>

#include "codec.h"


static bool
read_info(struct codec *c, charls_jpegls_decoder *decoder,
    charls_frame_info *info)
{
    charls_spiff_header  spiff;
    int32_t              found;

    if (charls_jpegls_decoder_set_source_buffer(decoder, c->stream, c->length)
            != CHARLS_JPEGLS_ERRC_SUCCESS
        || charls_jpegls_decoder_read_spiff_header(decoder, &spiff, &found)
            != CHARLS_JPEGLS_ERRC_SUCCESS
        || charls_jpegls_decoder_read_header(decoder)
            != CHARLS_JPEGLS_ERRC_SUCCESS
        || charls_jpegls_decoder_get_frame_info(decoder, info)
            != CHARLS_JPEGLS_ERRC_SUCCESS)
    {
        return codec_fail(c, DECODER_INVALID,
            "the JPEG-LS stream is damaged");
    }

    if (info->width != c->columns || info->height != c->rows) {
        return codec_fail(c, DECODER_INVALID, "the JPEG-LS stream has other "
            "dimensions than rows and columns");
    }
    if (info->component_count != c->samples) {
        return codec_fail(c, DECODER_INVALID, "the JPEG-LS stream has another "
            "number of components than samples");
    }
    if ((unsigned) info->bits_per_sample > 8 * codec_sample_size(c)) {
        return codec_fail(c, DECODER_INVALID,
            "the JPEG-LS stream has more bits than allocated");
    }
    return true;
}


/* From the decoder's width and order of samples to the picture's. */
static void
arrange(struct codec *c, const uint8_t *from, unsigned width, bool planes)
{
    size_t    pixels = (size_t) c->rows * c->columns;
    unsigned  bytes = codec_sample_size(c);

    for (size_t i = 0; i < pixels; i++) {
        for (unsigned s = 0; s < c->samples; s++) {
            size_t    at = planes ? s * pixels + i : i * c->samples + s;
            uint32_t  value = width == 1 ? from[at]
                : from[2 * at] | (uint32_t) from[2 * at + 1] << 8;

            codec_store(c->pixels + (i * c->samples + s) * bytes, bytes,
                value);
        }
    }
}


static bool
decode(struct codec *c)
{
    charls_jpegls_decoder   *decoder = charls_jpegls_decoder_create();
    charls_frame_info        info;
    charls_interleave_mode   mode;
    charls_jpegls_errc       rc;
    uint8_t                 *buffer = NULL;
    size_t                   size;
    bool                     direct = false, done = false;
    unsigned                 width;

    if (decoder == NULL) {
        return codec_fail(c, DECODER_MEMORY, "out of memory");
    }
    if (!read_info(c, decoder, &info)) {
        goto done;
    }
    if (charls_jpegls_decoder_get_interleave_mode(decoder, &mode)
            != CHARLS_JPEGLS_ERRC_SUCCESS
        || charls_jpegls_decoder_get_destination_size(decoder, 0, &size)
            != CHARLS_JPEGLS_ERRC_SUCCESS)
    {
        codec_fail(c, DECODER_INVALID, "the JPEG-LS stream is damaged");
        goto done;
    }

    width = info.bits_per_sample <= 8 ? 1 : 2;
    if (size != (size_t) c->rows * c->columns * c->samples * width) {
        codec_fail(c, DECODER_INVALID, "the JPEG-LS stream is damaged");
        goto done;
    }
    direct = width == codec_sample_size(c)
        && (mode != CHARLS_INTERLEAVE_MODE_NONE || c->samples == 1);
    buffer = direct ? c->pixels : malloc(size);
    if (buffer == NULL) {
        codec_fail(c, DECODER_MEMORY, "out of memory");
        goto done;
    }

    rc = charls_jpegls_decoder_decode_to_buffer(decoder, buffer, size, 0);
    if (rc != CHARLS_JPEGLS_ERRC_SUCCESS) {
        codec_fail(c, rc == CHARLS_JPEGLS_ERRC_NOT_ENOUGH_MEMORY
            ? DECODER_MEMORY : DECODER_INVALID,
            "the JPEG-LS stream is damaged");
        goto done;
    }
    if (!direct) {
        arrange(c, buffer, width, mode == CHARLS_INTERLEAVE_MODE_NONE
            && c->samples > 1);
    }
    done = true;

done:
    if (!direct) {
        free(buffer);
    }
    charls_jpegls_decoder_destroy(decoder);
    return done;
}


bool
codec_jpegls(struct codec *c)
{
    return codec_ended(c, decode);
}
