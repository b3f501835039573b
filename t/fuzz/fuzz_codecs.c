/*
 * The decoders that are thin: native pixels of every layout, deflated frames,
 * and the choice among the processes of JPEG by the stream's own markers, with
 * libjpeg behind it.  GDCM's codecs are left out, which abort by design of the
 * sandbox around them.
 */

#include "codec.h"
#include "dicom.h"
#include "fuzz.h"


bool
dicom_decode(const struct dicom_codec *codec, const uint8_t *stream,
    size_t length, void *pixels, size_t size, struct decoder_error *error)
{
    fuzz_check(size == (size_t) codec->rows * codec->columns * codec->samples
        * (codec->bits_allocated <= 8 ? 1u : codec->bits_allocated / 8u));
    memset(pixels, 1, size);
    return length > 0 && stream != NULL && error != NULL;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t  bits[] = { 1, 8, 16, 32, 64 };
    struct decoder_error   error = { 0 };
    struct fuzz            f = { data, size };
    struct codec           c = { .error = &error };
    unsigned               which, first_bit;
    uint8_t               *stream;
    bool                   done;

    which = (unsigned) fuzz_number(&f, 1) % 3;
    c.rows = 1 + (uint32_t) fuzz_number(&f, 1) % 64;
    c.columns = 1 + (uint32_t) fuzz_number(&f, 1) % 64;
    c.photometric = 1 + (uint8_t) fuzz_number(&f, 1)
        % PHOTOMETRIC_YBR_PARTIAL_422;
    c.samples = c.photometric <= PHOTOMETRIC_PALETTE ? 1 : 3;
    c.bits_allocated = bits[fuzz_number(&f, 1) % 5];
    c.planar = fuzz_number(&f, 1) % 2;
    first_bit = (unsigned) fuzz_number(&f, 1) % 8;
    strcpy(c.syntax, "1.2.840.10008.1.2.4.51");
    c.size = (size_t) c.rows * c.columns * c.samples * codec_sample_size(&c);
    c.pixels = calloc(1, c.size);
    fuzz_check(c.pixels != NULL);

    stream = fuzz_take(&f, SIZE_MAX, &c.length);
    c.stream = stream;
    done = which == 0 ? codec_native(&c, first_bit)
        : which == 1 ? codec_deflated(&c) : codec_jpeg_any(&c);
    if (!done && which != 2) {
        fuzz_check(error.status != DECODER_OK && error.detail[0] != '\0');
    }
    if (done && which == 0 && c.bits_allocated == 1) {
        for (size_t i = 0; i < c.size; i++) {
            fuzz_check(c.pixels[i] <= 1);
        }
    }
    free(stream);
    free(c.pixels);
    return 0;
}
