/*
 * From stored value to 8-bit gray: modality LUT or rescale, VOI LUT or window,
 * presentation (PS3.3 C.11, PS3.4 N.2).  Pure.  This is the only place where
 * the formulas stand; both renderers look up what is computed here.
 */

#ifndef DICOM_VOI_H
#define DICOM_VOI_H

#include <stdbool.h>
#include <stdint.h>

#include "index.h"

/* Bytes behind display that may be read, not used */
#define VOI_SLACK  4

/* How raw texels become stored values: (raw >> shift) masked to bits. */
struct voi_bits {
    uint8_t  shift;         /* high_bit + 1 - bits_stored */
    uint8_t  bits;          /* bits_stored; 0: the texel as it is */
    uint8_t  is_signed;
};

/* What to show; the effective choice is written back by voi_table_init(). */
struct voi_choice {
    uint8_t  function;      /* enum wire_voi */
    uint8_t  index;         /* of the VOI LUT */
    uint8_t  invert;        /* the user's, on top of the photometric's */
    bool     has_window;
    double   center, width; /* modality units */

    /* A presentation state in the place of the image's own transforms */
    const struct presentation      *state;      /* NULL: none */
    const struct presentation_voi  *state_voi;  /* NULL: it has none here */
};

/*
 * Samples up to 16 bits: entry i stands for the stored value
 * first + i; count = 2^bits entries.
 *   display: exact 8-bit gray, floor(y + 0.5) of the double-precision result
 *   value:   the same before rounding, 0 to 255; interpolation between
 *            neighbouring pixels averages stored values and reads this table
 *            linearly in between
 * Wider or float samples have count 0 and use the closed form:
 * y = clamp(slope * v + intercept, 0, 255), with sigmoid when is_sigmoid
 * (y = 255 / (1 + exp(-(slope * v + intercept)))), then 255 - y when invert.
 * Where exact is set, count is not 0 and the closed form of slope and
 * intercept (invert is in them) gives the gray of every entry in single
 * precision too: pixels that are not interpolated then need no table.  Where
 * affine is set as well, the others need none either.
 */
struct voi_table {
    struct voi_bits  bits;
    int32_t   first;
    uint32_t  count;
    uint8_t  *display;      /* owned, count and VOI_SLACK */
    float    *value;        /* owned, count, and a number behind */
    uint8_t   is_sigmoid;
    uint8_t   invert;
    bool      exact, affine;
    double    slope, intercept;
    uint64_t  serial;       /* differs between tables: a key for caches */
};

/*
 * Computes the table for frame of index under choice, and writes what is in
 * effect into choice (function never WIRE_VOI_FILE, window of the file when
 * none was given).  lowest and highest: the frame's stored extremes, used when
 * the file has no VOI at all.  false: choice names a VOI LUT that is not
 * there, the state's tables do not fit, or memory is short (*error says
 * which).  Any thread.
 */
bool voi_table_init(struct voi_table *table, const struct dicom_index *index,
    uint32_t frame, struct voi_choice *choice, double lowest, double highest,
    const char **error);

void voi_table_finish(struct voi_table *table);

/*
 * One stored value through the modality transform alone (rescale or Modality
 * LUT), for pixels and roi: double precision, unit in index->rescale_type.
 */
double voi_modality(const struct dicom_index *index, uint32_t frame,
    double stored);

#endif /* DICOM_VOI_H */
