/*
 * An uploaded file on its way into the store.
 *
 * The store is addressed by content: objects/ab/cd/<SHA-256>.dcm below its
 * root, uploads in incoming/ on the same file system.  A file enters by
 * link(2), after fsync of its bytes and before fsync of its folder, so that it
 * is there whole or not at all; nginx writes the row afterwards.
 */

#ifndef DICOM_INGEST_H
#define DICOM_INGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder.h"

struct store;

/*
 * Opens the store at path, making its folders (0750) when missing, and removes
 * uploads that nobody has written to for an hour; keeps only directory
 * descriptors.  NULL on failure (logged).
 */
struct store *store_open(const char *path);
void store_close(struct store *store);

/*
 * Opens a stored object for reading, O_CLOEXEC.  location is as WIRE_F_LOCATION
 * gives it, and is refused unless it has exactly that form.
 * -1 with errno on failure.  Any thread.
 */
int store_object(struct store *store, const char *location);

/*
 * Removes an object.  0, or -1 with errno.  Any thread.
 */
int store_discard(struct store *store, const char *location);

struct ingest_result {
    unsigned  status;           /* 200, or the HTTP status of the refusal */
    char      slug[40];         /* of the problem */
    char      detail[240];
    uint8_t  *fields;           /* wire_field records, malloc'ed */
    size_t    fields_length;
};

/*
 * Takes the file at path (relative to the store's root, below incoming/):
 * header in the sandbox, MD5 and SHA-256 in one pass, fsync, link.  The
 * incoming file itself is left to its owner.  Any thread; blocks for as long
 * as the disk takes.  The caller frees result->fields.
 *
 * Refusals: 400 not-dicom (no DICOM file), 422 invalid-dicom (neither SOP Class
 * nor picture, truncated pixel data, contradicting attributes), 503
 * decoder-unavailable, 507 store-full, 500 store-error.
 */
void ingest_file(struct store *store, struct decoder *decoder,
    const char *path, const uint8_t user[16], struct ingest_result *result);

#endif /* DICOM_INGEST_H */
