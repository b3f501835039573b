/*
 * A chest from behind, as computed radiography stores it: the more X-rays came
 * through, the higher the value (and the darker the film, MONOCHROME1).  The
 * picture is the sum of what lies on each ray.
 */

#include "phantom.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "noise.h"

#define PI   3.14159265f
#define STEP 2          /* all but the noise, at half of the resolution */

/* Coordinates: x from -1 to 1 over the width, y from 0 to 1.2 over the height;
   the patient's left is at the right of the picture. */

static float oval(float x, float y, float cx, float cy, float rx, float ry)
{
    float u = (x - cx) / rx, v = (y - cy) / ry;

    return 1 - sqrtf(u * u + v * v);
}

/* Share of air in front of x, y: 0 outside the lungs, 1 in their middle. */
static float lung_at(float x, float y, float *inside)
{
    float side = x < 0 ? 1 : 0;                  /* 1: the right lung */
    float ax = fabsf(x);
    float dome = 0.86f + 0.035f * (1 - side)
        - 0.11f * expf(-powf((ax - 0.38f) / 0.30f, 2));
    float lateral = 0.78f - 0.38f * powf(fmaxf(0, 0.56f - y) / 0.50f, 2.0f)
        - 0.05f * powf(fmaxf(0, y - 0.60f) / 0.3f, 2);
    float medial = 0.10f + 0.07f * smoothstep(0.45f, 0.2f, y);
    float top = (y - 0.10f - 0.55f * powf(fabsf(ax - 0.33f), 2.0f)) / 0.10f;
    float d = fminf(fminf((lateral - ax) / 0.16f, (ax - medial) / 0.07f),
        fminf(top, (dome + 0.085f * smoothstep(0.55f, 0.80f, ax) - y) / 0.035f));

    *inside = d;
    return powf(clampf(d, 0, 1), 0.6f);
}

/* Shadow of heart and great vessels. */
static float heart_at(float x, float y)
{
    float v = oval(x, y, 0.13f, 0.68f, 0.335f, 0.225f);

    v = fmaxf(v, oval(x, y, 0.045f, 0.56f, 0.22f, 0.28f));
    v = fmaxf(v, oval(x, y, 0.155f, 0.335f, 0.085f, 0.075f));      /* aorta */
    v = fmaxf(v, oval(x, y, 0.145f, 0.445f, 0.10f, 0.075f));
    v = fmaxf(v, oval(x, y, -0.10f, 0.34f, 0.07f, 0.30f));         /* cava */
    return smoothstep(-0.015f, 0.05f, v) * (0.5f + 0.5f
        * clampf(v * 2.2f, 0, 1));
}

/* One band that follows a curve, brighter at its two edges as bone is. */
static float band(float d, float half)
{
    float t = fabsf(d) / half;

    if (t > 1.25f) {
        return 0;
    }
    return smoothstep(1.12f, 0.92f, t) * (0.62f + 0.38f * t * t * t);
}

static float ribs_at(float x, float y)
{
    float ax = fabsf(x), v = 0;

    for (int i = 0; i < 10; i++) {
        float start = 0.065f + 0.077f * (float) i;
        float reach = 0.30f + 0.53f * (1 - expf(-0.42f * (float) (i + 0.6f)));
        float t = ax / reach;
        if (t > 1.0f) {
            continue;
        }
        /* Behind: down and outwards from the spine. */
        float back = start + 0.11f * t * t - 0.035f * sinf(PI * t)
            + 0.05f * powf(t, 8);
        float slope = sqrtf(1 + powf(0.25f * t, 2));
        v += 0.85f * band((y - back) / slope, 0.0155f)
            * smoothstep(0.04f, 0.12f, ax) * smoothstep(1, 0.93f, t);
        /* In front: wider, fainter, steeper towards the middle. */
        if (i < 7) {
            float front = start + 0.20f + 0.17f * (1 - t)
                + 0.05f * sinf(PI * t);
            v += 0.42f * band((y - front) / 1.25f, 0.021f)
                * smoothstep(0.33f, 0.47f, ax) * smoothstep(1, 0.93f, t);
        }
    }
    return v;
}

static float other_bones_at(float x, float y)
{
    float ax = fabsf(x), v = 0;
    float clavicle = 0.155f - 0.10f * (ax - 0.08f) - 0.014f * sinf((ax - 0.08f)
        * PI / 0.62f * 2);
    float edge = 0.70f - 0.28f * (y - 0.10f);

    if (ax > 0.07f && ax < 0.74f) {
        v += 1.1f * smoothstep(0.74f, 0.70f, ax) * band(y - clavicle, 0.017f + 0.009f
            * expf(-powf((ax - 0.10f) / 0.06f, 2)));
    }
    /* Shoulder blades: a thin plate with a thick border. */
    if (y > 0.12f && y < 0.56f) {
        float end = smoothstep(0.12f, 0.17f, y) * smoothstep(0.56f, 0.50f, y);
        v += 0.28f * smoothstep(edge - 0.01f, edge + 0.02f, ax) * end
            + 0.5f * band(ax - edge, 0.012f) * end;
    }
    /* Head of the humerus. */
    v += 1.2f * smoothstep(-0.02f, 0.10f, oval(ax, y, 0.97f, 0.17f, 0.14f,
        0.12f));

    /* The spine: bodies, discs between them, pedicles and spinous processes. */
    if (ax < 0.15f) {
        float pos = y / 0.073f + 0.12f;
        float k = pos - floorf(pos);
        float body = smoothstep(0.098f + 0.015f * fabsf(k - 0.5f), 0.085f, ax);
        float disc = smoothstep(0.10f, 0.16f, k) * smoothstep(1, 0.94f, k);
        v += body * (0.42f + 0.55f * disc);
        v += 0.35f * smoothstep(0.05f, 0.4f, oval(ax, k, 0.062f, 0.40f, 0.022f,
            0.22f));
        v += 0.35f * smoothstep(0, 0.5f, oval(ax, k, 0, 0.75f, 0.018f, 0.25f));
    }
    return v;
}

/* Vessels run out from the hilum, branch and thin. */
static float vessels_at(float x, float y)
{
    float hx = x < 0 ? -0.20f : 0.225f, hy = x < 0 ? 0.47f : 0.445f;
    float dx = fabsf(x) - fabsf(hx), dy = y - hy;
    float r = hypotf(dx, dy), angle = atan2f(dy, dx);
    float bend = angle + 0.5f * noise3(x * 5, y * 5, 8) * r * 2;
    float fine = 1 - fabsf(noise3(bend * 6.5f, r * 3.5f, 3));
    float finer = 1 - fabsf(noise3(bend * 15, r * 6, 9));
    float away = smoothstep(0.02f, 0.16f, r);
    float v = powf(fine, 12) * expf(-r * 3.6f) * 0.95f * away
        + powf(finer, 10) * expf(-r * 2.2f) * 0.34f * away;

    v += 0.75f * smoothstep(-0.2f, 0.8f, oval(x, y, hx, hy + 0.01f, 0.055f,
        0.10f)) * (0.75f + 0.4f * noise3(x * 30, y * 30, 1));
    return v + 0.12f * fractal3(x * 16, y * 16, 5, 4);
}

static float absorption_at(float x, float y)
{
    float ax = fabsf(x), inside;
    float outline = 0.95f - 0.06f * y;
    float shoulder = 0.10f + 0.11f * powf(clampf((ax - 0.28f) / 0.65f, 0, 1),
        1.6f);
    float body = fminf((outline - ax) / 0.30f,
        fmaxf((y - shoulder + 0.075f) / 0.16f, (0.30f - ax) / 0.16f));
    float lung = lung_at(x, y, &inside);
    float v;

    if (body <= 0) {
        return 0;
    }
    v = 1.62f * powf(clampf(body, 0, 1), 0.42f) + 0.30f * smoothstep(0.72f,
        1.15f, y);
    v += 0.22f * fractal3(x * 3, y * 3, 2, 3) * (1 - lung);

    v -= 1.22f * lung;
    v += 0.50f * vessels_at(x, y) * lung;
    v += heart_at(x, y) * mixf(0.30f, 0.80f, smoothstep(-0.1f, 0.25f, inside));
    v += 0.33f * smoothstep(0.02f, -0.02f, inside) * smoothstep(0.70f, 0.80f,
        y) * smoothstep(0.8f, 0.7f, ax);                 /* liver, spleen */
    v -= 0.40f * smoothstep(0, 0.35f, oval(x, y, 0.36f, 0.955f, 0.13f,
        0.055f));                                        /* gastric bubble */
    v += 0.20f * smoothstep(0.24f, 0.10f, ax) * smoothstep(0.10f, 0.5f, y);
    v -= 0.30f * smoothstep(0.040f, 0.026f, fabsf(x + 0.012f))
        * smoothstep(0.42f, 0.38f, y);                   /* trachea */
    v += 0.36f * ribs_at(x, y) * smoothstep(-0.6f, 0.3f, inside + 0.4f);
    v += 0.40f * other_bones_at(x, y);

    /* A nodule in the right upper lobe, for whoever looks closely. */
    v += 0.20f * smoothstep(-0.15f, 0.7f, oval(x + 0.01f * noise3(x * 40,
        y * 40, 2), y, -0.47f, 0.315f, 0.034f, 0.030f));
    return v;
}

void chest_picture(uint16_t *stored, int columns, int rows)
{
    int w = columns / STEP + 2, h = rows / STEP + 2;
    float *coarse = malloc(sizeof(float) * w * h);
    struct rng rng = { 0xc4e57 };

    if (coarse == NULL) {
        memset(stored, 0, (size_t) columns * rows * 2);
        return;
    }
    for (int iy = 0; iy < h; iy++) {
        for (int ix = 0; ix < w; ix++) {
            coarse[(size_t) iy * w + ix] = absorption_at(
                2.0f * STEP * (float) ix / (float) columns - 1,
                1.2f * STEP * (float) iy / (float) rows);
        }
    }

    for (int y = 0; y < rows; y++) {
        for (int x = 0; x < columns; x++) {
            const float *t = coarse + (size_t) (y / STEP) * w + x / STEP;
            float fx = (float) (x % STEP) / STEP, fy = (float) (y % STEP) / STEP;
            float a = mixf(mixf(t[0], t[1], fx), mixf(t[w], t[w + 1], fx), fy);
            float v = 3800 - 1130 * a + (4 + 7 * a) * rng_normal(&rng);
            stored[(size_t) y * columns + x] = (uint16_t) clampf(v, 0, 4095);
        }
    }
    free(coarse);
}
