/*
 * Which of the user's, the presentation state's and the file's transforms are
 * in effect.
 */

#include <string.h>

#include "voi_impl.h"


/*
 * Rescale of a frame.  A slope of zero would make every pixel equal; it stands
 * for an absent one, as does anything that is not a number.
 */
static void
rescale(const struct dicom_index *index, uint32_t frame, double *slope,
    double *intercept)
{
    *slope = 1;
    *intercept = 0;

    if (index->frames == NULL || frame >= index->nframes) {
        return;
    }

    if (isfinite(index->frames[frame].slope)
        && index->frames[frame].slope != 0
        && isfinite(index->frames[frame].intercept))
    {
        *slope = index->frames[frame].slope;
        *intercept = index->frames[frame].intercept;
    }
}


double
voi_modality(const struct dicom_index *index, uint32_t frame, double stored)
{
    struct voi_mapping  map;

    map.modality = NULL;

    if (index->sample == SAMPLE_INTEGER && lut_usable(&index->modality_lut)) {
        map.modality = &index->modality_lut;
    }

    rescale(index, frame, &map.slope, &map.intercept);

    return modality_value(&map, stored);
}


static bool
window_usable(double center, double width)
{
    return isfinite(center) && isfinite(width) && width > 0;
}


/* The file's first window for the frame, or NULL. */
static const struct dicom_window *
file_window(const struct dicom_index *index, uint32_t frame)
{
    uint32_t                  i, n;
    const struct dicom_frame  *f;

    if (index->frames != NULL && frame < index->nframes) {
        f = &index->frames[frame];
        n = f->nwindows < 4 ? f->nwindows : 4;

        for (i = 0; i < n; i++) {
            if (window_usable(f->windows[i].center, f->windows[i].width)) {
                return &f->windows[i];
            }
        }

        /* its own LUTs go before windows that are not its own */

        if (f->nvoi_luts > 0) {
            return NULL;
        }
    }

    n = index->nwindows < INDEX_MAX_WINDOWS ? index->nwindows
                                            : INDEX_MAX_WINDOWS;

    for (i = 0; i < n; i++) {
        if (window_usable(index->windows[i].center, index->windows[i].width)) {
            return &index->windows[i];
        }
    }

    return NULL;
}


/* Takes the nth of the frame's VOI LUTs; false: it has none that fits. */
static bool
file_lut(struct voi_mapping *map, const struct dicom_index *index,
    uint32_t frame, uint32_t n, const char **error)
{
    uint32_t                count;
    const struct dicom_lut  *luts;

    luts = index_voi_luts(index, frame, &count);

    if (index->sample != SAMPLE_INTEGER || index->bits_stored > 16
        || n >= count || !lut_usable(&luts[n]))
    {
        *error = "the image has no such VOI LUT";
        return false;
    }

    map->voi = &luts[n];
    return true;
}


static uint8_t
file_function(const struct dicom_index *index, uint32_t frame)
{
    uint8_t  function = index->voi_function;

    if (index->frames != NULL && frame < index->nframes
        && index->frames[frame].voi_function != 0)
    {
        function = index->frames[frame].voi_function;
    }

    return function == VOI_LINEAR_EXACT ? WIRE_VOI_LINEAR_EXACT
           : function == VOI_SIGMOID ? WIRE_VOI_SIGMOID : WIRE_VOI_LINEAR;
}


/* Extremes of the modality values of stored values from lowest to highest. */
static void
modality_range(const struct voi_mapping *map, double lowest, double highest,
    double *lo, double *hi)
{
    double  v, y;

    *lo = modality_value(map, lowest);
    *hi = modality_value(map, highest);

    if (map->modality != NULL) {
        v = lowest > map->modality->first ? lowest : map->modality->first;

        for (uint32_t i = 0; i < map->modality->count && v < highest; i++) {
            y = modality_value(map, v);
            *lo = y < *lo ? y : *lo;
            *hi = y > *hi ? y : *hi;
            v += 1;
        }
    }

    if (*lo > *hi) {
        y = *lo;
        *lo = *hi;
        *hi = y;
    }
}


/*
 * The window that shows lowest as 0 and highest as 255: for integers in the
 * terms of LINEAR, for real numbers in those of LINEAR_EXACT.
 */
static void
range_window(struct voi_mapping *map, const struct dicom_index *index,
    double lowest, double highest)
{
    double  lo, hi;

    if (index->sample == SAMPLE_INTEGER && index->bits_stored == 1) {
        lowest = index->is_signed ? -1 : 0;
        highest = lowest + 1;
    }

    if (!isfinite(lowest) || !isfinite(highest) || lowest > highest) {
        lowest = highest = 0;
    }

    modality_range(map, lowest, highest, &lo, &hi);

    if (index->sample != SAMPLE_INTEGER && hi > lo && isfinite(hi - lo)) {
        map->function = WIRE_VOI_LINEAR_EXACT;
        map->center = lo + (hi - lo) / 2;
        map->width = hi - lo;
        return;
    }

    map->function = WIRE_VOI_LINEAR;
    map->center = lo + (hi - lo) / 2 + 0.5;
    map->width = hi - lo + 1;
}


/*
 * A LUT of a presentation state, which does not know the images that it is for:
 * whether its first input is signed follows from what goes in.
 */
static const struct dicom_lut *
state_lut(struct dicom_lut *copy, const struct dicom_lut *lut, bool is_signed)
{
    *copy = *lut;

    if (is_signed && copy->first > INT16_MAX) {
        copy->first -= 65536;
    }

    return copy;
}


/* Extremes of what the modality transform makes of all that can be stored. */
static void
state_range(const struct voi_mapping *map, const struct dicom_index *index,
    double *lo, double *hi)
{
    double  top;

    if (map->modality != NULL) {
        *lo = 0;
        *hi = (1u << map->modality->bits) - 1;
        return;
    }

    top = ldexp(1, index->bits_stored - (index->is_signed ? 1 : 0));
    *lo = map->slope * (index->is_signed ? -top : 0) + map->intercept;
    *hi = map->slope * (top - 1) + map->intercept;

    if (*lo > *hi) {
        top = *lo;
        *lo = *hi;
        *hi = top;
    }
}


/* The state's VOI LUT or window; none: its whole range (PS3.4 N.2.1.2). */
static void
state_voi(struct voi_mapping *map, const struct dicom_index *index,
    const struct voi_choice *choice, double lowest, double highest)
{
    double                         lo, hi;
    const struct presentation_voi  *voi = choice->state_voi;

    if (voi == NULL) {
        if (index->sample != SAMPLE_INTEGER) {
            range_window(map, index, lowest, highest);
            return;
        }

        state_range(map, index, &lo, &hi);
        map->function = WIRE_VOI_LINEAR_EXACT;
        map->center = lo + (hi - lo) / 2;
        map->width = hi - lo;
        return;
    }

    if (lut_usable(&voi->lut)) {
        state_range(map, index, &lo, &hi);
        map->voi = state_lut(&map->state_voi, &voi->lut, lo < 0);
        map->function = WIRE_VOI_STATE;
        return;
    }

    map->center = voi->window.center;
    map->width = voi->window.width;

    if (map->function == WIRE_VOI_FILE) {
        map->function = voi->function == VOI_LINEAR_EXACT
                        ? WIRE_VOI_LINEAR_EXACT
                        : voi->function == VOI_SIGMOID ? WIRE_VOI_SIGMOID
                                                       : WIRE_VOI_LINEAR;
    }
}


/*
 * What a presentation state says stands in the place of all that the image
 * says (PS3.4 N.2); what the user says goes before both.
 */
static bool
settle_state(struct voi_mapping *map, const struct dicom_index *index,
    uint32_t frame, const struct voi_choice *choice, double lowest,
    double highest, const char **error)
{
    bool                       tabular;
    const struct presentation  *state = choice->state;

    tabular = index->sample == SAMPLE_INTEGER && index->bits_stored <= 16;

    if (!tabular && (lut_usable(&state->modality_lut)
                     || lut_usable(&state->lut)
                     || (choice->state_voi != NULL
                         && lut_usable(&choice->state_voi->lut))))
    {
        *error = "the presentation state's tables fit no image of more than "
                 "16 bits";
        return false;
    }

    map->slope = state->slope;
    map->intercept = state->intercept;
    map->invert = state->inverse != (choice->invert != 0);

    if (lut_usable(&state->modality_lut)) {
        map->modality = state_lut(&map->state_modality, &state->modality_lut,
                                  index->is_signed);
    }

    if (lut_usable(&state->lut)) {
        map->presentation = &state->lut;
    }

    if (choice->function == WIRE_VOI_LUT) {
        return file_lut(map, index, frame, choice->index, error);
    }

    if (choice->has_window && window_usable(choice->center, choice->width)) {
        map->center = choice->center;
        map->width = choice->width;

        if (map->function == WIRE_VOI_FILE) {
            map->function = WIRE_VOI_LINEAR;
        }

    } else {
        state_voi(map, index, choice, lowest, highest);
    }

    /* LINEAR starts at width 1 (C.11.2.1.2.1); real data need narrower ones */

    if (map->function == WIRE_VOI_LINEAR && map->width < 1) {
        map->function = WIRE_VOI_LINEAR_EXACT;
    }

    return true;
}


/*
 * Settles what is shown: the user's window or LUT, else the file's first
 * window, else its first VOI LUT, else the frame's range.
 */
bool
voi_settle(struct voi_mapping *map, const struct dicom_index *index,
    uint32_t frame, const struct voi_choice *choice, double lowest,
    double highest, const char **error)
{
    bool                       tabular;
    const struct dicom_window  *window;

    tabular = index->sample == SAMPLE_INTEGER && index->bits_stored <= 16;

    memset(map, 0, sizeof(*map));
    map->slope = 1;
    map->function = choice->function;

    if (choice->state != NULL) {
        return settle_state(map, index, frame, choice, lowest, highest,
                            error);
    }

    map->invert = (index->photometric == PHOTOMETRIC_MONOCHROME1
                   || index->inverse_lut_shape) != (choice->invert != 0);

    if (!index->rescale_ignored) {
        rescale(index, frame, &map->slope, &map->intercept);

        if (tabular && lut_usable(&index->modality_lut)) {
            map->modality = &index->modality_lut;
        }
    }

    window = file_window(index, frame);

    if (map->function == WIRE_VOI_FILE && !choice->has_window
        && window == NULL && file_lut(map, index, frame, 0, error))
    {
        map->function = WIRE_VOI_LUT;
        return true;
    }

    if (map->function == WIRE_VOI_LUT) {
        return file_lut(map, index, frame, choice->index, error);
    }

    if (choice->has_window && window_usable(choice->center, choice->width)) {
        map->center = choice->center;
        map->width = choice->width;

    } else if (window != NULL) {
        map->center = window->center;
        map->width = window->width;

    } else {
        range_window(map, index, lowest, highest);

        if (choice->function == WIRE_VOI_SIGMOID) {
            map->function = WIRE_VOI_SIGMOID;
        }
    }

    if (map->function == WIRE_VOI_FILE) {
        map->function = file_function(index, frame);
    }

    /* LINEAR starts at width 1 (C.11.2.1.2.1); real data need narrower ones */

    if (map->function == WIRE_VOI_LINEAR && map->width < 1) {
        map->function = WIRE_VOI_LINEAR_EXACT;
    }

    return true;
}
