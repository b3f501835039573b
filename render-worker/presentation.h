/*
 * A softcopy presentation state (PS3.3 A.33): how somebody wanted images to be
 * shown.  Read once, when its file enters the store, and kept as a part of its
 * index.  Pure; types and their encoded form, what they mean is done in
 * present.h.
 */

#ifndef DICOM_PRESENTATION_H
#define DICOM_PRESENTATION_H

#include "tables.h"

#define PRESENTATION_MAX_REFERENCES   16384u
#define PRESENTATION_MAX_TARGETS      65536u    /* of all scopes together */
#define PRESENTATION_MAX_ITEMS        1024u     /* of one sequence */
#define PRESENTATION_MAX_POINTS       65536u    /* of all graphics together */
#define PRESENTATION_MAX_TEXT         1024u     /* bytes of one */

/* What is packed stays below this many bytes before compression. */
#define PRESENTATION_MAX_BYTES        (800u * 1024)

struct reader;
struct writer;

enum presentation_kind {
    PRESENTATION_GRAYSCALE = 1, PRESENTATION_COLOUR, PRESENTATION_OTHER
};

/* Why a state cannot be applied. */
enum presentation_problem {
    PRESENTATION_FINE = 0,
    PRESENTATION_UNSUPPORTED,   /* pseudo-colour, blending, XA/XRF, ... */
    PRESENTATION_SUBTRACTS,     /* it has a mask subtraction */
    PRESENTATION_TOO_LARGE,
    PRESENTATION_MALFORMED,
    PRESENTATION_PROBLEMS
};

/* An image of presentation.references, or one frame of it. */
struct presentation_target {
    uint32_t  reference;
    uint32_t  frame;            /* from 1; 0: all */
};

/* What something is for; none: all images that the state is for. */
struct presentation_scope {
    uint32_t                     count;
    struct presentation_target  *targets;   /* owned */
};

struct presentation_reference {
    char  uid[65];              /* SOP Instance UID */
};

/* PS3.3 C.11.8 */
struct presentation_voi {
    struct presentation_scope  scope;
    uint8_t                    function;    /* enum dicom_voi_function */
    struct dicom_window        window;
    struct dicom_lut           lut;         /* count 0: the window */
};

enum presentation_size {
    PRESENTATION_FIT = 1, PRESENTATION_TRUE_SIZE, PRESENTATION_MAGNIFY
};

/* PS3.3 C.10.4: columns and rows from 1, of the image before any turning. */
struct presentation_area {
    struct presentation_scope  scope;
    int32_t                    left, top, right, bottom;    /* both ends in */
    uint8_t                    size;        /* enum presentation_size */
    double                     magnification;   /* screen pixels a column */
    double                     aspect;      /* height over width; 0: unknown */
    double                     spacing;     /* mm between columns; 0: unknown */
};

enum presentation_units { PRESENTATION_PIXEL = 1, PRESENTATION_DISPLAY };

enum presentation_shape {
    PRESENTATION_POINT = 1, PRESENTATION_POLYLINE, PRESENTATION_INTERPOLATED,
    PRESENTATION_CIRCLE, PRESENTATION_ELLIPSE
};

/*
 * PS3.3 C.10.5.  Points are column, row: pixel, the first one of the image
 * covers 0 to 1; display, 0 to 1 over the displayed area as it is seen.
 */
struct presentation_graphic {
    uint8_t    shape;           /* enum presentation_shape */
    uint8_t    units;
    bool       filled;
    uint32_t   npoints;
    float    (*points)[2];      /* owned */
};

struct presentation_text {
    char    *text;              /* owned; UTF-8, lines end with \n */
    uint8_t  box_units;         /* 0: it has an anchor only */
    float    box[4];            /* left, top, right, bottom as it is seen */
    uint8_t  justify;           /* 'L', 'C', 'R' */
    uint8_t  anchor_units;      /* 0: it has a box only */
    float    anchor[2];
    bool     anchor_visible;    /* a line leads from the box to it */
};

struct presentation_annotation {
    struct presentation_scope     scope;
    char                          layer[17];
    uint32_t                      ngraphics, ntexts;
    struct presentation_graphic  *graphics;     /* owned */
    struct presentation_text     *texts;        /* owned */
};

/* PS3.3 C.10.7 */
struct presentation_layer {
    char      name[17];
    int32_t   order;            /* the lowest is drawn first */
    bool      has_gray, has_rgb;
    uint16_t  gray;             /* P-value */
    uint8_t   rgb[3];           /* sRGB */
    char      description[65];
};

/* An overlay group that is shown, with the graphic layer it belongs to. */
struct presentation_overlay {
    uint16_t  group;
    char      layer[17];
};

struct presentation {
    uint8_t   kind;             /* enum presentation_kind */
    uint8_t   problem;          /* enum presentation_problem */
    char      label[17], description[65], creator[65];
    char      date[11], time[9];    /* YYYY-MM-DD, HH:MM:SS, or "" */

    uint32_t                         nreferences;
    struct presentation_reference   *references;
    struct presentation_scope        scope;

    /* in the place of the image's own (PS3.4 N.2); grayscale only */
    double                           slope, intercept;
    struct dicom_lut                 modality_lut;  /* count 0: rescale */
    uint32_t                         nvois;
    struct presentation_voi         *vois;
    bool                             inverse;       /* LUT Shape INVERSE */
    struct dicom_lut                 lut;           /* count 0: the shape */

    uint16_t                         rotate;        /* clockwise, at first */
    bool                             flip;          /* left to right, then */
    uint32_t                         nareas;
    struct presentation_area        *areas;
    struct dicom_shutter             shutter;
    uint32_t                         noverlays, nactive;
    struct dicom_overlay            *overlays;      /* of the state's own */
    struct presentation_overlay      active[TABLES_MAX_OVERLAYS];
    uint32_t                         nlayers, nannotations;
    struct presentation_layer       *layers;
    struct presentation_annotation  *annotations;
};

/* Frees it and what it owns.  Accepts NULL. */
void presentation_destroy(struct presentation *state);

/* Bytes of memory it takes. */
size_t presentation_bytes(const struct presentation *state);

void presentation_put(struct writer *w, const struct presentation *state);

/*
 * Everything is checked: counts, references, numbers, texts.  NULL: r has
 * failed.
 */
struct presentation *presentation_get(struct reader *r);

/* Why it cannot be applied, a literal; NULL: it can. */
const char *presentation_problem(const struct presentation *state);

#endif /* DICOM_PRESENTATION_H */
