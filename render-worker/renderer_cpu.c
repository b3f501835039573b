/*
 * The renderer without GL: layers in plain memory, drawn by rows.c.
 */

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bands.h"
#include "columns.h"
#include "log.h"
#include "pool.h"
#include "scene.h"

/* Waking threads costs as much as drawing a small picture alone */
#define ALONE_BYTES  (512u * 1024)
#define BAND_ROWS    32

/* Rows of a turned picture fill lines of the cache when they become columns; they
   begin an odd number of lines apart, which spreads them over the cache */
#define TURNED_ROWS  64
#define TILE_STEP(length)  ((((size_t) (length) + 63) / 64 | 1) * 64)

/*
 * A picture whose rows run along the columns of the image, or rather so than
 * along its rows, would touch a line of the cache, or a page of memory, for each
 * pixel: it is drawn with its axes exchanged.
 */
#define STEEP        2

#define MAX_WORKERS  8

/* Only large pictures have helpers, and these give way to small ones */
#define PATIENCE     5

/* Large arrays begin at a huge page, so that they fill whole ones */
#define HUGE_PAGE    (2u * 1024 * 1024)


struct array_cpu {
    struct layer_array  base;
    size_t              layer_size;
    uint8_t            *texels;
    struct array_cpu   *next;           /* in the pool */
};

struct renderer_cpu {
    struct renderer       base;
    pthread_mutex_t       mutex;        /* of the two below */
    struct array_cpu     *free;         /* most recently used first */
    uint64_t              free_bytes;
    struct bands         *bands;
};


/* What a thread draws in, kept from picture to picture */
struct thread_scratch {
    struct rows_scratch  rows;
    struct rows_columns  columns;
    uint32_t             width;         /* entries of columns */
};

static _Thread_local struct thread_scratch  scratch;


/* One picture, as the bands see it */
struct picture {
    const struct rows_plan  *plan;
    uint8_t                 *pixels;
    uint32_t                 band;
    size_t                   stride;
    size_t                   line_size, tile_size;  /* of a thread's scratch */
    atomic_bool              failed;
};


static bool
rows_reserve(size_t line_size, size_t tile_size)
{
    float    *line;
    uint8_t  *tile;

    if (scratch.rows.size < line_size) {
        line = realloc(scratch.rows.line, line_size * sizeof(*line));
        if (line == NULL) {
            return false;
        }

        scratch.rows.line = line;
        scratch.rows.size = line_size;
    }

    if (scratch.rows.tile_size < tile_size) {
        tile = realloc(scratch.rows.tile, tile_size);
        if (tile == NULL) {
            return false;
        }

        scratch.rows.tile = tile;
        scratch.rows.tile_size = tile_size;
    }

    return true;
}


/* Room for one entry a column, all in one piece of memory. */
static bool
columns_reserve(uint32_t width)
{
    struct rows_columns  *columns = &scratch.columns;

    if (width <= scratch.width) {
        return true;
    }

    free(columns->u);
    scratch.width = 0;
    columns->u = malloc(width * (2 * sizeof(double) + sizeof(int32_t)
                                 + sizeof(float)));
    if (columns->u == NULL) {
        return false;
    }

    columns->v = columns->u + width;
    columns->at = (int32_t *) (columns->v + width);
    columns->fraction = (float *) (columns->at + width);
    scratch.width = width;

    return true;
}


void
renderer_thread_finish(void)
{
    free(scratch.rows.line);
    free(scratch.rows.tile);
    free(scratch.columns.u);
    memset(&scratch, 0, sizeof(scratch));
}


/* The rows of a band, and whether the thread has room to draw them. */
static bool
band_begin(struct picture *picture, unsigned piece, uint32_t *from,
    uint32_t *end)
{
    uint32_t  height = picture->plan->scene->height;

    *from = piece * picture->band;
    *end = *from + picture->band;
    *end = *end < height ? *end : height;

    if (!rows_reserve(picture->line_size, picture->tile_size)) {
        atomic_store(&picture->failed, true);
        return false;
    }

    return true;
}


static void
draw_band(void *context, unsigned piece, unsigned worker)
{
    uint32_t         from, end;
    struct picture  *picture = context;

    (void) worker;

    if (band_begin(picture, piece, &from, &end)) {
        rows_draw(picture->plan, from, end,
                  picture->pixels + from * picture->stride, picture->stride,
                  &scratch.rows);
    }
}


/* A band of a turned picture: its rows become columns. */
static void
draw_turned(void *context, unsigned piece, unsigned worker)
{
    size_t           step;
    uint32_t         from, end, width;
    struct picture  *picture = context;

    (void) worker;

    if (band_begin(picture, piece, &from, &end)) {
        width = picture->plan->scene->width;
        step = TILE_STEP(width);
        rows_draw(picture->plan, from, end, scratch.rows.tile, step,
                  &scratch.rows);
        columns_put(picture->pixels + from, picture->stride,
                    scratch.rows.tile, step, end - from, width);
    }
}


static bool
cpu_draw(struct renderer *base, const struct draw *draw, uint8_t *pixels)
{
    size_t                   size;
    band_fn                  fn;
    unsigned                 pieces;
    struct draw              plain;
    struct scene             scene;
    struct picture           picture;
    struct rows_plan         plan;
    struct renderer_cpu     *renderer = (struct renderer_cpu *) base;
    const struct array_cpu  *array = (const struct array_cpu *) draw->array;

    memset(&scene, 0, sizeof(scene));
    scene.draw = draw;
    scene.voi = draw->voi;
    scene.columns = array->base.width;
    scene.rows = array->base.height;
    scene.format = array->base.format;
    scene.texels = array->texels + draw->layer * array->layer_size;

    size = (size_t) draw->width * draw->height * (draw->voi != NULL ? 1 : 3);

    if (!draw_map(draw, &scene.map)) {
        memset(pixels, draw->background, size);
        return true;
    }

    if (draw->voi != NULL) {
        scene.bits = draw_bits(&draw->voi->bits);
    }

    plain = *draw;
    plain.interpolation = draw_filter(draw, &scene.map);
    scene.draw = &plain;

    scene.turned = scene.voi != NULL
                   && fabs(scene.map.v[0]) > STEEP * fabs(scene.map.u[0]);
    scene.width = scene.turned ? draw->height : draw->width;
    scene.height = scene.turned ? draw->width : draw->height;

    if (!columns_reserve(scene.width)) {
        goto memory;
    }

    rows_plan(&plan, &scene, &scratch.columns);

    picture.plan = &plan;
    picture.pixels = pixels;
    picture.band = scene.turned ? TURNED_ROWS : BAND_ROWS;
    picture.stride = size / draw->height;
    picture.line_size = rows_scratch_size(&plan);
    picture.tile_size = scene.turned ? TILE_STEP(scene.width) * TURNED_ROWS : 0;
    atomic_init(&picture.failed, false);

    pieces = (scene.height - 1) / picture.band + 1;
    fn = scene.turned ? draw_turned : draw_band;

    bands_run(size > ALONE_BYTES ? renderer->bands : NULL, fn, &picture,
              pieces);

    if (!atomic_load(&picture.failed)) {
        return true;
    }

memory:

    log_error("renderer_cpu", "out of memory");

    return false;
}


static struct array_cpu *
pool_take(struct renderer_cpu *renderer, uint32_t width, uint32_t height,
    enum layer_format format, uint32_t layers)
{
    struct array_cpu  *array, *found, **link;

    found = NULL;
    pthread_mutex_lock(&renderer->mutex);

    for (link = &renderer->free; *link != NULL; link = &(*link)->next) {
        array = *link;

        if (array->base.width == width && array->base.height == height
            && array->base.format == format && array->base.layers == layers)
        {
            *link = array->next;
            renderer->free_bytes -= array->base.bytes;
            found = array;
            break;
        }
    }

    pthread_mutex_unlock(&renderer->mutex);

    return found;
}


/*
 * Memory for texels, whose pages nobody has touched yet.  What is left behind
 * the last whole huge page is in small ones: a huge page that is touched at all
 * is there as a whole.
 */
static uint8_t *
texels_create(size_t size)
{
    void    *texels;
    size_t   rest;

    if (size < HUGE_PAGE) {
        return malloc(size);
    }

    if (posix_memalign(&texels, HUGE_PAGE, size) != 0) {
        return NULL;
    }

    rest = size % HUGE_PAGE;
    (void) madvise(texels, size - rest, MADV_HUGEPAGE);
    (void) madvise((uint8_t *) texels + size - rest, rest, MADV_NOHUGEPAGE);

    return texels;
}


static struct layer_array *
cpu_array_create(struct renderer *base, uint32_t width, uint32_t height,
    enum layer_format format, uint32_t layers)
{
    size_t                size;
    struct array_cpu     *array;
    struct renderer_cpu  *renderer = (struct renderer_cpu *) base;

    array = pool_take(renderer, width, height, format, layers);
    if (array != NULL) {
        return &array->base;
    }

    array = calloc(1, sizeof(*array));
    if (array == NULL) {
        return NULL;
    }

    array->base.width = width;
    array->base.height = height;
    array->base.format = format;
    array->base.layers = layers;
    array->layer_size = (size_t) width * height * layer_format_size(format);

    if (__builtin_mul_overflow(array->layer_size, layers, &size)
        || (array->texels = texels_create(size + SCENE_SLACK)) == NULL)
    {
        log_warn("renderer_cpu", "no memory for %ux%ux%u", width, height,
                 layers);
        free(array);
        return NULL;
    }

    array->base.bytes = size + SCENE_SLACK;

    return &array->base;
}


static void
cpu_array_destroy(struct renderer *base, struct layer_array *base_array)
{
    struct array_cpu     *array = (struct array_cpu *) base_array;
    struct renderer_cpu  *renderer = (struct renderer_cpu *) base;

    pthread_mutex_lock(&renderer->mutex);
    array->next = renderer->free;
    renderer->free = array;
    renderer->free_bytes += array->base.bytes;
    pthread_mutex_unlock(&renderer->mutex);
}


static uint64_t
cpu_pooled(const struct renderer *base)
{
    uint64_t              bytes;
    struct renderer_cpu  *renderer = (struct renderer_cpu *) (uintptr_t) base;

    pthread_mutex_lock(&renderer->mutex);
    bytes = renderer->free_bytes;
    pthread_mutex_unlock(&renderer->mutex);

    return bytes;
}


static void
cpu_trim(struct renderer *base, uint64_t bytes)
{
    struct array_cpu     *array, *dropped, **link;
    struct renderer_cpu  *renderer = (struct renderer_cpu *) base;

    dropped = NULL;
    pthread_mutex_lock(&renderer->mutex);

    while (renderer->free_bytes > bytes && renderer->free != NULL) {
        for (link = &renderer->free; (*link)->next != NULL;
             link = &(*link)->next)
        {
            /* to the last */
        }

        array = *link;
        *link = NULL;
        renderer->free_bytes -= array->base.bytes;
        array->next = dropped;
        dropped = array;
    }

    pthread_mutex_unlock(&renderer->mutex);

    while (dropped != NULL) {
        array = dropped;
        dropped = array->next;
        free(array->texels);
        free(array);
    }
}


static void *
cpu_layer(struct layer_array *base_array, uint32_t layer)
{
    struct array_cpu  *array = (struct array_cpu *) base_array;

    return array->texels + layer * array->layer_size;
}


static bool
cpu_upload(struct renderer *base, struct layer_array *array, uint32_t layer,
    const void *pixels)
{
    (void) base;

    memcpy(cpu_layer(array, layer), pixels,
           ((struct array_cpu *) array)->layer_size);

    return true;
}


static bool
cpu_lost(const struct renderer *base)
{
    (void) base;

    return false;
}


static void
cpu_destroy(struct renderer *base)
{
    struct renderer_cpu  *renderer = (struct renderer_cpu *) base;

    cpu_trim(base, 0);
    bands_destroy(renderer->bands);

    pthread_mutex_destroy(&renderer->mutex);
    free(renderer);
}


static const struct renderer_procs  cpu_procs = {
    cpu_destroy, cpu_array_create, cpu_array_destroy, cpu_pooled, cpu_trim,
    cpu_upload, cpu_draw, cpu_lost, cpu_layer
};


static void
be_patient(void)
{
    thread_nicer(PATIENCE);
}


struct renderer *
renderer_cpu_create(void)
{
    long                  online;
    unsigned              workers;
    struct renderer_cpu  *renderer;

    renderer = calloc(1, sizeof(*renderer));
    if (renderer == NULL) {
        return NULL;
    }

    online = sysconf(_SC_NPROCESSORS_ONLN);
    workers = online < 1 ? 1 : online > MAX_WORKERS ? MAX_WORKERS
                                                    : (unsigned) online;
    renderer->bands = bands_create(workers, be_patient, renderer_thread_finish);
    if (renderer->bands == NULL) {
        free(renderer);
        return NULL;
    }

    pthread_mutex_init(&renderer->mutex, NULL);
    renderer->base.procs = &cpu_procs;
    renderer->base.info.software = true;
    renderer->base.info.direct = true;
    renderer->base.info.max_dimension = INDEX_MAX_DIMENSION;
    snprintf(renderer->base.info.description,
             sizeof(renderer->base.info.description), "CPU: %u threads",
             bands_workers(renderer->bands));

    return &renderer->base;
}
