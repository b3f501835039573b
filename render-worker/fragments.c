#include <stdlib.h>
#include <string.h>

#include "fragments.h"

#define ITEM       0xe000fffeu
#define DELIMITER  0xe0ddfffeu


static uint32_t
le32(const uint8_t *p)
{
    return p[0] | (uint32_t) p[1] << 8 | (uint32_t) p[2] << 16
        | (uint32_t) p[3] << 24;
}


static uint64_t
le64(const uint8_t *p)
{
    return le32(p) | (uint64_t) le32(p + 4) << 32;
}


void
fragments_finish(struct fragments *fragments)
{
    free(fragments->items);
    free(fragments->table);
    memset(fragments, 0, sizeof(*fragments));
}


static const char *
read_table(struct fragments *f, fragments_read reader, void *data,
    uint64_t offset, uint32_t length)
{
    uint8_t  *raw;

    if (length % 4 != 0 || length / 4 > FRAGMENTS_MAX) {
        return "the Basic Offset Table has an impossible length";
    }
    if (length == 0) {
        return NULL;
    }

    raw = malloc(length);
    f->table = malloc(length);
    if (raw == NULL || f->table == NULL) {
        free(raw);
        return "out of memory";
    }
    if (!reader(data, offset, raw, length)) {
        free(raw);
        return "the file cannot be read";
    }

    f->ntable = length / 4;
    for (uint32_t i = 0; i < f->ntable; i++) {
        f->table[i] = le32(raw + 4 * i);
    }
    free(raw);
    return NULL;
}


static bool
append(struct fragments *f, uint32_t *room, const struct fragment *item)
{
    if (f->count == *room) {
        uint32_t          more = *room == 0 ? 64 : *room * 2;
        struct fragment  *grown = realloc(f->items,
            more * sizeof(f->items[0]));

        if (grown == NULL) {
            return false;
        }
        f->items = grown;
        *room = more;
    }
    f->items[f->count++] = *item;
    return true;
}


bool
fragments_scan(struct fragments *f, fragments_read reader, void *data,
    uint64_t offset, uint64_t size, const char **error)
{
    uint32_t  room = 0;
    bool      first = true;

    memset(f, 0, sizeof(*f));
    *error = NULL;

    /* a file that just ends after an item is read as if delimited */
    while (offset <= size && size - offset >= 8) {
        uint8_t          head[12] = { 0 };
        struct fragment  item = { .offset = offset };
        size_t           got = size - offset >= 12 ? 12 : 8;
        uint32_t         tag;

        if (!reader(data, offset, head, got)) {
            *error = "the file cannot be read";
            break;
        }

        tag = le32(head);
        item.length = le32(head + 4);
        memcpy(item.head, head + 8, item.length < 4 ? item.length : 4);
        if (tag == DELIMITER) {
            break;
        }
        if (tag != ITEM || item.length == UINT32_MAX) {
            *error = "the pixel data has something other than an item in it";
            break;
        }
        if (item.length > size - offset - 8) {
            *error = "the pixel data is cut short";
            break;
        }

        if (first) {
            *error = read_table(f, reader, data, offset + 8, item.length);
            first = false;

        } else if (f->count >= FRAGMENTS_MAX) {
            *error = "the pixel data has too many fragments";

        } else if (!append(f, &room, &item)) {
            *error = "out of memory";
        }
        if (*error != NULL) {
            break;
        }

        offset += 8 + (uint64_t) item.length;
    }

    if (*error == NULL && f->count == 0) {
        *error = "the pixel data has no fragments";
    }
    if (*error != NULL) {
        fragments_finish(f);
        return false;
    }
    return true;
}


/* The fragment whose item stands at offset, or count. */
static uint32_t
find_item(const struct fragments *f, uint64_t offset)
{
    uint32_t  low = 0, high = f->count;

    while (low < high) {
        uint32_t  middle = low + (high - low) / 2;

        if (f->items[middle].offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < f->count && f->items[low].offset == offset ? low : f->count;
}


static void
set_span(const struct fragments *f, uint32_t first, uint32_t last,
    struct fragment_span *span)
{
    const struct fragment  *end = &f->items[last];

    span->offset = f->items[first].offset;
    span->length = end->offset + 8 + end->length - span->offset;
}


/* first[i] is the fragment that frame i begins with, rising. */
static bool
set_spans(const struct fragments *f, const uint32_t *first, uint32_t nframes,
    struct fragment_span *spans)
{
    for (uint32_t i = 0; i < nframes; i++) {
        uint32_t  next = i + 1 < nframes ? first[i + 1] : f->count;

        if (first[i] >= next || next > f->count) {
            return false;
        }
        set_span(f, first[i], next - 1, &spans[i]);
    }
    return true;
}


static bool
by_table(const struct fragments *f, uint32_t nframes, const uint8_t *extended,
    uint32_t *first)
{
    uint64_t  base = f->items[0].offset;

    if (extended == NULL && f->ntable != nframes) {
        return false;
    }
    for (uint32_t i = 0; i < nframes; i++) {
        uint64_t  offset = extended != NULL ? le64(extended + 8 * (size_t) i)
            : f->table[i];

        if (offset > UINT64_MAX - base) {
            return false;
        }
        first[i] = find_item(f, base + offset);
        if (first[i] == f->count || (i == 0 && first[i] != 0)
            || (i > 0 && first[i] <= first[i - 1]))
        {
            return false;
        }
    }
    return true;
}


static bool
begins_stream(const struct fragment *item)
{
    static const uint8_t  jpeg[] = { 0xff, 0xd8, 0xff };
    static const uint8_t  j2k[] = { 0xff, 0x4f, 0xff, 0x51 };
    static const uint8_t  jp2[] = { 0x00, 0x00, 0x00, 0x0c };

    return memcmp(item->head, jpeg, 3) == 0
        || memcmp(item->head, j2k, 4) == 0
        || memcmp(item->head, jp2, 4) == 0;
}


static bool
by_marks(const struct fragments *f, uint32_t nframes, uint32_t *first)
{
    uint32_t  found = 0;

    for (uint32_t i = 0; i < f->count; i++) {
        if (begins_stream(&f->items[i])) {
            if (found == nframes) {
                return false;
            }
            first[found++] = i;
        }
    }
    return found == nframes && first[0] == 0;
}


bool
fragments_spans(const struct fragments *f, uint32_t nframes,
    const uint8_t *extended, struct fragment_span *spans, const char **error)
{
    uint32_t  *first;
    bool       known;

    if (nframes == 0 || f->count < nframes) {
        *error = "the pixel data has fewer fragments than frames";
        return false;
    }

    first = calloc(nframes, sizeof(first[0]));
    if (first == NULL) {
        *error = "out of memory";
        return false;
    }

    known = (extended != NULL && by_table(f, nframes, extended, first))
        || by_table(f, nframes, NULL, first);
    if (!known && (nframes == 1 || f->count == nframes)) {
        for (uint32_t i = 0; i < nframes; i++) {
            first[i] = i;
        }
        known = true;
    }
    if (!known) {
        known = by_marks(f, nframes, first);
    }

    known = known && set_spans(f, first, nframes, spans);
    free(first);
    if (!known) {
        *error = "the fragments do not tell where each frame begins";
    }
    return known;
}


size_t
fragments_join(uint8_t *data, size_t length)
{
    size_t  in = 0, out = 0;

    while (length - in >= 8) {
        uint32_t  size = le32(data + in + 4);

        if (le32(data + in) != ITEM || size > length - in - 8) {
            return 0;
        }
        memmove(data + out, data + in + 8, size);
        in += 8 + (size_t) size;
        out += size;
    }
    return in == length ? out : 0;
}
