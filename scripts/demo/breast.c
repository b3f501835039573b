/*
 * A compressed breast as tomosynthesis shows it: the chest wall on the left,
 * fat, ducts and glandular tissue fanning out from the nipple, a spiculated mass
 * in the middle of the depth and a cluster of calcifications near it.
 */

#include "phantom.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "noise.h"

#define STEP 3          /* texture is made at a third of the resolution */

struct spot {
    float x, y, depth, radius;
};

/* Distance inside the skin line, as a share of the width; negative outside. */
static float inside_breast(float x, float y)
{
    float lean = y + 0.10f * x;
    float k = x * x / (0.86f * 0.86f) + powf(fabsf(lean) / 0.49f, 2.15f);
    float nipple = 0.030f - hypotf(x - 0.863f, lean * 1.0f);

    k = (1 - sqrtf(k)) * 0.42f;
    return k > nipple ? k : nipple;
}

static float ridge(float v)
{
    return 1 - fabsf(v);
}

/* Tissue at x from 0 (chest wall) to 1, y from -0.41 to 0.41. */
static float tissue_at(float x, float y, float depth, float in)
{
    float z = depth * 3.2f;
    /* Structures point towards the nipple. */
    float dx = x - 0.92f, r = hypotf(dx, y), angle = atan2f(y, -dx);
    float warp = 0.16f * noise3(x * 5, y * 5, z);
    float fan = ridge(noise3(angle * 11 + warp * 8, r * 4.0f, z + 3))
        * ridge(noise3(angle * 19 - warp * 6, r * 6.5f, z + 11));
    float cloud = fractal3(x * 6 + warp, y * 6, z * 1.3f, 4);
    float fine = ridge(fractal3(x * 26 + warp * 9, y * 26, z * 3, 3));
    float dense = smoothstep(-0.15f, 0.55f, cloud
        + 0.55f * smoothstep(0.75f, 0.35f, r) - 0.25f
        + 0.3f * (fan - 0.6f));
    float grain = fractal3(x * 45, y * 45, z * 5, 4);
    float strand = powf(fine, 5) * 0.12f + powf(fan, 5) * 0.34f;
    float v = 0.30f + 0.46f * dense * (0.7f + 0.4f * fan) + 0.24f * strand
        + (0.045f + 0.05f * dense) * grain;

    /* Cooper's ligaments in the fat under the skin. */
    v += 0.12f * powf(ridge(noise3(angle * 26, r * 9, z + 30)), 10)
        * smoothstep(0.14f, 0.04f, in);
    /* Muscle at the chest wall, above. */
    v += 0.33f * smoothstep(0.012f, -0.012f, x + 0.55f * y + 0.035f
        + 0.006f * noise3(y * 20, z, 1));
    return v;
}

static float vessel_at(float x, float y, float depth)
{
    float path = -0.20f + 0.32f * x - 0.25f * x * x + 0.018f * sinf(x * 19)
        + 0.008f * sinf(x * 47 + 2);
    float blur = 0.0022f + 0.016f * fabsf(depth - 0.3f);
    float d = fabsf(y - path) / blur;

    return 0.17f * expf(-d * d) * (0.0022f / blur + 0.15f);
}

/* In focus at its own depth, a shadow elsewhere. */
static float mass_at(float x, float y, float depth)
{
    float dx = x - 0.44f, dy = y - 0.09f, off = fabsf(depth - 0.52f);
    float r = hypotf(dx, dy), angle = atan2f(dy, dx);
    float edge = 0.027f + 0.011f * fractal3(x * 34, y * 34, 7, 3);
    float soft = 0.004f + 0.05f * off;
    float body = smoothstep(edge + soft, edge - soft, r);
    float bent = angle + 0.5f * noise3(x * 12, y * 12, 4);
    float spikes = powf(ridge(noise3(bent * 5.5f, r * 9, 17)), 7)
        * expf(-r * 17) * (1 - body) * smoothstep(0.30f, 0.02f, off);

    return (0.27f * body + 0.30f * spikes) * (1 - 0.75f * smoothstep(0.05f,
        0.45f, off));
}

static void add_calcifications(float *image, int columns, int rows,
    float depth)
{
    struct rng rng = { 4711 };

    for (int i = 0; i < 26; i++) {
        struct spot c = { 0.475f + 0.028f * rng_normal(&rng),
            0.135f + 0.022f * rng_normal(&rng),
            0.55f + 0.05f * rng_normal(&rng), 1.0f + 1.9f * rng_float(&rng) };
        float off = fabsf(depth - c.depth);
        float radius = c.radius + off * 26;
        float peak = 0.42f * c.radius * c.radius / (radius * radius);
        int cx = (int) (c.x * (float) columns);
        int cy = (int) (c.y * (float) columns) + rows / 2;
        int reach = (int) (radius * 2.5f) + 1;

        if (off > 0.2f) {
            continue;
        }
        for (int y = cy - reach; y <= cy + reach; y++) {
            for (int x = cx - reach; x <= cx + reach; x++) {
                float r = hypotf((float) (x - cx), (float) (y - cy)) / radius;
                if (x >= 0 && y >= 0 && x < columns && y < rows) {
                    image[(size_t) y * columns + x] += peak * expf(-r * r);
                }
            }
        }
    }
}

/* Fills the coarse texture; value, and depth below the skin. */
static void draw_texture(float *texture, int w, int h, int columns,
    float depth)
{
    for (int iy = 0; iy < h; iy++) {
        for (int ix = 0; ix < w; ix++) {
            float x = (float) (ix * STEP) / (float) columns;
            float y = (float) ((iy - h / 2) * STEP) / (float) columns;
            float in = inside_breast(x, y);
            float v = 0.012f;
            if (in > 0) {
                float thick = sqrtf(smoothstep(0, 0.16f, in));
                v = tissue_at(x, y, depth, in) * (0.35f + 0.65f * thick)
                    + vessel_at(x, y, depth) + mass_at(x, y, depth);
                v = mixf(0.40f, v, smoothstep(0.001f, 0.0045f, in));
            }
            texture[(size_t) iy * w + ix] = v;
        }
    }
}

void breast_slice(uint16_t *stored, int columns, int rows, float depth,
    uint32_t number)
{
    int w = columns / STEP + 2, h = rows / STEP + 2;
    float *texture = malloc(sizeof(float) * w * h);
    float *image = malloc(sizeof(float) * columns * rows);
    struct rng rng = { 0xb5ea57 + (uint64_t) number * 104729 };

    if (texture == NULL || image == NULL) {
        memset(stored, 0, (size_t) columns * rows * 2);
        goto done;
    }

    draw_texture(texture, w, h, columns, depth);
    for (int y = 0; y < rows; y++) {
        for (int x = 0; x < columns; x++) {
            const float *t = texture + (size_t) (y / STEP) * w + x / STEP;
            float fx = (float) (x % STEP) / STEP, fy = (float) (y % STEP) / STEP;
            image[(size_t) y * columns + x] = mixf(mixf(t[0], t[1], fx),
                mixf(t[w], t[w + 1], fx), fy);
        }
    }
    add_calcifications(image, columns, rows, depth);

    for (size_t i = 0; i < (size_t) columns * rows; i++) {
        float v = image[i] * 3300;
        v += (6 + 0.012f * v) * rng_normal(&rng);
        stored[i] = (uint16_t) clampf(v + 40, 0, 4095);
    }

done:
    free(texture);
    free(image);
}
