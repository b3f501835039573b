/*
 * MD5 and SHA-256 of a file in one pass over its bytes, be it there as a whole
 * or still growing.
 */

#ifndef DICOM_DIGEST_H
#define DICOM_DIGEST_H

#include <stdbool.h>
#include <stdint.h>

struct digest {
    char      md5[33];          /* hexadecimal */
    char      sha256[65];
    uint64_t  size;             /* bytes read */
};

/* A file that is hashed piece by piece, while it is still written. */
struct digest_stream;

/* NULL with errno: memory is short.  Any thread, as all that follows. */
struct digest_stream *digest_begin(void);

/*
 * Hashes the file behind fd from where the last call ended up to end (bytes),
 * or to where the file ends.  false with errno; then the stream is of no use.
 */
bool digest_advance(struct digest_stream *stream, int fd, uint64_t end);

/* How far it has come, bytes. */
uint64_t digest_position(const struct digest_stream *stream);

/* What was hashed so far; only digest_destroy() may follow.  false with errno.
 */
bool digest_finish(struct digest_stream *stream, struct digest *digest);

/* Accepts NULL. */
void digest_destroy(struct digest_stream *stream);

/* Reads fd from its beginning to its end.  false with errno. */
bool digest_file(int fd, struct digest *digest);

#endif /* DICOM_DIGEST_H */
