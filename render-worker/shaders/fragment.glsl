/*
 * One picture pixel from one layer.  renderer_cpu.c does the same operations
 * in the same order and precision; whatever changes here changes there.
 *
 * A position in the image is a fixed-point number.  It is made in double
 * precision with a constant added that leaves the number, rounded, in the low
 * word: single precision would move the samples of large images.
 *
 * Defined by renderer_gl.c:
 *   TEXEL   texel type: 0 unsigned, 1 signed, 2 float, 3 RGBA
 *   FILTER  0 nearest, 1 linear, 2 cubic
 *   SHADE   0 table of grays, 1 table read linearly, 2 affine, 3 closed form,
 *           4 colour
 *   WHOLE   1: pixels are middles of texels; the map is one of integers
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
/* From the vertex shader, which says why */
flat in uvec4 map_x;            /* double: u, v for each picture column */
flat in uvec4 map_y;            /* row */
flat in uvec4 map_0;            /* constant */
flat in ivec4 image;            /* columns, rows, layer, background */
flat in uvec4 texel_bits;       /* shift, mask, sign; invert */
flat in ivec4 table;            /* first, count; is sigmoid; fraction bits */
flat in vec4 scale;             /* affine: slope, intercept; 1 / image size */
flat in uvec4 closed;           /* double: slope, intercept */

uniform usamplerBuffer display;
uniform samplerBuffer value;

#define size image.xy
#define layer image.z
#define background image.w
#define first table.x
#define count table.y
#define is_sigmoid table.z
#define fraction table.w
#define invert texel_bits.w

out uvec4 pixel;

#if TEXEL == 2

#define STORED(raw) double(raw)

#elif SHADE == 4

#define STORED(raw) vec3((raw).rgb)

#else

uint bits(uint raw)
{
    return (((raw >> texel_bits.x) & texel_bits.y) ^ texel_bits.z) - texel_bits.z;
}

#if SHADE == 3

double stored(uint raw)
{
    uint v = bits(raw);

    return texel_bits.z != 0u || TEXEL == 1 ? double(int(v)) : double(v);
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

REAL blend(REAL a, REAL b, float f)
{
    precise REAL d = b - a;
    precise REAL t = REAL(f) * d;
    precise REAL r = a + t;

#if SHADE == 3
    /* a weight of zero means that the other side is not looked at: NaN */
    return f == 0.0 ? a : r;
#else
    return r;
#endif
}

/* Texel before the position, and how far it is on the way to the next. */
ivec2 corner(ivec2 p, out vec2 f)
{
    ivec2 q = p - ((1 << fraction) >> 1);

    f = vec2(q & ((1 << fraction) - 1)) / float(1 << fraction);

    return q >> fraction;
}

REAL nearest(ivec2 p)
{
    ivec2 at = p >> fraction;

    return FETCH(at.x, at.y);
}

#if SHADE != 4

/* The four texels that meet at the upper left corner of a texel: as in
   textureGather, from the lower left, counterclockwise */
RAW4 meet(ivec2 at)
{
    return textureGather(layers, vec3(vec2(at) * scale.zw, float(layer)));
}

#endif

REAL linear(ivec2 p)
{
    vec2 f;
    ivec2 at = corner(p, f);
    REAL t00, t10, t01, t11;

#if SHADE == 4
    ivec2 lo = max(at, ivec2(0));
    ivec2 hi = min(at + 1, size - 1);

    t00 = FETCH(lo.x, lo.y);
    t10 = FETCH(hi.x, lo.y);
    t01 = FETCH(lo.x, hi.y);
    t11 = FETCH(hi.x, hi.y);
#else
    RAW4 t = meet(at + 1);

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
    precise REAL r = a * REAL(w.x);
    precise REAL s = b * REAL(w.y);

    r = r + s;
    s = c * REAL(w.z);
    r = r + s;
    s = d * REAL(w.w);
    r = r + s;

#if SHADE == 3
    return w.y == 1.0 ? b : r;
#else
    return r;
#endif
}

REAL cubic(ivec2 p)
{
    vec2 f;
    ivec2 at = corner(p, f);
    vec4 w = weights(f.y);
    REAL column[4];

#if SHADE == 4
    ivec2 end = size - 1;
    ivec4 y = clamp(ivec4(at.y - 1, at.y, at.y + 1, at.y + 2), 0, end.y);

    for (int i = 0; i < 4; i++) {
        int x = clamp(at.x - 1 + i, 0, end.x);

        column[i] = weigh(FETCH(x, y.x), FETCH(x, y.y), FETCH(x, y.z),
                          FETCH(x, y.w), w);
    }
#else
    for (int i = 0; i < 2; i++) {
        RAW4 t = meet(at + ivec2(2 * i, 0));
        RAW4 b = meet(at + ivec2(2 * i, 2));

        column[2 * i] = weigh(STORED(t.w), STORED(t.x), STORED(b.w),
                              STORED(b.x), w);
        column[2 * i + 1] = weigh(STORED(t.z), STORED(t.y), STORED(b.z),
                                  STORED(b.y), w);
    }
#endif

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
    precise float t = v * scale.x;
    precise float y = t + scale.y;

    return uint(clamp(y, 0.0, 255.0) + 0.5);
#elif SHADE == 3
    precise double t = v * packDouble2x32(closed.xy);
    precise double y = t + packDouble2x32(closed.zw);

    if (is_sigmoid != 0) {
        y = y > -80.0LF ? (y < 80.0LF ? y : 80.0LF) : -80.0LF;
        y = exponential(-y);
        y = 1.0LF + y;
        y = 255.0LF / y;
    }

    y = y > 0.0LF ? (y < 255.0LF ? y : 255.0LF) : 0.0LF;
    y = invert != 0u ? 255.0LF - y : y;

    return uint(floor(y + 0.5LF));
#else
    return 0u;
#endif
}

void main()
{
#if WHOLE
    uvec2 at = uvec2(gl_FragCoord.xy);
    uvec2 p = map_0.xy + map_y.xy * at.y + map_x.xy * at.x;
#else
    dvec2 at = dvec2(gl_FragCoord.xy);
    precise double u = packDouble2x32(map_y.xy) * at.y;
    precise double v = packDouble2x32(map_y.zw) * at.y;
    precise double s = packDouble2x32(map_x.xy) * at.x;
    precise double t = packDouble2x32(map_x.zw) * at.x;

    u = u + packDouble2x32(map_0.xy);
    v = v + packDouble2x32(map_0.zw);
    u = u + s;
    v = v + t;

    uvec2 p = uvec2(unpackDouble2x32(u).x, unpackDouble2x32(v).x);
#endif

    if (any(greaterThanEqual(p, uvec2(size) << fraction))) {
        pixel = uvec4(background);
        return;
    }

#if SHADE == 4
    vec3 c = clamp(SAMPLE(ivec2(p)), 0.0, 255.0);

    pixel.rgb = uvec3((invert != 0u ? 255.0 - c : c) + 0.5);
    pixel.a = 255u;
#else
    pixel = uvec4(shade(SAMPLE(ivec2(p))));
#endif
}
