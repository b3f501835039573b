/*
 * decode [--raw] SECONDS FILE...
 *
 * Decodes all frames of each file in the worker's own sandboxed child, as often
 * as fits into SECONDS, and prints a line for each file:
 *
 *     SYNTAX BYTES-PER-SECOND FRAMES ROWS COLUMNS SAMPLES BITS PHOTOMETRIC FILE
 *
 * or "error DETAIL FILE".  With --raw the pixels of all frames go to standard
 * output instead, once.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "decoder.h"
#include "log.h"

static const uint8_t  user[16] = { 1 };


static double
now(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double) t.tv_sec + (double) t.tv_nsec / 1e9;
}


/* A frame as the loader would have it: read in place, or by the child. */
static bool
read_frame(struct decoder *decoder, int fd, const struct dicom_index *index,
    uint32_t frame, uint8_t *pixels, size_t size, uint8_t *photometric,
    struct decoder_error *error)
{
    if (index->storage == STORAGE_NATIVE) {
        *photometric = index->photometric;
        return pread(fd, pixels, size, (off_t) index->frames[frame].offset)
            == (ssize_t) size;
    }
    return decoder_frame(decoder, fd, user, index, frame, pixels, size,
        photometric, error);
}


static bool
read_all(struct decoder *decoder, int fd, const struct dicom_index *index,
    uint8_t *pixels, size_t size, bool raw, uint8_t *photometric,
    struct decoder_error *error)
{
    for (uint32_t i = 0; i < index->nframes; i++) {
        if (!read_frame(decoder, fd, index, i, pixels, size, photometric,
            error))
        {
            return false;
        }
        if (raw) {
            fwrite(pixels, 1, size, stdout);
        }
    }
    return true;
}


static bool
measure(struct decoder *decoder, const char *path, double seconds, bool raw)
{
    struct decoder_header  header = { 0 };
    struct dicom_index    *index = &header.index;
    struct decoder_error   error = { .detail = "cannot be read" };
    double                 begin, end;
    uint64_t               rounds = 0;
    uint8_t               *pixels = NULL, photometric = 0;
    size_t                 size = 0;
    int                    fd = open(path, O_RDONLY | O_CLOEXEC);
    bool                   done = false;

    if (fd == -1 || !decoder_header(decoder, fd, user, &header, &error)) {
        goto done;
    }
    if (index->nframes == 0) {
        snprintf(error.detail, sizeof(error.detail), "no picture");
        goto done;
    }
    size = (size_t) index_frame_size(index);
    pixels = malloc(size);
    done = pixels != NULL && read_all(decoder, fd, index, pixels, size, raw,
        &photometric, &error);
    if (!done || raw) {
        goto done;
    }

    begin = now();
    do {
        done = read_all(decoder, fd, index, pixels, size, false,
            &photometric, &error);
        rounds++;
        end = now();
    } while (done && end - begin < seconds);

    if (done) {
        printf("%s %.0f %u %u %u %u %u %u %s\n", index->transfer_syntax,
            (double) rounds * (double) size * index->nframes / (end - begin),
            index->nframes, index->rows, index->columns, index->samples,
            index->bits_allocated, photometric, path);
    }

done:
    if (!done) {
        fprintf(raw ? stderr : stdout, "error %s %s\n", error.detail, path);
    }
    free(pixels);
    decoder_header_finish(&header);
    if (fd != -1) {
        close(fd);
    }
    return done;
}


int
main(int argc, char **argv)
{
    const struct decoder_config  config = { 1, 60000, 1536u << 20 };
    struct decoder              *decoder;
    bool                         raw, done = true;

    raw = argc > 1 && strcmp(argv[1], "--raw") == 0;
    if (argc < 3) {
        fprintf(stderr, "usage: decode [--raw] SECONDS FILE...\n");
        return 2;
    }
    log_set_level(LOG_LEVEL_ERROR);
    decoder = decoder_create(&config);
    if (decoder == NULL) {
        return 1;
    }
    for (int i = 2; i < argc; i++) {
        done = measure(decoder, argv[i], raw ? 0 : atof(argv[1]), raw)
            && done;
    }
    decoder_destroy(decoder);
    return done ? 0 : 1;
}
