/*
 * What images and presentation states have in common: windows, look-up tables,
 * overlays and shutters.  Types only.
 */

#ifndef DICOM_TABLES_H
#define DICOM_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TABLES_MAX_LUT       65536u
#define TABLES_MAX_OVERLAYS  16u
#define TABLES_MAX_FRAMES    100000u
#define SHUTTER_MAX_POINTS   1024u

enum dicom_voi_function { VOI_LINEAR = 1, VOI_LINEAR_EXACT, VOI_SIGMOID };

struct dicom_window {
    double  center;             /* modality units */
    double  width;
    char    explanation[65];    /* UTF-8 */
};

/* PS3.3 C.11.1.1, C.11.2.1.1 and C.7.6.3.1.5: a LUT of count 16-bit entries */
struct dicom_lut {
    int32_t    first;           /* input mapped to data[0] */
    uint32_t   count;           /* 1 to 65536; 0: no LUT */
    uint16_t   bits;            /* of an entry */
    uint16_t  *data;            /* owned by the index */
    char       explanation[65];
};

/* 60xx overlay; bits: pixel n of rows * columns * frames is bit n % 8, from the
   lowest, of byte n / 8 */
struct dicom_overlay {
    uint16_t   rows, columns;
    int16_t    origin_row, origin_column;   /* from 1, PS3.3 C.9.2 */
    uint32_t   frames;          /* 1: shown on all frames */
    uint32_t   first_frame;     /* from 0 */
    uint16_t   bit_position;    /* 0: in (60xx,3000); else within the pixels */
    uint8_t   *bits;            /* packed, owned; NULL when within the pixels */
    size_t     length;
    uint16_t   group;           /* 6000 to 601E, even */
};

/* Or-ed, PS3.3 C.7.6.11 and C.7.6.15 */
enum dicom_shutter_shape {
    SHUTTER_RECTANGLE = 1, SHUTTER_CIRCLE = 2, SHUTTER_POLYGON = 4,
    SHUTTER_BITMAP = 8
};

/*
 * What is seen is inside all of its shapes.  Rows and columns are from 1, of
 * the image before any turning; the edges themselves are seen.
 */
struct dicom_shutter {
    uint8_t    shapes;          /* 0: there is no shutter */
    uint16_t   value;           /* P-value outside, 0 to 65535 */
    int32_t    left, right, upper, lower;
    int32_t    center_row, center_column;
    int32_t    radius;          /* columns */
    uint32_t   npoints;         /* 3 to SHUTTER_MAX_POINTS */
    int32_t  (*points)[2];      /* row, column; owned by whom it is in */
    uint16_t   group;           /* of the bitmap's overlay: 1 is hidden */
};

#endif /* DICOM_TABLES_H */
