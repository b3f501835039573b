/*
 * The ingest-time index: what one stored instance is and where its frames lie.
 *
 * It is made once, in the sandbox, when a file enters the store; nginx keeps
 * its encoded form in the database without reading it and hands it back when a
 * stack is opened, so that a header is never parsed twice.  Pure: bytes in,
 * struct out.  Decoding checks everything: a database row is input too.
 */

#ifndef DICOM_INDEX_H
#define DICOM_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "presentation.h"

#define INDEX_MAX_FRAMES      TABLES_MAX_FRAMES
#define INDEX_MAX_WINDOWS     16u
#define INDEX_MAX_DIMENSION   65535u
#define INDEX_MAX_MAPPINGS    8u
#define INDEX_MAX_REGIONS     64u
#define INDEX_MAX_FRAME_LUTS  1024u

enum dicom_photometric {
    PHOTOMETRIC_NONE = 0,
    PHOTOMETRIC_MONOCHROME1, PHOTOMETRIC_MONOCHROME2, PHOTOMETRIC_PALETTE,
    PHOTOMETRIC_RGB, PHOTOMETRIC_YBR_FULL, PHOTOMETRIC_YBR_FULL_422,
    PHOTOMETRIC_YBR_RCT, PHOTOMETRIC_YBR_ICT, PHOTOMETRIC_YBR_PARTIAL_420,
    PHOTOMETRIC_YBR_PARTIAL_422
};

/* How the bytes of a frame are got. */
enum dicom_storage {
    STORAGE_NONE = 0,
    STORAGE_NATIVE,         /* pread(frames[n]) is the pixels, little-endian */
    STORAGE_CHILD           /* the sandboxed child makes them */
};

/* Kind of one stored sample. */
enum dicom_sample { SAMPLE_INTEGER = 0, SAMPLE_FLOAT, SAMPLE_DOUBLE };

/* What tells images at one position apart, the strongest first. */
enum dicom_dimension {
    DIM_TYPE = 0,           /* hash of Image Type or Frame Type */
    DIM_SEGMENT,            /* Referenced Segment Number */
    DIM_B_VALUE,            /* s/mm2, of diffusion */
    DIM_ECHO_TIME,          /* ms */
    DIM_TEMPORAL,           /* Temporal Position Identifier or Index */
    DIM_TRIGGER,            /* ms after the R wave or another trigger */
    DIM_ACQUISITION,        /* Acquisition Number */
    DIM_TIME,               /* s since midnight */
    DIM_COUNT
};

/* PS3.3 C.7.6.16.2.11: stored values first to last in the unit of the world */
struct dicom_mapping {
    double  first, last;
    double  slope, intercept;
    char    unit[17];           /* UCUM */
};

/* PS3.3 C.8.5.5: a calibrated part of an ultrasound image */
struct dicom_region {
    uint32_t  left, top, right, bottom;     /* pixels from 0, all inside */
    double    spacing[2];       /* mm between rows, between columns */
};

/* What may differ from frame to frame. */
struct dicom_frame {
    uint64_t  offset;           /* in the file: first byte, or the first
                                   fragment's item tag */
    uint64_t  length;           /* bytes, or up to the last fragment's end */
    double    position[3];      /* mm, Image Position (Patient) */
    double    orientation[6];   /* Image Orientation (Patient), row, column */
    double    spacing[2];       /* mm between rows, between columns */
    double    slope, intercept;
    double    dimensions[DIM_COUNT];
    uint8_t   known;            /* bits of them: 1 << enum dicom_dimension */
    uint8_t   mapping;          /* of the index, from 1; 0: none */
    bool      has_position;     /* position and orientation are valid */
    bool      has_spacing;
    uint8_t   voi_function;     /* enum dicom_voi_function; 0: the index's */
    uint8_t   nvoi_luts;        /* 0: those of the index */
    uint16_t  first_voi_lut;    /* of the index's frame_luts */
    uint32_t  nwindows;
    struct dicom_window  windows[4];
};

struct dicom_index {
    char      instance_uid[65];
    char      sop_class[65];
    char      transfer_syntax[65];
    char      frame_of_reference[65];
    char      modality[17];
    int32_t   instance_number;
    uint32_t  rows, columns;
    uint32_t  nframes;          /* 0: no picture */
    uint16_t  samples;          /* 1 or 3 a pixel */
    uint16_t  bits_allocated;   /* 1, 8, 16, 32, 64 */
    uint16_t  bits_stored;
    uint16_t  high_bit;
    uint8_t   is_signed;
    uint8_t   planar;           /* in the file; STORAGE_NATIVE never is, and
                                   the child interleaves */
    uint8_t   photometric;      /* enum dicom_photometric */
    uint8_t   storage;          /* enum dicom_storage */
    uint8_t   sample;           /* enum dicom_sample */
    uint8_t   voi_function;     /* enum dicom_voi_function, default LINEAR */
    uint8_t   lossy;            /* (0028,2110) is "01", or a lossy syntax */
    uint8_t   inverse_lut_shape;/* Presentation LUT Shape is INVERSE */
    uint8_t   rescale_ignored;  /* XA, XRF, XA Enhanced: not for display */
    uint8_t   localizer;        /* Image Type says so */
    uint8_t   icc;              /* has a colour profile, which is not applied */
    uint8_t   has_padding;
    int32_t   padding_first, padding_last;
    char      rescale_type[17]; /* "HU", "US", ... */
    char      units[17];        /* Units (0054,1001): "BQML", ... */
    double    suv;              /* g/ml (body weight) of one modality value;
                                   0: not derivable */
    char      patient_orientation[2][17];   /* row, column direction */
    char      laterality[2];
    char      image_type[65];   /* from its third value on, by blanks */
    double    pixel_aspect;     /* height of a pixel over its width; 1 */
    double    frame_time;       /* ms, 0: unknown */
    double    slice_thickness;  /* mm, 0: unknown */
    double    gantry_tilt;      /* degrees */
    uint32_t  nwindows;
    struct dicom_window   windows[INDEX_MAX_WINDOWS];
    struct dicom_lut      modality_lut;
    uint32_t  nvoi_luts;
    struct dicom_lut     *voi_luts;         /* owned */
    uint32_t  nframe_luts;      /* at most INDEX_MAX_FRAME_LUTS */
    struct dicom_lut     *frame_luts;       /* owned; equal ones are one */
    struct dicom_lut      palette[3];       /* red, green, blue */
    uint32_t  noverlays;
    struct dicom_overlay *overlays;         /* owned, at most 16 */
    struct dicom_shutter  shutter;
    struct presentation  *presentation;     /* owned; NULL: it is none */
    uint32_t  nmappings;
    struct dicom_mapping  mappings[INDEX_MAX_MAPPINGS];
    uint32_t  nregions;
    struct dicom_region  *regions;          /* owned */
    struct dicom_frame   *frames;           /* owned, nframes of them */
};

/* The VOI LUTs of a frame, and in *count how many. */
static inline const struct dicom_lut *
index_voi_luts(const struct dicom_index *index, uint32_t frame,
    uint32_t *count)
{
    if (frame < index->nframes && index->frames != NULL
        && index->frames[frame].nvoi_luts > 0)
    {
        *count = index->frames[frame].nvoi_luts;
        return index->frame_luts + index->frames[frame].first_voi_lut;
    }
    *count = index->nvoi_luts;
    return index->voi_luts;
}

/* Frees what index owns and zeroes it; accepts a zeroed struct. */
void index_finish(struct dicom_index *index);

/*
 * Encodes index into a malloc'ed buffer that the caller frees.
 * Equal frame values are stored once, so that a 1000-frame file stays small.
 * Returns false when memory is short.  Any thread.
 */
bool index_encode(const struct dicom_index *index, uint8_t **data,
    size_t *length);

/*
 * Decodes length bytes into index, which the caller finishes.  Everything is
 * checked: counts, sizes, frame spans against file_size (bytes; 0: not
 * checked), and rows * columns * samples * bits against overflow.  The spans
 * of a deflated file lie in the inflated one and are not held against
 * file_size.
 * On false, *error names what is wrong (a literal) and index is zeroed.
 */
bool index_decode(struct dicom_index *index, const uint8_t *data,
    size_t length, uint64_t file_size, const char **error);

/*
 * Bytes of one frame of pixels: rows * columns * samples * bits_allocated / 8.
 * One-bit pixels, which are always STORAGE_CHILD, count one byte each.
 */
uint64_t index_frame_size(const struct dicom_index *index);

#endif /* DICOM_INDEX_H */
