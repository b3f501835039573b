#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "digest.h"
#include "identity.h"
#include "ingest.h"
#include "log.h"
#include "wire.h"

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
open_incoming(struct store *store, const char *path,
    struct ingest_result *result)
{
    struct stat  st;
    int          fd;

    if (!is_incoming(path)) {
        refuse(result, 500, "store-error", "the upload has no valid path");
        return -1;
    }
    fd = store_incoming(store, path);
    if (fd == -1) {
        refuse_disk(result, "an uploaded file cannot be opened");
        return -1;
    }
    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
        refuse(result, 500, "store-error", "the upload is no regular file");
        close(fd);
        return -1;
    }
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


static bool
sync_upload(int fd, struct ingest_result *result)
{
    return fsync(fd) == 0
        || refuse_disk(result, "an uploaded file cannot be synced");
}


static bool
enter_store(struct store *store, int fd, const char *path,
    const char *location, bool *created, struct ingest_result *result)
{
    if (store_enter(store, fd, path, location, created) == 0) {
        return true;
    }
    if (errno == EUCLEAN) {
        log_error("store", "%s is damaged", location);
        return refuse(result, 500, "store-error",
            "the image store has a damaged copy of this file");
    }
    return refuse_disk(result, "an uploaded file cannot enter the store");
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


/* What the file behind fd is, and where it belongs. */
static bool
describe(struct decoder *decoder, struct follower *follower, int fd,
    const uint8_t user[16], char location[STORE_LOCATION_SIZE],
    struct ingest_result *result)
{
    struct decoder_header   header = { 0 };
    struct decoder_error    error = { 0 };
    struct digest           digest;
    struct stat             st;
    bool                    done = false;

    if (!decoder_header(decoder, fd, user, &header, &error)) {
        refuse_header(fd, &error, result);
    } else if (!follower_digest(follower, fd, &digest) || fstat(fd, &st) == -1
        || digest.size != (uint64_t) st.st_size)
    {
        refuse_disk(result, "a file cannot be read");
    } else if (check_identity(&header, &digest, result)) {
        store_location(location, digest.sha256);
        done = make_fields(&header, &digest, location, result);
    }
    decoder_header_finish(&header);
    return done;
}


static void
finish(struct ingest_result *result, bool done)
{
    if (done) {
        result->status = 200;
        return;
    }
    free(result->fields);
    result->fields = NULL;
    result->fields_length = 0;
}


void
ingest_file(struct store *store, struct decoder *decoder,
    struct follower *follower, const char *path, const uint8_t user[16],
    struct ingest_result *result)
{
    char  location[STORE_LOCATION_SIZE];
    bool  created = false, done;
    int   fd;

    memset(result, 0, sizeof(*result));
    fd = open_incoming(store, path, result);
    if (fd == -1) {
        return;
    }
    /* before its digest is waited for: a follower is at that meanwhile */
    done = sync_upload(fd, result)
        && describe(decoder, follower, fd, user, location, result)
        && enter_store(store, fd, path, location, &created, result);
    if (done && created) {
        uint8_t  *end = result->fields + result->fields_length;

        result->fields_length = (size_t) (put_field(end, WIRE_F_CREATED, "1",
            1) - result->fields);
    }
    finish(result, done);
    close(fd);
}


void
ingest_follow(struct store *store, struct follower *follower,
    const char *path, struct ingest_result *result)
{
    int  fd;

    memset(result, 0, sizeof(*result));
    fd = is_incoming(path) ? store_incoming(store, path) : -1;
    if (fd == -1) {
        refuse(result, 404, "upload-not-found", "there is no such upload");
    } else if (!follower_begin(follower, fd)) {
        refuse(result, 503, "busy", "too many uploads are under way");
    } else {
        result->status = 204;
    }
}


void
ingest_object(struct store *store, struct decoder *decoder,
    const char *location, const uint8_t user[16],
    struct ingest_result *result)
{
    char  found[STORE_LOCATION_SIZE];
    bool  done;
    int   fd;

    memset(result, 0, sizeof(*result));
    fd = store_object(store, location);
    if (fd == -1) {
        if (errno == ENOENT || errno == EINVAL) {
            refuse(result, 404, "object-not-found",
                "there is no such object in the store");
        } else {
            refuse_disk(result, "an object cannot be opened");
        }
        return;
    }
    done = describe(decoder, NULL, fd, user, found, result);
    if (done && strcmp(found, location) != 0) {
        done = refuse(result, 422, "object-damaged",
            "the object's bytes are not those that entered the store");
    }
    finish(result, done);
    close(fd);
}
