/*
 * An uploaded file on its way into the store: checks, hashes, header.
 * nginx writes the row afterwards.
 */

#ifndef DICOM_INGEST_H
#define DICOM_INGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "decoder.h"
#include "follow.h"
#include "store.h"

struct ingest_result {
    unsigned  status;           /* 200, or the HTTP status of the refusal */
    char      slug[40];         /* of the problem */
    char      detail[240];
    uint8_t  *fields;           /* wire_field records, malloc'ed */
    size_t    fields_length;
};

/*
 * Takes the file at path (relative to the store's root, below incoming/):
 * header in the sandbox, MD5 and SHA-256 in one pass (or by follower, which may
 * be NULL), fsync, link.  The incoming file itself is left to its owner.  Any thread; blocks for as long
 * as the disk takes.  The caller frees result->fields.
 *
 * Refusals: 400 not-dicom (no DICOM file), 422 invalid-dicom (neither SOP Class
 * nor picture, truncated pixel data, contradicting attributes), 503
 * decoder-unavailable, 507 store-full, 500 store-error.
 */
void ingest_file(struct store *store, struct decoder *decoder,
    struct follower *follower, const char *path, const uint8_t user[16],
    struct ingest_result *result);

/*
 * Begins to hash the file at path while it is still written, so that
 * ingest_file() finds that done.  Refusals: 404 upload-not-found, and
 * 503 busy when it is not followed.  Any thread.
 */
void ingest_follow(struct store *store, struct follower *follower,
    const char *path, struct ingest_result *result);

/*
 * The same of an object that is in the store already, at location: nothing is
 * changed.  Refusals besides: 404 object-not-found, 422 object-damaged.
 */
void ingest_object(struct store *store, struct decoder *decoder,
    const char *location, const uint8_t user[16],
    struct ingest_result *result);

#endif /* DICOM_INGEST_H */
