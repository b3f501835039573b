#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "multiversion.h"
#include "voi_impl.h"


static uint64_t
voi_serial(void)
{
    static _Atomic uint64_t  last;

    return atomic_fetch_add(&last, 1) + 1;
}


/*
 * Lower end and span of the ramp of a window: PS3.3 C.11.2.1.2.1 and
 * C.11.2.1.3.2 in the common form (x - low) / span.
 */
static void
window_ramp(const struct voi_mapping *map, double *middle, double *span)
{
    if (map->function == WIRE_VOI_LINEAR) {
        *middle = map->center - 0.5;
        *span = map->width - 1;

    } else {
        *middle = map->center;
        *span = map->width;
    }
}


/* y for count modality values from x[], formula as in the standard. */
MULTIVERSION static void
ramp(double *x, uint32_t count, double middle, double span)
{
    double  y;

    for (uint32_t i = 0; i < count; i++) {
        y = ((x[i] - middle) / span + 0.5) * 255;
        y = y < 0 ? 0 : y;
        x[i] = y > 255 ? 255 : y;
    }
}


MULTIVERSION static void
modality_line(double *x, uint32_t count, double first, double slope,
    double intercept)
{
    for (uint32_t i = 0; i < count; i++) {
        x[i] = slope * (first + (int32_t) i) + intercept;
    }
}


/* Grays from y: exact ones, and single precision that rounds to the same. */
MULTIVERSION static void
round_line(const double *y, uint32_t count, double sign, double offset,
    uint8_t *display, float *value, uint32_t *wrong)
{
    double    gray;
    uint32_t  sum;

    sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        gray = sign * y[i] + offset;
        gray = gray > 0 ? gray : 0;     /* not a number: 0 */
        display[i] = (uint8_t) (int32_t) (gray + 0.5);
        value[i] = (float) gray;
        sum += (int32_t) (value[i] + 0.5f) != display[i];
    }

    *wrong += sum;
}


/* Rounding to single precision may have crossed a half: step back over it. */
static void
round_repair(const uint8_t *display, float *value, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        while ((int32_t) (value[i] + 0.5f) > display[i]) {
            value[i] = nextafterf(value[i], -1);
        }

        while ((int32_t) (value[i] + 0.5f) < display[i]) {
            value[i] = nextafterf(value[i], 256);
        }
    }
}


static void
voi_line(const struct voi_mapping *map, double *x, uint32_t count)
{
    double    middle, span, top;
    uint32_t  i;

    switch (map->function) {

    case WIRE_VOI_LUT:
    case WIRE_VOI_STATE:
        top = map->voi->bits >= 1 && map->voi->bits <= 16
              ? (double) ((1u << map->voi->bits) - 1) : 65535;

        for (i = 0; i < count; i++) {
            x[i] = lut_read(map->voi, x[i]) * 255 / top;
            x[i] = x[i] > 255 ? 255 : x[i];
        }

        return;

    case WIRE_VOI_SIGMOID:
        for (i = 0; i < count; i++) {
            x[i] = 255 / (1 + exp(-4 * (x[i] - map->center) / map->width));
        }

        return;
    }

    window_ramp(map, &middle, &span);

    if (span > 0) {
        ramp(x, count, middle, span);
        return;
    }

    for (i = 0; i < count; i++) {
        x[i] = x[i] <= middle ? 0 : 255;
    }
}


/*
 * The Presentation LUT (C.11.4): all of what the VOI transform can give meets
 * all of its entries.
 */
static void
presentation_line(const struct dicom_lut *lut, double *x, uint32_t count)
{
    double    y, top;
    uint32_t  entry;

    top = (1u << lut->bits) - 1;

    for (uint32_t i = 0; i < count; i++) {
        entry = x[i] > 0        /* not a number: the first one */
                ? (uint32_t) (x[i] / 255 * (lut->count - 1) + 0.5) : 0;
        y = lut->data[entry] * 255 / top;
        x[i] = y > 255 ? 255 : y;
    }
}


/*
 * Tells for how many entries the closed form in single precision does not give
 * the very gray of the table.
 */
MULTIVERSION static uint32_t
affine_wrong(const uint8_t *display, uint32_t count, int32_t first,
    float slope, float intercept)
{
    float     y;
    uint32_t  wrong;

    wrong = 0;

    for (uint32_t i = 0; i < count; i++) {
        y = (float) (first + (int32_t) i) * slope;
        y = y + intercept;
        y = y < 0 ? 0 : y;
        y = y > 255 ? 255 : y;
        wrong += (int32_t) (y + 0.5f) != display[i];
    }

    return wrong;
}


static void
affine_try(struct voi_table *table, const struct voi_mapping *map)
{
    double  middle, span, slope, intercept;

    if (map->modality != NULL || map->voi != NULL || map->presentation != NULL
        || map->function == WIRE_VOI_SIGMOID)
    {
        return;
    }

    window_ramp(map, &middle, &span);

    if (!(span > 0)) {
        return;
    }

    slope = map->slope / span * 255;
    intercept = ((map->intercept - middle) / span + 0.5) * 255;

    if (map->invert) {
        slope = -slope;
        intercept = 255 - intercept;
    }

    /* exact halves round up in double precision: keep them on that side */
    intercept += 1.0 / 8192;

    if (!(fabs(slope) <= 255) || !(fabs(intercept) < 1e6)) {
        return;
    }

    if (affine_wrong(table->display, table->count, table->first,
                     (float) slope, (float) intercept) == 0)
    {
        /* between entries of a steep ramp the table says something else */
        table->exact = true;
        table->affine = fabs(slope) <= 1;
        table->slope = slope;
        table->intercept = intercept;
    }
}


/*
 * Entries that are neither black nor white, and two more at either end: most
 * windows leave few of them, and only those need computing.
 */
static void
ramp_entries(const struct voi_table *table, const struct voi_mapping *map,
    uint32_t *from, uint32_t *end)
{
    double  middle, span, a, b, t;

    *from = 0;
    *end = table->count;

    if (map->modality != NULL || map->voi != NULL || map->presentation != NULL
        || map->function == WIRE_VOI_SIGMOID)
    {
        return;
    }

    window_ramp(map, &middle, &span);
    a = (middle - span / 2 - map->intercept) / map->slope - table->first;
    b = (middle + span / 2 - map->intercept) / map->slope - table->first;

    if (a > b) {
        t = a;
        a = b;
        b = t;
    }

    a = floor(a) - 2;
    b = ceil(b) + 3;

    if (!(a <= b)) {
        return;                         /* not a number */
    }

    *from = a <= 0 ? 0 : a >= table->count ? table->count : (uint32_t) a;
    *end = b <= *from ? *from : b >= table->count ? table->count
                                                  : (uint32_t) b;
}


static void
flat_fill(struct voi_table *table, const struct voi_mapping *map, uint32_t from,
    uint32_t end, bool rising)
{
    uint8_t  gray;

    if (from == end) {
        return;
    }

    gray = ((map->slope > 0) == rising) != map->invert ? 255 : 0;
    memset(table->display + from, gray, end - from);

    for (uint32_t i = from; i < end; i++) {
        table->value[i] = gray;
    }
}


static bool
table_fill(struct voi_table *table, const struct voi_mapping *map)
{
    double    x[1024];
    uint32_t  i, j, n, from, end, wrong;

    table->display = malloc(table->count + VOI_SLACK);
    table->value = malloc((table->count + 1) * sizeof(float));

    if (table->display == NULL || table->value == NULL) {
        return false;
    }

    ramp_entries(table, map, &from, &end);
    flat_fill(table, map, 0, from, false);
    flat_fill(table, map, end, table->count, true);

    for (i = from; i < end; i += n) {
        n = end - i < 1024 ? end - i : 1024;

        if (map->modality != NULL) {
            for (j = 0; j < n; j++) {
                x[j] = lut_read(map->modality,
                                table->first + (double) (i + j));
            }

        } else {
            modality_line(x, n, table->first + (double) i, map->slope,
                          map->intercept);
        }

        wrong = 0;
        voi_line(map, x, n);

        if (map->presentation != NULL) {
            presentation_line(map->presentation, x, n);
        }

        round_line(x, n, map->invert ? -1 : 1, map->invert ? 255 : 0,
                   table->display + i, table->value + i, &wrong);

        if (wrong) {
            round_repair(table->display + i, table->value + i, n);
        }
    }

    table->value[table->count] = 0;
    affine_try(table, map);

    return true;
}


/*
 * 32-bit and real samples: slope and intercept from the stored value.  A
 * threshold becomes a ramp too steep to have anything between its ends; its
 * slope is a power of two, so that the product stays exact.
 */
static void
closed_form(struct voi_table *table, const struct voi_mapping *map)
{
    double  middle, span, threshold;

    table->invert = map->invert;

    if (map->function == WIRE_VOI_SIGMOID) {
        table->is_sigmoid = 1;
        table->slope = 4 * map->slope / map->width;
        table->intercept = 4 * (map->intercept - map->center) / map->width;
        return;
    }

    window_ramp(map, &middle, &span);

    if (span > 0) {
        table->slope = map->slope / span * 255;
        table->intercept = ((map->intercept - middle) / span + 0.5) * 255;
        return;
    }

    threshold = (middle - map->intercept) / map->slope;
    table->slope = map->slope > 0 ? 0x1p600 : -0x1p600;
    table->intercept = -table->slope * threshold;
}


bool
voi_table_init(struct voi_table *table, const struct dicom_index *index,
    uint32_t frame, struct voi_choice *choice, double lowest, double highest,
    const char **error)
{
    uint32_t            luts;
    struct voi_mapping  map;

    memset(table, 0, sizeof(*table));

    if (!voi_settle(&map, index, frame, choice, lowest, highest, error)) {
        return false;
    }

    table->serial = voi_serial();

    if (index->sample == SAMPLE_INTEGER) {
        table->bits.bits = index->bits_stored <= 32 ? index->bits_stored : 0;
        table->bits.is_signed = index->is_signed;

        if (index->high_bit + 1 > index->bits_stored
            && index->high_bit < 32)
        {
            table->bits.shift = index->high_bit + 1 - index->bits_stored;
        }
    }

    if (table->bits.bits >= 1 && table->bits.bits <= 16) {
        table->count = 1u << table->bits.bits;
        table->first = index->is_signed ? -(int32_t) (table->count / 2) : 0;

        if (!table_fill(table, &map)) {
            voi_table_finish(table);
            *error = "out of memory";
            return false;
        }

    } else {
        closed_form(table, &map);
    }

    choice->function = map.function;

    if (map.voi != NULL) {
        choice->index = map.function == WIRE_VOI_LUT
                        ? map.voi - index_voi_luts(index, frame, &luts) : 0;
        choice->has_window = false;
        choice->center = choice->width = NAN;

    } else {
        choice->has_window = true;
        choice->center = map.center;
        choice->width = map.width;
    }

    return true;
}


void
voi_table_finish(struct voi_table *table)
{
    free(table->display);
    free(table->value);
    memset(table, 0, sizeof(*table));
}
