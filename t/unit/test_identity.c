/*
 * UIDs of hashes: PS3.5 B.2 of an RFC 9562 UUID of version 8.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "identity.h"

/* links: render-worker/identity.c */
/* pkg: libcrypto */


static void
test_identity_uid(void **state)
{
    unsigned char  zero[32] = { 0 }, ones[32];
    char           uid[65];

    /* 00000000-0000-8000-8000-000000000000 */
    identity_uid(zero, uid);
    assert_string_equal(uid, "2.25.604472133179351442128896");
    /* ffffffff-ffff-8fff-bfff-ffffffffffff */
    memset(ones, 0xff, sizeof(ones));
    identity_uid(ones, uid);
    assert_string_equal(uid, "2.25.340282366920937934553716840013076889599");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_identity_uid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
