/*
 * A head for computed tomography, put together from implicit shapes: what is
 * the Hounsfield number at a point?  Millimetres, as DICOM's patient system has
 * them: x to the patient's left, y to the back, z to the top; the origin lies
 * between the foramina of Monro.  The anatomy is a caricature, the proportions
 * and the numbers are not.
 */

#include "phantom.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "noise.h"

#define AIR     (-1000.0f)
#define FAT     (-95.0f)
#define CSF     6.0f
#define WHITE   28.0f
#define GRAY    38.0f
#define MUSCLE  58.0f

struct point {
    float x, y, z;
};

static float length3(float x, float y, float z)
{
    return sqrtf(x * x + y * y + z * z);
}

/* About the distance to an ellipsoid's surface, negative inside. */
static float ellipsoid(struct point p, float cx, float cy, float cz, float rx,
    float ry, float rz)
{
    float x = (p.x - cx) / rx, y = (p.y - cy) / ry, z = (p.z - cz) / rz;
    float k = length3(x, y, z);
    float g = length3(x / rx, y / ry, z / rz);

    return g > 1e-6f ? k * (k - 1) / g : -fminf(rx, fminf(ry, rz));
}

/* Distance to the line a-b with a radius that changes from ra to rb. */
static float capsule(struct point p, struct point a, struct point b, float ra,
    float rb)
{
    float bx = b.x - a.x, by = b.y - a.y, bz = b.z - a.z;
    float t = ((p.x - a.x) * bx + (p.y - a.y) * by + (p.z - a.z) * bz)
        / (bx * bx + by * by + bz * bz);

    t = clampf(t, 0, 1);
    return length3(p.x - a.x - t * bx, p.y - a.y - t * by,
        p.z - a.z - t * bz) - mixf(ra, rb, t);
}

static float smooth_min(float a, float b, float k)
{
    float h = clampf(0.5f + 0.5f * (b - a) / k, 0, 1);

    return mixf(b, a, h) - k * h * (1 - h);
}

/* Share of material b where the distance d to it is below zero. */
static float over(float a, float b, float d)
{
    return mixf(b, a, smoothstep(-0.45f, 0.45f, d));
}

/*
 * The skin, as depth in millimetres: positive inside the head.  Above the
 * equator an ellipsoid, below it a cylinder that narrows to face and neck.
 */
static float depth_of(struct point p)
{
    float low = p.z < 8 ? 8 - p.z : 0;
    float up = p.z > 8 ? p.z - 8 : 0;
    float width = 76 - 0.0022f * low * low;
    float front = 93 + 2.5f * smoothstep(18, 36, low)
        - 0.0016f * low * low;
    float back = 96 - 0.0042f * low * low;
    float y = p.y - 2;
    float fy = y / (y < 0 ? front : back);
    float fx = p.x / width;
    float fz = up / 88;
    float f = powf(fabsf(fx), 2.25f) + powf(fabsf(fy), 2.15f)
        + powf(fz, 2.2f);
    float r = length3(p.x, y, up);

    f = powf(f, 1 / 2.2f);
    return f > 1e-4f ? r * (1 / f - 1) : 70;
}

/* The nose, and the ears: added to the outline of the skin. */
static float appendages(struct point p)
{
    float nose = capsule(p, (struct point) { 0, -86, -20 },
        (struct point) { 0, -96, -50 }, 5, 11);
    float ax = fabsf(p.x);
    float ear = ellipsoid((struct point) { ax - (p.y - 14) * 0.35f, p.y, p.z },
        76, 16, -34, 3.5f, 15, 25);

    ear = fmaxf(ear, -ellipsoid((struct point) { ax - (p.y - 14) * 0.35f, p.y,
        p.z }, 79, 13, -34, 3, 8, 14));
    return fminf(nose, ear);
}

static float square(float v)
{
    return v * v;
}

/* Height of the floor of the skull: three steps down, front to back. */
static float floor_of(float x, float y)
{
    float ax = fabsf(x);
    float rough = noise3(x / 9, y / 9, 0.5f);
    float front = -25 + 10 * expf(-square(ax - 30) / 420
        - square(y + 60) / 900) - 5 * smoothstep(9, 3, ax);
    float middle = -25 - 20 * expf(-square(ax - 38) / 300
        - square(y + 8) / 420) + 6 * smoothstep(50, 66, ax);
    float back = -66 + 30 * fminf(1.3f, square(ax / 62) + square((y - 42) / 46));
    float petrous = -29 - 0.2f * ax;
    float wing = y + 31 - 0.12f * ax;
    float ridge = y - (4 + 0.42f * ax);
    float z = mixf(front, middle, smoothstep(-4, 11, wing));

    /* The petrous ridge runs outwards and backwards. */
    z = mixf(z, back, smoothstep(-3, 13, ridge));
    z = mixf(z, petrous, expf(-ridge * ridge / 60) * smoothstep(11, 20, ax));
    return z + 1.2f * rough;
}

static float ventricles(struct point p)
{
    struct point q = { fabsf(p.x), p.y, p.z };
    /* No two sides are alike. */
    float wide = p.x > 0 ? -0.3f : 0.35f;
    static const struct point frontal = { 9, -33, 10 }, body = { 9, -8, 23 },
        trigone = { 24, 33, 14 }, occipital = { 25, 58, 6 },
        hook = { 33, 14, -14 }, temporal = { 32, -8, -22 };
    float d = capsule(q, frontal, body, 4.6f, 4.8f);

    d = smooth_min(d, capsule(q, body, trigone, 4.8f, 6.4f), 3);
    d = smooth_min(d, capsule(q, trigone, occipital, 6.2f, 2.2f), 3);
    d = smooth_min(d, capsule(q, trigone, hook, 5.5f, 2.6f), 3);
    d = smooth_min(d, capsule(q, hook, temporal, 2.4f, 1.8f), 2);
    d -= wide;

    /* Kept apart by the septum; the heads of the caudates push in. */
    d = fmaxf(d, 0.9f - q.x);
    d = fmaxf(d, -ellipsoid(q, 15.5f, -20, 13, 6.5f, 13, 11));

    d = fminf(d, ellipsoid(p, 0, 4, 1, 2.3f, 14, 10));          /* third */
    d = fminf(d, ellipsoid(p, 0, 34, -34, 7, 4.5f, 11));        /* fourth */
    d = fminf(d, capsule(p, (struct point) { 0, 15, -6 },
        (struct point) { 0, 30, -28 }, 1.2f, 1.4f));            /* aqueduct */
    return d;
}

/* Cisterns at the base: the star above the sella, around the brain stem. */
static float cisterns(struct point p)
{
    float ax = fabsf(p.x);
    float d = ellipsoid(p, 0, -16, -21, 11, 10, 9);
    float stem = ellipsoid(p, 0, 17, -32, 15, 14, 26);

    d = fminf(d, fmaxf(fabsf(stem - 2.2f) - 1.8f, p.z + 6));
    d = fminf(d, ellipsoid(p, 0, 33, -3, 12, 4, 6));     /* quadrigeminal */
    d = fminf(d, capsule((struct point) { ax, p.y, p.z },
        (struct point) { 8, -22, -20 }, (struct point) { 38, -18, -12 },
        2.6f, 1.5f));                                     /* Sylvian */
    d = fminf(d, ellipsoid(p, 0, 62, -55, 14, 10, 6));   /* magna */
    return d;
}

/* Matter by distance to the nearest fluid: a ribbon of cortex over white. */
static float cortex(struct point p, float depth, bool cerebellum)
{
    float size = cerebellum ? 5.2f : 15.0f;
    float ribbon = cerebellum ? 1.6f : 3.9f;
    float reach = cerebellum ? 14 : 19;
    float wx = p.x + 5 * noise3(p.x / 23, p.y / 23, p.z / 23 + 40);
    float wy = p.y + 5 * noise3(p.x / 23 + 90, p.y / 23, p.z / 23);
    float fold = cerebellum
        ? noise3(wx / 14, wy / 14, p.z / size)
        : noise3(wx / size, wy / size, p.z / size);
    float sulcus = fabsf(fold) * size * 0.62f
        + fmaxf(0, depth - reach) * 0.75f;
    float open = (cerebellum ? 0.45f : 0.9f)
        * smoothstep(reach + 4, 2, depth);
    float fluid = fminf(depth, sulcus - open);
    float v = mixf(GRAY, WHITE, smoothstep(ribbon - 0.7f, ribbon + 0.9f,
        fluid));

    return over(v, CSF + 3, fluid);
}

/* Grey matter in the depth; only the distance to it matters. */
static float nuclei(struct point p)
{
    struct point q = { fabsf(p.x), p.y, p.z };
    float d = ellipsoid(q, 15, -20, 13, 5.5f, 12, 10);          /* caudate */

    d = fminf(d, ellipsoid((struct point) { q.x - 0.28f * (q.y + 2), q.y,
        q.z }, 26, -4, 4, 5.2f, 17, 10));                       /* lentiform */
    d = fminf(d, ellipsoid((struct point) { q.x - 0.3f * (q.y - 10), q.y,
        q.z }, 11, 11, 5, 6.8f, 13, 9));                        /* thalamus */
    return d;
}

/* A small haemorrhage beside the left thalamus with its oedema. */
static float haemorrhage(struct point p)
{
    return ellipsoid(p, 27, 2, 7, 9.5f, 13, 9.5f)
        + 2.2f * noise3(p.x / 5, p.y / 5, p.z / 5)
        + 0.8f * noise3(p.x / 2, p.y / 2, p.z / 2);
}

static float brain_at(struct point p, float depth)
{
    bool below = p.z < -14 - 0.28f * (p.y - 70) * 0.4f && p.y > 14;
    float tent = below ? 0 : 1;
    float v = cortex(p, depth, !tent);
    float d;

    if (depth > 12) {
        v = mixf(v, GRAY - 0.5f, smoothstep(0.7f, -0.7f, nuclei(p)));
    }

    /* Brain stem and cerebellar peduncles. */
    d = ellipsoid(p, 0, 17, -32, 14, 13, 25);
    v = over(v, 33, d);

    /* Between the hemispheres: fluid, and the falx in it. */
    if (!below) {
        float bend = 0.8f * noise3(p.y / 9, p.z / 9, 3);
        float callosum = ellipsoid(p, 0, -2, 14, 30, 44, 18);
        float gap = fabsf(p.x - bend) - 1.5f;
        if (callosum > 0 && p.z > 2) {
            v = over(v, CSF + 4, gap);
            if (callosum > 7 || p.y > 45) {
                v = over(v, 52, fabsf(p.x) - 0.75f);
            }
        }
        if (p.y < -38 && p.z <= 2) {
            v = over(v, CSF + 4, gap);
        }
    }

    v = over(v, CSF + 2, cisterns(p));
    d = ventricles(p);
    v = over(v, CSF, d);
    v = over(v, 46 + 70 * smoothstep(0.1f, 0.5f,
        noise3(p.x / 2, p.y / 2, p.z / 2)),
        ellipsoid((struct point) { fabsf(p.x), p.y, p.z }, 23, 36, 13, 3, 5,
            4));                                         /* choroid plexus */
    v = over(v, 170, ellipsoid(p, 0.4f, 27, 1, 2.2f, 2.6f, 2));  /* pineal */

    /* Tentorium. */
    if (p.y > 22) {
        float sheet = fabsf(p.z + 14 + 0.11f * (p.y - 70)
            - 0.12f * (40 - fabsf(p.x))) - 0.7f;
        if (fabsf(p.x) > 16 || p.y > 50) {
            v = over(v, 48, sheet);
        }
    }

    /* Venous sinuses: superior sagittal, transverse. */
    if (depth < 7) {
        v = over(v, 56, fmaxf(fabsf(p.x) - 4 + 0.6f * depth, depth - 6));
        if (p.y > 30) {
            v = over(v, 55, length3(0, depth - 3, p.z + 16) - 3.2f);
        }
    }

    d = haemorrhage(p);
    v = mixf(18, v, smoothstep(1.5f, 6.5f, d));
    v = mixf(67 + 3 * noise3(p.x / 4, p.y / 4, p.z / 4), v,
        smoothstep(-1.2f, 0.8f, d));

    return v;
}

/* Cells of air with thin walls, where inside is below zero. */
static float air_cells(struct point p, float inside, float size, float around)
{
    float cell = noise3(p.x / size, p.y / size, p.z / size);
    float wall = fabsf(cell) * size * 0.8f - 0.55f;

    if (inside > 0.5f) {
        return around;
    }
    return over(over(around, AIR + 30, inside), 420, wall);
}

/* Eyeball with lens, nerve and muscles in the fat of its orbit. */
static float orbit_at(struct point p, float v)
{
    struct point q = { fabsf(p.x), p.y, p.z };
    struct point apex = { 13, -36, -30 };
    float cone = capsule(q, (struct point) { 31, -70, -31 }, apex, 18.5f, 4);
    float globe = length3(q.x - 32, q.y + 76, q.z + 31) - 12.2f;

    if (cone > 2.2f && globe > 2) {
        return v;
    }
    v = over(v, 780, cone - 1.6f);
    v = over(v, FAT + 6 * noise3(p.x / 3, p.y / 3, p.z / 3), cone);

    v = over(v, 38, capsule(q, (struct point) { 31, -66, -31 }, apex, 2.1f,
        2.2f));
    v = over(v, 52, capsule(q, (struct point) { 43, -72, -31 },
        (struct point) { 16, -38, -30 }, 1.4f, 2.2f));
    v = over(v, 52, capsule(q, (struct point) { 21, -72, -31 },
        (struct point) { 11, -38, -30 }, 1.4f, 2.4f));
    v = over(v, 52, capsule(q, (struct point) { 32, -72, -19 },
        (struct point) { 14, -38, -27 }, 1.3f, 2.2f));
    v = over(v, 52, capsule(q, (struct point) { 32, -72, -43 },
        (struct point) { 14, -38, -33 }, 1.3f, 2.2f));

    v = over(v, 48, globe);
    v = over(v, 10, globe + 1.3f);
    v = over(v, 92, ellipsoid(q, 32, -84, -31, 4.6f, 2.1f, 4.6f));
    return v;
}

/* The air of nose and sinuses, and the bone around it. */
static float sinuses_at(struct point p, float v)
{
    float ax = fabsf(p.x);
    struct point q = { ax, p.y, p.z };
    float lean = p.x > 0 ? 1.0f : 0.93f;
    float d;

    d = ellipsoid(q, 0, -57, -30, 11.5f, 26, 13);            /* ethmoid */
    v = over(v, 500, d - 1);
    v = air_cells(p, d, 7.5f, v);

    d = ellipsoid(q, 28 * lean, -58, -61, 14 * lean, 18, 15); /* maxillary */
    v = over(v, 620, d - 1.6f);
    v = over(v, AIR, d);
    if (p.x < 0) {                          /* a little mucosa on one side */
        v = mixf(v, 28, smoothstep(0.4f, -0.4f, d)
            * smoothstep(-69, -70, p.z + 0.05f * p.x));
    }

    d = ellipsoid(p, 2.5f, -26, -38, 14, 11, 8.5f);          /* sphenoid */
    v = over(v, 640, d - 1.8f);
    v = over(v, AIR, d);
    v = over(v, 500, fmaxf(fabsf(p.x - 2.5f - 0.1f * p.y) - 0.7f, d));

    d = fmaxf(ellipsoid(q, 0, -56, -58, 13, 34, 17), p.z + 44); /* nasal */
    v = over(v, 300, d - 1.2f);
    v = over(v, AIR + 40, d);
    v = over(v, 60, fmaxf(capsule(q, (struct point) { 7.5f, -72, -58 },
        (struct point) { 7.5f, -38, -58 }, 3, 3.6f), d));    /* turbinates */
    v = over(v, 180, fmaxf(fabsf(p.x - 1.2f * sinf(p.y / 14)) - 0.9f, d));

    return v;
}

/* Frontal sinus and mastoid cells lie within the bone of the vault. */
static float vault_air(struct point p, float v)
{
    float ax = fabsf(p.x);
    float d = ellipsoid((struct point) { ax, p.y, p.z }, 11, -86, -8, 13, 4,
        13);

    d = fmaxf(d, 0.8f - fabsf(p.x - 2));
    v = over(v, 900, d - 1.2f);
    v = over(v, AIR, d);

    d = ellipsoid((struct point) { ax, p.y, p.z }, 58, 30, -42, 10, 13, 14);
    return air_cells(p, d, 4.6f, v);
}

/* Bone from its outer surface inwards: table, diploe, table. */
static float bone_at(struct point p, float outer, float inner)
{
    float marrow = 520 + 210 * fractal3(p.x / 3.2f, p.y / 3.2f, p.z / 3.2f, 2);
    float v = mixf(marrow, 1450, smoothstep(2.3f, 1.5f, outer));

    return mixf(v, 1380, smoothstep(2.0f, 1.2f, inner));
}

/* Skull base and facial bone below the floor of the cranial cavity. */
static float base_at(struct point p, float under, float depth)
{
    float ax = fabsf(p.x);
    float ridge = p.y - (4 + 0.42f * ax);
    float petrous = expf(-ridge * ridge / 130) * smoothstep(9, 16, ax)
        * smoothstep(66, 56, ax);
    float thick = 4 + 16 * petrous + 7 * smoothstep(14, 5, ax)
        * smoothstep(-34, -20, p.y);
    float v = FAT + 150 * smoothstep(-0.5f, -0.2f,
        fractal3(p.x / 13, p.y / 13, p.z / 16, 2));
    float hole = length3(p.x, (p.y - 37) * 0.85f, 0) - 14;   /* magnum */

    v = mixf(MUSCLE, v, 0.35f);
    if (p.y > 20 && ax > 30) {
        v = MUSCLE;
    }
    v = over(v, bone_at(p, thick - under, under) + 500 * petrous,
        fmaxf(under - thick, -hole));
    if (petrous > 0.5f) {                       /* inner ear, ear canal */
        v = over(v, -700, capsule((struct point) { ax, p.y, p.z },
            (struct point) { 46, 20, -42 }, (struct point) { 78, 16, -41 },
            3.5f, 3));
    }
    v = over(v, 38, fmaxf(hole + 6, -under));                /* medulla */
    v = over(v, CSF + 2, fmaxf(hole + 2.5f, -under)
        + 20 * smoothstep(-6.5f, -7.5f, hole + 2.5f));

    /* Zygomatic arches and the heads of the mandible. */
    v = over(v, 1050, capsule((struct point) { ax, p.y, p.z },
        (struct point) { 46, -66, -48 }, (struct point) { 62, -30, -46 },
        4, 2.2f));
    v = over(v, 900, ellipsoid((struct point) { ax, p.y, p.z }, 52, 2, -54,
        8, 5, 9));
    return depth > 4 ? v : FAT;
}

float head_at(float x, float y, float z)
{
    struct point p = { x, y, z };
    float depth = depth_of(p);
    float more = p.z < 0 && depth < 8 ? appendages(p) : 100;
    float scalp, thick, bone, inside, under, v;

    if (depth < -1 && more > 1) {
        return AIR;
    }

    /* From the skin inwards. */
    v = over(AIR, 42, -depth);
    if (more < 1) {
        v = over(v, 25, more);
        if (more < -3 && depth < 0) {
            return FAT + 40;
        }
    }
    if (depth < 1.2f) {
        return v;
    }

    scalp = 5.2f + 1.2f * noise3(x / 30, y / 30, z / 30)
        + 11 * smoothstep(52, 66, fabsf(x)) * smoothstep(14, -14, z)
            * smoothstep(45, 10, y) * smoothstep(-75, -40, y);
    thick = 6.2f + 1.3f * noise3(x / 38 + 7, y / 38, z / 38)
        + 3.5f * smoothstep(70, 86, y) * smoothstep(20, 5, fabsf(x));
    bone = depth - scalp;
    inside = bone - thick;
    under = floor_of(x, y) - z;

    if (under > 0) {
        float deep = base_at(p, under, depth);
        if (under < 14 && inside < 0 && bone > 0 && fabsf(y) > 30) {
            deep = bone_at(p, bone, -inside);
        }
        v = sinuses_at(p, orbit_at(p, deep));
        v = vault_air(p, v);
        return depth < 3.5f ? over(FAT, 40, depth - 1.9f) : v;
    }

    if (bone < 0) {                    /* scalp: fat, and muscle beside */
        v = scalp > 9 && depth > 4.5f && depth < scalp - 1.2f ? MUSCLE : FAT;
        v = over(40, v, 1.8f - depth);
    } else if (inside < 0) {
        v = vault_air(p, bone_at(p, bone, -inside));
    } else {
        float room = fminf(inside, -under * 0.9f);
        v = room < 0.9f ? 60 : brain_at(p, room - 2.3f);
    }
    v = over(v, bone_at(p, bone, -inside), fmaxf(-bone, inside));
    if (under > -20 && p.y < -20) {
        v = orbit_at(p, v);
        if (fabsf(p.x) < 14) {
            v = sinuses_at(p, v);
        }
    }
    return v;
}

/* The head rest: a shell of carbon fibre filled with foam. */
float headrest_at(float x, float y)
{
    float r = length3(x, y - 2, 0) - 105;
    float angle = fabsf(x) / 100;

    if (y < 30 || angle > 0.92f) {
        return AIR;
    }
    if (fabsf(r) < 6.5f) {
        return fabsf(r) > 5.2f ? -120 : -930;
    }
    return r < -6.5f && r > -12 && y > 60 ? -960 : AIR;
}
