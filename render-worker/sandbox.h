/*
 * What a decoder child may do: think, read the descriptors it is sent, write
 * into memory it is sent, answer on one socket.
 */

#ifndef DICOM_SANDBOX_H
#define DICOM_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

struct sandbox;

/*
 * Prepares the filter, and leaves the network and IPC namespaces where the
 * system lets us.  For the zygote: single-threaded, before its first child.
 * NULL on failure (logged).
 */
struct sandbox *sandbox_create(void);
void sandbox_destroy(struct sandbox *sandbox);

/* Which namespaces were left, for the log. */
const char *sandbox_description(const struct sandbox *sandbox);

/*
 * Gives up, for good, all rights of the calling process but those above.
 * socket is the only descriptor kept, besides the standard ones, which point to
 * /dev/null.  memory: address space beyond what is mapped now, bytes.  seconds:
 * processor time.  false: not everything could be given up.
 */
bool sandbox_enter(const struct sandbox *sandbox, int socket, uint64_t memory,
    unsigned seconds);

/* Closes every descriptor from first on. */
bool sandbox_close_from(int first);

#endif /* DICOM_SANDBOX_H */
