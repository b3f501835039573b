/*
 * An object whose upload was answered is found after a loss of power: so are
 * the folders it lies in, whoever made them.
 */

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


/* An upload whose hash begins like that, and has zeros otherwise. */
static void
enter(const char *hash)
{
    char  sha256[65], location[STORE_LOCATION_SIZE], name[40], path[120];
    bool  created;
    int   fd;

    snprintf(sha256, sizeof(sha256), "%s%064d", hash, 0);
    store_location(location, sha256);
    snprintf(name, sizeof(name), "incoming/%s", hash);
    snprintf(path, sizeof(path), "%s/%s", root, name);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(store_enter(store, fd, name, location, &created), 0);
    assert_true(created);
    close(fd);
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


int
main(void)
{
    const struct CMUnitTest  tests[] = { cmocka_unit_test(test_folder) };

    return cmocka_run_group_tests(tests, setup, teardown);
}
