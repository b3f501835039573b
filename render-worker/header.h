/*
 * From a parsed file to what the rest of the worker needs: the index and the
 * fields for the database.  Child only.
 */

#ifndef DICOM_HEADER_H
#define DICOM_HEADER_H

#include "charset.h"
#include "dicom.h"

struct header {
    struct dicom_file       *file;
    const struct dicom_set  *root;
    struct charset           charset;
    struct dicom_index      *index;
    struct decoder_error    *error;
};

/*
 * Fills index and, in wire_field form, fields (malloc'ed) from file.  On false
 * error says why, and the caller still finishes index and frees *fields.
 */
bool header_read(struct dicom_file *file, struct dicom_index *index,
    uint8_t **fields, size_t *length, struct decoder_error *error);

/* The parts of header_read(), one in each file. */
bool header_picture(struct header *header);     /* header_picture.c */
bool header_spans(struct header *header);
bool header_frames(struct header *header);      /* header_frames.c */
bool header_tables(struct header *header);      /* header_tables.c */
bool header_shutters(struct header *header);    /* header_shutter.c */
bool header_presentation(struct header *header);    /* its own file */

bool header_values(struct header *header);      /* header_values.c */

/* Image Type, and what tells the image from others of its series. */
void header_image(struct header *header, struct dicom_frame *frame);
void header_group_image(struct header *header, const struct dicom_set *group,
    struct dicom_frame *frame);                 /* header_series.c */

/* Real World Value Mapping of a data set or a functional group, if linear. */
void header_mapping(struct header *header, const struct dicom_set *group,
    struct dicom_frame *frame);

/* Seconds, with a fraction, of a TM or DT behind its minutes; 0: none. */
double header_seconds(const char *text);

/* The one item of a sequence such as a functional group macro, or NULL. */
const struct dicom_set *header_macro(struct header *header,
    const struct dicom_set *group, uint32_t tag);

/* Says why and returns false. */
bool header_fail(struct header *header, enum decoder_status status,
    const char *detail);

/* A UID of digits and dots, at most 64 characters; false: uid is "". */
bool header_uid(const struct dicom_set *set, uint32_t tag, char uid[65]);

/* DA as YYYY-MM-DD; the old YYYY.MM.DD is read too.  false: it is none. */
bool header_date(const struct dicom_set *set, uint32_t tag, char date[11]);

/* TM as HH:MM:SS; minutes and seconds may be missing, colons be there. */
bool header_time(const struct dicom_set *set, uint32_t tag, char time[9]);

/*
 * The LUT of a sequence's item; is_signed: its first input.  false: there is
 * none that can be used, and lut is zeroed.
 */
bool header_lut(struct header *header, const struct dicom_set *set,
    bool is_signed, struct dicom_lut *lut);

/* The overlay of a group; false: there is none, or it cannot be shown. */
bool header_overlay(struct header *header, unsigned group,
    struct dicom_overlay *overlay);

/*
 * The display shutter of a set.  false: one is there that is malformed, and
 * shutter is zeroed.
 */
bool header_shutter(const struct dicom_set *set,
    struct dicom_shutter *shutter);

/* Window Center and Width of a set with explanations; how many were read. */
uint32_t header_windows(const struct header *header,
    const struct dicom_set *set, struct dicom_window *windows, uint32_t most);

/*
 * The VOI LUTs of a set whose modality values are made by slope and intercept,
 * malloc'ed and for the caller to free.  Those that cannot be used are left
 * out.  false: memory is short.
 */
bool header_voi_luts(struct header *header, const struct dicom_set *set,
    double slope, double intercept, struct dicom_lut **luts,
    uint32_t *count);

/* VOI LUT Function of a set, or otherwise. */
uint8_t header_voi_function(const struct dicom_set *set, uint8_t otherwise);

#endif /* DICOM_HEADER_H */
