/*
 * draw [COUNT]
 *
 * Draws views of pictures of the paper's two sizes, 16 bit, by renderer_cpu on
 * one core, by turns, COUNT times each (9), and prints a line for each:
 *
 *     MEDIAN LEAST COLUMNSxROWS VIEW
 *
 * in milliseconds that the process computed.
 */

#include <math.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "renderer.h"
#include "wire.h"

#define MOST  99

struct size {
    uint32_t             columns, rows;
    struct layer_array  *array;
    struct voi_table     window, curve;
};

struct view {
    const char  *name;
    double       degrees;
    double       zoom;
    bool         flip;
    bool         curve;                 /* a sigmoid in the place of a window */
    enum draw_interpolation  interpolation;
};

static const struct view  views[] = {
    { "nearest", 0, 1, false, false, DRAW_NEAREST },
    { "nearest, turned by 90 degrees", 90, 1, false, false, DRAW_NEAREST },
    { "bilinear", 0, 1, false, false, DRAW_LINEAR },
    { "bilinear, sigmoid", 0, 1, false, true, DRAW_LINEAR },
    { "bilinear, zoom 1.7", 0, 1.7, false, false, DRAW_LINEAR },
    { "bilinear, flipped", 0, 1, true, false, DRAW_LINEAR },
    { "bilinear, turned by 180 degrees", 180, 1, false, false, DRAW_LINEAR },
    { "bilinear, turned by 90 degrees", 90, 1, false, false, DRAW_LINEAR },
    { "bilinear, turned by 270 degrees", 270, 1, false, false, DRAW_LINEAR },
    { "bilinear, turned by 5 degrees", 5, 1, false, false, DRAW_LINEAR },
    { "bilinear, turned by 45 degrees", 45, 1, false, false, DRAW_LINEAR },
    { "bilinear, turned by 85 degrees", 85, 1, false, false, DRAW_LINEAR },
    { "cubic", 0, 1, false, false, DRAW_CUBIC },
    { "cubic, turned by 5 degrees", 5, 1, false, false, DRAW_CUBIC },
};

#define VIEWS  (sizeof(views) / sizeof(views[0]))


static double
computed(void)
{
    struct timespec  t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double) t.tv_sec * 1e3 + (double) t.tv_nsec / 1e6;
}


static int
by_value(const void *a, const void *b)
{
    double  x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}


/* A disc with noise. */
static bool
fill(struct renderer *renderer, struct size *size)
{
    double     x, y;
    uint32_t   noise = 1;
    uint16_t  *to;

    size->array = renderer_array_create(renderer, size->columns, size->rows,
        LAYER_R16UI, 1);
    if (size->array == NULL) {
        return false;
    }
    to = renderer_layer(renderer, size->array, 0);
    for (uint32_t i = 0; i < size->rows; i++) {
        for (uint32_t j = 0; j < size->columns; j++) {
            x = 2.0 * j / size->columns - 1;
            y = 2.0 * i / size->rows - 1;
            noise = noise * 1664525 + 1013904223;
            *to++ = (uint16_t) (x * x + y * y < 0.8
                ? 2000 + 1000 * x * y + (noise >> 25) : noise >> 29);
        }
    }
    return true;
}


static bool
tables(struct size *size)
{
    const char          *error;
    struct dicom_frame   frame = { .slope = 1 };
    struct dicom_index   index = {
        .frames = &frame, .nframes = 1, .bits_allocated = 16,
        .bits_stored = 12, .high_bit = 11,
        .photometric = PHOTOMETRIC_MONOCHROME2
    };
    struct voi_choice    choice = {
        .function = WIRE_VOI_LINEAR, .has_window = true, .center = 1800,
        .width = 2500
    };

    if (!voi_table_init(&size->window, &index, 0, &choice, 0, 4095, &error)) {
        return false;
    }
    choice.function = WIRE_VOI_SIGMOID;
    return voi_table_init(&size->curve, &index, 0, &choice, 0, 4095, &error);
}


/* Moved by parts of pixels: else nothing is interpolated at zoom 1. */
static void
prepare(struct draw *draw, const struct size *size, const struct view *view)
{
    double  c, s, *m = draw->matrix;

    memset(draw, 0, sizeof(*draw));
    draw->array = size->array;
    draw->voi = view->curve ? &size->curve : &size->window;
    draw->interpolation = view->interpolation;
    draw->width = fmod(view->degrees, 180) == 90 ? size->rows : size->columns;
    draw->height = fmod(view->degrees, 180) == 90 ? size->columns
                                                  : size->rows;
    c = cos(view->degrees * M_PI / 180) / view->zoom;
    s = sin(view->degrees * M_PI / 180) / view->zoom;
    if (fmod(view->degrees, 90) == 0) {
        c = round(c * view->zoom) / view->zoom;
        s = round(s * view->zoom) / view->zoom;
    }
    m[0] = view->flip ? -c : c;
    m[1] = s;
    m[3] = view->flip ? s : -s;
    m[4] = c;
    m[2] = size->columns / 2.0
           - (m[0] * draw->width + m[1] * draw->height) / 2 + 0.3;
    m[5] = size->rows / 2.0
           - (m[3] * draw->width + m[4] * draw->height) / 2 + 0.4;
}


static bool
measure(struct renderer *renderer, const struct size *size, int count)
{
    double         start;
    uint8_t       *pixels;
    struct draw    draw;
    static double  times[VIEWS][MOST];

    pixels = malloc((size_t) size->columns * size->rows);
    for (int i = -1; i < count && pixels != NULL; i++) {
        for (size_t j = 0; j < VIEWS; j++) {
            prepare(&draw, size, &views[j]);
            start = computed();
            if (!renderer_draw(renderer, &draw, pixels)) {
                free(pixels);
                return false;
            }
            times[j][i < 0 ? 0 : i] = computed() - start;
        }
    }
    for (size_t j = 0; j < VIEWS && pixels != NULL; j++) {
        qsort(times[j], count, sizeof(double), by_value);
        printf("%.2f %.2f %ux%u %s\n", times[j][(count - 1) / 2], times[j][0],
            size->columns, size->rows, views[j].name);
    }
    free(pixels);
    return pixels != NULL;
}


int
main(int argc, char **argv)
{
    int               count = argc > 1 ? atoi(argv[1]) : 9;
    bool              done;
    cpu_set_t         one;
    struct size       sizes[] = { { .columns = 512, .rows = 512 },
                                  { .columns = 2457, .rows = 1996 } };
    struct renderer  *renderer;

    log_set_level(LOG_LEVEL_ERROR);
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    if (count < 1 || count > MOST || sched_setaffinity(0, sizeof(one), &one)) {
        fprintf(stderr, "usage: draw [COUNT]\n");
        return 2;
    }
    renderer = renderer_cpu_create();
    done = renderer != NULL;
    for (int i = 0; i < 2 && done; i++) {
        done = fill(renderer, &sizes[i]) && tables(&sizes[i])
            && measure(renderer, &sizes[i], count);
    }
    return done ? 0 : 1;
}
