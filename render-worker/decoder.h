/*
 * The parent's side of the sandboxed decoder.
 *
 * A zygote, forked before any thread or GL context exists, forks children that
 * hold no network, no paths and no descriptors but those they are sent, under
 * address-space, CPU and file-size limits and a seccomp filter.  A child gets a
 * read-only descriptor of a DICOM file and a memfd, and answers with a status;
 * its death, its silence or its lies cost the one call that met them.
 */

#ifndef DICOM_DECODER_H
#define DICOM_DECODER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "index.h"

struct decoder;                 /* the zygote and its pool of children */

struct decoder_config {
    unsigned  children;         /* warm children at most; one more is for
                                   who finds them all at work for others */
    unsigned  frame_timeout_ms; /* for one call, wall clock */
    uint64_t  memory;           /* address space of one child, bytes, beyond
                                   what its libraries take */
};

enum decoder_status {
    DECODER_OK = 0,
    DECODER_NOT_DICOM,          /* no DICOM file */
    DECODER_INVALID,            /* DICOM, but a required attribute is missing
                                   or contradicts another */
    DECODER_UNSUPPORTED,        /* valid, not decodable here */
    DECODER_TIMEOUT,
    DECODER_CRASHED,
    DECODER_MEMORY,
    DECODER_UNAVAILABLE         /* no child can be had */
};

struct decoder_error {
    enum decoder_status  status;
    char                 detail[200];   /* UTF-8, names what is wrong */
};

/* Header attributes of a file, as wire_field records (wire.h), and its index */
struct decoder_header {
    struct dicom_index  index;
    uint8_t            *fields;         /* malloc'ed */
    size_t              fields_length;
};

/*
 * Forks the zygote; call before threads and GL.  NULL on failure (logged).
 */
struct decoder *decoder_create(const struct decoder_config *config);

/*
 * True once the zygote is gone, so that no new child can be had; the process
 * then ends with status 75, as for a lost GL context.  Any thread.
 */
bool decoder_lost(const struct decoder *decoder);

/*
 * Ends the children that nobody has used for idle_ms: they keep memory for the
 * next frame.  To be called now and then.  Any thread.
 */
void decoder_rest(struct decoder *decoder, unsigned idle_ms);

/* Ends all children and the zygote.  Accepts NULL. */
void decoder_destroy(struct decoder *decoder);

/*
 * Parses the header of the file behind fd (any offset, read-only use).
 * user (16 bytes) chooses the child: one child serves one user's files only.
 * Fills header, which the caller finishes with decoder_header_finish().
 * Thread-safe; blocks at most frame_timeout_ms plus the wait for a child.
 */
bool decoder_header(struct decoder *decoder, int fd, const uint8_t user[16],
    struct decoder_header *header, struct decoder_error *error);

void decoder_header_finish(struct decoder_header *header);

/*
 * Decodes frame (from 0) of the file behind fd into pixels: exactly
 * index_frame_size(index) bytes in native form (rows from the top, samples
 * interleaved, little-endian, bits_allocated 1 widened to 8).  Colour is left
 * as *photometric says, which differs from index->photometric when the codec
 * converted it.  Thread-safe; calls run in parallel up to children, and one
 * more of a user who has none at work.
 */
bool decoder_frame(struct decoder *decoder, int fd, const uint8_t user[16],
    const struct dicom_index *index, uint32_t frame, void *pixels,
    size_t size, uint8_t *photometric, struct decoder_error *error);

#endif /* DICOM_DECODER_H */
