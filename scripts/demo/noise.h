/*
 * Smooth random fields and small helpers for drawing phantoms: deterministic,
 * the same picture on every machine.
 */

#ifndef DEMO_NOISE_H
#define DEMO_NOISE_H

#include <math.h>
#include <stdint.h>

static inline uint32_t hash3(int32_t x, int32_t y, int32_t z)
{
    uint32_t h = (uint32_t) x * 0x8da6b343u ^ (uint32_t) y * 0xd8163841u
        ^ (uint32_t) z * 0xcb1ab31fu;

    h = (h ^ (h >> 15)) * 0x2c1b3c6du;
    h = (h ^ (h >> 12)) * 0x297a2d39u;
    return h ^ (h >> 15);
}

/* -1 to 1 at the points of the lattice */
static inline float lattice(int32_t x, int32_t y, int32_t z)
{
    return (float) (int32_t) hash3(x, y, z) * (1.0f / 2147483648.0f);
}

static inline float mixf(float a, float b, float t)
{
    return a + (b - a) * t;
}

/* Value noise, -1 to 1, features of about one unit. */
static inline float noise3(float x, float y, float z)
{
    int32_t ix = (int32_t) floorf(x), iy = (int32_t) floorf(y),
            iz = (int32_t) floorf(z);
    float fx = x - (float) ix, fy = y - (float) iy, fz = z - (float) iz;

    fx = fx * fx * (3 - 2 * fx);
    fy = fy * fy * (3 - 2 * fy);
    fz = fz * fz * (3 - 2 * fz);

    float a = mixf(mixf(lattice(ix, iy, iz), lattice(ix + 1, iy, iz), fx),
        mixf(lattice(ix, iy + 1, iz), lattice(ix + 1, iy + 1, iz), fx), fy);
    float b = mixf(
        mixf(lattice(ix, iy, iz + 1), lattice(ix + 1, iy, iz + 1), fx),
        mixf(lattice(ix, iy + 1, iz + 1), lattice(ix + 1, iy + 1, iz + 1), fx),
        fy);
    return mixf(a, b, fz);
}

/* Octaves of it, each half as strong and twice as fine; about -1 to 1. */
static inline float fractal3(float x, float y, float z, int octaves)
{
    float sum = 0, amplitude = 0.5f;

    for (int i = 0; i < octaves; i++) {
        sum += amplitude * noise3(x, y, z);
        x = x * 2.03f + 17.1f;
        y = y * 2.03f - 5.3f;
        z = z * 2.03f + 9.7f;
        amplitude *= 0.5f;
    }
    return sum * 1.1f;
}

/* A stream of random numbers. */
struct rng {
    uint64_t state;
};

static inline uint32_t rng_next(struct rng *r)
{
    r->state = r->state * 6364136223846793005u + 1442695040888963407u;
    uint32_t x = (uint32_t) ((r->state >> 18 ^ r->state) >> 27);
    unsigned rot = (unsigned) (r->state >> 59);
    return x >> rot | x << (-rot & 31);
}

static inline float rng_float(struct rng *r)
{
    return (float) (rng_next(r) >> 8) * (1.0f / 16777216.0f);
}

/* Normal distribution, nearly: a sum of uniform ones. */
static inline float rng_normal(struct rng *r)
{
    uint32_t a = rng_next(r), b = rng_next(r);
    float s = (float) (a & 0xffff) + (float) (a >> 16) + (float) (b & 0xffff)
        + (float) (b >> 16);
    return (s * (1.0f / 65536.0f) - 2.0f) * 1.7320508f;
}

static inline float clampf(float v, float low, float high)
{
    return v < low ? low : v > high ? high : v;
}

/* 0 below a, 1 above b, smooth between */
static inline float smoothstep(float a, float b, float v)
{
    float t = clampf((v - a) / (b - a), 0, 1);

    return t * t * (3 - 2 * t);
}

#endif /* DEMO_NOISE_H */
