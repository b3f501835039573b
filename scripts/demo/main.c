/*
 * demo-dicom: writes the demo's DICOM files, the same ones on every machine.
 */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "files.h"
#include "writer.h"

static void usage(FILE *f)
{
    fputs("usage: demo-dicom [--series NAME] [--frames N] [--multi] FOLDER\n"
          "  NAME is head, breast, heart or chest; all of them by default.\n"
          "  --frames N  how many slices or frames; pictures repeat after the\n"
          "              first few dozen\n"
          "  --multi     head: one multi-frame file instead of N files\n"
          "  --single    breast: N files instead of one multi-frame file\n"
          "  --seed TEXT other UIDs for the same pictures\n",
        f);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        { "series", required_argument, NULL, 's' },
        { "frames", required_argument, NULL, 'n' },
        { "multi", no_argument, NULL, 'm' },
        { "single", no_argument, NULL, '1' },
        { "seed", required_argument, NULL, 'x' },
        { "help", no_argument, NULL, 'h' },
        { NULL, 0, NULL, 0 },
    };
    const char *series = NULL;
    struct order order = { .multi = -1 };
    bool ok = true, known = false;
    int c;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (c) {
        case 's':
            series = optarg;
            break;
        case 'n':
            order.frames = atoi(optarg);
            if (order.frames < 1 || order.frames > 100000) {
                usage(stderr);
                return 2;
            }
            break;
        case 'm':
            order.multi = 1;
            break;
        case '1':
            order.multi = 0;
            break;
        case 'x':
            uid_set_seed(optarg);
            break;
        case 'h':
            usage(stdout);
            return 0;
        default:
            usage(stderr);
            return 2;
        }
    }
    if (optind != argc - 1) {
        usage(stderr);
        return 2;
    }

    order.folder = argv[optind];
    if (mkdir(order.folder, 0777) != 0 && errno != EEXIST) {
        fprintf(stderr, "demo-dicom: %s: %s\n", order.folder, strerror(errno));
        return 1;
    }

    for (size_t i = 0; series_writers[i].name != NULL; i++) {
        if (series == NULL || strcmp(series, series_writers[i].name) == 0) {
            known = true;
            ok = series_writers[i].write(&order) && ok;
        }
    }
    if (!known) {
        usage(stderr);
        return 2;
    }

    return ok ? 0 : 1;
}
