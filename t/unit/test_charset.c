/*
 * Names in every repertoire of PS3.3 C.12.1.1.2 become UTF-8; what is no
 * character becomes U+FFFD and never invalid UTF-8.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "charset.h"

/* links: render-worker/charset.c */


static const char *
convert(const char *terms, const char *text)
{
    static char     out[256];
    struct charset  charset;

    charset_init(&charset, terms, strlen(terms));
    charset_convert(&charset, text, strlen(text), out, sizeof(out));
    return out;
}


static void
test_single_byte(void **state)
{
    assert_string_equal(convert("", "Smith^John"), "Smith^John");
    assert_string_equal(convert("ISO_IR 100", "Buc^J\xe9r\xf4me"),
        "Buc^J\u00e9r\u00f4me");
    assert_string_equal(convert("ISO_IR 101", "Vi\xb9njevac"),
        "Vi\u0161njevac");
    assert_string_equal(convert("ISO_IR 144",
        "\xbb\xee\xda\x63\x65\xdc\xd1\x79\x70\xd3"),
        "\u041b\u044e\u043ace\u043c\u0431yp\u0433");
    assert_string_equal(convert("ISO_IR 126", "\xc4\xe9\xef"),
        "\u0394\u03b9\u03bf");
    assert_string_equal(convert("ISO_IR 166 ", "\xb9\xd2\xc2"),
        "\u0e19\u0e32\u0e22");
    assert_string_equal(convert("ISO_IR 13", "\xd4\xcf\xc0\xde^\xc0\xdb\xb3"),
        "\uff94\uff8f\uff80\uff9e^\uff80\uff9b\uff73");
    assert_string_equal(convert("ISO_IR 203", "\xa4"), "\u20ac");
}


static void
test_multi_byte(void **state)
{
    assert_string_equal(convert("ISO_IR 192", "Wang^\xe5\xb0\x8f\xe6\x9d\xb1"),
        "Wang^\u5c0f\u6771");
    assert_string_equal(convert("GB18030", "\xcd\xf5^\xd0\xa1\xb6\xab"),
        "\u738b^\u5c0f\u4e1c");
    assert_string_equal(convert("GBK", "\xcd\xf5"), "\u738b");
}


/* The examples of PS3.5 annexes H, I, J and K. */
static void
test_code_extensions(void **state)
{
    assert_string_equal(convert("\\ISO 2022 IR 87",
        "Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B="
        "\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B"),
        "Yamada^Tarou=\u5c71\u7530^\u592a\u90ce="
        "\u3084\u307e\u3060^\u305f\u308d\u3046");
    assert_string_equal(convert("ISO 2022 IR 13\\ISO 2022 IR 87",
        "\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^"),
        "\uff94\uff8f\uff80\uff9e^\uff80\uff9b\uff73=\u5c71\u7530^");
    assert_string_equal(convert("\\ISO 2022 IR 149",
        "Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7="
        "\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf"),
        "Hong^Gildong=\u6d2a^\u5409\u6d1e=\ud64d^\uae38\ub3d9");
    assert_string_equal(convert("\\ISO 2022 IR 58",
        "Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab="),
        "Zhang^XiaoDong=\u5f20^\u5c0f\u4e1c=");
    assert_string_equal(convert("ISO 2022 IR 100\\ISO 2022 IR 144",
        "J\xe9r\x1b-L\xbb\xee"), "J\u00e9r\u041b\u044e");
    assert_string_equal(convert("ISO 2022 IR 159", "\x1b$(D0!"), "\u4e02");
}


/* No term, or one that nobody knows: the bytes decide. */
static void
test_guess(void **state)
{
    assert_string_equal(convert("", "J\xe9r"), "J\u00e9r");
    assert_string_equal(convert("", "J\xc3\xa9r"), "J\u00e9r");
    assert_string_equal(convert("KLINGON", "J\xe9r"), "J\u00e9r");
}


static void
test_control_characters(void **state)
{
    assert_string_equal(convert("ISO_IR 100", "a\x01\x1f\x7f\x85z"), "az");
    assert_string_equal(convert("ISO_IR 192", "a\xff\xc3z\xe5\xb0"),
        "a\ufffd\ufffdz\ufffd\ufffd");
    assert_string_equal(convert("\\ISO 2022 IR 87", "a\x1b$Zb"),
        "a\ufffd$Zb");
}


static void
test_short_buffer(void **state)
{
    struct charset  charset;
    char            out[6];

    charset_init(&charset, "ISO_IR 192", 10);
    assert_int_equal(charset_convert(&charset, "abc\xe5\xb0\x8f", 6, out,
        sizeof(out)), 3);
    assert_string_equal(out, "abc");
}


static bool
is_utf8(const unsigned char *p)
{
    while (*p != 0) {
        size_t  n = *p < 0x80 ? 1 : *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;

        if ((*p >= 0x80 && *p < 0xc2) || *p > 0xf4) {
            return false;
        }
        for (size_t i = 1; i < n; i++) {
            if ((p[i] & 0xc0) != 0x80) {
                return false;
            }
        }
        p += n;
    }
    return true;
}


static void
test_noise(void **state)
{
    static const char  *const terms[] = {
        "", "ISO_IR 192", "ISO_IR 100", "ISO_IR 13", "GB18030", "GBK",
        "\\ISO 2022 IR 87\\ISO 2022 IR 159", "\\ISO 2022 IR 149",
        "ISO 2022 IR 58", "\\\\\\\\\\\\\\\\\\\\"
    };
    static const char  escapes[] = "\x1b$B\x1b(J\x1b$)C\x1b$(D^=\\";
    unsigned           seed = 1;

    for (unsigned round = 0; round < 20000; round++) {
        struct charset  charset;
        const char     *term = terms[round % 10];
        char            text[64], out[40];
        size_t          length;

        for (size_t i = 0; i < sizeof(text); i++) {
            seed = seed * 1103515245 + 12345;
            text[i] = seed >> 28 < 4 ? escapes[(seed >> 16) % 17]
                : (char) (seed >> 16);
        }
        charset_init(&charset, term, strlen(term));
        length = charset_convert(&charset, text, sizeof(text), out,
            sizeof(out));
        assert_true(length < sizeof(out));
        assert_int_equal(strlen(out), length);
        assert_true(is_utf8((unsigned char *) out));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_single_byte),
        cmocka_unit_test(test_multi_byte),
        cmocka_unit_test(test_code_extensions),
        cmocka_unit_test(test_guess),
        cmocka_unit_test(test_control_characters),
        cmocka_unit_test(test_short_buffer),
        cmocka_unit_test(test_noise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
