#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

/*
 * Seconds after its last byte when an upload is nobody's any more: far beyond
 * the timeout of a body and the time that taking it in needs.
 */
#define ABANDONED  3600

struct store {
    int          root;
    int          objects;
    atomic_uint  making[2];     /* folders that may not be on the disk yet */
};

/* A folder of objects, and the one that it lies in. */
struct level {
    int   parent, fd;
    bool  made;
    bool  unsynced;             /* its name may not be on the disk */
};

enum depth { OUTER, INNER };    /* objects/ab, objects/ab/cd */


/* nginx removes its uploads; one of its workers that was killed could not. */
static void
remove_abandoned(struct store *store)
{
    DIR            *folder;
    struct dirent  *entry;
    struct stat     st;
    unsigned        removed = 0;
    int             fd = openat(store->root, "incoming",
        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (fd == -1) {
        return;
    }
    folder = fdopendir(fd);
    if (folder == NULL) {
        close(fd);
        return;
    }
    while ((entry = readdir(folder)) != NULL) {
        if (fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0
            && S_ISREG(st.st_mode) && st.st_nlink == 1 && time(NULL) - st.st_mtime > ABANDONED
            && unlinkat(fd, entry->d_name, 0) == 0)
        {
            removed++;
        }
    }
    closedir(folder);
    if (removed > 0) {
        log_info("store", "%u abandoned uploads were removed", removed);
    }
}


static bool
is_one_file_system(struct store *store)
{
    struct stat  incoming, objects;

    return fstatat(store->root, "incoming", &incoming, AT_SYMLINK_NOFOLLOW)
            == 0
        && fstat(store->objects, &objects) == 0
        && incoming.st_dev == objects.st_dev;
}


struct store *
store_open(const char *path)
{
    struct store  *store = calloc(1, sizeof(*store));

    if (store == NULL) {
        log_error("store", "out of memory");
        return NULL;
    }
    store->objects = -1;

    if (mkdir(path, 0750) == -1 && errno != EEXIST) {
        log_error("store", "%s cannot be made: %m", path);
    }
    store->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->root == -1) {
        log_error("store", "%s cannot be opened: %m", path);
        goto error;
    }
    if ((mkdirat(store->root, "objects", 0750) == -1 && errno != EEXIST)
        || (mkdirat(store->root, "incoming", 0750) == -1 && errno != EEXIST))
    {
        log_error("store", "folders cannot be made in %s: %m", path);
        goto error;
    }
    store->objects = openat(store->root, "objects",
        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (store->objects == -1) {
        log_error("store", "%s/objects cannot be opened: %m", path);
        goto error;
    }
    if (fsync(store->root) == -1) {
        log_error("store", "%s cannot be synced: %m", path);
        goto error;
    }
    if (!is_one_file_system(store)) {
        log_error("store", "%s: incoming and objects lie on different file "
            "systems: a file could not enter in one step", path);
        goto error;
    }
    remove_abandoned(store);
    return store;

error:
    store_close(store);
    return NULL;
}


int
store_incoming(struct store *store, const char *path)
{
    return openat(store->root, path,
        O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
}


void
store_close(struct store *store)
{
    if (store == NULL) {
        return;
    }
    if (store->objects != -1) {
        close(store->objects);
    }
    if (store->root != -1) {
        close(store->root);
    }
    free(store);
}


static bool
is_hex(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((text[i] < '0' || text[i] > '9')
            && (text[i] < 'a' || text[i] > 'f'))
        {
            return false;
        }
    }
    return true;
}


/* objects/ab/cd/abcd....dcm, and nothing else */
static bool
is_location(const char *location)
{
    const char  *name = location + strlen("objects/ab/cd/");

    return strlen(location) == STORE_LOCATION_SIZE - 1
        && memcmp(location, "objects/", 8) == 0
        && location[10] == '/' && location[13] == '/'
        && is_hex(name, 64) && strcmp(name + 64, ".dcm") == 0
        && memcmp(location + 8, name, 2) == 0
        && memcmp(location + 11, name + 2, 2) == 0;
}


void
store_location(char location[STORE_LOCATION_SIZE], const char *sha256)
{
    snprintf(location, STORE_LOCATION_SIZE, "objects/%.2s/%.2s/%s.dcm", sha256,
        sha256 + 2, sha256);
}


int
store_object(struct store *store, const char *location)
{
    if (!is_location(location)) {
        errno = EINVAL;
        return -1;
    }
    return openat(store->root, location, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
}


/* The folder of an object, below objects/; -1 with errno. */
static int
open_folder(struct store *store, const char *location)
{
    char  folder[] = "ab/cd";

    memcpy(folder, location + strlen("objects/"), 5);
    return openat(store->objects, folder,
        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}


/*
 * Makes name in parent, unless it is there already.  Whoever made it then may
 * not have synced parent yet: so as long as somebody makes one, all do that.  A
 * folder that could not be synced counts for ever.
 */
static bool
make_folder(struct store *store, struct level *level, enum depth depth,
    const char *name)
{
    level->fd = -1;
    atomic_fetch_add(&store->making[depth], 1);
    level->made = mkdirat(level->parent, name, 0750) == 0;
    level->unsynced = level->made
        || atomic_fetch_sub(&store->making[depth], 1) > 1;
    if (!level->made && errno != EEXIST) {
        return false;
    }
    level->fd = openat(level->parent, name,
        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return level->fd != -1;
}


static bool
sync_parent(struct store *store, const struct level *level, enum depth depth)
{
    if (level->unsynced && fsync(level->parent) == -1) {
        return false;
    }
    if (level->made) {
        atomic_fetch_sub(&store->making[depth], 1);
    }
    return true;
}


/*
 * Makes path, so far a copy of the object, another name of it.  The names are
 * changed by one rename, so that the upload never is without a file.
 */
static bool
claim_object(struct store *store, const char *path, int folder,
    const char *name)
{
    char  claim[600];

    if ((size_t) snprintf(claim, sizeof(claim), "%s.claim", path)
        >= sizeof(claim))
    {
        errno = ENAMETOOLONG;
        return false;
    }
    if (linkat(folder, name, store->root, claim, 0) == -1) {
        return false;
    }
    if (renameat(store->root, claim, store->root, path) == -1) {
        int  error = errno;

        unlinkat(store->root, claim, 0);
        errno = error;
        return false;
    }
    return true;
}


/* Links what lies at path into folder, or claims what is there already. */
static bool
link_object(struct store *store, int fd, const char *path, int folder,
    const char *name, bool *created)
{
    struct stat  upload, object;

    *created = linkat(store->root, path, folder, name, 0) == 0;
    if (*created) {
        return true;
    }
    if (errno != EEXIST || fstat(fd, &upload) == -1
        || fstatat(folder, name, &object, AT_SYMLINK_NOFOLLOW) == -1)
    {
        return false;
    }
    if (upload.st_dev == object.st_dev && upload.st_ino == object.st_ino) {
        return true;            /* an upload that is looked at again */
    }
    /* an object of this name is this file, unless the disk lost some of it */
    if (!S_ISREG(object.st_mode) || object.st_size != upload.st_size) {
        errno = EUCLEAN;
        return false;
    }
    return claim_object(store, path, folder, name);
}


/*
 * Links what lies at path into inner, and only then syncs what is new, from
 * there outwards: the first sync mostly brings all of it to the disk.
 */
static bool
enter_folder(struct store *store, int fd, const char *path, const char *name,
    const struct level *outer, const struct level *inner, bool *created)
{
    int   error;
    /* against store_discard(): an object is there and claimed, or gone */
    bool  linked = flock(inner->fd, LOCK_SH) == 0
        && link_object(store, fd, path, inner->fd, name, created);

    error = errno;
    /* also when it was there: whoever linked it may not have come this far */
    if ((!linked || fsync(inner->fd) == 0)
        && sync_parent(store, inner, INNER)
        && sync_parent(store, outer, OUTER))
    {
        errno = error;
        return linked;
    }
    if (linked && *created) {
        error = errno;
        unlinkat(inner->fd, name, 0);
        errno = error;
    }
    return false;
}


int
store_enter(struct store *store, int fd, const char *path,
    const char *location, bool *created)
{
    struct level  outer = { .parent = store->objects }, inner;
    char          names[2][3] = { "ab", "cd" };
    int           error;
    bool          done;

    memcpy(names[OUTER], location + 8, 2);
    memcpy(names[INNER], location + 11, 2);

    if (!make_folder(store, &outer, OUTER, names[OUTER])) {
        return -1;
    }
    inner.parent = outer.fd;
    done = make_folder(store, &inner, INNER, names[INNER])
        && enter_folder(store, fd, path, strrchr(location, '/') + 1, &outer,
                        &inner, created);
    if (done && *created && fchmod(fd, 0440) == -1) {
        log_debug("store", "an object stays writable: %m");
    }

    error = errno;
    if (inner.fd != -1) {
        close(inner.fd);
    }
    close(outer.fd);
    errno = error;
    return done ? 0 : -1;
}


int
store_discard(struct store *store, const char *location, int64_t before)
{
    const char   *name;
    struct stat   st;
    int           folder, error, rc = -1;

    if (!is_location(location)) {
        errno = EINVAL;
        return -1;
    }
    name = strrchr(location, '/') + 1;
    folder = open_folder(store, location);
    if (folder == -1) {
        return -1;
    }

    if (flock(folder, LOCK_EX) == 0
        && fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
    {
        if (st.st_nlink > 1 || (int64_t) st.st_ctime >= before) {
            errno = EBUSY;
        } else if (unlinkat(folder, name, 0) == 0) {
            rc = fsync(folder);
        }
    }

    error = errno;
    close(folder);
    errno = error;
    return rc;
}
