/* JPEG lossless: any stream, and pixels of any size that the header claims. */

#include "codec.h"
#include "fuzz.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t  bits[] = { 8, 16, 32 };
    struct decoder_error   error = { 0 };
    struct fuzz            f = { data, size };
    struct codec           c = { .error = &error };
    uint8_t               *stream;

    c.rows = 1 + (uint32_t) fuzz_number(&f, 1) % 64;
    c.columns = 1 + (uint32_t) fuzz_number(&f, 1) % 64;
    c.samples = fuzz_number(&f, 1) % 2 ? 3 : 1;
    c.bits_allocated = bits[fuzz_number(&f, 1) % 3];
    c.size = (size_t) c.rows * c.columns * c.samples * codec_sample_size(&c);
    c.pixels = calloc(1, c.size);
    fuzz_check(c.pixels != NULL);

    stream = fuzz_take(&f, SIZE_MAX, &c.length);
    c.stream = stream;
    if (!codec_jpeg_lossless(&c)) {
        fuzz_check(error.status != DECODER_OK && error.detail[0] != '\0');
    }
    free(stream);
    free(c.pixels);
    return 0;
}
