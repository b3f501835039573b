/*
 * Of a pool's threads and of the helpers of bands as many are left to others as
 * asked for, and taken back.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <time.h>

#include "bands.h"
#include "pool.h"

/* links: render-worker/bands.c render-worker/log.c render-worker/pool.c
          render-worker/turns.c */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t met = PTHREAD_COND_INITIALIZER;
static unsigned at_work, most, ended;

/* Works until so many do, at most for the time given. */
static void
meet(unsigned count, unsigned ms)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (long) (ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }

    pthread_mutex_lock(&mutex);
    if (++at_work > most) {
        most = at_work;
    }
    pthread_cond_broadcast(&met);
    while (most < count
           && pthread_cond_timedwait(&met, &mutex, &until) != ETIMEDOUT)
    {
        /* for another one */
    }
    at_work--;
    pthread_mutex_unlock(&mutex);
}

static unsigned
most_of(void (*work)(void *context), void *context)
{
    most = 0;
    work(context);
    assert_int_equal(at_work, 0);
    return most;
}

/* Nobody comes to who may be alone only, so it waits briefly. */
static unsigned patience;

static void
run(struct job *job)
{
    (void) job;
    meet(2, patience);
}

static void
done(struct job *job)
{
    (void) job;
    ended++;
}

struct pool_context {
    struct pool     *pool;
    struct mailbox  *mailbox;
};

static void
two_jobs(void *context)
{
    struct pool_context *use = context;
    struct job jobs[2] = { { .run = run, .done = done },
        { .run = run, .done = done } };

    ended = 0;
    assert_true(pool_submit(use->pool, &jobs[0]));
    assert_true(pool_submit(use->pool, &jobs[1]));
    while (ended < 2) {
        struct pollfd ready = { .fd = use->mailbox->fd, .events = POLLIN };

        assert_int_equal(poll(&ready, 1, 20000), 1);
        mailbox_drain(use->mailbox);
    }
}

static void
test_pool(void **state)
{
    (void) state;
    struct mailbox mailbox;
    assert_true(mailbox_init(&mailbox));
    const struct pool_config config = { .name = "test", .threads = 2,
        .limit = 8, .mailbox = &mailbox };
    struct pool_context use = { pool_create(&config), &mailbox };

    assert_non_null(use.pool);
    patience = 15000;
    assert_int_equal(most_of(two_jobs, &use), 2);
    pool_spare(use.pool, 1);
    patience = 100;
    assert_int_equal(most_of(two_jobs, &use), 1);

    /* one always works */
    pool_spare(use.pool, 2);
    assert_int_equal(most_of(two_jobs, &use), 1);
    pool_spare(use.pool, 0);
    patience = 15000;
    assert_int_equal(most_of(two_jobs, &use), 2);

    pool_destroy(use.pool);
    mailbox_finish(&mailbox);
}

/* What waits goes on at once when threads are taken back. */
static void
test_pool_back(void **state)
{
    (void) state;
    struct mailbox mailbox;
    assert_true(mailbox_init(&mailbox));
    const struct pool_config config = { .name = "test", .threads = 2,
        .limit = 8, .mailbox = &mailbox };
    struct pool *pool = pool_create(&config);
    struct job jobs[2] = { { .run = run, .done = done },
        { .run = run, .done = done } };

    assert_non_null(pool);
    pool_spare(pool, 1);
    patience = 15000;
    most = 0;
    assert_true(pool_submit(pool, &jobs[0]));
    assert_true(pool_submit(pool, &jobs[1]));
    pool_spare(pool, 0);
    pool_destroy(pool);
    assert_int_equal(most, 2);
    mailbox_finish(&mailbox);
}

static void
piece(void *context, unsigned number, unsigned worker)
{
    (void) context;
    (void) number;
    (void) worker;
    meet(2, patience);
}

static void
two_pieces(void *context)
{
    bands_run(context, piece, NULL, 2);
}

static void
test_bands(void **state)
{
    (void) state;
    struct bands *bands = bands_create(2, NULL, NULL);

    assert_non_null(bands);
    patience = 15000;
    assert_int_equal(most_of(two_pieces, bands), 2);
    bands_spare(bands, 1);
    patience = 100;
    assert_int_equal(most_of(two_pieces, bands), 1);
    bands_spare(bands, 0);
    patience = 15000;
    assert_int_equal(most_of(two_pieces, bands), 2);
    bands_destroy(bands);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_pool_back),
        cmocka_unit_test(test_bands),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
