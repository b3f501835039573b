/* What is too long for DICOM JSON is not gathered to its end first. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "charset.h"
#include "dicom_bytes.h"
#include "metadata.h"

/* links: render-worker/metadata.c render-worker/dicom_json.c */
/* links: render-worker/element.c render-worker/json.c */
/* links: render-worker/meta.c render-worker/charset.c */

#define ITEMS   2000u
#define MOST    1000u
#define BEYOND  64u             /* what closes it, and one item */


static bool
read_bytes(void *data, uint64_t offset, void *buffer, size_t size)
{
    const struct dicom_bytes  *b = data;

    assert_true(offset <= b->length && size <= b->length - offset);
    memcpy(buffer, b->data + offset, size);
    return true;
}


static const char *
vr_of(uint32_t tag)
{
    return NULL;
}


/* A sequence of items that hold what is given. */
static void
check_items(const void *value, size_t length)
{
    struct dicom_bytes   b = { 0 }, items = { 0 };
    struct metadata_set  set = { .is_explicit = true, .source = read_bytes,
        .data = &b, .vr = vr_of };
    struct json          json = { 0 };

    for (unsigned i = 0; i < ITEMS; i++) {
        bytes_item(&items, value, length);
    }
    bytes_element(&b, 0x00081140, "SQ", items.data, items.length);
    set.end = b.length;

    assert_false(metadata_write(&set, "u/", MOST, &json));
    assert_in_range(json.length, MOST + 1, MOST + BEYOND);
    json_finish(&json);

    assert_true(metadata_write(&set, "u/", SIZE_MAX, &json));
    assert_true(json.length > 2 * ITEMS);
    json_finish(&json);
    free(items.data);
    free(b.data);
}


static void
test_empty_items(void **state)
{
    check_items("", 0);
}


static void
test_items(void **state)
{
    check_items("\x08\0\x60\0" "CS\2\0" "CT", 10);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_empty_items),
        cmocka_unit_test(test_items),
    };

    charset_prepare();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
