/* links: t/unit/nginx.c ngx_dicom_module/ngx_dicom_fold.c */
/* libs: -lunistring */

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nginx.h"
#include "ngx_dicom_fold.h"


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


/* Folds a copy on the heap, so that reading beyond it is found. */
static ngx_int_t
fold(const char *text, size_t len, ngx_array_t *words)
{
    u_char     *copy;
    ngx_int_t   rc;
    ngx_str_t   s;

    copy = malloc(len ? len : 1);
    memcpy(copy, text, len);

    s.data = copy;
    s.len = len;

    assert_int_equal(ngx_array_init(words, pool, 1, sizeof(ngx_str_t)),
                     NGX_OK);
    rc = ngx_dicom_fold(pool, &s, words);

    free(copy);

    return rc;
}


static void
folds_to(const char *text, const char *expected)
{
    ngx_str_t    key;
    ngx_array_t  words;

    assert_int_equal(fold(text, strlen(text), &words), NGX_OK);
    assert_int_equal(ngx_dicom_fold_join(pool, &words, &key), NGX_OK);
    assert_string_equal((char *) key.data, expected);
    assert_int_equal(key.len, strlen(expected));
}


static void
test_letters(void **state)
{
    folds_to("", "");
    folds_to("  \t\n ", "");
    folds_to("Mueller", "mueller");
    folds_to("MÜLLER", "muller");
    folds_to("Mu\xcc\x88ller", "muller");          /* u, combining diaeresis */
    folds_to("Łukasz Đurić Søren", "lukasz duric soren");
    folds_to("Straße STRASSE", "strasse strasse");
    folds_to("Æthel Œuvre Þór", "aethel oeuvre thor");
    folds_to("İstanbul Işık ılık", "istanbul isik ilik");
    folds_to("ﬁne ｆｕｌｌ", "fine full");
    folds_to("Ёлка ёлка", "елка елка");
    folds_to("ΣΊΣΥΦΟΣ σίσυφος", "σισυφοσ σισυφοσ");
    folds_to("أحمد احمد", "احمد احمد");
    folds_to("مـحـمد", "محمد");
    folds_to("Nguyễn", "nguyen");
    folds_to("山田 太郎", "山田 太郎");
}


static void
test_words(void **state)
{
    folds_to("Müller-Lüdenscheidt", "muller ludenscheidt");
    folds_to("O'Brien O’Brien D`Arc", "obrien obrien darc");
    folds_to("DOE^JOHN^^DR.", "doe john dr");
    folds_to("Yamada^Tarou=山田^太郎", "yamada tarou 山田 太郎");
    folds_to("a\xc2\xa0" "b\xe3\x80\x80" "c", "a b c");   /* other spaces */
    folds_to("--- ... !", "");
    folds_to("x\xe2\x80\x8dy", "xy");                   /* joiner */
}


static void
test_numbers(void **state)
{
    folds_to("12.345-6", "#123456");
    folds_to("A-12 34", "#a12 #34");
    folds_to("PAT A1", "pat #a1");
    folds_to("١٢٣ १२", "#123 #12");
    folds_to("3mm O'2", "#3mm #o2");
    folds_to("½", "#12");
}


static void
test_wrong_bytes(void **state)
{
    static const char *const  wrong[] = {
        "\xff", "a\xc3", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "ab\x80""cd"
    };

    size_t       i;
    ngx_array_t  words;

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_int_equal(fold(wrong[i], strlen(wrong[i]), &words),
                         NGX_DECLINED);
        assert_int_equal(words.nelts, 0);
    }

    assert_int_equal(fold("a\0b", 3, &words), NGX_OK);
}


static void
test_long(void **state)
{
    char         text[6000], *p;
    int          i;
    ngx_str_t    key, *word;
    ngx_array_t  words;

    for (p = text, i = 0; i < 1500; i++) {
        p = (char *) ngx_cpymem(p, "ﷺ", 3);      /* eighteen characters */
    }

    assert_int_equal(fold(text, p - text, &words), NGX_OK);
    assert_int_equal(ngx_dicom_fold_join(pool, &words, &key), NGX_OK);
    assert_true(key.len <= NGX_DICOM_FOLD_MAX);
    assert_true((key.data[key.len - 1] & 0xc0) != 0xc0);

    for (i = 0; i < 300; i++) {
        text[2 * i] = 'x';
        text[2 * i + 1] = 'y';
    }

    assert_int_equal(fold(text, 600, &words), NGX_OK);
    word = words.elts;
    assert_int_equal(words.nelts, 1);
    assert_int_equal(word[0].len, NGX_DICOM_FOLD_MAX);

    /* never half a character */

    assert_int_equal(fold("山山山", 9, &words), NGX_OK);
    for (i = 0; i < 90; i++) {
        word = ngx_array_push(&words);
        *word = ((ngx_str_t *) words.elts)[0];
    }
    assert_int_equal(ngx_dicom_fold_join(pool, &words, &key), NGX_OK);
    assert_true(key.len <= NGX_DICOM_FOLD_MAX);
    assert_true(key.data[key.len - 1] == ' '
                || (key.data[key.len - 1] & 0xc0) == 0x80);
}


static int
compare(const ngx_str_t *a, const ngx_str_t *b)
{
    return strcmp((char *) a->data, (char *) b->data);
}


static void
test_end(void **state)
{
    ngx_str_t  prefix = ngx_string("mul"), end;
    ngx_str_t  inside[] = { ngx_string("mul"), ngx_string("mulder"),
                            ngx_string("mul\xf4\x8f\xbf\xbd") };
    ngx_str_t  outside[] = { ngx_string("mum"), ngx_string("muk"),
                             ngx_string("mu") };
    size_t     i;

    assert_int_equal(ngx_dicom_fold_end(pool, &prefix, &end), NGX_OK);

    for (i = 0; i < 3; i++) {
        assert_true(compare(&inside[i], &prefix) >= 0);
        assert_true(compare(&inside[i], &end) < 0);
        assert_false(compare(&outside[i], &prefix) >= 0
                     && compare(&outside[i], &end) < 0);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_letters, setup, teardown),
        cmocka_unit_test_setup_teardown(test_words, setup, teardown),
        cmocka_unit_test_setup_teardown(test_numbers, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long, setup, teardown),
        cmocka_unit_test_setup_teardown(test_end, setup, teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
