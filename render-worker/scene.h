/*
 * One picture as renderer_cpu draws it: sample.c pixel by pixel, in the steps
 * of shaders/fragment.glsl; rows.c many at a time, with the same result.
 */

#ifndef DICOM_SCENE_H
#define DICOM_SCENE_H

#include <stddef.h>
#include <string.h>

#include "renderer_impl.h"

/* Layers are followed by as many bytes that may be read, not used */
#define SCENE_SLACK  64

struct scene {
    const struct draw       *draw;
    const struct voi_table  *voi;       /* NULL: colour */
    struct draw_map          map;
    bool                     turned;    /* drawn with its axes exchanged */
    uint32_t                 width, height;     /* as it is drawn */
    uint32_t                 columns, rows;
    enum layer_format        format;
    const uint8_t           *texels;
    struct draw_bits         bits;
};

/* The low word of a double, see draw_map(). */
static inline int32_t
scene_low_word(double d)
{
    uint64_t  bits;

    memcpy(&bits, &d, sizeof(bits));

    return (int32_t) (uint32_t) bits;
}

/* The part of a row in its pixels' positions along an axis of the image. */
static inline double
scene_row(const double map[3], uint32_t y)
{
    return map[1] * (y + 0.5) + map[2];
}

/* The part of a column. */
static inline double
scene_column(const double map[3], uint32_t x)
{
    return map[0] * (x + 0.5);
}

/*
 * Where the pixels of a row are in the image: pixel x at the low words of
 * u[x] + u0 and v[x] + v0.
 */
struct places {
    const double  *u, *v;
    double         u0, v0;
};

/*
 * Draws pixels from to end of a row, inside the image or not; pixels is where
 * the first of them goes.
 */
void sample_span(const struct scene *scene, const struct places *places,
    uint32_t from, uint32_t end, uint8_t *pixels);

/* Memory one thread works in. */
struct rows_scratch {
    float    *line;
    size_t    size;                     /* floats */
    uint8_t  *tile;                     /* rows of a turned picture */
    size_t    tile_size;
};

/* What a picture's rows have for each pixel; width entries each. */
struct rows_columns {
    double   *u, *v;                    /* its part of the positions */
    int32_t  *at;                       /* straight: texel before, and */
    float    *fraction;                 /* way to the next */
};

/* What the rows of a picture have in common. */
struct rows_plan {
    const struct scene  *scene;
    bool                 quick;         /* else sample_span() does it all */
    bool                 real;          /* samples of 32 bits, see reals.h */
    bool                 straight;      /* u depends on x only, v on y only */
    unsigned             texel;         /* bytes */
    unsigned             next;          /* bits from a texel to its neighbour */
    ptrdiff_t            ahead;         /* bytes to a texel some rows later */
    int                  step;          /* straight: 1, -1: a texel a pixel */
    uint32_t             from, end;     /* straight: pixels inside, of a row */
    int32_t              low, high;     /* straight: texels of a row in use */
    struct rows_columns  columns;
};

/* Fills in plan for scene; what it says of columns is written there. */
void rows_plan(struct rows_plan *plan, const struct scene *scene,
    const struct rows_columns *columns);

/* Floats a scratch line needs for plan. */
size_t rows_scratch_size(const struct rows_plan *plan);

/* Draws rows from to end, which begin stride bytes apart from pixels on. */
void rows_draw(const struct rows_plan *plan, uint32_t from, uint32_t end,
    uint8_t *pixels, size_t stride, struct rows_scratch *scratch);

#endif /* DICOM_SCENE_H */
