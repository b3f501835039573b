/*
 * Runs a fuzz target without libFuzzer, wherever there is a C compiler:
 *
 *   fuzz_NAME [SECONDS] FILE|FOLDER...
 *
 * Every file first, then, for so many seconds, damaged copies of them, the
 * same ones each time.  The input that is being tried lies in a file of its
 * own while it is: what kills the target is found there.
 */

#include <dirent.h>
#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#include "fuzz.h"

#define MAX_SEEDS  4096
#define MAX_SIZE   (256 * 1024)

struct seed {
    uint8_t  *data;
    size_t    size;
};

static struct seed  seeds[MAX_SEEDS];
static size_t       nseeds;
static uint64_t     state = 88172645463325252u;


static uint64_t
next_random(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}


static void
read_file(const char *path)
{
    FILE    *file = fopen(path, "rb");
    uint8_t *data = malloc(MAX_SIZE);

    if (file == NULL || data == NULL || nseeds == MAX_SEEDS) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(2);
    }
    seeds[nseeds].data = data;
    seeds[nseeds++].size = fread(data, 1, MAX_SIZE, file);
    fclose(file);
}


static void
read_path(const char *path)
{
    struct dirent **entries;
    struct stat     st;
    char            name[4096];
    int             n;

    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        read_file(path);
        return;
    }
    n = scandir(path, &entries, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') {
            snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
            read_path(name);
        }
        free(entries[i]);
    }
    if (n >= 0) {
        free(entries);
    }
}


/* A few bytes changed, a piece taken out, doubled, or put in from elsewhere. */
static size_t
damage(uint8_t *data, size_t size)
{
    unsigned  count = 1 + next_random() % 4;

    while (count-- > 0 && size > 0) {
        size_t  at = next_random() % size, length = 1 + next_random() % 16;
        size_t  from = next_random() % size;

        length = length > size - at ? size - at : length;
        switch (next_random() % 6) {
        case 0:
            data[at] ^= (uint8_t) (1u << (next_random() % 8));
            break;
        case 1:
            data[at] = (uint8_t) next_random();
            break;
        case 2:
            memset(data + at, next_random() % 2 ? 0xff : 0, length);
            break;
        case 3:
            memmove(data + at, data + at + length, size - at - length);
            size -= length;
            break;
        case 4:
            length = length > size - from ? size - from : length;
            memmove(data + at, data + from, length);
            break;
        default:
            if (size + length <= MAX_SIZE) {
                memmove(data + at + length, data + at, size - at);
                size += length;
            }
        }
    }
    return size;
}


static void
try_input(const char *keep, const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    FILE    *file = keep != NULL ? fopen(keep, "wb") : NULL;

    if (file != NULL) {
        fwrite(data, 1, size, file);
        fclose(file);
    }
    fuzz_check(copy != NULL);
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}


int
main(int argc, char **argv)
{
    const char *keep = getenv("FUZZ_KEEP");
    uint8_t    *data = malloc(MAX_SIZE);
    time_t      end;
    size_t      tried = 0;
    long        seconds = 0;
    int         first = 1;

    if (argc > 1 && argv[1][0] >= '0' && argv[1][0] <= '9') {
        seconds = strtol(argv[first++], NULL, 10);
    }
    for (int i = first; i < argc; i++) {
        read_path(argv[i]);
    }
    fuzz_check(data != NULL);

    try_input(keep, data, 0);
    for (size_t i = 0; i < nseeds; i++, tried++) {
        try_input(keep, seeds[i].data, seeds[i].size);
    }
    end = time(NULL) + seconds;
    while (seconds > 0 && nseeds > 0 && time(NULL) < end) {
        const struct seed *seed = &seeds[next_random() % nseeds];

        memcpy(data, seed->data, seed->size);
        try_input(keep, data, damage(data, seed->size));
        tried++;
    }

    for (size_t i = 0; i < nseeds; i++) {
        free(seeds[i].data);
    }
    free(data);
    if (keep != NULL) {
        remove(keep);
    }
    printf("%zu seeds, %zu inputs\n", nseeds, tried);
    return 0;
}
