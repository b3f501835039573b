/*
 * What differs from frame to frame: geometry, rescale, windows, from the data
 * set itself, the shared and the per-frame functional groups (PS3.3 C.7.6.16),
 * or the offsets of a dose grid.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attribute.h"
#include "header.h"

#define SHARED_GROUPS      DICOM_TAG(0x5200, 0x9229)
#define PER_FRAME_GROUPS   DICOM_TAG(0x5200, 0x9230)

#define IMAGE_POSITION     DICOM_TAG(0x0020, 0x0032)
#define IMAGE_ORIENTATION  DICOM_TAG(0x0020, 0x0037)
#define PIXEL_SPACING      DICOM_TAG(0x0028, 0x0030)
#define RESCALE_INTERCEPT  DICOM_TAG(0x0028, 0x1052)
#define RESCALE_SLOPE      DICOM_TAG(0x0028, 0x1053)
#define RESCALE_TYPE       DICOM_TAG(0x0028, 0x1054)
#define SLICE_THICKNESS    DICOM_TAG(0x0018, 0x0050)

#define CT_IMAGE           "1.2.840.10008.5.1.4.1.1.2"
/* of all VOI LUTs of frames: half of what an encoded index may take */
#define MAX_FRAME_ENTRIES  (256u * 1024)

#define RT_DOSE            "1.2.840.10008.5.1.4.1.1.481.2"


uint32_t
header_windows(const struct header *h, const struct dicom_set *set,
    struct dicom_window *windows, uint32_t most)
{
    uint32_t  count = 0;

    for (uint32_t i = 0; i < most; i++) {
        struct dicom_window  w = { 0 };

        if (!attribute_decimal(set, DICOM_TAG(0x0028, 0x1050), i, &w.center)
            || !attribute_decimal(set, DICOM_TAG(0x0028, 0x1051), i,
                &w.width))
        {
            break;
        }
        attribute_text(set, DICOM_TAG(0x0028, 0x1055), i, &h->charset,
            w.explanation, sizeof(w.explanation));
        windows[count++] = w;
    }
    return count;
}


uint8_t
header_voi_function(const struct dicom_set *set, uint8_t otherwise)
{
    char  text[20];

    if (!attribute_code(set, DICOM_TAG(0x0028, 0x1056), 0, text,
        sizeof(text)))
    {
        return otherwise;
    }
    return strcmp(text, "SIGMOID") == 0 ? VOI_SIGMOID
        : strcmp(text, "LINEAR_EXACT") == 0 ? VOI_LINEAR_EXACT : VOI_LINEAR;
}


/* Two perpendicular unit vectors, within what rounding to DS leaves. */
static bool
is_orientation(const double v[6])
{
    double  row = 0, column = 0, product = 0;

    for (unsigned i = 0; i < 3; i++) {
        row += v[i] * v[i];
        column += v[i + 3] * v[i + 3];
        product += v[i] * v[i + 3];
    }
    return fabs(row - 1) < 0.02 && fabs(column - 1) < 0.02
        && fabs(product) < 0.02;
}


/* has_position means the position alone until settle_planes(). */
static void
read_plane(const struct dicom_set *position, const struct dicom_set *plane,
    struct dicom_frame *f)
{
    double  numbers[6];

    if (position != NULL
        && attribute_decimals(position, IMAGE_POSITION, 3, numbers))
    {
        memcpy(f->position, numbers, sizeof(f->position));
        f->has_position = true;
    }
    if (plane != NULL
        && attribute_decimals(plane, IMAGE_ORIENTATION, 6, numbers)
        && is_orientation(numbers))
    {
        memcpy(f->orientation, numbers, sizeof(f->orientation));
    }
}


static void
read_spacing(const struct dicom_set *set, uint32_t tag, struct dicom_frame *f)
{
    double  spacing[2];

    if (!f->has_spacing && set != NULL
        && attribute_decimals(set, tag, 2, spacing)
        && spacing[0] > 0 && spacing[1] > 0)
    {
        memcpy(f->spacing, spacing, sizeof(spacing));
        f->has_spacing = true;
    }
}


static void
read_rescale(struct header *h, const struct dicom_set *set,
    struct dicom_frame *f)
{
    double  slope, intercept;

    if (!attribute_decimal(set, RESCALE_SLOPE, 0, &slope)
        || !attribute_decimal(set, RESCALE_INTERCEPT, 0, &intercept)
        || slope == 0)
    {
        return;
    }
    f->slope = slope;
    f->intercept = intercept;
    if (h->index->rescale_type[0] == '\0') {
        attribute_code(set, RESCALE_TYPE, 0, h->index->rescale_type,
            sizeof(h->index->rescale_type));
    }
}


const struct dicom_set *
header_macro(struct header *h, const struct dicom_set *group, uint32_t tag)
{
    return group != NULL ? dicom_item(h->file, group, tag, 0) : NULL;
}


static bool
is_same_lut(const struct dicom_lut *a, const struct dicom_lut *b)
{
    return a->count == b->count && a->first == b->first && a->bits == b->bits
        && strcmp(a->explanation, b->explanation) == 0
        && memcmp(a->data, b->data, a->count * sizeof(a->data[0])) == 0;
}


static void
free_luts(struct dicom_lut *luts, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        free(luts[i].data);
    }
    free(luts);
}


/* Where count LUTs stand in a row among those of frames, or how many these. */
static uint32_t
find_luts(const struct dicom_index *x, const struct dicom_lut *luts,
    uint32_t count)
{
    for (uint32_t first = 0; first + count <= x->nframe_luts; first++) {
        uint32_t  same = 0;

        while (same < count
            && is_same_lut(&x->frame_luts[first + same], &luts[same]))
        {
            same++;
        }
        if (same == count) {
            return first;
        }
    }
    return x->nframe_luts;
}


/*
 * Adds LUTs, whose tables are the index's then; false: there are none, or too
 * many, so that their frame is shown without.
 */
static bool
add_luts(struct dicom_index *x, const struct dicom_lut *luts, uint32_t count)
{
    struct dicom_lut  *more;
    size_t             entries = 0;

    for (uint32_t i = 0; i < x->nframe_luts; i++) {
        entries += x->frame_luts[i].count;
    }
    for (uint32_t i = 0; i < count; i++) {
        entries += luts[i].count;
    }
    if (count == 0 || x->nframe_luts + count > INDEX_MAX_FRAME_LUTS
        || entries > MAX_FRAME_ENTRIES)
    {
        return false;
    }
    more = realloc(x->frame_luts, (x->nframe_luts + count) * sizeof(*more));
    if (more == NULL) {
        return false;
    }
    memcpy(more + x->nframe_luts, luts, count * sizeof(*more));
    x->frame_luts = more;
    x->nframe_luts += count;
    return true;
}


/* PS3.3 C.7.6.16.2.10: a group that has any of it has all of it. */
static bool
read_group_voi(struct header *h, const struct dicom_set *set,
    struct dicom_frame *f)
{
    struct dicom_index  *x = h->index;
    uint32_t             most = sizeof(f->windows) / sizeof(f->windows[0]);
    struct dicom_lut    *luts;
    uint32_t             count, first;

    f->nwindows = header_windows(h, set, f->windows, most);
    f->voi_function = header_voi_function(set, f->voi_function);

    if (!header_voi_luts(h, set, f->slope, f->intercept, &luts, &count)) {
        return false;
    }
    first = find_luts(x, luts, count);
    if (first == x->nframe_luts && add_luts(x, luts, count)) {
        free(luts);
    } else {
        free_luts(luts, count);
    }
    if (count > 0 && first < x->nframe_luts) {
        f->nvoi_luts = (uint8_t) count;
        f->first_voi_lut = (uint16_t) first;
    }
    return true;
}


static bool
read_group(struct header *h, const struct dicom_set *group,
    struct dicom_frame *f)
{
    const struct dicom_set  *set;
    double                   number;

    read_plane(header_macro(h, group, DICOM_TAG(0x0020, 0x9113)),
        header_macro(h, group, DICOM_TAG(0x0020, 0x9116)), f);

    set = header_macro(h, group, DICOM_TAG(0x0028, 0x9110));
    if (set != NULL) {
        f->has_spacing = false;
        read_spacing(set, PIXEL_SPACING, f);
        if (attribute_decimal(set, SLICE_THICKNESS, 0, &number)) {
            h->index->slice_thickness = number;
        }
    }

    set = header_macro(h, group, DICOM_TAG(0x0028, 0x9145));
    if (set != NULL) {
        read_rescale(h, set, f);
    }

    set = header_macro(h, group, DICOM_TAG(0x0028, 0x9132));
    if (set != NULL && !read_group_voi(h, set, f)) {
        return false;
    }

    header_group_image(h, group, f);
    header_mapping(h, group, f);
    return true;
}


static void
read_patient_plane(struct header *h, struct dicom_index *x)
{
    const struct dicom_set  *anatomy;

    attribute_code(h->root, DICOM_TAG(0x0020, 0x0020), 0,
        x->patient_orientation[0], sizeof(x->patient_orientation[0]));
    attribute_code(h->root, DICOM_TAG(0x0020, 0x0020), 1,
        x->patient_orientation[1], sizeof(x->patient_orientation[1]));

    if (attribute_code(h->root, DICOM_TAG(0x0020, 0x0062), 0, x->laterality,
            sizeof(x->laterality))
        || attribute_code(h->root, DICOM_TAG(0x0020, 0x0060), 0,
            x->laterality, sizeof(x->laterality)))
    {
        return;
    }
    anatomy = header_macro(h, dicom_item(h->file, h->root, SHARED_GROUPS, 0),
        DICOM_TAG(0x0020, 0x9071));
    if (anatomy != NULL) {
        attribute_code(anatomy, DICOM_TAG(0x0020, 0x9072), 0, x->laterality,
            sizeof(x->laterality));
    }
}


/* What the data set says itself, for frames that say nothing else. */
static void
read_common(struct header *h, struct dicom_frame *f)
{
    struct dicom_index  *x = h->index;
    double               rate;

    memset(f, 0, sizeof(*f));
    f->slope = 1;
    read_plane(h->root, h->root, f);
    read_spacing(h->root, PIXEL_SPACING, f);
    read_spacing(h->root, DICOM_TAG(0x0018, 0x1164), f);
    read_spacing(h->root, DICOM_TAG(0x0018, 0x2010), f);
    read_rescale(h, h->root, f);
    header_image(h, f);
    header_mapping(h, h->root, f);

    x->voi_function = header_voi_function(h->root, VOI_LINEAR);
    x->nwindows = header_windows(h, h->root, x->windows, INDEX_MAX_WINDOWS);

    attribute_code(h->root, DICOM_TAG(0x0020, 0x0052), 0,
        x->frame_of_reference, sizeof(x->frame_of_reference));
    attribute_decimal(h->root, SLICE_THICKNESS, 0, &x->slice_thickness);
    attribute_decimal(h->root, DICOM_TAG(0x0018, 0x1120), 0, &x->gantry_tilt);
    attribute_decimal(h->root, DICOM_TAG(0x0018, 0x1063), 0, &x->frame_time);
    if (x->frame_time <= 0) {
        x->frame_time = 0;
        if ((attribute_decimal(h->root, DICOM_TAG(0x0018, 0x0040), 0, &rate)
                || attribute_decimal(h->root, DICOM_TAG(0x0008, 0x2144), 0,
                    &rate))
            && rate > 0.001)
        {
            x->frame_time = 1000 / rate;
        }
    }
}


/*
 * A pixel's height over its width, by Pixel Aspect Ratio or else by the
 * spacing, unless it is absurd.
 */
static void
read_aspect(struct header *h)
{
    const struct dicom_frame  *f = &h->index->frames[0];
    double                     height, width;

    if (!attribute_decimal(h->root, DICOM_TAG(0x0028, 0x0034), 0, &height)
        || !attribute_decimal(h->root, DICOM_TAG(0x0028, 0x0034), 1, &width))
    {
        if (!f->has_spacing) {
            return;
        }
        height = f->spacing[0];
        width = f->spacing[1];
    }
    if (height > 0 && width > 0 && height / width > 0.01
        && height / width < 100)
    {
        h->index->pixel_aspect = height / width;
    }
}


/* A position without an orientation, or one that is not finite, is none. */
static void
settle_planes(struct dicom_index *x)
{
    for (uint32_t i = 0; i < x->nframes; i++) {
        struct dicom_frame  *f = &x->frames[i];

        if (!f->has_position || !is_orientation(f->orientation)
            || !isfinite(f->position[0]) || !isfinite(f->position[1])
            || !isfinite(f->position[2]))
        {
            f->has_position = false;
            memset(f->position, 0, sizeof(f->position));
            memset(f->orientation, 0, sizeof(f->orientation));
        }
    }
}


/* The VOI of all frames belongs to the index; of one frame, to that frame. */
static void
settle_voi(struct dicom_index *x, struct dicom_frame *common)
{
    if (common->voi_function != 0) {
        x->voi_function = common->voi_function;
        common->voi_function = 0;
    }
    if (common->nvoi_luts > 0) {
        free_luts(x->voi_luts, x->nvoi_luts);
        x->voi_luts = x->frame_luts;
        x->nvoi_luts = x->nframe_luts;
        x->frame_luts = NULL;
        x->nframe_luts = 0;
        x->nwindows = 0;
        common->nvoi_luts = 0;
    }
    if (common->nwindows > 0) {
        memcpy(x->windows, common->windows, sizeof(common->windows));
        x->nwindows = common->nwindows;
        memset(common->windows, 0, sizeof(common->windows));
        common->nwindows = 0;
    }
}


/*
 * RT Dose: planes at offsets along the normal (PS3.3 C.8.8.3.2), either
 * relative to the first, or absolute in the patient's own direction.
 */
static void
read_dose(struct header *h, const struct dicom_frame *common)
{
    struct dicom_index  *x = h->index;
    const double        *o = common->orientation;
    double               normal[3], first, offset, scaling;

    if (attribute_decimal(h->root, DICOM_TAG(0x3004, 0x000e), 0, &scaling)
        && scaling > 0)
    {
        for (uint32_t i = 0; i < x->nframes; i++) {
            x->frames[i].slope = scaling;
            x->frames[i].intercept = 0;
        }
        attribute_code(h->root, DICOM_TAG(0x3004, 0x0002), 0, x->rescale_type,
            sizeof(x->rescale_type));
    }

    if (!attribute_decimal(h->root, DICOM_TAG(0x3004, 0x000c), 0, &first)) {
        return;
    }
    normal[0] = o[1] * o[5] - o[2] * o[4];
    normal[1] = o[2] * o[3] - o[0] * o[5];
    normal[2] = o[0] * o[4] - o[1] * o[3];

    for (uint32_t i = 1; i < x->nframes && i < 4096; i++) {
        if (!attribute_decimal(h->root, DICOM_TAG(0x3004, 0x000c), i,
            &offset))
        {
            break;
        }
        for (unsigned k = 0; k < 3; k++) {
            x->frames[i].position[k] = common->position[k]
                + normal[k] * (offset - first);
        }
    }
}


/*
 * A rescale that belongs to the intensity relationship of X-ray angiography is
 * not meant for display (PS3.4 N.2.1.2).
 */
static bool
ignores_rescale(const char *sop_class)
{
    static const char  *const classes[] = {
        "1.2.840.10008.5.1.4.1.1.12.1", "1.2.840.10008.5.1.4.1.1.12.2",
        "1.2.840.10008.5.1.4.1.1.12.3", "1.2.840.10008.5.1.4.1.1.12.1.1",
        "1.2.840.10008.5.1.4.1.1.12.2.1"
    };

    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        if (strcmp(sop_class, classes[i]) == 0) {
            return true;
        }
    }
    return false;
}


bool
header_frames(struct header *h)
{
    struct dicom_index      *x = h->index;
    struct dicom_frame       common;
    const struct dicom_set  *group;
    char                     shape[20];
    double                   slope;

    if (x->nframes == 0) {
        return true;
    }

    read_common(h, &common);
    read_patient_plane(h, x);
    attribute_code(h->root, DICOM_TAG(0x2050, 0x0020), 0, shape,
        sizeof(shape));
    x->inverse_lut_shape = strcmp(shape, "INVERSE") == 0;
    x->rescale_ignored = ignores_rescale(x->sop_class);

    group = dicom_item(h->file, h->root, SHARED_GROUPS, 0);
    if (group != NULL) {
        if (!read_group(h, group, &common)) {
            return false;
        }
        settle_voi(x, &common);
    }
    for (uint32_t i = 0; i < x->nframes; i++) {
        x->frames[i] = common;
        group = dicom_item(h->file, h->root, PER_FRAME_GROUPS, i);
        if (group != NULL && !read_group(h, group, &x->frames[i])) {
            return false;
        }
    }

    if (strcmp(x->sop_class, RT_DOSE) == 0) {
        read_dose(h, &common);
    }

    /* PS3.3 C.8.2.1.1.2: a CT image says its unit only when it is another */
    if (strcmp(x->sop_class, CT_IMAGE) == 0 && x->rescale_type[0] == '\0'
        && attribute_decimal(h->root, RESCALE_SLOPE, 0, &slope))
    {
        strcpy(x->rescale_type, "HU");
    }

    settle_planes(x);
    read_aspect(h);
    if (x->nwindows == 0 && x->nvoi_luts == 0 && x->frames[0].nwindows > 0) {
        memcpy(x->windows, x->frames[0].windows,
            sizeof(x->frames[0].windows));
        x->nwindows = x->frames[0].nwindows;
    }
    return true;
}
