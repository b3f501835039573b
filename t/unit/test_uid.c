/* links: t/unit/nginx.c ngx_dicom_module/ngx_dicom_uid.c */
/* pkg: libcrypto */

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nginx.h"
#include "ngx_dicom_uid.h"


static void
uid_takes_what_devices_write(void **state)
{
    ngx_uint_t  i;
    ngx_str_t   good[] = {
        test_str("1"), test_str("0"), test_str("1.2.840.10008.1.2"),
        test_str("1.0.0"), test_str("2.25.0"), test_str("1.02.00"),
        test_str("1234567890123456789012345678901234567890123456789012345678"
                 "901234")
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(ngx_dicom_uid_check(&good[i]), NGX_OK);
    }
}


static void
uid_refuses_the_rest(void **state)
{
    ngx_uint_t  i;
    ngx_str_t   bad[] = {
        test_str(""), test_str("."), test_str("1."), test_str(".1"),
        test_str("1..2"), test_str("1.2."),
        test_str("1.2a"), test_str("1.-2"), test_str("../x"),
        test_str("1/2"), test_str("1 "), test_str("1\0"), test_str("1.2\n"),
        test_str("12345678901234567890123456789012345678901234567890123456789"
                 "012345")
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (ngx_dicom_uid_check(&bad[i]) != NGX_DECLINED) {
            fail_msg("accepted: %s", bad[i].data);
        }
    }
}


static void
uuid_is_checked(void **state)
{
    ngx_uint_t  i;
    ngx_str_t   good[] = {
        test_str("00000000-0000-0000-0000-000000000000"),
        test_str("0aBcDeF9-0000-4000-8000-ffffffffffff")
    };
    ngx_str_t   bad[] = {
        test_str(""), test_str("00000000000000000000000000000000"),
        test_str("00000000-0000-0000-0000-00000000000"),
        test_str("00000000-0000-0000-0000-0000000000000"),
        test_str("{0000000-0000-0000-0000-00000000000}"),
        test_str("0000000g-0000-0000-0000-000000000000"),
        test_str("000000000-000-0000-0000-000000000000")
    };

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(ngx_dicom_uuid_check(&good[i]), NGX_OK);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(ngx_dicom_uuid_check(&bad[i]), NGX_DECLINED);
    }
}


static void
uuid_is_random_version_4(void **state)
{
    ngx_str_t    a, b;
    ngx_pool_t  *pool = test_pool();

    assert_int_equal(ngx_dicom_uuid(pool, &a), NGX_OK);
    assert_int_equal(ngx_dicom_uuid(pool, &b), NGX_OK);
    assert_int_equal(ngx_dicom_uuid_check(&a), NGX_OK);
    assert_int_equal(a.data[36], '\0');
    assert_int_equal(a.data[14], '4');
    assert_non_null(strchr("89ab", a.data[19]));
    assert_string_not_equal(a.data, b.data);

    ngx_destroy_pool(pool);
}


static void
unhex_needs_all_digits(void **state)
{
    u_char     out[2];
    ngx_str_t  good = test_str("0aF9"), bad = test_str("0aG9");

    assert_int_equal(ngx_dicom_unhex(out, &good, 2), NGX_OK);
    assert_int_equal(out[0], 0x0a);
    assert_int_equal(out[1], 0xf9);
    assert_int_equal(ngx_dicom_unhex(out, &good, 1), NGX_DECLINED);
    assert_int_equal(ngx_dicom_unhex(out, &good, 3), NGX_DECLINED);
    assert_int_equal(ngx_dicom_unhex(out, &bad, 2), NGX_DECLINED);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(uid_takes_what_devices_write),
        cmocka_unit_test(uid_refuses_the_rest),
        cmocka_unit_test(uuid_is_checked),
        cmocka_unit_test(uuid_is_random_version_4),
        cmocka_unit_test(unhex_needs_all_digits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
