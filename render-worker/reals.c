#include <string.h>

#include "lines.h"
#include "multiversion.h"
#include "reals.h"


MULTIVERSION static void
convert_float(double *to, const uint32_t *texel, uint32_t n)
{
    float  v;

    for (uint32_t i = 0; i < n; i++) {
        memcpy(&v, &texel[i], sizeof(v));
        to[i] = v;
    }
}


MULTIVERSION static void
convert_signed(double *to, const uint32_t *texel, struct draw_bits bits,
    uint32_t n)
{
    uint32_t  v;

    for (uint32_t i = 0; i < n; i++) {
        v = texel[i] >> bits.shift & bits.mask;
        to[i] = (int32_t) ((v ^ bits.sign) - bits.sign);
    }
}


MULTIVERSION static void
convert_unsigned(double *to, const uint32_t *texel, struct draw_bits bits,
    uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        to[i] = texel[i] >> bits.shift & bits.mask;
    }
}


void
real_convert(double *to, const uint32_t *texel, enum real_kind kind,
    struct draw_bits bits, uint32_t n)
{
    switch (kind) {

    case REAL_FLOAT:
        convert_float(to, texel, n);
        break;

    case REAL_SIGNED:
        convert_signed(to, texel, bits, n);
        break;

    default:
        convert_unsigned(to, texel, bits, n);
    }
}


MULTIVERSION void
real_blend(double *to, const double *a, const double *b, const float *f,
    uint32_t n)
{
    double  v;

    for (uint32_t i = 0; i < n; i++) {
        v = a[i] + (double) f[i] * (b[i] - a[i]);
        to[i] = f[i] == 0 ? a[i] : v;
    }
}


MULTIVERSION void
real_weigh(double *to, const double *const v[4], const float *f, uint32_t n)
{
    float          w[4];
    double         sum;
    const double  *a = v[0], *b = v[1], *c = v[2], *d = v[3];

    for (uint32_t i = 0; i < n; i++) {
        line_weights(f[i], w);
        sum = a[i] * (double) w[0] + b[i] * (double) w[1]
              + c[i] * (double) w[2] + d[i] * (double) w[3];
        to[i] = w[1] == 1 ? b[i] : sum;
    }
}


MULTIVERSION void
real_shade(uint8_t *to, const double *v, double slope, double intercept,
    bool invert, uint32_t n)
{
    double  y, sign = invert ? -1 : 1, zero = invert ? 255 : 0;

    for (uint32_t i = 0; i < n; i++) {
        y = v[i] * slope;
        y = y + intercept;
        y = y > 0 ? y : 0;                  /* NaN, too */
        y = y < 255 ? y : 255;
        y = zero + sign * y;
        to[i] = (uint8_t) (int32_t) (y + 0.5);
    }
}
