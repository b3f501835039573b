/*
 * The steps of shaders/fragment.glsl in plain C, in the same order and
 * precision, so that both give the same bits.
 */

#include <math.h>

#include "scene.h"


static uint32_t
texel_raw(const struct scene *scene, size_t at)
{
    switch (scene->format) {
    case LAYER_R8UI:
        return ((const uint8_t *) scene->texels)[at];
    case LAYER_R8I:
        return (uint32_t) ((const int8_t *) scene->texels)[at];
    case LAYER_R16UI:
        return ((const uint16_t *) scene->texels)[at];
    case LAYER_R16I:
        return (uint32_t) ((const int16_t *) scene->texels)[at];
    default:
        return ((const uint32_t *) scene->texels)[at];
    }
}


static uint32_t
texel_bits(const struct scene *scene, size_t at)
{
    uint32_t  v;

    v = texel_raw(scene, at) >> scene->bits.shift & scene->bits.mask;

    return (v ^ scene->bits.sign) - scene->bits.sign;
}


static int32_t
clamp_index(int32_t i, uint32_t count)
{
    return i < 0 ? 0 : i < (int32_t) count ? i : (int32_t) count - 1;
}


static size_t
texel_at(const struct scene *scene, int32_t x, int32_t y)
{
    return (size_t) clamp_index(y, scene->rows) * scene->columns
           + clamp_index(x, scene->columns);
}


static double
fetch_real(const struct scene *scene, int32_t x, int32_t y)
{
    size_t    at;
    uint32_t  v;

    at = texel_at(scene, x, y);

    if (scene->format == LAYER_R32F) {
        return ((const float *) scene->texels)[at];
    }

    v = texel_bits(scene, at);

    return scene->bits.sign != 0 || scene->format == LAYER_R8I
           || scene->format == LAYER_R16I || scene->format == LAYER_R32I
           ? (double) (int32_t) v : (double) v;
}


static float
fetch_stored(const struct scene *scene, int32_t x, int32_t y)
{
    return (float) (int32_t) texel_bits(scene, texel_at(scene, x, y));
}


static float
blend(float a, float b, float f)
{
    return a + f * (b - a);
}


static double
blend_real(double a, double b, float f)
{
    return f == 0 ? a : a + (double) f * (b - a);
}


static void
weights(float f, float w[4])
{
    w[0] = f * (f * (1.0f - f * 0.5f) - 0.5f);
    w[1] = f * f * (f * 1.5f - 2.5f) + 1.0f;
    w[2] = f * (f * (2.0f - f * 1.5f) + 0.5f);
    w[3] = f * f * (f * 0.5f - 0.5f);
}


static float
weigh(const float v[4], const float w[4])
{
    return v[0] * w[0] + v[1] * w[1] + v[2] * w[2] + v[3] * w[3];
}


static double
weigh_real(const double v[4], const float w[4])
{
    if (w[1] == 1) {
        return v[1];
    }

    return v[0] * (double) w[0] + v[1] * (double) w[1]
           + v[2] * (double) w[2] + v[3] * (double) w[3];
}


/* Texel before the position, and how far it is on the way to the next. */
static int32_t
corner(const struct scene *scene, int32_t p, float *f)
{
    int32_t  one, q;

    one = 1 << scene->map.fraction;
    q = p - (one >> 1);
    *f = (float) (q & (one - 1)) / (float) one;

    return q >> scene->map.fraction;
}


static float
sample_linear(const struct scene *scene, int32_t u, int32_t v)
{
    float    fx, fy, left, right;
    int32_t  x, y;

    x = corner(scene, u, &fx);
    y = corner(scene, v, &fy);

    left = blend(fetch_stored(scene, x, y), fetch_stored(scene, x, y + 1), fy);
    right = blend(fetch_stored(scene, x + 1, y),
                  fetch_stored(scene, x + 1, y + 1), fy);

    return blend(left, right, fx);
}


static float
sample_cubic(const struct scene *scene, int32_t u, int32_t v)
{
    float    fx, fy, w[4], line[4], t[4];
    int32_t  x, y;

    x = corner(scene, u, &fx);
    y = corner(scene, v, &fy);
    weights(fy, w);

    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 4; j++) {
            t[j] = fetch_stored(scene, x - 1 + i, y - 1 + j);
        }

        line[i] = weigh(t, w);
    }

    weights(fx, w);

    return weigh(line, w);
}


static double
sample_real(const struct scene *scene, int32_t u, int32_t v)
{
    float    fx, fy, w[4];
    double   line[4], t[4];
    int32_t  x, y;

    if (scene->draw->interpolation == DRAW_NEAREST) {
        return fetch_real(scene, u >> scene->map.fraction,
                          v >> scene->map.fraction);
    }

    x = corner(scene, u, &fx);
    y = corner(scene, v, &fy);

    if (scene->draw->interpolation != DRAW_CUBIC) {
        line[0] = blend_real(fetch_real(scene, x, y),
                             fetch_real(scene, x, y + 1), fy);
        line[1] = blend_real(fetch_real(scene, x + 1, y),
                             fetch_real(scene, x + 1, y + 1), fy);
        return blend_real(line[0], line[1], fx);
    }

    weights(fy, w);

    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 4; j++) {
            t[j] = fetch_real(scene, x - 1 + i, y - 1 + j);
        }

        line[i] = weigh_real(t, w);
    }

    weights(fx, w);

    return weigh_real(line, w);
}


/* e to the x, |x| <= 80, by the same steps as the shader */
static double
exponential(double x)
{
    double  n, r, s;

    n = floor(x * 1.4426950408889634 + 0.5);
    r = x - n * 0.6931471805599453;
    s = 1;

    for (int i = 14; i > 0; i--) {
        s = s * (r / i);
        s = s + 1;
    }

    return s * ldexp(1, (int) n);
}


static uint8_t
shade_real(const struct voi_table *voi, double v)
{
    double  y;

    y = v * voi->slope;
    y = y + voi->intercept;

    if (voi->is_sigmoid) {
        y = y > -80 ? (y < 80 ? y : 80) : -80;
        y = 255 / (1 + exponential(-y));
    }

    y = y > 0 ? (y < 255 ? y : 255) : 0;
    y = voi->invert ? 255 - y : y;

    return (uint8_t) floor(y + 0.5);
}


static uint8_t
shade_affine(const struct voi_table *voi, float v)
{
    float  y;

    y = v * (float) voi->slope;
    y = y + (float) voi->intercept;
    y = y < 0 ? 0 : y > 255 ? 255 : y;

    return (uint8_t) (y + 0.5f);
}


static uint8_t
shade_between(const struct voi_table *voi, float v)
{
    float     at, below;
    uint32_t  i, j;

    at = v - (float) voi->first;
    at = at < 0 ? 0 : at > (float) (voi->count - 1)
                      ? (float) (voi->count - 1) : at;
    below = floorf(at);
    i = (uint32_t) below;
    j = i + 1 < voi->count ? i + 1 : i;

    return (uint8_t) (blend(voi->value[i], voi->value[j], at - below) + 0.5f);
}


static uint8_t
gray_at(const struct scene *scene, int32_t u, int32_t v)
{
    float     s;
    uint32_t  i;

    if (scene->voi->count == 0 || scene->format == LAYER_R32F) {
        return shade_real(scene->voi, sample_real(scene, u, v));
    }

    if (scene->draw->interpolation == DRAW_NEAREST) {
        i = texel_bits(scene, texel_at(scene, u >> scene->map.fraction,
                                       v >> scene->map.fraction))
            - (uint32_t) scene->voi->first;
        return i < scene->voi->count ? scene->voi->display[i] : 0;
    }

    s = scene->draw->interpolation == DRAW_CUBIC ? sample_cubic(scene, u, v)
                                                 : sample_linear(scene, u, v);

    return scene->voi->affine ? shade_affine(scene->voi, s)
                              : shade_between(scene->voi, s);
}


static float
channel(const struct scene *scene, int32_t x, int32_t y, int c)
{
    return ((const uint8_t *) scene->texels)[4 * texel_at(scene, x, y) + c];
}


static float
colour_at(const struct scene *scene, int32_t u, int32_t v, int c)
{
    float    fx, fy, w[4], line[4], t[4];
    int32_t  x, y;

    if (scene->draw->interpolation == DRAW_NEAREST) {
        return channel(scene, u >> scene->map.fraction,
                       v >> scene->map.fraction, c);
    }

    x = corner(scene, u, &fx);
    y = corner(scene, v, &fy);

    if (scene->draw->interpolation != DRAW_CUBIC) {
        line[0] = blend(channel(scene, x, y, c),
                        channel(scene, x, y + 1, c), fy);
        line[1] = blend(channel(scene, x + 1, y, c),
                        channel(scene, x + 1, y + 1, c), fy);
        return blend(line[0], line[1], fx);
    }

    weights(fy, w);

    for (int i = 0; i < 4; i++) {
        for (int j = 0; j < 4; j++) {
            t[j] = channel(scene, x - 1 + i, y - 1 + j, c);
        }

        line[i] = weigh(t, w);
    }

    weights(fx, w);

    return weigh(line, w);
}


static void
pixel_at(const struct scene *scene, int32_t u, int32_t v, uint8_t *pixel)
{
    float  y;

    if (scene->voi != NULL) {
        *pixel = gray_at(scene, u, v);
        return;
    }

    for (int c = 0; c < 3; c++) {
        y = colour_at(scene, u, v, c);
        y = y < 0 ? 0 : y > 255 ? 255 : y;
        y = scene->draw->invert ? 255 - y : y;
        pixel[c] = (uint8_t) (y + 0.5f);
    }
}


void
sample_span(const struct scene *scene, const struct places *places,
    uint32_t from, uint32_t end, uint8_t *pixels)
{
    int32_t                 u, v;
    uint32_t                right, bottom;
    unsigned                samples;
    const struct draw_map  *map = &scene->map;

    samples = scene->voi != NULL ? 1 : 3;
    right = scene->columns << map->fraction;
    bottom = scene->rows << map->fraction;

    for (uint32_t x = from; x < end; x++, pixels += samples) {
        u = scene_low_word(places->u[x] + places->u0);
        v = scene_low_word(places->v[x] + places->v0);

        if ((uint32_t) u < right && (uint32_t) v < bottom) {
            pixel_at(scene, u, v, pixels);

        } else {
            memset(pixels, scene->draw->background, samples);
        }
    }
}
