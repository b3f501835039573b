/*
 * Pictures to bytes.  Any thread; each call is independent.
 */

#ifndef DICOM_ENCODE_H
#define DICOM_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum encode_format { ENCODE_PNG = 0, ENCODE_JPEG = 1 };  /* enum wire_format */

/*
 * Encodes width x height pixels of samples (1 gray, 3 RGB) bytes each, tightly
 * packed rows from the top, into a malloc'ed buffer that the caller frees.
 * quality: JPEG only, 1 to 100.  false when memory is short.
 */
bool encode_picture(enum encode_format format, const uint8_t *pixels,
    uint32_t width, uint32_t height, unsigned samples, unsigned quality,
    uint8_t **data, size_t *length);

/* Frees the scratch memory that the calling thread's pictures left behind. */
void encode_thread_finish(void);

#endif /* DICOM_ENCODE_H */
