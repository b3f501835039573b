/*
 * Deflate (RFC 1951) for the rows of filtered pictures, where a search for
 * repeated strings finds hardly anything: Huffman codes and runs of one byte.
 */

#ifndef DICOM_DEFLATE_H
#define DICOM_DEFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Most bytes of input of one call. */
#define DEFLATE_MOST  (16u * 1024 * 1024)

/* Memory of a call, kept by its thread for the next. */
struct deflate;

/* NULL when memory is short.  Destroy accepts NULL. */
struct deflate *deflate_create(void);
void deflate_destroy(struct deflate *deflate);

/* Bytes that out must have room for. */
size_t deflate_bound(size_t length);

/*
 * Compresses length bytes into out, a whole number of bytes that the output of
 * another call may follow unless last is set.  Gives the bytes written, 0 when
 * memory is short.  One call at a time on one deflate.
 */
size_t deflate_run(struct deflate *deflate, const uint8_t *in, size_t length,
    bool last, uint8_t *out);

#endif /* DICOM_DEFLATE_H */
