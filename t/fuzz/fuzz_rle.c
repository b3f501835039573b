/* RLE frames: bytes of any kind, and what was packed comes back. */

#include "codec.h"
#include "fuzz.h"


/* Literal runs and repeats, as the input's spare bits ask for. */
static size_t
pack(const uint8_t *data, size_t size, size_t step, size_t count,
    const uint8_t *how, size_t nhow, uint8_t *out)
{
    size_t  done = 0, length = 0;

    for (size_t n = 0; done < count; n++) {
        unsigned  choice = nhow > 0 ? how[n % nhow] : 0;
        size_t    run = 1 + choice % 127;

        run = run > count - done ? count - done : run;
        if (choice & 0x80) {
            size_t  same = 1;

            while (same < run
                && data[(done + same) * step] == data[done * step])
            {
                same++;
            }
            if (same > 1) {
                out[length++] = (uint8_t) (257 - same);
                out[length++] = data[done * step];
                done += same;
                continue;
            }
        }
        out[length++] = (uint8_t) (run - 1);
        for (size_t i = 0; i < run; i++) {
            out[length++] = data[(done + i) * step];
        }
        done += run;
    }
    (void) size;
    return length;
}


static void
put32(uint8_t *at, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        at[i] = (uint8_t) (value >> (8 * i));
    }
}


/* Packs the pixels by annex G's rules and asks for them back. */
static void
round_trip(struct codec *c, struct fuzz *f)
{
    unsigned  bytes = codec_sample_size(c), count = c->samples * bytes;
    size_t    pixels = (size_t) c->rows * c->columns, nhow, length;
    uint8_t  *how = fuzz_take(f, 64, &nhow);
    uint8_t  *wanted = calloc(1, c->size);
    uint8_t  *stream = calloc(1, 64 + 2 * c->size + 2 * count);
    size_t    at = 64;

    fuzz_check(wanted != NULL && stream != NULL);
    for (size_t i = 0; i < c->size; i++) {
        wanted[i] = (uint8_t) fuzz_number(f, 1);
    }
    put32(stream, count);
    for (unsigned i = 0; i < count; i++) {
        size_t  place = i / bytes * bytes + (bytes - 1 - i % bytes);

        put32(stream + 4 + 4 * i, (uint32_t) at);
        length = pack(wanted + place, c->size, count, pixels, how, nhow,
            stream + at);
        at += length;
    }
    c->stream = stream;
    c->length = at;
    fuzz_check(codec_rle(c));
    fuzz_check(memcmp(c->pixels, wanted, c->size) == 0);
    free(stream);
    free(wanted);
    free(how);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t  bits[] = { 1, 8, 16, 32, 64 };
    struct decoder_error   error = { 0 };
    struct fuzz            f = { data, size };
    struct codec           c = { .error = &error };
    bool                   packs;
    uint8_t               *stream;

    c.rows = 1 + (uint32_t) fuzz_number(&f, 1) % 64;
    c.columns = 1 + (uint32_t) fuzz_number(&f, 1) % 64;
    c.samples = fuzz_number(&f, 1) % 2 ? 3 : 1;
    c.bits_allocated = bits[fuzz_number(&f, 1) % 5];
    packs = fuzz_number(&f, 1) % 2 != 0;
    c.size = (size_t) c.rows * c.columns * c.samples * codec_sample_size(&c);
    c.pixels = calloc(1, c.size);
    fuzz_check(c.pixels != NULL);

    if (packs && c.bits_allocated != 1
        && c.samples * codec_sample_size(&c) <= 15)
    {
        round_trip(&c, &f);
    } else {
        stream = fuzz_take(&f, SIZE_MAX, &c.length);
        c.stream = stream;
        if (!codec_rle(&c)) {
            fuzz_check(error.status != DECODER_OK
                && error.detail[0] != '\0');
        }
        free(stream);
    }
    free(c.pixels);
    return 0;
}
