#include <stdlib.h>

#include "index_values.h"


static void
put_type(struct writer *w, const struct dicom_index *x)
{
    if (x->localizer || x->image_type[0] != '\0') {
        put_number(w, x->localizer, 1);
        put_text(w, x->image_type, sizeof(x->image_type));
    }
}


static void
get_type(struct reader *r, struct dicom_index *x)
{
    x->localizer = get_bounded(r, 1, 1, "localizer is neither 0 nor 1");
    get_text(r, x->image_type, sizeof(x->image_type));
}


/* A frame: which it has, then those. */
static void
put_dimensions(struct writer *w, const struct dicom_index *x)
{
    unsigned  known = 0;

    for (uint32_t i = 0; i < x->nframes; i++) {
        known |= x->frames[i].known;
    }
    for (uint32_t i = 0; i < x->nframes && known != 0; i++) {
        const struct dicom_frame  *f = &x->frames[i];

        put_number(w, f->known, 1);
        for (unsigned d = 0; d < DIM_COUNT; d++) {
            if (f->known & 1u << d) {
                put_double(w, f->dimensions[d]);
            }
        }
    }
}


static void
get_dimensions(struct reader *r, struct dicom_index *x)
{
    for (uint32_t i = 0; i < x->nframes && r->error == NULL; i++) {
        struct dicom_frame  *f = &x->frames[i];

        f->known = get_number(r, 1);
        for (unsigned d = 0; d < DIM_COUNT; d++) {
            f->dimensions[d] = f->known & 1u << d ? get_double(r) : 0;
        }
    }
}


static void
put_units(struct writer *w, const struct dicom_index *x)
{
    if (x->units[0] != '\0') {
        put_text(w, x->units, sizeof(x->units));
        put_double(w, x->suv);
    }
}


static void
get_units(struct reader *r, struct dicom_index *x)
{
    get_text(r, x->units, sizeof(x->units));
    x->suv = get_double(r);
}


/* The mappings, then which one each frame has. */
static void
put_mappings(struct writer *w, const struct dicom_index *x)
{
    if (x->nmappings == 0) {
        return;
    }
    put_number(w, x->nmappings, 1);
    for (uint32_t i = 0; i < x->nmappings; i++) {
        const struct dicom_mapping  *m = &x->mappings[i];

        put_double(w, m->first);
        put_double(w, m->last);
        put_double(w, m->slope);
        put_double(w, m->intercept);
        put_text(w, m->unit, sizeof(m->unit));
    }
    for (uint32_t i = 0; i < x->nframes; i++) {
        put_number(w, x->frames[i].mapping, 1);
    }
}


static void
get_mappings(struct reader *r, struct dicom_index *x)
{
    x->nmappings = get_bounded(r, 1, INDEX_MAX_MAPPINGS, "too many mappings");
    for (uint32_t i = 0; i < x->nmappings; i++) {
        struct dicom_mapping  *m = &x->mappings[i];

        m->first = get_double(r);
        m->last = get_double(r);
        m->slope = get_double(r);
        m->intercept = get_double(r);
        get_text(r, m->unit, sizeof(m->unit));
    }
    for (uint32_t i = 0; i < x->nframes && r->error == NULL; i++) {
        x->frames[i].mapping = get_bounded(r, 1, x->nmappings,
            "a frame has a mapping that is not there");
    }
}


static void
put_regions(struct writer *w, const struct dicom_index *x)
{
    if (x->nregions == 0) {
        return;
    }
    put_number(w, x->nregions, 1);
    for (uint32_t i = 0; i < x->nregions; i++) {
        const struct dicom_region  *region = &x->regions[i];

        put_number(w, region->left, 4);
        put_number(w, region->top, 4);
        put_number(w, region->right, 4);
        put_number(w, region->bottom, 4);
        put_doubles(w, region->spacing, 2);
    }
}


static void
get_regions(struct reader *r, struct dicom_index *x)
{
    uint32_t  count = get_bounded(r, 1, INDEX_MAX_REGIONS, "too many regions");

    free(x->regions);
    x->nregions = 0;
    x->regions = get_room(r, count, sizeof(x->regions[0]), 32);
    if (x->regions == NULL) {
        return;
    }
    x->nregions = count;
    for (uint32_t i = 0; i < count; i++) {
        struct dicom_region  *region = &x->regions[i];

        region->left = get_number(r, 4);
        region->top = get_number(r, 4);
        region->right = get_number(r, 4);
        region->bottom = get_number(r, 4);
        get_doubles(r, region->spacing, 2);
    }
}


/* The LUTs; then each frame's function and which LUTs it has. */
static void
put_voi(struct writer *w, const struct dicom_index *x)
{
    bool  any = x->nframe_luts > 0;

    for (uint32_t i = 0; i < x->nframes && !any; i++) {
        any = x->frames[i].voi_function != 0;
    }
    if (!any) {
        return;
    }
    put_number(w, x->nframe_luts, 2);
    for (uint32_t i = 0; i < x->nframe_luts; i++) {
        put_lut(w, &x->frame_luts[i]);
    }
    for (uint32_t i = 0; i < x->nframes; i++) {
        const struct dicom_frame  *f = &x->frames[i];

        put_number(w, f->voi_function, 1);
        put_number(w, f->nvoi_luts, 1);
        put_number(w, f->first_voi_lut, 2);
    }
}


static void
get_voi(struct reader *r, struct dicom_index *x)
{
    uint32_t  count = get_bounded(r, 2, INDEX_MAX_FRAME_LUTS,
        "too many VOI LUTs of frames");

    if (x->frame_luts != NULL) {
        get_fail(r, "VOI LUTs of frames are there twice");
        return;
    }
    if (count > 0) {
        x->frame_luts = get_room(r, count, sizeof(x->frame_luts[0]), 4);
        if (x->frame_luts == NULL) {
            return;
        }
        x->nframe_luts = count;
    }
    for (uint32_t i = 0; i < count && r->error == NULL; i++) {
        get_lut(r, &x->frame_luts[i]);
    }
    for (uint32_t i = 0; i < x->nframes && r->error == NULL; i++) {
        struct dicom_frame  *f = &x->frames[i];

        f->voi_function = get_bounded(r, 1, VOI_SIGMOID,
            "unknown VOI function");
        f->nvoi_luts = get_number(r, 1);
        f->first_voi_lut = get_number(r, 2);
        if (f->first_voi_lut + f->nvoi_luts > count) {
            get_fail(r, "a frame has a VOI LUT that is not there");
        }
    }
}


void
values_put(struct writer *w, unsigned tag, const struct dicom_index *x)
{
    switch (tag) {
    case 'T':
        put_type(w, x);
        break;
    case 'D':
        put_dimensions(w, x);
        break;
    case 'U':
        put_units(w, x);
        break;
    case 'W':
        put_mappings(w, x);
        break;
    case 'R':
        put_regions(w, x);
        break;
    case 'C':
        if (x->icc) {
            put_number(w, 1, 1);
        }
        break;
    case 'V':
        put_voi(w, x);
        break;
    default:
        break;
    }
}


bool
values_get(struct reader *r, unsigned tag, struct dicom_index *x)
{
    switch (tag) {
    case 'T':
        get_type(r, x);
        return true;
    case 'D':
        get_dimensions(r, x);
        return true;
    case 'U':
        get_units(r, x);
        return true;
    case 'W':
        get_mappings(r, x);
        return true;
    case 'R':
        get_regions(r, x);
        return true;
    case 'C':
        x->icc = get_bounded(r, 1, 1, "colour profile is neither 0 nor 1");
        return true;
    case 'V':
        get_voi(r, x);
        return true;
    default:
        return false;
    }
}
