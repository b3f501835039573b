#include "present.h"

#include <math.h>
#include <string.h>

#include "shutter.h"

/* Columns and rows of an area; the whole image where there is none. */
static void
area_of(const struct presentation_area *area, const struct dicom_index *index,
    double box[4])
{
    if (area == NULL) {
        box[0] = box[1] = 0;
        box[2] = index->columns;
        box[3] = index->rows;
        return;
    }
    box[0] = area->left - 1;
    box[1] = area->top - 1;
    box[2] = area->right;
    box[3] = area->bottom;
}

/*
 * The displayed area (PS3.3 C.10.4).  TRUE SIZE fits like SCALE TO FIT: what a
 * millimetre is on the user's screen is not known here.
 */
static const char *
init_area(struct present *present, const struct presentation_area *area,
    const struct dicom_index *index, const struct wire_render *ask,
    double aspect)
{
    struct view *view = &present->view;
    double box[4], scale = 0;

    area_of(area, index, box);
    if (ask->set & WIRE_SET_SIZE) {
        present->aspect = area != NULL && area->aspect > 0 ? area->aspect
            : aspect;
    } else {
        bool turned = fmod(fabs(view->rotate), 180) == 90
            && (ask->set & WIRE_SET_ROTATE) == 0;
        double wide = box[2] - box[0], tall = box[3] - box[1];

        if (wide > WIRE_MAX_VIEWPORT || tall > WIRE_MAX_VIEWPORT) {
            return "width, height: the displayed area is too large to be "
                "shown without them";
        }
        view->width = (uint32_t) (turned ? tall : wide);
        view->height = (uint32_t) (turned ? wide : tall);
    }
    if (area == NULL || (ask->set & (WIRE_SET_ZOOM | WIRE_SET_PAN))
        == (WIRE_SET_ZOOM | WIRE_SET_PAN))
    {
        return NULL;
    }

    if (area->size == PRESENTATION_MAGNIFY
        && (ask->set & WIRE_SET_SIZE) != 0)
    {
        scale = area->magnification;
    }
    if (!geometry_area(view, index->columns, index->rows, present->aspect,
            scale, box))
    {
        return "zoom, rotate: out of range";
    }
    if (ask->set & WIRE_SET_ZOOM) {
        view->zoom = ask->zoom;
        view->pan_x = 0;
        view->pan_y = 0;
    }
    if (ask->set & WIRE_SET_PAN) {
        view->pan_x = ask->pan_x;
        view->pan_y = ask->pan_y;
    }
    return NULL;
}

static const struct dicom_overlay *
find_bitmap(const struct presentation *state)
{
    for (uint32_t i = 0; i < state->noverlays; i++) {
        if (state->overlays[i].group == state->shutter.group) {
            return &state->overlays[i];
        }
    }
    return NULL;
}

static const char *
init_state(struct present *present, const struct stack *stack,
    const struct stack_state *state, const struct wire_render *ask,
    double aspect)
{
    const struct presentation *presentation = state->presentation;
    double rotate;
    uint8_t flip;

    state_turn(presentation, &rotate, &flip);
    if ((ask->set & WIRE_SET_ROTATE) == 0) {
        present->view.rotate = rotate;
    }
    if ((ask->set & WIRE_SET_FLIP) == 0) {
        present->view.flip = flip;
    }
    if ((ask->set & WIRE_SET_OVERLAYS) == 0) {
        present->overlays = presentation->nactive > 0;
        present->state = presentation;
    }
    present->shutter = &presentation->shutter;
    if (presentation->shutter.shapes & SHUTTER_BITMAP) {
        present->bitmap = find_bitmap(presentation);
    }
    return init_area(present, state_area_of(stack, state, ask->layer),
        stack_index(stack, ask->layer), ask, aspect);
}

const char *
present_init(struct present *present, const struct stack *stack,
    const struct stack_state *state, const struct wire_render *ask,
    double aspect)
{
    const struct dicom_index *index = stack_index(stack, ask->layer);
    bool sized = (ask->set & WIRE_SET_SIZE) != 0;
    const char *wrong = NULL;

    /* at its own size a picture shows the pixels as they are stored */
    *present = (struct present) {
        .view = {
            .width = sized ? ask->width : index->columns,
            .height = sized ? ask->height : index->rows,
            .zoom = ask->zoom,
            .pan_x = ask->pan_x,
            .pan_y = ask->pan_y,
            .rotate = ask->rotate,
            .flip = ask->flip,
        },
        .aspect = sized ? aspect : 1,
        .overlays = ask->overlays != 0,
        .shutter = &index->shutter,
        .pixel = aspect,
    };
    if (state != NULL) {
        wrong = init_state(present, stack, state, ask, aspect);
    }
    if (!ask->shutter || present->shutter->shapes == 0) {
        present->shutter = NULL;
    }
    return wrong;
}

bool
present_marks(const struct present *present)
{
    return present->overlays || present->shutter != NULL;
}

bool
present_burn(const struct present *present,
    const struct frame_source *source, const struct frame_ref *ref,
    const double matrix[6], unsigned samples, uint8_t *pixels,
    struct frame_error *error)
{
    const struct view *view = &present->view;

    if (present->shutter != NULL
        && !shutter_burn(present->shutter, present->bitmap,
               ref->index->columns, ref->index->rows, present->pixel, matrix,
               view->width, view->height, samples, pixels))
    {
        *error = (struct frame_error) { "busy", "memory is short" };
        return false;
    }
    return !present->overlays
        || overlay_burn(source, ref, present->state, matrix, view->width,
               view->height, samples, pixels, error);
}
