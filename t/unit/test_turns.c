/*
 * Users are served in turn, each one's entries in order, within the limits.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "turns.h"

/* links: render-worker/turns.c */

#define ENTRIES  64

static uint8_t users[3][16] = { { 1 }, { 2 }, { 3 } };
static struct turn entries[ENTRIES];

/* For each letter of who an entry of that user, in that order. */
static void
fill(struct turns *turns, const char *who)
{
    for (unsigned i = 0; who[i] != '\0'; i++) {
        entries[i] = (struct turn) { .user = who[i] == '-' ? NULL
            : users[who[i] - 'a'] };
        assert_true(turns_add(turns, &entries[i], false));
    }
}

static void
expect(struct turns *turns, const unsigned *order, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        assert_ptr_equal(turns_take(turns), &entries[order[i]]);
        assert_int_equal(turns->count, count - i - 1);
    }
    assert_null(turns_take(turns));
}

static void
test_in_turn(void **state)
{
    struct turns turns = { .limit = ENTRIES, .user_limit = ENTRIES };
    const unsigned order[] = { 0, 4, 6, 1, 5, 2, 3 };
    const unsigned alone[] = { 0, 1, 2 };

    (void) state;
    assert_null(turns_take(&turns));
    fill(&turns, "aaaabbc");
    expect(&turns, order, 7);
    fill(&turns, "bbb");
    expect(&turns, alone, 3);
    fill(&turns, "---");
    expect(&turns, alone, 3);
}

/* Who comes while another is served need not wait for two of that one's. */
static void
test_newcomer(void **state)
{
    struct turns turns = { .limit = ENTRIES, .user_limit = ENTRIES };
    struct turn newcomer = { .user = users[1] };

    (void) state;
    fill(&turns, "aaa");
    assert_ptr_equal(turns_take(&turns), &entries[0]);
    assert_true(turns_add(&turns, &newcomer, false));
    assert_ptr_equal(turns_take(&turns), &newcomer);
    assert_ptr_equal(turns_take(&turns), &entries[1]);
    assert_true(turns_add(&turns, &newcomer, false));
    assert_ptr_equal(turns_take(&turns), &newcomer);
    assert_ptr_equal(turns_take(&turns), &entries[2]);
    assert_null(turns_take(&turns));
}

static void
test_limits(void **state)
{
    struct turns turns = { .limit = 4, .user_limit = 2 };
    struct turn more = { .user = users[0] }, forced = { .user = users[2] };
    const unsigned order[] = { 0, 2, 1, 3 };

    (void) state;
    fill(&turns, "aa");
    assert_false(turns_add(&turns, &more, false));
    entries[2] = (struct turn) { .user = users[1] };
    entries[3] = (struct turn) { .user = users[1] };
    assert_true(turns_add(&turns, &entries[2], false));
    assert_true(turns_add(&turns, &entries[3], false));
    more.user = users[2];
    assert_false(turns_add(&turns, &more, false));
    assert_true(turns_add(&turns, &forced, true));
    assert_int_equal(turns.count, 5);
    assert_ptr_equal(turns_take(&turns), &entries[0]);
    assert_ptr_equal(turns_take(&turns), &entries[2]);
    assert_ptr_equal(turns_take(&turns), &forced);
    for (unsigned i = 2; i < 4; i++) {
        assert_ptr_equal(turns_take(&turns), &entries[order[i]]);
    }
    assert_null(turns_take(&turns));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_in_turn),
        cmocka_unit_test(test_newcomer),
        cmocka_unit_test(test_limits),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
