/*
 * Fields in bytes: numbers are little-endian, a text is a length byte and its
 * bytes.  The writer's errors and the reader's come at the end: after the first
 * one nothing is written, and every read gives zero.  Any thread.
 */

#ifndef DICOM_PACK_H
#define DICOM_PACK_H

#include "tables.h"

struct writer {
    uint8_t  *data;             /* owned by the caller, who frees it */
    size_t    length, size;
    bool      failed;           /* memory was short */
};

struct reader {
    const uint8_t  *data, *end;
    const char     *error;      /* the first one, a literal */
};

void put_bytes(struct writer *w, const void *data, size_t length);

/* The lowest bytes of value, 1 to 8 of them. */
void put_number(struct writer *w, uint64_t value, unsigned bytes);
void put_double(struct writer *w, double value);
void put_doubles(struct writer *w, const double *values, unsigned count);

/* At most 255 bytes of text, an array of size bytes. */
void put_text(struct writer *w, const char *text, size_t size);
void put_windows(struct writer *w, const struct dicom_window *windows,
    uint32_t count);
void put_lut(struct writer *w, const struct dicom_lut *lut);

/* All but its group. */
void put_overlay(struct writer *w, const struct dicom_overlay *overlay);
void put_shutter(struct writer *w, const struct dicom_shutter *shutter);

/* Notes error, unless there was one, and goes to the end. */
void get_fail(struct reader *r, const char *error);

uint64_t get_number(struct reader *r, unsigned bytes);

/* At most most, else error. */
uint64_t get_bounded(struct reader *r, unsigned bytes, uint64_t most,
    const char *error);

/* Finite. */
double get_double(struct reader *r);
void get_doubles(struct reader *r, double *values, unsigned count);

/* Without control characters, into an array of size bytes. */
void get_text(struct reader *r, char *text, size_t size);

/* How many there were. */
uint32_t get_windows(struct reader *r, struct dicom_window *windows,
    uint32_t most);

/* These leave behind what their owner frees, error or not. */
void get_lut(struct reader *r, struct dicom_lut *lut);
void get_overlay(struct reader *r, struct dicom_overlay *overlay);
void get_shutter(struct reader *r, struct dicom_shutter *shutter);

/*
 * count zeroed elements of size bytes each, for what follows in r and takes
 * least bytes each there: NULL (r failed) when there are not as many, and for
 * a count of 0.
 */
void *get_room(struct reader *r, uint32_t count, size_t size, size_t least);

#endif /* DICOM_PACK_H */
