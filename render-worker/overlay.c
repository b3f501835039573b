#include "overlay.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One overlay as a plane of bits, wherever they come from. */
struct plane {
    const struct dicom_overlay  *overlay;
    const uint8_t               *bits;      /* packed, or NULL */
    size_t                       first;     /* bit of the plane's first pixel */
    const uint8_t               *stored;    /* native pixels */
    unsigned                     bytes;     /* of one stored pixel */
    uint32_t                     columns;   /* of the image */
};

static bool
plane_init(struct plane *plane, const struct dicom_index *index,
    const struct dicom_overlay *overlay, uint32_t frame,
    const uint8_t *stored)
{
    size_t size = (size_t) overlay->rows * overlay->columns;
    uint32_t number = 0;

    if (overlay->frames > 1 || overlay->first_frame > 0) {
        if (frame < overlay->first_frame
            || frame - overlay->first_frame >= overlay->frames)
        {
            return false;
        }
        number = frame - overlay->first_frame;
    }

    *plane = (struct plane) { .overlay = overlay };
    if (overlay->bits != NULL) {
        plane->bits = overlay->bits;
        plane->first = number * size;
        return size > 0 && (plane->first + size + 7) / 8 <= overlay->length;
    }
    plane->stored = stored;
    plane->bytes = index->bits_allocated <= 8 ? 1 : index->bits_allocated / 8;
    plane->columns = index->columns;
    return stored != NULL && index->samples == 1
        && overlay->rows <= index->rows && overlay->columns <= index->columns
        && overlay->bit_position < index->bits_allocated;
}

static bool
plane_bit(const struct plane *plane, uint32_t row, uint32_t column)
{
    if (plane->bits != NULL) {
        size_t i = plane->first + (size_t) row * plane->overlay->columns
            + column;

        return plane->bits[i / 8] >> (i % 8) & 1;
    }

    const uint8_t *pixel = plane->stored
        + ((size_t) row * plane->columns + column) * plane->bytes;
    unsigned position = plane->overlay->bit_position;

    return pixel[position / 8] >> (position % 8) & 1;
}

static void
plane_burn(const struct plane *plane, const double m[6], uint32_t width,
    uint32_t height, unsigned samples, uint8_t *pixels)
{
    const struct dicom_overlay *overlay = plane->overlay;
    double left = overlay->origin_column - 1, top = overlay->origin_row - 1;

    for (uint32_t y = 0; y < height; y++) {
        for (uint32_t x = 0; x < width; x++, pixels += samples) {
            double u = m[0] * (x + 0.5) + m[1] * (y + 0.5) + m[2] - left;
            double v = m[3] * (x + 0.5) + m[4] * (y + 0.5) + m[5] - top;

            if (u >= 0 && v >= 0 && u < overlay->columns && v < overlay->rows
                && plane_bit(plane, (uint32_t) v, (uint32_t) u))
            {
                memset(pixels, 255, samples);
            }
        }
    }
}

/* What may have to be read for overlays within the pixels. */
struct stored {
    const struct frame_source  *source;
    const struct frame_ref     *ref;
    uint8_t                    *pixels;
};

static bool
burn(const struct dicom_overlay *overlay, struct stored *stored,
    const double matrix[6], uint32_t width, uint32_t height,
    unsigned samples, uint8_t *pixels, struct frame_error *error)
{
    const struct frame_ref *ref = stored->ref;
    struct plane plane;
    uint8_t photometric;

    if (overlay->bits == NULL && stored->pixels == NULL) {
        stored->pixels = malloc(index_frame_size(ref->index));
        if (stored->pixels == NULL
            || !frame_read(stored->source, ref, stored->pixels, &photometric,
                   error))
        {
            return false;
        }
    }
    if (plane_init(&plane, ref->index, overlay, ref->frame, stored->pixels)) {
        plane_burn(&plane, matrix, width, height, samples, pixels);
    }
    return true;
}

static const struct dicom_overlay *
find_group(const struct dicom_overlay *overlays, uint32_t count,
    uint16_t group)
{
    for (uint32_t i = 0; i < count; i++) {
        if (overlays[i].group == group) {
            return &overlays[i];
        }
    }
    return NULL;
}

bool
overlay_burn(const struct frame_source *source, const struct frame_ref *ref,
    const struct presentation *state, const double matrix[6], uint32_t width,
    uint32_t height, unsigned samples, uint8_t *pixels,
    struct frame_error *error)
{
    const struct dicom_index *index = ref->index;
    struct stored stored = { .source = source, .ref = ref };
    uint32_t count = state != NULL ? state->nactive : index->noverlays;
    bool ok = true;

    for (uint32_t i = 0; i < count && ok; i++) {
        const struct dicom_overlay *overlay;

        if (state == NULL) {
            overlay = &index->overlays[i];
        } else {
            uint16_t group = state->active[i].group;

            overlay = find_group(state->overlays, state->noverlays, group);
            if (overlay == NULL) {
                overlay = find_group(index->overlays, index->noverlays,
                    group);
            }
        }
        if (overlay != NULL) {
            ok = burn(overlay, &stored, matrix, width, height, samples,
                pixels, error);
        }
    }
    free(stored.pixels);
    return ok;
}
