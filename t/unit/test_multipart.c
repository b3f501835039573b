/* links: t/unit/nginx.c ngx_dicom_module/ngx_dicom_multipart.c */

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nginx.h"
#include "ngx_dicom_multipart.h"


#define TWO                                                                   \
    "--b\r\nContent-Type: application/dicom\r\nContent-Length: 3\r\n\r\none"   \
    "\r\n--b \t\r\n\r\nt\r\nw\r\n--o\r\r\n--b--\r\n"

static const char  two[] = "(application/dicom:one)(:t\r\nw\r\n--o\r).";


/*
 * What a body comes to, written as (type:data) for each part, "." at the end
 * of the body and "!" where it is malformed.  It is given in pieces of step
 * bytes, each on the heap, so that reading beyond one is found.
 */
static const char *
parts(const char *text, size_t len, size_t step)
{
    u_char                 *copy, *pos, *last;
    size_t                  at, n;
    ngx_str_t               boundary = ngx_string("b");
    ngx_dicom_multipart_t   m;
    ngx_dicom_multipart_e   event;

    static char             out[16384];
    static size_t           used;

    assert_int_equal(ngx_dicom_multipart_init(&m, &boundary), NGX_OK);

    used = 0;
    event = NGX_DICOM_MULTIPART_MORE;

    for (at = 0; at < len && event != NGX_DICOM_MULTIPART_MALFORMED; at += n) {
        n = ngx_min(step, len - at);
        copy = pos = malloc(n);
        memcpy(copy, text + at, n);
        last = copy + n;

        do {
            event = ngx_dicom_multipart_next(&m, &pos, last);

            switch (event) {

            case NGX_DICOM_MULTIPART_BEGIN:
                used += sprintf(out + used, "(%.*s:", (int) m.type.len,
                                m.type.data);
                break;

            case NGX_DICOM_MULTIPART_DATA:
                assert_true(m.data.len > 0);
                memcpy(out + used, m.data.data, m.data.len);
                used += m.data.len;
                break;

            case NGX_DICOM_MULTIPART_END:
                out[used++] = ')';
                break;

            case NGX_DICOM_MULTIPART_LAST:
                out[used++] = '.';
                break;

            case NGX_DICOM_MULTIPART_MALFORMED:
                out[used++] = '!';
                break;

            default:
                assert_ptr_equal(pos, last);
            }

        } while (event != NGX_DICOM_MULTIPART_MORE
                 && event != NGX_DICOM_MULTIPART_MALFORMED);

        free(copy);
    }

    out[used] = '\0';

    return out;
}


#define assert_parts(text, expected)                                          \
    assert_string_equal(parts(text, sizeof(text) - 1, sizeof(text)), expected)


/* RFC 2046 5.1.1: wherever the network cuts the body, its parts are these. */

static void
test_pieces(void **state)
{
    size_t  step;

    for (step = 1; step <= sizeof(TWO); step++) {
        assert_string_equal(parts(TWO, sizeof(TWO) - 1, step), two);
    }
}


static void
test_around(void **state)
{
    assert_parts("\r\n" TWO, two);
    assert_parts("not --b\r\n--a\r\nlooked at\r\n" TWO, two);
    assert_parts(TWO "--b\r\n\r\nnor this\r\n--b\r\n", two);
    assert_parts("--b--", ".");
    assert_parts("--b\r\n\r\n\r\n--b--", "(:).");
}


/* A part that does not end has no end event: whoever stores it must not. */

static void
test_cut_off(void **state)
{
    assert_parts("--b\r\n\r\nab", "(:ab");
    assert_parts("--b\r\n\r\nab\r\n--", "(:ab");
    assert_parts("--b\r\n\r\nab\r\n--b", "(:ab)");
    assert_parts("", "");
}


static void
test_malformed(void **state)
{
    assert_parts("--bc\r\n\r\nab\r\n--b--", "!");
    assert_parts("--b\r\n\r\nab\r\n--b-x", "(:ab)!");
    assert_parts("--b\n\n", "!");
    assert_parts("--b\r\nA: b\n\r\n", "!");
    assert_parts("--b\r\nA: \0b\r\n\r\n", "!");
    assert_parts("--b\r\nA: b\rc\r\n", "!");
}


/* Headers are bounded, a type that is too long is none that is known. */

static void
test_headers(void **state)
{
    char    body[2 * NGX_DICOM_MULTIPART_HEADERS];
    size_t  len, fill;

    assert_parts("--b\r\ncontent-type:\tText/Plain ; x=y\r\n\r\n", "(Text/Plain:");
    assert_parts("--b\r\nX-Content-Type: a\r\n\r\n", "(:");

    for (fill = NGX_DICOM_MULTIPART_HEADERS - 2;
         fill <= NGX_DICOM_MULTIPART_HEADERS - 1; fill++)
    {
        len = sprintf(body, "--b\r\nA:");
        memset(body + len, 'x', fill);
        len += fill;
        len += sprintf(body + len, "\r\n\r\n");

        assert_string_equal(parts(body, len, len),
                            fill + 2 > NGX_DICOM_MULTIPART_HEADERS ? "!"
                                                                   : "(:");
    }

    len = sprintf(body, "--b\r\nContent-Type: ");
    memset(body + len, 'x', 1000);
    len += 1000;
    len += sprintf(body + len, "\r\n\r\n");

    assert_string_equal(parts(body, len, len), "(:");
}


static void
test_boundaries(void **state)
{
    size_t                 i;
    ngx_str_t              s;
    ngx_dicom_multipart_t  m;

    ngx_str_t  good[] = { ngx_string("a"), ngx_string("'()+_,-./:=? z"),
                          ngx_string("----WebKitFormBoundary7MA4YWxkTrZu0gW") };
    ngx_str_t  bad[] = { ngx_string(""), ngx_string("a "), ngx_string("a\r"),
                         ngx_string("a\0b"), ngx_string("\xc3\xa4"),
                         ngx_string("a\"b") };
    u_char     longest[NGX_DICOM_MULTIPART_BOUNDARY + 1];

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(ngx_dicom_multipart_init(&m, &good[i]), NGX_OK);
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(ngx_dicom_multipart_init(&m, &bad[i]), NGX_DECLINED);
    }

    memset(longest, 'x', sizeof(longest));
    s.data = longest;
    s.len = NGX_DICOM_MULTIPART_BOUNDARY;
    assert_int_equal(ngx_dicom_multipart_init(&m, &s), NGX_OK);
    s.len++;
    assert_int_equal(ngx_dicom_multipart_init(&m, &s), NGX_DECLINED);
}


static void
related(const char *text, const char *type, const char *boundary)
{
    ngx_str_t  value, t, b;

    value.len = strlen(text);
    value.data = malloc(value.len ? value.len : 1);
    memcpy(value.data, text, value.len);

    if (type == NULL) {
        assert_int_equal(ngx_dicom_multipart_related(&value, &t, &b),
                         NGX_DECLINED);

    } else {
        assert_int_equal(ngx_dicom_multipart_related(&value, &t, &b), NGX_OK);
        assert_int_equal(t.len, strlen(type));
        assert_memory_equal(t.data, type, t.len);
        assert_int_equal(b.len, strlen(boundary));
        assert_memory_equal(b.data, boundary, b.len);
    }

    free(value.data);
}


static void
test_related(void **state)
{
    related("multipart/related; type=\"application/dicom\"; boundary=b",
            "application/dicom", "b");
    related("Multipart/Related;boundary=\"a;b=c\" ; Type=application/dicom ",
            "application/dicom", "a;b=c");
    related("multipart/related", "", "");
    related("multipart/related; start=x; boundary=", "", "");
    related("multipart/form-data; boundary=b", NULL, NULL);
    related("multipart/related boundary=b", NULL, NULL);
    related("", NULL, NULL);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_around),
        cmocka_unit_test(test_cut_off),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_boundaries),
        cmocka_unit_test(test_related)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
