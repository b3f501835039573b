#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "pack.h"
#include "presentation.h"


static void
scope_finish(struct presentation_scope *scope)
{
    free(scope->targets);
}


static void
annotation_finish(struct presentation_annotation *a)
{
    for (uint32_t i = 0; i < a->ngraphics; i++) {
        free(a->graphics[i].points);
    }
    for (uint32_t i = 0; i < a->ntexts; i++) {
        free(a->texts[i].text);
    }
    free(a->graphics);
    free(a->texts);
    scope_finish(&a->scope);
}


void
presentation_destroy(struct presentation *state)
{
    if (state == NULL) {
        return;
    }
    for (uint32_t i = 0; i < state->nvois; i++) {
        scope_finish(&state->vois[i].scope);
        free(state->vois[i].lut.data);
    }
    for (uint32_t i = 0; i < state->nareas; i++) {
        scope_finish(&state->areas[i].scope);
    }
    for (uint32_t i = 0; i < state->noverlays; i++) {
        free(state->overlays[i].bits);
    }
    for (uint32_t i = 0; i < state->nannotations; i++) {
        annotation_finish(&state->annotations[i]);
    }
    scope_finish(&state->scope);
    free(state->references);
    free(state->modality_lut.data);
    free(state->vois);
    free(state->lut.data);
    free(state->areas);
    free(state->shutter.points);
    free(state->overlays);
    free(state->layers);
    free(state->annotations);
    free(state);
}


static size_t
scope_bytes(const struct presentation_scope *scope)
{
    return scope->count * sizeof(scope->targets[0]);
}


static size_t
lut_bytes(const struct dicom_lut *lut)
{
    return lut->count * sizeof(lut->data[0]);
}


size_t
presentation_bytes(const struct presentation *state)
{
    size_t  bytes = sizeof(*state) + scope_bytes(&state->scope)
        + state->nreferences * sizeof(state->references[0])
        + state->nvois * sizeof(state->vois[0])
        + state->nareas * sizeof(state->areas[0])
        + state->noverlays * sizeof(state->overlays[0])
        + state->nlayers * sizeof(state->layers[0])
        + state->nannotations * sizeof(state->annotations[0])
        + state->shutter.npoints * sizeof(state->shutter.points[0])
        + lut_bytes(&state->modality_lut) + lut_bytes(&state->lut);

    for (uint32_t i = 0; i < state->nvois; i++) {
        bytes += scope_bytes(&state->vois[i].scope)
            + lut_bytes(&state->vois[i].lut);
    }
    for (uint32_t i = 0; i < state->nareas; i++) {
        bytes += scope_bytes(&state->areas[i].scope);
    }
    for (uint32_t i = 0; i < state->noverlays; i++) {
        bytes += state->overlays[i].length;
    }
    for (uint32_t i = 0; i < state->nannotations; i++) {
        const struct presentation_annotation  *a = &state->annotations[i];

        bytes += scope_bytes(&a->scope)
            + a->ngraphics * sizeof(a->graphics[0])
            + a->ntexts * sizeof(a->texts[0]);
        for (uint32_t k = 0; k < a->ngraphics; k++) {
            bytes += a->graphics[k].npoints * sizeof(a->graphics[k].points[0]);
        }
        for (uint32_t k = 0; k < a->ntexts; k++) {
            bytes += a->texts[k].text != NULL ? strlen(a->texts[k].text) : 0;
        }
    }
    return bytes;
}


const char *
presentation_problem(const struct presentation *state)
{
    static const char *const  texts[PRESENTATION_PROBLEMS] = {
        [PRESENTATION_UNSUPPORTED] =
            "presentation states of this kind are not applied",
        [PRESENTATION_SUBTRACTS] = "the presentation state asks for a mask "
            "subtraction, which is not done",
        [PRESENTATION_TOO_LARGE] = "the presentation state holds more than "
            "can be applied",
        [PRESENTATION_MALFORMED] = "the presentation state contradicts the "
            "standard"
    };

    return texts[state->problem];
}


/* Packing */

static void
put_float(struct writer *w, float value)
{
    uint32_t  bits;

    memcpy(&bits, &value, sizeof(bits));
    put_number(w, bits, 4);
}


static void
put_floats(struct writer *w, const float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        put_float(w, values[i]);
    }
}


static void
put_scope(struct writer *w, const struct presentation_scope *scope)
{
    put_number(w, scope->count, 4);
    for (uint32_t i = 0; i < scope->count; i++) {
        put_number(w, scope->targets[i].reference, 2);
        put_number(w, scope->targets[i].frame, 4);
    }
}


static void
put_voi(struct writer *w, const struct presentation_voi *voi)
{
    put_scope(w, &voi->scope);
    put_number(w, voi->function, 1);
    put_windows(w, &voi->window, 1);
    put_lut(w, &voi->lut);
}


static void
put_area(struct writer *w, const struct presentation_area *area)
{
    put_scope(w, &area->scope);
    put_number(w, (uint32_t) area->left, 4);
    put_number(w, (uint32_t) area->top, 4);
    put_number(w, (uint32_t) area->right, 4);
    put_number(w, (uint32_t) area->bottom, 4);
    put_number(w, area->size, 1);
    put_double(w, area->magnification);
    put_double(w, area->aspect);
    put_double(w, area->spacing);
}


static void
put_annotation(struct writer *w, const struct presentation_annotation *a)
{
    put_scope(w, &a->scope);
    put_text(w, a->layer, sizeof(a->layer));

    put_number(w, a->ngraphics, 2);
    for (uint32_t i = 0; i < a->ngraphics; i++) {
        const struct presentation_graphic  *g = &a->graphics[i];

        put_number(w, g->shape, 1);
        put_number(w, g->units, 1);
        put_number(w, g->filled, 1);
        put_number(w, g->npoints, 4);
        put_floats(w, g->points[0], 2 * (size_t) g->npoints);
    }

    put_number(w, a->ntexts, 2);
    for (uint32_t i = 0; i < a->ntexts; i++) {
        const struct presentation_text  *t = &a->texts[i];
        size_t                           length = strlen(t->text);

        put_number(w, length, 2);
        put_bytes(w, t->text, length);
        put_number(w, t->box_units, 1);
        put_floats(w, t->box, 4);
        put_number(w, t->justify, 1);
        put_number(w, t->anchor_units, 1);
        put_floats(w, t->anchor, 2);
        put_number(w, t->anchor_visible, 1);
    }
}


static void
put_layer(struct writer *w, const struct presentation_layer *layer)
{
    put_text(w, layer->name, sizeof(layer->name));
    put_number(w, (uint32_t) layer->order, 4);
    put_number(w, layer->has_gray, 1);
    put_number(w, layer->gray, 2);
    put_number(w, layer->has_rgb, 1);
    put_bytes(w, layer->rgb, 3);
    put_text(w, layer->description, sizeof(layer->description));
}


static void
put_pictures(struct writer *w, const struct presentation *state)
{
    put_double(w, state->slope);
    put_double(w, state->intercept);
    put_lut(w, &state->modality_lut);
    put_number(w, state->nvois, 2);
    for (uint32_t i = 0; i < state->nvois; i++) {
        put_voi(w, &state->vois[i]);
    }
    put_number(w, state->inverse, 1);
    put_lut(w, &state->lut);

    put_number(w, state->rotate, 2);
    put_number(w, state->flip, 1);
    put_number(w, state->nareas, 2);
    for (uint32_t i = 0; i < state->nareas; i++) {
        put_area(w, &state->areas[i]);
    }
    put_shutter(w, &state->shutter);

    put_number(w, state->noverlays, 1);
    for (uint32_t i = 0; i < state->noverlays; i++) {
        put_number(w, state->overlays[i].group, 2);
        put_overlay(w, &state->overlays[i]);
    }
    put_number(w, state->nactive, 1);
    for (uint32_t i = 0; i < state->nactive; i++) {
        put_number(w, state->active[i].group, 2);
        put_text(w, state->active[i].layer, sizeof(state->active[i].layer));
    }
}


void
presentation_put(struct writer *w, const struct presentation *state)
{
    put_number(w, state->kind, 1);
    put_number(w, state->problem, 1);
    put_text(w, state->label, sizeof(state->label));
    put_text(w, state->description, sizeof(state->description));
    put_text(w, state->creator, sizeof(state->creator));
    put_text(w, state->date, sizeof(state->date));
    put_text(w, state->time, sizeof(state->time));

    put_number(w, state->nreferences, 2);
    for (uint32_t i = 0; i < state->nreferences; i++) {
        put_text(w, state->references[i].uid,
            sizeof(state->references[i].uid));
    }
    put_scope(w, &state->scope);
    put_pictures(w, state);

    put_number(w, state->nlayers, 2);
    for (uint32_t i = 0; i < state->nlayers; i++) {
        put_layer(w, &state->layers[i]);
    }
    put_number(w, state->nannotations, 2);
    for (uint32_t i = 0; i < state->nannotations; i++) {
        put_annotation(w, &state->annotations[i]);
    }
}


/* Unpacking */

static void
get_floats(struct reader *r, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t  bits = (uint32_t) get_number(r, 4);

        memcpy(&values[i], &bits, sizeof(bits));
        if (!isfinite(values[i])) {
            get_fail(r, "index has a number that is not finite");
        }
    }
}


static int32_t
get_signed(struct reader *r)
{
    return (int32_t) (uint32_t) get_number(r, 4);
}


static bool
get_flag(struct reader *r)
{
    return get_bounded(r, 1, 1, "a flag is neither 0 nor 1") != 0;
}


static void
get_scope(struct reader *r, const struct presentation *state,
    struct presentation_scope *scope)
{
    uint32_t  count = get_bounded(r, 4, PRESENTATION_MAX_TARGETS,
        "a presentation state is for too many images");

    scope->targets = get_room(r, count, sizeof(scope->targets[0]), 6);
    if (scope->targets == NULL) {
        return;
    }
    scope->count = count;
    for (uint32_t i = 0; i < count; i++) {
        scope->targets[i].reference = get_number(r, 2);
        scope->targets[i].frame = get_bounded(r, 4, TABLES_MAX_FRAMES,
            "a presentation state is for an impossible frame");
        if (scope->targets[i].reference >= state->nreferences) {
            get_fail(r, "a presentation state is for an unknown image");
            return;
        }
    }
}


static void
get_voi(struct reader *r, const struct presentation *state,
    struct presentation_voi *voi)
{
    get_scope(r, state, &voi->scope);
    voi->function = get_bounded(r, 1, VOI_SIGMOID, "unknown VOI function");
    get_windows(r, &voi->window, 1);
    get_lut(r, &voi->lut);
    if (voi->function == 0
        || (voi->lut.count == 0 && !(voi->window.width > 0)))
    {
        get_fail(r, "a presentation state has an impossible window");
    }
}


static void
get_area(struct reader *r, const struct presentation *state,
    struct presentation_area *area)
{
    get_scope(r, state, &area->scope);
    area->left = get_signed(r);
    area->top = get_signed(r);
    area->right = get_signed(r);
    area->bottom = get_signed(r);
    area->size = get_bounded(r, 1, PRESENTATION_MAGNIFY,
        "unknown presentation size");
    area->magnification = get_double(r);
    area->aspect = get_double(r);
    area->spacing = get_double(r);
    if (area->size == 0 || area->left > area->right
        || area->top > area->bottom || area->aspect < 0 || area->spacing < 0
        || (area->size == PRESENTATION_MAGNIFY && area->magnification <= 0))
    {
        get_fail(r, "a presentation state has an impossible area");
    }
}


static void
get_graphic(struct reader *r, struct presentation_graphic *g)
{
    uint32_t  count;

    g->shape = get_bounded(r, 1, PRESENTATION_ELLIPSE, "unknown graphic");
    g->units = get_bounded(r, 1, PRESENTATION_DISPLAY, "unknown units");
    g->filled = get_flag(r);
    count = get_bounded(r, 4, PRESENTATION_MAX_POINTS,
        "a graphic has too many points");
    if (g->shape == 0 || g->units == 0 || count == 0) {
        get_fail(r, "a graphic has no points");
    }
    g->points = get_room(r, count, sizeof(g->points[0]), 8);
    if (g->points != NULL) {
        g->npoints = count;
        get_floats(r, g->points[0], 2 * (size_t) count);
    }
}


static void
get_words(struct reader *r, struct presentation_text *t)
{
    uint32_t  length = get_bounded(r, 2, PRESENTATION_MAX_TEXT,
        "a text is too long");

    t->text = calloc(1, length + 1);
    if (t->text == NULL || length > (size_t) (r->end - r->data)) {
        get_fail(r, t->text == NULL ? "out of memory" : "index is cut short");
        return;
    }
    memcpy(t->text, r->data, length);
    r->data += length;
    for (uint32_t i = 0; i < length; i++) {
        if ((t->text[i] >= 0 && t->text[i] < 0x20 && t->text[i] != '\n')
            || t->text[i] == 0x7f)
        {
            get_fail(r, "index has a text with control characters");
            return;
        }
    }
    t->box_units = get_bounded(r, 1, PRESENTATION_DISPLAY, "unknown units");
    get_floats(r, t->box, 4);
    t->justify = get_number(r, 1);
    t->anchor_units = get_bounded(r, 1, PRESENTATION_DISPLAY,
        "unknown units");
    get_floats(r, t->anchor, 2);
    t->anchor_visible = get_flag(r);
    if (t->justify != 'L' && t->justify != 'C' && t->justify != 'R') {
        get_fail(r, "a text is justified in an unknown way");
    }
}


static void
get_annotation(struct reader *r, const struct presentation *state,
    struct presentation_annotation *a)
{
    uint32_t  count;

    get_scope(r, state, &a->scope);
    get_text(r, a->layer, sizeof(a->layer));

    count = get_bounded(r, 2, PRESENTATION_MAX_ITEMS, "too many graphics");
    a->graphics = get_room(r, count, sizeof(a->graphics[0]), 15);
    a->ngraphics = a->graphics != NULL ? count : 0;
    for (uint32_t i = 0; i < a->ngraphics && r->error == NULL; i++) {
        get_graphic(r, &a->graphics[i]);
    }

    count = get_bounded(r, 2, PRESENTATION_MAX_ITEMS, "too many texts");
    a->texts = get_room(r, count, sizeof(a->texts[0]), 30);
    a->ntexts = a->texts != NULL ? count : 0;
    for (uint32_t i = 0; i < a->ntexts && r->error == NULL; i++) {
        get_words(r, &a->texts[i]);
    }
}


static void
get_layer(struct reader *r, struct presentation_layer *layer)
{
    get_text(r, layer->name, sizeof(layer->name));
    layer->order = get_signed(r);
    layer->has_gray = get_flag(r);
    layer->gray = get_number(r, 2);
    layer->has_rgb = get_flag(r);
    for (unsigned i = 0; i < 3; i++) {
        layer->rgb[i] = get_number(r, 1);
    }
    get_text(r, layer->description, sizeof(layer->description));
}


static void
get_overlays(struct reader *r, struct presentation *state)
{
    uint32_t  count;

    count = get_bounded(r, 1, TABLES_MAX_OVERLAYS, "too many overlays");
    state->overlays = get_room(r, count, sizeof(state->overlays[0]), 24);
    state->noverlays = state->overlays != NULL ? count : 0;
    for (uint32_t i = 0; i < state->noverlays && r->error == NULL; i++) {
        state->overlays[i].group = get_number(r, 2);
        get_overlay(r, &state->overlays[i]);
    }

    state->nactive = get_bounded(r, 1, TABLES_MAX_OVERLAYS,
        "too many overlays");
    for (uint32_t i = 0; i < state->nactive && r->error == NULL; i++) {
        state->active[i].group = get_number(r, 2);
        get_text(r, state->active[i].layer, sizeof(state->active[i].layer));
    }
}


static void
get_pictures(struct reader *r, struct presentation *state)
{
    uint32_t  count;

    state->slope = get_double(r);
    state->intercept = get_double(r);
    get_lut(r, &state->modality_lut);
    count = get_bounded(r, 2, PRESENTATION_MAX_ITEMS, "too many windows");
    state->vois = get_room(r, count, sizeof(state->vois[0]), 27);
    state->nvois = state->vois != NULL ? count : 0;
    for (uint32_t i = 0; i < state->nvois && r->error == NULL; i++) {
        get_voi(r, state, &state->vois[i]);
    }
    state->inverse = get_flag(r);
    get_lut(r, &state->lut);

    state->rotate = get_bounded(r, 2, 270, "an impossible rotation");
    state->flip = get_flag(r);
    if (state->rotate % 90 != 0 || state->slope == 0) {
        get_fail(r, "an impossible rotation or rescale");
    }
    count = get_bounded(r, 2, PRESENTATION_MAX_ITEMS, "too many areas");
    state->areas = get_room(r, count, sizeof(state->areas[0]), 45);
    state->nareas = state->areas != NULL ? count : 0;
    for (uint32_t i = 0; i < state->nareas && r->error == NULL; i++) {
        get_area(r, state, &state->areas[i]);
    }
    get_shutter(r, &state->shutter);
    get_overlays(r, state);
}


static void
get_graphics(struct reader *r, struct presentation *state)
{
    uint32_t  count;

    count = get_bounded(r, 2, PRESENTATION_MAX_ITEMS, "too many layers");
    state->layers = get_room(r, count, sizeof(state->layers[0]), 13);
    state->nlayers = state->layers != NULL ? count : 0;
    for (uint32_t i = 0; i < state->nlayers && r->error == NULL; i++) {
        get_layer(r, &state->layers[i]);
    }

    count = get_bounded(r, 2, PRESENTATION_MAX_ITEMS, "too many annotations");
    state->annotations = get_room(r, count, sizeof(state->annotations[0]), 9);
    state->nannotations = state->annotations != NULL ? count : 0;
    for (uint32_t i = 0; i < state->nannotations && r->error == NULL; i++) {
        get_annotation(r, state, &state->annotations[i]);
    }
}


struct presentation *
presentation_get(struct reader *r)
{
    struct presentation  *state = calloc(1, sizeof(*state));
    uint32_t              count;

    if (state == NULL) {
        get_fail(r, "out of memory");
        return NULL;
    }
    state->kind = get_bounded(r, 1, PRESENTATION_OTHER,
        "unknown kind of presentation state");
    state->problem = get_bounded(r, 1, PRESENTATION_PROBLEMS - 1,
        "unknown problem of a presentation state");
    get_text(r, state->label, sizeof(state->label));
    get_text(r, state->description, sizeof(state->description));
    get_text(r, state->creator, sizeof(state->creator));
    get_text(r, state->date, sizeof(state->date));
    get_text(r, state->time, sizeof(state->time));

    count = get_bounded(r, 2, PRESENTATION_MAX_REFERENCES,
        "a presentation state is for too many images");
    state->references = get_room(r, count, sizeof(state->references[0]), 1);
    state->nreferences = state->references != NULL ? count : 0;
    for (uint32_t i = 0; i < state->nreferences; i++) {
        get_text(r, state->references[i].uid,
            sizeof(state->references[i].uid));
    }
    get_scope(r, state, &state->scope);
    get_pictures(r, state);
    get_graphics(r, state);

    if (state->kind == 0) {
        get_fail(r, "a presentation state has no kind");
    }
    if (r->error != NULL) {
        presentation_destroy(state);
        return NULL;
    }
    return state;
}
