/*
 * MD5 and SHA-256 of a file in one pass over its bytes.
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

/* Reads fd from its beginning to its end.  false with errno.  Any thread. */
bool digest_file(int fd, struct digest *digest);

#endif /* DICOM_DIGEST_H */
