/*
 * The scanner that looks at the head: sampling, the point spread of the system,
 * quantum noise, the circle of reconstruction.
 */

#include "phantom.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "noise.h"

/* [1 2 1]/4 along both axes, in place. */
static void blur(float *image, int size, float *line)
{
    for (int y = 0; y < size; y++) {
        float *row = image + (size_t) y * size;
        memcpy(line, row, sizeof(float) * size);
        for (int x = 1; x < size - 1; x++) {
            row[x] = 0.25f * (line[x - 1] + line[x + 1]) + 0.5f * line[x];
        }
    }
    for (int y = 1; y < size - 1; y++) {
        float *row = image + (size_t) y * size;
        memcpy(line + size, row, sizeof(float) * size);
        for (int x = 0; x < size; x++) {
            float above = y == 1 ? row[x - size] : line[x];
            row[x] = 0.25f * (above + row[x + size]) + 0.5f * row[x];
        }
        memcpy(line, line + size, sizeof(float) * size);
    }
}

void head_slice(uint16_t *stored, int size, float spacing, float z,
    uint32_t number)
{
    size_t count = (size_t) size * size;
    float *image = malloc(sizeof(float) * count);
    float *noise = malloc(sizeof(float) * count);
    float *line = malloc(sizeof(float) * size * 2);
    struct rng rng = { 0x5ca9 + (uint64_t) number * 7919 };
    float half = (float) (size - 1) / 2;

    if (image == NULL || noise == NULL || line == NULL) {
        memset(stored, 0, count * 2);
        goto done;
    }

    for (int iy = 0; iy < size; iy++) {
        for (int ix = 0; ix < size; ix++) {
            float x = ((float) ix - half) * spacing;
            float y = ((float) iy - half) * spacing;
            size_t i = (size_t) iy * size + ix;
            float v = headrest_at(x, y);
            if (fabsf(x) < 90 && y > -122 && y < 105) {
                v = fmaxf(v, head_at(x, y, z));
            }
            image[i] = v;
            noise[i] = rng_normal(&rng);
        }
    }
    blur(image, size, line);
    blur(noise, size, line);

    for (int iy = 0; iy < size; iy++) {
        for (int ix = 0; ix < size; ix++) {
            size_t i = (size_t) iy * size + ix;
            float dx = ((float) ix - half) / half;
            float dy = ((float) iy - half) / half;
            float r2 = dx * dx + dy * dy;
            float sigma = 9.0f - 3.0f * r2;
            float v = image[i] + sigma * noise[i];
            stored[i] = r2 > 1 ? 0
                : (uint16_t) (clampf(v, -1024, 3071) + 1024.5f);
        }
    }

done:
    free(image);
    free(noise);
    free(line);
}
