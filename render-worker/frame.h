/*
 * One frame of a stored file: its stored samples, and the texels of its layer.
 * Any thread.
 */

#ifndef DICOM_FRAME_H
#define DICOM_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder.h"
#include "objects.h"
#include "renderer.h"

/* Where frames come from. */
struct frame_source {
    struct objects  *objects;
    struct decoder  *decoder;
};

/* Which frame, and for whom. */
struct frame_ref {
    const struct dicom_index  *index;
    const char                *location;
    uint32_t                   frame;
    uint8_t                    user[16];
};

struct frame_error {
    const char  *slug;          /* literal */
    char         detail[220];   /* UTF-8, without paths */
};

/* Stored extremes, for files that say nothing of windows. */
struct frame_range {
    double  lowest, highest;
};

/* What the layer of an image of index is made of. */
enum layer_format frame_format(const struct dicom_index *index);

/* The file may leave the choice of a window to the frame's extremes. */
bool frame_needs_range(const struct dicom_index *index, uint32_t frame);

/*
 * Reads the stored samples in native form, index_frame_size() bytes into
 * pixels; *photometric is what colour samples mean.
 */
bool frame_read(const struct frame_source *source, const struct frame_ref *ref,
    void *pixels, uint8_t *photometric, struct frame_error *error);

/*
 * Reads the frame for somebody else to decode: its code stream, or the bytes of
 * its native pixels, little-endian, as the file has them; *data is malloc'ed.
 * decoded: of what is compressed, the native samples too.
 */
bool frame_stored(const struct frame_source *source,
    const struct frame_ref *ref, bool decoded, uint8_t **data,
    size_t *length, struct frame_error *error);

/*
 * Whether the object has what frame_stored() would read in one piece, as it is:
 * *length bytes from *offset on.  false also when the object cannot be read:
 * frame_stored() says why.
 */
bool frame_place(const struct frame_source *source,
    const struct frame_ref *ref, bool decoded, uint64_t *offset,
    uint64_t *length);

/*
 * Makes the texels of the layer: rows * columns * layer_format_size() bytes.
 * range, if not NULL, receives the stored extremes.
 */
bool frame_load(const struct frame_source *source, const struct frame_ref *ref,
    void *texels, struct frame_range *range, struct frame_error *error);

/* Asks the kernel to have the frame's bytes ready soon. */
void frame_prefetch(const struct frame_source *source,
    const struct frame_ref *ref);

/* Stored value of sample i of native pixels: shifted, masked, signed. */
double frame_sample(const struct dicom_index *index, const void *pixels,
    size_t i);

#endif /* DICOM_FRAME_H */
