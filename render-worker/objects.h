/*
 * Descriptors of stored files.  A file of many frames stays open between them,
 * at most a bounded number of files, the one used longest ago is closed first.
 * Any thread.
 */

#ifndef DICOM_OBJECTS_H
#define DICOM_OBJECTS_H

#include <stdbool.h>

#include "store.h"

struct objects;

/* At most limit files stay open besides those in use.  store may be NULL. */
struct objects *objects_create(struct store *store, unsigned limit);
void objects_destroy(struct objects *objects);

/*
 * Opens location for reading; keep: it will be asked for again.  The caller
 * gives the descriptor back with objects_close().
 * -1 with errno on failure.
 */
int objects_open(struct objects *objects, const char *location, bool keep);
void objects_close(struct objects *objects, int fd);

/*
 * Keeps fd, opened elsewhere, under location, with one user: for a file that
 * is in no store.  false: there is no room, and fd stays the caller's.
 */
bool objects_keep(struct objects *objects, const char *location, int fd);

#endif /* DICOM_OBJECTS_H */
