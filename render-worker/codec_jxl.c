/*
 * JPEG XL by libjxl, where the system had it when the worker was built.
 */

#include "codec.h"

#ifdef HAVE_LIBJXL

#include <stdlib.h>
#include <string.h>

#include <jxl/decode.h>


bool
codec_jxl_built(void)
{
    return true;
}


static bool
is_expected(struct codec *c, const JxlBasicInfo *info)
{
    if (info->xsize != c->columns || info->ysize != c->rows) {
        return codec_fail(c, DECODER_INVALID, "the JPEG XL stream has other "
            "dimensions than rows and columns");
    }
    if (info->num_color_channels != c->samples) {
        return codec_fail(c, DECODER_INVALID, "the JPEG XL stream has another "
            "number of channels than samples");
    }
    if (info->exponent_bits_per_sample != 0 || info->bits_per_sample == 0
        || info->bits_per_sample > 16)
    {
        return codec_fail(c, DECODER_UNSUPPORTED,
            "the JPEG XL stream has not integer samples of 1 to 16 bits");
    }
    if (info->bits_per_sample > 8 * codec_sample_size(c)) {
        return codec_fail(c, DECODER_INVALID,
            "the JPEG XL stream has more bits than allocated");
    }
    return true;
}


/*
 * What colour samples mean behind the decoder: it undoes a JPEG's YCbCr and
 * XYB; what a lossless stream holds it hands out as it went in.
 */
static void
settle_colour(struct codec *c, const JxlBasicInfo *info, bool was_jpeg)
{
    if (c->samples == 3 && (was_jpeg || !info->uses_original_profile
        || c->photometric != PHOTOMETRIC_YBR_FULL))
    {
        c->photometric = PHOTOMETRIC_RGB;
    }
}


/* libjxl stretches samples over the whole width of its output. */
static void
arrange(struct codec *c, const uint8_t *from, unsigned width, unsigned bits)
{
    unsigned  bytes = codec_sample_size(c);
    size_t    count = (size_t) c->rows * c->columns * c->samples;
    uint32_t  whole = width == 1 ? 255 : 65535, most = (1u << bits) - 1;

    for (size_t i = 0; i < count; i++) {
        uint32_t  value = width == 1 ? from[i]
            : ((const uint16_t *) (const void *) from)[i];

        if (most != whole) {
            value = (value * most + whole / 2) / whole;
        }
        codec_store(c->pixels + i * bytes, bytes, value);
    }
}


static bool
damaged(struct codec *c)
{
    return codec_fail(c, DECODER_INVALID, "the JPEG XL stream is damaged");
}


/* Runs the decoder up to the first frame's end. */
static bool
decode(struct codec *c, JxlDecoder *decoder, uint8_t **buffer)
{
    JxlPixelFormat  format = { c->samples, JXL_TYPE_UINT8, JXL_LITTLE_ENDIAN,
        0 };
    JxlBasicInfo    info = { 0 };
    size_t          size;
    bool            was_jpeg = strcmp(c->syntax, "1.2.840.10008.1.2.4.111")
        == 0;

    for (;;) {
        switch (JxlDecoderProcessInput(decoder)) {
        case JXL_DEC_BASIC_INFO:
            if (JxlDecoderGetBasicInfo(decoder, &info) != JXL_DEC_SUCCESS) {
                return damaged(c);
            }
            if (!is_expected(c, &info)) {
                return false;
            }
            if (info.bits_per_sample > 8) {
                format.data_type = JXL_TYPE_UINT16;
            }
            break;

        case JXL_DEC_JPEG_RECONSTRUCTION:
            was_jpeg = true;
            break;

        case JXL_DEC_NEED_IMAGE_OUT_BUFFER:
            if (*buffer != NULL || JxlDecoderImageOutBufferSize(decoder,
                    &format, &size) != JXL_DEC_SUCCESS
                || size != (size_t) c->rows * c->columns * c->samples
                    * (format.data_type == JXL_TYPE_UINT8 ? 1 : 2))
            {
                return damaged(c);
            }
            *buffer = malloc(size);
            if (*buffer == NULL) {
                return codec_fail(c, DECODER_MEMORY, "out of memory");
            }
            if (JxlDecoderSetImageOutBuffer(decoder, &format, *buffer, size)
                != JXL_DEC_SUCCESS)
            {
                return damaged(c);
            }
            break;

        case JXL_DEC_FULL_IMAGE:
            arrange(c, *buffer, format.data_type == JXL_TYPE_UINT8 ? 1 : 2,
                info.bits_per_sample);
            settle_colour(c, &info, was_jpeg);
            return true;

        default:
            return damaged(c);
        }
    }
}


bool
codec_jxl(struct codec *c)
{
    const int    events = JXL_DEC_BASIC_INFO | JXL_DEC_JPEG_RECONSTRUCTION
        | JXL_DEC_FULL_IMAGE;
    JxlDecoder  *decoder = JxlDecoderCreate(NULL);
    uint8_t     *buffer = NULL;
    bool         done = false;

    if (decoder == NULL
        || JxlDecoderSubscribeEvents(decoder, events) != JXL_DEC_SUCCESS
        || JxlDecoderSetKeepOrientation(decoder, JXL_TRUE) != JXL_DEC_SUCCESS
        || JxlDecoderSetInput(decoder, c->stream, c->length)
            != JXL_DEC_SUCCESS)
    {
        codec_fail(c, DECODER_MEMORY, "out of memory");
    } else {
        JxlDecoderCloseInput(decoder);
        done = decode(c, decoder, &buffer);
    }

    free(buffer);
    if (decoder != NULL) {
        JxlDecoderDestroy(decoder);
    }
    return done;
}

#else

bool
codec_jxl_built(void)
{
    return false;
}


bool
codec_jxl(struct codec *c)
{
    return codec_fail(c, DECODER_UNSUPPORTED,
        "JPEG XL is not built into this render worker");
}

#endif /* HAVE_LIBJXL */
