/*
 * JPEG 2000 and HTJ2K by OpenJPEG, as a bare code stream or within JP2.
 */

#include <string.h>

#include <openjpeg.h>

#include "codec.h"

struct input {
    const uint8_t  *data;
    size_t          length, at;
};


static OPJ_SIZE_T
input_read(void *buffer, OPJ_SIZE_T size, void *data)
{
    struct input  *in = data;
    size_t         left = in->length - in->at;

    if (left == 0) {
        return (OPJ_SIZE_T) -1;
    }
    if (size > left) {
        size = left;
    }
    memcpy(buffer, in->data + in->at, size);
    in->at += size;
    return size;
}


static OPJ_OFF_T
input_skip(OPJ_OFF_T by, void *data)
{
    struct input  *in = data;

    if (by < 0 || (uint64_t) by > in->length - in->at) {
        return -1;
    }
    in->at += (size_t) by;
    return by;
}


static OPJ_BOOL
input_seek(OPJ_OFF_T to, void *data)
{
    struct input  *in = data;

    if (to < 0 || (uint64_t) to > in->length) {
        return OPJ_FALSE;
    }
    in->at = (size_t) to;
    return OPJ_TRUE;
}


static opj_stream_t *
open_stream(struct input *in)
{
    opj_stream_t  *stream = opj_stream_default_create(OPJ_TRUE);

    if (stream != NULL) {
        opj_stream_set_read_function(stream, input_read);
        opj_stream_set_skip_function(stream, input_skip);
        opj_stream_set_seek_function(stream, input_seek);
        opj_stream_set_user_data(stream, in, NULL);
        opj_stream_set_user_data_length(stream, in->length);
    }
    return stream;
}


/* Before anything of the size that the stream claims is allocated. */
static bool
is_expected(struct codec *c, const opj_image_t *image)
{
    if (image->x1 - image->x0 != c->columns
        || image->y1 - image->y0 != c->rows)
    {
        return codec_fail(c, DECODER_INVALID, "the JPEG 2000 stream has other "
            "dimensions than rows and columns");
    }
    if (image->numcomps != c->samples) {
        return codec_fail(c, DECODER_INVALID, "the JPEG 2000 stream has "
            "another number of components than samples");
    }
    for (uint32_t i = 0; i < image->numcomps; i++) {
        const opj_image_comp_t  *comp = &image->comps[i];

        if (comp->prec == 0 || comp->prec > 8 * codec_sample_size(c)
            || comp->prec > 31)
        {
            return codec_fail(c, DECODER_INVALID,
                "the JPEG 2000 stream has more bits than allocated");
        }
        if (comp->dx == 0 || comp->dx > 2 || comp->dy == 0 || comp->dy > 2) {
            return codec_fail(c, DECODER_UNSUPPORTED,
                "the JPEG 2000 stream has subsampled components");
        }
    }
    return true;
}


static bool
copy_out(struct codec *c, const opj_image_t *image)
{
    unsigned  bytes = codec_sample_size(c);

    for (uint32_t i = 0; i < image->numcomps; i++) {
        const opj_image_comp_t  *comp = &image->comps[i];
        uint8_t                 *to = c->pixels + i * bytes;

        if (comp->data == NULL || comp->w < (c->columns + comp->dx - 1)
                / comp->dx
            || comp->h < (c->rows + comp->dy - 1) / comp->dy)
        {
            return codec_fail(c, DECODER_INVALID,
                "the JPEG 2000 stream is damaged");
        }
        for (uint32_t y = 0; y < c->rows; y++) {
            const OPJ_INT32  *row = comp->data
                + (size_t) (y / comp->dy) * comp->w;

            for (uint32_t x = 0; x < c->columns; x++) {
                codec_store(to, bytes, (uint32_t) row[x / comp->dx]);
                to += c->samples * bytes;
            }
        }
    }
    return true;
}


/* A colour transform within the stream is undone by the decoder. */
static void
settle_colour(struct codec *c, opj_codec_t *codec)
{
    opj_codestream_info_v2_t  *info = opj_get_cstr_info(codec);
    bool                       transformed = info != NULL
        && info->m_default_tile_info.mct != 0;

    if (c->photometric == PHOTOMETRIC_YBR_RCT
        || c->photometric == PHOTOMETRIC_YBR_ICT)
    {
        c->photometric = transformed ? PHOTOMETRIC_RGB : PHOTOMETRIC_YBR_FULL;
    }
    if (info != NULL) {
        opj_destroy_cstr_info(&info);
    }
}


static bool
decode(struct codec *c)
{
    struct input       in = { c->stream, c->length, 0 };
    opj_dparameters_t  parameters;
    opj_stream_t      *stream = NULL;
    opj_codec_t       *codec = NULL;
    opj_image_t       *image = NULL;
    bool               boxed, done = false;

    boxed = c->length > 8 && memcmp(c->stream + 4, "jP  ", 4) == 0;
    codec = opj_create_decompress(boxed ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K);
    stream = open_stream(&in);
    if (codec == NULL || stream == NULL) {
        codec_fail(c, DECODER_MEMORY, "out of memory");
        goto done;
    }

    opj_set_default_decoder_parameters(&parameters);
    if (!opj_setup_decoder(codec, &parameters)
        || !opj_read_header(stream, codec, &image))
    {
        codec_fail(c, DECODER_INVALID, "the JPEG 2000 stream is damaged");
        goto done;
    }
    if (!is_expected(c, image)) {
        goto done;
    }
    settle_colour(c, codec);

    /* strict by default: what is cut short is an error, not a blurred image */
    if (!opj_decode(codec, stream, image)
        || !opj_end_decompress(codec, stream))
    {
        codec_fail(c, DECODER_INVALID, "the JPEG 2000 stream is damaged");
        goto done;
    }
    done = copy_out(c, image);

done:
    opj_image_destroy(image);
    opj_stream_destroy(stream);
    opj_destroy_codec(codec);
    return done;
}


bool
codec_jpeg2000(struct codec *c)
{
    return codec_ended(c, decode);
}
