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
begins_stream(const uint8_t head[4])
{
    static const uint8_t  jpeg[] = { 0xff, 0xd8, 0xff };
    static const uint8_t  j2k[] = { 0xff, 0x4f, 0xff, 0x51 };
    static const uint8_t  boxes[] = { 0x00, 0x00, 0x00, 0x0c };

    return memcmp(head, jpeg, 3) == 0 || memcmp(head, j2k, 4) == 0
        || memcmp(head, boxes, 4) == 0;
}


/* A stream, or the number of segments that a frame of RLE begins with. */
static bool
begins_frame(const uint8_t head[4])
{
    return begins_stream(head) || (head[0] >= 1 && head[0] <= 15
        && head[1] == 0 && head[2] == 0 && head[3] == 0);
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

        if (first && !begins_stream(item.head)) {
            *error = read_table(f, reader, data, offset + 8, item.length);

        } else if (item.length == 0) {
            /* holds nothing of any frame */

        } else if (f->count >= FRAGMENTS_MAX) {
            *error = "the pixel data has too many fragments";

        } else if (!append(f, &room, &item)) {
            *error = "out of memory";
        }
        if (*error != NULL) {
            break;
        }

        first = false;
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


/*
 * Frame i takes the fragments from first[i] to before first[i + 1], which must
 * rise.
 */
static bool
set_spans(const struct fragments *f, const uint32_t *first, uint32_t nframes,
    struct fragment_span *spans)
{
    for (uint32_t i = 0; i < nframes; i++) {
        if (first[i] >= first[i + 1] || first[i + 1] > f->count) {
            return false;
        }
        set_span(f, first[i], first[i + 1] - 1, &spans[i]);
    }
    return true;
}


/* A basic table may be of more frames than the data set says. */
static bool
by_table(const struct fragments *f, uint32_t nframes, const uint8_t *extended,
    uint32_t *first)
{
    uint64_t  base = f->items[0].offset;
    uint32_t  entries = nframes;

    if (extended == NULL && f->ntable < nframes) {
        return false;
    }
    if (extended == NULL && f->ntable > nframes) {
        entries++;
    }
    first[nframes] = f->count;
    for (uint32_t i = 0; i < entries; i++) {
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


/*
 * The fragments that marks tell to begin frames, up to most of them; *all is
 * whether every fragment does.
 */
static uint32_t
by_marks(const struct fragments *f, uint32_t most, uint32_t *first, bool *all)
{
    uint32_t  found = 0;

    *all = true;
    for (uint32_t i = 0; i < f->count; i++) {
        if (!begins_frame(f->items[i].head)) {
            *all = false;
        } else if (found < most) {
            first[found++] = i;
        }
    }
    return found > 0 && first[0] == 0 ? found : 0;
}


/* first for one frame of all fragments, or frames of one fragment each */
static void
by_count(const struct fragments *f, uint32_t nframes, uint32_t *first)
{
    for (uint32_t i = 0; i < nframes; i++) {
        first[i] = i;
    }
    first[nframes] = f->count;
}


/* As fragments_spans(), for frames of whole fragments. */
static bool
find_frames(const struct fragments *f, uint32_t *nframes,
    const uint8_t *extended, uint32_t *first)
{
    const uint32_t  asked = *nframes;
    uint32_t        marks;
    bool            all;

    if ((extended != NULL && by_table(f, asked, extended, first))
        || by_table(f, asked, NULL, first))
    {
        return true;
    }
    if (asked == 1 || f->count == asked) {
        by_count(f, asked, first);
        return true;
    }

    marks = by_marks(f, asked + 1, first, &all);
    if (marks == asked) {
        first[asked] = f->count;
        return true;
    }
    if (marks > asked) {
        return all;
    }

    /* there are fewer frames than the data set says */
    if (f->count >= asked) {
        return false;
    }
    *nframes = marks > 0 ? marks : f->count;
    if (marks > 0) {
        first[marks] = f->count;
    } else {
        by_count(f, f->count, first);
    }
    return true;
}


/*
 * Offset of the next code stream within length bytes, behind the end mark of
 * the one before and what pads it; length: there is none.
 */
static size_t
next_stream(const uint8_t *p, size_t length)
{
    for (size_t i = 0; i + 6 <= length; i++) {
        size_t  next = i + 2;

        if (p[i] != 0xff || p[i + 1] != 0xd9) {
            continue;
        }
        while (next + 4 <= length && !begins_stream(p + next)
            && (p[next] == 0x00 || p[next] == 0xff))
        {
            next++;
        }
        if (next + 4 <= length && begins_stream(p + next)) {
            return next;
        }
    }
    return length;
}


/*
 * The frames of files that put several into one fragment, up to most of them;
 * 0 when the fragments are not so.
 */
static uint32_t
by_streams(const struct fragments *f, fragments_read reader, void *data,
    uint32_t most, struct fragment_span *spans)
{
    uint32_t  found = 0;

    for (uint32_t i = 0; i < f->count; i++) {
        const struct fragment  *item = &f->items[i];
        size_t                  at = 0, length = item->length;
        uint8_t                *value;

        if (!begins_stream(item->head)) {
            return 0;
        }
        value = malloc(length);
        if (value == NULL || !reader(data, item->offset + 8, value, length)) {
            free(value);
            return 0;
        }
        while (at < length && found < most) {
            size_t  next = at + next_stream(value + at, length - at);

            spans[found].offset = item->offset + 8 + at;
            spans[found++].length = next - at;
            at = next;
        }
        free(value);
    }
    return found;
}


bool
fragments_spans(const struct fragments *f, fragments_read reader, void *data,
    uint32_t *nframes, const uint8_t *extended, struct fragment_span *spans,
    const char **error)
{
    const uint32_t  asked = *nframes;
    uint32_t       *first, streams;
    bool            known;

    if (f->count < asked) {
        streams = by_streams(f, reader, data, asked, spans);
        if (streams > f->count) {
            *nframes = streams;
            return true;
        }
    }

    first = calloc((size_t) asked + 1, sizeof(first[0]));
    if (first == NULL) {
        *error = "out of memory";
        return false;
    }
    known = find_frames(f, nframes, extended, first)
        && set_spans(f, first, *nframes, spans);
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

    if (length < 8 || le32(data) != ITEM) {
        return length;
    }
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


int
fragments_whole(const uint8_t head[8], uint64_t length)
{
    if (length < 8 || le32(head) != ITEM) {
        return 0;
    }
    return le32(head + 4) == length - 8 ? 8 : -1;
}
