/*
 * What a presentation state draws over its images: graphic layers and
 * annotations (PS3.3 C.10.5, C.10.7).
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attribute.h"
#include "header_presentation.h"


static uint8_t
srgb(double linear)
{
    double  v = linear <= 0.0031308 ? 12.92 * linear
        : 1.055 * pow(linear, 1 / 2.4) - 0.055;

    return v <= 0 ? 0 : v >= 1 ? 255 : (uint8_t) (255 * v + 0.5);
}


static double
cielab_inverse(double t)
{
    return t > 6.0 / 29 ? t * t * t : 3 * 36.0 / 841 * (t - 4.0 / 29);
}


/* PS3.3 C.10.7.1.1: L* 0 to 100, a* and b* -128 to 127, white point D50. */
static void
read_colour(const struct dicom_set *set, struct presentation_layer *layer)
{
    uint16_t  lab[3];
    double    l, x, y, z;

    for (unsigned i = 0; i < 3; i++) {
        if (!attribute_u16(set, DICOM_TAG(0x0070, 0x0401), i, &lab[i])) {
            return;
        }
    }
    l = (lab[0] * 100.0 / 65535 + 16) / 116;
    x = 0.9642 * cielab_inverse(l + (lab[1] * 255.0 / 65535 - 128) / 500);
    y = cielab_inverse(l);
    z = 0.8249 * cielab_inverse(l - (lab[2] * 255.0 / 65535 - 128) / 200);

    /* Bradford from D50 to D65, then to linear sRGB, in one matrix */
    layer->rgb[0] = srgb(3.1338561 * x - 1.6168667 * y - 0.4906146 * z);
    layer->rgb[1] = srgb(-0.9787684 * x + 1.9161415 * y + 0.0334540 * z);
    layer->rgb[2] = srgb(0.0719453 * x - 0.2289914 * y + 1.4052427 * z);
    layer->has_rgb = true;
}


static bool
read_layers(struct reading *r)
{
    struct header        *h = r->header;
    struct presentation  *state = r->state;
    const uint32_t        tag = DICOM_TAG(0x0070, 0x0060);
    uint32_t              count;

    if (!reading_room(r, h->root, tag, sizeof(state->layers[0]), &state->layers,
        &count))
    {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct dicom_set     *set = dicom_item(h->file, h->root, tag, i);
        struct presentation_layer  *layer = &state->layers[state->nlayers++];

        if (!attribute_code(set, DICOM_TAG(0x0070, 0x0002), 0, layer->name,
            sizeof(layer->name)))
        {
            return reading_refuse(r, PRESENTATION_MALFORMED);
        }
        attribute_integer(set, DICOM_TAG(0x0070, 0x0062), &layer->order);
        layer->has_gray = attribute_u16(set, DICOM_TAG(0x0070, 0x0066), 0,
            &layer->gray);
        read_colour(set, layer);
        attribute_text(set, DICOM_TAG(0x0070, 0x0068), 0, &h->charset,
            layer->description, sizeof(layer->description));
        if (!reading_spend(r, 30 + strlen(layer->description))) {
            return false;
        }
    }
    return true;
}


/* 0: absent or unknown.  MATRIX is that of whole-slide images. */
static uint8_t
read_units(const struct dicom_set *set, uint32_t tag)
{
    char  text[16];

    if (!attribute_code(set, tag, 0, text, sizeof(text))) {
        return 0;
    }
    return strcmp(text, "PIXEL") == 0 ? PRESENTATION_PIXEL
        : strcmp(text, "DISPLAY") == 0 ? PRESENTATION_DISPLAY : 0;
}


static bool
read_graphic(struct reading *r, const struct dicom_set *set,
    struct presentation_graphic *g)
{
    static const struct {
        const char  *name;
        uint16_t     least, most;
    } shapes[] = {
        [PRESENTATION_POINT] = { "POINT", 1, 1 },
        [PRESENTATION_POLYLINE] = { "POLYLINE", 2, UINT16_MAX },
        [PRESENTATION_INTERPOLATED] = { "INTERPOLATED", 2, UINT16_MAX },
        [PRESENTATION_CIRCLE] = { "CIRCLE", 2, 2 },
        [PRESENTATION_ELLIPSE] = { "ELLIPSE", 4, 4 }
    };
    char      name[20] = "", filled[4];
    uint16_t  dimensions = 2, n = 0;

    attribute_code(set, DICOM_TAG(0x0070, 0x0023), 0, name, sizeof(name));
    for (g->shape = PRESENTATION_ELLIPSE; g->shape > 0
        && strcmp(name, shapes[g->shape].name) != 0; g->shape--)
    {
        continue;
    }
    g->units = read_units(set, DICOM_TAG(0x0070, 0x0005));
    g->filled = attribute_code(set, DICOM_TAG(0x0070, 0x0024), 0, filled,
        sizeof(filled)) && strcmp(filled, "Y") == 0;
    attribute_u16(set, DICOM_TAG(0x0070, 0x0020), 0, &dimensions);
    attribute_u16(set, DICOM_TAG(0x0070, 0x0021), 0, &n);
    if (g->shape == 0 || g->units == 0 || dimensions != 2
        || n < shapes[g->shape].least || n > shapes[g->shape].most)
    {
        return reading_refuse(r, PRESENTATION_MALFORMED);
    }

    r->points += n;
    if (r->points > PRESENTATION_MAX_POINTS) {
        return reading_refuse(r, PRESENTATION_TOO_LARGE);
    }
    g->points = calloc(n, sizeof(g->points[0]));
    if (g->points == NULL) {
        return header_fail(r->header, DECODER_MEMORY, "out of memory");
    }
    g->npoints = n;
    return reading_floats(set, DICOM_TAG(0x0070, 0x0022), g->points[0],
        2 * (uint32_t) n) ? reading_spend(r, 8 * (size_t) n + 10)
        : reading_refuse(r, PRESENTATION_MALFORMED);
}


/* Unformatted Text Value: lines end with CR LF, which are no characters. */
static bool
read_words(struct reading *r, const struct dicom_set *set,
    struct presentation_text *t)
{
    const uint8_t  *data;
    size_t          length, at = 0, out = 0;

    if (!dicom_value(set, DICOM_TAG(0x0070, 0x0006), &data, &length)) {
        return reading_refuse(r, PRESENTATION_MALFORMED);
    }
    t->text = calloc(1, PRESENTATION_MAX_TEXT + 1);
    if (t->text == NULL) {
        return header_fail(r->header, DECODER_MEMORY, "out of memory");
    }
    while (at < length && out < PRESENTATION_MAX_TEXT) {
        size_t  end = at;

        while (end < length && data[end] != '\r' && data[end] != '\n') {
            end++;
        }
        if (end > at) {
            out += charset_convert(&r->header->charset,
                (const char *) data + at, end - at, t->text + out,
                PRESENTATION_MAX_TEXT + 1 - out);
        }
        if (end < length && out < PRESENTATION_MAX_TEXT) {
            t->text[out++] = '\n';
            end += data[end] == '\r' && end + 1 < length
                && data[end + 1] == '\n' ? 2 : 1;
        }
        at = end;
    }
    while (out > 0 && (t->text[out - 1] == ' ' || t->text[out - 1] == '\n')) {
        out--;
    }
    t->text[out] = '\0';
    return reading_spend(r, out + 40);
}


static bool
read_text(struct reading *r, const struct dicom_set *set,
    struct presentation_text *t)
{
    char  code[10];

    if (!read_words(r, set, t)) {
        return false;
    }
    if (reading_floats(set, DICOM_TAG(0x0070, 0x0010), t->box, 2)
        && reading_floats(set, DICOM_TAG(0x0070, 0x0011), t->box + 2, 2))
    {
        t->box_units = read_units(set, DICOM_TAG(0x0070, 0x0003));
    }
    if (reading_floats(set, DICOM_TAG(0x0070, 0x0014), t->anchor, 2)) {
        t->anchor_units = read_units(set, DICOM_TAG(0x0070, 0x0004));
    }
    t->justify = 'L';
    if (attribute_code(set, DICOM_TAG(0x0070, 0x0012), 0, code,
        sizeof(code)))
    {
        t->justify = strcmp(code, "CENTER") == 0 ? 'C'
            : strcmp(code, "RIGHT") == 0 ? 'R' : 'L';
    }
    t->anchor_visible = attribute_code(set, DICOM_TAG(0x0070, 0x0015), 0,
        code, sizeof(code)) && strcmp(code, "Y") == 0;
    return t->box_units != 0 || t->anchor_units != 0
        || reading_refuse(r, PRESENTATION_MALFORMED);
}


static bool
read_annotation(struct reading *r, const struct dicom_set *set,
    struct presentation_annotation *a)
{
    struct dicom_file  *file = r->header->file;
    const uint32_t      graphics = DICOM_TAG(0x0070, 0x0009);
    const uint32_t      texts = DICOM_TAG(0x0070, 0x0008);
    uint32_t            count;

    attribute_code(set, DICOM_TAG(0x0070, 0x0002), 0, a->layer,
        sizeof(a->layer));

    if (!reading_room(r, set, graphics, sizeof(a->graphics[0]), &a->graphics,
        &count))
    {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!read_graphic(r, dicom_item(file, set, graphics, i),
            &a->graphics[a->ngraphics++]))
        {
            return false;
        }
    }

    if (!reading_room(r, set, texts, sizeof(a->texts[0]), &a->texts, &count)) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!read_text(r, dicom_item(file, set, texts, i),
            &a->texts[a->ntexts++]))
        {
            return false;
        }
    }
    return reading_spend(r, 30);
}


static bool
read_annotations(struct reading *r)
{
    struct header           *h = r->header;
    struct presentation     *state = r->state;
    const uint32_t           tag = DICOM_TAG(0x0070, 0x0001);
    const struct dicom_set  *set;
    uint32_t                 count;

    if (!reading_room(r, h->root, tag, sizeof(state->annotations[0]),
        &state->annotations, &count))
    {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct presentation_annotation  *a =
            &state->annotations[state->nannotations++];
        enum reading_scope                       scope;

        set = dicom_item(h->file, h->root, tag, i);
        scope = reading_scope(r, set, &a->scope);
        if (scope == SCOPE_FAILED) {
            return false;
        }
        if (scope == SCOPE_EMPTY) {
            state->nannotations--;
        } else if (!read_annotation(r, set, a)) {
            return false;
        }
    }
    return true;
}


bool
header_graphics(struct reading *r)
{
    return read_layers(r) && read_annotations(r);
}
