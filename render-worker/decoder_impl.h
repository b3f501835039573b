/*
 * A call to a decoder child whose result is bytes, for the rooms of the
 * decoder.
 */

#ifndef DICOM_DECODER_IMPL_H
#define DICOM_DECODER_IMPL_H

#include "decoder.h"
#include "decoder_child.h"

/*
 * Makes the call, whose task, result_size and text are set, on the file behind
 * fd; *data becomes the reply's fields_length bytes, malloc'ed, never NULL.
 * They are the child's, who is not trusted.  Any thread.
 */
bool decoder_call(struct decoder *decoder, int fd, const uint8_t user[16],
    struct child_call *call, uint8_t **data, size_t *length,
    struct decoder_error *error);

#endif /* DICOM_DECODER_IMPL_H */
