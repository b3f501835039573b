/*
 * JPEG lossless, Huffman coded (ITU-T T.81 annex H): 2 to 16 bits, all seven
 * predictors, point transform, restarts at whole lines, one to four components
 * of equal size.
 */

#include <stdlib.h>
#include <string.h>

#include "codec.h"

#define FAST_BITS       12
#define MAX_COMPONENTS  4
#define MAX_WIDTH       65535u

/*
 * What begins with FAST_BITS given bits: a whole difference, or the category
 * alone when its bits reach further.
 */
struct fast {
    int16_t   value;            /* the difference, or the category */
    uint8_t   length;           /* of what is known; 0: not even the code */
    bool      whole;
};

struct huffman {
    bool         defined;
    struct fast  fast[1 << FAST_BITS];
    int32_t      last[18];      /* greatest code of a length, or -1 */
    int32_t      offset[17];    /* index of value less code */
    uint8_t      values[256];
};

struct component {
    uint8_t  id;
    uint8_t  table;
    bool     done;
};

struct bits {
    const uint8_t  *data, *end;
    uint64_t        next;       /* next bit is the highest */
    unsigned        count;      /* of valid bits */
    unsigned        missing;    /* bits made up behind the end */
};

struct stream {
    struct codec      *codec;
    struct bits        bits;
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
static inline void
fill(struct bits *b)
{
    /* four bytes at once, when none of them is 0xff */
    if (b->end - b->data >= 4 && b->count <= 32) {
        uint32_t  word;

        memcpy(&word, b->data, sizeof(word));
        if (((~word - 0x01010101u) & word & 0x80808080u) == 0) {
            b->next |= (uint64_t) __builtin_bswap32(word) << (32 - b->count);
            b->count += 32;
            b->data += 4;
            return;
        }
    }

    while (b->count <= 56) {
        uint64_t  byte = 0;

        if (b->data < b->end && (b->data[0] != 0xff
            || (b->end - b->data > 1 && b->data[1] == 0x00)))
        {
            byte = b->data[0];
            b->data += byte == 0xff ? 2 : 1;
        } else {
            b->missing += 8;
        }
        b->next |= byte << (56 - b->count);
        b->count += 8;
    }
}


static inline void
drop(struct bits *b, unsigned count)
{
    b->next <<= count;
    b->count -= count;
}


static void
align(struct bits *b)
{
    b->next = 0;
    b->count = 0;
    b->missing = 0;
}


/* The difference that a category's bits stand for (table H.2). */
static inline int32_t
extend(int32_t v, unsigned category)
{
    return v < 1 << (category - 1) ? v - (1 << category) + 1 : v;
}


static int
slow_category(struct bits *b, const struct huffman *h)
{
    int32_t   code;
    unsigned  length = FAST_BITS;

    do {
        length++;
        code = (int32_t) (b->next >> (64 - length));
    } while (length <= 16 && code > h->last[length]);

    if (length > 16) {
        return -1;
    }
    drop(b, length);
    return h->values[(code + h->offset[length]) & 0xff];
}


/* One difference; at least 32 bits must be there. */
static inline bool
difference(struct bits *b, const struct huffman *h, int32_t *value)
{
    struct fast  fast = h->fast[b->next >> (64 - FAST_BITS)];
    int          category = fast.value;

    drop(b, fast.length);
    if (fast.whole) {
        *value = fast.value;
        return true;
    }
    if (fast.length == 0) {
        category = slow_category(b, h);
    }

    if (category > 0 && category < 16) {
        *value = extend((int32_t) (b->next >> (64 - category)),
            (unsigned) category);
        drop(b, (unsigned) category);
        return true;
    }
    *value = category == 16 ? 32768 : 0;
    return category == 0 || category == 16;
}


/* Fills the entries whose first size bits are code. */
static void
set_fast(struct huffman *h, unsigned code, unsigned size, unsigned category)
{
    unsigned  rest = FAST_BITS - size;

    for (unsigned i = 0; i < 1u << rest; i++) {
        struct fast  *fast = &h->fast[(code << rest) + i];

        fast->length = (uint8_t) size;
        fast->value = (int16_t) category;
        if (category == 0) {
            fast->whole = true;
        } else if (category <= rest) {
            fast->whole = true;
            fast->length = (uint8_t) (size + category);
            fast->value = (int16_t) extend((int32_t) (i >> (rest - category)),
                category);
        }
    }
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
                    set_fast(h, code, size, h->values[index]);
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
 * values; first tells a line that has nothing above it.  predictor and count
 * are constants where speed matters.
 */
static inline __attribute__((always_inline)) bool
decode_values(struct stream *s, const struct scan *scan, bool first,
    uint16_t *const *above, uint16_t *const *line, unsigned predictor,
    unsigned count)
{
    const uint32_t  columns = s->codec->columns;
    struct bits     b = s->bits;
    int32_t         left[MAX_COMPONENTS];

    for (unsigned i = 0; i < count; i++) {
        left[i] = first ? 1 << (s->precision - scan->shift - 1)
            : above[i][0];
    }

    for (uint32_t x = 0; x < columns; x++) {
        for (unsigned i = 0; i < count; i++) {
            const struct huffman  *h = &s->tables[scan->components[i]->table];
            int32_t                value, guess = left[i];

            if (b.count < 32) {
                fill(&b);
            }
            if (!difference(&b, h, &value)) {
                return damaged(s, "the JPEG stream has an unknown code");
            }
            if (x > 0 && !first && predictor != 1) {
                guess = predict(predictor, left[i], above[i][x],
                    above[i][x - 1]);
            }
            left[i] = (uint16_t) (guess + value);
            line[i][x] = (uint16_t) left[i];
        }
    }
    s->bits = b;

    /* made-up bits are read ahead by 64 at most */
    if (b.missing > b.count) {
        return damaged(s, "the JPEG stream ends before the image does");
    }
    return true;
}


static bool
decode_line(struct stream *s, const struct scan *scan, bool first,
    uint16_t *const *above, uint16_t *const *line)
{
    if (scan->predictor == 1 && scan->ncomponents == 1) {
        return decode_values(s, scan, first, above, line, 1, 1);
    }
    if (scan->predictor == 1 && scan->ncomponents == 3) {
        return decode_values(s, scan, first, above, line, 1, 3);
    }
    return decode_values(s, scan, first, above, line, scan->predictor,
        scan->ncomponents);
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

        for (uint32_t x = 0; x < c->columns; x++, to += step) {
            uint16_t  value = (uint16_t) (line[i][x] << scan->shift);

            if (bytes == 1) {
                *to = (uint8_t) value;
            } else if (bytes == 2) {
                memcpy(to, &value, 2);
            } else {
                codec_store(to, bytes, value);
            }
        }
    }
}


/* Takes the restart marker that must stand here. */
static bool
restart(struct stream *s)
{
    struct bits  *b = &s->bits;

    align(b);
    while (b->end - b->data >= 2) {
        if (b->data[0] == 0xff && b->data[1] >= 0xd0 && b->data[1] <= 0xd7) {
            b->data += 2;
            return true;
        }
        if (b->data[0] != 0xff || b->data[1] != 0xff) {
            break;
        }
        b->data++;
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

    align(&s->bits);
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
    align(&s->bits);
    return done;
}


/* The next marker, behind whatever stands before it; 0: there is none. */
static unsigned
next_marker(struct stream *s)
{
    struct bits  *b = &s->bits;

    while (b->end - b->data >= 2) {
        if (b->data[0] == 0xff && b->data[1] != 0x00 && b->data[1] != 0xff) {
            b->data += 2;
            return b->data[-1];
        }
        b->data++;
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
        const uint8_t  *segment = s->bits.data;
        size_t          length;

        if (marker == 0 || marker == 0xd9) {
            return damaged(s, "the JPEG stream ends before the image does");
        }
        if (marker == 0xd8 || marker == 0x01
            || (marker >= 0xd0 && marker <= 0xd7))
        {
            continue;
        }

        length = s->bits.end - segment >= 2 ? (size_t) (segment[0] << 8
            | segment[1]) : 0;
        if (length < 2 || length > (size_t) (s->bits.end - segment)) {
            return damaged(s, "a JPEG segment is cut short");
        }
        s->bits.data += length;
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
    s->bits.data = c->stream;
    s->bits.end = c->stream + c->length;
    done = decode_stream(s);
    free(s);
    return done;
}
