/*
 * Pictures to bytes.  Any thread; each call is independent.
 */

#ifndef DICOM_ENCODE_H
#define DICOM_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bands.h"

enum encode_format { ENCODE_PNG = 0, ENCODE_JPEG = 1 };  /* enum wire_format */

/* Pixels in tightly packed rows from the top. */
struct encode_source {
    const uint8_t  *pixels;
    uint32_t        width, height;
    unsigned        samples;        /* bytes a pixel: 1 gray, 3 RGB */
    uint8_t        *sha256;         /* where 32 bytes, the hash of the pixels,
                                       go; NULL: nobody wants it */
};

/*
 * Encodes a picture into a malloc'ed buffer that the caller frees, and hashes
 * it beside.  quality: JPEG only, 1 to 100.  bands, or NULL, helps; the bytes
 * are the same with and without.  false when memory is short.
 */
bool encode_picture(enum encode_format format,
    const struct encode_source *source, unsigned quality, struct bands *bands,
    uint8_t **data, size_t *length);

/*
 * Encodes a picture as JPEG of at most so many bytes, at *quality (1 to 100) or
 * the best lower one that a few tries find, which is then in *quality.  *data
 * NULL: it does not fit at any that shows something.  false when memory is
 * short.
 */
bool encode_within(const struct encode_source *source, unsigned *quality,
    size_t most, struct bands *bands, uint8_t **data, size_t *length);

/* Frees the scratch memory that the calling thread's pictures left behind. */
void encode_thread_finish(void);

/* As bands_run(), with the hash of the pixels as one piece more. */
void encode_bands(const struct encode_source *source, struct bands *bands,
    band_fn fn, void *context, unsigned pieces);

/* What encode_picture() chooses from: encode_png.c, encode_jpeg.c */
bool encode_png(const struct encode_source *source, struct bands *bands,
    uint8_t **data, size_t *length);
bool encode_jpeg(const struct encode_source *source, unsigned quality,
    struct bands *bands, uint8_t **data, size_t *length);

#endif /* DICOM_ENCODE_H */
