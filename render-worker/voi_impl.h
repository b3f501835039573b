/*
 * What settling a choice hands to the computing of its table.
 */

#ifndef DICOM_VOI_IMPL_H
#define DICOM_VOI_IMPL_H

#include <math.h>

#include "voi.h"
#include "wire.h"

/* What a table is computed from, once the choice has been settled. */
struct voi_mapping {
    const struct dicom_lut  *modality;  /* NULL: slope and intercept */
    double                   slope, intercept;
    const struct dicom_lut  *voi;       /* NULL: window */
    uint8_t                  function;  /* enum wire_voi */
    double                   center, width;
    const struct dicom_lut  *presentation;  /* NULL: identity */
    bool                     invert;
    struct dicom_lut         state_modality, state_voi;
};

/*
 * Settles what is shown of frame of index under choice; lowest and highest are
 * the frame's stored extremes.  map holds pointers into index, the choice's
 * state and itself.  false: *error.
 */
bool voi_settle(struct voi_mapping *map, const struct dicom_index *index,
    uint32_t frame, const struct voi_choice *choice, double lowest,
    double highest, const char **error);

/* Entry of a LUT for an input, which is clamped to its ends (C.11.1.1). */
static inline double
lut_read(const struct dicom_lut *lut, double input)
{
    double  i;

    i = floor(input - lut->first + 0.5);

    if (!(i > 0)) {
        return lut->data[0];
    }

    if (i >= lut->count) {
        return lut->data[lut->count - 1];
    }

    return lut->data[(uint32_t) i];
}

static inline bool
lut_usable(const struct dicom_lut *lut)
{
    return lut->count > 0 && lut->data != NULL;
}

static inline double
modality_value(const struct voi_mapping *map, double stored)
{
    if (map->modality != NULL) {
        return lut_read(map->modality, stored);
    }

    return map->slope * stored + map->intercept;
}

#endif /* DICOM_VOI_IMPL_H */
