/*
 * Views and series with numbers of any kind: the map can be undone, letters
 * are letters, and every frame has one place in the order.
 */

#include <math.h>

#include "fuzz.h"
#include "geometry.h"
#include "series.h"

#define MAX_INSTANCES  12u
#define MAX_FRAMES     5u


static void
try_view(struct fuzz *f)
{
    struct view  view;
    uint32_t     columns = (uint32_t) fuzz_number(f, 2);
    uint32_t     rows = (uint32_t) fuzz_number(f, 2);
    double       aspect = fuzz_double(f), m[6];

    view.width = (uint32_t) fuzz_number(f, 2);
    view.height = (uint32_t) fuzz_number(f, 2);
    view.zoom = fuzz_double(f);
    view.pan_x = fuzz_double(f);
    view.pan_y = fuzz_double(f);
    view.rotate = fuzz_double(f);
    view.flip = (uint8_t) (fuzz_number(f, 1) % 4);
    if (geometry_view(&view, columns, rows, aspect, m)) {
        for (unsigned i = 0; i < 6; i++) {
            fuzz_check(isfinite(m[i]));
        }
    }

    /* within what requests may ask for, it must work */
    view.width = 1 + view.width % 16384;
    view.height = 1 + view.height % 16384;
    view.zoom = fabs(fuzz_decimal(f)) + 1e-3;
    view.pan_x = fuzz_decimal(f);
    view.pan_y = fuzz_decimal(f);
    view.rotate = fuzz_decimal(f);
    aspect = 0.01 + fmod(fabs(fuzz_decimal(f)), 100);
    fuzz_check(geometry_view(&view, 1 + columns % 65535, 1 + rows % 65535,
        aspect, m));
    fuzz_check(m[0] * m[4] - m[1] * m[3] != 0);
}


static void
read_instance(struct fuzz *f, struct dicom_index *x)
{
    memset(x, 0, sizeof(*x));
    x->nframes = 1 + (uint32_t) fuzz_number(f, 1) % MAX_FRAMES;
    x->rows = 10;
    x->columns = 10;
    x->pixel_aspect = 1;
    x->instance_number = (int32_t) (uint32_t) fuzz_number(f, 2);
    snprintf(x->instance_uid, sizeof(x->instance_uid), "1.%u",
        (unsigned) fuzz_number(f, 1));
    for (unsigned i = 0; i < 2; i++) {
        for (unsigned k = 0; k < 4; k++) {
            x->patient_orientation[i][k] = "LRPAHF \\L"[fuzz_number(f, 1) % 8];
        }
        x->patient_orientation[i][fuzz_number(f, 1) % 4] = '\0';
    }
    x->frames = calloc(x->nframes, sizeof(x->frames[0]));
    fuzz_check(x->frames != NULL);

    for (uint32_t i = 0; i < x->nframes; i++) {
        struct dicom_frame  *frame = &x->frames[i];
        unsigned             plane = (unsigned) fuzz_number(f, 1);
        double               angle = plane % 32 * M_PI / 16;

        frame->has_position = plane & 0x80;
        for (unsigned k = 0; k < 3; k++) {
            frame->position[k] = plane & 0x40 ? fuzz_double(f)
                : fuzz_decimal(f);
            if (!isfinite(frame->position[k])) {
                frame->position[k] = 0;     /* index_decode() refuses them */
            }
        }
        frame->orientation[plane % 3] = cos(angle);
        frame->orientation[(plane + 1) % 3] = sin(angle);
        frame->orientation[3 + plane % 3] = -sin(angle);
        frame->orientation[3 + (plane + 1) % 3] = cos(angle);
        for (unsigned d = 0; d < DIM_COUNT; d++) {
            frame->dimensions[d] = (double) (fuzz_number(f, 1) % 4);
        }
        frame->known = (uint8_t) fuzz_number(f, 1);
        frame->slope = 1;
    }
}


/* Every frame has one place, in one part. */
static void
check_series(const struct series *series, const struct dicom_index *instances,
    uint32_t count, size_t total)
{
    bool    seen[MAX_INSTANCES][MAX_FRAMES] = { { false } };
    size_t  layers = 0;
    char    text[SERIES_TEXT];

    fuzz_check(series->nlayers == total && series->nparts > 0);
    for (uint32_t i = 0; i < series->nparts; i++) {
        const struct series_part  *part = &series->parts[i];
        const struct layer_ref    *ref = &series->layers[part->first];

        fuzz_check(part->count > 0 && part->first + part->count <= total);
        layers += part->count;
        series_describe(part, &instances[ref->instance], ref->frame, text);
        fuzz_check(text[0] != '\0');
    }
    fuzz_check(layers == total);
    for (size_t i = 0; i < total; i++) {
        const struct layer_ref  *ref = &series->layers[i];

        fuzz_check(ref->instance < count
            && ref->frame < instances[ref->instance].nframes
            && !seen[ref->instance][ref->frame]);
        seen[ref->instance][ref->frame] = true;
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz                f = { data, size };
    struct dicom_index         instances[MAX_INSTANCES];
    const struct dicom_index  *pointers[MAX_INSTANCES];
    struct series              series;
    struct view                view = { .width = 9, .height = 9, .zoom = 1 };
    char                       letters[4][4];
    uint32_t                   count;
    size_t                     total = 0;

    try_view(&f);
    count = 1 + (uint32_t) fuzz_number(&f, 1) % MAX_INSTANCES;
    for (uint32_t i = 0; i < count; i++) {
        read_instance(&f, &instances[i]);
        total += instances[i].nframes;
    }
    for (uint32_t i = 0; i < count; i++) {
        pointers[i] = &instances[i];
    }
    fuzz_check(series_split(pointers, count, &series));
    check_series(&series, instances, count, total);
    series_finish(&series);
    fuzz_check(series_whole(pointers, count, &series));
    fuzz_check(series.nparts == 1);
    check_series(&series, instances, count, total);
    series_finish(&series);

    view.rotate = fuzz_decimal(&f);
    view.flip = (uint8_t) (fuzz_number(&f, 1) % 4);
    for (uint32_t i = 0; i < count; i++) {
        geometry_letters(&instances[i], 0, &view, letters);
        for (unsigned k = 0; k < 4; k++) {
            fuzz_check(strlen(letters[k]) <= 3
                && strspn(letters[k], "RLAPHF") == strlen(letters[k]));
        }
        free(instances[i].frames);
    }
    return 0;
}
