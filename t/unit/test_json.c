/* links: t/unit/nginx.c ngx_dicom_module/ngx_dicom_json.c */
/* links: ngx_dicom_module/ngx_dicom_bind.c ngx_dicom_module/ngx_dicom_uid.c */
/* pkg: yajl libcrypto */

#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nginx.h"
#include "ngx_dicom_json.h"


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


/* Parses a copy on the heap, so that reading beyond it is found. */
static ngx_dicom_json_t *
parse_bytes(const char *text, size_t len)
{
    u_char            *copy;
    ngx_str_t          error = { 0, NULL };
    ngx_dicom_json_t  *json;

    copy = malloc(len);
    memcpy(copy, text, len);
    json = ngx_dicom_json_parse(pool, copy, len, &error);
    free(copy);

    assert_true(json != NULL || error.len > 0);

    return json;
}


static ngx_dicom_json_t *
parse(const char *text)
{
    return parse_bytes(text, strlen(text));
}


static void
values_have_their_types(void **state)
{
    ngx_dicom_json_t  *j, *v;

    j = parse(" {\"a\":null,\"b\":true,\"c\":-12,\"d\":1.5e1,"
              "\"e\":\"x\\u0159\\n\\\"\",\"f\":[1,[2]],\"g\":{},"
              "\"h\":false} ");
    assert_non_null(j);
    assert_int_equal(j->type, NGX_DICOM_JSON_OBJECT);
    assert_int_equal(j->nelts, 8);

    assert_int_equal(ngx_dicom_json_get(j, "a")->type, NGX_DICOM_JSON_NULL);
    assert_int_equal(ngx_dicom_json_get(j, "b")->integer, 1);
    assert_int_equal(ngx_dicom_json_get(j, "h")->integer, 0);

    v = ngx_dicom_json_get(j, "c");
    assert_int_equal(v->type, NGX_DICOM_JSON_INTEGER);
    assert_int_equal(v->integer, -12);

    v = ngx_dicom_json_get(j, "d");
    assert_int_equal(v->type, NGX_DICOM_JSON_NUMBER);
    assert_true(v->number == 15.0);
    assert_string_equal(v->string.data, "1.5e1");

    assert_string_equal(ngx_dicom_json_get(j, "e")->string.data,
                        "x\xc5\x99\n\"");

    v = ngx_dicom_json_get(j, "f");
    assert_int_equal(v->nelts, 2);
    assert_int_equal(v->first->integer, 1);
    assert_int_equal(v->first->next->type, NGX_DICOM_JSON_ARRAY);

    assert_null(ngx_dicom_json_get(j, "nothing"));
    assert_null(ngx_dicom_json_get(v, "a"));
    assert_null(ngx_dicom_json_get(NULL, "a"));
}


static void
integers_know_their_bounds(void **state)
{
    assert_int_equal(parse("9223372036854775807")->integer, INT64_MAX);
    assert_int_equal(parse("-9223372036854775808")->integer, INT64_MIN);
    assert_int_equal(parse("9223372036854775808")->type,
                     NGX_DICOM_JSON_NUMBER);
    assert_null(parse("1e400"));
    assert_null(parse("[-1e999]"));
}


static void
wrong_text_is_refused(void **state)
{
    ngx_uint_t         i;
    static const char *bad[] = {
        "", " ", "{", "[1,]", "{\"a\":}", "{'a':1}", "nul", "01", "+1", "1.",
        ".5", "\"a", "\"\t\"", "[1] 2", "{}{}", "//x\n{}", "NaN", "Infinity",
        "{\"a\":1,\"a\":2}", "{\"a\":1,\"\\u0061\":2}", "\"\\u0000\"",
        "{\"\\u0000\":1}", "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\u0041\"",
        "\"\\ud800x\"", "\"\\udc00\\ud800\"", "\"\\x41\"", "\"\\u12\"",
        "\"\xff\"", "\"\xc0\x80\"", "\"\xed\xa0\x80\"", "\"\xf4\x90\x80\x80\"",
        "\"\xc3\"", "\xef\xbb\xbf{}"
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (parse(bad[i]) != NULL) {
            fail_msg("accepted: %s", bad[i]);
        }
    }

    assert_null(parse_bytes("\"a\0b\"", 5));
    assert_null(parse_bytes("1\0", 2));
    assert_non_null(parse("\"\\ud83d\\ude00 \\\\ud800\""));
}


static void
depth_size_and_members_are_bounded(void **state)
{
    char    *text, *p;
    size_t   i;

    assert_non_null(parse("[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]"));
    assert_null(parse("[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]"));

    text = malloc(1024 * 1024);

    p = text;
    *p++ = '[';
    for (i = 0; i < NGX_DICOM_JSON_MAX_VALUES - 2; i++) {
        *p++ = '0';
        *p++ = ',';
    }
    memcpy(p, "0]", 3);
    assert_non_null(parse(text));
    memcpy(p, "0,0]", 5);
    assert_null(parse(text));

    p = text;
    *p++ = '{';
    for (i = 0; i < NGX_DICOM_JSON_MAX_MEMBERS; i++) {
        p += sprintf(p, "%s\"m%zu\":0", i ? "," : "", i);
    }
    memcpy(p, "}", 2);
    assert_non_null(parse(text));
    memcpy(p, ",\"x\":0}", 8);
    assert_null(parse(text));

    free(text);
}


static void
text_is_written(void **state)
{
    ngx_str_t                 json, s = test_str("a\"\\\n\x01/\xc5\x99");
    ngx_str_t                 raw = test_str("{\"r\":1}");
    ngx_str_t                 bad = test_str("\xff" "a\xc5"), none = { 0, NULL };
    ngx_dicom_json_writer_t  *w = ngx_dicom_json_writer(pool);

    ngx_dicom_json_object(w);
    ngx_dicom_json_key(w, "s");
    ngx_dicom_json_string(w, &s);
    ngx_dicom_json_key(w, "bad");
    ngx_dicom_json_string(w, &bad);
    ngx_dicom_json_key(w, "none");
    ngx_dicom_json_string(w, &none);
    ngx_dicom_json_key(w, "n");
    ngx_dicom_json_array(w);
    ngx_dicom_json_integer(w, INT64_MIN);
    ngx_dicom_json_number(w, 0.1);
    ngx_dicom_json_number(w, 1.0 / 3);
    ngx_dicom_json_number(w, 2);
    ngx_dicom_json_number(w, NAN);
    ngx_dicom_json_number(w, INFINITY);
    ngx_dicom_json_bool(w, 42);
    ngx_dicom_json_null(w);
    ngx_dicom_json_raw(w, &raw);
    ngx_dicom_json_end_array(w);
    ngx_dicom_json_end_object(w);

    assert_int_equal(ngx_dicom_json_finish(w, &json), NGX_OK);
    assert_string_equal(json.data,
        "{\"s\":\"a\\\"\\\\\\n\\u0001/\xc5\x99\","
        "\"bad\":\"\xef\xbf\xbd" "a\xef\xbf\xbd\",\"none\":\"\","
        "\"n\":[-9223372036854775808,0.1,0.3333333333333333,2,null,null,true,"
        "null,{\"r\":1}]}");
    assert_non_null(parse((char *) json.data));
}


static void
writer_remembers_a_failure(void **state)
{
    ngx_str_t                 json;
    ngx_dicom_json_writer_t  *w = ngx_dicom_json_writer(pool);

    ngx_dicom_json_object(w);
    ngx_dicom_json_integer(w, 1);              /* a key must be a string */
    ngx_dicom_json_end_object(w);

    assert_int_equal(ngx_dicom_json_finish(w, &json), NGX_ERROR);
}


typedef struct {
    ngx_str_t          name;
    ngx_str_t          id;
    ngx_str_t          day;
    ngx_str_t          uid;
    ngx_str_t          url;
    ngx_str_t          mail;
    ngx_str_t          code;
    int64_t            count;
    ngx_int_t          flag;
    ngx_dicom_json_t  *list;
    ngx_dicom_json_t  *object;
} bound_t;

static const ngx_dicom_field_t  fields[] = {
    { ngx_string("name"), NGX_DICOM_F_STRING,
      NGX_DICOM_F_REQUIRED|NGX_DICOM_F_NULLABLE, 2, 5,
      offsetof(bound_t, name) },
    { ngx_string("id"), NGX_DICOM_F_UUID, 0, 0, 0, offsetof(bound_t, id) },
    { ngx_string("day"), NGX_DICOM_F_DATE, 0, 0, 0, offsetof(bound_t, day) },
    { ngx_string("uid"), NGX_DICOM_F_UID, 0, 0, 0, offsetof(bound_t, uid) },
    { ngx_string("url"), NGX_DICOM_F_URL, 0, 0, 40, offsetof(bound_t, url) },
    { ngx_string("mail"), NGX_DICOM_F_EMAIL, 0, 0, 40,
      offsetof(bound_t, mail) },
    { ngx_string("code"), NGX_DICOM_F_CODE, 0, 0, 0, offsetof(bound_t, code) },
    { ngx_string("count"), NGX_DICOM_F_INTEGER, 0, -1, 7,
      offsetof(bound_t, count) },
    { ngx_string("flag"), NGX_DICOM_F_BOOL, 0, 0, 0, offsetof(bound_t, flag) },
    { ngx_string("list"), NGX_DICOM_F_ARRAY, 0, 0, 2,
      offsetof(bound_t, list) },
    { ngx_string("object"), NGX_DICOM_F_OBJECT, 0, 0, 0,
      offsetof(bound_t, object) },
    ngx_dicom_null_field
};


/* "field: detail" of the first error, or "". */
static const char *
bound(const char *text, bound_t *b, const char *prefix)
{
    ngx_int_t                rc;
    static char              first[256];
    ngx_array_t              errors;
    ngx_dicom_json_error_t  *e;

    ngx_array_init(&errors, pool, 1, sizeof(ngx_dicom_json_error_t));
    memset(b, 0x5a, sizeof(bound_t));

    rc = ngx_dicom_json_bind(pool, parse(text), fields, b, prefix, &errors);

    if (errors.nelts == 0) {
        assert_int_equal(rc, NGX_OK);
        return "";
    }

    assert_int_equal(rc, NGX_DECLINED);

    e = errors.elts;
    snprintf(first, sizeof(first), "%.*s: %.*s", (int) e->field.len,
             e->field.data, (int) e->detail.len, e->detail.data);

    return first;
}


static void
members_are_bound(void **state)
{
    bound_t  b;

    assert_string_equal(bound("{\"name\":\"abc\",\"day\":\"2024-02-29\","
        "\"id\":\"00000000-0000-4000-8000-000000000000\",\"uid\":\"1.2\","
        "\"url\":\"https://a:1/b\",\"mail\":\"a@b.c\",\"count\":-1,"
        "\"flag\":true,\"list\":[1,2],\"object\":{\"x\":1}}", &b, ""), "");
    assert_string_equal(b.name.data, "abc");
    assert_int_equal(b.count, -1);
    assert_int_equal(b.flag, 1);
    assert_int_equal(b.list->nelts, 2);
    assert_int_equal(ngx_dicom_json_get(b.object, "x")->integer, 1);
}


static void
absent_and_null_differ(void **state)
{
    bound_t  b;

    assert_string_equal(bound("{\"name\":null}", &b, ""), "");
    assert_non_null(b.name.data);
    assert_int_equal(b.name.len, 0);
    assert_null(b.id.data);
    assert_int_equal(b.flag, NGX_CONF_UNSET);
    assert_int_equal(b.count, 0);
    assert_null(b.list);

    assert_string_equal(bound("{}", &b, ""), "name: is required");
    assert_string_equal(bound("{\"name\":\"ab\",\"id\":null}", &b, ""),
                        "id: must not be null");
}


#define CODE  "code: must be 1 to 16 of A to Z, 0 to 9, _ and inner spaces"

static void
wrong_members_are_named(void **state)
{
    bound_t     b;
    ngx_uint_t  i;
    static const char *cases[][2] = {
        { "\"x\":1", "x: is not known here" },
        { "\"id\":5", "id: must be a string" },
        { "\"id\":\"5\"", "id: must be a UUID" },
        { "\"day\":\"2023-02-29\"", "day: must be a date like 2026-11-22" },
        { "\"day\":\"1900-02-29\"", "day: must be a date like 2026-11-22" },
        { "\"day\":\"2024-13-01\"", "day: must be a date like 2026-11-22" },
        { "\"day\":\"2024-1-01\"", "day: must be a date like 2026-11-22" },
        { "\"day\":\"0000-01-01\"", "day: must be a date like 2026-11-22" },
        { "\"uid\":\"1..2\"", "uid: must be a DICOM UID" },
        { "\"url\":\"ftp://a\"", "url: must be a URL like "
                                 "https://host:port/path" },
        { "\"url\":\"https://\"", "url: must be a URL like "
                                  "https://host:port/path" },
        { "\"url\":\"https://a@b\"", "url: must be a URL like "
                                     "https://host:port/path" },
        { "\"url\":\"https://a/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
          "url: must have 0 to 40 bytes" },
        { "\"mail\":\"a\"", "mail: must be an e-mail address" },
        { "\"mail\":\"@b\"", "mail: must be an e-mail address" },
        { "\"mail\":\"a@b@c\"", "mail: must be an e-mail address" },
        { "\"mail\":\"a b@c\"", "mail: must be an e-mail address" },
        { "\"code\":\"ct\"", CODE },
        { "\"code\":\"\"", CODE },
        { "\"code\":\" CT\"", CODE },
        { "\"code\":\"CT \"", CODE },
        { "\"code\":\"C-T\"", CODE },
        { "\"code\":\"ABCDEFGHIJKLMNOPQ\"", CODE },
        { "\"count\":8", "count: must be an integer from -1 to 7" },
        { "\"count\":1.5", "count: must be an integer from -1 to 7" },
        { "\"count\":\"1\"", "count: must be an integer from -1 to 7" },
        { "\"flag\":1", "flag: must be true or false" },
        { "\"list\":{}", "list: must be an array" },
        { "\"list\":[1,2,3]", "list: must have at most 2 elements" },
        { "\"object\":[]", "object: must be an object" }
    };

    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char  text[256];

        snprintf(text, sizeof(text), "{%s,\"name\":\"abc\"}", cases[i][0]);
        assert_string_equal(bound(text, &b, ""), cases[i][1]);
    }

    assert_string_equal(bound("{\"name\":\"a\"}", &b, ""),
                        "name: must have 2 to 5 bytes");
    assert_string_equal(bound("{\"name\":\"abcdef\"}", &b, ""),
                        "name: must have 2 to 5 bytes");
    assert_string_equal(bound("{\"name\":\"a\\u0007b\"}", &b, ""),
                        "name: must not have control characters");
    assert_string_equal(bound("{\"name\":\"a\\nb\"}", &b, ""), "");
    assert_string_equal(bound("[]", &b, "users[3]"),
                        "users[3]: must be an object");
    assert_string_equal(bound("{\"y\":1}", &b, "users[3]"),
                        "users[3].y: is not known here");
}


static void
a_long_name_is_cut_between_characters(void **state)
{
    bound_t      b;
    const char  *first;

    first = bound("{\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
                 "aaaaa\xc5\x99\xc5\x99\":1,\"name\":null}", &b, "");
    assert_string_equal(first + strlen(first) - 19, "a: is not known here" + 1);
    assert_int_equal(strchr(first, ':') - first, 63);
}


int
main(void)
{
#define test(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest  tests[] = {
        test(values_have_their_types),
        test(integers_know_their_bounds),
        test(wrong_text_is_refused),
        test(depth_size_and_members_are_bounded),
        test(text_is_written),
        test(writer_remembers_a_failure),
        test(members_are_bound),
        test(absent_and_null_differ),
        test(wrong_members_are_named),
        test(a_long_name_is_cut_between_characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
