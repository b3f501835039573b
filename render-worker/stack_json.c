#include "stack_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "geometry.h"
#include "states_json.h"

/* Degrees; less is rounding. */
#define SHEARED  0.5

static const char *
photometric_name(uint8_t photometric)
{
    switch (photometric) {
    case PHOTOMETRIC_MONOCHROME1: return "MONOCHROME1";
    case PHOTOMETRIC_MONOCHROME2: return "MONOCHROME2";
    case PHOTOMETRIC_PALETTE: return "PALETTE COLOR";
    case PHOTOMETRIC_RGB: return "RGB";
    case PHOTOMETRIC_YBR_FULL: return "YBR_FULL";
    case PHOTOMETRIC_YBR_FULL_422: return "YBR_FULL_422";
    case PHOTOMETRIC_YBR_RCT: return "YBR_RCT";
    case PHOTOMETRIC_YBR_ICT: return "YBR_ICT";
    case PHOTOMETRIC_YBR_PARTIAL_420: return "YBR_PARTIAL_420";
    case PHOTOMETRIC_YBR_PARTIAL_422: return "YBR_PARTIAL_422";
    default: return "";
    }
}

static const struct dicom_frame *
stack_frame(const struct stack *stack, uint32_t layer)
{
    return &stack_index(stack, layer)->frames[stack->layers[layer].frame];
}

double
stack_aspect(const struct stack *stack, uint32_t layer)
{
    const struct dicom_frame *frame = stack_frame(stack, layer);
    double aspect = stack_index(stack, layer)->pixel_aspect;

    if (frame->has_spacing && frame->spacing[1] > 0) {
        aspect = frame->spacing[0] / frame->spacing[1];
    }
    /* what is off by more is a mistake of the file, not a pixel */
    return isfinite(aspect) && aspect > 0.01 && aspect < 100 ? aspect : 1;
}

static void
json_id(struct json *json, const uint8_t id[16])
{
    char text[33];

    for (unsigned i = 0; i < 16; i++) {
        snprintf(text + 2 * i, 3, "%02x", id[i]);
    }
    json_string(json, "id", text);
}

/* The windows that a layer's file offers. */
static const struct dicom_window *
layer_windows(const struct stack *stack, uint32_t layer, uint32_t *count)
{
    const struct dicom_index *index = stack_index(stack, layer);
    const struct dicom_frame *frame = stack_frame(stack, layer);

    if (frame->nwindows > 0) {
        *count = frame->nwindows;
        return frame->windows;
    }
    *count = index->nwindows;
    return index->windows;
}

static void
json_windows(struct json *json, const struct stack *stack)
{
    uint32_t count;
    const struct dicom_window *windows = layer_windows(stack, 0, &count);

    json_open(json, "windows", '[');
    for (uint32_t i = 0; i < count; i++) {
        json_open(json, NULL, '{');
        json_number(json, "center", windows[i].center);
        json_number(json, "width", windows[i].width);
        json_string(json, "explanation", windows[i].explanation);
        json_close(json, '}');
    }
    json_close(json, ']');
}

/* Letters of the edges, by name or clockwise from the top. */
static void
json_edges(struct json *json, const char *name, char letters[4][4],
    bool as_object)
{
    static const char *const edges[] = { "top", "right", "bottom", "left" };

    json_open(json, name, as_object ? '{' : '[');
    for (int i = 0; i < 4; i++) {
        json_string(json, as_object ? edges[i] : NULL, letters[i]);
    }
    json_close(json, as_object ? '}' : ']');
}

static void
json_letters(struct json *json, const struct stack *stack, uint32_t layer,
    const char *name, bool as_object)
{
    const struct dicom_index *index = stack_index(stack, layer);
    const struct view rest = { .width = index->columns, .height = index->rows,
        .zoom = 1 };
    char letters[4][4];

    geometry_letters(index, stack->layers[layer].frame, &rest, letters);
    json_edges(json, name, letters, as_object);
}

static void
json_numbers(struct json *json, const char *name, const double *values,
    unsigned count)
{
    json_open(json, name, '[');
    for (unsigned i = 0; i < count; i++) {
        json_number(json, NULL, values[i]);
    }
    json_close(json, ']');
}

/* Whether the tag and the positions name different tilts, if both do. */
static bool
disagreeing_tilt(const struct stack *stack)
{
    double stated = fabs(stack_index(stack, 0)->gantry_tilt);

    return stated > 0 && isfinite(stack->shape.tilt)
        && fabs(stated - stack->shape.tilt) > 1;
}

static void
json_warnings(struct json *json, const struct stack *stack,
    const struct loader_progress *progress)
{
    const struct series_part *shape = &stack->shape;

    json_open(json, "warnings", '[');
    if (stack->nlayers > 1 && shape->kind == SERIES_IMAGES
        && stack->ninstances > 1)
    {
        json_string(json, NULL, "Positions are missing or mixed: the order "
            "is that of the instance numbers.");
    }
    if (shape->ngaps > 0) {
        json_string(json, NULL, "Slices are missing.");
    } else if (shape->uneven) {
        json_string(json, NULL, "The spacing between slices is uneven.");
    }
    if (shape->duplicates > 0) {
        json_string(json, NULL, "Some positions are occupied more than once.");
    }
    if (shape->tilt > SHEARED) {
        json_string(json, NULL, "The slices are sheared (gantry tilt).");
    }
    if (disagreeing_tilt(stack)) {
        json_string(json, NULL, "The gantry tilt that the file states is not "
            "that of its positions.");
    }
    for (uint32_t i = 0; i < stack->ninstances; i++) {
        if (stack->instances[i].index.icc) {
            json_string(json, NULL, "The colour profile (ICC) of the images "
                "is not applied.");
            break;
        }
    }
    if (stack->ngroups > 1) {
        json_string(json, NULL, "The images differ in size or format.");
    }
    if (progress->failed > 0 && progress->failed < stack->nlayers) {
        char text[80];

        snprintf(text, sizeof(text), "%u of %u layers cannot be shown.",
            progress->failed, stack->nlayers);
        json_string(json, NULL, text);
    }
    json_close(json, ']');
}

static const char *
stack_state(const struct stack *stack, const struct loader_progress *progress)
{
    if (progress->failed == stack->nlayers) {
        return "failed";
    }
    return progress->loaded + progress->failed == stack->nlayers ? "ready"
        : "loading";
}

static void
json_positive(struct json *json, const char *name, double value)
{
    if (value > 0) {
        json_number(json, name, value);
    } else {
        json_null(json, name);
    }
}

/* Null where the file says nothing. */
static void
json_said(struct json *json, const char *name, const char *value)
{
    if (value[0] != '\0') {
        json_string(json, name, value);
    } else {
        json_null(json, name);
    }
}

static void
json_geometry(struct json *json, const struct stack *stack)
{
    const struct dicom_index *index = stack_index(stack, 0);
    const struct dicom_frame *frame = stack_frame(stack, 0);

    json_said(json, "frame_of_reference", index->frame_of_reference);

    if (frame->has_spacing) {
        json_numbers(json, "spacing", frame->spacing, 2);
    } else {
        json_null(json, "spacing");
    }
    json_positive(json, "slice_spacing", stack->shape.spacing);
    json_positive(json, "thickness", index->slice_thickness);
    json_number(json, "aspect", stack_aspect(stack, 0));
    json_letters(json, stack, 0, "orientation", true);
}

/* Degrees, by the positions; else what the file says. */
static void
json_tilt(struct json *json, const struct stack *stack)
{
    double tilt = stack->shape.tilt;
    double stated = stack_index(stack, 0)->gantry_tilt;

    if (!isfinite(tilt) && stated != 0) {
        tilt = fabs(stated);
    }
    if (isfinite(tilt)) {
        json_number(json, "gantry_tilt", round(tilt * 1000) / 1000);
    } else {
        json_null(json, "gantry_tilt");
    }
}

static void
json_shape(struct json *json, const struct stack *stack)
{
    static const char *const kinds[] = { "volume", "times", "images", "clip",
        "localizer" };
    const struct series_part *shape = &stack->shape;

    json_string(json, "kind", kinds[shape->kind]);
    json_bool(json, "uneven", shape->uneven);
    json_integer(json, "duplicates", shape->duplicates);
    json_tilt(json, stack);
    json_open(json, "gaps", '[');
    for (uint32_t i = 0; i < shape->ngaps; i++) {
        json_open(json, NULL, '{');
        json_integer(json, "layer", shape->gaps[i].layer);
        json_integer(json, "missing", shape->gaps[i].missing);
        json_number(json, "distance", shape->gaps[i].distance);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void
json_parts(struct json *json, const struct stack *stack)
{
    json_integer(json, "part", stack->part);
    json_open(json, "parts", '[');
    for (uint32_t i = 0; i < stack->nparts; i++) {
        struct stack_part *part = &stack->parts[i];

        json_open(json, NULL, '{');
        json_integer(json, "part", i);
        json_integer(json, "layers", part->layers);
        json_integer(json, "rows", part->rows);
        json_integer(json, "columns", part->columns);
        json_string(json, "description", part->description);
        json_edges(json, "orientation", part->letters, true);
        json_string(json, "first_instance", part->first);
        json_close(json, '}');
    }
    json_close(json, ']');
}

/* Calibrated parts of an ultrasound image. */
static void
json_regions(struct json *json, const struct dicom_index *index)
{
    json_open(json, "regions", '[');
    for (uint32_t i = 0; i < index->nregions; i++) {
        const struct dicom_region *region = &index->regions[i];

        json_open(json, NULL, '{');
        json_integer(json, "left", region->left);
        json_integer(json, "top", region->top);
        json_integer(json, "right", region->right);
        json_integer(json, "bottom", region->bottom);
        json_numbers(json, "spacing", region->spacing, 2);
        json_close(json, '}');
    }
    json_close(json, ']');
}

void
stack_json(struct json *json, const struct stack *stack,
    const uint8_t id[16], const struct loader_progress *progress,
    uint64_t idle_ms)
{
    const struct dicom_index *index = stack_index(stack, 0);
    uint32_t luts;

    json_open(json, NULL, '{');
    json_id(json, id);
    json_string(json, "study", stack->study);
    json_string(json, "series", stack->series);
    json_integer(json, "layers", stack->nlayers);
    json_integer(json, "rows", index->rows);
    json_integer(json, "columns", index->columns);
    json_integer(json, "samples", index->samples);
    json_integer(json, "bits", index->bits_stored);
    json_string(json, "photometric", photometric_name(index->photometric));
    json_string(json, "state", stack_state(stack, progress));
    json_integer(json, "loaded", progress->loaded);
    json_integer(json, "failed", progress->failed);
    json_integer(json, "bytes", (int64_t) stack->bytes);
    json_string(json, "modality", index->modality);
    json_windows(json, stack);
    index_voi_luts(index, stack->layers[0].frame, &luts);
    json_integer(json, "voi_luts", luts);
    json_integer(json, "overlays", index->noverlays);
    states_json(json, stack);
    json_geometry(json, stack);
    json_shape(json, stack);
    json_parts(json, stack);
    json_regions(json, index);
    json_bool(json, "lossy", stack->lossy);
    json_positive(json, "frame_time", index->frame_time);
    json_warnings(json, stack, progress);
    json_integer(json, "idle_seconds", (int64_t) (idle_ms / 1000));
    if (progress->slug != NULL) {
        json_open(json, "error", '{');
        json_string(json, "slug", progress->slug);
        json_string(json, "detail", progress->detail);
        json_close(json, '}');
    } else {
        json_null(json, "error");
    }
    json_close(json, '}');
}

/*
 * What a length in this layer is, where that differs from what the stack says:
 * images without a position are one stack whatever their scale.
 */
static void
json_scale(struct json *json, const struct stack *stack, uint32_t layer)
{
    const struct dicom_frame *first = stack_frame(stack, 0);
    const struct dicom_frame *frame = stack_frame(stack, layer);

    if (!frame->has_spacing) {
        if (first->has_spacing) {
            json_null(json, "spacing");
        }
    } else if (!first->has_spacing || memcmp(frame->spacing, first->spacing,
        sizeof(frame->spacing)) != 0)
    {
        json_numbers(json, "spacing", frame->spacing, 2);
    }
    if (stack->layers[layer].instance != stack->layers[0].instance
        && (stack_index(stack, layer)->nregions > 0
            || stack_index(stack, 0)->nregions > 0))
    {
        json_regions(json, stack_index(stack, layer));
    }
}

static void
json_layer(struct json *json, const struct stack *stack, uint32_t layer)
{
    const struct dicom_index *index = stack_index(stack, layer);
    const struct dicom_frame *frame = stack_frame(stack, layer);
    uint32_t count;
    const struct dicom_window *windows = layer_windows(stack, layer, &count);

    json_open(json, NULL, '{');
    json_integer(json, "layer", layer);
    json_string(json, "instance", index->instance_uid);
    json_integer(json, "frame", stack->layers[layer].frame);
    json_integer(json, "rows", index->rows);
    json_integer(json, "columns", index->columns);
    if (frame->has_position) {
        json_numbers(json, "position", frame->position, 3);
    } else {
        json_null(json, "position");
    }
    json_scale(json, stack, layer);
    if (count > 0) {
        json_open(json, "window", '{');
        json_number(json, "center", windows[0].center);
        json_number(json, "width", windows[0].width);
        json_close(json, '}');
    } else {
        json_null(json, "window");
    }
    if (frame->has_position) {
        json_numbers(json, "orientation", frame->orientation, 6);
    } else {
        json_null(json, "orientation");
    }
    json_letters(json, stack, layer, "letters", false);
    json_close(json, '}');
}

void
stack_json_layers(struct json *json, const struct stack *stack)
{
    json_open(json, NULL, '{');
    json_open(json, "items", '[');
    for (uint32_t i = 0; i < stack->nlayers && !json->failed; i++) {
        json_layer(json, stack, i);
    }
    json_close(json, ']');
    json_close(json, '}');
}
