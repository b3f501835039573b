#include <math.h>
#include <string.h>

#include "log.h"
#include "renderer_impl.h"
#include "scene.h"


struct renderer *
renderer_create(enum renderer_kind kind, const struct renderer_config *config)
{
    struct renderer         *renderer;
    struct renderer_config   gpu;

    switch (kind) {

    case RENDERER_GL:
        return renderer_gl_create(config);

    case RENDERER_CPU:
        return renderer_cpu_create();

    case RENDERER_AUTO:
        break;
    }

    gpu = *config;
    gpu.gpu_only = true;
    renderer = renderer_gl_create(&gpu);

    if (renderer != NULL) {
        return renderer;
    }

    log_info("renderer", "no GPU: drawing without OpenGL (--renderer gl draws "
             "with it in software)");

    return renderer_cpu_create();
}


void
renderer_destroy(struct renderer *renderer)
{
    if (renderer != NULL) {
        renderer->procs->destroy(renderer);
    }
}


const struct renderer_info *
renderer_info(const struct renderer *renderer)
{
    return &renderer->info;
}


struct layer_array *
renderer_array_create(struct renderer *renderer, uint32_t width,
    uint32_t height, enum layer_format format, uint32_t layers)
{
    if (width == 0 || height == 0 || layers == 0
        || width > renderer->info.max_dimension
        || height > renderer->info.max_dimension)
    {
        log_error("renderer", "no array of %ux%ux%u: at most %u a side",
                  width, height, layers, renderer->info.max_dimension);
        return NULL;
    }

    return renderer->procs->array_create(renderer, width, height, format,
                                         layers);
}


void
renderer_array_destroy(struct renderer *renderer, struct layer_array *array)
{
    if (array != NULL) {
        renderer->procs->array_destroy(renderer, array);
    }
}


uint64_t
layer_array_bytes(const struct layer_array *array)
{
    return array->bytes;
}


uint64_t
renderer_pooled(const struct renderer *renderer)
{
    return renderer->procs->pooled(renderer);
}


void
renderer_trim(struct renderer *renderer, uint64_t bytes)
{
    renderer->procs->trim(renderer, bytes);
}


bool
renderer_upload(struct renderer *renderer, struct layer_array *array,
    uint32_t layer, const void *pixels)
{
    if (layer >= array->layers) {
        return false;
    }

    return renderer->procs->upload(renderer, array, layer, pixels);
}


void *
renderer_layer(struct renderer *renderer, struct layer_array *array,
    uint32_t layer)
{
    if (renderer->procs->layer == NULL || layer >= array->layers) {
        return NULL;
    }

    return renderer->procs->layer(array, layer);
}


bool
renderer_draw(struct renderer *renderer, const struct draw *draw,
    uint8_t *pixels)
{
    const struct layer_array  *array = draw->array;

    if (draw->layer >= array->layers || draw->width == 0 || draw->height == 0
        || (draw->voi == NULL) != (array->format == LAYER_RGBA8))
    {
        return false;
    }

    for (int i = 0; i < 6; i++) {
        if (!isfinite(draw->matrix[i])) {
            return false;
        }
    }

    return renderer->procs->draw(renderer, draw, pixels);
}


bool
renderer_lost(const struct renderer *renderer)
{
    return renderer->procs->lost(renderer);
}


static bool
near(double value, double integer)
{
    return fabs(value - integer) < 1e-9;
}


static void
snap(const double *m, double matrix[6])
{
    bool    straight, crossed;
    double  a, b;

    memcpy(matrix, m, 6 * sizeof(double));

    straight = near(fabs(m[0]), 1) && near(m[1], 0)
               && near(m[3], 0) && near(fabs(m[4]), 1);
    crossed = near(m[0], 0) && near(fabs(m[1]), 1)
              && near(fabs(m[3]), 1) && near(m[4], 0);
    a = round(m[2]);
    b = round(m[5]);

    if ((!straight && !crossed) || fabs(m[2] - a) > 1e-4
        || fabs(m[5] - b) > 1e-4)
    {
        return;
    }

    matrix[0] = round(m[0]);
    matrix[1] = round(m[1]);
    matrix[2] = a;
    matrix[3] = round(m[3]);
    matrix[4] = round(m[4]);
    matrix[5] = b;
}


/* Largest coordinate, of either sign, anywhere in the picture or the image. */
static double
extent(const struct draw *draw, const double m[6])
{
    double  x, y, most;

    most = fmax(draw->array->width, draw->array->height);

    for (int i = 0; i < 4; i++) {
        x = i & 1 ? draw->width : 0;
        y = i & 2 ? draw->height : 0;
        most = fmax(most, fabs(m[0] * x + m[1] * y + m[2]));
        most = fmax(most, fabs(m[3] * x + m[4] * y + m[5]));
    }

    return most;
}


/* Whether an axis goes from texel to texel in whole steps, from a middle on. */
static bool
axis_is_whole(struct draw_map *map, int axis)
{
    double         one = 1u << map->fraction;
    const double  *m = axis == 0 ? map->u : map->v;

    map->first[axis] = (uint32_t) scene_low_word(scene_row(m, 0)
                                                 + scene_column(m, 0));
    map->right[axis] = (uint32_t) (int64_t) m[0];
    map->down[axis] = (uint32_t) (int64_t) m[1];

    return fmod(m[0], one) == 0 && fmod(m[1], one) == 0
           && (map->first[axis] & ((1u << map->fraction) - 1))
              == 1u << map->fraction >> 1;
}


bool
draw_map(const struct draw *draw, struct draw_map *map)
{
    int     bits;
    double  m[6], most, one;

    /* adding it leaves an integer, rounded to nearest, in the low bits */
    const double  magic = 0x1.8p52;

    snap(draw->matrix, m);
    most = extent(draw, m);

    if (!(most < 0x1p24)) {
        return false;
    }

    /* positions below 2^30 leave room for the half pixel of interpolation */

    (void) frexp(most, &bits);
    map->fraction = bits <= 14 ? 16 : 30 - bits;
    one = 1u << map->fraction;

    for (int i = 0; i < 3; i++) {
        map->u[i] = m[i] * one;
        map->v[i] = m[3 + i] * one;
    }

    map->u[2] += magic;
    map->v[2] += magic;
    map->whole = axis_is_whole(map, 0) && axis_is_whole(map, 1);

    return true;
}


enum draw_interpolation
draw_filter(const struct draw *draw, const struct draw_map *map)
{
    return map->whole ? DRAW_NEAREST : draw->interpolation;
}


struct draw_bits
draw_bits(const struct voi_bits *bits)
{
    struct draw_bits  result;

    result.shift = bits->shift < 32 ? bits->shift : 0;
    result.mask = bits->bits >= 1 && bits->bits < 32
                  ? (1u << bits->bits) - 1 : UINT32_MAX;
    result.sign = bits->is_signed && bits->bits >= 1 && bits->bits <= 32
                  ? 1u << (bits->bits - 1) : 0;

    return result;
}
