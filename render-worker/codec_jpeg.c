/*
 * JPEG with DCT and 8 bits a sample by libjpeg-turbo: baseline, extended and
 * progressive.
 */

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "codec.h"

struct jpeg {
    struct jpeg_decompress_struct  info;
    struct jpeg_error_mgr          errors;
    jmp_buf                        jump;
    struct codec                  *codec;
    JSAMPLE                       *row;
    bool                           damaged;
};


static void
on_error(j_common_ptr info)
{
    struct jpeg  *jpeg = info->client_data;

    longjmp(jpeg->jump, 1);
}


/*
 * What libjpeg would go on after, with gray or shifted blocks in the picture,
 * is an error here.
 */
static void
on_message(j_common_ptr info, int level)
{
    struct jpeg  *jpeg = info->client_data;

    if (level >= 0) {
        return;
    }
    switch (info->err->msg_code) {
    case JWRN_JPEG_EOF:             /* only the end marker is missing, or */
    case JWRN_EXTRANEOUS_DATA:      /* another warning follows */
    case JWRN_ADOBE_XFORM:
    case JWRN_JFIF_MAJOR:
        break;
    default:
        jpeg->damaged = true;
    }
}


static void
no_output(j_common_ptr info)
{
    (void) info;
}


/*
 * Which colours the stream holds: its own markers say it, and the data set
 * where they don't (PS3.5 8.2.1).
 */
static void
choose_colour(struct jpeg *jpeg)
{
    struct jpeg_decompress_struct  *info = &jpeg->info;
    const jpeg_component_info      *component = info->comp_info;

    if (info->num_components == 1) {
        info->out_color_space = JCS_GRAYSCALE;
        return;
    }

    info->out_color_space = JCS_RGB;
    if (info->saw_JFIF_marker || info->saw_Adobe_marker
        || (component[0].component_id == 'R'
            && component[1].component_id == 'G'
            && component[2].component_id == 'B'))
    {
        return;
    }
    info->jpeg_color_space = jpeg->codec->photometric == PHOTOMETRIC_RGB
        ? JCS_RGB : JCS_YCbCr;
}


static bool
is_expected(struct jpeg *jpeg)
{
    const struct codec  *c = jpeg->codec;

    if (jpeg->info.image_width != c->columns
        || jpeg->info.image_height != c->rows)
    {
        return codec_fail(jpeg->codec, DECODER_INVALID,
            "the JPEG stream has other dimensions than rows and columns");
    }
    if (jpeg->info.num_components != c->samples) {
        return codec_fail(jpeg->codec, DECODER_INVALID,
            "the JPEG stream has another number of components than samples");
    }
    if (jpeg->info.data_precision != 8) {
        return codec_fail(jpeg->codec, DECODER_UNSUPPORTED,
            "the JPEG stream has not 8 bits a sample");
    }
    return true;
}


static void
read_rows(struct jpeg *jpeg)
{
    struct codec  *c = jpeg->codec;
    unsigned       bytes = codec_sample_size(c);
    size_t         count = (size_t) c->columns * c->samples;

    while (jpeg->info.output_scanline < jpeg->info.output_height) {
        size_t    y = jpeg->info.output_scanline;
        uint8_t  *to = c->pixels + y * count * bytes;
        JSAMPROW  row = bytes == 1 ? to : jpeg->row;

        if (jpeg_read_scanlines(&jpeg->info, &row, 1) != 1) {
            jpeg->damaged = true;
            return;
        }
        for (size_t i = 0; bytes > 1 && i < count; i++) {
            codec_store(to + i * bytes, bytes, row[i]);
        }
    }
}


bool
codec_jpeg(struct codec *c)
{
    struct jpeg  jpeg = { .codec = c };
    volatile bool  done = false;    /* survives longjmp */

    jpeg.row = malloc((size_t) c->columns * c->samples);
    if (jpeg.row == NULL) {
        return codec_fail(c, DECODER_MEMORY, "out of memory");
    }

    jpeg.info.err = jpeg_std_error(&jpeg.errors);
    jpeg.errors.error_exit = on_error;
    jpeg.errors.emit_message = on_message;
    jpeg.errors.output_message = no_output;
    jpeg.info.client_data = &jpeg;

    if (setjmp(jpeg.jump) != 0) {
        codec_fail(c, jpeg.errors.msg_code == JERR_OUT_OF_MEMORY
            ? DECODER_MEMORY : DECODER_INVALID, "the JPEG stream is damaged");
        goto done;
    }

    jpeg_create_decompress(&jpeg.info);
    jpeg_mem_src(&jpeg.info, c->stream, c->length);
    jpeg_read_header(&jpeg.info, TRUE);
    if (!is_expected(&jpeg)) {
        goto done;
    }
    choose_colour(&jpeg);
    jpeg.info.dct_method = JDCT_ISLOW;
    jpeg_start_decompress(&jpeg.info);
    read_rows(&jpeg);
    jpeg_finish_decompress(&jpeg.info);

    if (jpeg.damaged) {
        codec_fail(c, DECODER_INVALID, "the JPEG stream is damaged");
        goto done;
    }
    if (c->samples == 3) {
        c->photometric = PHOTOMETRIC_RGB;
    }
    done = true;

done:
    jpeg_destroy_decompress(&jpeg.info);
    free(jpeg.row);
    return done;
}
