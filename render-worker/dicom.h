/*
 * A C face for GDCM: the parsed header of a DICOM file as sets of elements,
 * and its codecs for one frame.  Used in the sandboxed child only, because
 * GDCM aborts on many malformed files.  No C++ exception comes out of here.
 */

#ifndef DICOM_DICOM_H
#define DICOM_DICOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DICOM_TAG(group, element)  ((uint32_t) (group) << 16 | (element))

struct dicom_file;
struct dicom_set;               /* a data set or an item, owned by the file */

/* Where the pixel data element lies. */
struct dicom_pixels {
    uint64_t  offset;           /* of its value */
    uint64_t  length;           /* of its value, native only */
    uint32_t  tag;              /* (7FE0,0008), (7FE0,0009), (7FE0,0010); 0:
                                   the file has none */
    bool      encapsulated;
};

/*
 * Parses the file of size bytes behind fd up to its pixel data, which is not
 * read.  memory bounds what a deflated file may inflate to.  NULL on failure.
 */
struct dicom_file *dicom_open(int fd, uint64_t size, uint64_t memory,
    struct decoder_error *error);

/* Accepts NULL. */
void dicom_close(struct dicom_file *file);

const struct dicom_set *dicom_meta(const struct dicom_file *file);
const struct dicom_set *dicom_root(const struct dicom_file *file);
const char *dicom_transfer_syntax(const struct dicom_file *file);
bool dicom_has_preamble(const struct dicom_file *file);
void dicom_find_pixels(const struct dicom_file *file,
    struct dicom_pixels *pixels);

/*
 * Bytes of the file: of the inflated one when it is deflated.
 */
uint64_t dicom_size(const struct dicom_file *file);
bool dicom_read(void *file, uint64_t offset, void *buffer, size_t size);

/* The element's value, little-endian; false: absent, empty or a sequence. */
bool dicom_value(const struct dicom_set *set, uint32_t tag,
    const uint8_t **data, size_t *length);

/* Items of a sequence: how many, and the nth, or NULL. */
uint32_t dicom_items(struct dicom_file *file, const struct dicom_set *set,
    uint32_t tag);
const struct dicom_set *dicom_item(struct dicom_file *file,
    const struct dicom_set *set, uint32_t tag, uint32_t n);

/*
 * The VR of a tag in the data dictionary (PS3.6), or a choice of VRs such as
 * "US_SS"; NULL: it is not there.
 */
const char *dicom_dictionary_vr(uint32_t tag);

/* What a codec must know of one frame. */
struct dicom_codec {
    const char  *transfer_syntax;
    uint32_t     rows, columns;
    uint16_t     samples;
    uint16_t     bits_allocated, bits_stored, high_bit;
    uint8_t      is_signed;
    uint8_t      photometric;   /* enum dicom_photometric */
};

/*
 * Decodes one frame's code stream by GDCM's JPEG family codecs into exactly
 * size bytes.
 */
bool dicom_decode(const struct dicom_codec *codec, const uint8_t *stream,
    size_t length, void *pixels, size_t size, struct decoder_error *error);

#ifdef __cplusplus
}
#endif

#endif /* DICOM_DICOM_H */
