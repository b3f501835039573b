/*
 * WIRE_PIXEL and WIRE_ROI: numbers from the stored data, never from a picture.
 */

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "voi.h"
#include "worker.h"

#define MAX_POINTS  1024u

/* Standardised uptake value by body weight, UCUM */
#define SUV_UNIT    "g/ml{SUVbw}"

struct point {
    double  x, y;
};

struct probe {
    struct stack       *stack;      /* pinned */
    uint32_t            layer;
    struct wire_pixel   pixel;
    uint32_t            shape, npoints;
    struct point        points[MAX_POINTS];
    struct frame_error  error;
    struct json         json;
};

struct statistics {
    uint64_t  count;
    double    mean, squares, lowest, highest;   /* squares: of deviations */
};

/* Welford: stable however large the values are. */
static void
statistics_add(struct statistics *s, double value)
{
    double delta = value - s->mean;

    s->count++;
    s->mean += delta / (double) s->count;
    s->squares += delta * (value - s->mean);
    s->lowest = value < s->lowest ? value : s->lowest;
    s->highest = value > s->highest ? value : s->highest;
}

static const struct layer *
probe_layer(const struct probe *probe)
{
    return &probe->stack->layers[probe->layer];
}

/* The unit of modality values: what Units says of PET, else Rescale Type. */
static void
json_unit(struct json *json, const struct dicom_index *index)
{
    static const char *const ucum[][2] = {
        { "BQML", "Bq/ml" }, { "GML", "g/ml" }, { "CNTS", "{counts}" },
        { "CPS", "{counts}/s" }, { "PCNT", "%" }
    };
    const char *unit = index->units[0] != '\0' ? index->units
        : index->rescale_type;

    for (size_t i = 0; i < sizeof(ucum) / sizeof(ucum[0]); i++) {
        if (strcmp(index->units, ucum[i][0]) == 0) {
            unit = ucum[i][1];
        }
    }
    if (unit[0] != '\0') {
        json_string(json, "unit", unit);
    } else {
        json_null(json, "unit");
    }
}

/* The real-world mapping of the layer, or NULL. */
static const struct dicom_mapping *
probe_mapping(const struct probe *probe, const struct dicom_index *index)
{
    uint8_t n = index->frames[probe_layer(probe)->frame].mapping;

    return n > 0 && n <= index->nmappings ? &index->mappings[n - 1] : NULL;
}

static bool
is_mapped(const struct dicom_mapping *mapping, double stored)
{
    return mapping != NULL && stored >= mapping->first
        && stored <= mapping->last;
}

static void
json_pixel_values(struct json *json, const struct probe *probe,
    const struct dicom_index *index, double stored)
{
    const struct dicom_mapping *mapping = probe_mapping(probe, index);
    double value = voi_modality(index, probe_layer(probe)->frame, stored);

    json_number(json, "value", value);
    json_unit(json, index);
    if (index->suv > 0) {
        json_open(json, "suv", '{');
        json_number(json, "value", value * index->suv);
        json_string(json, "unit", SUV_UNIT);
        json_close(json, '}');
    }
    if (is_mapped(mapping, stored)) {
        json_open(json, "real_world", '{');
        json_number(json, "value",
            stored * mapping->slope + mapping->intercept);
        json_string(json, "unit", mapping->unit);
        json_close(json, '}');
    }
}

static void
probe_pixel(struct probe *probe, const struct dicom_index *index,
    const void *pixels)
{
    struct json *json = &probe->json;
    size_t i = (size_t) probe->pixel.y * index->columns
        + (size_t) probe->pixel.x;

    json_open(json, NULL, '{');
    json_integer(json, "x", probe->pixel.x);
    json_integer(json, "y", probe->pixel.y);
    if (index->samples == 1) {
        double stored = frame_sample(index, pixels, i);

        json_number(json, "stored", stored);
        if (index->photometric == PHOTOMETRIC_PALETTE) {
            json_null(json, "value");
            json_null(json, "unit");
        } else {
            json_pixel_values(json, probe, index, stored);
        }
    } else {
        json_open(json, "stored", '[');
        for (size_t c = 0; c < 3; c++) {
            json_number(json, NULL, frame_sample(index, pixels, i * 3 + c));
        }
        json_close(json, ']');
        json_null(json, "value");
        json_null(json, "unit");
    }
    json_close(json, '}');
}

static int
compare_doubles(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}

/*
 * Where the horizontal line at y enters and leaves the shape, ascending pairs;
 * returns how many numbers.
 */
static size_t
shape_spans(const struct probe *probe, double y, double *spans)
{
    const struct point *p = probe->points;
    size_t n = 0;

    if (probe->shape == WIRE_POLYGON) {
        for (uint32_t i = 0; i < probe->npoints; i++) {
            const struct point *a = &p[i];
            const struct point *b = &p[i + 1 < probe->npoints ? i + 1 : 0];

            if ((a->y <= y) != (b->y <= y)) {
                spans[n++] = a->x + (y - a->y) / (b->y - a->y) * (b->x - a->x);
            }
        }
        qsort(spans, n, sizeof(spans[0]), compare_doubles);
        return n & ~(size_t) 1;
    }

    double left = fmin(p[0].x, p[1].x), right = fmax(p[0].x, p[1].x);
    double top = fmin(p[0].y, p[1].y), bottom = fmax(p[0].y, p[1].y);
    if (y < top || y > bottom) {
        return 0;
    }
    if (probe->shape == WIRE_ELLIPSE) {
        double ry = (bottom - top) / 2, rx = (right - left) / 2;
        double dy = ry > 0 ? (y - (top + bottom) / 2) / ry : 0;
        double dx = dy * dy < 1 ? rx * sqrt(1 - dy * dy) : 0;

        left = (p[0].x + p[1].x) / 2;
        right = left + dx;
        left -= dx;
    }
    spans[0] = left;
    spans[1] = right;
    return 2;
}

/* First pixel whose centre is at or right of x. */
static uint32_t
first_centre(double x, uint32_t columns)
{
    double first = ceil(x - 0.5);

    return first <= 0 ? 0 : first >= columns ? columns : (uint32_t) first;
}

static void
roi_row(const struct probe *probe, const struct dicom_index *index,
    const void *pixels, uint32_t row, struct statistics *modality,
    struct statistics *world)
{
    const struct dicom_mapping *mapping = probe_mapping(probe, index);
    double spans[MAX_POINTS];
    size_t n = shape_spans(probe, row + 0.5, spans);

    for (size_t k = 0; k < n; k += 2) {
        uint32_t x = first_centre(spans[k], index->columns);
        uint32_t end = first_centre(nextafter(spans[k + 1], DBL_MAX),
            index->columns);

        for (; x < end; x++) {
            double stored = frame_sample(index, pixels,
                (size_t) row * index->columns + x);
            double value = voi_modality(index, probe_layer(probe)->frame,
                stored);

            if (isfinite(value)) {
                statistics_add(modality, value);
            }
            if (is_mapped(mapping, stored)) {
                statistics_add(world,
                    stored * mapping->slope + mapping->intercept);
            }
        }
    }
}

/* factor: of all values, positive */
static void
json_statistics(struct json *json, const struct statistics *s, double factor)
{
    if (s->count > 0) {
        json_number(json, "mean", s->mean * factor);
        json_number(json, "sd",
            sqrt(s->squares / (double) s->count) * factor);
        json_number(json, "min", s->lowest * factor);
        json_number(json, "max", s->highest * factor);
    } else {
        json_null(json, "mean");
        json_null(json, "sd");
        json_null(json, "min");
        json_null(json, "max");
    }
}

/*
 * mm between rows and columns of the shape's box: the frame's, or those of the
 * ultrasound region that holds all of it.  NULL: unknown.
 */
static const double *
roi_spacing(const struct probe *probe, const struct dicom_index *index,
    const double box[4])
{
    const struct dicom_frame *frame =
        &index->frames[probe_layer(probe)->frame];

    if (frame->has_spacing) {
        return frame->spacing;
    }
    for (uint32_t i = 0; i < index->nregions; i++) {
        const struct dicom_region *region = &index->regions[i];

        if (box[0] >= region->left && box[1] >= region->top
            && box[2] <= region->right + 1.0
            && box[3] <= region->bottom + 1.0)
        {
            return region->spacing;
        }
    }
    return NULL;
}

static void
probe_roi(struct probe *probe, const struct dicom_index *index,
    const void *pixels)
{
    struct statistics s = { .lowest = DBL_MAX, .highest = -DBL_MAX };
    struct statistics world = s;
    struct json *json = &probe->json;
    double box[4] = { DBL_MAX, DBL_MAX, -DBL_MAX, -DBL_MAX };

    for (uint32_t i = 0; i < probe->npoints; i++) {
        box[0] = fmin(box[0], probe->points[i].x);
        box[1] = fmin(box[1], probe->points[i].y);
        box[2] = fmax(box[2], probe->points[i].x);
        box[3] = fmax(box[3], probe->points[i].y);
    }
    uint32_t end = first_centre(nextafter(box[3], DBL_MAX), index->rows);
    for (uint32_t row = first_centre(box[1], index->rows); row < end; row++) {
        roi_row(probe, index, pixels, row, &s, &world);
    }

    json_open(json, NULL, '{');
    json_integer(json, "count", (int64_t) s.count);
    json_statistics(json, &s, 1);
    json_unit(json, index);
    if (index->suv > 0) {
        json_open(json, "suv", '{');
        json_statistics(json, &s, index->suv);
        json_string(json, "unit", SUV_UNIT);
        json_close(json, '}');
    }
    if (probe_mapping(probe, index) != NULL) {
        json_open(json, "real_world", '{');
        json_integer(json, "count", (int64_t) world.count);
        json_statistics(json, &world, 1);
        json_string(json, "unit", probe_mapping(probe, index)->unit);
        json_close(json, '}');
    }

    const double *spacing = roi_spacing(probe, index, box);
    if (spacing != NULL) {
        json_number(json, "area_mm2", (double) s.count * spacing[0]
            * spacing[1]);
    } else {
        json_null(json, "area_mm2");
    }
    json_close(json, '}');
}

static void
probe_run(struct job *job)
{
    struct request *request = (struct request *) job;
    struct probe *probe = request->work;
    const struct layer *layer = probe_layer(probe);
    const struct stack_instance *instance =
        &probe->stack->instances[layer->instance];
    struct frame_ref ref = {
        .index = &instance->index,
        .location = instance->location,
        .frame = layer->frame,
    };
    uint8_t photometric;

    memcpy(ref.user, request->head.user, sizeof(ref.user));
    void *pixels = malloc(index_frame_size(ref.index));
    if (pixels == NULL) {
        probe->error.slug = "busy";
        strcpy(probe->error.detail, "memory is short");
    } else if (frame_read(&request->worker->source, &ref, pixels,
                   &photometric, &probe->error))
    {
        if (request->head.type == WIRE_PIXEL) {
            probe_pixel(probe, ref.index, pixels);
        } else {
            probe_roi(probe, ref.index, pixels);
        }
    }
    free(pixels);
}

static void
probe_done(struct job *job)
{
    struct request *request = (struct request *) job;
    struct probe *probe = request->work;

    request->work = NULL;
    worker_unpin(request->worker, probe->stack);
    if (probe->error.slug == NULL) {
        request_json(request, 200, &probe->json);
    } else {
        request_problem(request,
            strcmp(probe->error.slug, "frame-not-decodable") == 0 ? 422 : 503,
            probe->error.slug, probe->error.detail);
    }
    json_finish(&probe->json);
    free(probe);
}

/* Reads the shape behind a struct wire_roi; NULL, or what is wrong. */
static const char *
roi_parse(const struct request *request, struct probe *probe)
{
    struct wire_roi roi;

    memcpy(&roi, request->body, sizeof(roi));
    probe->layer = roi.layer;
    probe->shape = roi.shape;
    probe->npoints = roi.points;
    if (roi.shape < WIRE_RECTANGLE || roi.shape > WIRE_POLYGON) {
        return "shape: rectangle, ellipse or polygon";
    }
    if (roi.points > MAX_POINTS
        || request->head.length != sizeof(roi)
            + roi.points * sizeof(struct point)
        || (roi.shape == WIRE_POLYGON ? roi.points < 3 : roi.points != 2))
    {
        return "shape: wrong number of points";
    }
    memcpy(probe->points, request->body + sizeof(roi),
        roi.points * sizeof(struct point));
    for (uint32_t i = 0; i < roi.points; i++) {
        if (!(fabs(probe->points[i].x) <= 1e6)
            || !(fabs(probe->points[i].y) <= 1e6))
        {
            return "shape: a point is out of range";
        }
    }
    return NULL;
}

/* What is wrong with the request for this image, or NULL. */
static const char *
probe_check(const struct probe *probe, unsigned type)
{
    const struct dicom_index *index = stack_index(probe->stack, probe->layer);

    if (type == WIRE_PIXEL) {
        return probe->pixel.x < 0 || probe->pixel.y < 0
            || (uint32_t) probe->pixel.x >= index->columns
            || (uint32_t) probe->pixel.y >= index->rows
            ? "x, y: outside the image" : NULL;
    }
    return index->samples != 1 || index->photometric == PHOTOMETRIC_PALETTE
        ? "shape: a colour image has no values to measure" : NULL;
}

void
probe_handle(struct worker *worker, struct request *request)
{
    const char *wrong = NULL;
    struct probe *probe = calloc(1, sizeof(*probe));

    if (probe == NULL) {
        request_problem(request, 503, "busy", "memory is short");
        return;
    }
    if (request->head.type == WIRE_PIXEL) {
        memcpy(&probe->pixel, request->body, sizeof(probe->pixel));
        probe->layer = probe->pixel.layer;
    } else {
        wrong = roi_parse(request, probe);
    }
    if (wrong != NULL) {
        free(probe);
        request_problem(request, 422, "invalid-parameter", wrong);
        return;
    }

    /* both bodies begin with the stack's id */
    probe->stack = worker_pin(worker, request, request->body, probe->layer);
    if (probe->stack == NULL) {
        free(probe);
        return;
    }
    wrong = probe_check(probe, request->head.type);
    if (wrong == NULL) {
        request->work = probe;
        request->job.turn.user = request->head.user;
        request->job.run = probe_run;
        request->job.done = probe_done;
        if (pool_submit(worker->readers, &request->job)) {
            return;
        }
        request->work = NULL;
    }
    worker_unpin(worker, probe->stack);
    free(probe);
    if (wrong != NULL) {
        request_problem(request, 422, "invalid-parameter", wrong);
    } else {
        request_problem(request, 503, "busy", "too many requests wait");
    }
}
