/*
 * The store: objects/ab/cd/<SHA-256>.dcm below its root, uploads in incoming/
 * on the same file system.
 *
 * A file enters by link(2), after fsync of its bytes and before fsync of its
 * folder, so that it is there whole or not at all.  The name in incoming/ stays
 * as long as its upload lasts, and when the object was there before, it is
 * made a second name of that: so an object with two names is in somebody's
 * hands, and since each name that comes or goes changes the inode's ctime, an
 * object that nobody took since a time can be told.  store_discard() removes
 * such only, and what a crash left half-way is known by its second name.
 */

#ifndef DICOM_STORE_H
#define DICOM_STORE_H

#include <stdbool.h>
#include <stdint.h>

#define STORE_LOCATION_SIZE  sizeof("objects/ab/cd/.dcm") + 64

struct store;

/*
 * Opens the store at path, making its folders (0750) when missing, and removes
 * uploads that nobody has written to for an hour and that never became an
 * object; keeps only directory descriptors.  NULL on failure (logged).
 */
struct store *store_open(const char *path);
void store_close(struct store *store);

/* The location of the object with this SHA-256 (64 hexadecimal digits). */
void store_location(char location[STORE_LOCATION_SIZE], const char *sha256);

/*
 * Opens a stored object for reading, O_CLOEXEC.  location is as WIRE_F_LOCATION
 * gives it, and is refused unless it has exactly that form.
 * -1 with errno on failure.  Any thread.
 */
int store_object(struct store *store, const char *location);

/* Opens an upload for reading; path is below incoming/, and checked. */
int store_incoming(struct store *store, const char *path);

/*
 * Makes the upload behind fd, which lies at path below incoming/ and which the
 * caller has synced and hashed, the object at location; created: it was not
 * there.  Its names are on the disk afterwards.  0, or -1 with errno; EUCLEAN:
 * another file lies there.  Any thread, any process.
 */
int store_enter(struct store *store, int fd, const char *path,
    const char *location, bool *created);

/*
 * Removes an object that no upload holds or has touched since before (seconds
 * since 1970), when the caller last knew that nothing names it.  0, or -1 with
 * errno; EBUSY: somebody took it, ENOENT: it is gone already.  Any thread, any
 * process.
 */
int store_discard(struct store *store, const char *location, int64_t before);

#endif /* DICOM_STORE_H */
