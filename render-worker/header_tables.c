/*
 * Look-up tables, palettes and overlays (PS3.3 C.11.1, C.11.2, C.7.6.3.1.5,
 * C.7.9.2, C.9.2), padding values.
 */

#include <stdlib.h>
#include <string.h>

#include "attribute.h"
#include "header.h"

#define LUT_DESCRIPTOR   DICOM_TAG(0x0028, 0x3002)
#define LUT_EXPLANATION  DICOM_TAG(0x0028, 0x3003)
#define LUT_TYPE         DICOM_TAG(0x0028, 0x3004)
#define LUT_DATA         DICOM_TAG(0x0028, 0x3006)

#define MAX_VOI_LUTS     16u
#define MAX_OVERLAYS     16u
#define MAX_LUT          65536u


static uint16_t
le16(const uint8_t *p)
{
    return (uint16_t) (p[0] | p[1] << 8);
}


static bool
read_descriptor(const struct dicom_set *set, uint32_t tag, bool is_signed,
    struct dicom_lut *lut)
{
    uint16_t  count, first, bits;

    if (!attribute_u16(set, tag, 0, &count)
        || !attribute_u16(set, tag, 1, &first)
        || !attribute_u16(set, tag, 2, &bits) || bits == 0 || bits > 16)
    {
        return false;
    }
    lut->count = count == 0 ? MAX_LUT : count;
    lut->first = is_signed ? (int16_t) first : first;
    lut->bits = bits;
    return true;
}


/*
 * Entries of one byte each where that is what the length says, even against a
 * descriptor that says 16 bits.
 */
static bool
read_entries(const uint8_t *data, size_t length, struct dicom_lut *lut)
{
    bool  bytes = length < 2 * (size_t) lut->count
        && (lut->bits <= 8 || length == lut->count + lut->count % 2);

    if (bytes && lut->bits > 8) {
        lut->bits = 8;
    }
    if (length < (bytes ? 1 : 2) * (size_t) lut->count) {
        return false;
    }
    lut->data = malloc(lut->count * sizeof(lut->data[0]));
    if (lut->data == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < lut->count; i++) {
        lut->data[i] = bytes ? data[i] : le16(data + 2 * (size_t) i);
    }
    return true;
}


bool
header_lut(struct header *h, const struct dicom_set *set, bool is_signed,
    struct dicom_lut *lut)
{
    const uint8_t  *data;
    size_t          length;

    if (!read_descriptor(set, LUT_DESCRIPTOR, is_signed, lut)
        || !dicom_value(set, LUT_DATA, &data, &length)
        || !read_entries(data, length, lut))
    {
        memset(lut, 0, sizeof(*lut));
        return false;
    }
    attribute_text(set, LUT_EXPLANATION, 0, &h->charset, lut->explanation,
        sizeof(lut->explanation));
    return true;
}


/* Whether the modality transform can give values below zero. */
static bool
has_negative_values(const struct dicom_index *x, double slope,
    double intercept)
{
    double  lowest, highest;

    if (x->modality_lut.count > 0) {
        return false;
    }
    highest = (double) ((UINT64_C(1) << (x->bits_stored - 1)) - 1);
    lowest = x->is_signed ? -highest - 1 : 0;
    highest = x->is_signed ? highest : 2 * highest + 1;
    return lowest * slope + intercept < 0 || highest * slope + intercept < 0;
}


bool
header_voi_luts(struct header *h, const struct dicom_set *set, double slope,
    double intercept, struct dicom_lut **luts, uint32_t *count)
{
    const uint32_t           tag = DICOM_TAG(0x0028, 0x3010);
    const struct dicom_set  *item;
    bool                     negative;
    uint32_t                 items;

    *luts = NULL;
    *count = 0;
    items = dicom_items(h->file, set, tag);
    if (items == 0) {
        return true;
    }
    if (items > MAX_VOI_LUTS) {
        items = MAX_VOI_LUTS;
    }
    *luts = calloc(items, sizeof(**luts));
    if (*luts == NULL) {
        return header_fail(h, DECODER_MEMORY, "out of memory");
    }
    negative = has_negative_values(h->index, slope, intercept);
    for (uint32_t i = 0; i < items; i++) {
        item = dicom_item(h->file, set, tag, i);
        if (item != NULL && header_lut(h, item, negative, &(*luts)[*count])) {
            (*count)++;
        }
    }
    return true;
}


static bool
read_voi_luts(struct header *h)
{
    double  slope = 1, intercept = 0;

    attribute_decimal(h->root, DICOM_TAG(0x0028, 0x1053), 0, &slope);
    attribute_decimal(h->root, DICOM_TAG(0x0028, 0x1052), 0, &intercept);
    return header_voi_luts(h, h->root, slope, intercept, &h->index->voi_luts,
        &h->index->nvoi_luts);
}


/*
 * Expands a segmented palette.  opcode 0: count values; 1: count steps on a
 * line to a value; 2: count segments again, from a byte offset in the data.
 * All fields are as wide as an entry, but for that offset of 32 bits.
 */
struct segments {
    const uint8_t  *data;
    size_t          fields;
    unsigned        width;      /* of a field, bytes: 1 or 2 */
    uint16_t       *out;
    uint32_t        count, room;
};


static uint16_t
field(const struct segments *s, size_t at)
{
    return s->width == 1 ? s->data[at] : le16(s->data + 2 * at);
}


static bool
expand_line(struct segments *s, uint32_t steps, uint16_t target)
{
    int32_t  from, rise;

    if (s->count == 0 || steps == 0 || steps > s->room - s->count) {
        return false;
    }
    from = s->out[s->count - 1];
    rise = (int32_t) target - from;
    for (uint32_t i = 1; i <= steps; i++) {
        double  value = from + (double) rise * i / steps;

        s->out[s->count++] = (uint16_t) (value + 0.5);
    }
    return true;
}


/* One segment at field at; 0: malformed, else the field behind it. */
static size_t
expand_segment(struct segments *s, size_t at)
{
    uint32_t  opcode, count;

    if (at > s->fields || s->fields - at < 2) {
        return 0;
    }
    opcode = field(s, at);
    count = field(s, at + 1);

    if (opcode == 0) {
        if (count > s->fields - at - 2 || count > s->room - s->count) {
            return 0;
        }
        for (uint32_t i = 0; i < count; i++) {
            s->out[s->count++] = field(s, at + 2 + i);
        }
        return at + 2 + count;
    }
    if (opcode == 1) {
        if (s->fields - at < 3
            || !expand_line(s, count, field(s, at + 2)))
        {
            return 0;
        }
        return at + 3;
    }
    return 0;
}


static bool
expand_segments(struct segments *s)
{
    size_t  at = 0;

    while (at < s->fields && s->count < s->room) {
        const uint8_t  *word;
        size_t          target, offset;
        uint32_t        count;

        if (field(s, at) != 2) {
            at = expand_segment(s, at);
            if (at == 0) {
                return false;
            }
            continue;
        }

        /* an indirect segment must not name another one (C.7.9.2.3) */
        offset = 4 / s->width;
        if (s->fields - at < 2 + offset) {
            return false;
        }
        count = field(s, at + 1);
        word = s->data + (at + 2) * s->width;
        target = (le16(word) | (size_t) le16(word + 2) << 16) / s->width;
        for (uint32_t i = 0; i < count; i++) {
            target = expand_segment(s, target);
            if (target == 0) {
                return false;
            }
        }
        at += 2 + offset;
    }
    return s->count == s->room;
}


static bool
read_palette(struct header *h, unsigned n, struct dicom_lut *lut)
{
    const uint8_t    *data;
    size_t            length;
    struct segments   s = { 0 };

    if (!read_descriptor(h->root, DICOM_TAG(0x0028, 0x1101u + n),
        h->index->is_signed, lut))
    {
        return false;
    }
    if (dicom_value(h->root, DICOM_TAG(0x0028, 0x1201u + n), &data, &length)) {
        return read_entries(data, length, lut);
    }
    if (!dicom_value(h->root, DICOM_TAG(0x0028, 0x1221u + n), &data,
        &length))
    {
        return false;
    }

    lut->data = calloc(lut->count, sizeof(lut->data[0]));
    if (lut->data == NULL) {
        return false;
    }
    s.data = data;
    s.out = lut->data;
    s.room = lut->count;

    /* those of PS3.6 annex B have fields of a byte; some writers' have not */
    s.width = 1;
    s.fields = length;
    if (lut->bits <= 8 && expand_segments(&s)) {
        return true;
    }
    s.width = 2;
    s.fields = length / 2;
    s.count = 0;
    return expand_segments(&s);
}


static bool
read_palettes(struct header *h)
{
    struct dicom_index  *x = h->index;

    if (x->photometric != PHOTOMETRIC_PALETTE) {
        return true;
    }
    for (unsigned n = 0; n < 3; n++) {
        if (!read_palette(h, n, &x->palette[n])) {
            return header_fail(h, DECODER_INVALID,
                "a colour table is missing or malformed");
        }
    }
    return true;
}


bool
header_overlay(struct header *h, unsigned group, struct dicom_overlay *o)
{
    const uint8_t  *data;
    size_t          length;
    uint16_t        origin = 1, bits = 1, first = 1;
    int32_t         frames = 1;
    uint64_t        pixels;

    memset(o, 0, sizeof(*o));
    o->group = (uint16_t) group;
    if (!attribute_u16(h->root, DICOM_TAG(group, 0x0010), 0, &o->rows)
        || !attribute_u16(h->root, DICOM_TAG(group, 0x0011), 0, &o->columns)
        || o->rows == 0 || o->columns == 0)
    {
        return false;
    }

    attribute_integer(h->root, DICOM_TAG(group, 0x0015), &frames);
    attribute_u16(h->root, DICOM_TAG(group, 0x0051), 0, &first);
    if (frames < 1 || (uint32_t) frames > INDEX_MAX_FRAMES) {
        return false;
    }
    o->frames = (uint32_t) frames;
    o->first_frame = first > 0 ? first - 1u : 0;

    attribute_u16(h->root, DICOM_TAG(group, 0x0050), 0, &origin);
    o->origin_row = (int16_t) origin;
    origin = 1;
    attribute_u16(h->root, DICOM_TAG(group, 0x0050), 1, &origin);
    o->origin_column = (int16_t) origin;

    attribute_u16(h->root, DICOM_TAG(group, 0x0100), 0, &bits);
    attribute_u16(h->root, DICOM_TAG(group, 0x0102), 0, &o->bit_position);

    if (!dicom_value(h->root, DICOM_TAG(group, 0x3000), &data, &length)) {
        /* retired, but met: within the unused bits of the pixels */
        return bits == h->index->bits_allocated && o->bit_position < bits
            && o->frames == 1;
    }

    pixels = (uint64_t) o->rows * o->columns * o->frames;
    if ((pixels + 7) / 8 > length) {
        return false;
    }
    o->bit_position = 0;
    o->length = (size_t) ((pixels + 7) / 8);
    o->bits = malloc(o->length);
    if (o->bits == NULL) {
        return false;
    }
    memcpy(o->bits, data, o->length);
    return true;
}


static bool
read_overlays(struct header *h)
{
    struct dicom_index    *x = h->index;
    struct dicom_overlay   overlay;

    for (unsigned i = 0; i < MAX_OVERLAYS; i++) {
        if (!header_overlay(h, 0x6000 + 2 * i, &overlay)) {
            continue;
        }
        if (x->overlays == NULL) {
            x->overlays = calloc(MAX_OVERLAYS, sizeof(x->overlays[0]));
            if (x->overlays == NULL) {
                free(overlay.bits);
                return header_fail(h, DECODER_MEMORY, "out of memory");
            }
        }
        x->overlays[x->noverlays++] = overlay;
    }
    return true;
}


static void
read_padding(struct header *h)
{
    struct dicom_index  *x = h->index;
    uint16_t             first, last;

    if (x->sample != SAMPLE_INTEGER
        || !attribute_u16(h->root, DICOM_TAG(0x0028, 0x0120), 0, &first))
    {
        return;
    }
    last = first;
    attribute_u16(h->root, DICOM_TAG(0x0028, 0x0121), 0, &last);
    x->has_padding = 1;
    x->padding_first = x->is_signed ? (int16_t) first : first;
    x->padding_last = x->is_signed ? (int16_t) last : last;
}


bool
header_tables(struct header *h)
{
    struct dicom_index      *x = h->index;
    const struct dicom_set  *set;

    if (x->nframes == 0) {
        return true;
    }

    read_padding(h);

    set = dicom_item(h->file, h->root, DICOM_TAG(0x0028, 0x3000), 0);
    if (set != NULL && header_lut(h, set, x->is_signed, &x->modality_lut)) {
        attribute_code(set, LUT_TYPE, 0, x->rescale_type,
            sizeof(x->rescale_type));
    }
    return read_voi_luts(h) && read_palettes(h) && read_overlays(h);
}
