/*
 * A beating heart in an ultrasound sector: four chambers from the apex, speckle
 * that moves with the tissue, valves, and colour Doppler in a box over the
 * mitral valve, with a scale of colours and an electrocardiogram.
 */

#include "phantom.h"

#include <math.h>
#include <string.h>

#include "noise.h"

#define HALF_ANGLE 0.66f
#define PI         3.14159265f

struct beat {
    float squeeze;      /* 0 diastole, 1 systole: the ventricles */
    float mitral;       /* how far the valve to the ventricle is open, 0 to 1 */
    float fill;         /* velocity through it, -1 to 1 */
};

static struct beat beat_at(float phase)
{
    struct beat b;
    float e = expf(-(phase - 0.52f) * (phase - 0.52f) / 0.0045f);
    float a = expf(-(phase - 0.88f) * (phase - 0.88f) / 0.0028f);

    b.squeeze = smoothstep(0.02f, 0.30f, phase)
        * (1 - smoothstep(0.42f, 0.62f, phase));
    b.mitral = clampf(e + 0.8f * a, 0, 1);
    b.fill = e + 0.65f * a
        - 0.85f * smoothstep(0.05f, 0.12f, phase)
            * (1 - smoothstep(0.30f, 0.38f, phase));
    return b;
}

/* Below zero inside an ellipse that leans; about its distance. */
static float oval(float x, float y, float cx, float cy, float rx, float ry,
    float lean)
{
    float c = cosf(lean), s = sinf(lean);
    float u = ((x - cx) * c + (y - cy) * s) / rx;
    float v = (-(x - cx) * s + (y - cy) * c) / ry;

    return (sqrtf(u * u + v * v) - 1) * fminf(rx, ry);
}

static float bar(float x, float y, float ax, float ay, float bx, float by)
{
    float dx = bx - ax, dy = by - ay;
    float t = clampf(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy), 0,
        1);

    return hypotf(x - ax - t * dx, y - ay - t * dy);
}

/* How strongly tissue at x, y scatters; the apex is above, depth 0 to 1. */
static float echo_at(float x, float y, const struct beat *b)
{
    float q = 1 - 0.17f * b->squeeze, base = 0.60f - 0.035f * b->squeeze;
    float wall = 0.040f + 0.020f * b->squeeze;
    float lv = oval(x, y, 0.085f, 0.385f, 0.105f * q, 0.215f * (q + 0.05f),
        -0.10f);
    float rv = oval(x, y, -0.125f, 0.43f, 0.075f * q, 0.165f * q, 0.20f);
    float la = oval(x, y, 0.110f, 0.745f, 0.105f / q, 0.100f / q, 0);
    float ra = oval(x, y, -0.115f, 0.735f, 0.095f / q, 0.095f / q, 0);
    /* The rings of the valves join each ventricle with its atrium. */
    float rings = fminf(oval(x, y, 0.100f, base + 0.03f, 0.068f, 0.085f, 0),
        oval(x, y, -0.110f, base + 0.035f, 0.060f, 0.085f, 0));
    float chamber = fminf(fminf(fminf(lv, rv), fminf(la, ra)), rings);
    float heart = oval(x, y, 0, 0.53f, 0.285f, 0.40f, 0);
    float v = 0.30f + 0.13f * fractal3(x * 9, y * 9, 2, 3);

    /* Muscle, brighter where its surface faces the probe; blood is black. */
    if (heart < 0 || chamber < wall) {
        v = mixf(0.62f, 0.36f, smoothstep(0, wall, chamber));
    }
    v += 0.35f * expf(-chamber * chamber / 0.00006f);
    v = mixf(0.035f, v, smoothstep(-0.006f, 0.006f, chamber));
    v += 0.75f * expf(-heart * heart / 0.00007f);           /* pericardium */

    /* Leaflets hang from the ring and open towards the apex. */
    float open = 0.085f * b->mitral, hang = 0.012f + 0.075f * b->mitral;
    float leaf = fminf(
        bar(x, y, 0.018f, base + 0.03f, 0.088f - open * 0.7f,
            base + 0.045f - hang),
        bar(x, y, 0.180f, base + 0.03f, 0.100f + open * 0.7f,
            base + 0.045f - hang));
    leaf = fminf(leaf, fminf(
        bar(x, y, -0.020f, base + 0.045f, -0.098f + open * 0.5f,
            base + 0.055f - hang * 0.8f),
        bar(x, y, -0.195f, base + 0.025f, -0.108f - open * 0.5f,
            base + 0.055f - hang * 0.8f)));
    v += 0.95f * expf(-leaf * leaf / 0.000022f);
    return v;
}

/* Velocity towards the probe where blood flows, -1 to 1. */
static float flow_at(float x, float y, const struct beat *b, float wobble)
{
    float base = 0.60f;
    float axis = 0.094f - 0.05f * (base - y) + 0.012f * wobble;
    float spread = b->fill > 0 ? 0.034f + 0.10f * fabsf(y - base) : 0.05f;
    float along = b->fill > 0 ? smoothstep(0.24f, 0.40f, y)
        * (1 - smoothstep(0.70f, 0.82f, y)) : smoothstep(0.25f, 0.45f, y)
        * (1 - smoothstep(0.56f, 0.60f, y));
    float d = (x - axis) / spread;
    float mesh = 0.75f + 0.35f * noise3(x * 55, y * 55, wobble * 5);

    return b->fill * along * expf(-d * d) * mesh;
}

static void doppler_colour(float v, uint8_t *rgb)
{
    float m = clampf(fabsf(v), 0, 1);

    if (v > 0) {
        rgb[0] = (uint8_t) (90 + 165 * m);
        rgb[1] = (uint8_t) (230 * m * m);
        rgb[2] = (uint8_t) (25 * m);
    } else {
        rgb[0] = (uint8_t) (20 * m);
        rgb[1] = (uint8_t) (210 * m * m);
        rgb[2] = (uint8_t) (100 + 155 * m);
    }
}

static float ecg_at(float phase)
{
    static const float peaks[5][3] = { { 0.84f, 0.035f, 0.14f },
        { 0.975f, 0.010f, -0.13f }, { 0.0f, 0.012f, 1.0f },
        { 0.028f, 0.011f, -0.26f }, { 0.30f, 0.055f, 0.25f } };
    float v = 0;

    for (int i = 0; i < 5; i++) {
        float d = phase - peaks[i][0];
        d -= roundf(d);
        v += peaks[i][2] * expf(-d * d / (peaks[i][1] * peaks[i][1]));
    }
    return v;
}

static void draw_sector(uint8_t *rgb, int columns, int rows,
    const struct beat *b, float phase, uint32_t number)
{
    float scale = (float) rows * 0.88f;
    float shift = 0.9f * b->squeeze;

    for (int iy = 0; iy < rows; iy++) {
        for (int ix = 0; ix < columns; ix++) {
            uint8_t *p = rgb + 3 * ((size_t) iy * columns + ix);
            float x = ((float) ix - (float) columns * 0.5f) / scale;
            float y = ((float) iy - (float) rows * 0.035f) / scale;
            float r = hypotf(x, y), angle = atan2f(x, y);
            if (r > 1 || r < 0.02f || fabsf(angle) > HALF_ANGLE) {
                continue;
            }

            /* Speckle is fine along the beam and wide across it. */
            float s = noise3(angle * 130, r * 210 + shift * 4, 3 + shift)
                + 0.6f * noise3(angle * 240, r * 330 + shift * 4,
                    (float) (number % 7));
            float gain = 0.75f + 0.35f * r - 0.55f * r * r;
            float v = echo_at(x, y, b) * gain * (0.95f + 0.75f * s);
            v += 0.02f + 0.03f * noise3(angle * 90, r * 300, (float) number);
            v *= smoothstep(HALF_ANGLE, HALF_ANGLE - 0.02f, fabsf(angle));
            p[0] = p[1] = p[2] = (uint8_t) (255 * clampf(v, 0, 1));

            if (angle > -0.10f && angle < 0.36f && r > 0.27f && r < 0.83f) {
                float f = flow_at(x, y, b, noise3(phase * 9, 1, 2));
                if (fabsf(f) > 0.13f && v < 0.42f) {
                    doppler_colour(f, p);
                }
            }
        }
    }

    /* The outline of the colour box. */
    for (int i = 0; i <= 1600; i++) {
        float t = (float) i / 1600;
        float corner[4][2] = { { mixf(0.27f, 0.83f, t), -0.10f },
            { mixf(0.27f, 0.83f, t), 0.36f }, { 0.27f, mixf(-0.10f, 0.36f, t) },
            { 0.83f, mixf(-0.10f, 0.36f, t) } };
        for (int k = 0; k < 4; k++) {
            int x = (int) (sinf(corner[k][1]) * corner[k][0] * scale
                + (float) columns * 0.5f);
            int y = (int) (cosf(corner[k][1]) * corner[k][0] * scale
                + (float) rows * 0.035f);
            memset(rgb + 3 * ((size_t) y * columns + x), 190, 3);
        }
    }
}

void heart_picture(uint8_t *rgb, int columns, int rows, float phase,
    float cycle, uint32_t number)
{
    struct beat b = beat_at(phase);

    memset(rgb, 0, (size_t) columns * rows * 3);
    draw_sector(rgb, columns, rows, &b, phase, number);

    /* The scale of colours, towards the probe above. */
    for (int y = 0; y < rows / 4; y++) {
        float v = 1 - 8 * (float) y / (float) rows;
        for (int x = 0; x < columns / 50; x++) {
            doppler_colour(v, rgb + 3 * ((size_t) (y + rows / 16) * columns
                + columns - columns / 16 + x));
        }
    }

    /* Depth, a tick each tenth. */
    for (int i = 0; i <= 10; i++) {
        int y = (int) ((float) rows * (0.035f + 0.088f * (float) i));
        for (int x = 0; x < (i % 5 == 0 ? 12 : 6); x++) {
            memset(rgb + 3 * ((size_t) y * columns + columns / 40 + x), 170, 3);
        }
    }

    /* Two beats of the electrocardiogram; the moving point is now. */
    int last = 0;
    for (int x = 0; x < columns; x++) {
        float t = 2 * (float) x / (float) columns;
        int y = (int) ((float) rows * (0.965f - 0.065f * ecg_at(t
            - floorf(t))));
        int from = x == 0 || last > y ? y : last, to = last > y ? last : y;
        for (int k = x == 0 ? y : from; k <= to && k < rows; k++) {
            uint8_t *p = rgb + 3 * ((size_t) k * columns + x);
            int now = fabsf(t - cycle) < 0.012f;
            p[0] = now ? 255 : 60;
            p[1] = 220;
            p[2] = now ? 255 : 90;
        }
        last = y;
    }
}
