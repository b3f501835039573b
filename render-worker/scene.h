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

/* Positions of a row's first pixel's left edge, to be added to. */
static inline double
scene_row(const double map[3], uint32_t y)
{
    return map[1] * (y + 0.5) + map[2];
}

static inline int32_t
scene_position(double row, const double map[3], uint32_t x)
{
    return scene_low_word(row + map[0] * (x + 0.5));
}

/*
 * Draws pixels from to end of row y, inside the image or not; pixels is where
 * the first of them goes.
 */
void sample_span(const struct scene *scene, uint32_t y, uint32_t from,
    uint32_t end, uint8_t *pixels);

/* Memory one thread works in. */
struct rows_scratch {
    float    *line;
    size_t    size;                     /* floats */
    uint8_t  *tile;                     /* rows of a turned picture */
    size_t    tile_size;
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
    bool                 stepwise;      /* straight: a texel for each pixel */
    uint32_t             from, end;     /* straight: pixels inside, of a row */
    int32_t              low, high;     /* straight: texels of a row in use */
    int32_t             *at;            /* straight: texel before, and */
    float               *fraction;      /* way to the next, of each pixel */
};

/*
 * Fills in plan for scene; at and fraction have room for the picture's width.
 */
void rows_plan(struct rows_plan *plan, const struct scene *scene, int32_t *at,
    float *fraction);

/* Floats a scratch line needs for plan. */
size_t rows_scratch_size(const struct rows_plan *plan);

/* Draws rows from to end of the picture; pixels is where the first goes. */
void rows_draw(const struct rows_plan *plan, uint32_t from, uint32_t end,
    uint8_t *pixels, struct rows_scratch *scratch);

#endif /* DICOM_SCENE_H */
