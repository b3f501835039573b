#include "states_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A state that would be written longer than this is not written. */
#define MAX_JSON  (32u * 1024 * 1024)

static void
json_text_or_null(struct json *json, const char *name, const char *text)
{
    if (text[0] != '\0') {
        json_string(json, name, text);
    } else {
        json_null(json, name);
    }
}

static void
json_heading(struct json *json, const struct stack_state *state)
{
    static const char *const kinds[] = {
        [PRESENTATION_GRAYSCALE] = "grayscale",
        [PRESENTATION_COLOUR] = "colour",
        [PRESENTATION_OTHER] = "other"
    };
    const struct presentation *presentation = state->presentation;
    const char *problem = presentation_problem(presentation);

    json_string(json, "uid", state->uid);
    json_string(json, "kind", kinds[presentation->kind]);
    json_string(json, "label", presentation->label);
    json_string(json, "description", presentation->description);
    json_string(json, "creator", presentation->creator);
    json_text_or_null(json, "date", presentation->date);
    json_text_or_null(json, "time", presentation->time);
    json_text_or_null(json, "problem", problem != NULL ? problem : "");
}

void
states_json(struct json *json, const struct stack *stack)
{
    json_open(json, "presentations", '[');
    for (uint32_t i = 0; i < stack->nstates; i++) {
        json_open(json, NULL, '{');
        json_heading(json, &stack->states[i]);
        json_integer(json, "layers", stack->states[i].layers);
        json_close(json, '}');
    }
    json_close(json, ']');
}

/* What is written, and a set of layers to work with. */
struct out {
    struct json               *json;
    const struct stack        *stack;
    const struct stack_state  *state;
    uint8_t                   *layers;
};

/* Runs of layers, first and last, that bits has. */
static void
json_layers(struct out *out, const uint8_t *bits)
{
    struct json *json = out->json;

    json_open(json, "layers", '[');
    for (uint32_t i = 0; i < out->stack->nlayers; i++) {
        uint32_t first = i;

        if ((bits[i / 8] >> i % 8 & 1) == 0) {
            continue;
        }
        while (i + 1 < out->stack->nlayers
            && (bits[(i + 1) / 8] >> (i + 1) % 8 & 1) != 0)
        {
            i++;
        }
        json_open(json, NULL, '[');
        json_integer(json, NULL, first);
        json_integer(json, NULL, i);
        json_close(json, ']');
    }
    json_close(json, ']');
    json->failed = json->failed || json->length > MAX_JSON;
}

static void
json_scope(struct out *out, const struct presentation_scope *scope)
{
    size_t length = out->stack->nlayers / 8 + 1;

    if (scope->count == 0) {
        json_layers(out, out->state->covered);
        return;
    }
    memset(out->layers, 0, length);
    state_scope(out->stack, out->state, scope, out->layers);
    for (size_t i = 0; i < length; i++) {
        out->layers[i] &= out->state->covered[i];
    }
    json_layers(out, out->layers);
}

static void
json_vois(struct out *out)
{
    static const char *const functions[] = {
        [VOI_LINEAR] = "linear", [VOI_LINEAR_EXACT] = "linear_exact",
        [VOI_SIGMOID] = "sigmoid"
    };
    const struct presentation *presentation = out->state->presentation;
    struct json *json = out->json;

    json_open(json, "windows", '[');
    for (uint32_t i = 0; i < presentation->nvois && !json->failed; i++) {
        const struct presentation_voi *voi = &presentation->vois[i];
        bool lut = voi->lut.count > 0;

        json_open(json, NULL, '{');
        json_scope(out, &voi->scope);
        json_string(json, "voi", lut ? "lut" : functions[voi->function]);
        if (lut) {
            json_null(json, "center");
            json_null(json, "width");
        } else {
            json_number(json, "center", voi->window.center);
            json_number(json, "width", voi->window.width);
        }
        json_string(json, "explanation", lut ? voi->lut.explanation
            : voi->window.explanation);
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void
json_areas(struct out *out)
{
    static const char *const sizes[] = {
        [PRESENTATION_FIT] = "fit", [PRESENTATION_TRUE_SIZE] = "true_size",
        [PRESENTATION_MAGNIFY] = "magnify"
    };
    const struct presentation *presentation = out->state->presentation;
    struct json *json = out->json;

    json_open(json, "areas", '[');
    for (uint32_t i = 0; i < presentation->nareas && !json->failed; i++) {
        const struct presentation_area *area = &presentation->areas[i];

        json_open(json, NULL, '{');
        json_scope(out, &area->scope);
        /* in image coordinates: the first pixel covers 0 to 1 */
        json_integer(json, "left", area->left - 1);
        json_integer(json, "top", area->top - 1);
        json_integer(json, "right", area->right);
        json_integer(json, "bottom", area->bottom);
        json_string(json, "size", sizes[area->size]);
        if (area->size == PRESENTATION_MAGNIFY) {
            json_number(json, "magnification", area->magnification);
        } else {
            json_null(json, "magnification");
        }
        if (area->aspect > 0) {
            json_number(json, "aspect", area->aspect);
        } else {
            json_null(json, "aspect");
        }
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void
json_graphic_layers(struct json *json, const struct presentation *state)
{
    char colour[8];

    json_open(json, "graphic_layers", '[');
    for (uint32_t i = 0; i < state->nlayers; i++) {
        const struct presentation_layer *layer = &state->layers[i];
        unsigned gray = (unsigned) (layer->gray * 255.0 / 65535 + 0.5);

        json_open(json, NULL, '{');
        json_string(json, "name", layer->name);
        json_integer(json, "order", layer->order);
        json_string(json, "description", layer->description);
        if (layer->has_rgb || layer->has_gray) {
            snprintf(colour, sizeof(colour), "#%02x%02x%02x",
                layer->has_rgb ? layer->rgb[0] : gray & 255,
                layer->has_rgb ? layer->rgb[1] : gray & 255,
                layer->has_rgb ? layer->rgb[2] : gray & 255);
            json_string(json, "colour", colour);
        } else {
            json_null(json, "colour");
        }
        json_close(json, '}');
    }
    json_close(json, ']');
}

static const char *
units_name(uint8_t units)
{
    return units == PRESENTATION_PIXEL ? "pixel" : "display";
}

static void
json_floats(struct json *json, const char *name, const float *values,
    uint32_t count)
{
    json_open(json, name, '[');
    for (uint32_t i = 0; i < count; i++) {
        json_number(json, NULL, values[i]);
    }
    json_close(json, ']');
}

static void
json_graphic(struct json *json, const struct presentation_graphic *graphic)
{
    static const char *const shapes[] = {
        [PRESENTATION_POINT] = "point", [PRESENTATION_POLYLINE] = "polyline",
        [PRESENTATION_INTERPOLATED] = "interpolated",
        [PRESENTATION_CIRCLE] = "circle", [PRESENTATION_ELLIPSE] = "ellipse"
    };

    json_open(json, NULL, '{');
    json_string(json, "shape", shapes[graphic->shape]);
    json_string(json, "units", units_name(graphic->units));
    json_bool(json, "filled", graphic->filled);
    json_open(json, "points", '[');
    for (uint32_t i = 0; i < graphic->npoints; i++) {
        json_floats(json, NULL, graphic->points[i], 2);
    }
    json_close(json, ']');
    json_close(json, '}');
}

static void
json_words(struct json *json, const struct presentation_text *text)
{
    json_open(json, NULL, '{');
    json_string(json, "text", text->text);
    if (text->box_units != 0) {
        json_open(json, "box", '{');
        json_string(json, "units", units_name(text->box_units));
        json_number(json, "left", text->box[0]);
        json_number(json, "top", text->box[1]);
        json_number(json, "right", text->box[2]);
        json_number(json, "bottom", text->box[3]);
        json_string(json, "justify", text->justify == 'C' ? "center"
            : text->justify == 'R' ? "right" : "left");
        json_close(json, '}');
    } else {
        json_null(json, "box");
    }
    if (text->anchor_units != 0) {
        json_open(json, "anchor", '{');
        json_string(json, "units", units_name(text->anchor_units));
        json_number(json, "x", text->anchor[0]);
        json_number(json, "y", text->anchor[1]);
        json_bool(json, "visible", text->anchor_visible);
        json_close(json, '}');
    } else {
        json_null(json, "anchor");
    }
    json_close(json, '}');
}

static void
json_annotations(struct out *out)
{
    const struct presentation *presentation = out->state->presentation;
    struct json *json = out->json;

    json_open(json, "annotations", '[');
    for (uint32_t i = 0; i < presentation->nannotations && !json->failed; i++)
    {
        const struct presentation_annotation *a =
            &presentation->annotations[i];

        json_open(json, NULL, '{');
        json_scope(out, &a->scope);
        json_string(json, "graphic_layer", a->layer);
        json_open(json, "graphics", '[');
        for (uint32_t k = 0; k < a->ngraphics; k++) {
            json_graphic(json, &a->graphics[k]);
        }
        json_close(json, ']');
        json_open(json, "texts", '[');
        for (uint32_t k = 0; k < a->ntexts; k++) {
            json_words(json, &a->texts[k]);
        }
        json_close(json, ']');
        json_close(json, '}');
    }
    json_close(json, ']');
}

void
state_json(struct json *json, const struct stack *stack,
    const struct stack_state *state)
{
    struct out out = { json, stack, state, calloc(stack->nlayers / 8 + 1, 1) };
    double rotate;
    uint8_t flip;

    if (out.layers == NULL) {
        json->failed = true;
        return;
    }
    state_turn(state->presentation, &rotate, &flip);

    json_open(json, NULL, '{');
    json_heading(json, state);
    json_layers(&out, state->covered);
    /* in the order of the query: flip first */
    json_string(json, "flip", flip != 0 ? "h" : "none");
    json_number(json, "rotate", rotate);
    json_bool(json, "presentation_lut",
        state->presentation->lut.count > 0 || state->presentation->inverse);
    json_bool(json, "shutter", state->presentation->shutter.shapes != 0);
    json_vois(&out);
    json_areas(&out);
    json_graphic_layers(json, state->presentation);
    json_annotations(&out);
    json_close(json, '}');
    free(out.layers);
}
