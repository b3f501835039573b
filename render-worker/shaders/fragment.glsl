/*
 * One picture pixel from one layer.  renderer_cpu.c does the same operations
 * in the same order and precision; whatever changes here changes there.
 * Positions are double: single precision would move samples of large images.
 *
 * Defined by renderer_gl.c:
 *   TEXEL   texel type: 0 unsigned, 1 signed, 2 float, 3 RGBA
 *   FILTER  0 nearest, 1 linear, 2 cubic
 *   SHADE   0 table of grays, 1 table read linearly, 2 affine, 3 closed form,
 *           4 colour
 */

#if TEXEL == 1
#define SAMPLER isampler2DArray
#define RAW4 ivec4
#elif TEXEL == 2
#define SAMPLER sampler2DArray
#define RAW4 vec4
#else
#define SAMPLER usampler2DArray
#define RAW4 uvec4
#endif

#if SHADE == 3
#define REAL double
#define REAL4 dvec4
#elif SHADE == 4
#define REAL vec3
#else
#define REAL float
#define REAL4 vec4
#endif

uniform SAMPLER layers;
uniform int layer;
uniform ivec2 size;
uniform dvec3 map_u;
uniform dvec3 map_v;
uniform int background;

/* bits of a texel: shift, mask, sign bit */
uniform int shift;
uniform int mask;
uniform int sign_bit;

uniform int first;
uniform int count;
uniform usamplerBuffer display;
uniform samplerBuffer value;
uniform vec2 affine;
uniform dvec2 closed;
uniform int is_sigmoid;
uniform int invert;

out uvec4 pixel;

#if TEXEL == 2

#define STORED(raw) double(raw)

#elif SHADE == 4

#define STORED(raw) vec3((raw).rgb)

#else

uint bits(uint raw)
{
    return (((raw >> shift) & uint(mask)) ^ uint(sign_bit)) - uint(sign_bit);
}

#if SHADE == 3

double stored(uint raw)
{
    uint v = bits(raw);

    return sign_bit != 0 || TEXEL == 1 ? double(int(v)) : double(v);
}

#define STORED(raw) stored(uint(raw))

#else

#define STORED(raw) float(int(bits(uint(raw))))

#endif
#endif

#if SHADE == 4
#define FETCH(x, y) STORED(texelFetch(layers, ivec3(x, y, layer), 0))
#else
#define FETCH(x, y) STORED(texelFetch(layers, ivec3(x, y, layer), 0).r)
#endif

/* A weight of zero means that the other side is not looked at: NaN */
REAL blend(REAL a, REAL b, float f)
{
    precise REAL d = b - a;
    precise REAL t = REAL(f) * d;
    precise REAL r = a + t;

    return f == 0.0 ? a : r;
}

REAL nearest(dvec2 p)
{
    return FETCH(int(floor(p.x)), int(floor(p.y)));
}

REAL linear(dvec2 p)
{
    dvec2 q = p - 0.5;
    dvec2 corner = floor(q);
    vec2 f = vec2(q - corner);
    ivec2 at = ivec2(corner);
    REAL t00, t10, t01, t11;

#if SHADE == 4
    ivec2 end = size - 1;
    ivec2 lo = max(at, ivec2(0));
    ivec2 hi = min(at + 1, end);

    t00 = FETCH(lo.x, lo.y);
    t10 = FETCH(hi.x, lo.y);
    t01 = FETCH(lo.x, hi.y);
    t11 = FETCH(hi.x, hi.y);
#else
    RAW4 t = textureGather(layers, vec3(vec2(at + 1) / vec2(size),
                                        float(layer)));

    t00 = STORED(t.w);
    t10 = STORED(t.z);
    t01 = STORED(t.x);
    t11 = STORED(t.y);
#endif

    return blend(blend(t00, t01, f.y), blend(t10, t11, f.y), f.x);
}

vec4 weights(float f)
{
    precise vec4 w;

    w.x = f * (f * (1.0 - f * 0.5) - 0.5);
    w.y = f * f * (f * 1.5 - 2.5) + 1.0;
    w.z = f * (f * (2.0 - f * 1.5) + 0.5);
    w.w = f * f * (f * 0.5 - 0.5);

    return w;
}

REAL weigh(REAL a, REAL b, REAL c, REAL d, vec4 w)
{
    if (w.y == 1.0) {
        return b;
    }

    precise REAL r = a * REAL(w.x);
    precise REAL s = b * REAL(w.y);

    r = r + s;
    s = c * REAL(w.z);
    r = r + s;
    s = d * REAL(w.w);
    r = r + s;

    return r;
}

REAL cubic(dvec2 p)
{
    dvec2 q = p - 0.5;
    dvec2 corner = floor(q);
    vec2 f = vec2(q - corner);
    ivec2 at = ivec2(corner);
    ivec2 end = size - 1;
    vec4 w = weights(f.y);
    ivec4 y = clamp(ivec4(at.y - 1, at.y, at.y + 1, at.y + 2), 0, end.y);
    REAL column[4];

    for (int i = 0; i < 4; i++) {
        int x = clamp(at.x - 1 + i, 0, end.x);

        column[i] = weigh(FETCH(x, y.x), FETCH(x, y.y), FETCH(x, y.z),
                          FETCH(x, y.w), w);
    }

    return weigh(column[0], column[1], column[2], column[3], weights(f.x));
}

#if FILTER == 0
#define SAMPLE nearest
#elif FILTER == 1
#define SAMPLE linear
#else
#define SAMPLE cubic
#endif

#if SHADE == 3

/* e to the x, |x| <= 80, by the same steps as voi_exp() */
double exponential(double x)
{
    precise double n = floor(x * 1.4426950408889634LF + 0.5LF);
    precise double r = x - n * 0.6931471805599453LF;
    precise double s = 1.0LF;

    for (int i = 14; i > 0; i--) {
        precise double t = r / double(i);

        s = s * t;
        s = s + 1.0LF;
    }

    return s * packDouble2x32(uvec2(0u, uint(int(n) + 1023) << 20));
}

#endif

uint shade(REAL v)
{
#if SHADE == 0
    return texelFetch(display, int(v) - first).r;
#elif SHADE == 1
    precise float at = clamp(v - float(first), 0.0, float(count - 1));
    float below = floor(at);
    int i = int(below);
    float a = texelFetch(value, i).r;
    float b = texelFetch(value, min(i + 1, count - 1)).r;

    return uint(blend(a, b, at - below) + 0.5);
#elif SHADE == 2
    precise float t = v * affine.x;
    precise float y = t + affine.y;

    return uint(clamp(y, 0.0, 255.0) + 0.5);
#elif SHADE == 3
    precise double t = v * closed.x;
    precise double y = t + closed.y;

    if (is_sigmoid != 0) {
        y = y > -80.0LF ? (y < 80.0LF ? y : 80.0LF) : -80.0LF;
        y = exponential(-y);
        y = 1.0LF + y;
        y = 255.0LF / y;
    }

    y = y > 0.0LF ? (y < 255.0LF ? y : 255.0LF) : 0.0LF;
    y = invert != 0 ? 255.0LF - y : y;

    return uint(floor(y + 0.5LF));
#else
    return 0u;
#endif
}

void main()
{
    dvec2 at = dvec2(gl_FragCoord.xy);
    precise double u = map_u.y * at.y;
    precise double v = map_v.y * at.y;
    precise double s = map_u.x * at.x;
    precise double t = map_v.x * at.x;

    u = u + map_u.z;
    v = v + map_v.z;
    u = u + s;
    v = v + t;

    if (!(u >= 0.0LF && v >= 0.0LF && u < double(size.x)
          && v < double(size.y)))
    {
        pixel = uvec4(background);
        return;
    }

#if SHADE == 4
    vec3 c = clamp(SAMPLE(dvec2(u, v)), 0.0, 255.0);

    pixel.rgb = uvec3((invert != 0 ? 255.0 - c : c) + 0.5);
    pixel.a = 255u;
#else
    pixel = uvec4(shade(SAMPLE(dvec2(u, v))));
#endif
}
