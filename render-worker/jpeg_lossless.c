/*
 * JPEG lossless, Huffman coded (ITU-T T.81 annex H): 2 to 16 bits, all seven
 * predictors, point transform, restarts at whole lines, one to four components
 * of equal size.
 */

#include <stdlib.h>
#include <string.h>

#include "codec.h"

#define FAST_BITS       11
#define MAX_COMPONENTS  4
#define MAX_WIDTH       65535u

struct huffman {
    bool      defined;
    uint16_t  fast[1 << FAST_BITS];     /* length << 8 | value; 0: longer */
    int32_t   last[18];                 /* greatest code of a length, or -1 */
    int32_t   offset[17];               /* index of value less code */
    uint8_t   values[256];
};

struct component {
    uint8_t  id;
    uint8_t  table;
    bool     done;
};

struct stream {
    struct codec      *codec;
    const uint8_t     *data, *end;
    uint64_t           bits;            /* next bit is the highest */
    unsigned           count;           /* of valid bits */
    unsigned           missing;         /* bits made up behind the end */
    struct huffman     tables[4];
    struct component   components[MAX_COMPONENTS];
    unsigned           ncomponents;     /* 0: no frame header yet */
    unsigned           precision;
    unsigned           restart;         /* interval in pixels, 0: none */
};

struct scan {
    struct component  *components[MAX_COMPONENTS];
    unsigned           places[MAX_COMPONENTS];
    unsigned           ncomponents;
    unsigned           predictor;
    unsigned           shift;
};


static bool
damaged(struct stream *s, const char *detail)
{
    return codec_fail(s->codec, DECODER_INVALID, detail);
}


/* Bits of entropy-coded data; behind a marker come zeros, which are counted. */
static void
fill(struct stream *s)
{
    while (s->count <= 56) {
        uint64_t  byte = 0;

        if (s->data < s->end && (s->data[0] != 0xff
            || (s->end - s->data > 1 && s->data[1] == 0x00)))
        {
            byte = s->data[0];
            s->data += byte == 0xff ? 2 : 1;
        } else {
            s->missing += 8;
        }
        s->bits |= byte << (56 - s->count);
        s->count += 8;
    }
}


static void
drop(struct stream *s, unsigned count)
{
    s->bits <<= count;
    s->count -= count;
}


static void
align(struct stream *s)
{
    s->bits = 0;
    s->count = 0;
    s->missing = 0;
}


static int
slow_symbol(struct stream *s, const struct huffman *h)
{
    int32_t   code = (int32_t) (s->bits >> (64 - FAST_BITS));
    unsigned  length = FAST_BITS;

    do {
        length++;
        code = (int32_t) (s->bits >> (64 - length));
    } while (length <= 16 && code > h->last[length]);

    if (length > 16) {
        return -1;
    }
    drop(s, length);
    return h->values[(code + h->offset[length]) & 0xff];
}


/* One difference; at least 32 bits must be there. */
static bool
difference(struct stream *s, const struct huffman *h, int32_t *value)
{
    unsigned  entry = h->fast[s->bits >> (64 - FAST_BITS)];
    int       size;

    if (entry != 0) {
        drop(s, entry >> 8);
        size = (int) (entry & 0xff);
    } else {
        size = slow_symbol(s, h);
    }

    if (size == 0) {
        *value = 0;
    } else if (size > 0 && size < 16) {
        int32_t  v = (int32_t) (s->bits >> (64 - size));

        drop(s, (unsigned) size);
        *value = v < 1 << (size - 1) ? v - (1 << size) + 1 : v;
    } else if (size == 16) {
        *value = 32768;
    } else {
        return false;
    }
    return true;
}


static bool
read_tables(struct stream *s, const uint8_t *p, size_t length)
{
    while (length >= 17) {
        struct huffman  *h = &s->tables[p[0] & 3];
        unsigned         total = 0, code = 0;
        int32_t          index = 0;

        for (unsigned i = 1; i <= 16; i++) {
            total += p[i];
        }
        if (p[0] > 3 || total > 256 || length < 17 + total) {
            return damaged(s, "a JPEG Huffman table is malformed");
        }

        memset(h, 0, sizeof(*h));
        memcpy(h->values, p + 17, total);
        for (unsigned size = 1; size <= 16; size++) {
            h->offset[size] = index - (int32_t) code;
            for (unsigned i = 0; i < p[size]; i++, code++, index++) {
                if (code >= 1u << size) {
                    return damaged(s, "a JPEG Huffman table is malformed");
                }
                if (size <= FAST_BITS) {
                    unsigned  first = code << (FAST_BITS - size);

                    for (unsigned k = 0; k < 1u << (FAST_BITS - size); k++) {
                        h->fast[first + k] = (uint16_t) (size << 8
                            | h->values[index]);
                    }
                }
            }
            h->last[size] = p[size] > 0 ? (int32_t) code - 1 : -1;
            code <<= 1;
        }
        h->defined = true;
        p += 17 + total;
        length -= 17 + total;
    }
    return true;
}


static bool
read_frame(struct stream *s, const uint8_t *p, size_t length)
{
    const struct codec  *c = s->codec;

    if (length < 6 || p[5] == 0 || p[5] > MAX_COMPONENTS
        || length < 6 + 3u * p[5] || s->ncomponents != 0)
    {
        return damaged(s, "the JPEG frame header is malformed");
    }
    s->precision = p[0];
    s->ncomponents = p[5];

    if ((p[1] << 8 | p[2]) != (int) c->rows
        || (p[3] << 8 | p[4]) != (int) c->columns)
    {
        return damaged(s, "the JPEG stream has other dimensions than rows and "
            "columns");
    }
    if (s->ncomponents != c->samples) {
        return damaged(s, "the JPEG stream has another number of components "
            "than samples");
    }
    if (s->precision < 2 || s->precision > 16
        || s->precision > 8 * codec_sample_size(c))
    {
        return damaged(s, "the JPEG stream has more bits than allocated");
    }

    for (unsigned i = 0; i < s->ncomponents; i++) {
        s->components[i].id = p[6 + 3 * i];
        if (p[7 + 3 * i] != p[7]) {
            return codec_fail(s->codec, DECODER_UNSUPPORTED,
                "the JPEG stream has subsampled components");
        }
    }
    return true;
}


static bool
read_scan(struct stream *s, const uint8_t *p, size_t length,
    struct scan *scan)
{
    memset(scan, 0, sizeof(*scan));
    if (length < 1 || p[0] == 0 || p[0] > s->ncomponents
        || length < 4 + 2u * p[0])
    {
        return damaged(s, "the JPEG scan header is malformed");
    }

    scan->ncomponents = p[0];
    for (unsigned i = 0; i < scan->ncomponents; i++) {
        unsigned  n = 0;

        while (n < s->ncomponents && s->components[n].id != p[1 + 2 * i]) {
            n++;
        }
        if (n == s->ncomponents || s->components[n].done) {
            return damaged(s, "the JPEG scan names an unknown component");
        }
        scan->components[i] = &s->components[n];
        scan->places[i] = n;
        s->components[n].table = p[2 + 2 * i] >> 4;
        s->components[n].done = true;
        if (s->components[n].table > 3
            || !s->tables[s->components[n].table].defined)
        {
            return damaged(s, "the JPEG scan names an unknown Huffman table");
        }
    }

    p += 1 + 2 * scan->ncomponents;
    scan->predictor = p[0];
    scan->shift = p[2] & 15;
    if (scan->predictor < 1 || scan->predictor > 7
        || scan->shift >= s->precision)
    {
        return damaged(s, "the JPEG scan has an unknown predictor");
    }
    return true;
}


static inline int32_t
predict(unsigned predictor, int32_t a, int32_t b, int32_t c)
{
    switch (predictor) {
    case 1: return a;
    case 2: return b;
    case 3: return c;
    case 4: return a + b - c;
    case 5: return a + ((b - c) >> 1);
    case 6: return b + ((a - c) >> 1);
    default: return (a + b) >> 1;
    }
}


/*
 * One line of the scan.  above and line hold, for each component, a row of
 * values; first tells a line that has nothing above it.
 */
static bool
decode_line(struct stream *s, const struct scan *scan, bool first,
    uint16_t *const *above, uint16_t *const *line)
{
    uint32_t  columns = s->codec->columns;
    int32_t   start = 1 << (s->precision - scan->shift - 1);

    for (uint32_t x = 0; x < columns; x++) {
        for (unsigned i = 0; i < scan->ncomponents; i++) {
            const struct huffman  *h = &s->tables[scan->components[i]->table];
            int32_t                value, guess;

            if (s->count < 32) {
                fill(s);
            }
            if (!difference(s, h, &value)) {
                return damaged(s, "the JPEG stream has an unknown code");
            }

            if (x > 0) {
                guess = first ? line[i][x - 1] : predict(scan->predictor,
                    line[i][x - 1], above[i][x], above[i][x - 1]);
            } else {
                guess = first ? start : above[i][0];
            }
            line[i][x] = (uint16_t) (guess + value);
        }
    }

    /* made-up bits are read ahead by 64 at most */
    if (s->missing > s->count) {
        return damaged(s, "the JPEG stream ends before the image does");
    }
    return true;
}


static void
store_line(const struct stream *s, const struct scan *scan, uint32_t y,
    uint16_t *const *line)
{
    const struct codec  *c = s->codec;
    unsigned             bytes = codec_sample_size(c);
    size_t               step = (size_t) c->samples * bytes;

    for (unsigned i = 0; i < scan->ncomponents; i++) {
        uint8_t  *to = c->pixels + y * step * c->columns
            + scan->places[i] * bytes;

        for (uint32_t x = 0; x < c->columns; x++) {
            codec_store(to, bytes, (uint16_t) (line[i][x] << scan->shift));
            to += step;
        }
    }
}


/* Takes the restart marker that must stand here. */
static bool
restart(struct stream *s)
{
    align(s);
    while (s->end - s->data >= 2) {
        if (s->data[0] == 0xff && s->data[1] >= 0xd0 && s->data[1] <= 0xd7) {
            s->data += 2;
            return true;
        }
        if (s->data[0] != 0xff || s->data[1] != 0xff) {
            break;
        }
        s->data++;
    }
    return damaged(s, "a JPEG restart marker is missing");
}


static bool
decode_scan(struct stream *s, const struct scan *scan)
{
    const struct codec  *c = s->codec;
    uint16_t            *rows, *above[MAX_COMPONENTS], *line[MAX_COMPONENTS];
    uint32_t             lines = s->restart / c->columns;
    bool                 done = true;

    if (s->restart % c->columns != 0) {
        return codec_fail(s->codec, DECODER_UNSUPPORTED,
            "the JPEG stream restarts within a line");
    }
    rows = malloc(2 * sizeof(rows[0]) * c->columns * scan->ncomponents);
    if (rows == NULL) {
        return codec_fail(s->codec, DECODER_MEMORY, "out of memory");
    }
    for (unsigned i = 0; i < scan->ncomponents; i++) {
        above[i] = rows + (size_t) 2 * i * c->columns;
        line[i] = above[i] + c->columns;
    }

    align(s);
    for (uint32_t y = 0; y < c->rows && done; y++) {
        bool  first = y == 0;

        if (lines > 0 && y > 0 && y % lines == 0) {
            first = true;
            done = restart(s);
        }
        done = done && decode_line(s, scan, first, above, line);
        if (done) {
            store_line(s, scan, y, line);
        }
        for (unsigned i = 0; i < scan->ncomponents; i++) {
            uint16_t  *swap = above[i];

            above[i] = line[i];
            line[i] = swap;
        }
    }

    free(rows);
    align(s);
    return done;
}


/* The next marker, behind whatever stands before it; 0: there is none. */
static unsigned
next_marker(struct stream *s)
{
    while (s->end - s->data >= 2) {
        if (s->data[0] == 0xff && s->data[1] != 0x00 && s->data[1] != 0xff) {
            s->data += 2;
            return s->data[-1];
        }
        s->data++;
    }
    return 0;
}


static bool
decode_segment(struct stream *s, unsigned marker, const uint8_t *p,
    size_t length)
{
    struct scan  scan;

    switch (marker) {
    case 0xc3:
        return read_frame(s, p, length);
    case 0xc4:
        return read_tables(s, p, length);
    case 0xda:
        return read_scan(s, p, length, &scan) && decode_scan(s, &scan);
    case 0xdd:
        if (length < 2) {
            return damaged(s, "the JPEG restart interval is malformed");
        }
        s->restart = (unsigned) (p[0] << 8 | p[1]);
        return true;
    default:
        if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc8
            && marker != 0xcc)
        {
            return codec_fail(s->codec, DECODER_UNSUPPORTED,
                "the JPEG stream is not of the lossless kind");
        }
        return true;
    }
}


static bool
decode_stream(struct stream *s)
{
    unsigned  left = UINT32_MAX;

    while (left > 0) {
        unsigned        marker = next_marker(s);
        const uint8_t  *segment = s->data;
        size_t          length;

        if (marker == 0 || marker == 0xd9) {
            return damaged(s, "the JPEG stream ends before the image does");
        }
        if (marker == 0xd8 || marker == 0x01
            || (marker >= 0xd0 && marker <= 0xd7))
        {
            continue;
        }

        length = s->end - s->data >= 2 ? (size_t) (segment[0] << 8
            | segment[1]) : 0;
        if (length < 2 || length > (size_t) (s->end - s->data)) {
            return damaged(s, "a JPEG segment is cut short");
        }
        s->data += length;
        if (!decode_segment(s, marker, segment + 2, length - 2)) {
            return false;
        }

        left = s->ncomponents == 0 ? 1 : 0;
        for (unsigned i = 0; i < s->ncomponents; i++) {
            left += !s->components[i].done;
        }
    }
    return true;
}


bool
codec_jpeg_lossless(struct codec *c)
{
    struct stream  *s = calloc(1, sizeof(*s));
    bool            done;

    if (s == NULL) {
        return codec_fail(c, DECODER_MEMORY, "out of memory");
    }
    s->codec = c;
    s->data = c->stream;
    s->end = c->stream + c->length;
    done = decode_stream(s);
    free(s);
    return done;
}
