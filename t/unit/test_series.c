/*
 * How a series is taken apart, and in which order its layers come.
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

#include "series.h"

/* links: render-worker/series.c render-worker/series_text.c */
/* links: render-worker/geometry.c */

static const double axial[6] = { 1, 0, 0, 0, 1, 0 };
static const double coronal[6] = { 1, 0, 0, 0, 0, -1 };
static const double sagittal[6] = { 0, 1, 0, 0, 0, -1 };

/* Instances of one frame each, in an order that says nothing. */
struct input {
    uint32_t                    count;
    struct dicom_index         *instances;
    const struct dicom_index  **pointers;
    struct dicom_frame         *frames;
    struct series               out;
};

static void
input_init(struct input *in, uint32_t count)
{
    memset(in, 0, sizeof(*in));
    in->count = count;
    in->instances = calloc(count, sizeof(in->instances[0]));
    in->pointers = calloc(count, sizeof(in->pointers[0]));
    in->frames = calloc(count, sizeof(in->frames[0]));
    for (uint32_t i = 0; i < count; i++) {
        struct dicom_index *index = &in->instances[i];

        index->rows = index->columns = 16;
        index->samples = 1;
        index->nframes = 1;
        index->frames = &in->frames[i];
        snprintf(index->instance_uid, 65, "1.2.%u", i);
        in->frames[i].has_position = true;
        memcpy(in->frames[i].orientation, axial, sizeof(axial));
        in->pointers[i] = index;
    }
}

static void
input_finish(struct input *in)
{
    series_finish(&in->out);
    free(in->instances);
    free(in->pointers);
    free(in->frames);
}

/* Splits; every frame is there once. */
static uint32_t
split(struct input *in)
{
    uint32_t total = 0, layers = 0;
    size_t seen = 0, expected = 0;

    series_finish(&in->out);
    assert_true(series_split(in->pointers, in->count, &in->out));
    for (uint32_t i = 0; i < in->count; i++) {
        for (uint32_t k = 0; k < in->instances[i].nframes; k++) {
            expected += (size_t) i * 100003 + k;
            total++;
        }
    }
    for (uint32_t i = 0; i < in->out.nparts; i++) {
        assert_true(in->out.parts[i].count > 0);
        assert_true(in->out.parts[i].count <= in->out.parts[0].count);
        layers += in->out.parts[i].count;
    }
    for (uint32_t i = 0; i < in->out.nlayers; i++) {
        seen += (size_t) in->out.layers[i].instance * 100003
            + in->out.layers[i].frame;
    }
    assert_int_equal(layers, total);
    assert_int_equal(in->out.nlayers, total);
    assert_int_equal(seen, expected);
    return in->out.nparts;
}

/* The instances of a part, "1 2 3". */
static const char *
part_is(const struct input *in, uint32_t part)
{
    static char text[1024];

    text[0] = '\0';
    for (uint32_t i = 0; i < in->out.parts[part].count; i++) {
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%u",
            i > 0 ? " " : "",
            in->out.layers[in->out.parts[part].first + i].instance);
    }
    return text;
}

static const char *
described(const struct input *in, uint32_t part)
{
    static char text[SERIES_TEXT];
    const struct series_part *p = &in->out.parts[part];
    const struct layer_ref *ref = &in->out.layers[p->first];

    series_describe(p, &in->instances[ref->instance], ref->frame, text);
    return text;
}

static void
put_at(struct input *in, uint32_t i, const double orientation[6], double x,
    double y, double z)
{
    memcpy(in->frames[i].orientation, orientation, 6 * sizeof(double));
    in->frames[i].position[0] = x;
    in->frames[i].position[1] = y;
    in->frames[i].position[2] = z;
}

static void
dimension(struct input *in, uint32_t i, enum dicom_dimension d, double value)
{
    in->frames[i].dimensions[d] = value;
    in->frames[i].known |= (uint8_t) (1u << d);
}

/* place of instance i along the stack: spread, but without order */
static uint32_t
scattered(uint32_t i, uint32_t count)
{
    return (uint32_t) ((size_t) i * 7919 % count);
}

static void
test_order(void **state)
{
    const double o[6] = { 0.8, 0.6, 0, 0, 0, -1 }, n[3] = { -0.6, 0.8, 0 };

    for (int oblique = 0; oblique < 2; oblique++) {
        struct input in;

        input_init(&in, 100);
        for (uint32_t i = 0; i < 100; i++) {
            double at = 10 + 1.25 * scattered(i, 100);

            /* numbers run against the position */
            in.instances[i].instance_number = 1000
                - (int) scattered(i, 100);
            if (oblique) {
                put_at(&in, i, o, at * n[0], at * n[1], 0);
            } else {
                put_at(&in, i, axial, 7, -7, at);
            }
        }
        assert_int_equal(split(&in), 1);
        assert_int_equal(in.out.parts[0].kind, SERIES_VOLUME);
        assert_true(in.out.parts[0].by_position && !in.out.parts[0].uneven);
        assert_true(fabs(in.out.parts[0].spacing - 1.25) < 1e-9);
        assert_true(in.out.parts[0].tilt < 1e-6);
        assert_int_equal(in.out.parts[0].ngaps, 0);
        for (uint32_t i = 0; i < 100; i++) {
            assert_int_equal(scattered(in.out.layers[i].instance, 100), i);
        }
        assert_string_equal(described(&in, 0), oblique ? "Oblique" : "Axial");
        input_finish(&in);
    }
}

static void
test_gaps_and_tilt(void **state)
{
    struct input in;
    const double a = 18.5 * M_PI / 180;
    const double tilted[6] = { 1, 0, 0, 0, cos(a), -sin(a) };

    input_init(&in, 20);
    for (uint32_t i = 0; i < 20; i++) {
        put_at(&in, i, axial, 0, 0, 3.0 * i + (i > 4) * 3 + (i > 11) * 6);
    }
    split(&in);
    assert_true(in.out.parts[0].uneven && in.out.parts[0].spacing == 3);
    assert_int_equal(in.out.parts[0].ngaps, 2);
    assert_int_equal(in.out.parts[0].gaps[0].layer, 4);
    assert_int_equal(in.out.parts[0].gaps[0].missing, 1);
    assert_true(in.out.parts[0].gaps[0].distance == 6);
    assert_int_equal(in.out.parts[0].gaps[1].layer, 11);
    assert_int_equal(in.out.parts[0].gaps[1].missing, 2);

    /* slices as thick as the step leave no gap */
    for (uint32_t i = 0; i < 20; i++) {
        put_at(&in, i, axial, 0, 0, i < 12 ? 3.0 * i : 33 + 7.0 * (i - 11));
        in.instances[i].slice_thickness = i < 12 ? 3 : 7;
    }
    split(&in);
    assert_true(in.out.parts[0].uneven);
    assert_int_equal(in.out.parts[0].ngaps, 0);

    /* the table moves along the patient, the gantry leans */
    for (uint32_t i = 0; i < 20; i++) {
        put_at(&in, i, tilted, 0, 0, 5.0 * i);
    }
    split(&in);
    assert_true(fabs(in.out.parts[0].tilt - 18.5) < 1e-9);
    assert_true(!in.out.parts[0].uneven);
    assert_true(fabs(in.out.parts[0].spacing - 5 * cos(a)) < 1e-9);

    series_finish(&in.out);
    in.count = 1;
    split(&in);
    assert_true(isnan(in.out.parts[0].tilt));
    assert_true(in.out.parts[0].spacing == 0);
    input_finish(&in);
}

static void
test_orientations(void **state)
{
    struct input in;

    /* 5 axial, 3 coronal, 2 sagittal that rounding turned a little */
    input_init(&in, 10);
    for (uint32_t i = 0; i < 10; i++) {
        in.instances[i].instance_number = 10 - (int) i;
        put_at(&in, i, i < 5 ? axial : i < 8 ? coronal : sagittal, i, i, i);
    }
    in.frames[9].orientation[1] = 0.99998;
    in.frames[9].orientation[2] = 0.006;
    assert_int_equal(split(&in), 3);
    assert_string_equal(part_is(&in, 0), "0 1 2 3 4");
    assert_string_equal(described(&in, 0), "Axial");
    /* the others as their numbers come, each along its own normal */
    assert_string_equal(part_is(&in, 1), "9 8");
    assert_string_equal(described(&in, 1), "Sagittal");
    assert_string_equal(part_is(&in, 2), "5 6 7");
    assert_string_equal(described(&in, 2), "Coronal");

    /* two scouts of different directions are leafed through */
    put_at(&in, 8, coronal, 0, 0, 0);
    put_at(&in, 5, axial, 5, 5, 5);
    put_at(&in, 6, axial, 6, 6, 6);
    put_at(&in, 7, axial, 7, 7, 7);
    assert_int_equal(split(&in), 2);
    assert_string_equal(part_is(&in, 0), "0 1 2 3 4 5 6 7");
    assert_string_equal(part_is(&in, 1), "9 8");
    assert_int_equal(in.out.parts[1].kind, SERIES_IMAGES);
    assert_false(in.out.parts[1].by_position);

    /* by Image Type, in whatever direction */
    put_at(&in, 8, axial, 0, 0, 100);
    in.instances[8].localizer = in.instances[9].localizer = 1;
    in.instances[0].localizer = 1;
    assert_int_equal(split(&in), 2);
    assert_string_equal(part_is(&in, 1), "9 8 0");
    assert_string_equal(described(&in, 1), "Localizer");
    input_finish(&in);
}

static void
test_unlike(void **state)
{
    struct input in;

    input_init(&in, 9);
    for (uint32_t i = 0; i < 9; i++) {
        in.instances[i].instance_number = (int) i;
        put_at(&in, i, axial, 0, 0, i);
    }
    in.instances[1].rows = in.instances[3].rows = 32;           /* size */
    strcpy(in.instances[4].frame_of_reference, "1.2.3");
    strcpy(in.instances[6].frame_of_reference, "1.2.3");
    assert_int_equal(split(&in), 3);
    assert_string_equal(part_is(&in, 0), "0 2 5 7 8");
    assert_string_equal(part_is(&in, 1), "1 3");
    assert_string_equal(part_is(&in, 2), "4 6");

    /* pixels of another spacing show something else */
    for (uint32_t i = 0; i < 9; i++) {
        in.instances[i].rows = 16;
        in.instances[i].frame_of_reference[0] = '\0';
        in.frames[i].has_spacing = true;
        in.frames[i].spacing[0] = in.frames[i].spacing[1]
            = i < 4 ? 0.5 : 0.50001;
    }
    assert_int_equal(split(&in), 1);
    in.frames[7].spacing[1] = in.frames[8].spacing[1] = 0.7;
    assert_int_equal(split(&in), 2);

    /* a few without a place: leafed through, whatever their size */
    in.frames[2].has_position = in.frames[5].has_position = false;
    in.instances[2].rows = 999;
    assert_int_equal(split(&in), 3);
    assert_string_equal(part_is(&in, 1), "2 5");
    assert_string_equal(described(&in, 1), "Images");
    in.frames[0].position[1] = NAN;
    assert_int_equal(split(&in), 3);
    assert_string_equal(part_is(&in, 1), "0 2 5");
    input_finish(&in);
}

/* slices z 0 to positions - 1, each times times; instance = z * times + t */
static void
repeat(struct input *in, uint32_t positions, uint32_t times)
{
    input_init(in, positions * times);
    for (uint32_t i = 0; i < in->count; i++) {
        /* with the noise that repeated positions have */
        put_at(in, i, axial, 0, 0, i / times + (i % 2) * 1e-4);
        in->instances[i].instance_number = (int) i + 1;
    }
}

static void
test_dimensions(void **state)
{
    static const enum dicom_dimension which[] = { DIM_TYPE, DIM_SEGMENT,
        DIM_B_VALUE, DIM_ECHO_TIME, DIM_TEMPORAL, DIM_TRIGGER,
        DIM_ACQUISITION, DIM_TIME };

    for (unsigned k = 0; k < 8; k++) {
        struct input in;

        repeat(&in, 4, 3);
        for (uint32_t i = 0; i < in.count; i++) {
            dimension(&in, i, which[k], 1000 - 100.0 * (i % 3));
        }
        assert_int_equal(split(&in), 3);
        for (unsigned p = 0; p < 3; p++) {
            assert_int_equal(in.out.parts[p].count, 4);
            assert_int_equal(in.out.parts[p].split, 1u << which[k]);
            assert_int_equal(in.out.parts[p].duplicates, 0);
            assert_true(fabs(in.out.parts[p].spacing - 1) < 1e-3);
        }
        /* types as they come, values ascending */
        assert_string_equal(part_is(&in, 0),
            which[k] == DIM_TYPE ? "0 3 6 9" : "2 5 8 11");
        if (which[k] == DIM_ECHO_TIME) {
            assert_string_equal(described(&in, 0), "Axial, TE 800 ms");
        }
        input_finish(&in);
    }
}

static void
test_two_dimensions(void **state)
{
    struct input in;

    /* 5 slices, b 0 once and b 1000 in three repetitions */
    repeat(&in, 5, 4);
    for (uint32_t i = 0; i < in.count; i++) {
        if (i % 4 > 0) {
            dimension(&in, i, DIM_B_VALUE, 1000);
        }
        /* each slice was acquired at another time: no dimension by value */
        dimension(&in, i, DIM_TIME, 100 - 3.5 * i);
    }
    assert_int_equal(split(&in), 4);
    assert_string_equal(part_is(&in, 0), "0 4 8 12 16");
    assert_string_equal(described(&in, 0), "Axial");
    assert_string_equal(part_is(&in, 1), "3 7 11 15 19");
    assert_string_equal(described(&in, 1), "Axial, b 1000, set 1");
    assert_string_equal(part_is(&in, 3), "1 5 9 13 17");
    input_finish(&in);
}

static void
test_more_times_than_positions(void **state)
{
    struct input in;

    /* a heart: 3 slices of 20 phases, not the same from beat to beat */
    repeat(&in, 3, 20);
    for (uint32_t i = 0; i < in.count; i++) {
        dimension(&in, i, DIM_TRIGGER, 800 - 40.0 * (i % 20) - i / 20);
    }
    assert_int_equal(split(&in), 3);
    for (uint32_t p = 0; p < 3; p++) {
        assert_int_equal(in.out.parts[p].kind, SERIES_TIMES);
        for (uint32_t i = 0; i < 20; i++) {
            assert_int_equal(in.out.layers[20 * p + i].instance,
                20 * p + 19 - i);
        }
    }
    assert_string_equal(described(&in, 1), "Axial, slice 2");
    input_finish(&in);

    /* one slice: magnitude and phase apart, each through time */
    repeat(&in, 1, 10);
    for (uint32_t i = 0; i < 10; i++) {
        dimension(&in, i, DIM_TYPE, i % 2 ? 17 : 99);
        dimension(&in, i, DIM_TRIGGER, 10 - i);
        strcpy(in.instances[i].image_type, i % 2 ? "PHASE" : "M");
    }
    assert_int_equal(split(&in), 2);
    assert_string_equal(part_is(&in, 0), "8 6 4 2 0");
    assert_string_equal(described(&in, 0), "Axial, M");
    assert_string_equal(part_is(&in, 1), "9 7 5 3 1");
    assert_string_equal(described(&in, 1), "Axial, PHASE");
    input_finish(&in);
}

static void
test_duplicates(void **state)
{
    struct input in;

    /* twice, and nothing says why: the first of each and the second */
    repeat(&in, 5, 2);
    assert_int_equal(split(&in), 2);
    assert_string_equal(part_is(&in, 0), "0 2 4 6 8");
    assert_string_equal(described(&in, 1), "Axial, set 2");
    input_finish(&in);

    /* one slice was taken again: it stays beside the first */
    repeat(&in, 6, 1);
    put_at(&in, 5, axial, 0, 0, 2);
    assert_int_equal(split(&in), 1);
    assert_string_equal(part_is(&in, 0), "0 1 2 5 3 4");
    assert_int_equal(in.out.parts[0].duplicates, 1);
    assert_false(in.out.parts[0].uneven);
    input_finish(&in);
}

static void
test_frames(void **state)
{
    struct input in;
    struct dicom_index *index;

    /* a volume of frames out of order, and a clip, and a still */
    input_init(&in, 60);
    for (uint32_t i = 0; i < 40; i++) {
        put_at(&in, i, axial, 0, 0, scattered(i, 40));
    }
    for (uint32_t i = 40; i < 60; i++) {
        in.frames[i].has_position = i < 50;     /* all at one place, or none */
    }
    index = in.instances;
    index[0].nframes = 40;
    index[1].nframes = 10;
    index[1].frames = &in.frames[40];
    index[2].nframes = 9;
    index[2].frames = &in.frames[50];
    index[3].frames = &in.frames[59];
    in.count = 4;
    assert_int_equal(split(&in), 4);
    for (uint32_t i = 0; i < 40; i++) {
        assert_int_equal(in.out.layers[i].instance, 0);
        assert_int_equal(scattered(in.out.layers[i].frame, 40), i);
    }
    for (uint32_t i = 0; i < 19; i++) {
        assert_int_equal(in.out.layers[40 + i].instance, i < 10 ? 1 : 2);
        assert_int_equal(in.out.layers[40 + i].frame, i < 10 ? i : i - 10);
    }
    assert_string_equal(described(&in, 0), "Axial");
    assert_string_equal(described(&in, 1), "Clip");
    assert_int_equal(in.out.parts[2].kind, SERIES_CLIP);
    assert_string_equal(described(&in, 3), "Image");
    input_finish(&in);
}

static void
test_whole(void **state)
{
    struct input in;

    /* an instance that is asked for is not taken apart */
    repeat(&in, 4, 3);
    series_finish(&in.out);
    assert_true(series_whole(in.pointers, in.count, &in.out));
    assert_int_equal(in.out.nparts, 1);
    assert_int_equal(in.out.parts[0].duplicates, 8);
    assert_string_equal(part_is(&in, 0), "0 1 2 3 4 5 6 7 8 9 10 11");

    /* nor sorted, when its slices are not parallel */
    memcpy(in.frames[3].orientation, coronal, sizeof(coronal));
    in.instances[3].instance_number = 100;
    series_finish(&in.out);
    assert_true(series_whole(in.pointers, in.count, &in.out));
    assert_int_equal(in.out.nparts, 1);
    assert_false(in.out.parts[0].by_position);
    assert_string_equal(part_is(&in, 0), "0 1 2 4 5 6 7 8 9 10 11 3");

    for (uint32_t i = 0; i < in.count; i++) {
        in.instances[i].nframes = 0;
    }
    series_finish(&in.out);
    assert_true(series_whole(in.pointers, in.count, &in.out));
    assert_int_equal(in.out.nparts, 0);
    assert_true(series_split(in.pointers, 0, &in.out));
    assert_int_equal(in.out.nparts, 0);
    input_finish(&in);
}

/* Hostile: as many directions as images; nothing is lost, nor takes minutes. */
static void
test_many(void **state)
{
    struct input in;

    input_init(&in, 30000);
    for (uint32_t i = 0; i < in.count; i++) {
        double a = i * 0.02, o[6] = { cos(a), sin(a), 0, 0, 0, -1 };

        put_at(&in, i, o, i % 2, i, 0);
        in.instances[i].columns = 1 + i % 3000;
        in.instances[i].instance_number = (int) i;
    }
    assert_true(split(&in) <= SERIES_MAX_PARTS);

    /* clips and repetitions without end */
    for (uint32_t i = 0; i < in.count; i++) {
        put_at(&in, i, axial, 0, 0, i / 2);
        in.instances[i].columns = 16;
        dimension(&in, i, DIM_TIME, i);
    }
    assert_int_equal(split(&in), 2);
    for (uint32_t i = 0; i < in.count; i++) {
        put_at(&in, i, axial, 0, 0, i % 2000);
    }
    assert_int_equal(split(&in), 15);
    for (uint32_t i = 0; i < in.count; i++) {
        put_at(&in, i, axial, 0, 0, i % 3 + i * 0.01);
    }
    assert_int_equal(split(&in), 1);
    for (uint32_t i = 0; i + 1 < in.count; i++) {
        in.instances[i].nframes = 2;        /* this one's and the next's */
        in.frames[i].has_position = false;
    }
    assert_int_equal(split(&in), SERIES_MAX_PARTS);
    input_finish(&in);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_gaps_and_tilt),
        cmocka_unit_test(test_orientations),
        cmocka_unit_test(test_unlike),
        cmocka_unit_test(test_dimensions),
        cmocka_unit_test(test_two_dimensions),
        cmocka_unit_test(test_more_times_than_positions),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
