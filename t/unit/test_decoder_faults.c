/*
 * What happens when a decoder child dies, hangs, is asked for the impossible,
 * or has many users at once.
 */

#include <dirent.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <cmocka.h>
#include <zlib.h>

#include "decoder.h"
#include "dicom_bytes.h"
#include "log.h"

/* links: render-worker/decoder.c render-worker/decoder_child.c */
/* links: render-worker/zygote.c render-worker/sandbox.c */
/* links: render-worker/header.c render-worker/header_frames.c */
/* links: render-worker/header_series.c render-worker/header_values.c */
/* links: render-worker/header_picture.c render-worker/header_tables.c */
/* links: render-worker/attribute.c render-worker/charset.c */
/* links: render-worker/meta.c render-worker/structure.c */
/* links: render-worker/child_content.c render-worker/dataset.c */
/* links: render-worker/dicom_json.c render-worker/element.c */
/* links: render-worker/json.c render-worker/metadata.c */
/* links: render-worker/fragments.c render-worker/index.c */
/* links: render-worker/index_values.c */
/* links: render-worker/pack.c render-worker/presentation.c */
/* links: render-worker/header_shutter.c render-worker/header_presentation.c */
/* links: render-worker/header_graphics.c */
/* links: render-worker/codec.c render-worker/codec_native.c */
/* links: render-worker/rle.c render-worker/inflated.c */
/* links: render-worker/codec_jxl.c render-worker/codec_video.c */
/* links: render-worker/codec_jpeg.c render-worker/jpeg_lossless.c */
/* links: render-worker/codec_jpegls.c render-worker/codec_jpeg2000.c */
/* links: render-worker/dicom_gdcm.cc render-worker/log.c */
/* pkg: libseccomp libjpeg libopenjp2 charls zlib */
/* optional: libjxl */
/* libs: -lgdcmMSFF -lgdcmDSED -lgdcmDICT -lgdcmCommon */

#define SIDE    40u
#define PIXELS  (SIDE * SIDE)

static const uint8_t    anna[16] = { 1 }, boris[16] = { 2 };
static struct decoder  *decoder;


static int
setup(void **state)
{
    const struct decoder_config  config = { 2, 10000, 512u << 20 };

    log_set_level(LOG_LEVEL_ERROR);
    decoder = decoder_create(&config);
    return decoder != NULL ? 0 : -1;
}


static int
teardown(void **state)
{
    decoder_destroy(decoder);
    return 0;
}


/* A deflated file whose data set is a number of megabytes of zeros. */
static int
bomb_file(unsigned megabytes)
{
    static uint8_t      zeros[1 << 20], packed[1 << 20];
    struct dicom_bytes  b = { 0 };
    z_stream            z = { 0 };

    deflateInit2(&z, 1, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY);
    z.next_out = packed;
    z.avail_out = sizeof(packed);
    for (unsigned i = 1; i <= megabytes; i++) {
        z.next_in = zeros;
        z.avail_in = sizeof(zeros);
        assert_int_equal(deflate(&z, i < megabytes ? Z_NO_FLUSH : Z_FINISH),
            i < megabytes ? Z_OK : Z_STREAM_END);
    }
    bytes_meta(&b, "1.2.840.10008.1.2.1.99");
    bytes_put(&b, packed, z.total_out);
    deflateEnd(&z);
    return bytes_file(&b);
}


/* Process ids whose parent is the zygote, which is a child of ours. */
static unsigned
decoder_children(int *pids, unsigned most)
{
    DIR            *proc = opendir("/proc");
    struct dirent  *entry;
    unsigned        count = 0;

    while ((entry = readdir(proc)) != NULL) {
        char   path[64], name[64] = "", parent[64] = "";
        int    ppid = 0, grandparent = 0;
        FILE  *file;

        snprintf(path, sizeof(path), "/proc/%.20s/stat", entry->d_name);
        file = fopen(path, "re");
        if (file == NULL) {
            continue;
        }
        if (fscanf(file, "%*d (%63[^)]) %*c %d", name, &ppid) == 2) {
            snprintf(path, sizeof(path), "/proc/%d/stat", ppid);
            fclose(file);
            file = fopen(path, "re");
            if (file != NULL && fscanf(file, "%*d (%63[^)]) %*c %d", parent,
                    &grandparent) == 2
                && grandparent == getpid()
                && strcmp(parent, "decoder-zygote") == 0 && count < most)
            {
                pids[count++] = atoi(entry->d_name);
            }
        }
        if (file != NULL) {
            fclose(file);
        }
    }
    closedir(proc);
    return count;
}


static int
small_file(void)
{
    static const struct bytes_picture  picture = {
        .photometric = "MONOCHROME2", .rows = SIDE, .columns = SIDE,
        .samples = 1, .allocated = 8
    };
    static const uint8_t  samples[PIXELS];
    struct dicom_bytes    b = { 0 };

    bytes_meta(&b, "1.2.840.10008.1.2.1");
    bytes_header(&b, "1.2.3.4", &picture);
    bytes_element(&b, 0x7fe00010, "OB", samples, PIXELS);
    return bytes_file(&b);
}


static bool
read_header(struct decoder *with, int fd, const uint8_t user[16],
    struct decoder_error *error)
{
    struct decoder_header  header;
    bool                   done;

    memset(error, 0, sizeof(*error));
    done = decoder_header(with, fd, user, &header, error);
    decoder_header_finish(&header);
    return done;
}


/* A child that has seen one user's file sees nobody else's. */
static void
test_users(void **state)
{
    const struct decoder_config  config = { 1, 10000, 512u << 20 };
    struct decoder_error         error;
    struct decoder              *one;
    int                          fd = small_file(), first[4], then[4];

    decoder_destroy(decoder);
    one = decoder_create(&config);
    assert_non_null(one);
    assert_true(read_header(one, fd, anna, &error));
    assert_int_equal(decoder_children(first, 4), 1);
    assert_true(read_header(one, fd, anna, &error));
    assert_int_equal(decoder_children(then, 4), 1);
    assert_int_equal(first[0], then[0]);

    assert_true(read_header(one, fd, boris, &error));
    for (unsigned i = 0; i < 100 && decoder_children(then, 4) != 1; i++) {
        nanosleep(&(struct timespec) { 0, 10000000 }, NULL);
    }
    assert_int_not_equal(first[0], then[0]);

    /* a child killed while idle is replaced unseen */
    assert_int_equal(decoder_children(then, 4), 1);
    assert_int_equal(kill(then[0], SIGKILL), 0);
    nanosleep(&(struct timespec) { 0, 50000000 }, NULL);
    assert_true(read_header(one, fd, boris, &error));
    assert_false(decoder_lost(one));

    decoder_destroy(one);
    assert_int_equal(decoder_children(then, 4), 0);
    close(fd);
    assert_int_equal(setup(NULL), 0);
}


/* A child that has nothing to do ends after a while, and not before. */
static void
test_rest(void **state)
{
    const struct decoder_config  config = { 1, 10000, 512u << 20 };
    struct decoder_error         error;
    struct decoder              *one;
    int                          fd = small_file(), first[4], then[4];

    decoder_destroy(decoder);
    one = decoder_create(&config);
    assert_non_null(one);
    assert_true(read_header(one, fd, anna, &error));
    decoder_rest(one, 3600000);
    assert_int_equal(decoder_children(first, 4), 1);
    assert_true(read_header(one, fd, anna, &error));
    assert_int_equal(decoder_children(then, 4), 1);
    assert_int_equal(first[0], then[0]);

    decoder_rest(one, 0);
    decoder_rest(one, 0);               /* there is none */
    assert_true(read_header(one, fd, anna, &error));
    for (unsigned i = 0; i < 100 && decoder_children(then, 4) != 1; i++) {
        nanosleep(&(struct timespec) { 0, 10000000 }, NULL);
    }
    assert_int_not_equal(first[0], then[0]);
    decoder_destroy(one);
    close(fd);
    assert_int_equal(setup(NULL), 0);
}


struct rester {
    struct decoder  *decoder;
    atomic_bool      end;
};

static void *
rest_always(void *data)
{
    struct rester  *rester = data;

    while (!rester->end) {
        decoder_rest(rester->decoder, 3600000);
    }
    return NULL;
}


/* A child that comes back at the very moment has not been idle for long. */
static void
test_rest_race(void **state)
{
    const struct decoder_config  config = { 1, 10000, 512u << 20 };
    struct decoder_error         error;
    struct rester                rester = { 0 };
    pthread_t                    threads[2];
    int                          fd = small_file(), first[4], then[4];

    decoder_destroy(decoder);
    rester.decoder = decoder_create(&config);
    assert_non_null(rester.decoder);
    assert_true(read_header(rester.decoder, fd, anna, &error));
    assert_int_equal(decoder_children(first, 4), 1);

    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, rest_always,
            &rester), 0);
    }
    for (unsigned i = 0; i < 1500; i++) {
        assert_true(read_header(rester.decoder, fd, anna, &error));
    }
    rester.end = true;
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(decoder_children(then, 4), 1);
    assert_int_equal(first[0], then[0]);
    decoder_destroy(rester.decoder);
    close(fd);
    assert_int_equal(setup(NULL), 0);
}


/* More work than its time allows: inflating a bomb. */
static void
test_timeout(void **state)
{
    const struct decoder_config  config = { 1, 30, 512u << 20 };
    struct decoder_error         error;
    struct decoder              *quick;
    struct timespec              begun, ended;
    int                          fd, small = small_file();

    fd = bomb_file(120);

    decoder_destroy(decoder);
    quick = decoder_create(&config);
    clock_gettime(CLOCK_MONOTONIC, &begun);
    assert_false(read_header(quick, fd, anna, &error));
    clock_gettime(CLOCK_MONOTONIC, &ended);
    assert_int_equal(error.status, DECODER_TIMEOUT);
    assert_in_range(ended.tv_sec - begun.tv_sec, 0, 5);

    /* the next one is served, however slow this machine is */
    for (unsigned i = 0; i < 50; i++) {
        if (read_header(quick, small, anna, &error)) {
            break;
        }
        assert_int_equal(error.status, DECODER_TIMEOUT);
    }
    assert_int_equal(error.status, DECODER_OK);
    decoder_destroy(quick);
    close(fd);
    close(small);
    assert_int_equal(setup(NULL), 0);
}


static void
test_impossible(void **state)
{
    struct decoder_header  header;
    struct decoder_error   error = { 0 };
    struct dicom_index     index;
    uint8_t                pixels[PIXELS], photometric;
    int                    fd = small_file();

    assert_true(decoder_header(decoder, fd, anna, &header, &error));
    assert_int_equal(header.index.storage, STORAGE_NATIVE);
    index = header.index;

    assert_false(decoder_frame(decoder, fd, anna, &index, 1, pixels, PIXELS,
        &photometric, &error));
    assert_int_equal(error.status, DECODER_INVALID);
    assert_false(decoder_frame(decoder, fd, anna, &index, 0, pixels,
        PIXELS - 1, &photometric, &error));

    /* an index that lies: beyond the file, and of another codec */
    index.frames[0].offset = 1 << 20;
    assert_false(decoder_frame(decoder, fd, anna, &index, 0, pixels, PIXELS,
        &photometric, &error));
    assert_string_equal(error.detail, "the frame lies outside of the file");
    index.frames[0].offset = 0;
    strcpy(index.transfer_syntax, "1.2.840.10008.1.2.4.70");
    assert_false(decoder_frame(decoder, fd, anna, &index, 0, pixels, PIXELS,
        &photometric, &error));
    assert_string_equal(error.detail, "the JPEG stream has no frame");

    /* more memory than a child gets */
    index.rows = index.columns = 65535;
    assert_false(decoder_frame(decoder, fd, anna, &index, 0, pixels,
        65535ul * 65535, &photometric, &error));
    assert_int_equal(error.status, DECODER_MEMORY);

    decoder_header_finish(&header);
    close(fd);
}


static void *
many_headers(void *data)
{
    struct decoder_error  error;
    uint8_t               user[16] = { *(const uint8_t *) data };
    uintptr_t             done = 0;
    int                   fd = small_file();

    for (unsigned i = 0; i < 20; i++) {
        user[1] = (uint8_t) (i / 10);
        done += read_header(decoder, fd, user, &error);
    }
    close(fd);
    return (void *) done;
}


static void
test_threads(void **state)
{
    pthread_t  threads[5];
    uint8_t    users[5] = { 1, 2, 3, 1, 2 };
    void      *done;

    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, many_headers,
            &users[i]), 0);
    }
    for (unsigned i = 0; i < 5; i++) {
        pthread_join(threads[i], &done);
        assert_int_equal((uintptr_t) done, 20);
    }
}


/* Six calls of mallory's wait for two children; anna's comes before them. */
struct call {
    const uint8_t     *user;
    struct timespec    ended;
    pthread_t          thread;
    int                fd;
    atomic_bool        done;
};

static void *
one_call(void *data)
{
    struct decoder_error  error;
    struct call          *call = data;

    read_header(decoder, call->fd, call->user, &error);
    clock_gettime(CLOCK_MONOTONIC, &call->ended);
    call->done = true;
    return NULL;
}


static void
test_fairness(void **state)
{
    static const uint8_t  mallory[16] = { 66 };
    struct call           calls[7];
    unsigned              later = 0;
    int                   bomb;

    bomb = bomb_file(100);

    for (unsigned i = 0; i < 7; i++) {
        calls[i].user = i < 6 ? mallory : anna;
        calls[i].fd = i < 6 ? bomb : small_file();
        assert_int_equal(pthread_create(&calls[i].thread, NULL, one_call,
            &calls[i]), 0);
        nanosleep(&(struct timespec) { 0, 5000000 }, NULL);
    }
    for (unsigned i = 0; i < 7; i++) {
        pthread_join(calls[i].thread, NULL);
    }
    for (unsigned i = 0; i < 6; i++) {
        later += calls[i].ended.tv_sec > calls[6].ended.tv_sec
            || (calls[i].ended.tv_sec == calls[6].ended.tv_sec
                && calls[i].ended.tv_nsec > calls[6].ended.tv_nsec);
    }
    assert_in_range(later, 3, 6);
    close(bomb);
    close(calls[6].fd);
}


/* Two calls of mallory's at once. */
static void
mallorys(struct call calls[2], int fd)
{
    static const uint8_t  mallory[16] = { 66 };

    for (unsigned i = 0; i < 2; i++) {
        calls[i].user = mallory;
        calls[i].fd = fd;
        calls[i].done = false;
        assert_int_equal(pthread_create(&calls[i].thread, NULL, one_call,
            &calls[i]), 0);
    }
}


static void
join(struct call calls[2])
{
    pthread_join(calls[0].thread, NULL);
    pthread_join(calls[1].thread, NULL);
}


/*
 * Both children work for mallory without coming to an end: they are stopped.
 * Anna does not wait for them.  That both had begun before is likely only.
 */
static void
test_endless(void **state)
{
    struct call           calls[2] = { 0 };
    struct decoder_error  error;
    bool                  stuck = false;
    int                   pids[4], bomb = bomb_file(3), small = small_file();

    for (unsigned i = 0; i < 20 && !stuck; i++) {
        decoder_destroy(decoder);
        assert_int_equal(setup(NULL), 0);

        do {
            mallorys(calls, bomb);
            join(calls);
            mallorys(calls, small);
            join(calls);
        } while (decoder_children(pids, 4) < 2);

        kill(pids[0], SIGSTOP);
        kill(pids[1], SIGSTOP);
        mallorys(calls, small);
        nanosleep(&(struct timespec) { 0, 100000000 }, NULL);

        assert_true(read_header(decoder, small, anna, &error));
        stuck = !calls[0].done && !calls[1].done;

        kill(pids[0], SIGCONT);
        kill(pids[1], SIGCONT);
        join(calls);
    }
    assert_true(stuck);
    close(bomb);
    close(small);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_users),
        cmocka_unit_test(test_rest),
        cmocka_unit_test(test_rest_race),
        cmocka_unit_test(test_timeout),
        cmocka_unit_test(test_impossible),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_fairness),
        cmocka_unit_test(test_endless),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
