/*
 * Rows of a picture, many pixels at a time.  Each step is a loop that the
 * compiler turns into vector instructions; the steps and their precision are
 * those of sample.c, which draws what is rare: the last half pixel at an edge,
 * and sigmoids of 32-bit samples.
 */

#include <math.h>

#include "gather.h"
#include "lines.h"
#include "quads.h"
#include "reals.h"
#include "scene.h"

/* Rows that texels are fetched ahead, for one in so many of a row's pixels */
#define AHEAD       8
#define AHEAD_STEP  8


/* Grays of 1 to PASS interpolated values. */
static void
shade(const struct voi_table *voi, uint8_t *to, const float *v, uint32_t n)
{
    float    f[PASS], a[PASS], b[PASS];
    int32_t  at[PASS];

    if (n == 0) {
        return;
    }

    if (voi->affine) {
        line_shade_affine(to, v, (float) voi->slope, (float) voi->intercept, n);
        return;
    }

    line_entries(v, (float) voi->first, (float) (voi->count - 1), at, f, n);
    gather_pairs(a, b, voi->value, at, n);
    line_round_blend(to, a, b, f, n);
}


/* Grays from the table, of n texels from at on. */
static void
table_texels(const struct rows_plan *plan, uint8_t *to, const uint8_t *at,
    unsigned texel, uint32_t n)
{
    int32_t           index[PASS];
    uint32_t          m, word[PASS];
    struct draw_bits  bits = plan->scene->bits;

    for ( ; n > 0; n -= m) {
        m = n < PASS ? n : PASS;

        if (texel == 1) {
            line_index_uint8_t(index, at, bits, m);
        } else if (texel == 2) {
            line_index_uint16_t(index, (const uint16_t *) at, bits, m);
        } else {
            line_index_uint32_t(index, (const uint32_t *) at, bits, m);
        }

        gather(word, plan->scene->voi->display, index, 1, m);
        line_low_bytes(to, word, m);
        at += m * texel;
        to += m;
    }
}


/* Grays of the n texels from at on, whose words follow each other. */
static void
shade_texels(const struct rows_plan *plan, uint8_t *to, const void *at,
    unsigned texel, uint32_t n)
{
    float                    slope, intercept;
    struct draw_bits         bits = plan->scene->bits;
    const struct voi_table  *voi = plan->scene->voi;

    if (!voi->exact) {
        table_texels(plan, to, at, texel, n);
        return;
    }

    slope = (float) voi->slope;
    intercept = (float) voi->intercept;

    if (texel == 1) {
        line_affine_uint8_t(to, at, slope, intercept, bits, n);
    } else if (texel == 2) {
        line_affine_uint16_t(to, at, slope, intercept, bits, n);
    } else {
        line_affine_uint32_t(to, at, slope, intercept, bits, n);
    }
}


static const uint8_t *
row_of(const struct rows_plan *plan, int32_t y)
{
    const struct scene  *scene = plan->scene;

    y = y < 0 ? 0 : y < (int32_t) scene->rows ? y : (int32_t) scene->rows - 1;

    return scene->texels + (size_t) y * scene->columns * plan->texel;
}


/* The texels low to high of a row, at a height between the rows, as values. */
static void
fill_line(const struct rows_plan *plan, int32_t y, float fy, float *line)
{
    bool                 cubic;
    float                w[4], *to;
    int32_t              columns, from, end;
    uint32_t             n;
    size_t               skip;
    const uint8_t       *row[4];
    const struct scene  *scene = plan->scene;

    columns = (int32_t) scene->columns;
    from = plan->low < 0 ? 0 : plan->low;
    end = plan->high < columns ? plan->high + 1 : columns;
    n = (uint32_t) (end - from);
    to = line + (from - plan->low);
    skip = (size_t) from * plan->texel;

    for (int i = 0; i < 4; i++) {
        row[i] = row_of(plan, y - 1 + i) + skip;
    }

    cubic = scene->draw->interpolation == DRAW_CUBIC;

    if (fy == 0) {
        if (plan->texel == 1) {
            line_convert_uint8_t(to, row[1], scene->bits, n);
        } else {
            line_convert_uint16_t(to, (const uint16_t *) row[1], scene->bits,
                                  n);
        }

    } else if (cubic) {
        line_weights(fy, w);

        if (plan->texel == 1) {
            line_weigh_uint8_t(to, row, w, scene->bits, n);
        } else {
            const uint16_t  *wide[4];

            for (int i = 0; i < 4; i++) {
                wide[i] = (const uint16_t *) row[i];
            }

            line_weigh_uint16_t(to, wide, w, scene->bits, n);
        }

    } else if (plan->texel == 1) {
        line_blend_uint8_t(to, row[1], row[2], fy, scene->bits, n);

    } else {
        line_blend_uint16_t(to, (const uint16_t *) row[1],
                            (const uint16_t *) row[2], fy, scene->bits, n);
    }

    /* beyond the edges the last texel goes on */

    for (int32_t x = plan->low; x < from; x++) {
        line[x - plan->low] = to[0];
    }

    for (int32_t x = end; x <= plan->high; x++) {
        line[x - plan->low] = to[n - 1];
    }
}


/* n <= PASS pixels from x on of a straight row, from its line of values. */
static void
straight_pass(const struct rows_plan *plan, const float *line, uint32_t x,
    uint32_t n, float *to)
{
    int                  taps, before;
    float                t[4][PASS];
    const float         *tap[4], *base;
    const int32_t       *at = plan->columns.at + x;
    const float         *fraction = plan->columns.fraction + x;
    const struct scene  *scene = plan->scene;

    before = scene->draw->interpolation == DRAW_CUBIC ? 1 : 0;
    taps = before ? 4 : 2;
    base = line - plan->low - before;

    for (int i = 0; i < taps; i += 2, base += 2) {
        if (plan->step != 0) {
            tap[i] = base + (plan->step > 0 ? at[0] : at[n - 1]);
            tap[i + 1] = tap[i] + 1;

        } else {
            gather_pairs(t[i], t[i + 1], base, at, n);
            tap[i] = t[i];
            tap[i + 1] = t[i + 1];
        }
    }

    if (before) {
        line_weigh_lines(to, tap[0], tap[1], tap[2], tap[3], fraction, n);
    } else {
        line_blend_lines(to, tap[0], tap[1], fraction, n);
    }
}


static void
straight_nearest(const struct rows_plan *plan, int32_t y, uint8_t *pixels)
{
    uint8_t         gray[PASS];
    uint32_t        n, word[PASS];
    const int32_t  *at = plan->columns.at;
    const uint8_t  *row;

    row = row_of(plan, y);

    if (plan->step > 0) {
        shade_texels(plan, pixels + plan->from,
                     row + (size_t) at[plan->from] * plan->texel, plan->texel,
                     plan->end - plan->from);
        return;
    }

    for (uint32_t x = plan->from; x < plan->end; x += n) {
        n = plan->end - x < PASS ? plan->end - x : PASS;

        if (plan->step < 0) {
            shade_texels(plan, gray,
                         row + (size_t) at[x + n - 1] * plan->texel,
                         plan->texel, n);
            line_reverse(pixels + x, gray, n);
            continue;
        }

        gather(word, row, at + x, plan->texel, n);
        shade_texels(plan, pixels + x, word, sizeof(word[0]), n);
    }
}


/* What a row of the drawn picture has in its pixels' positions. */
static struct places
row_places(const struct rows_plan *plan, uint32_t y)
{
    struct places        places;
    const struct scene  *scene = plan->scene;

    places.u = plan->columns.u;
    places.v = plan->columns.v;

    if (scene->turned) {
        places.u0 = scene_column(scene->map.u, y);
        places.v0 = scene_column(scene->map.v, y);

    } else {
        places.u0 = scene_row(scene->map.u, y);
        places.v0 = scene_row(scene->map.v, y);
    }

    return places;
}


/* A row of a picture whose axes are those of the image. */
static void
straight_row(const struct rows_plan *plan, uint32_t y, uint8_t *pixels,
    float *line)
{
    float                fy, value[PASS];
    uint8_t              gray[PASS];
    int32_t              v, q;
    uint32_t             n;
    struct places        places = row_places(plan, y);
    const struct scene  *scene = plan->scene;
    const struct draw   *draw = scene->draw;

    v = scene_low_word(places.v[0] + places.v0);

    if ((uint32_t) v >= scene->rows << scene->map.fraction
        || plan->from == plan->end)
    {
        memset(pixels, draw->background, scene->width);
        return;
    }

    memset(pixels, draw->background, plan->from);
    memset(pixels + plan->end, draw->background, scene->width - plan->end);

    if (draw->interpolation == DRAW_NEAREST) {
        straight_nearest(plan, v >> scene->map.fraction, pixels);
        return;
    }

    line_corners(&v, &q, &fy, scene->map.fraction, 1);
    fill_line(plan, q, fy, line);

    for (uint32_t x = plan->from; x < plan->end; x += n) {
        n = plan->end - x < PASS ? plan->end - x : PASS;
        straight_pass(plan, line, x, n, value);

        if (plan->step < 0) {
            shade(scene->voi, gray, value, n);
            line_reverse(pixels + x, gray, n);
        } else {
            shade(scene->voi, pixels + x, value, n);
        }
    }
}


/*
 * Texels of n <= PASS pixels of any row and, unless nearest is drawn, the ways
 * to the next.  Rows across those of the image jump from line to line of the
 * cache in a way that no processor foresees: those of the picture's rows to
 * come are fetched meanwhile.
 */
static void
find_texels(const struct rows_plan *plan, const struct places *places,
    uint32_t x, uint32_t n, int32_t *index, float *fx, float *fy)
{
    uintptr_t            later;
    const struct scene  *scene = plan->scene;

    if (scene->draw->interpolation == DRAW_NEAREST) {
        line_texels(places, x, n, (int32_t) scene->columns,
                    scene->map.fraction, index);
    } else {
        line_places(places, x, n, (int32_t) scene->columns,
                    scene->map.fraction, index, fx, fy);
    }

    for (uint32_t i = 0; i < n; i += AHEAD_STEP) {
        later = (uintptr_t) scene->texels + (uintptr_t) plan->ahead
                + (uintptr_t) index[i] * plan->texel;
        __builtin_prefetch((const void *) later, 0, 2);
    }
}


/* Values of n <= PASS pixels, interpolated linearly. */
static void
free_linear(const struct rows_plan *plan, const struct places *places,
    uint32_t x, uint32_t n, float *value)
{
    float                fx[PASS], fy[PASS];
    int32_t              index[PASS];
    uint32_t             done, word[2][PASS];
    const struct scene  *scene = plan->scene;
    const struct quads   quads = {
        scene->texels, plan->texel, scene->columns, scene->map.fraction,
        scene->bits, plan->ahead
    };

    done = quads_blend(value, &quads, places, x, n);
    n -= done;

    if (n > 0) {
        find_texels(plan, places, x + done, n, index, fx, fy);
        gather(word[0], scene->texels, index, plan->texel, n);
        gather(word[1], scene->texels + (size_t) scene->columns * plan->texel,
               index, plan->texel, n);
        line_blend_pairs(value + done, word[0], word[1], fx, fy, scene->bits,
                         plan->next, n);
    }
}


/* n <= PASS pixels of any row, all with their neighbours inside the image. */
static void
free_gray(const struct rows_plan *plan, const struct places *places,
    uint32_t x, uint32_t n, uint8_t *pixels)
{
    float                fx[PASS], fy[PASS], value[PASS], column[4][PASS];
    size_t               stride;
    int32_t              index[PASS];
    uint32_t             word[4][PASS];
    const uint8_t       *base;
    const struct scene  *scene = plan->scene;

    stride = (size_t) scene->columns * plan->texel;
    base = scene->texels;

    if (scene->draw->interpolation == DRAW_NEAREST) {
        find_texels(plan, places, x, n, index, NULL, NULL);
        gather(word[0], base, index, plan->texel, n);
        shade_texels(plan, pixels, word[0], sizeof(word[0][0]), n);
        return;
    }

    if (scene->draw->interpolation != DRAW_CUBIC) {
        free_linear(plan, places, x, n, value);
        shade(scene->voi, pixels, value, n);
        return;
    }

    find_texels(plan, places, x, n, index, fx, fy);

    for (int half = 0; half < 2; half++) {
        for (int i = 0; i < 4; i++) {
            gather(word[i], base + (i - 1) * (ptrdiff_t) stride
                            + (2 * half - 1) * (int) plan->texel,
                   index, plan->texel, n);
        }

        line_weigh_pairs(column[2 * half], column[2 * half + 1], word, fy,
                         scene->bits, plan->next, n);
    }

    line_weigh_lines(value, column[0], column[1], column[2], column[3], fx, n);
    shade(scene->voi, pixels, value, n);
}


static void
free_colour(const struct rows_plan *plan, const struct places *places,
    uint32_t x, uint32_t n, uint8_t *pixels)
{
    float                fx[PASS], fy[PASS], value[3][PASS];
    size_t               stride;
    int32_t              index[PASS];
    uint32_t             word[16][PASS], flip;
    const uint8_t       *base;
    const struct scene  *scene = plan->scene;

    stride = (size_t) scene->columns * plan->texel;
    base = scene->texels;

    if (scene->draw->interpolation == DRAW_NEAREST) {
        flip = scene->draw->invert ? UINT32_MAX : 0;
        find_texels(plan, places, x, n, index, NULL, NULL);
        gather(word[0], base, index, plan->texel, n);

        for (uint32_t i = 0; i < n; i++) {
            word[0][i] ^= flip;
            pixels[3 * i] = (uint8_t) word[0][i];
            pixels[3 * i + 1] = (uint8_t) (word[0][i] >> 8);
            pixels[3 * i + 2] = (uint8_t) (word[0][i] >> 16);
        }

        return;
    }

    find_texels(plan, places, x, n, index, fx, fy);

    if (scene->draw->interpolation == DRAW_CUBIC) {
        for (int i = 0; i < 16; i++) {
            gather(word[i], base + (i % 4 - 1) * (ptrdiff_t) stride
                            + (i / 4 - 1) * 4,
                   index, plan->texel, n);
        }

        for (unsigned c = 0; c < 3; c++) {
            line_weigh_channel(value[c], word, 8 * c, fx, fy, n);
        }

        line_round_colour(pixels, value, scene->draw->invert, n);
        return;
    }

    for (int i = 0; i < 4; i++) {
        gather(word[i], base + (i & 2 ? stride : 0) + (i & 1 ? 4 : 0), index,
               plan->texel, n);
    }

    line_blend_colour(pixels, word, fx, fy, scene->draw->invert, n);
}


/* The same of samples of 32 bits. */
static void
free_real(const struct rows_plan *plan, const struct places *places,
    uint32_t x, uint32_t n, uint8_t *pixels)
{
    float                    fx[PASS], fy[PASS];
    double                   value[4][PASS], column[4][PASS];
    size_t                   stride;
    int32_t                  index[PASS];
    uint32_t                 word[PASS];
    const uint8_t           *base;
    enum real_kind           kind;
    const struct scene      *scene = plan->scene;
    const struct voi_table  *voi = scene->voi;
    const double *const      values[4] = {
        value[0], value[1], value[2], value[3]
    };
    const double *const      columns[4] = {
        column[0], column[1], column[2], column[3]
    };

    stride = (size_t) scene->columns * plan->texel;
    base = scene->texels;
    kind = scene->format == LAYER_R32F ? REAL_FLOAT
           : scene->bits.sign != 0 || scene->format == LAYER_R32I
             ? REAL_SIGNED : REAL_UNSIGNED;

    if (scene->draw->interpolation == DRAW_NEAREST) {
        find_texels(plan, places, x, n, index, NULL, NULL);
        gather(word, base, index, plan->texel, n);
        real_convert(value[0], word, kind, scene->bits, n);

    } else if (scene->draw->interpolation == DRAW_CUBIC) {
        find_texels(plan, places, x, n, index, fx, fy);

        for (int i = 0; i < 4; i++) {
            for (int j = 0; j < 4; j++) {
                gather(word, base + (j - 1) * (ptrdiff_t) stride
                             + (i - 1) * (int) plan->texel,
                       index, plan->texel, n);
                real_convert(value[j], word, kind, scene->bits, n);
            }

            real_weigh(column[i], values, fy, n);
        }

        real_weigh(value[0], columns, fx, n);

    } else {
        find_texels(plan, places, x, n, index, fx, fy);

        for (int i = 0; i < 4; i++) {
            gather(word, base + (i & 2 ? stride : 0)
                         + (i & 1 ? plan->texel : 0),
                   index, plan->texel, n);
            real_convert(value[i], word, kind, scene->bits, n);
        }

        real_blend(column[0], value[0], value[2], fy, n);
        real_blend(column[1], value[1], value[3], fy, n);
        real_blend(value[0], column[0], column[1], fx, n);
    }

    real_shade(pixels, value[0], voi->slope, voi->intercept, voi->invert, n);
}


/* First pixel from from on whose position is not below limit, or is not above
   when positions fall: they only rise or only fall along a row. */
static uint32_t
crossing(const double *part, double row, bool rising, uint32_t from,
    uint32_t end, int32_t limit)
{
    uint32_t  middle;

    while (from < end) {
        middle = from + (end - from) / 2;

        if ((scene_low_word(part[middle] + row) >= limit) == rising) {
            end = middle;
        } else {
            from = middle + 1;
        }
    }

    return from;
}


/* Leaves of *from to *end the pixels with positions from low to below high. */
static void
clip(const double *part, double row, int32_t low, int32_t high,
    uint32_t *from, uint32_t *end)
{
    bool      rising;
    uint32_t  a, b;

    if (*from == *end) {
        return;
    }

    rising = part[*end - 1] >= part[*from];
    a = crossing(part, row, rising, *from, *end, rising ? low : high);
    b = crossing(part, row, rising, a, *end, rising ? high : low);

    *from = a;
    *end = b;
}


static void
free_row(const struct rows_plan *plan, uint32_t y, uint8_t *pixels)
{
    int32_t              one, margin, right, bottom;
    uint32_t             from, end, first, last, n, width;
    unsigned             samples;
    struct places        places = row_places(plan, y);
    const struct scene  *scene = plan->scene;
    const struct draw   *draw = scene->draw;

    samples = scene->voi != NULL ? 1 : 3;
    width = scene->width;
    one = 1 << scene->map.fraction;
    right = (int32_t) scene->columns * one;
    bottom = (int32_t) scene->rows * one;

    from = 0;
    end = width;
    clip(places.u, places.u0, 0, right, &from, &end);
    clip(places.v, places.v0, 0, bottom, &from, &end);

    memset(pixels, draw->background, (size_t) from * samples);
    memset(pixels + (size_t) end * samples, draw->background,
           (size_t) (width - end) * samples);

    /* where all texels of the filter are inside */

    first = from;
    last = end;

    if (draw->interpolation != DRAW_NEAREST) {
        margin = (one >> 1)
                 + (draw->interpolation == DRAW_CUBIC ? one : 0);
        clip(places.u, places.u0, margin, right - margin, &first, &last);
        clip(places.v, places.v0, margin, bottom - margin, &first, &last);
    }

    sample_span(scene, &places, from, first, pixels + (size_t) from * samples);

    for (uint32_t x = first; x < last; x += n) {
        n = last - x < PASS ? last - x : PASS;

        if (plan->real) {
            free_real(plan, &places, x, n, pixels + x);
        } else if (samples == 1) {
            free_gray(plan, &places, x, n, pixels + x);
        } else {
            free_colour(plan, &places, x, n, pixels + (size_t) x * 3);
        }
    }

    sample_span(scene, &places, last, end, pixels + (size_t) last * samples);
}


static void
plan_straight(struct rows_plan *plan, const struct scene *scene)
{
    double         one, step;
    int32_t        before, after, a, b, *at = plan->columns.at;
    uint32_t       n;
    struct places  places = row_places(plan, 0);

    plan->from = 0;
    plan->end = scene->width;
    clip(places.u, places.u0, 0,
         (int32_t) (scene->columns << scene->map.fraction), &plan->from,
         &plan->end);

    if (plan->from == plan->end) {
        return;
    }

    n = plan->end - plan->from;
    line_positions(at + plan->from, places.u + plan->from, places.u0, n);

    if (scene->draw->interpolation == DRAW_NEAREST) {
        for (uint32_t x = plan->from; x < plan->end; x++) {
            at[x] >>= scene->map.fraction;
        }

    } else {
        line_corners(at + plan->from, at + plan->from,
                     plan->columns.fraction + plan->from, scene->map.fraction,
                     n);
    }

    before = scene->draw->interpolation == DRAW_CUBIC ? 1 : 0;
    after = before + 1;
    a = at[plan->from];
    b = at[plan->end - 1];
    plan->low = (a < b ? a : b) - before;
    plan->high = (a < b ? b : a) + after;

    one = 1u << scene->map.fraction;
    step = scene->map.u[scene->turned ? 1 : 0];
    plan->step = step == one ? 1 : step == -one ? -1 : 0;
}


/* What each of a row's pixels has in its position. */
static void
plan_columns(struct rows_plan *plan, const struct scene *scene)
{
    double  *u = plan->columns.u, *v = plan->columns.v;

    for (uint32_t x = 0; x < scene->width; x++) {
        if (scene->turned) {
            u[x] = scene_row(scene->map.u, x);
            v[x] = scene_row(scene->map.v, x);

        } else {
            u[x] = scene_column(scene->map.u, x);
            v[x] = scene_column(scene->map.v, x);
        }
    }
}


/* How far the picture's rows to come are along an axis of the image. */
static ptrdiff_t
texels_ahead(const struct scene *scene, const double map[3])
{
    return (ptrdiff_t) floor(ldexp(AHEAD * map[scene->turned ? 0 : 1],
                                   -(int) scene->map.fraction));
}


void
rows_plan(struct rows_plan *plan, const struct scene *scene,
    const struct rows_columns *columns)
{
    int                      along = scene->turned ? 1 : 0;
    const struct voi_table  *voi = scene->voi;

    memset(plan, 0, sizeof(*plan));
    plan->scene = scene;
    plan->columns = *columns;
    plan->texel = layer_format_size(scene->format);
    plan->next = 8 * plan->texel;
    plan->ahead = (texels_ahead(scene, scene->map.v) * scene->columns
                   + texels_ahead(scene, scene->map.u)) * plan->texel;
    plan_columns(plan, scene);

    /* gathers count texels in 31 bits */

    if ((uint64_t) scene->columns * scene->rows >= 1u << 30) {
        return;
    }

    if (voi == NULL) {
        plan->quick = true;
        return;
    }

    if (plan->texel == 4 && !voi->is_sigmoid
        && (voi->count == 0 || scene->format == LAYER_R32F))
    {
        plan->quick = true;
        plan->real = true;
        return;
    }

    plan->quick = plan->texel <= 2 && voi->count > 0
                  && voi->bits.shift + voi->bits.bits <= 8 * plan->texel
                  && (uint32_t) -voi->first == scene->bits.sign;
    plan->straight = plan->quick && scene->map.u[1 - along] == 0
                     && scene->map.v[along] == 0;

    if (plan->straight) {
        plan_straight(plan, scene);
    }
}


size_t
rows_scratch_size(const struct rows_plan *plan)
{
    return plan->straight ? (size_t) (plan->high - plan->low) + 1 : 0;
}


void
rows_draw(const struct rows_plan *plan, uint32_t from, uint32_t end,
    uint8_t *pixels, size_t stride, struct rows_scratch *scratch)
{
    struct places  places;

    for (uint32_t y = from; y < end; y++, pixels += stride) {
        if (plan->straight) {
            straight_row(plan, y, pixels, scratch->line);
        } else if (plan->quick) {
            free_row(plan, y, pixels);
        } else {
            places = row_places(plan, y);
            sample_span(plan->scene, &places, 0, plan->scene->width, pixels);
        }
    }
}
