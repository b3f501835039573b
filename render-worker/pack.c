#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pack.h"


void
put_bytes(struct writer *w, const void *data, size_t length)
{
    if (w->failed || length == 0) {
        return;
    }

    if (length > w->size - w->length) {
        size_t    size = w->size * 2 + length + 1024;
        uint8_t  *grown = realloc(w->data, size);

        if (grown == NULL) {
            w->failed = true;
            return;
        }
        w->data = grown;
        w->size = size;
    }

    memcpy(w->data + w->length, data, length);
    w->length += length;
}


void
put_number(struct writer *w, uint64_t value, unsigned bytes)
{
    uint8_t  le[8];

    for (unsigned i = 0; i < bytes; i++) {
        le[i] = (uint8_t) (value >> (8 * i));
    }
    put_bytes(w, le, bytes);
}


void
put_double(struct writer *w, double value)
{
    uint64_t  bits;

    memcpy(&bits, &value, sizeof(bits));
    put_number(w, bits, 8);
}


void
put_doubles(struct writer *w, const double *values, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        put_double(w, values[i]);
    }
}


void
put_text(struct writer *w, const char *text, size_t size)
{
    size_t  length = strnlen(text, size - 1);

    put_number(w, length, 1);
    put_bytes(w, text, length);
}


void
put_windows(struct writer *w, const struct dicom_window *windows,
    uint32_t count)
{
    put_number(w, count, 1);
    for (uint32_t i = 0; i < count; i++) {
        put_double(w, windows[i].center);
        put_double(w, windows[i].width);
        put_text(w, windows[i].explanation, sizeof(windows[i].explanation));
    }
}


void
put_lut(struct writer *w, const struct dicom_lut *lut)
{
    put_number(w, lut->count, 4);
    if (lut->count == 0) {
        return;
    }
    put_number(w, (uint32_t) lut->first, 4);
    put_number(w, lut->bits, 2);
    put_text(w, lut->explanation, sizeof(lut->explanation));
    for (uint32_t i = 0; i < lut->count; i++) {
        put_number(w, lut->data[i], 2);
    }
}


void
put_overlay(struct writer *w, const struct dicom_overlay *overlay)
{
    put_number(w, overlay->rows, 2);
    put_number(w, overlay->columns, 2);
    put_number(w, (uint16_t) overlay->origin_row, 2);
    put_number(w, (uint16_t) overlay->origin_column, 2);
    put_number(w, overlay->frames, 4);
    put_number(w, overlay->first_frame, 4);
    put_number(w, overlay->bit_position, 2);
    put_number(w, overlay->bits != NULL ? overlay->length : 0, 4);
    if (overlay->bits != NULL) {
        put_bytes(w, overlay->bits, overlay->length);
    }
}


void
get_fail(struct reader *r, const char *error)
{
    if (r->error == NULL) {
        r->error = error;
    }
    r->data = r->end;
}


uint64_t
get_number(struct reader *r, unsigned bytes)
{
    uint64_t  value = 0;

    if ((size_t) (r->end - r->data) < bytes) {
        get_fail(r, "index is cut short");
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++) {
        value |= (uint64_t) *r->data++ << (8 * i);
    }
    return value;
}


uint64_t
get_bounded(struct reader *r, unsigned bytes, uint64_t most, const char *error)
{
    uint64_t  value = get_number(r, bytes);

    if (value > most) {
        get_fail(r, error);
        return 0;
    }
    return value;
}


double
get_double(struct reader *r)
{
    uint64_t  bits = get_number(r, 8);
    double    value;

    memcpy(&value, &bits, sizeof(value));
    if (!isfinite(value)) {
        get_fail(r, "index has a number that is not finite");
        return 0;
    }
    return value;
}


void
get_doubles(struct reader *r, double *values, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        values[i] = get_double(r);
    }
}


void
get_text(struct reader *r, char *text, size_t size)
{
    size_t  length = get_number(r, 1);

    if (length >= size || length > (size_t) (r->end - r->data)) {
        get_fail(r, "index has a text that is too long");
        return;
    }
    for (size_t i = 0; i < length; i++) {
        if (r->data[i] < 0x20 || r->data[i] == 0x7f) {
            get_fail(r, "index has a text with control characters");
            return;
        }
        text[i] = (char) r->data[i];
    }
    text[length] = '\0';
    r->data += length;
}


uint32_t
get_windows(struct reader *r, struct dicom_window *windows, uint32_t most)
{
    uint32_t  count = get_bounded(r, 1, most, "index has too many windows");

    for (uint32_t i = 0; i < count; i++) {
        windows[i].center = get_double(r);
        windows[i].width = get_double(r);
        get_text(r, windows[i].explanation, sizeof(windows[i].explanation));
    }
    return count;
}


void
get_lut(struct reader *r, struct dicom_lut *lut)
{
    uint32_t  count = get_bounded(r, 4, TABLES_MAX_LUT, "LUT is too long");

    if (count == 0) {
        return;
    }
    lut->first = (int32_t) (uint32_t) get_number(r, 4);
    lut->bits = get_bounded(r, 2, 16, "LUT entries are too wide");
    get_text(r, lut->explanation, sizeof(lut->explanation));

    if (lut->bits == 0 || count > (size_t) (r->end - r->data) / 2) {
        get_fail(r, "LUT is cut short");
        return;
    }
    lut->data = malloc(count * sizeof(lut->data[0]));
    if (lut->data == NULL) {
        get_fail(r, "out of memory");
        return;
    }
    lut->count = count;
    for (uint32_t i = 0; i < count; i++) {
        lut->data[i] = (uint16_t) get_number(r, 2);
    }
}


void
get_overlay(struct reader *r, struct dicom_overlay *overlay)
{
    uint64_t  pixels;

    overlay->rows = get_number(r, 2);
    overlay->columns = get_number(r, 2);
    overlay->origin_row = (int16_t) (uint16_t) get_number(r, 2);
    overlay->origin_column = (int16_t) (uint16_t) get_number(r, 2);
    overlay->frames = get_bounded(r, 4, TABLES_MAX_FRAMES,
        "overlay has too many frames");
    overlay->first_frame = get_bounded(r, 4, TABLES_MAX_FRAMES,
        "overlay begins at an impossible frame");
    overlay->bit_position = get_bounded(r, 2, 63,
        "overlay lies in an impossible bit");
    overlay->length = get_number(r, 4);

    if (overlay->length == 0) {
        return;
    }

    pixels = (uint64_t) overlay->rows * overlay->columns * overlay->frames;
    if (pixels == 0 || overlay->length != (pixels + 7) / 8
        || overlay->length > (size_t) (r->end - r->data))
    {
        get_fail(r, "overlay has another size than its rows and columns");
        return;
    }
    overlay->bits = malloc(overlay->length);
    if (overlay->bits == NULL) {
        get_fail(r, "out of memory");
        return;
    }
    memcpy(overlay->bits, r->data, overlay->length);
    r->data += overlay->length;
}


void *
get_room(struct reader *r, uint32_t count, size_t size, size_t least)
{
    void  *room;

    if (r->error != NULL || count == 0) {
        return NULL;
    }
    if (count > (size_t) (r->end - r->data) / least) {
        get_fail(r, "index is cut short");
        return NULL;
    }
    room = calloc(count, size);
    if (room == NULL) {
        get_fail(r, "out of memory");
    }
    return room;
}


void
put_shutter(struct writer *w, const struct dicom_shutter *s)
{
    put_number(w, s->shapes, 1);
    put_number(w, s->value, 2);
    put_number(w, (uint32_t) s->left, 4);
    put_number(w, (uint32_t) s->right, 4);
    put_number(w, (uint32_t) s->upper, 4);
    put_number(w, (uint32_t) s->lower, 4);
    put_number(w, (uint32_t) s->center_row, 4);
    put_number(w, (uint32_t) s->center_column, 4);
    put_number(w, (uint32_t) s->radius, 4);
    put_number(w, s->group, 2);
    put_number(w, s->npoints, 2);
    for (uint32_t i = 0; i < s->npoints; i++) {
        put_number(w, (uint32_t) s->points[i][0], 4);
        put_number(w, (uint32_t) s->points[i][1], 4);
    }
}


static int32_t
get_signed(struct reader *r)
{
    return (int32_t) (uint32_t) get_number(r, 4);
}


void
get_shutter(struct reader *r, struct dicom_shutter *s)
{
    uint32_t  count;

    s->shapes = get_bounded(r, 1, 15, "a shutter has an unknown shape");
    s->value = get_number(r, 2);
    s->left = get_signed(r);
    s->right = get_signed(r);
    s->upper = get_signed(r);
    s->lower = get_signed(r);
    s->center_row = get_signed(r);
    s->center_column = get_signed(r);
    s->radius = get_signed(r);
    s->group = get_number(r, 2);
    count = get_bounded(r, 2, SHUTTER_MAX_POINTS,
        "a shutter has too many corners");
    s->points = get_room(r, count, sizeof(s->points[0]), 8);
    if (s->points == NULL) {
        return;
    }
    s->npoints = count;
    for (uint32_t i = 0; i < count; i++) {
        s->points[i][0] = get_signed(r);
        s->points[i][1] = get_signed(r);
    }
}
