/*
 * Frames are found in encapsulated pixel data by either offset table, by their
 * count, or by the marks of their code streams; and malformed items, tables and
 * data sets are refused.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fragments.h"
#include "structure.h"

/* links: render-worker/fragments.c render-worker/structure.c */
/* links: render-worker/element.c */
/* links: render-worker/meta.c */

struct bytes {
    uint8_t  data[8192];
    size_t   length;
};


static bool
read_bytes(void *data, uint64_t offset, void *buffer, size_t size)
{
    struct bytes  *b = data;

    assert_true(offset <= b->length && size <= b->length - offset);
    memcpy(buffer, b->data + offset, size);
    return true;
}


static void
put(struct bytes *b, const void *data, size_t length)
{
    memcpy(b->data + b->length, data, length);
    b->length += length;
}


static void
put_item(struct bytes *b, const char *value, size_t length)
{
    const uint8_t  head[8] = { 0xfe, 0xff, 0x00, 0xe0, (uint8_t) length,
        (uint8_t) (length >> 8), 0, 0 };

    put(b, head, sizeof(head));
    put(b, value, length);
}


static void
put_end(struct bytes *b)
{
    put(b, "\xfe\xff\xdd\xe0\0\0\0\0", 8);
}


static uint32_t  frames_found;


static bool
spans_of(struct bytes *b, uint32_t nframes, const uint8_t *extended,
    struct fragment_span *spans, const char **error)
{
    struct fragments  f;
    bool              found;

    *error = NULL;
    if (!fragments_scan(&f, read_bytes, b, 0, b->length, error)) {
        return false;
    }
    found = fragments_spans(&f, read_bytes, b, &nframes, extended, spans,
        error);
    fragments_finish(&f);
    frames_found = nframes;
    return found;
}


static void
test_tables(void **state)
{
    struct bytes          b = { .length = 0 };
    struct fragment_span  spans[4];
    const char           *error;
    uint8_t               extended[16] = { 0 };

    /* frame 0: two fragments of 4 and 6 bytes; frame 1: one of 2 */
    put_item(&b, "\0\0\0\0\x1a\0\0\0", 8);
    put_item(&b, "aaaa", 4);
    put_item(&b, "bbbbbb", 6);
    put_item(&b, "cc", 2);
    put_end(&b);

    assert_true(spans_of(&b, 2, NULL, spans, &error));
    assert_int_equal(spans[0].offset, 16);
    assert_int_equal(spans[0].length, 26);
    assert_int_equal(spans[1].offset, 42);
    assert_int_equal(spans[1].length, 10);

    /* a wrong basic table is passed over; an extended one is taken */
    b.data[12] = 0x1b;
    assert_false(spans_of(&b, 2, NULL, spans, &error));
    assert_string_equal(error,
        "the fragments do not tell where each frame begins");
    extended[8] = 0x1a;
    assert_true(spans_of(&b, 2, extended, spans, &error));
    assert_int_equal(spans[1].offset, 42);
    extended[15] = 0xff;
    assert_false(spans_of(&b, 2, extended, spans, &error));

    /* one frame takes all, three frames one each, four there are not */
    assert_true(spans_of(&b, 1, NULL, spans, &error));
    assert_int_equal(spans[0].length, 36);
    assert_true(spans_of(&b, 4, NULL, spans, &error));
    assert_int_equal(frames_found, 3);
    assert_int_equal(spans[2].offset, 42);

    /* the table of a file that has more frames than it says */
    b.data[12] = 0x1a;
    assert_true(spans_of(&b, 1, NULL, spans, &error));
    assert_int_equal(spans[0].length, 26);
}


static void
test_marks(void **state)
{
    struct bytes          b = { .length = 0 };
    struct fragment_span  spans[2];
    const char           *error;

    put_item(&b, "", 0);
    put_item(&b, "\xff\xd8\xff\xe0", 4);
    put_item(&b, "more", 4);
    put_item(&b, "\xff\xd8\xff\xc3", 4);
    /* no delimiter: the file just ends */

    assert_true(spans_of(&b, 2, NULL, spans, &error));
    assert_int_equal(spans[0].offset, 8);
    assert_int_equal(spans[0].length, 24);
    assert_int_equal(spans[1].length, 12);

    /* empty fragments belong to nobody */
    b.length = 0;
    put_item(&b, "", 0);
    put_item(&b, "\xff\xd8\xff\xe0", 4);
    put_item(&b, "", 0);
    put_item(&b, "\xff\xd8\xff\xc3", 4);
    put_item(&b, "", 0);
    assert_true(spans_of(&b, 2, NULL, spans, &error));
    assert_int_equal(spans[1].offset, 28);
    assert_int_equal(spans[1].length, 12);

    /* RLE, with a frame more than the file says */
    b.length = 0;
    put_item(&b, "", 0);
    put_item(&b, "\3\0\0\0rle1", 8);
    put_item(&b, "\3\0\0\0rle2", 8);
    put_item(&b, "\3\0\0\0rle3", 8);
    assert_true(spans_of(&b, 2, NULL, spans, &error));
    assert_int_equal(frames_found, 2);
    assert_int_equal(spans[1].offset, 24);
    assert_int_equal(spans[1].length, 16);

    /* no item for a table: the first is a frame already */
    b.length = 0;
    put_item(&b, "\xff\x4f\xff\x51", 4);
    put_item(&b, "\xff\x4f\xff\x51", 4);
    assert_true(spans_of(&b, 2, NULL, spans, &error));
    assert_int_equal(spans[0].offset, 0);
    assert_int_equal(spans[1].offset, 12);
}


/* Frames one behind the other in one fragment, which is no item of theirs. */
static void
test_streams(void **state)
{
    static const char     film[] = "\xff\xd8\xff\xe0one\xff\xd9"
        "\xff\xd8\xff\xe0second\xff\xd9\0\0\xff\xd8\xff\xe0three\xff\xd9";
    struct bytes          b = { .length = 0 };
    struct fragment_span  spans[5];
    const char           *error;

    put_item(&b, "", 0);
    put_item(&b, film, sizeof(film) - 1);
    put_end(&b);
    for (uint32_t asked = 3; asked <= 5; asked++) {
        assert_true(spans_of(&b, asked, NULL, spans, &error));
        assert_int_equal(frames_found, 3);
        assert_int_equal(spans[0].offset, 16);
        assert_int_equal(spans[0].length, 9);
        assert_int_equal(spans[1].offset, 25);
        assert_int_equal(spans[1].length, 14);
        assert_int_equal(spans[2].offset, 39);
        assert_int_equal(spans[2].length, 11);
    }
    assert_int_equal(fragments_join(b.data + 25, 14), 14);
}


static void
test_malformed(void **state)
{
    struct fragment_span  spans[2];
    const char           *error;
    struct bytes          b = { .length = 0 };

    put_end(&b);
    assert_false(spans_of(&b, 1, NULL, spans, &error));
    assert_string_equal(error, "the pixel data has no fragments");

    b.length = 0;
    put_item(&b, "", 0);
    put_item(&b, "abcd", 4);
    b.length -= 1;
    assert_false(spans_of(&b, 1, NULL, spans, &error));
    assert_string_equal(error, "the pixel data is cut short");

    b.length = 0;
    put_item(&b, "abc", 3);
    assert_false(spans_of(&b, 1, NULL, spans, &error));
    assert_string_equal(error,
        "the Basic Offset Table has an impossible length");

    b.length = 0;
    put_item(&b, "", 0);
    put(&b, "garbage", 8);
    assert_false(spans_of(&b, 1, NULL, spans, &error));

    b.length = 0;
    put_item(&b, "", 0);
    put(&b, "\xfe\xff\x00\xe0\xff\xff\xff\xff", 8);
    assert_false(spans_of(&b, 1, NULL, spans, &error));
}


static void
test_join(void **state)
{
    struct bytes  b = { .length = 0 };

    put_item(&b, "ab", 2);
    put_item(&b, "", 0);
    put_item(&b, "cde", 3);
    assert_int_equal(fragments_join(b.data, b.length), 5);
    assert_memory_equal(b.data, "abcde", 5);

    b.length = 0;
    put_item(&b, "ab", 2);
    assert_int_equal(fragments_join(b.data, b.length - 1), 0);
    b.data[4] = 200;
    assert_int_equal(fragments_join(b.data, b.length), 0);
}


static bool
check(struct bytes *b, bool is_explicit, char *detail)
{
    struct structure  structure = { .begin = 0, .end = b->length,
        .is_explicit = is_explicit };

    detail[0] = '\0';
    return structure_check(&structure, read_bytes, b, detail, 120);
}


static void
test_structure(void **state)
{
    struct bytes  b = { .length = 0 };
    char          detail[120];

    put(&b, "\x08\x00\x05\x00" "CS\x02\x00" "ab", 10);
    put(&b, "\x08\x00\x10\x11" "SQ\0\0\xff\xff\xff\xff", 12);
    put(&b, "\xfe\xff\x00\xe0\x0a\0\0\0", 8);
    put(&b, "\x08\x00\x05\x00" "CS\x02\x00" "ab", 10);
    put_end(&b);
    assert_true(check(&b, true, detail));

    put(&b, "\x10\x00\x10\x00" "PN\x04\x00" "a", 9);
    assert_false(check(&b, true, detail));
    assert_string_equal(detail,
        "the element (0010,0010) runs beyond the end of the file");

    b.length = 0;
    for (unsigned i = 0; i < 100; i++) {
        put(&b, "\x08\x00\x10\x11\xff\xff\xff\xff", 8);
        put(&b, "\xfe\xff\x00\xe0\xff\xff\xff\xff", 8);
    }
    assert_false(check(&b, false, detail));
    assert_string_equal(detail, "sequences are nested too deeply");
}


/* Whatever the bytes are, nothing is read outside of them. */
static void
test_noise(void **state)
{
    struct bytes          b;
    struct fragment_span  spans[3];
    const char           *error;
    char                  detail[120];
    unsigned              seed = 7;

    for (unsigned round = 0; round < 20000; round++) {
        b.length = 0;
        put_item(&b, "\0\0\0\0\x1a\0\0\0", 8);
        put_item(&b, "\xff\xd8\xff\xff", 4);
        put_item(&b, "SQSQSQ", 6);
        put_item(&b, "\xff\xd8\xff\xff", 4);
        put_end(&b);
        for (unsigned i = 0; i < 1 + round % 6; i++) {
            seed = seed * 1103515245 + 12345;
            b.data[(seed >> 16) % b.length] = (uint8_t) (seed >> 8);
        }
        seed = seed * 1103515245 + 12345;
        b.length = (seed >> 16) % (b.length + 1);

        spans_of(&b, 1 + round % 3, NULL, spans, &error);
        check(&b, round & 1, detail);
        fragments_join(b.data, b.length);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_tables),
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_malformed),
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_structure),
        cmocka_unit_test(test_noise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
