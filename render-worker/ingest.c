#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "digest.h"
#include "identity.h"
#include "ingest.h"
#include "log.h"
#include "wire.h"

#define LOCATION_SIZE  sizeof("objects/ab/cd/.dcm") + 64

/*
 * Seconds after its last byte when an upload is nobody's any more: far beyond
 * the timeout of a body and the time that taking it in needs.
 */
#define ABANDONED      3600

struct store {
    int  root;
    int  objects;
};


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
            && S_ISREG(st.st_mode) && time(NULL) - st.st_mtime > ABANDONED
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
    remove_abandoned(store);
    return store;

error:
    store_close(store);
    return NULL;
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

    return strlen(location) == LOCATION_SIZE - 1
        && memcmp(location, "objects/", 8) == 0
        && location[10] == '/' && location[13] == '/'
        && is_hex(name, 64) && strcmp(name + 64, ".dcm") == 0
        && memcmp(location + 8, name, 2) == 0
        && memcmp(location + 11, name + 2, 2) == 0;
}


static void
make_location(char location[LOCATION_SIZE], const char *sha256)
{
    snprintf(location, LOCATION_SIZE, "objects/%.2s/%.2s/%s.dcm", sha256,
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


int
store_discard(struct store *store, const char *location)
{
    int  folder, rc, error;

    if (!is_location(location)) {
        errno = EINVAL;
        return -1;
    }
    folder = open_folder(store, location);
    if (folder == -1) {
        return -1;
    }
    rc = unlinkat(folder, strrchr(location, '/') + 1, 0);
    if (rc == 0) {
        rc = fsync(folder);
    }
    error = errno;
    close(folder);
    errno = error;
    return rc;
}


static bool
refuse(struct ingest_result *result, unsigned status, const char *slug,
    const char *detail)
{
    result->status = status;
    snprintf(result->slug, sizeof(result->slug), "%s", slug);
    snprintf(result->detail, sizeof(result->detail), "%s", detail);
    return false;
}


/* What the file system refused; errno says why. */
static bool
refuse_disk(struct ingest_result *result, const char *what)
{
    if (errno == ENOSPC || errno == EDQUOT) {
        return refuse(result, 507, "store-full",
            "the image store has no room for this file");
    }
    log_error("store", "%s: %m", what);
    return refuse(result, 500, "store-error",
        "the image store could not keep this file");
}


/*
 * A path below incoming/ without any way out of it.  Symbolic links can only
 * have been made by those who may write there.
 */
static bool
is_incoming(const char *path)
{
    size_t  length = strlen(path);

    if (strncmp(path, "incoming/", 9) != 0 || length < 10 || length > 500
        || path[length - 1] == '/' || strstr(path, "//") != NULL)
    {
        return false;
    }
    for (const char *p = path; *p != '\0'; p++) {
        if (*p <= ' ' || *p > '~' || (p[0] == '/' && p[1] == '.')) {
            return false;
        }
    }
    return true;
}


static int
open_incoming(struct store *store, const char *path, uint64_t *size,
    struct ingest_result *result)
{
    struct stat  st;
    int          fd;

    if (!is_incoming(path)) {
        refuse(result, 500, "store-error", "the upload has no valid path");
        return -1;
    }
    fd = openat(store->root, path,
        O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd == -1) {
        refuse_disk(result, "an uploaded file cannot be opened");
        return -1;
    }
    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
        refuse(result, 500, "store-error", "the upload is no regular file");
        close(fd);
        return -1;
    }
    *size = (uint64_t) st.st_size;
    return fd;
}


static bool
has_preamble(int fd)
{
    char  magic[4];

    return pread(fd, magic, sizeof(magic), 128) == (ssize_t) sizeof(magic)
        && memcmp(magic, "DICM", sizeof(magic)) == 0;
}


static bool
refuse_header(int fd, const struct decoder_error *error,
    struct ingest_result *result)
{
    switch (error->status) {
    case DECODER_UNAVAILABLE:
        return refuse(result, 503, "decoder-unavailable", error->detail);
    case DECODER_NOT_DICOM:
        return refuse(result, 400, "not-dicom", error->detail);
    default:
        /* what the parser choked on may be anything */
        if (!has_preamble(fd)) {
            return refuse(result, 400, "not-dicom", "this is no DICOM file");
        }
        return refuse(result, 422, "invalid-dicom", error->detail);
    }
}


static bool
check_identity(struct decoder_header *header, const struct digest *digest,
    struct ingest_result *result)
{
    switch (identity_complete(header, digest)) {
    case IDENTITY_COMPLETE:
        return true;
    case IDENTITY_NONE:
        return refuse(result, 422, "invalid-dicom",
            "SOP Class UID is missing or no valid UID, and there is no "
            "picture");
    default:
        return refuse(result, 500, "store-error", "out of memory");
    }
}


/* Makes name in parent and syncs parent; true too when it is there already. */
static bool
make_folder(int parent, const char *name)
{
    if (mkdirat(parent, name, 0750) == -1) {
        return errno == EEXIST;
    }
    return fsync(parent) == 0;
}


/*
 * Opens the object's folder, making it when missing; -1 with errno.  A folder
 * is never removed: somebody else may be about to use it.
 */
static int
make_folders(struct store *store, const char *location)
{
    char  outer[] = "ab", inner[] = "cd";
    int   parent, error;
    bool  made;

    memcpy(outer, location + 8, 2);
    memcpy(inner, location + 11, 2);

    if (!make_folder(store->objects, outer)) {
        return -1;
    }
    parent = openat(store->objects, outer,
        O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (parent == -1) {
        return -1;
    }
    made = make_folder(parent, inner);
    error = errno;
    close(parent);
    errno = error;
    return made ? open_folder(store, location) : -1;
}


/* An object of this name is the same file, unless the disk lost some of it. */
static bool
is_whole(int folder, const char *name, uint64_t size)
{
    struct stat  st;

    return fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0
        && S_ISREG(st.st_mode) && (uint64_t) st.st_size == size;
}


static bool
enter_store(struct store *store, int fd, const char *path,
    const char *location, uint64_t size, bool *created,
    struct ingest_result *result)
{
    const char  *name = strrchr(location, '/') + 1;
    int          folder;
    bool         done = false;

    if (fsync(fd) == -1) {
        return refuse_disk(result, "an uploaded file cannot be synced");
    }
    folder = make_folders(store, location);
    if (folder == -1) {
        return refuse_disk(result, "a folder cannot be made");
    }

    *created = linkat(store->root, path, folder, name, 0) == 0;
    if (!*created && errno != EEXIST) {
        refuse_disk(result, "an uploaded file cannot be linked");
        goto done;
    }
    if (!*created && !is_whole(folder, name, size)) {
        log_error("store", "%s is damaged", location);
        refuse(result, 500, "store-error",
            "the image store has a damaged copy of this file");
        goto done;
    }

    /* also when it was there: whoever linked it may not have come this far */
    if (fsync(folder) == -1) {
        refuse_disk(result, "a folder cannot be synced");
        if (*created) {
            unlinkat(folder, name, 0);
        }
        goto done;
    }
    if (*created && fchmod(fd, 0440) == -1) {
        log_debug("store", "an object stays writable: %m");
    }
    done = true;

done:
    close(folder);
    return done;
}


static uint8_t *
put_field(uint8_t *to, enum wire_field_tag tag, const void *data,
    size_t length)
{
    struct wire_field  field = { .tag = (uint16_t) tag,
        .length = (uint32_t) length };

    memcpy(to, &field, sizeof(field));
    memcpy(to + sizeof(field), data, length);
    return to + sizeof(field) + length;
}


static bool
make_fields(const struct decoder_header *header, const struct digest *digest,
    const char *location, struct ingest_result *result)
{
    uint8_t  *index = NULL, *to;
    size_t    length = 0, room;
    char      size[24];

    if (!index_encode(&header->index, &index, &length)) {
        return refuse(result, 500, "store-error", "out of memory");
    }
    snprintf(size, sizeof(size), "%llu", (unsigned long long) digest->size);

    room = header->fields_length + length + 512;
    result->fields = malloc(room);
    if (result->fields == NULL) {
        free(index);
        return refuse(result, 500, "store-error", "out of memory");
    }

    to = result->fields;
    memcpy(to, header->fields, header->fields_length);
    to += header->fields_length;
    to = put_field(to, WIRE_F_MD5, digest->md5, strlen(digest->md5));
    to = put_field(to, WIRE_F_LOCATION, location, strlen(location));
    to = put_field(to, WIRE_F_SIZE, size, strlen(size));
    to = put_field(to, WIRE_F_INDEX, index, length);
    free(index);
    result->fields_length = (size_t) (to - result->fields);
    return true;
}


void
ingest_file(struct store *store, struct decoder *decoder, const char *path,
    const uint8_t user[16], struct ingest_result *result)
{
    struct decoder_header   header = { 0 };
    struct decoder_error    error = { 0 };
    struct digest           digest;
    char                    location[LOCATION_SIZE];
    uint64_t                size;
    bool                    created = false;
    int                     fd;

    memset(result, 0, sizeof(*result));
    fd = open_incoming(store, path, &size, result);
    if (fd == -1) {
        return;
    }

    if (!decoder_header(decoder, fd, user, &header, &error)) {
        refuse_header(fd, &error, result);
        goto done;
    }
    if (!digest_file(fd, &digest) || digest.size != size) {
        refuse_disk(result, "an uploaded file cannot be read");
        goto done;
    }
    if (!check_identity(&header, &digest, result)) {
        goto done;
    }

    make_location(location, digest.sha256);
    if (!make_fields(&header, &digest, location, result)
        || !enter_store(store, fd, path, location, size, &created, result))
    {
        goto done;
    }
    if (created) {
        uint8_t  *end = result->fields + result->fields_length;

        result->fields_length = (size_t) (put_field(end, WIRE_F_CREATED, "1",
            1) - result->fields);
    }
    result->status = 200;

done:
    if (result->status != 200) {
        free(result->fields);
        result->fields = NULL;
        result->fields_length = 0;
    }
    decoder_header_finish(&header);
    close(fd);
}
