/*
 * The child's side of decoder_content.h.
 */

#ifndef DICOM_CHILD_CONTENT_H
#define DICOM_CHILD_CONTENT_H

#include "decoder_child.h"

/*
 * Answer a call on the file behind fd into result, call->result_size bytes:
 * reply->fields_length of them are then it.
 */
bool child_metadata(const struct child_call *call, int fd, uint8_t *result,
    struct child_reply *reply, struct decoder_error *error);
bool child_value(const struct child_call *call, int fd, uint8_t *result,
    struct child_reply *reply, struct decoder_error *error);

#endif /* DICOM_CHILD_CONTENT_H */
