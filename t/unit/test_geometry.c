/*
 * Where a picture's pixels lie in the image, which letters stand at its edges,
 * and in which order a series is shown.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "geometry.h"
#include "wire.h"

/* links: render-worker/geometry.c */


static struct view
view_of(uint32_t width, uint32_t height, double zoom, double rotate,
    uint8_t flip)
{
    struct view  view = { 0 };

    view.width = width;
    view.height = height;
    view.zoom = zoom;
    view.rotate = rotate;
    view.flip = flip;

    return view;
}


static void
test_identity(void **state)
{
    double       m[6];
    struct view  view;

    static const uint32_t  sizes[][2] = {
        { 512, 512 }, { 2457, 1996 }, { 1996, 2457 }, { 1, 1 }, { 3, 16384 },
        { 65535, 1 }, { 333, 777 }
    };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        view = view_of(sizes[i][0], sizes[i][1], 1, 0, 0);
        assert_true(geometry_view(&view, sizes[i][0], sizes[i][1], 1, m));
        assert_true(m[0] == 1 && m[1] == 0 && m[2] == 0);
        assert_true(m[3] == 0 && m[4] == 1 && m[5] == 0);

        /* the turned image has its sides swapped, and exact integers too */
        view = view_of(sizes[i][1], sizes[i][0], 1, 90, 0);
        assert_true(geometry_view(&view, sizes[i][0], sizes[i][1], 1, m));
        assert_true(m[0] == 0 && m[1] == 1 && m[2] == 0);
        assert_true(m[3] == -1 && m[4] == 0 && m[5] == sizes[i][1]);

        view = view_of(sizes[i][0], sizes[i][1], 1, -180, WIRE_FLIP_H);
        assert_true(geometry_view(&view, sizes[i][0], sizes[i][1], 1, m));
        assert_true(m[0] == 1 && m[1] == 0 && m[2] == 0);
        assert_true(m[3] == 0 && m[4] == -1 && m[5] == sizes[i][1]);
    }
}


/* From image to picture: flip, then turn, then zoom, then pan. */
static void
forward(const struct view *view, double columns, double rows, double aspect,
    double fit, double u, double v, double *x, double *y)
{
    double  a, p, q;

    p = u - columns / 2;
    q = (v - rows / 2) * aspect;
    p = view->flip & WIRE_FLIP_H ? -p : p;
    q = view->flip & WIRE_FLIP_V ? -q : q;

    /* y points down: this is clockwise */
    a = view->rotate * M_PI / 180;
    *x = cos(a) * p - sin(a) * q;
    *y = sin(a) * p + cos(a) * q;

    *x = *x * fit * view->zoom + view->width / 2.0 + view->pan_x;
    *y = *y * fit * view->zoom + view->height / 2.0 + view->pan_y;
}


static void
test_round_trip(void **state)
{
    double       m[6], u, v, x, y, aspect, left, right, top, bottom, fit;
    uint32_t     columns, rows;
    struct view  view;

    srand(1);

    for (int n = 0; n < 5000; n++) {
        columns = 1 + rand() % 3000;
        rows = 1 + rand() % 3000;
        aspect = n % 3 == 0 ? 1 : 0.2 + rand() % 400 / 100.0;
        view = view_of(1 + rand() % 2000, 1 + rand() % 2000,
                       n % 2 ? 1 : 0.05 + rand() % 4000 / 100.0,
                       rand() % 1600 - 800, rand() % 4);

        if (n % 4 == 0) {
            view.rotate = rand() % 9 * 90 - 360;
        }

        /* how large the image is at scale 1, by its corners */
        left = right = top = bottom = 0;

        for (int i = 0; i < 4; i++) {
            struct view  plain = view_of(0, 0, 1, view.rotate, view.flip);

            forward(&plain, columns, rows, aspect, 1, i & 1 ? columns : 0,
                    i & 2 ? rows : 0, &x, &y);
            left = fmin(left, x);
            right = fmax(right, x);
            top = fmin(top, y);
            bottom = fmax(bottom, y);
        }

        fit = fmin(view.width / (right - left), view.height / (bottom - top));
        view.pan_x = n % 2 ? 0 : rand() % 400 - 200.25;
        view.pan_y = n % 2 ? 0 : rand() % 400 - 200.75;

        assert_true(geometry_view(&view, columns, rows, aspect, m));

        for (int i = 0; i < 8; i++) {
            u = columns * (rand() % 1001 / 1000.0);
            v = rows * (rand() % 1001 / 1000.0);
            forward(&view, columns, rows, aspect, fit, u, v, &x, &y);
            assert_true(fabs(m[0] * x + m[1] * y + m[2] - u) < 1e-6);
            assert_true(fabs(m[3] * x + m[4] * y + m[5] - v) < 1e-6);
        }
    }
}


static void
test_refused_views(void **state)
{
    double       m[6];
    struct view  view;

    static const double  bad[] = { 0, -1, NAN, INFINITY, 1e-320, 1e308 };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        view = view_of(10, 10, bad[i], 0, 0);
        if (i < 4) {
            assert_false(geometry_view(&view, 10, 10, 1, m));
        } else if (geometry_view(&view, 10, 10, 1, m)) {
            assert_true(isfinite(m[0]) && isfinite(m[2]));
        }
    }

    view = view_of(10, 10, 1, NAN, 0);
    assert_false(geometry_view(&view, 10, 10, 1, m));
    view = view_of(10, 10, 1, 0, 0);
    view.pan_x = INFINITY;
    assert_false(geometry_view(&view, 10, 10, 1, m));
    view = view_of(0, 10, 1, 0, 0);
    assert_false(geometry_view(&view, 10, 10, 1, m));
    view = view_of(10, 10, 1, 0, 0);
    assert_false(geometry_view(&view, 10, 0, 1, m));
    assert_false(geometry_view(&view, 10, 10, 0, m));
    assert_false(geometry_view(&view, 10, 10, NAN, m));
}


struct image {
    struct dicom_index  index;
    struct dicom_frame  frame;
};


static void
image_init(struct image *image, const double row[3], const double column[3])
{
    memset(image, 0, sizeof(*image));
    image->index.nframes = 1;
    image->index.frames = &image->frame;
    image->index.pixel_aspect = 1;
    image->frame.has_position = true;
    memcpy(image->frame.orientation, row, 3 * sizeof(double));
    memcpy(image->frame.orientation + 3, column, 3 * sizeof(double));
}


/*
 * The other way round: each direction of the patient is brought to the screen,
 * and named at the edges it points to, the most exact first.
 */
static void
expected_letters(const double row[3], const double column[3],
    const struct view *view, char letters[4][4])
{
    double  x, y, a, strength[4][6], toward;

    static const char  names[] = "LRPAHF";
    static const int   edges[4][2] = {
        { 0, -1 }, { 1, 0 }, { 0, 1 }, { -1, 0 }
    };

    a = view->rotate * M_PI / 180;

    for (int k = 0; k < 6; k++) {
        double  sign = k % 2 ? -1 : 1;
        double  p = sign * row[k / 2], q = sign * column[k / 2];

        p = view->flip & WIRE_FLIP_H ? -p : p;
        q = view->flip & WIRE_FLIP_V ? -q : q;
        x = cos(a) * p - sin(a) * q;
        y = sin(a) * p + cos(a) * q;

        for (int e = 0; e < 4; e++) {
            strength[e][k] = x * edges[e][0] + y * edges[e][1];
        }
    }

    for (int e = 0; e < 4; e++) {
        int  n = 0;

        memset(letters[e], 0, 4);

        for (;;) {
            int  best = -1;

            toward = 0.05;

            for (int k = 0; k < 6; k++) {
                if (strength[e][k] > toward + 1e-9) {
                    toward = strength[e][k];
                    best = k;
                }
            }

            if (best == -1) {
                break;
            }

            letters[e][n++] = names[best];
            strength[e][best] = 0;
        }
    }
}


static void
same_letters(char a[4][4], char b[4][4])
{
    for (int e = 0; e < 4; e++) {
        assert_string_equal(a[e], b[e]);
    }
}


/* All planes that lie along the axes of the patient, and some that do not */
static void
test_letters(void **state)
{
    char          got[4][4], expected[4][4];
    double        row[3], column[3], normal[3], s, c;
    struct view   view;
    struct image  image;

    for (int r = 0; r < 6; r++) {
        for (int k = 0; k < 6; k++) {
            if (r / 2 == k / 2) {
                continue;
            }

            for (int tilt = 0; tilt < 4; tilt++) {
                memset(row, 0, sizeof(row));
                memset(column, 0, sizeof(column));
                row[r / 2] = r % 2 ? -1 : 1;
                column[k / 2] = k % 2 ? -1 : 1;
                normal[0] = row[1] * column[2] - row[2] * column[1];
                normal[1] = row[2] * column[0] - row[0] * column[2];
                normal[2] = row[0] * column[1] - row[1] * column[0];

                /* tilt the columns out of the plane */
                s = sin(tilt * 0.2);
                c = cos(tilt * 0.2);
                for (int i = 0; i < 3; i++) {
                    column[i] = c * column[i] + s * normal[i];
                }

                image_init(&image, row, column);

                for (int turn = -360; turn <= 720; turn += 30) {
                    for (int flip = 0; flip < 4; flip++) {
                        view = view_of(10, 10, 1, turn, flip);
                        geometry_letters(&image.index, 0, &view, got);
                        expected_letters(row, column, &view, expected);
                        same_letters(got, expected);
                    }
                }
            }
        }
    }
}


static void
letters_are(const struct image *image, double rotate, uint8_t flip,
    const char *top, const char *right, const char *bottom, const char *left)
{
    char         letters[4][4];
    struct view  view;

    view = view_of(10, 10, 1, rotate, flip);
    geometry_letters(&image->index, 0, &view, letters);
    assert_string_equal(letters[0], top);
    assert_string_equal(letters[1], right);
    assert_string_equal(letters[2], bottom);
    assert_string_equal(letters[3], left);
}


/* What a radiologist expects to see, written out */
static void
test_known_letters(void **state)
{
    struct image  image;

    static const double  left[] = { 1, 0, 0 }, back[] = { 0, 1, 0 };
    static const double  feet[] = { 0, 0, -1 };

    image_init(&image, left, back);                     /* axial */
    letters_are(&image, 0, 0, "A", "L", "P", "R");
    letters_are(&image, 90, 0, "R", "A", "L", "P");
    letters_are(&image, 180, 0, "P", "R", "A", "L");
    letters_are(&image, 270, 0, "L", "P", "R", "A");
    letters_are(&image, 0, WIRE_FLIP_H, "A", "R", "P", "L");
    letters_are(&image, 0, WIRE_FLIP_V, "P", "L", "A", "R");
    letters_are(&image, 90, WIRE_FLIP_H, "L", "A", "R", "P");
    letters_are(&image, 45, 0, "RA", "LA", "LP", "RP");

    image_init(&image, left, feet);                     /* coronal */
    letters_are(&image, 0, 0, "H", "L", "F", "R");

    image_init(&image, back, feet);                     /* sagittal */
    letters_are(&image, 0, 0, "H", "P", "F", "A");
}


static void
test_letters_from_text(void **state)
{
    struct image  image;

    memset(&image, 0, sizeof(image));
    letters_are(&image, 0, 0, "", "", "", "");

    strcpy(image.index.patient_orientation[0], "L");
    strcpy(image.index.patient_orientation[1], "F");
    letters_are(&image, 0, 0, "H", "L", "F", "R");
    letters_are(&image, 90, 0, "R", "H", "L", "F");
    letters_are(&image, 0, WIRE_FLIP_H, "H", "R", "F", "L");
    letters_are(&image, 30, 0, "HR", "LH", "FL", "RF");

    /* a mammogram: angles between the letters are not known */
    strcpy(image.index.patient_orientation[0], "A");
    strcpy(image.index.patient_orientation[1], "FR");
    letters_are(&image, 0, 0, "HL", "A", "FR", "P");
    letters_are(&image, 180, 0, "FR", "P", "HL", "A");
    letters_are(&image, 30, 0, "", "", "", "");

    /* one axis only */
    image.index.patient_orientation[1][0] = '\0';
    letters_are(&image, 0, 0, "", "A", "", "P");
    letters_are(&image, 90, 0, "P", "", "A", "");

    /* nonsense names nothing */
    strcpy(image.index.patient_orientation[0], "LR");
    strcpy(image.index.patient_orientation[1], "X");
    letters_are(&image, 0, 0, "", "", "", "");
    strcpy(image.index.patient_orientation[0], "LAHF");
    letters_are(&image, 0, 0, "", "", "", "");

    /* nor do directions that are none */
    image.index.nframes = 1;
    image.index.frames = &image.frame;
    image.frame.has_position = true;
    strcpy(image.index.patient_orientation[0], "");
    letters_are(&image, 0, 0, "", "", "", "");
    for (int i = 0; i < 6; i++) {
        image.frame.orientation[i] = NAN;
    }
    letters_are(&image, 0, 0, "", "", "", "");
    letters_are(&image, NAN, 0, "", "", "", "");
}


/* A series of single-frame instances in an order that says nothing */
struct series {
    size_t               count;
    struct dicom_index  *instances;
    struct dicom_frame  *frames;
    struct layer_ref    *layers;
};

static const double  axial[6] = { 1, 0, 0, 0, 1, 0 };


static void
series_init(struct series *series, size_t count)
{
    series->count = count;
    series->instances = calloc(count, sizeof(struct dicom_index));
    series->frames = calloc(count, sizeof(struct dicom_frame));
    series->layers = calloc(count, sizeof(struct layer_ref));

    for (size_t i = 0; i < count; i++) {
        series->instances[i].nframes = 1;
        series->instances[i].frames = &series->frames[i];
        snprintf(series->instances[i].instance_uid, 65, "1.2.%zu", i);
        series->frames[i].has_position = true;
        memcpy(series->frames[i].orientation, axial, sizeof(axial));
    }
}


static void
series_finish(struct series *series)
{
    free(series->instances);
    free(series->frames);
    free(series->layers);
}


static struct geometry_order
series_order(struct series *series)
{
    struct geometry_order  order;

    assert_int_equal(geometry_order(series->instances, series->count,
                                    series->layers, &order), series->count);

    return order;
}


/* place of instance i along the stack: spread, but without order */
static size_t
scattered(size_t i, size_t count)
{
    return i * 7919 % count;
}


static void
test_order_by_position(void **state)
{
    double                 o[6] = { 0.8, 0.6, 0, 0, 0, -1 };
    double                 normal[3] = { -0.6, 0.8, 0 };
    struct series          series;
    struct geometry_order  order;

    for (int oblique = 0; oblique < 2; oblique++) {
        series_init(&series, 100);

        for (size_t i = 0; i < 100; i++) {
            size_t  at = scattered(i, 100);

            /* numbers run against the position */
            series.instances[i].instance_number = 1000 - (int) at;

            if (oblique) {
                memcpy(series.frames[i].orientation, o, sizeof(o));
            }

            for (int k = 0; k < 3; k++) {
                series.frames[i].position[k] = 10 + 1.25 * (double) at
                    * (oblique ? normal[k] : k == 2);
            }
        }

        order = series_order(&series);
        assert_true(order.by_position && !order.uneven && !order.tilted);
        assert_true(fabs(order.spacing - 1.25) < 1e-9);

        for (size_t i = 0; i < 100; i++) {
            assert_int_equal(scattered(series.layers[i].instance, 100), i);
            assert_int_equal(series.layers[i].frame, 0);
        }

        series_finish(&series);
    }
}


static void
test_gaps_and_tilt(void **state)
{
    struct series          series;
    struct geometry_order  order;

    series_init(&series, 20);

    for (size_t i = 0; i < 20; i++) {
        series.frames[i].position[2] = 3.0 * (double) i;
    }

    order = series_order(&series);
    assert_true(!order.uneven && !order.tilted && order.spacing == 3);

    series.frames[19].position[2] += 3;                 /* one is missing */
    order = series_order(&series);
    assert_true(order.uneven && order.spacing == 3);

    for (size_t i = 0; i < 20; i++) {                   /* gantry tilt */
        series.frames[i].position[2] = 3.0 * (double) i;
        series.frames[i].position[1] = 1.0 * (double) i;
    }

    order = series_order(&series);
    assert_true(order.by_position && order.tilted && !order.uneven);
    series_finish(&series);
}


static void
test_duplicates_and_time(void **state)
{
    struct series          series;
    struct geometry_order  order;

    /* 10 positions, 3 time points each, positions with rounding noise */
    series_init(&series, 30);

    for (size_t i = 0; i < 30; i++) {
        size_t  at = scattered(i, 30);

        series.frames[i].position[2] = (double) (at / 3)
                                       + (at % 3 == 0 ? 2e-4 : 0);
        series.frames[i].time = 100.0 * (double) (at % 3);
        series.instances[i].instance_number = (int) (30 - at);
    }

    order = series_order(&series);
    assert_true(order.by_position);
    assert_true(fabs(order.spacing - 1) < 1e-3);

    for (size_t i = 0; i < 30; i++) {
        assert_int_equal(scattered(series.layers[i].instance, 30), i);
    }

    /* no time: the instance number decides */
    for (size_t i = 0; i < 30; i++) {
        series.frames[i].time = 0;
    }

    series_order(&series);

    for (size_t i = 0; i < 30; i++) {
        size_t  at = scattered(series.layers[i].instance, 30);

        assert_int_equal(at / 3, i / 3);
        assert_int_equal(at % 3, 2 - i % 3);
    }

    series_finish(&series);
}


static void
check_by_number(struct series *series)
{
    struct geometry_order  order;

    order = series_order(series);
    assert_false(order.by_position || order.uneven || order.tilted);
    assert_true(order.spacing == 0);

    for (size_t i = 0; i < series->count; i++) {
        assert_int_equal(scattered(series->layers[i].instance, series->count),
                         i);
    }
}


static void
test_order_by_number(void **state)
{
    struct series  series;

    series_init(&series, 50);

    for (size_t i = 0; i < 50; i++) {
        series.frames[i].position[2] = (double) i;
        series.instances[i].instance_number = (int) scattered(i, 50) - 25;
    }

    series.frames[17].has_position = false;             /* one without */
    check_by_number(&series);
    series.frames[17].has_position = true;

    series.frames[3].orientation[0] = 0;                /* a localiser */
    series.frames[3].orientation[1] = 1;
    series.frames[3].orientation[4] = 0;
    series.frames[3].orientation[5] = -1;
    check_by_number(&series);
    memcpy(series.frames[3].orientation, axial, sizeof(axial));

    series.frames[9].position[1] = NAN;
    check_by_number(&series);
    series.frames[9].position[1] = 0;

    strcpy(series.instances[8].frame_of_reference, "1.2.3");
    check_by_number(&series);
    series_finish(&series);

    /* equal numbers: the UID, and no frames at all: no layer */
    series_init(&series, 3);
    series.frames[0].has_position = false;
    strcpy(series.instances[0].instance_uid, "1.9");
    strcpy(series.instances[1].instance_uid, "1.5");
    strcpy(series.instances[2].instance_uid, "1.7");
    series_order(&series);
    assert_int_equal(series.layers[0].instance, 1);
    assert_int_equal(series.layers[1].instance, 2);
    assert_int_equal(series.layers[2].instance, 0);

    for (int i = 0; i < 3; i++) {
        series.instances[i].nframes = 0;
    }

    {
        struct geometry_order  order;

        assert_int_equal(geometry_order(series.instances, 3, series.layers,
                                        &order), 0);
        assert_int_equal(geometry_order(NULL, 0, series.layers, &order), 0);
    }

    series_finish(&series);
}


static void
test_frames(void **state)
{
    struct series          series;
    struct dicom_index     index;
    struct geometry_order  order;

    series_init(&series, 40);
    memset(&index, 0, sizeof(index));
    index.nframes = 40;
    index.frames = series.frames;

    for (size_t i = 0; i < 40; i++) {
        series.frames[i].position[2] = (double) scattered(i, 40);
    }

    assert_int_equal(geometry_order(&index, 1, series.layers, &order), 40);
    assert_true(order.by_position && order.spacing == 1);

    for (size_t i = 0; i < 40; i++) {
        assert_int_equal(series.layers[i].instance, 0);
        assert_int_equal(scattered(series.layers[i].frame, 40), i);
    }

    /* a cine has no positions: frames as they come */
    for (size_t i = 0; i < 40; i++) {
        series.frames[i].has_position = false;
    }

    assert_int_equal(geometry_order(&index, 1, series.layers, &order), 40);
    assert_false(order.by_position);

    for (size_t i = 0; i < 40; i++) {
        assert_int_equal(series.layers[i].frame, i);
    }

    series_finish(&series);
}


/* n log n: sorted and reversed input would take minutes otherwise */
static void
test_many(void **state)
{
    const size_t           count = 60000;
    struct series          series;
    struct geometry_order  order;

    for (int kind = 0; kind < 3; kind++) {
        series_init(&series, count);

        for (size_t i = 0; i < count; i++) {
            series.frames[i].position[2] = 0.5 * (double) (
                kind == 0 ? i : kind == 1 ? count - i : scattered(i, count));
        }

        order = series_order(&series);
        assert_true(order.by_position && !order.uneven);

        for (size_t i = 1; i < count; i++) {
            assert_true(
                series.frames[series.layers[i].instance].position[2]
                > series.frames[series.layers[i - 1].instance].position[2]);
        }

        series_finish(&series);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused_views),
        cmocka_unit_test(test_letters),
        cmocka_unit_test(test_known_letters),
        cmocka_unit_test(test_letters_from_text),
        cmocka_unit_test(test_order_by_position),
        cmocka_unit_test(test_gaps_and_tilt),
        cmocka_unit_test(test_duplicates_and_time),
        cmocka_unit_test(test_order_by_number),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
