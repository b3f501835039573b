/*
 * Uploads that are hashed while they are written: the digest is that of the
 * file as a whole, whatever happens on the way, and nothing is followed for
 * ever.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "follow.h"

/* links: render-worker/follow.c render-worker/digest.c */
/* links: render-worker/digest_blocks.c render-worker/log.c */
/* pkg: libcrypto */

#define MB  (1024 * 1024)

struct upload {
    char  path[40];
    int   fd;
};


static void
begin_upload(struct upload *upload)
{
    strcpy(upload->path, "/tmp/dicom-follow-XXXXXX");
    upload->fd = mkstemp(upload->path);
    assert_true(upload->fd >= 0);
}


static void
end_upload(struct upload *upload)
{
    unlink(upload->path);
    close(upload->fd);
}


/* Bytes that are nowhere the same. */
static void
append(struct upload *upload, size_t length)
{
    static uint32_t   next = 1;
    uint32_t         *data = malloc(length);

    assert_non_null(data);
    for (size_t i = 0; i < length / sizeof(*data); i++) {
        data[i] = next = next * 1664525 + 1013904223;
    }
    assert_int_equal(write(upload->fd, data, length), length);
    free(data);
}


static bool
follow(struct follower *follower, const struct upload *upload)
{
    return follower_begin(follower, dup(upload->fd));
}


static unsigned
files(struct follower *follower)
{
    struct follower_stats  stats;

    follower_stats(follower, &stats);
    return stats.files;
}


static uint64_t
bytes(struct follower *follower)
{
    struct follower_stats  stats;

    follower_stats(follower, &stats);
    return stats.bytes;
}


/* A minute at most. */
static bool
comes_true(struct follower *follower, bool (*what)(struct follower *))
{
    const struct timespec  pause = { .tv_nsec = 1000000 };

    for (unsigned i = 0; i < 60000 && !what(follower); i++) {
        nanosleep(&pause, NULL);
    }
    return what(follower);
}


static bool
nothing_followed(struct follower *follower)
{
    return files(follower) == 0;
}


static bool
three_megabytes(struct follower *follower)
{
    return bytes(follower) >= 3 * MB;
}


static void
assert_same(const struct digest *a, const struct digest *b)
{
    assert_int_equal(a->size, b->size);
    assert_string_equal(a->md5, b->md5);
    assert_string_equal(a->sha256, b->sha256);
}


static void
test_growing(void **state)
{
    struct follower  *follower = follower_create(2);
    struct digest     digest, whole;
    struct upload     upload;

    for (unsigned round = 0; round < 20; round++) {
        begin_upload(&upload);
        append(&upload, round * 100000);
        assert_true(follow(follower, &upload));
        for (unsigned i = 0; i < 40; i++) {
            append(&upload, (i * 7919 + round * 104729) % 300000 + 4);
        }
        assert_true(follower_digest(follower, upload.fd, &digest));
        assert_true(digest_file(upload.fd, &whole));
        assert_same(&digest, &whole);
        end_upload(&upload);
    }
    assert_true(comes_true(follower, nothing_followed));
    follower_destroy(follower);
}


/* That nothing is read twice is seen when what was read changes. */
static void
test_ahead(void **state)
{
    struct follower  *follower = follower_create(2);
    struct digest     digest, whole;
    struct upload     upload;
    char              first;

    begin_upload(&upload);
    append(&upload, 3 * MB);
    assert_true(follow(follower, &upload));
    assert_true(comes_true(follower, three_megabytes));
    append(&upload, MB);

    assert_true(digest_file(upload.fd, &whole));
    assert_int_equal(pread(upload.fd, &first, 1, 0), 1);
    first ^= 1;
    assert_int_equal(pwrite(upload.fd, &first, 1, 0), 1);
    assert_true(follower_digest(follower, upload.fd, &digest));
    assert_same(&digest, &whole);

    /* it was taken: who asks again reads the file */
    assert_true(follower_digest(follower, upload.fd, &digest));
    assert_string_not_equal(digest.md5, whole.md5);

    end_upload(&upload);
    follower_destroy(follower);
}


static void
test_given_up(void **state)
{
    struct follower  *follower = follower_create(2);
    struct digest     digest, whole;
    struct upload     upload;
    char              name[48];

    /* cut off */
    begin_upload(&upload);
    append(&upload, 3 * MB);
    assert_true(follow(follower, &upload));
    unlink(upload.path);
    assert_true(comes_true(follower, nothing_followed));
    end_upload(&upload);

    /* in the store already */
    begin_upload(&upload);
    assert_true(follow(follower, &upload));
    snprintf(name, sizeof(name), "%s.dcm", upload.path);
    assert_int_equal(link(upload.path, name), 0);
    assert_true(comes_true(follower, nothing_followed));
    unlink(name);
    end_upload(&upload);

    /* shorter than it was */
    follower_destroy(follower);
    follower = follower_create(2);
    begin_upload(&upload);
    append(&upload, 3 * MB);
    assert_true(follow(follower, &upload));
    assert_true(comes_true(follower, three_megabytes));
    assert_int_equal(ftruncate(upload.fd, MB), 0);
    assert_true(digest_file(upload.fd, &whole));
    assert_true(follower_digest(follower, upload.fd, &digest));
    assert_same(&digest, &whole);
    end_upload(&upload);
    follower_destroy(follower);
}


static void
test_bounds(void **state)
{
    struct follower  *follower = follower_create(2);
    struct upload     uploads[3];
    struct digest     digest, whole;

    for (unsigned i = 0; i < 3; i++) {
        begin_upload(&uploads[i]);
        append(&uploads[i], 2 * MB + 4 * i);
    }
    assert_true(follow(follower, &uploads[0]));
    assert_false(follow(follower, &uploads[0]));
    assert_true(follow(follower, &uploads[1]));
    assert_false(follow(follower, &uploads[2]));
    assert_int_equal(files(follower), 2);

    /* none, one that is not followed, one that is */
    assert_true(digest_file(uploads[2].fd, &whole));
    assert_true(follower_digest(NULL, uploads[2].fd, &digest));
    assert_same(&digest, &whole);
    assert_true(follower_digest(follower, uploads[2].fd, &digest));
    assert_same(&digest, &whole);
    assert_true(digest_file(uploads[0].fd, &whole));
    assert_true(follower_digest(follower, uploads[0].fd, &digest));
    assert_same(&digest, &whole);

    /* the end comes while one is on its way */
    follower_destroy(follower);
    for (unsigned i = 0; i < 3; i++) {
        end_upload(&uploads[i]);
    }
}


static void
test_no_file(void **state)
{
    struct follower  *follower = follower_create(1);
    int               ends[2];

    assert_int_equal(pipe(ends), 0);
    assert_false(follower_begin(follower, ends[0]));
    assert_false(follower_begin(follower, 1000));
    assert_int_equal(files(follower), 0);
    close(ends[1]);
    follower_destroy(follower);
    follower_destroy(NULL);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_ahead),
        cmocka_unit_test(test_given_up),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_no_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
