/*
 * Uploads are hashed while nginx still writes them: a thread follows each of a
 * few large ones to its end, has the kernel begin to write it to disk, and
 * keeps the digest for whoever takes the file in.  Nobody relies on it: what
 * was not followed is hashed as a whole.
 */

#ifndef DICOM_FOLLOW_H
#define DICOM_FOLLOW_H

#include <stdbool.h>

#include "digest.h"

struct follower;

/* Follows at most limit files at a time.  NULL: memory is short. */
struct follower *follower_create(unsigned limit);

/* Gives up what is followed.  Accepts NULL. */
void follower_destroy(struct follower *follower);

/*
 * Begins to follow the file behind fd, which is taken over.  It is given up
 * when it lost its name, has another one (it is in the store, then), or has not
 * grown for some minutes.  false: it is not
 * followed, since too many are, or it is already, or memory is short.  Any
 * thread.
 */
bool follower_begin(struct follower *follower, int fd);

/*
 * The digest of the whole file behind fd, to which nobody writes any more.
 * Blocks until that is computed.  false with errno.  follower may be NULL.  Any
 * thread.
 */
bool follower_digest(struct follower *follower, int fd,
    struct digest *digest);

struct follower_stats {
    unsigned  files;            /* followed now */
    uint64_t  bytes;            /* hashed before their file was complete */
};

/* Any thread. */
void follower_stats(struct follower *follower, struct follower_stats *stats);

#endif /* DICOM_FOLLOW_H */
