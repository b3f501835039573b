/*
 * An object whose upload was answered is found after a loss of power: so are
 * the folders it lies in, whoever made them.
 */

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "store.h"

/* links: render-worker/store.c render-worker/log.c */

static char           root[64];
static struct store  *store;
static struct stat    objects;          /* the folder */
static atomic_uint    syncs;            /* of it */
static atomic_bool    stop;             /* the next of them waits */
static atomic_bool    fail;             /* the next of them does that */
static sem_t          stopped, go_on;


/* In place of the system's. */
int
fsync(int fd)
{
    struct stat  st;

    if (fstat(fd, &st) == 0 && st.st_dev == objects.st_dev
        && st.st_ino == objects.st_ino)
    {
        if (atomic_exchange(&stop, false)) {
            sem_post(&stopped);
            sem_wait(&go_on);
        }
        atomic_fetch_add(&syncs, 1);
        if (atomic_exchange(&fail, false)) {
            errno = EIO;
            return -1;
        }
    }
    return (int) syscall(SYS_fsync, fd);
}


static int
remove_path(const char *path, const struct stat *st, int type,
    struct FTW *where)
{
    return remove(path);
}


static int
setup(void **state)
{
    char  path[80];

    sem_init(&stopped, 0, 0);
    sem_init(&go_on, 0, 0);
    strcpy(root, "/tmp/dicom-store-XXXXXX");
    if (mkdtemp(root) == NULL) {
        return -1;
    }
    store = store_open(root);
    snprintf(path, sizeof(path), "%s/objects", root);
    return store != NULL ? stat(path, &objects) : -1;
}


static int
teardown(void **state)
{
    store_close(store);
    return nftw(root, remove_path, 8, FTW_DEPTH | FTW_PHYS);
}


/* Enters an upload whose hash begins like that, and has zeros otherwise. */
static int
try_enter(const char *hash)
{
    char  sha256[65], location[STORE_LOCATION_SIZE], name[40], path[120];
    bool  created = false;
    int   fd, rc;

    snprintf(sha256, sizeof(sha256), "%s%0*d", hash,
        64 - (int) strlen(hash), 0);
    store_location(location, sha256);
    snprintf(name, sizeof(name), "incoming/%s", hash);
    snprintf(path, sizeof(path), "%s/%s", root, name);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    rc = store_enter(store, fd, name, location, &created);
    assert_int_equal(created, true);
    close(fd);
    return rc;
}


static void
enter(const char *hash)
{
    assert_int_equal(try_enter(hash), 0);
}


/* Whether there is an object of this hash. */
static bool
is_there(const char *hash)
{
    char  sha256[65], location[STORE_LOCATION_SIZE], path[160];

    snprintf(sha256, sizeof(sha256), "%s%0*d", hash,
        64 - (int) strlen(hash), 0);
    store_location(location, sha256);
    snprintf(path, sizeof(path), "%s/%s", root, location);
    return access(path, F_OK) == 0;
}


static void *
enter_first(void *data)
{
    enter("ab01");
    return NULL;
}


/* One has made the folder, and another needs it before it is synced. */
static void
test_folder(void **state)
{
    pthread_t  thread;

    atomic_store(&stop, true);
    assert_int_equal(pthread_create(&thread, NULL, enter_first, NULL), 0);
    sem_wait(&stopped);

    /* all names come before the first sync, which mostly does for all */
    assert_true(is_there("ab01"));

    enter("ab02");
    assert_int_equal(atomic_load(&syncs), 1);

    sem_post(&go_on);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&syncs), 2);

    enter("ab03");
    assert_int_equal(atomic_load(&syncs), 2);
    enter("cd01");
    assert_int_equal(atomic_load(&syncs), 3);
}


/* A folder's name cannot be synced: no object, until it can. */
static void
test_failure(void **state)
{
    atomic_store(&fail, true);
    assert_int_equal(try_enter("ef01"), -1);
    assert_int_equal(errno, EIO);
    assert_false(is_there("ef01"));

    unsigned  before = atomic_load(&syncs);
    enter("ef01");
    assert_true(is_there("ef01"));
    assert_int_equal(atomic_load(&syncs), before + 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = { cmocka_unit_test(test_folder),
        cmocka_unit_test(test_failure) };

    return cmocka_run_group_tests(tests, setup, teardown);
}
