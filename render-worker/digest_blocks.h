/*
 * MD5 (RFC 1321) and SHA-256 (FIPS 180-4) of the same bytes, block by block,
 * in about the time of MD5 alone: on processors with instructions for SHA-256.
 */

#ifndef DICOM_DIGEST_BLOCKS_H
#define DICOM_DIGEST_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define DIGEST_BLOCK  64u       /* bytes, of either */

struct digest_state {
    uint32_t  md5[4];
    uint32_t  sha256[8];
};

/* Whether this processor can; nothing else may be called when not.  Any thread,
   as all that follows. */
bool digest_blocks_able(void);

/* As both are before the first block. */
void digest_blocks_begin(struct digest_state *state);

/* Takes in count blocks, at any address. */
void digest_blocks(struct digest_state *state, const uint8_t *data,
    size_t count);

/*
 * Takes in the rest, which is shorter than a block, of a message of length
 * bytes.  The state then has the digests' bytes as they are written.
 */
void digest_blocks_end(struct digest_state *state, const uint8_t *rest,
    uint64_t length);

#endif /* DICOM_DIGEST_BLOCKS_H */
