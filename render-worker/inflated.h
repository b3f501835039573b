/*
 * The deflated data set of a file (PS3.5 A.5) as a stream that goes on from
 * call to call, so that frames read in order are inflated once.  Child only.
 */

#ifndef DICOM_INFLATED_H
#define DICOM_INFLATED_H

#include "codec.h"

/*
 * Copies the source's span, which counts in bytes of the inflated file, to
 * span.  file_size is of the file as it is stored.  What was inflated for the
 * span before, of the same file, is not inflated again unless this one begins
 * further back than WINDOW bytes before its end.  false: the stream is damaged
 * or ends before the span does.
 */
bool inflated_read(const struct codec_source *source, uint64_t file_size,
    uint8_t *span);

#endif /* DICOM_INFLATED_H */
