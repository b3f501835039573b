/*
 * The ingest-time index survives its encoded form, and nothing else does:
 * cut, flipped and contradicting bytes are refused or decode to something
 * within the bounds that index.h promises.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <zlib.h>

#include "index.h"

/* links: render-worker/index.c render-worker/index_values.c */
/* links: render-worker/pack.c */
/* links: render-worker/presentation.c */
/* libs: -lz */

#define COUNT  40u


static void
fill_lut(struct dicom_lut *lut, uint32_t count, int32_t first)
{
    lut->first = first;
    lut->count = count;
    lut->bits = 16;
    lut->data = malloc(count * sizeof(lut->data[0]));
    strcpy(lut->explanation, "na\xc3\xafve");
    for (uint32_t i = 0; i < count; i++) {
        lut->data[i] = (uint16_t) (i * 7);
    }
}


static void
fill(struct dicom_index *x)
{
    memset(x, 0, sizeof(*x));
    strcpy(x->instance_uid, "1.2.3.4");
    strcpy(x->sop_class, "1.2.840.10008.5.1.4.1.1.2");
    strcpy(x->transfer_syntax, "1.2.840.10008.1.2.1");
    strcpy(x->modality, "CT");
    strcpy(x->rescale_type, "HU");
    strcpy(x->patient_orientation[0], "L");
    strcpy(x->patient_orientation[1], "PH");
    x->instance_number = -3;
    x->rows = 4;
    x->columns = 6;
    x->nframes = COUNT;
    x->samples = 1;
    x->bits_allocated = 16;
    x->bits_stored = 12;
    x->high_bit = 11;
    x->is_signed = 1;
    x->photometric = PHOTOMETRIC_MONOCHROME2;
    x->storage = STORAGE_NATIVE;
    x->voi_function = VOI_LINEAR;
    x->has_padding = 1;
    x->padding_first = x->padding_last = -2000;
    x->pixel_aspect = 1.25;
    x->frame_time = 33.3;
    x->nwindows = 2;
    x->windows[0] = (struct dicom_window) { 40, 400, "soft" };
    x->windows[1] = (struct dicom_window) { 600, 2500, "bone" };
    fill_lut(&x->modality_lut, 256, -128);
    x->voi_luts = calloc(2, sizeof(x->voi_luts[0]));
    x->nvoi_luts = 2;
    fill_lut(&x->voi_luts[0], 65536, 0);
    fill_lut(&x->voi_luts[1], 1, -5);
    x->overlays = calloc(1, sizeof(x->overlays[0]));
    x->noverlays = 1;
    x->overlays[0] = (struct dicom_overlay) { 3, 5, -1, 1, 1, 0, 0, NULL, 2,
        0x6004 };
    x->overlays[0].bits = calloc(1, 2);
    x->overlays[0].bits[1] = 0x40;

    x->localizer = 1;
    strcpy(x->image_type, "LOCALIZER M");
    strcpy(x->units, "BQML");
    x->suv = 0.00025;
    x->nmappings = 2;
    x->mappings[0] = (struct dicom_mapping) { 0, 4095, 0.5, -3, "mm2/s" };
    x->mappings[1] = (struct dicom_mapping) { -8, 8, 2, 0, "1" };
    x->regions = calloc(2, sizeof(x->regions[0]));
    x->nregions = 2;
    x->regions[0] = (struct dicom_region) { 0, 0, 2, 3, { 0.1, 0.2 } };
    x->regions[1] = (struct dicom_region) { 3, 0, 5, 3, { 0.3, 0.4 } };

    x->frame_luts = calloc(3, sizeof(x->frame_luts[0]));
    x->nframe_luts = 3;
    for (int i = 0; i < 3; i++) {
        fill_lut(&x->frame_luts[i], 2u + i, 40 * i);
    }

    x->frames = calloc(COUNT, sizeof(x->frames[0]));
    for (uint32_t i = 0; i < COUNT; i++) {
        struct dicom_frame *f = &x->frames[i];

        f->offset = 1000 + i * 48u + (i == 7 ? 4 : 0);
        f->length = 48;
        f->has_position = i != 3;
        f->position[2] = i * 1.5;
        f->orientation[0] = f->orientation[4] = 1;
        f->has_spacing = true;
        f->spacing[0] = f->spacing[1] = 0.5;
        f->slope = i < 20 ? 1 : 2;
        f->intercept = -1024;
        f->dimensions[DIM_TRIGGER] = i % 4;
        f->known = i != 9 ? 1u << DIM_TRIGGER : 0;
        f->dimensions[DIM_TRIGGER] *= i != 9;
        f->mapping = i % 3;
        f->voi_function = i % 4;
        f->nvoi_luts = i % 3;
        f->first_voi_lut = i % 2;
        f->nwindows = i % 5 == 0 ? 1 : 0;
        if (f->nwindows) {
            f->windows[0] = (struct dicom_window) { i, 80, "" };
        }
    }
}


/* What decoding gave, without the pointers, is what was encoded. */
static void
assert_same(const struct dicom_index *a, const struct dicom_index *b)
{
    assert_memory_equal(a, b, offsetof(struct dicom_index, modality_lut));
    assert_int_equal(a->modality_lut.first, b->modality_lut.first);
    assert_int_equal(a->nvoi_luts, b->nvoi_luts);
    for (uint32_t i = 0; i < a->nvoi_luts; i++) {
        assert_int_equal(a->voi_luts[i].count, b->voi_luts[i].count);
        assert_memory_equal(a->voi_luts[i].data, b->voi_luts[i].data,
            a->voi_luts[i].count * 2);
        assert_string_equal(a->voi_luts[i].explanation,
            b->voi_luts[i].explanation);
    }
    assert_int_equal(a->nframe_luts, b->nframe_luts);
    for (uint32_t i = 0; i < a->nframe_luts; i++) {
        assert_int_equal(a->frame_luts[i].count, b->frame_luts[i].count);
        assert_memory_equal(a->frame_luts[i].data, b->frame_luts[i].data,
            a->frame_luts[i].count * 2);
    }
    assert_int_equal(a->noverlays, b->noverlays);
    assert_memory_equal(a->overlays[0].bits, b->overlays[0].bits, 2);
    assert_int_equal(b->overlays[0].origin_row, -1);
    assert_int_equal(a->nmappings, b->nmappings);
    for (uint32_t i = 0; i < a->nmappings; i++) {
        assert_true(a->mappings[i].first == b->mappings[i].first);
        assert_true(a->mappings[i].last == b->mappings[i].last);
        assert_true(a->mappings[i].slope == b->mappings[i].slope);
        assert_true(a->mappings[i].intercept == b->mappings[i].intercept);
        assert_string_equal(a->mappings[i].unit, b->mappings[i].unit);
    }
    assert_int_equal(a->nregions, b->nregions);
    assert_memory_equal(a->regions, b->regions,
        a->nregions * sizeof(a->regions[0]));
    for (uint32_t i = 0; i < a->nframes; i++) {
        const struct dicom_frame *f = &a->frames[i], *g = &b->frames[i];

        assert_int_equal(f->offset, g->offset);
        assert_int_equal(f->length, g->length);
        assert_int_equal(f->has_position, g->has_position);
        assert_memory_equal(f->position, g->position, sizeof(f->position));
        assert_memory_equal(f->spacing, g->spacing, sizeof(f->spacing));
        assert_true(f->slope == g->slope && f->intercept == g->intercept);
        assert_int_equal(f->known, g->known);
        assert_memory_equal(f->dimensions, g->dimensions,
            sizeof(f->dimensions));
        assert_int_equal(f->mapping, g->mapping);
        assert_int_equal(f->nwindows, g->nwindows);
        if (f->nwindows) {
            assert_true(f->windows[0].center == g->windows[0].center);
        }
    }
}


static void
test_round_trip(void **state)
{
    struct dicom_index  a, b;
    const char         *error = NULL;
    uint8_t            *data;
    size_t              length;

    fill(&a);
    assert_true(index_encode(&a, &data, &length));
    assert_true(index_decode(&b, data, length, 1000 + 48 * COUNT + 4, &error));
    assert_same(&a, &b);

    index_finish(&b);
    index_finish(&b);
    index_finish(&a);
    free(data);
}


/* A row of the first version: no blocks, and a time that sorts its frames. */
static void
test_first_version(void **state)
{
    static const uint8_t  row[] = {
        0x44, 0x49, 0x58, 0x31, 0xca, 0x00, 0x00, 0x00, 0x78, 0x9c, 0x63, 0x35,
        0xd4, 0x33, 0xd2, 0x33, 0x66, 0x10, 0x06, 0x51, 0x16, 0x26, 0x06, 0x7a,
        0x86, 0x06, 0x06, 0x06, 0x16, 0x7a, 0x20, 0x9e, 0x21, 0x03, 0x18, 0x30,
        0x21, 0x61, 0x46, 0x06, 0x0e, 0x20, 0x64, 0x07, 0xf1, 0x18, 0x81, 0x1c,
        0xac, 0xe0, 0x83, 0x3d, 0x76, 0x71, 0xac, 0x80, 0x3d, 0x05, 0xca, 0x60,
        0x81, 0xd2, 0x38, 0x0c, 0x65, 0x60, 0x70, 0x21, 0x60, 0x9d, 0x9c, 0x03,
        0x00, 0x47, 0xaa, 0x08, 0x3e
    };
    struct dicom_index  x;
    const char         *error = NULL;

    assert_true(index_decode(&x, row, sizeof(row), 0, &error));
    assert_string_equal(x.instance_uid, "1.2.3");
    assert_int_equal(x.nframes, 2);
    assert_int_equal(x.frames[0].known, 0);
    assert_int_equal(x.frames[1].known, 1u << DIM_TIME);
    assert_true(x.frames[1].dimensions[DIM_TIME] == 7.5);
    assert_true(x.frames[1].position[2] == 1);
    assert_int_equal(x.localizer, 0);
    assert_true(x.suv == 0 && x.nregions == 0 && x.nmappings == 0);
    index_finish(&x);
}


static void
test_small(void **state)
{
    struct dicom_index  a;
    uint8_t            *data;
    size_t              length;

    fill(&a);
    free(a.frames);
    a.nframes = 1000;
    a.frames = calloc(a.nframes, sizeof(a.frames[0]));
    for (uint32_t i = 0; i < a.nframes; i++) {
        a.frames[i].offset = 4096 + i * 48u;
        a.frames[i].length = 48;
        a.frames[i].slope = 1;
    }
    index_finish(&(struct dicom_index) { .voi_luts = a.voi_luts,
        .nvoi_luts = 2, .frame_luts = a.frame_luts, .nframe_luts = 3 });
    a.voi_luts = a.frame_luts = NULL;
    a.nvoi_luts = a.nframe_luts = 0;

    assert_true(index_encode(&a, &data, &length));
    assert_true(length < 1000);
    index_finish(&a);
    free(data);
}


/* Whether the encoded form of x has its texts as they are. */
static bool
stored(const struct dicom_index *x)
{
    uint8_t  *data;
    size_t    length;

    assert_true(index_encode(x, &data, &length));
    bool found = memmem(data, length, x->instance_uid,
        strlen(x->instance_uid)) != NULL;
    free(data);
    return found;
}


/* That of a single slice waits for no inflate; a long one is still packed. */
static void
test_stored(void **state)
{
    struct dicom_index  x = { .nframes = 1, .voi_function = VOI_LINEAR,
        .pixel_aspect = 1 };

    strcpy(x.instance_uid, "1.2.840.113619.2.5.1762583153");
    x.frames = calloc(2000, sizeof(x.frames[0]));
    assert_true(stored(&x));
    x.nframes = 2000;
    assert_false(stored(&x));
    index_finish(&x);
}


/* Encodes x after some change and says why it is refused. */
static const char *
refused(struct dicom_index *x, uint64_t file_size)
{
    struct dicom_index  y;
    const char         *error = "accepted";
    uint8_t            *data;
    size_t              length;

    assert_true(index_encode(x, &data, &length));
    if (index_decode(&y, data, length, file_size, &error)) {
        index_finish(&y);
    }
    free(data);
    return error;
}


static void
test_contradictions(void **state)
{
    struct dicom_index  x;

    fill(&x);
    assert_string_equal(refused(&x, 0), "accepted");
    assert_string_equal(refused(&x, 100),
        "a frame lies beyond the end of the file");

#define WITH(field, value, text)                                              \
    do {                                                                      \
        __typeof__(x.field) kept = x.field;                                   \
        x.field = value;                                                      \
        assert_string_equal(refused(&x, 0), text);                            \
        x.field = kept;                                                       \
    } while (0)

    WITH(rows, 0, "a picture has no rows or no columns");
    WITH(rows, 70000, "too many rows");
    WITH(columns, 7, "a frame has another length than its rows and columns");
    WITH(samples, 3, "samples and photometric interpretation contradict");
    WITH(photometric, 99, "unknown photometric interpretation");
    WITH(bits_allocated, 12, "bits allocated is not 1, 8, 16, 32 or 64");
    WITH(bits_stored, 17, "bits stored and high bit do not fit bits "
        "allocated");
    WITH(high_bit, 3, "bits stored and high bit do not fit bits allocated");
    WITH(sample, SAMPLE_FLOAT, "floating-point samples have another width");
    WITH(frames[5].offset, UINT64_MAX - 2,
        "a frame has no length or an impossible one");
    WITH(frames[5].length, 0, "a frame has no length or an impossible one");
    WITH(frames[5].position[1], NAN,
        "index has a number that is not finite");
    WITH(pixel_aspect, 0, "VOI function or pixel aspect is missing");
    WITH(overlays[0].rows, 9,
        "overlay has another size than its rows and columns");
    WITH(modality[0], '\n', "index has a text with control characters");
#undef WITH

    index_finish(&x);
}


static void
test_overflow(void **state)
{
    struct dicom_index  x;

    fill(&x);
    x.rows = x.columns = 65535;
    x.bits_allocated = 64;
    x.samples = 3;
    x.photometric = PHOTOMETRIC_RGB;
    assert_true(index_frame_size(&x) == 65535ull * 65535 * 24);
    x.bits_allocated = 1;
    assert_true(index_frame_size(&x) == 65535ull * 65535 * 3);
    index_finish(&x);
}


/* Cut at every length, and every byte of the uncompressed form changed. */
static void
test_damage(void **state)
{
    struct dicom_index  x, y;
    const char         *error;
    uint8_t            *data, *raw, *again;
    size_t              length;
    uLongf              size, packed;

    fill(&x);
    x.voi_luts[0].count = 300;
    assert_true(index_encode(&x, &data, &length));

    for (size_t i = 0; i < length; i++) {
        error = NULL;
        assert_false(index_decode(&y, data, i, 0, &error));
        assert_non_null(error);
    }

    size = data[4] | (uLongf) data[5] << 8 | (uLongf) data[6] << 16;
    raw = malloc(size);
    again = malloc(8 + compressBound(size));
    memcpy(again, data, 8);
    assert_int_equal(uncompress(raw, &size, data + 8, length - 8), Z_OK);

    for (size_t i = 0; i < size; i++) {
        static const uint8_t  flips[] = { 0xff, 0x80, 0x01 };

        for (unsigned k = 0; k < 3; k++) {
            raw[i] ^= flips[k];
            packed = compressBound(size);
            assert_int_equal(compress2(again + 8, &packed, raw, size, 1),
                Z_OK);
            if (index_decode(&y, again, packed + 8, 100000, &error)) {
                assert_true(y.nframes <= INDEX_MAX_FRAMES);
                assert_true(y.frames == NULL || y.frames[0].length > 0);
                index_finish(&y);
            }
            raw[i] ^= flips[k];
        }
    }

    /* a length that the stream does not keep */
    data[4] ^= 1;
    assert_false(index_decode(&y, data, length, 0, &error));
    data[7] = 0xff;
    assert_false(index_decode(&y, data, length, 0, &error));
    assert_string_equal(error, "index has an impossible length");

    free(again);
    free(raw);
    free(data);
    index_finish(&x);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_first_version),
        cmocka_unit_test(test_small),
        cmocka_unit_test(test_stored),
        cmocka_unit_test(test_contradictions),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_damage),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
