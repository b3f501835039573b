/*
 * A presentation state on its way from the file into the index, shared by the
 * files that read it.  Child only.
 */

#ifndef DICOM_HEADER_PRESENTATION_H
#define DICOM_HEADER_PRESENTATION_H

#include "header.h"

struct reading {
    struct header        *header;
    struct presentation  *state;
    uint32_t              targets, points;
    size_t                bytes;        /* of the packed form, about */
};

enum reading_scope { SCOPE_FAILED, SCOPE_EMPTY, SCOPE_READ };

/* Notes why the state cannot be applied, and returns false. */
bool reading_refuse(struct reading *r, enum presentation_problem problem);

/* Counts bytes that the state will take; false: they are too many. */
bool reading_spend(struct reading *r, size_t bytes);

/*
 * Zeroed room for a sequence's items, which the state owns, in *items, a
 * pointer to them; *count is 0 when there are none.
 */
bool reading_room(struct reading *r, const struct dicom_set *set,
    uint32_t tag, size_t size, void *items, uint32_t *count);

/* count values of VR FL, all finite, or false. */
bool reading_floats(const struct dicom_set *set, uint32_t tag, float *values,
    uint32_t count);

/* The images of an item.  Empty: the state is for none of them. */
enum reading_scope reading_scope(struct reading *r,
    const struct dicom_set *set, struct presentation_scope *scope);

/* Graphic layers and annotations (PS3.3 C.10.5, C.10.7). */
bool header_graphics(struct reading *r);        /* header_graphics.c */

#endif /* DICOM_HEADER_PRESENTATION_H */
