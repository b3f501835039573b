/*
 * Where a picture's pixels lie in the image, and which letters stand at its
 * edges.
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


/* Whether rounding could change the letters of an edge. */
static bool
near_limit(const double row[3], const double column[3],
    const struct view *view)
{
    double  a = view->rotate * M_PI / 180;

    for (int e = 0; e < 2; e++) {
        double  v[3], c = e ? cos(a) : -sin(a), s = e ? sin(a) : cos(a);

        for (int k = 0; k < 3; k++) {
            v[k] = fabs(c * (view->flip & WIRE_FLIP_H ? -1 : 1) * row[k]
                        + s * (view->flip & WIRE_FLIP_V ? -1 : 1)
                          * column[k]);
        }

        for (int k = 0; k < 3; k++) {
            if (fabs(v[k] - 0.05) < 1e-3
                || fabs(v[k] - v[(k + 1) % 3]) < 1e-3)
            {
                return true;
            }
        }
    }

    return false;
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


/*
 * Planes in any direction, frame by frame, under any turn; directions that are
 * almost at the limit of a letter, or equally near to two, are left out.
 */
static void
test_oblique_letters(void **state)
{
    char                got[4][4], expected[4][4];
    double              q[4], n, o[6];
    unsigned            tried = 0;
    struct view         view;
    struct dicom_index  index = { 0 };
    struct dicom_frame  frames[3] = { 0 };

    index.nframes = 3;
    index.frames = frames;
    strcpy(index.patient_orientation[0], "L");      /* of no account */
    strcpy(index.patient_orientation[1], "P");
    frames[1].has_position = true;
    srand(5);

    for (int i = 0; i < 4000; i++) {
        for (int k = 0; k < 4; k++) {
            q[k] = rand() / (double) RAND_MAX - 0.5;
        }

        n = sqrt(q[0] * q[0] + q[1] * q[1] + q[2] * q[2] + q[3] * q[3]);

        for (int k = 0; k < 4; k++) {
            q[k] /= n;
        }

        o[0] = q[0] * q[0] + q[1] * q[1] - q[2] * q[2] - q[3] * q[3];
        o[1] = 2 * (q[1] * q[2] + q[0] * q[3]);
        o[2] = 2 * (q[1] * q[3] - q[0] * q[2]);
        o[3] = 2 * (q[1] * q[2] - q[0] * q[3]);
        o[4] = q[0] * q[0] - q[1] * q[1] + q[2] * q[2] - q[3] * q[3];
        o[5] = 2 * (q[2] * q[3] + q[0] * q[1]);
        memcpy(frames[1].orientation, o, sizeof(o));

        view = view_of(10, 10, 1, i % 2 ? rand() % 3600 / 10.0
                                  : rand() % 4 * 90, rand() % 4);
        geometry_letters(&index, 1, &view, got);
        expected_letters(o, o + 3, &view, expected);

        if (!near_limit(o, o + 3, &view)) {
            same_letters(got, expected);
            tried++;
        }
    }

    assert_true(tried > 3000);

    /* the frames beside it say nothing of planes */
    view = view_of(10, 10, 1, 90, 0);
    geometry_letters(&index, 0, &view, got);
    assert_string_equal(got[0], "R");
    assert_string_equal(got[1], "A");
}


/* Flips and quarter turns of what is only named */
static void
test_named_letters(void **state)
{
    char                got[4][4];
    struct view         view;
    struct dicom_index  index = { 0 };

    static const char  *const names[] = { "FR", "A", "HL", "P" };
    static const int    edges[4][2] = {
        { 0, -1 }, { 1, 0 }, { 0, 1 }, { -1, 0 }
    };

    /* clockwise from the bottom: as names[] from the columns on */
    strcpy(index.patient_orientation[0], "P");
    strcpy(index.patient_orientation[1], "FR");

    for (int turn = -8; turn <= 8; turn++) {
        for (int flip = 0; flip < 4; flip++) {
            view = view_of(10, 10, 1, turn * 90, flip);
            geometry_letters(&index, 0, &view, got);

            /* where a step along the columns, and one against the rows, go */
            for (int i = 0; i < 4; i++) {
                int  x = i == 1 ? -1 : i == 3 ? 1 : 0;
                int  y = i == 0 ? 1 : i == 2 ? -1 : 0;

                x = flip & WIRE_FLIP_H ? -x : x;
                y = flip & WIRE_FLIP_V ? -y : y;

                for (int k = 0; k < (turn + 8) % 4; k++) {
                    int  old = x;

                    x = -y;
                    y = old;
                }

                for (int e = 0; e < 4; e++) {
                    if (edges[e][0] == x && edges[e][1] == y) {
                        assert_string_equal(got[e], names[i]);
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
    strcpy(image.index.patient_orientation[0], "L X");
    letters_are(&image, 0, 0, "", "", "", "");

    /* nor what contradicts */
    strcpy(image.index.patient_orientation[0], "L");
    strcpy(image.index.patient_orientation[1], "R");
    letters_are(&image, 0, 0, "", "", "", "");
    strcpy(image.index.patient_orientation[0], "");
    strcpy(image.index.patient_orientation[1], "X");

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


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused_views),
        cmocka_unit_test(test_letters),
        cmocka_unit_test(test_oblique_letters),
        cmocka_unit_test(test_named_letters),
        cmocka_unit_test(test_known_letters),
        cmocka_unit_test(test_letters_from_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
