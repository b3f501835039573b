/*
 * RLE (PS3.5 annex G): one segment for each byte of each sample, the most
 * significant byte first; each segment is PackBits.
 */

#include <string.h>

#include "codec.h"

#define HEADER_SIZE   64u
#define MAX_SEGMENTS  15u


static uint32_t
le32(const uint8_t *p)
{
    return p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16
        | (uint32_t) p[3] << 24;
}


/*
 * Unpacks one segment into every step-th byte of out, count of them; how many
 * were written.
 */
static size_t
unpack(const uint8_t *in, size_t length, uint8_t *out, size_t count,
    size_t step)
{
    const uint8_t  *end = in + length;
    size_t          done = 0;

    while (in < end && done < count) {
        unsigned  code = *in++;
        size_t    run;

        if (code == 128) {
            continue;
        }

        if (code < 128) {
            run = code + 1u;
            if (run > (size_t) (end - in)) {
                run = (size_t) (end - in);
            }
            if (run > count - done) {
                run = count - done;
            }
            if (step == 1) {
                memcpy(out, in, run);
            } else {
                for (size_t i = 0; i < run; i++) {
                    out[i * step] = in[i];
                }
            }
            in += run;

        } else {
            if (in == end) {
                break;
            }
            run = 257u - code;
            if (run > count - done) {
                run = count - done;
            }
            if (step == 1) {
                memset(out, *in, run);
            } else {
                for (size_t i = 0; i < run; i++) {
                    out[i * step] = *in;
                }
            }
            in++;
        }
        out += run * step;
        done += run;
    }
    return done;
}


/* Where the segment that begins at begin ends: they may stand in any order. */
static size_t
segment_end(const struct codec *c, unsigned count, uint32_t begin)
{
    size_t  end = c->length;

    for (unsigned i = 0; i < count; i++) {
        uint32_t  other = le32(c->stream + 4 + 4 * i);

        if (other > begin && other < end) {
            end = other;
        }
    }
    return end;
}


/* One-bit pixels stay packed in the one segment, eight a byte. */
static void
widen_bits(struct codec *c)
{
    /* from the end, so that no byte is overwritten before it is read */
    for (size_t i = c->size; i-- > 0; ) {
        uint8_t  byte = c->pixels[i / 8];

        c->pixels[i] = byte >> (i % 8) & 1;
    }
}


bool
codec_rle(struct codec *c)
{
    unsigned  bytes = codec_sample_size(c);
    unsigned  count = c->samples * bytes;
    size_t    pixels = (size_t) c->rows * c->columns;
    size_t    expected = c->bits_allocated == 1 ? (pixels + 7) / 8 : pixels;

    if (c->length < HEADER_SIZE || le32(c->stream) != count
        || count > MAX_SEGMENTS || (c->bits_allocated == 1 && count != 1))
    {
        return codec_fail(c, DECODER_INVALID, "the RLE frame has another "
            "number of segments than samples and bits ask for");
    }

    for (unsigned i = 0; i < count; i++) {
        uint32_t  begin = le32(c->stream + 4 + 4 * i);
        size_t    end = segment_end(c, count, begin);
        size_t    done, place = i / bytes * bytes + (bytes - 1 - i % bytes);

        if (begin < HEADER_SIZE || begin > end) {
            return codec_fail(c, DECODER_INVALID,
                "the RLE frame's segments lie outside of it");
        }
        done = unpack(c->stream + begin, end - begin, c->pixels + place,
            expected, c->bits_allocated == 1 ? 1 : count);
        if (done != expected) {
            return codec_fail(c, DECODER_INVALID,
                "an RLE segment ends before the image does");
        }
    }

    if (c->bits_allocated == 1) {
        widen_bits(c);
    }
    return true;
}
