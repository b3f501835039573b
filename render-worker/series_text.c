#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "geometry.h"
#include "series.h"

/* Appends to text, as much as there is room for. */
__attribute__((format(printf, 2, 3))) static void
say(char text[SERIES_TEXT], const char *format, ...)
{
    size_t length = strlen(text);
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text + length, SERIES_TEXT - length, format, arguments);
    va_end(arguments);
}

/* The plane that the slices lie in, within 20 degrees. */
static const char *
plane_name(const struct dicom_index *index, uint32_t frame)
{
    static const char *const names[] = { "Sagittal", "Coronal", "Axial" };
    double row[3], column[3], normal[3];

    if (!geometry_axes(index, frame, row, column)) {
        return "Images";
    }
    geometry_normal(row, column, normal);
    for (unsigned i = 0; i < 3; i++) {
        if (fabs(normal[i]) > 0.94) {
            return names[i];
        }
    }
    return "Oblique";
}

void
series_describe(const struct series_part *part,
    const struct dicom_index *index, uint32_t frame, char text[SERIES_TEXT])
{
    static const struct { const char *before, *after; } names[DIM_COUNT] = {
        [DIM_SEGMENT] = { "segment", "" },
        [DIM_B_VALUE] = { "b", "" },
        [DIM_ECHO_TIME] = { "TE", " ms" },
        [DIM_TEMPORAL] = { "time", "" },
        [DIM_TRIGGER] = { "trigger", " ms" },
        [DIM_ACQUISITION] = { "acquisition", "" },
    };
    const struct dicom_frame *f = &index->frames[frame];

    text[0] = '\0';
    switch (part->kind) {
    case SERIES_CLIP:
        say(text, "Clip");
        break;
    case SERIES_LOCALIZER:
        say(text, "Localizer");
        break;
    case SERIES_IMAGES:
        say(text, part->count == 1 ? "Image" : "Images");
        break;
    default:
        say(text, "%s", plane_name(index, frame));
    }
    if (part->split & 1u << DIM_TYPE && index->image_type[0] != '\0') {
        say(text, ", %s", index->image_type);
    }
    for (unsigned d = 0; d < DIM_COUNT; d++) {
        if (part->split & f->known & 1u << d && names[d].before != NULL) {
            say(text, ", %s %g%s", names[d].before, f->dimensions[d],
                names[d].after);
        }
    }
    if (part->split & f->known & 1u << DIM_TIME) {
        unsigned seconds = (unsigned) f->dimensions[DIM_TIME];

        say(text, ", %02u:%02u:%02u", seconds / 3600 % 24, seconds / 60 % 60,
            seconds % 60);
    }
    if (part->set > 0) {
        say(text, ", %s %u", part->kind == SERIES_TIMES ? "slice" : "set",
            part->set);
    }
}
