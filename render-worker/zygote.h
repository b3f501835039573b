/*
 * The process that forks decoder children: made early, small, without threads.
 */

#ifndef DICOM_ZYGOTE_H
#define DICOM_ZYGOTE_H

#include <stdbool.h>
#include <stdint.h>

struct zygote;

/* A child in the making: its socket, and a pidfd to end it. */
struct zygote_child {
    int  socket;
    int  pidfd;
};

/*
 * Forks the zygote.  Children get memory bytes of address space and seconds of
 * processor time.  NULL on failure (logged).
 */
struct zygote *zygote_create(uint64_t memory, unsigned seconds);

/* Ends the zygote, and with it every child.  Accepts NULL. */
void zygote_destroy(struct zygote *zygote);

/* Forks a child.  Any thread.  false: none can be had. */
bool zygote_spawn(struct zygote *zygote, struct zygote_child *child);

/* True once the zygote does not answer any more. */
bool zygote_lost(const struct zygote *zygote);

/* Kills the child and closes its descriptors; accepts one that is closed. */
void zygote_child_end(struct zygote_child *child);

#endif /* DICOM_ZYGOTE_H */
