/*
 * Both renderers give the same pictures: exact at native size, within one gray
 * under any view.  Without EGL the comparisons are skipped.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "log.h"
#include "renderer.h"
#include "scene.h"
#include "wire.h"

/* links: render-worker/egl.c render-worker/gl.c render-worker/log.c */
/* links: render-worker/texarray.c render-worker/voi.c */
/* links: render-worker/voi_settle.c */
/* links: render-worker/renderer.c render-worker/renderer_gl.c */
/* links: render-worker/renderer_cpu.c render-worker/sample.c */
/* links: render-worker/rows.c render-worker/lines.c */
/* links: render-worker/gather.c render-worker/bands.c */
/* links: render-worker/pool.c render-worker/turns.c */
/* links: render-worker/reals.c render-worker/quads.c */
/* links: render-worker/columns.c */
/* links: render-worker/shaders/vertex.glsl */
/* links: render-worker/shaders/fragment.glsl */
/* pkg: egl gbm */

#define VIEWS  2500


static struct renderer  *gl, *cpu;


/*
 * Drivers leave a few bytes behind.  LeakSanitizer can tell them from leaks of
 * ours only while they stay loaded.
 */
int dlclose(void *handle);
const char *__lsan_default_suppressions(void);


int
dlclose(void *handle)
{
    return 0;
}


const char *
__lsan_default_suppressions(void)
{
    return "leak:_dri.so\nleak:libgallium\nleak:libEGL\nleak:libLLVM\n";
}


static double
uniform(void)
{
    return rand() / (RAND_MAX + 1.0);
}


static unsigned
below(unsigned n)
{
    return (unsigned) rand() % n;
}


/* A table for random bits, rescale and window of a layer format. */
static struct voi_table
random_table(enum layer_format format)
{
    double               range;
    const char          *error;
    unsigned             allocated;
    struct voi_table     table;
    struct voi_choice    choice = { 0 };
    struct dicom_index   index;
    struct dicom_frame   frame;

    memset(&index, 0, sizeof(index));
    memset(&frame, 0, sizeof(frame));

    allocated = layer_format_size(format) * 8;
    index.frames = &frame;
    index.nframes = 1;
    index.bits_allocated = allocated;
    index.bits_stored = below(2) ? allocated : 1 + below(allocated);
    index.high_bit = index.bits_stored - 1
                     + below(allocated - index.bits_stored + 1);
    index.is_signed = format == LAYER_R8I || format == LAYER_R16I
                      || format == LAYER_R32I;
    index.is_signed ^= below(5) == 0;
    index.sample = format == LAYER_R32F ? SAMPLE_FLOAT : SAMPLE_INTEGER;
    index.photometric = below(2) ? PHOTOMETRIC_MONOCHROME1
                                 : PHOTOMETRIC_MONOCHROME2;
    frame.slope = below(2) ? 1 : (uniform() - 0.3) * 3;
    frame.intercept = (uniform() - 0.5) * 2000;

    choice.function = below(4);
    choice.has_window = below(4) != 0;
    choice.center = (uniform() - 0.5) * 3000;
    choice.width = below(8) == 0 ? 1 : 1 + pow(uniform(), 3) * 4000;

    range = ldexp(1, index.bits_stored);
    assert_true(voi_table_init(&table, &index, 0, &choice,
                               index.is_signed ? -range / 2 : 0,
                               index.is_signed ? range / 2 - 1 : range - 1,
                               &error));

    return table;
}


static uint8_t *
random_layer(enum layer_format format, uint32_t width, uint32_t height)
{
    float     real;
    size_t    n, size;
    uint8_t  *pixels;

    n = (size_t) width * height;
    size = layer_format_size(format);
    pixels = malloc(n * size);

    for (size_t i = 0; i < n * size; i++) {
        pixels[i] = rand() >> 7;
    }

    for (size_t i = 0; format == LAYER_R32F && i < n; i++) {
        real = below(60) == 0 ? NAN : below(60) == 0 ? INFINITY
               : (float) ((uniform() - 0.5) * 3000);
        memcpy(pixels + i * size, &real, sizeof(real));
    }

    return pixels;
}


static void
random_view(struct draw *draw, uint32_t columns, uint32_t rows)
{
    int     quarter;
    double  zoom, angle, mirror, c, s, *m = draw->matrix;

    memset(m, 0, sizeof(draw->matrix));
    draw->width = 1 + below(250);
    draw->height = 1 + below(250);

    if (below(6) == 0) {
        draw->width = columns;
        draw->height = rows;
        m[0] = m[4] = 1;
        return;
    }

    zoom = below(4) == 0 ? 1 : exp2((uniform() - 0.5) * 8);
    mirror = below(2) ? 1 : -1;

    if (below(3) == 0) {
        quarter = (int) below(4);
        c = (quarter + 1) % 2 * (1 - quarter);
        s = quarter % 2 * (2 - quarter);

    } else {
        angle = uniform() * 2 * M_PI;
        c = cos(angle);
        s = sin(angle);
    }

    m[0] = c * zoom * mirror;
    m[1] = s * zoom * mirror;
    m[3] = -s * zoom;
    m[4] = c * zoom;
    m[2] = columns / 2.0 - (m[0] * draw->width + m[1] * draw->height) / 2
           + (below(2) ? (uniform() - 0.5) * columns : 0);
    m[5] = rows / 2.0 - (m[3] * draw->width + m[4] * draw->height) / 2
           + (below(2) ? (uniform() - 0.5) * rows : 0);
}


static size_t
picture_size(const struct draw *draw)
{
    return (size_t) draw->width * draw->height * (draw->voi != NULL ? 1 : 3);
}


static uint8_t *
picture(struct renderer *renderer, struct draw *draw,
    struct layer_array *array)
{
    uint8_t  *pixels;

    pixels = malloc(picture_size(draw));
    draw->array = array;
    assert_true(renderer_draw(renderer, draw, pixels));

    return pixels;
}


static struct layer_array *
array_of(struct renderer *renderer, enum layer_format format, uint32_t width,
    uint32_t height, uint32_t layers, uint32_t layer, const void *pixels)
{
    struct layer_array  *array;

    array = renderer_array_create(renderer, width, height, format, layers);
    assert_non_null(array);
    assert_true(renderer_upload(renderer, array, layer, pixels));

    return array;
}


static bool
native(const struct draw *draw)
{
    return draw->matrix[0] == 1 && draw->matrix[4] == 1
           && draw->matrix[2] == 0 && draw->matrix[5] == 0;
}


static void
test_same_pictures(void **state)
{
    int                  most;
    size_t               n, differ, total;
    uint8_t             *pixels, *a, *b;
    uint32_t             width, height, layers;
    struct draw          draw;
    struct voi_table     table;
    enum layer_format    format;
    struct layer_array  *one, *two;

    if (gl == NULL) {
        skip();
    }

    srand(20261122);
    differ = total = 0;

    for (int view = 0; view < VIEWS; view++) {
        format = LAYER_R8UI + below(8);
        width = 1 + below(180);
        height = 1 + below(180);
        layers = 1 + below(3);

        memset(&draw, 0, sizeof(draw));
        table = random_table(format);
        pixels = random_layer(format, width, height);
        draw.voi = format == LAYER_RGBA8 ? NULL : &table;
        draw.layer = below(layers);
        draw.invert = below(2);
        draw.background = below(256);
        draw.interpolation = below(3);
        random_view(&draw, width, height);

        if (view % 100 == 0) {                      /* drawn by threads */
            draw.width = 900 + below(200);
            draw.height = 600 + below(200);
        }

        one = array_of(gl, format, width, height, layers, draw.layer, pixels);
        two = array_of(cpu, format, width, height, layers, draw.layer,
                       pixels);
        a = picture(gl, &draw, one);
        b = picture(cpu, &draw, two);
        n = picture_size(&draw);
        total += n;

        for (size_t i = 0; i < n; i++) {
            most = native(&draw) || draw.interpolation == DRAW_NEAREST ? 0 : 1;
            differ += a[i] != b[i];

            if (abs(a[i] - b[i]) > most) {
                fail_msg("view %d, format %d, interpolation %d, pixel %zu: "
                         "GL %d, CPU %d", view, format, draw.interpolation, i,
                         a[i], b[i]);
            }
        }

        free(a);
        free(b);
        free(pixels);
        renderer_array_destroy(gl, one);
        renderer_array_destroy(cpu, two);
        voi_table_finish(&table);

        if (view % 50 == 0) {
            renderer_trim(gl, 0);
            renderer_trim(cpu, 0);
        }
    }

    print_message("# %zu of %zu pixels differ\n", differ, total);
}


/* What sample.c makes of a picture, pixel by pixel. */
static uint8_t *
sampled(const struct draw *draw, enum layer_format format, uint32_t width,
    uint32_t height, const uint8_t *texels)
{
    double         *u, *v;
    uint8_t        *pixels;
    size_t          stride;
    struct draw     plain = *draw;
    struct scene    scene;
    struct places   places;

    pixels = malloc(picture_size(draw));
    stride = picture_size(draw) / draw->height;
    memset(&scene, 0, sizeof(scene));
    scene.draw = &plain;
    scene.voi = draw->voi;
    scene.columns = width;
    scene.rows = height;
    scene.format = format;
    scene.texels = texels;

    if (!draw_map(draw, &scene.map)) {
        memset(pixels, draw->background, picture_size(draw));
        return pixels;
    }

    if (draw->voi != NULL) {
        scene.bits = draw_bits(&draw->voi->bits);
    }

    plain.interpolation = draw_filter(draw, &scene.map);
    places.u = u = malloc(draw->width * sizeof(*u));
    places.v = v = malloc(draw->width * sizeof(*v));

    for (uint32_t x = 0; x < draw->width; x++) {
        u[x] = scene_column(scene.map.u, x);
        v[x] = scene_column(scene.map.v, x);
    }

    for (uint32_t y = 0; y < draw->height; y++) {
        places.u0 = scene_row(scene.map.u, y);
        places.v0 = scene_row(scene.map.v, y);
        sample_span(&scene, &places, 0, draw->width, pixels + y * stride);
    }

    free(u);
    free(v);

    return pixels;
}


/* However many pixels are drawn at a time, they are those of sample.c. */
static void
test_same_samples(void **state)
{
    size_t               at;
    uint8_t             *pixels, *a, *b;
    uint32_t             width, height;
    struct draw          draw;
    struct voi_table     table;
    enum layer_format    format;
    struct layer_array  *array;

    srand(20261123);

    for (int view = 0; view < VIEWS; view++) {
        format = LAYER_R8UI + below(8);
        width = 1 + below(view % 50 == 0 ? 700 : 180);
        height = 1 + below(view % 50 == 0 ? 700 : 180);

        memset(&draw, 0, sizeof(draw));
        table = random_table(format);
        pixels = random_layer(format, width, height);
        draw.voi = format == LAYER_RGBA8 ? NULL : &table;
        draw.invert = below(2);
        draw.background = below(256);
        draw.interpolation = below(3);
        random_view(&draw, width, height);

        array = array_of(cpu, format, width, height, 1, 0, pixels);
        a = picture(cpu, &draw, array);
        b = sampled(&draw, format, width, height, pixels);

        for (at = 0; at < picture_size(&draw) && a[at] == b[at]; at++) {
            /* to the first that differs */
        }

        if (at < picture_size(&draw)) {
            fail_msg("view %d, format %d, interpolation %d, pixel %zu of %ux%u:"
                     " %d, by sample.c %d", view, format, draw.interpolation,
                     at, draw.width, draw.height, a[at], b[at]);
        }

        free(a);
        free(b);
        free(pixels);
        renderer_array_destroy(cpu, array);
        voi_table_finish(&table);

        if (view % 50 == 0) {
            renderer_trim(cpu, 0);
        }
    }
}


/* Renderers to test one by one */
static int
renderers(struct renderer *list[2])
{
    int  n = 0;

    list[n++] = cpu;

    if (gl != NULL) {
        list[n++] = gl;
    }

    return n;
}


/* At native size a pixel is its table entry, whatever the interpolation. */
static void
test_native_is_exact(void **state)
{
    uint16_t             *texels;
    const char           *error;
    struct draw           draw;
    struct renderer      *list[2];
    struct voi_table      table;
    struct voi_choice     choice;
    struct dicom_index    index;
    struct layer_array   *array;
    const uint32_t        width = 263, height = 250;

    memset(&index, 0, sizeof(index));
    index.bits_allocated = index.bits_stored = 16;
    index.high_bit = 15;
    index.is_signed = 1;
    texels = malloc(width * height * sizeof(*texels));

    for (uint32_t i = 0; i < width * height; i++) {
        texels[i] = (uint16_t) i;
    }

    for (int r = renderers(list) - 1; r >= 0; r--) {
        array = array_of(list[r], LAYER_R16I, width, height, 2, 1, texels);

        for (int n = 0; n < 60; n++) {
            memset(&choice, 0, sizeof(choice));
            choice.function = 1 + n % 3;
            choice.has_window = true;
            choice.center = n % 2 ? 40 : 1000.5;
            choice.width = n % 5 ? 1 + n * n : 1 + n * 1000;
            choice.invert = n % 7 == 0;
            assert_true(voi_table_init(&table, &index, 0, &choice, 0, 0,
                                       &error));

            memset(&draw, 0, sizeof(draw));
            draw.voi = &table;
            draw.layer = 1;
            draw.width = width;
            draw.height = height;
            draw.matrix[0] = draw.matrix[4] = 1;

            /* flips with the rounding errors of an honest computation */
            if (n % 4 == 1) {
                draw.matrix[0] = -1 + 1e-15;
                draw.matrix[1] = 1e-16;
                draw.matrix[2] = width - 1e-12;
            }

            for (int filter = 0; filter < 3; filter++) {
                uint8_t  *pixels;

                draw.interpolation = filter;
                pixels = picture(list[r], &draw, array);

                for (uint32_t i = 0; i < width * height; i++) {
                    uint32_t  x = i % width, y = i / width;
                    int16_t   v;

                    x = n % 4 == 1 ? width - 1 - x : x;
                    v = (int16_t) texels[y * width + x];
                    assert_int_equal(pixels[i],
                                     table.display[v - table.first]);
                }

                free(pixels);
            }

            voi_table_finish(&table);
        }

        renderer_array_destroy(list[r], array);
    }

    free(texels);
}


static void
test_colour_is_exact(void **state)
{
    uint8_t             *texels, *pixels;
    struct draw          draw;
    struct renderer     *list[2];
    struct layer_array  *array;
    const uint32_t       width = 67, height = 43;

    texels = random_layer(LAYER_RGBA8, width, height);

    for (int r = renderers(list) - 1; r >= 0; r--) {
        array = array_of(list[r], LAYER_RGBA8, width, height, 1, 0, texels);
        memset(&draw, 0, sizeof(draw));
        draw.width = width;
        draw.height = height;
        draw.matrix[0] = draw.matrix[4] = 1;

        for (int n = 0; n < 6; n++) {
            draw.interpolation = n / 2;
            draw.invert = n % 2;
            pixels = picture(list[r], &draw, array);

            for (uint32_t i = 0; i < width * height * 3; i++) {
                uint8_t  v = texels[i / 3 * 4 + i % 3];

                assert_int_equal(pixels[i], draw.invert ? 255 - v : v);
            }

            free(pixels);
        }

        renderer_array_destroy(list[r], array);
    }

    free(texels);
}


/* More layers than a texture array has; each shows its own number. */
static void
test_many_layers(void **state)
{
    uint8_t              texels[4 * 3], *pixels;
    const char          *error;
    struct draw          draw;
    struct renderer     *list[2];
    struct voi_table     table;
    struct voi_choice    choice = { 0 };
    struct dicom_index   index;
    struct layer_array  *array;
    const uint32_t       layers = 4500;

    memset(&index, 0, sizeof(index));
    index.bits_allocated = index.bits_stored = 8;
    index.high_bit = 7;
    choice.has_window = true;
    choice.center = 128;
    choice.width = 256;
    assert_true(voi_table_init(&table, &index, 0, &choice, 0, 0, &error));

    for (int r = renderers(list) - 1; r >= 0; r--) {
        array = renderer_array_create(list[r], 4, 3, LAYER_R8UI, layers);
        assert_non_null(array);
        assert_true(layer_array_bytes(array) >= 4 * 3 * layers);

        for (uint32_t i = 0; i < layers; i++) {
            memset(texels, (uint8_t) (i * 31 + i / 256), sizeof(texels));
            assert_true(renderer_upload(list[r], array, i, texels));
        }

        memset(&draw, 0, sizeof(draw));
        draw.voi = &table;
        draw.width = draw.height = 2;
        draw.matrix[0] = draw.matrix[4] = 1;

        for (uint32_t i = 0; i < layers; i += i % 2048 > 2040 ? 1 : 17) {
            draw.layer = i;
            pixels = picture(list[r], &draw, array);
            assert_int_equal(pixels[3], (uint8_t) (i * 31 + i / 256));
            free(pixels);
        }

        assert_false(renderer_upload(list[r], array, layers, texels));
        draw.layer = layers;
        draw.array = array;
        assert_false(renderer_draw(list[r], &draw, texels));
        renderer_array_destroy(list[r], array);
    }

    voi_table_finish(&table);
}


static void
test_pool(void **state)
{
    uint64_t             bytes, pooled;
    struct renderer     *list[2];
    struct layer_array  *array;

    for (int r = renderers(list) - 1; r >= 0; r--) {
        renderer_trim(list[r], 0);
        assert_true(renderer_pooled(list[r]) == 0);

        array = renderer_array_create(list[r], 100, 50, LAYER_R16UI, 10);
        bytes = layer_array_bytes(array);
        assert_true(bytes >= 100 * 50 * 2 * 10);
        renderer_array_destroy(list[r], array);
        pooled = renderer_pooled(list[r]);
        assert_true(pooled == bytes);

        /* the same shape comes from the pool, another does not */
        array = renderer_array_create(list[r], 100, 50, LAYER_R16I, 10);
        assert_true(renderer_pooled(list[r]) == pooled);
        renderer_array_destroy(list[r], array);
        array = renderer_array_create(list[r], 100, 50, LAYER_R16UI, 10);
        assert_true(renderer_pooled(list[r]) == bytes);
        renderer_array_destroy(list[r], array);

        renderer_trim(list[r], bytes);
        assert_true(renderer_pooled(list[r]) == bytes);
        renderer_trim(list[r], 0);
        assert_true(renderer_pooled(list[r]) == 0);
        renderer_array_destroy(list[r], NULL);

        assert_null(renderer_array_create(list[r], 70000, 1, LAYER_R8UI, 1));
        assert_null(renderer_array_create(list[r], 1, 1, LAYER_R8UI, 0));
        assert_false(renderer_lost(list[r]));
        assert_true(strlen(renderer_info(list[r])->description) > 0);
    }
}


/* Pictures of many sizes, more than are cached; views far outside */
static void
test_targets(void **state)
{
    uint8_t              texels[9 * 7 * 4];
    struct draw          draw;
    struct renderer     *list[2];
    struct layer_array  *array;

    memset(texels, 200, sizeof(texels));

    for (int r = renderers(list) - 1; r >= 0; r--) {
        array = array_of(list[r], LAYER_RGBA8, 9, 7, 1, 0, texels);

        for (int n = 0; n < 40; n++) {
            static const double  far[] = {
                0, 1e-9, 20, 1e4, 1e6, 1e12, 1e300, -1e5
            };
            uint8_t  *pixels;

            memset(&draw, 0, sizeof(draw));
            draw.background = 17;
            draw.width = 1 + n * 7;
            draw.height = 1 + n * 3;
            draw.interpolation = n % 3;
            draw.matrix[0] = draw.matrix[4] = 1;
            draw.matrix[2] = far[n % 8];
            pixels = picture(list[r], &draw, array);
            assert_int_equal(pixels[0], n % 8 < 2 ? 200 : 17);
            free(pixels);

            draw.matrix[2] = 0;
            draw.matrix[0] = far[n % 8] + 1;
            free(picture(list[r], &draw, array));
        }

        draw.array = array;
        draw.matrix[1] = NAN;
        assert_false(renderer_draw(list[r], &draw, texels));
        renderer_array_destroy(list[r], array);
    }
}


static void
test_egl_choices(void **state)
{
    struct renderer         *renderer;
    struct renderer_config   config = { .egl = "nonsense" };

    static const char *const  platforms[] = { "gbm", "device", "surfaceless" };

    assert_null(renderer_gl_create(&config));

    if (gl == NULL) {
        skip();
    }

    for (int i = 0; i < 3; i++) {
        config.egl = platforms[i];
        renderer = renderer_gl_create(&config);

        if (renderer != NULL) {
            assert_non_null(strstr(renderer_info(renderer)->description,
                                   platforms[i]));
        }

        renderer_destroy(renderer);
    }

    config.egl = "auto";
    config.device = "/dev/null/no-such-node";
    assert_null(renderer_gl_create(&config));
}


static int
setup(void **state)
{
    const struct renderer_config  config = { .egl = "auto" };

    log_set_level(LOG_LEVEL_WARN);
    cpu = renderer_cpu_create();
    gl = renderer_gl_create(&config);

    return cpu == NULL ? -1 : 0;
}


static int
teardown(void **state)
{
    renderer_destroy(cpu);
    renderer_destroy(gl);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_same_pictures),
        cmocka_unit_test(test_same_samples),
        cmocka_unit_test(test_native_is_exact),
        cmocka_unit_test(test_colour_is_exact),
        cmocka_unit_test(test_many_layers),
        cmocka_unit_test(test_pool),
        cmocka_unit_test(test_targets),
        cmocka_unit_test(test_egl_choices),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
