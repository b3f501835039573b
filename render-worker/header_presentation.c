/*
 * Softcopy presentation states (PS3.3 A.33): which images they are for and how
 * these are to be shown.
 *
 * A state that cannot be shown as it says is stored all the same; what is kept
 * of it then are its name, its images and the reason.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attribute.h"
#include "header_presentation.h"

#define REFERENCED_SERIES  DICOM_TAG(0x0008, 0x1115)
#define REFERENCED_IMAGES  DICOM_TAG(0x0008, 0x1140)
#define REFERENCED_UID     DICOM_TAG(0x0008, 0x1155)
#define REFERENCED_FRAMES  DICOM_TAG(0x0008, 0x1160)


bool
reading_refuse(struct reading *r, enum presentation_problem problem)
{
    if (r->state->problem == PRESENTATION_FINE) {
        r->state->problem = problem;
    }
    return false;
}


bool
reading_spend(struct reading *r, size_t bytes)
{
    r->bytes += bytes;
    return r->bytes <= PRESENTATION_MAX_BYTES
        || reading_refuse(r, PRESENTATION_TOO_LARGE);
}


bool
reading_room(struct reading *r, const struct dicom_set *set, uint32_t tag,
    size_t size, void *items, uint32_t *count)
{
    void      *room;
    uint32_t   n = dicom_items(r->header->file, set, tag);

    *count = 0;
    if (n == 0) {
        return true;
    }
    if (n > PRESENTATION_MAX_ITEMS) {
        return reading_refuse(r, PRESENTATION_TOO_LARGE);
    }
    room = calloc(n, size);
    if (room == NULL) {
        return header_fail(r->header, DECODER_MEMORY, "out of memory");
    }
    memcpy(items, &room, sizeof(room));
    *count = n;
    return true;
}


static bool
read_lut(struct reading *r, const struct dicom_set *set, struct dicom_lut *lut)
{
    /* whether its first input is signed depends on the image */
    return set != NULL && header_lut(r->header, set, false, lut)
        ? reading_spend(r, 2 * (size_t) lut->count)
        : reading_refuse(r, PRESENTATION_MALFORMED);
}


bool
reading_floats(const struct dicom_set *set, uint32_t tag, float *values,
    uint32_t count)
{
    const uint8_t  *data;
    size_t          length;

    if (!dicom_value(set, tag, &data, &length) || length / 4 < count) {
        return false;
    }
    memcpy(values, data, count * sizeof(values[0]));
    for (uint32_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            return false;
        }
    }
    return true;
}


/* References */

static int
compare_uids(const void *a, const void *b)
{
    return strcmp(((const struct presentation_reference *) a)->uid,
        ((const struct presentation_reference *) b)->uid);
}


/* Collects the UIDs of all images, sorted, each once. */
static bool
read_references(struct reading *r)
{
    struct header        *h = r->header;
    struct presentation  *state = r->state;
    uint32_t              series, total = 0, n = 0;

    series = dicom_items(h->file, h->root, REFERENCED_SERIES);
    if (series > PRESENTATION_MAX_ITEMS) {
        return reading_refuse(r, PRESENTATION_TOO_LARGE);
    }
    for (uint32_t i = 0; i < series; i++) {
        total += dicom_items(h->file,
            dicom_item(h->file, h->root, REFERENCED_SERIES, i),
            REFERENCED_IMAGES);
        if (total > PRESENTATION_MAX_REFERENCES) {
            return reading_refuse(r, PRESENTATION_TOO_LARGE);
        }
    }
    if (total == 0) {
        return reading_refuse(r, PRESENTATION_MALFORMED);
    }
    state->references = calloc(total, sizeof(state->references[0]));
    if (state->references == NULL) {
        return header_fail(h, DECODER_MEMORY, "out of memory");
    }

    for (uint32_t i = 0; i < series; i++) {
        const struct dicom_set  *set = dicom_item(h->file, h->root,
            REFERENCED_SERIES, i);
        uint32_t  images = dicom_items(h->file, set, REFERENCED_IMAGES);

        for (uint32_t k = 0; k < images; k++) {
            n += header_uid(dicom_item(h->file, set, REFERENCED_IMAGES, k),
                REFERENCED_UID, state->references[n].uid);
        }
    }
    qsort(state->references, n, sizeof(state->references[0]), compare_uids);
    for (uint32_t i = 0; i < n; i++) {
        if (i == 0 || compare_uids(&state->references[i],
            &state->references[state->nreferences - 1]) != 0)
        {
            state->references[state->nreferences++] = state->references[i];
        }
    }
    return state->nreferences > 0 ? reading_spend(r, 32 * state->nreferences)
        : reading_refuse(r, PRESENTATION_MALFORMED);
}


static bool
add_target(struct reading *r, struct presentation_scope *scope,
    uint32_t reference, uint32_t frame)
{
    /* full at each power of two */
    if ((scope->count & (scope->count - 1)) == 0) {
        size_t  size = scope->count == 0 ? 1 : 2 * (size_t) scope->count;
        void   *grown = realloc(scope->targets,
            size * sizeof(scope->targets[0]));

        if (grown == NULL) {
            return header_fail(r->header, DECODER_MEMORY, "out of memory");
        }
        scope->targets = grown;
    }
    if (++r->targets > PRESENTATION_MAX_TARGETS) {
        return reading_refuse(r, PRESENTATION_TOO_LARGE);
    }
    scope->targets[scope->count++] = (struct presentation_target) {
        .reference = reference, .frame = frame };
    return reading_spend(r, 6);
}


/* The frames that an item names, or all of them. */
static bool
add_frames(struct reading *r, const struct dicom_set *item,
    struct presentation_scope *scope, uint32_t reference)
{
    const uint8_t  *data;
    size_t          length, i = 0;

    if (!dicom_value(item, REFERENCED_FRAMES, &data, &length)) {
        return add_target(r, scope, reference, 0);
    }
    while (i < length) {
        uint32_t  frame = 0;

        for (; i < length && data[i] != '\\'; i++) {
            if (data[i] >= '0' && data[i] <= '9' && frame < TABLES_MAX_FRAMES)
            {
                frame = 10 * frame + (data[i] - '0');
            } else if (data[i] != ' ' && data[i] != '\0' && data[i] != '+') {
                return reading_refuse(r, PRESENTATION_MALFORMED);
            }
        }
        i++;
        if (frame < 1 || frame > TABLES_MAX_FRAMES) {
            return reading_refuse(r, PRESENTATION_MALFORMED);
        }
        if (!add_target(r, scope, reference, frame)) {
            return false;
        }
    }
    return true;
}


/* Adds the images of a set, as far as the state is for them. */
static bool
add_scope(struct reading *r, const struct dicom_set *set,
    struct presentation_scope *scope)
{
    struct header        *h = r->header;
    struct presentation  *state = r->state;
    uint32_t              images;

    images = dicom_items(h->file, set, REFERENCED_IMAGES);
    for (uint32_t i = 0; i < images; i++) {
        const struct dicom_set         *item = dicom_item(h->file, set,
            REFERENCED_IMAGES, i);
        struct presentation_reference  *found, key;

        if (item == NULL || !header_uid(item, REFERENCED_UID, key.uid)) {
            continue;
        }
        found = bsearch(&key, state->references, state->nreferences,
            sizeof(key), compare_uids);
        if (found != NULL && !add_frames(r, item, scope,
            (uint32_t) (found - state->references)))
        {
            return false;
        }
    }
    return true;
}


enum reading_scope
reading_scope(struct reading *r, const struct dicom_set *set,
    struct presentation_scope *scope)
{
    if (!add_scope(r, set, scope)) {
        return SCOPE_FAILED;
    }
    return scope->count == 0
        && dicom_items(r->header->file, set, REFERENCED_IMAGES) > 0
        ? SCOPE_EMPTY : SCOPE_READ;
}


static bool
read_images(struct reading *r)
{
    struct header  *h = r->header;
    uint32_t        series;

    if (!read_references(r)) {
        return false;
    }
    series = dicom_items(h->file, h->root, REFERENCED_SERIES);
    for (uint32_t i = 0; i < series; i++) {
        if (!add_scope(r, dicom_item(h->file, h->root, REFERENCED_SERIES, i),
            &r->state->scope))
        {
            return false;
        }
    }
    return r->state->scope.count > 0
        || reading_refuse(r, PRESENTATION_MALFORMED);
}


/* The grayscale transformations */

static bool
read_modality(struct reading *r)
{
    struct header           *h = r->header;
    struct presentation     *state = r->state;
    const struct dicom_set  *set;

    set = dicom_item(h->file, h->root, DICOM_TAG(0x0028, 0x3000), 0);
    if (set != NULL) {
        return read_lut(r, set, &state->modality_lut);
    }
    attribute_decimal(h->root, DICOM_TAG(0x0028, 0x1053), 0, &state->slope);
    attribute_decimal(h->root, DICOM_TAG(0x0028, 0x1052), 0,
        &state->intercept);
    return state->slope != 0 || reading_refuse(r, PRESENTATION_MALFORMED);
}


static bool
read_voi(struct reading *r, const struct dicom_set *set,
    struct presentation_voi *voi)
{
    const struct dicom_set  *lut;

    lut = dicom_item(r->header->file, set, DICOM_TAG(0x0028, 0x3010), 0);
    voi->function = header_voi_function(set, VOI_LINEAR);
    if (lut != NULL) {
        return read_lut(r, lut, &voi->lut);
    }
    return header_windows(r->header, set, &voi->window, 1) == 1
        && voi->window.width >= (voi->function == VOI_LINEAR ? 1 : 1e-9)
        ? reading_spend(r, 40) : reading_refuse(r, PRESENTATION_MALFORMED);
}


static bool
read_vois(struct reading *r)
{
    struct header           *h = r->header;
    struct presentation     *state = r->state;
    const uint32_t           tag = DICOM_TAG(0x0028, 0x3110);
    const struct dicom_set  *set;
    uint32_t                 count;

    if (!reading_room(r, h->root, tag, sizeof(state->vois[0]), &state->vois,
        &count))
    {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct presentation_voi  *voi = &state->vois[state->nvois++];
        enum reading_scope                scope;

        set = dicom_item(h->file, h->root, tag, i);
        scope = reading_scope(r, set, &voi->scope);
        if (scope == SCOPE_FAILED) {
            return false;
        }
        if (scope == SCOPE_EMPTY) {
            state->nvois--;
        } else if (!read_voi(r, set, voi)) {
            return false;
        }
    }
    return true;
}


static bool
read_presentation_lut(struct reading *r)
{
    struct header           *h = r->header;
    const struct dicom_set  *set;
    char                     shape[20];

    set = dicom_item(h->file, h->root, DICOM_TAG(0x2050, 0x0010), 0);
    if (set != NULL) {
        return read_lut(r, set, &r->state->lut)
            && (r->state->lut.first == 0
                || reading_refuse(r, PRESENTATION_MALFORMED));
    }
    if (!attribute_code(h->root, DICOM_TAG(0x2050, 0x0020), 0, shape,
        sizeof(shape)))
    {
        return true;
    }
    r->state->inverse = strcmp(shape, "INVERSE") == 0;
    return r->state->inverse || strcmp(shape, "IDENTITY") == 0
        || reading_refuse(r, PRESENTATION_MALFORMED);
}


/* How the picture lies on the screen */

static bool
read_spatial(struct reading *r)
{
    const struct dicom_set  *root = r->header->root;
    uint16_t                 rotate = 0;
    char                     flip[4];

    attribute_u16(root, DICOM_TAG(0x0070, 0x0042), 0, &rotate);
    if (rotate % 90 != 0 || rotate > 360) {
        return reading_refuse(r, PRESENTATION_MALFORMED);
    }
    r->state->rotate = rotate % 360;
    r->state->flip = attribute_code(root, DICOM_TAG(0x0070, 0x0041), 0, flip,
        sizeof(flip)) && strcmp(flip, "Y") == 0;
    return true;
}


static bool
read_corner(const struct dicom_set *set, uint32_t tag, int32_t corner[2])
{
    const uint8_t  *data;
    size_t          length;

    if (!dicom_value(set, tag, &data, &length) || length < 8) {
        return false;
    }
    memcpy(corner, data, 8);
    for (unsigned i = 0; i < 2; i++) {
        if (corner[i] < -1000000 || corner[i] > 1000000) {
            return false;
        }
    }
    return true;
}


/* Height of a pixel over its width, and millimetres from column to column. */
static void
read_pixel(const struct dicom_set *set, struct presentation_area *area)
{
    double  numbers[2];

    if (attribute_decimals(set, DICOM_TAG(0x0070, 0x0101), 2, numbers)
        && numbers[0] > 0 && numbers[1] > 0)
    {
        area->aspect = numbers[0] / numbers[1];
        area->spacing = numbers[1];
    } else if (attribute_decimals(set, DICOM_TAG(0x0070, 0x0102), 2, numbers)
        && numbers[0] > 0 && numbers[1] > 0)
    {
        area->aspect = numbers[0] / numbers[1];
    }
    if (!(area->aspect > 0.01 && area->aspect < 100)) {
        area->aspect = 0;
    }
}


static bool
read_area(struct reading *r, const struct dicom_set *set,
    struct presentation_area *area)
{
    int32_t  first[2], last[2];
    double   ratio = 0;
    float    magnification = 0;
    char     mode[20] = "";

    if (!read_corner(set, DICOM_TAG(0x0070, 0x0052), first)
        || !read_corner(set, DICOM_TAG(0x0070, 0x0053), last))
    {
        return reading_refuse(r, PRESENTATION_MALFORMED);
    }
    /* a corner that turning brings to the top left may be any one before */
    area->left = first[0] < last[0] ? first[0] : last[0];
    area->right = first[0] < last[0] ? last[0] : first[0];
    area->top = first[1] < last[1] ? first[1] : last[1];
    area->bottom = first[1] < last[1] ? last[1] : first[1];
    read_pixel(set, area);

    attribute_code(set, DICOM_TAG(0x0070, 0x0100), 0, mode, sizeof(mode));
    if (reading_floats(set, DICOM_TAG(0x0070, 0x0103), &magnification, 1)) {
        ratio = magnification;
    }
    area->size = strcmp(mode, "MAGNIFY") == 0 ? PRESENTATION_MAGNIFY
        : strcmp(mode, "TRUE SIZE") == 0 ? PRESENTATION_TRUE_SIZE
        : PRESENTATION_FIT;
    area->magnification = ratio;
    return (area->size != PRESENTATION_MAGNIFY
            || (ratio > 1e-3 && ratio < 1e4)) ? reading_spend(r, 50)
        : reading_refuse(r, PRESENTATION_MALFORMED);
}


static bool
read_areas(struct reading *r)
{
    struct header           *h = r->header;
    struct presentation     *state = r->state;
    const uint32_t           tag = DICOM_TAG(0x0070, 0x005a);
    const struct dicom_set  *set;
    uint32_t                 count;

    if (!reading_room(r, h->root, tag, sizeof(state->areas[0]), &state->areas,
        &count))
    {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        struct presentation_area  *area = &state->areas[state->nareas++];
        enum reading_scope                 scope;

        set = dicom_item(h->file, h->root, tag, i);
        scope = reading_scope(r, set, &area->scope);
        if (scope == SCOPE_FAILED) {
            return false;
        }
        if (scope == SCOPE_EMPTY) {
            state->nareas--;
        } else if (!read_area(r, set, area)) {
            return false;
        }
    }
    return true;
}


/* Overlays of the state itself, and which ones are shown. */
static bool
read_overlays(struct reading *r)
{
    struct header         *h = r->header;
    struct presentation   *state = r->state;
    struct dicom_overlay   overlay;

    for (unsigned i = 0; i < TABLES_MAX_OVERLAYS; i++) {
        unsigned                      group = 0x6000 + 2 * i;
        struct presentation_overlay  *active = &state->active[state->nactive];

        if (attribute_code(h->root, DICOM_TAG(group, 0x1001), 0,
            active->layer, sizeof(active->layer)))
        {
            active->group = (uint16_t) group;
            state->nactive++;
        }
        if (!header_overlay(h, group, &overlay)) {
            continue;
        }
        if (state->overlays == NULL) {
            state->overlays = calloc(TABLES_MAX_OVERLAYS,
                sizeof(state->overlays[0]));
            if (state->overlays == NULL) {
                free(overlay.bits);
                return header_fail(h, DECODER_MEMORY, "out of memory");
            }
        }
        state->overlays[state->noverlays++] = overlay;
        if (overlay.bits == NULL) {
            return reading_refuse(r, PRESENTATION_MALFORMED);
        }
        if (!reading_spend(r, overlay.length)) {
            return false;
        }
    }
    return true;
}


static bool
read_state_shutter(struct reading *r)
{
    struct presentation  *state = r->state;

    if (!header_shutter(r->header->root, &state->shutter)) {
        return reading_refuse(r, PRESENTATION_MALFORMED);
    }
    if (state->shutter.shapes & SHUTTER_BITMAP) {
        for (uint32_t i = 0; i < state->noverlays; i++) {
            if (state->overlays[i].group == state->shutter.group) {
                return true;
            }
        }
        return reading_refuse(r, PRESENTATION_MALFORMED);
    }
    return reading_spend(r, 8 * state->shutter.npoints);
}


static void
read_names(struct reading *r)
{
    struct header        *h = r->header;
    struct presentation  *state = r->state;

    attribute_code(h->root, DICOM_TAG(0x0070, 0x0080), 0, state->label,
        sizeof(state->label));
    attribute_text(h->root, DICOM_TAG(0x0070, 0x0081), 0, &h->charset,
        state->description, sizeof(state->description));
    attribute_text(h->root, DICOM_TAG(0x0070, 0x0084), 0, &h->charset,
        state->creator, sizeof(state->creator));
    header_date(h->root, DICOM_TAG(0x0070, 0x0082), state->date);
    header_time(h->root, DICOM_TAG(0x0070, 0x0083), state->time);
}


static bool
read_state(struct reading *r)
{
    struct header  *h = r->header;

    read_names(r);
    if (!read_images(r)) {
        return false;
    }
    if (r->state->kind == PRESENTATION_OTHER) {
        return reading_refuse(r, PRESENTATION_UNSUPPORTED);
    }
    if (dicom_items(h->file, h->root, DICOM_TAG(0x0028, 0x6100)) > 0) {
        return reading_refuse(r, PRESENTATION_SUBTRACTS);
    }
    if (r->state->kind == PRESENTATION_GRAYSCALE
        && (!read_modality(r) || !read_vois(r) || !read_presentation_lut(r)))
    {
        return false;
    }
    return read_spatial(r) && read_areas(r) && read_overlays(r)
        && read_state_shutter(r) && header_graphics(r);
}


static struct presentation *
new_state(uint8_t kind)
{
    struct presentation  *state = calloc(1, sizeof(*state));

    if (state != NULL) {
        state->kind = kind;
        state->slope = 1;
    }
    return state;
}


/* What is left of a state that cannot be applied. */
static bool
strip(struct reading *r)
{
    struct presentation  *all = r->state, *rest = new_state(all->kind);

    if (rest == NULL) {
        return header_fail(r->header, DECODER_MEMORY, "out of memory");
    }
    rest->problem = all->problem;
    memcpy(rest->label, all->label, sizeof(rest->label));
    memcpy(rest->description, all->description, sizeof(rest->description));
    memcpy(rest->creator, all->creator, sizeof(rest->creator));
    memcpy(rest->date, all->date, sizeof(rest->date));
    memcpy(rest->time, all->time, sizeof(rest->time));
    rest->nreferences = all->nreferences;
    rest->references = all->references;
    rest->scope = all->scope;
    all->references = NULL;
    all->scope = (struct presentation_scope) { 0 };
    presentation_destroy(all);
    r->header->index->presentation = rest;
    return true;
}


bool
header_presentation(struct header *h)
{
    static const char      family[] = "1.2.840.10008.5.1.4.1.1.11.";
    const char            *member = h->index->sop_class + strlen(family);
    struct reading         r = { .header = h };

    if (strncmp(h->index->sop_class, family, strlen(family)) != 0) {
        return true;
    }
    r.state = new_state(strcmp(member, "1") == 0 ? PRESENTATION_GRAYSCALE
        : strcmp(member, "2") == 0 ? PRESENTATION_COLOUR
        : PRESENTATION_OTHER);
    h->index->presentation = r.state;
    if (r.state == NULL) {
        return header_fail(h, DECODER_MEMORY, "out of memory");
    }
    if (read_state(&r)) {
        return true;
    }
    return r.state->problem != PRESENTATION_FINE && strip(&r);
}
