/*
 * PNG with filter Up and deflate.c: a mammogram in a fiftieth of libpng's time
 * at about the same size.
 *
 * A picture is cut into bands of rows that know nothing of each other, so that
 * several threads can work on it and each finds its rows in the cache.  Every
 * band is a run of deflate blocks that ends on a byte (RFC 1951 3.2.4, a full
 * flush) in an IDAT chunk of its own; only the checksum of all of them, which
 * RFC 1950 puts at the end, follows in a last one.
 */

#include "encode.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <zlib.h>

#include "deflate.h"
#include "multiversion.h"

/* Bytes of the pixels of a band: filtered, they stay in a core's own cache. */
#define BAND_BYTES     (256u * 1024)

/* Scratch that one thread keeps between pictures is at most this large. */
#define SCRATCH_KEPT   (32u * 1024 * 1024)

#define PNG_HEAD       (8 + 25)     /* signature, IHDR */
#define PNG_TAIL       (16 + 12)    /* IDAT of the checksum, IEND */
#define CHUNK          12           /* length, type and CRC of a chunk */

struct scratch {
    uint8_t  *data;
    size_t    size;
};

static _Thread_local struct scratch filtered, deflated;
static _Thread_local struct deflate *coder;

struct band {
    size_t    length;               /* of its chunk */
    size_t    plain;                /* bytes before deflate */
    uint32_t  adler;                /* of those */
};

struct png {
    const struct encode_source  *source;
    size_t         stride;
    uint32_t       rows;            /* of all bands but the last */
    unsigned       nbands;
    uint8_t       *out;             /* room for each band's chunk */
    size_t         room;
    struct band   *bands;
    atomic_bool    failed;
};

static bool
scratch_reserve(struct scratch *scratch, size_t size)
{
    if (scratch->size >= size) {
        return true;
    }
    free(scratch->data);
    scratch->data = malloc(size);
    scratch->size = scratch->data != NULL ? size : 0;
    return scratch->data != NULL;
}

static void
scratch_release(struct scratch *scratch, size_t kept)
{
    if (scratch->size > kept) {
        free(scratch->data);
        scratch->data = NULL;
        scratch->size = 0;
    }
}

void
encode_thread_finish(void)
{
    scratch_release(&filtered, 0);
    scratch_release(&deflated, 0);
    deflate_destroy(coder);
    coder = NULL;
}

static void
put_be32(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t) (value >> 24);
    p[1] = (uint8_t) (value >> 16);
    p[2] = (uint8_t) (value >> 8);
    p[3] = (uint8_t) value;
}

/* Around length bytes that stand at chunk + 8; gives where the next begins. */
static uint8_t *
put_chunk(uint8_t *chunk, const char *type, size_t length)
{
    put_be32(chunk, (uint32_t) length);
    memcpy(chunk + 4, type, 4);
    put_be32(chunk + 8 + length, crc32_gzip_refl(0, chunk + 4, length + 4));
    return chunk + CHUNK + length;
}

MULTIVERSION static void
filter_up(uint8_t *restrict out, const uint8_t *restrict pixels,
    size_t stride, uint32_t from, uint32_t end)
{
    for (uint32_t y = from; y < end; y++) {
        const uint8_t *row = pixels + (size_t) y * stride;
        const uint8_t *above = row - stride;

        *out++ = 2;
        if (y == 0) {
            memcpy(out, row, stride);
        } else {
            for (size_t x = 0; x < stride; x++) {
                out[x] = (uint8_t) (row[x] - above[x]);
            }
        }
        out += stride;
    }
}

static void
encode_band(void *context, unsigned number, unsigned worker)
{
    struct png *png = context;
    struct band *band = &png->bands[number];
    bool last = number + 1 == png->nbands;
    uint32_t from = number * png->rows;
    uint32_t end = last ? png->source->height : from + png->rows;
    uint8_t *chunk = png->out + number * png->room;
    size_t head = 0, length;

    (void) worker;
    if (atomic_load(&png->failed)) {
        return;
    }
    band->plain = (png->stride + 1) * (end - from);
    if (!scratch_reserve(&filtered, band->plain)) {
        goto failed;
    }
    filter_up(filtered.data, png->source->pixels, png->stride, from, end);
    band->adler = isal_adler32(1, filtered.data, band->plain);

    if (number == 0) {
        memcpy(chunk + 8, "\x78\x01", 2);       /* RFC 1950: 32 KB, fastest */
        head = 2;
    }
    if (coder == NULL) {
        coder = deflate_create();
    }
    length = coder == NULL ? 0
        : deflate_run(coder, filtered.data, band->plain, last,
            chunk + 8 + head);
    if (length == 0) {
        goto failed;
    }
    band->length = (size_t) (put_chunk(chunk, "IDAT", head + length) - chunk);
    return;

failed:
    atomic_store(&png->failed, true);
}

/* The bands behind each other, with what goes before and after. */
static bool
join(const struct png *png, uint8_t **data, size_t *length)
{
    size_t total = PNG_HEAD + PNG_TAIL;
    uLong adler = 1;

    for (unsigned i = 0; i < png->nbands; i++) {
        total += png->bands[i].length;
        adler = adler32_combine(adler, png->bands[i].adler,
            (z_off_t) png->bands[i].plain);
    }

    uint8_t *p = malloc(total);
    if (p == NULL) {
        return false;
    }
    *data = p;
    *length = total;

    memcpy(p, "\x89PNG\r\n\x1a\n", 8);
    p += 8;
    put_be32(p + 8, png->source->width);
    put_be32(p + 12, png->source->height);
    p[16] = 8;                                      /* bits a sample */
    p[17] = png->source->samples == 1 ? 0 : 2;      /* gray, RGB */
    p[18] = p[19] = p[20] = 0;
    p = put_chunk(p, "IHDR", 13);
    for (unsigned i = 0; i < png->nbands; i++) {
        memcpy(p, png->out + i * png->room, png->bands[i].length);
        p += png->bands[i].length;
    }
    put_be32(p + 8, (uint32_t) adler);
    p = put_chunk(p, "IDAT", 4);
    put_chunk(p, "IEND", 0);
    return true;
}

bool
encode_png(const struct encode_source *source, struct bands *bands,
    uint8_t **data, size_t *length)
{
    struct png png = { .source = source };
    bool ok = false;

    png.stride = (size_t) source->width * source->samples;
    png.rows = png.stride < BAND_BYTES ? (uint32_t) (BAND_BYTES / png.stride)
        : 1;
    png.nbands = (source->height - 1) / png.rows + 1;

    size_t plain = (png.stride + 1) * (png.rows < source->height ? png.rows
        : source->height);
    png.room = deflate_bound(plain) + CHUNK + 2;

    png.bands = calloc(png.nbands, sizeof(png.bands[0]));
    if (png.bands == NULL
        || !scratch_reserve(&deflated, png.nbands * png.room))
    {
        goto done;
    }
    png.out = deflated.data;
    encode_bands(source, bands, encode_band, &png, png.nbands);
    ok = !atomic_load(&png.failed) && join(&png, data, length);

done:
    free(png.bands);
    scratch_release(&filtered, SCRATCH_KEPT);
    scratch_release(&deflated, SCRATCH_KEPT);
    return ok;
}
