/*
 * Stored values become the grays of PS3.3 C.11.2.1.2: every formula against
 * its text in the standard, for every entry of the table.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "voi.h"
#include "wire.h"

/* links: render-worker/voi.c render-worker/voi_settle.c */

struct image {
    struct dicom_index  index;
    struct dicom_frame  frame;
};


static void
image_init(struct image *image, unsigned bits, bool is_signed)
{
    memset(image, 0, sizeof(*image));
    image->index.frames = &image->frame;
    image->index.nframes = 1;
    image->index.bits_allocated = bits > 16 ? 32 : bits > 8 ? 16 : 8;
    image->index.bits_stored = bits;
    image->index.high_bit = bits - 1;
    image->index.is_signed = is_signed;
    image->index.photometric = PHOTOMETRIC_MONOCHROME2;
    image->index.voi_function = VOI_LINEAR;
    image->frame.slope = 1;
}


static struct voi_choice
window(uint8_t function, double center, double width)
{
    struct voi_choice  choice = { 0 };

    choice.function = function;
    choice.has_window = true;
    choice.center = center;
    choice.width = width;

    return choice;
}


static struct voi_table
table_of(const struct image *image, struct voi_choice *choice, double lowest,
    double highest)
{
    const char       *error;
    struct voi_table  table;

    assert_true(voi_table_init(&table, &image->index, 0, choice, lowest,
                               highest, &error));

    return table;
}


/* C.11.2.1.2.1, word for word, with ymin 0 and ymax 255 */
static double
standard_linear(double x, double c, double w)
{
    if (x <= c - 0.5 - (w - 1) / 2) {
        return 0;
    }

    if (x > c - 0.5 + (w - 1) / 2) {
        return 255;
    }

    return ((x - (c - 0.5)) / (w - 1) + 0.5) * (255 - 0) + 0;
}


/* C.11.2.1.3.2 */
static double
standard_exact(double x, double c, double w)
{
    if (x <= c - w / 2) {
        return 0;
    }

    if (x > c + w / 2) {
        return 255;
    }

    return ((x - c) / w + 0.5) * (255 - 0) + 0;
}


/* C.11.2.1.3.1 */
static double
standard_sigmoid(double x, double c, double w)
{
    return 255 / (1 + exp(-4 * ((x - c) / w)));
}


static double
standard(uint8_t function, double x, double c, double w)
{
    switch (function) {
    case WIRE_VOI_SIGMOID: return standard_sigmoid(x, c, w);
    case WIRE_VOI_LINEAR_EXACT: return standard_exact(x, c, w);
    default: return standard_linear(x, c, w);
    }
}


static void
check_table(const struct image *image, const struct voi_table *table,
    uint8_t function, double c, double w, bool inverted)
{
    double  x, y;

    assert_int_equal(table->count, 1u << image->index.bits_stored);

    for (uint32_t i = 0; i < table->count; i++) {
        x = image->frame.slope * (table->first + (double) i)
            + image->frame.intercept;
        y = standard(function, x, c, w);
        y = inverted ? 255 - y : y;

        if (fabs(y + 0.5 - round(y + 0.5)) > 1e-9) {
            assert_int_equal(table->display[i], floor(y + 0.5));
        }

        assert_true(fabs(table->display[i] - y) <= 0.5 + 1e-9);
        assert_true(fabs(table->value[i] - y) < 1e-4);
        assert_int_equal((int) (table->value[i] + 0.5f), table->display[i]);
    }
}


static void
test_formulas(void **state)
{
    double             c, w;
    struct image       image;
    struct voi_table   table;
    struct voi_choice  choice;

    static const uint8_t  functions[] = {
        WIRE_VOI_LINEAR, WIRE_VOI_LINEAR_EXACT, WIRE_VOI_SIGMOID
    };

    srand(1);

    for (int n = 0; n < 240; n++) {
        image_init(&image, 1 + rand() % 16, rand() % 2);
        image.frame.slope = n % 3 == 0 ? 1 : (rand() % 4000 - 1999.5) / 500;
        image.frame.intercept = n % 2 == 0 ? 0 : rand() % 4096 - 2048;
        image.index.photometric = n % 5 == 0 ? PHOTOMETRIC_MONOCHROME1
                                             : PHOTOMETRIC_MONOCHROME2;
        c = rand() % 8000 / 2.0 - 1000;
        w = n % 7 == 0 ? 1 : 1 + rand() % 4000 / 3.0;

        choice = window(functions[n % 3], c, w);
        choice.invert = n % 4 == 0;
        table = table_of(&image, &choice, 0, 0);

        assert_int_equal(choice.function, functions[n % 3]);
        assert_true(choice.center == c && choice.width == w);
        check_table(&image, &table, functions[n % 3], c, w,
                    (n % 5 == 0) != (n % 4 == 0));
        voi_table_finish(&table);
    }
}


static uint8_t
gray(const struct voi_table *table, int32_t stored)
{
    return table->display[stored - table->first];
}


/* The examples of the standard's notes */
static void
test_examples(void **state)
{
    struct image       image;
    struct voi_table   table;
    struct voi_choice  choice;

    image_init(&image, 16, true);

    choice = window(WIRE_VOI_LINEAR, 2048, 4096);
    table = table_of(&image, &choice, 0, 0);
    assert_int_equal(gray(&table, 0), 0);
    assert_int_equal(gray(&table, 4095), 255);
    assert_int_equal(gray(&table, -5), 0);
    assert_int_equal(gray(&table, 5000), 255);
    voi_table_finish(&table);

    choice = window(WIRE_VOI_LINEAR, 2048, 1);
    table = table_of(&image, &choice, 0, 0);
    assert_int_equal(gray(&table, 2047), 0);
    assert_int_equal(gray(&table, 2048), 255);
    voi_table_finish(&table);

    choice = window(WIRE_VOI_LINEAR, 0, 100);
    table = table_of(&image, &choice, 0, 0);
    assert_int_equal(gray(&table, -50), 0);
    assert_int_equal(gray(&table, 49), 255);
    assert_int_equal(gray(&table, 0),
                     (int) floor((0.5 / 99 + 0.5) * 255 + 0.5));
    voi_table_finish(&table);

    choice = window(WIRE_VOI_LINEAR, 0, 1);
    table = table_of(&image, &choice, 0, 0);
    assert_int_equal(gray(&table, -1), 0);
    assert_int_equal(gray(&table, 0), 255);
    voi_table_finish(&table);

    /* below 1 LINEAR is not defined; the file's window still shows */
    choice = window(WIRE_VOI_LINEAR, 0, 0.5);
    table = table_of(&image, &choice, 0, 0);
    assert_int_equal(choice.function, WIRE_VOI_LINEAR_EXACT);
    voi_table_finish(&table);
}


static void
test_inversion(void **state)
{
    struct image       image;
    struct voi_table   table;
    struct voi_choice  choice;

    for (int n = 0; n < 8; n++) {
        image_init(&image, 8, false);
        image.index.photometric = n & 1 ? PHOTOMETRIC_MONOCHROME1
                                        : PHOTOMETRIC_MONOCHROME2;
        image.index.inverse_lut_shape = (n & 2) != 0;
        choice = window(WIRE_VOI_LINEAR, 128, 256);
        choice.invert = (n & 4) != 0;
        table = table_of(&image, &choice, 0, 0);

        /* MONOCHROME1 goes with INVERSE: together they invert once */
        assert_int_equal(gray(&table, 255),
                         ((n & 3) != 0) != ((n & 4) != 0) ? 0 : 255);
        assert_int_equal(choice.invert, (n & 4) != 0);
        voi_table_finish(&table);
    }
}


static void
test_luts(void **state)
{
    const char        *error = NULL;
    uint16_t           modality[] = { 100, 200, 300, 250 };
    uint16_t           first[] = { 0, 512, 1023 };
    uint16_t           second[] = { 255, 128, 0 };
    struct image       image;
    struct dicom_lut   luts[2];
    struct voi_table   table;
    struct voi_choice  choice = { 0 };

    memset(luts, 0, sizeof(luts));
    luts[0].first = 100;
    luts[0].count = 3;
    luts[0].bits = 10;
    luts[0].data = first;
    luts[1].first = -1;
    luts[1].count = 3;
    luts[1].bits = 8;
    luts[1].data = second;

    image_init(&image, 8, true);
    image.index.nvoi_luts = 2;
    image.index.voi_luts = luts;
    image.frame.intercept = 100;

    /* no window: the first LUT */
    table = table_of(&image, &choice, 0, 0);
    assert_int_equal(choice.function, WIRE_VOI_LUT);
    assert_int_equal(choice.index, 0);
    assert_true(isnan(choice.center) && isnan(choice.width));
    assert_int_equal(gray(&table, -100), 0);
    assert_int_equal(gray(&table, 0), 0);
    assert_int_equal(gray(&table, 1), 128);         /* 512 * 255 / 1023 */
    assert_int_equal(gray(&table, 2), 255);
    assert_int_equal(gray(&table, 127), 255);
    voi_table_finish(&table);

    /* the second, whose input is the modality value */
    memset(&choice, 0, sizeof(choice));
    choice.function = WIRE_VOI_LUT;
    choice.index = 1;
    image.frame.intercept = 0;
    table = table_of(&image, &choice, 0, 0);
    assert_int_equal(gray(&table, -1), 255);
    assert_int_equal(gray(&table, 0), 128);
    assert_int_equal(gray(&table, 1), 0);
    voi_table_finish(&table);

    choice.index = 2;
    assert_false(voi_table_init(&table, &image.index, 0, &choice, 0, 0,
                                &error));
    assert_non_null(error);

    /* a Modality LUT stands in for the rescale, its ends are held */
    image.index.modality_lut.first = 10;
    image.index.modality_lut.count = 4;
    image.index.modality_lut.bits = 16;
    image.index.modality_lut.data = modality;
    assert_true(voi_modality(&image.index, 0, -50) == 100);
    assert_true(voi_modality(&image.index, 0, 11) == 200);
    assert_true(voi_modality(&image.index, 0, 99) == 250);
    choice = window(WIRE_VOI_LINEAR, 200.5, 201);
    table = table_of(&image, &choice, 0, 0);
    assert_int_equal(gray(&table, 10), 0);
    assert_int_equal(gray(&table, 11), 128);        /* 127.5 */
    assert_int_equal(gray(&table, 12), 255);
    assert_int_equal(gray(&table, 100), 191);       /* 150 / 200 of 255 */
    voi_table_finish(&table);

    /* without any VOI: the range of what the LUT gives */
    image.index.nvoi_luts = 0;
    memset(&choice, 0, sizeof(choice));
    table = table_of(&image, &choice, 10, 13);
    assert_true(choice.center == 200.5 && choice.width == 201);
    voi_table_finish(&table);

    /* not for display where the SOP class says so, but for values */
    image.index.rescale_ignored = 1;
    memset(&choice, 0, sizeof(choice));
    table = table_of(&image, &choice, 10, 13);
    assert_true(choice.center == 12 && choice.width == 4);
    voi_table_finish(&table);
    assert_true(voi_modality(&image.index, 0, 11) == 200);
}


static void
test_order_of_defaults(void **state)
{
    uint16_t           data[] = { 0, 255 };
    struct image       image;
    struct dicom_lut   lut;
    struct voi_table   table;
    struct voi_choice  choice = { 0 };

    memset(&lut, 0, sizeof(lut));
    lut.count = 2;
    lut.bits = 8;
    lut.data = data;

    image_init(&image, 12, false);
    image.index.nvoi_luts = 1;
    image.index.voi_luts = &lut;
    image.index.nwindows = 2;
    image.index.windows[0].center = 5;
    image.index.windows[0].width = -7;              /* unusable */
    image.index.windows[1].center = 50;
    image.index.windows[1].width = 70;
    image.index.voi_function = VOI_SIGMOID;

    table = table_of(&image, &choice, 0, 4095);
    assert_int_equal(choice.function, WIRE_VOI_SIGMOID);
    assert_true(choice.center == 50 && choice.width == 70);
    voi_table_finish(&table);

    /* the frame's own comes first */
    image.frame.nwindows = 1;
    image.frame.windows[0].center = 9;
    image.frame.windows[0].width = 11;
    memset(&choice, 0, sizeof(choice));
    table = table_of(&image, &choice, 0, 4095);
    assert_true(choice.center == 9 && choice.width == 11);
    voi_table_finish(&table);

    /* the user's function with the file's window */
    memset(&choice, 0, sizeof(choice));
    choice.function = WIRE_VOI_LINEAR;
    table = table_of(&image, &choice, 0, 4095);
    assert_int_equal(choice.function, WIRE_VOI_LINEAR);
    assert_true(choice.center == 9 && choice.width == 11);
    voi_table_finish(&table);

    image.frame.nwindows = image.index.nwindows = 0;
    memset(&choice, 0, sizeof(choice));
    table = table_of(&image, &choice, 0, 4095);
    assert_int_equal(choice.function, WIRE_VOI_LUT);
    voi_table_finish(&table);

    /* lowest 0, highest 255, in between straight */
    image.index.nvoi_luts = 0;
    memset(&choice, 0, sizeof(choice));
    table = table_of(&image, &choice, 100, 355);
    assert_int_equal(choice.function, WIRE_VOI_LINEAR);
    assert_int_equal(gray(&table, 99), 0);
    assert_int_equal(gray(&table, 100), 0);
    assert_int_equal(gray(&table, 200), 100);
    assert_int_equal(gray(&table, 355), 255);
    voi_table_finish(&table);

    /* all equal: no division by zero */
    memset(&choice, 0, sizeof(choice));
    table = table_of(&image, &choice, 7, 7);
    assert_int_equal(gray(&table, 7), 0);
    assert_int_equal(gray(&table, 8), 255);
    voi_table_finish(&table);

    /* one bit is black and white, whatever the frame holds */
    image_init(&image, 1, false);
    memset(&choice, 0, sizeof(choice));
    table = table_of(&image, &choice, 1, 1);
    assert_int_equal(gray(&table, 0), 0);
    assert_int_equal(gray(&table, 1), 255);
    voi_table_finish(&table);
}


/* What both renderers do with a table of no entries */
static double
closed(const struct voi_table *table, double v)
{
    double  y;

    y = table->slope * v + table->intercept;

    if (table->is_sigmoid) {
        return table->invert ? 255 - 255 / (1 + exp(-y))
                             : 255 / (1 + exp(-y));
    }

    y = y < 0 ? 0 : y > 255 ? 255 : y;

    return table->invert ? 255 - y : y;
}


static void
test_closed_form(void **state)
{
    double             c, w, v, y;
    uint8_t            function;
    struct image       image;
    struct voi_table   table;
    struct voi_choice  choice;

    srand(2);

    for (int n = 0; n < 300; n++) {
        image_init(&image, 32, n % 2);
        image.index.sample = n % 3 == 0 ? SAMPLE_FLOAT : SAMPLE_INTEGER;
        image.index.photometric = n % 5 == 0 ? PHOTOMETRIC_MONOCHROME1
                                             : PHOTOMETRIC_MONOCHROME2;
        image.frame.slope = n % 7 == 0 ? -0.5 : 2;
        image.frame.intercept = -100;
        c = rand() % 100000 - 50000;
        w = 1 + rand() % 100000;
        function = 1 + n % 3;
        choice = window(function, c, w);
        table = table_of(&image, &choice, 0, 0);
        assert_int_equal(table.count, 0);

        for (int i = 0; i < 50; i++) {
            v = rand() % 200000 - 100000;
            y = standard(function, image.frame.slope * v - 100, c, w);
            y = n % 5 == 0 ? 255 - y : y;
            assert_true(fabs(closed(&table, v) - y) < 1e-6);
        }

        voi_table_finish(&table);
    }

    /* the threshold of width 1 is one between real numbers, too */
    image_init(&image, 32, false);
    image.index.sample = SAMPLE_FLOAT;
    choice = window(WIRE_VOI_LINEAR, 0.5, 1);
    table = table_of(&image, &choice, 0, 0);
    assert_true(closed(&table, 0) == 0);
    assert_true(closed(&table, 1e-45) == 255);
    assert_true(closed(&table, -1e38) == 0);
    assert_true(closed(&table, 1e38) == 255);
    voi_table_finish(&table);

    /* a narrow range of real numbers */
    memset(&choice, 0, sizeof(choice));
    table = table_of(&image, &choice, 0.25, 0.5);
    assert_int_equal(choice.function, WIRE_VOI_LINEAR_EXACT);
    assert_true(closed(&table, 0.25) == 0);
    assert_true(closed(&table, 0.375) == 127.5);
    assert_true(closed(&table, 0.5) == 255);
    voi_table_finish(&table);
}


/* Hostile numbers give some picture, never a trap */
static void
test_hostile(void **state)
{
    const char        *error;
    struct image       image;
    struct voi_table   table;
    struct voi_choice  choice;

    static const double  bad[] = {
        NAN, INFINITY, -INFINITY, 0, -1, 1e308, -1e308, 1e-320, 1
    };
    const int  n = sizeof(bad) / sizeof(bad[0]);

    for (int i = 0; i < n * n * n; i++) {
        for (int bits = 0; bits <= 64; bits += 8) {
            image_init(&image, bits, i % 2);
            image.index.sample = i % 3;
            image.frame.slope = bad[i % n];
            image.frame.intercept = bad[i / n % n];
            image.index.nwindows = 1;
            image.index.windows[0].center = bad[i / n % n];
            image.index.windows[0].width = bad[i / n / n % n];
            choice = window(i % 4, bad[i / n % n], bad[i / n / n % n]);

            if (voi_table_init(&table, &image.index, i % 2, &choice,
                               bad[i % n], bad[i / n % n], &error))
            {
                assert_true(choice.function != WIRE_VOI_FILE);
                voi_table_finish(&table);
            }
        }
    }
}


static void
test_serial(void **state)
{
    struct image       image;
    struct voi_table   a, b;
    struct voi_choice  choice;

    image_init(&image, 8, false);
    choice = window(WIRE_VOI_LINEAR, 128, 256);
    a = table_of(&image, &choice, 0, 0);
    b = table_of(&image, &choice, 0, 0);
    assert_true(a.serial != 0 && b.serial != 0 && a.serial != b.serial);
    voi_table_finish(&a);
    voi_table_finish(&b);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_formulas),
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_inversion),
        cmocka_unit_test(test_luts),
        cmocka_unit_test(test_order_of_defaults),
        cmocka_unit_test(test_closed_form),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_serial),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
