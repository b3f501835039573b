/* links: t/unit/nginx.c ngx_dicom_module/ngx_dicom_json.c */
/* links: ngx_dicom_module/ngx_dicom_patch.c */
/* pkg: yajl libcrypto */

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nginx.h"
#include "ngx_dicom_patch.h"


static ngx_pool_t  *pool;


static int
setup(void **state)
{
    pool = test_pool();
    return 0;
}


static int
teardown(void **state)
{
    ngx_destroy_pool(pool);
    return 0;
}


static ngx_dicom_json_t *
parse(const char *text)
{
    ngx_str_t          error = { 0, NULL };
    ngx_dicom_json_t  *json;

    json = ngx_dicom_json_parse(pool, (u_char *) text, strlen(text), &error);
    assert_non_null(json);

    return json;
}


static char *
digest(const ngx_dicom_json_t *json, const char *without)
{
    ngx_str_t  d;

    assert_int_equal(ngx_dicom_patch_digest(pool, json, without, &d), NGX_OK);
    assert_int_equal(d.len, 64);

    return (char *) d.data;
}


/* The examples of RFC 7396, appendix A, whose target is an object. */
static void
test_merge(void **state)
{
    static const char *const  cases[][3] = {
        { "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
        { "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}" },
        { "{\"a\":\"b\"}", "{\"a\":null}", "{}" },
        { "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}" },
        { "{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
        { "{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}" },
        { "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}",
          "{\"a\":{\"b\":\"d\"}}" },
        { "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}" },
        { "{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}" },
        { "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}" },
        { "{\"a\":\"foo\"}", "{\"a\":{\"b\":null,\"c\":2}}",
          "{\"a\":{\"c\":2}}" }
    };

    size_t  i;

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_string_equal(
            digest(ngx_dicom_patch_merge(pool, parse(cases[i][0]),
                                         parse(cases[i][1])), NULL),
            digest(parse(cases[i][2]), NULL));
    }
}


static void
test_digest(void **state)
{
    ngx_dicom_json_t  *one, *other;

    one = parse("{\"a\":1,\"b\":{\"x\":[1,true,null],\"y\":\"\\u00e9\"}}");
    other = parse(" { \"b\" : {\"y\":\"\303\251\", \"x\":[1, true, null]},"
                  "\"a\" : 1 } ");

    assert_string_equal(digest(one, NULL), digest(other, NULL));

    assert_string_not_equal(digest(one, NULL),
                            digest(parse("{\"a\":1}"), NULL));
    assert_string_not_equal(digest(parse("{\"a\":[1,2]}"), NULL),
                            digest(parse("{\"a\":[2,1]}"), NULL));
    assert_string_not_equal(digest(parse("{\"a\":\"1\"}"), NULL),
                            digest(parse("{\"a\":1}"), NULL));
    assert_string_not_equal(digest(parse("{\"a\":null}"), NULL),
                            digest(parse("{}"), NULL));

    assert_string_equal(
        digest(parse("{\"a\":1,\"password\":\"x\"}"), "password"),
        digest(parse("{\"password\":\"y\",\"a\":1}"), "password"));
    assert_string_not_equal(
        digest(parse("{\"a\":{\"password\":\"x\"}}"), "password"),
        digest(parse("{\"a\":{\"password\":\"y\"}}"), "password"));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_merge, setup, teardown),
        cmocka_unit_test_setup_teardown(test_digest, setup, teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
