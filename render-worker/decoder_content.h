/*
 * What DICOMweb asks of a file: its data set as JSON, and single values.  Read
 * in the sandboxed child.
 */

#ifndef DICOM_DECODER_CONTENT_H
#define DICOM_DECODER_CONTENT_H

#include "decoder.h"

/* One value of a file. */
struct decoder_value {
    bool      found;
    bool      encapsulated;     /* it is frames, not bytes */
    uint64_t  offset, length;   /* in the file, when data is NULL */
    uint8_t  *data;             /* malloc'ed: length bytes, little-endian, where
                                   the file has not got them like that */
};

/*
 * The data set of the file behind fd as a JSON object, malloc'ed; url begins
 * those of its long values.  user chooses the child.  Any thread.
 */
bool decoder_metadata(struct decoder *decoder, int fd,
    const uint8_t user[16], const char *url, uint8_t **json, size_t *length,
    struct decoder_error *error);

/* The value at path (metadata.h); the caller frees value->data.  Any thread. */
bool decoder_value(struct decoder *decoder, int fd, const uint8_t user[16],
    const char *path, struct decoder_value *value,
    struct decoder_error *error);

#endif /* DICOM_DECODER_CONTENT_H */
