/*
 * A series taken apart: what belongs together on the screen, and in which
 * order.  Pure.
 *
 * - Each clip (frames without places of their own) is a part, in the order of
 *   its frames.
 * - Localizers (Image Type, PS3.3 C.7.6.1.1.2) are one part.
 * - Single images without a place in the patient are one part, whatever their
 *   size: the two views of a chest are leafed through.
 * - Parallel slices of one frame of reference, size and pixel spacing are a
 *   part, ordered along their normal.  Slices that have no parallel go together
 *   by size.
 * - Where a position is occupied more than once, what tells the images apart
 *   there (enum dicom_dimension, else the instance number) takes the part
 *   apart: one for each value, or, where there are more times than positions,
 *   one for each position, as with a beating heart.  A repeated slice or two
 *   stay where they are.
 */

#ifndef DICOM_SERIES_H
#define DICOM_SERIES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "index.h"

/* Images beyond so many parts go into the last one. */
#define SERIES_MAX_PARTS  1024u

#define SERIES_MAX_GAPS   64u

/* One layer of a stack: a frame of an instance. */
struct layer_ref {
    uint32_t  instance;         /* of the array of instances */
    uint32_t  frame;
};

enum series_kind {
    SERIES_VOLUME = 0,          /* parallel slices */
    SERIES_TIMES,               /* one slice through time */
    SERIES_IMAGES,              /* by instance number */
    SERIES_CLIP,                /* the frames of one instance */
    SERIES_LOCALIZER
};

/* A place where slices are missing. */
struct series_gap {
    uint32_t  layer;            /* of the part, before the gap */
    uint32_t  missing;          /* slices, by the usual spacing */
    double    distance;         /* mm along the normal */
};

struct series_part {
    uint32_t           first, count;    /* of series->layers */
    enum series_kind   kind;
    bool               by_position;     /* ordered along the normal */
    bool               uneven;          /* spacings differ by more than 1% */
    uint32_t           duplicates;      /* layers where another lies already */
    double             spacing;         /* mm, the median; 0: unknown */
    double             tilt;            /* degrees between the normal and the
                                           way from slice to slice; NaN: one
                                           position only, or none */
    uint8_t            split;           /* bits: 1 << enum dicom_dimension */
    uint32_t           set;             /* from 1: by instance number or place
                                           among its like; 0: not split so */
    uint32_t           ngaps;
    struct series_gap  gaps[SERIES_MAX_GAPS];
};

struct series {
    struct layer_ref    *layers;        /* part after part */
    uint32_t             nlayers;
    struct series_part  *parts;         /* the one of most layers, then the
                                           others as their images come */
    uint32_t             nparts;
};

/*
 * Takes all frames of count instances apart; the caller finishes series.
 * false: memory is short.  No frames: no parts.  Any thread.
 */
bool series_split(const struct dicom_index *const *instances, size_t count,
    struct series *series);

/*
 * All frames as one part: along the normal where all are parallel, else by
 * instance number.  As above.
 */
bool series_whole(const struct dicom_index *const *instances, size_t count,
    struct series *series);

#define SERIES_TEXT  128

/* Says in words what the part shows, for people; index: of its first layer. */
void series_describe(const struct series_part *part,
    const struct dicom_index *index, uint32_t frame, char text[SERIES_TEXT]);

/* Accepts a zeroed struct. */
void series_finish(struct series *series);

#endif /* DICOM_SERIES_H */
