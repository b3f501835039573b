/*
 * Display shutters (PS3.3 C.7.6.11, C.7.6.15 and the functional group of
 * C.7.6.16.2.16): what is outside of them is hidden.
 */

#include <stdlib.h>
#include <string.h>

#include "attribute.h"
#include "header.h"

#define SHAPE      DICOM_TAG(0x0018, 0x1600)
#define VERTICES   DICOM_TAG(0x0018, 0x1620)


static bool
read_number(const struct dicom_set *set, uint32_t tag, unsigned n,
    int32_t *number)
{
    double  value;

    /* far from any image, and still safe to multiply */
    if (!attribute_decimal(set, tag, n, &value) || value < -1e6 || value > 1e6)
    {
        return false;
    }
    *number = (int32_t) value;
    return true;
}


static bool
read_rectangle(const struct dicom_set *set, struct dicom_shutter *s)
{
    return read_number(set, DICOM_TAG(0x0018, 0x1602), 0, &s->left)
        && read_number(set, DICOM_TAG(0x0018, 0x1604), 0, &s->right)
        && read_number(set, DICOM_TAG(0x0018, 0x1606), 0, &s->upper)
        && read_number(set, DICOM_TAG(0x0018, 0x1608), 0, &s->lower)
        && s->left <= s->right && s->upper <= s->lower;
}


static bool
read_circle(const struct dicom_set *set, struct dicom_shutter *s)
{
    return read_number(set, DICOM_TAG(0x0018, 0x1610), 0, &s->center_row)
        && read_number(set, DICOM_TAG(0x0018, 0x1610), 1, &s->center_column)
        && read_number(set, DICOM_TAG(0x0018, 0x1612), 0, &s->radius)
        && s->radius >= 0;
}


static bool
read_polygon(const struct dicom_set *set, struct dicom_shutter *s)
{
    int32_t   points[SHUTTER_MAX_POINTS][2];
    uint32_t  n = 0;

    while (n < SHUTTER_MAX_POINTS
        && read_number(set, VERTICES, 2 * n, &points[n][0]))
    {
        if (!read_number(set, VERTICES, 2 * n + 1, &points[n][1])) {
            return false;
        }
        n++;
    }
    if (n < 3 || read_number(set, VERTICES, 2 * n, &points[0][0])) {
        return false;
    }

    s->points = malloc(n * sizeof(points[0]));
    if (s->points == NULL) {
        return false;
    }
    memcpy(s->points, points, n * sizeof(points[0]));
    s->npoints = n;
    return true;
}


static bool
read_shape(const struct dicom_set *set, const char *shape,
    struct dicom_shutter *s)
{
    if (strcmp(shape, "RECTANGULAR") == 0) {
        s->shapes |= SHUTTER_RECTANGLE;
        return read_rectangle(set, s);
    }
    if (strcmp(shape, "CIRCULAR") == 0) {
        s->shapes |= SHUTTER_CIRCLE;
        return read_circle(set, s);
    }
    if (strcmp(shape, "POLYGONAL") == 0 && s->npoints == 0) {
        s->shapes |= SHUTTER_POLYGON;
        return read_polygon(set, s);
    }
    if (strcmp(shape, "BITMAP") == 0) {
        s->shapes |= SHUTTER_BITMAP;
        return attribute_u16(set, DICOM_TAG(0x0018, 0x1623), 0, &s->group)
            && s->group >= 0x6000 && s->group <= 0x601e && s->group % 2 == 0;
    }
    return false;
}


bool
header_shutter(const struct dicom_set *set, struct dicom_shutter *s)
{
    char  shape[20];

    memset(s, 0, sizeof(*s));
    for (unsigned i = 0; i < 4 && attribute_code(set, SHAPE, i, shape,
        sizeof(shape)); i++)
    {
        if (!read_shape(set, shape, s)) {
            free(s->points);
            memset(s, 0, sizeof(*s));
            return false;
        }
    }
    attribute_u16(set, DICOM_TAG(0x0018, 0x1622), 0, &s->value);
    return true;
}


/*
 * A malformed shutter hides nothing: better too much is seen of an image than
 * too little.  Those of single frames are not read.
 */
bool
header_shutters(struct header *h)
{
    struct dicom_index      *x = h->index;
    const struct dicom_set  *set = h->root;

    if (x->nframes == 0) {
        return true;
    }
    header_shutter(set, &x->shutter);
    if (x->shutter.shapes == 0) {
        set = dicom_item(h->file, set, DICOM_TAG(0x5200, 0x9229), 0);
        if (set != NULL) {
            set = dicom_item(h->file, set, DICOM_TAG(0x0018, 0x9472), 0);
        }
        if (set != NULL) {
            header_shutter(set, &x->shutter);
        }
    }
    if (x->shutter.shapes & SHUTTER_BITMAP) {
        /* of presentation states only */
        free(x->shutter.points);
        memset(&x->shutter, 0, sizeof(x->shutter));
    }
    return true;
}
