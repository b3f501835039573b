/*
 * The digests of a file are OpenSSL's of its bytes, however long it is and in
 * whatever pieces it is read, on processors that compute both at once and on
 * those that do not.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <openssl/evp.h>

#include "digest_blocks.h"

/* digest.c asks here instead */
static bool  may_do_both;
#define digest_blocks_able()  (may_do_both && (digest_blocks_able)())
#include "../../render-worker/digest.c"

/* links: render-worker/digest_blocks.c */
/* pkg: libcrypto */

#define MOST  (3 * BLOCK + 17)

static uint8_t  bytes[MOST];


static void
expect(const EVP_MD *type, size_t length, char *hex)
{
    uint8_t   value[EVP_MAX_MD_SIZE];
    unsigned  size;

    assert_int_equal(EVP_Digest(bytes, length, value, &size, type, NULL), 1);
    write_hex(value, size, hex);
}


/* A file of the first length bytes, gone with fd. */
static int
begin_file(size_t length)
{
    char  path[] = "/tmp/dicom-digest-XXXXXX";
    int   fd = mkstemp(path);

    assert_true(fd >= 0);
    unlink(path);
    assert_int_equal(write(fd, bytes, length), length);
    return fd;
}


static void
check(size_t length, size_t step)
{
    int                    fd = begin_file(length);
    struct digest_stream  *stream = digest_begin();
    struct digest          digest;
    char                   md5[33], sha256[65];

    assert_non_null(stream);
    assert_int_equal(stream->both, may_do_both && (digest_blocks_able)());
    for (size_t end = 0; end < length; end += step) {
        assert_true(digest_advance(stream, fd, end));
        assert_int_equal(digest_position(stream), end);
    }
    assert_true(digest_advance(stream, fd, length));
    assert_true(digest_finish(stream, &digest));

    expect(EVP_md5(), length, md5);
    expect(EVP_sha256(), length, sha256);
    assert_string_equal(digest.md5, md5);
    assert_string_equal(digest.sha256, sha256);
    assert_int_equal(digest.size, length);

    digest_destroy(stream);
    close(fd);
}


/* Around the ends of blocks, where the padding takes one more. */
static void
check_all(void)
{
    static const size_t  large[] = { 4096, 65535, BLOCK - 1, BLOCK, BLOCK + 1,
        2 * BLOCK + 55, 2 * BLOCK + 56, MOST };

    for (size_t length = 0; length < 4 * DIGEST_BLOCK; length++) {
        check(length, length + 1);
        check(length, 7);
    }
    for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
        check(large[i], large[i]);
        check(large[i], 50021);
    }
}


static void
digests_at_once(void **state)
{
    may_do_both = true;
    if (!(digest_blocks_able)()) {
        skip();
    }
    check_all();
}


static void
digests_apart(void **state)
{
    may_do_both = false;
    check_all();
}


/* What cannot be read is no file without bytes. */
static void
digests_of_nothing(void **state)
{
    struct digest  digest;
    int            ends[2];

    assert_int_equal(pipe(ends), 0);
    for (int both = 0; both < 2; both++) {
        may_do_both = both == 1;
        assert_false(digest_file(ends[0], &digest));
        assert_string_equal(digest.md5, "");
    }
    close(ends[0]);
    close(ends[1]);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(digests_at_once),
        cmocka_unit_test(digests_apart),
        cmocka_unit_test(digests_of_nothing),
    };

    for (size_t i = 0; i < MOST; i++) {
        bytes[i] = (uint8_t) (i * 2654435761u >> 13 ^ i >> 5);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
