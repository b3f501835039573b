/*
 * What a renderer can do.  renderer_gl implements it with OpenGL texture
 * arrays, renderer_cpu with plain memory; both give the same pictures.
 *
 * Thread rule: every call on one renderer comes from the one thread that
 * created it (the GL thread), unless a comment says otherwise.
 */

#ifndef DICOM_RENDERER_H
#define DICOM_RENDERER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "voi.h"

enum layer_format {
    LAYER_R8UI = 1, LAYER_R8I, LAYER_R16UI, LAYER_R16I,
    LAYER_R32UI, LAYER_R32I, LAYER_R32F,
    LAYER_RGBA8             /* colour, already RGB, alpha ignored */
};

/* Bytes of one texel of format. */
static inline unsigned
layer_format_size(enum layer_format format)
{
    switch (format) {
    case LAYER_R8UI: case LAYER_R8I: return 1;
    case LAYER_R16UI: case LAYER_R16I: return 2;
    default: return 4;
    }
}

/* A set of layers of one size and format; split over GL arrays inside. */
struct layer_array;

enum draw_interpolation { DRAW_NEAREST = 0, DRAW_LINEAR = 1, DRAW_CUBIC = 2 };

struct draw {
    struct layer_array  *array;
    uint32_t             layer;         /* within the array */
    uint32_t             width, height; /* of the picture, pixels */
    /*
     * Affine map from the centre of a picture pixel (x + 0.5, y + 0.5) to
     * image coordinates (column, row; the first pixel covers 0 to 1):
     * u = m[0] x + m[1] y + m[2],  v = m[3] x + m[4] y + m[5].
     * Outside 0..columns, 0..rows the picture is background.
     */
    double               matrix[6];
    enum draw_interpolation  interpolation;
    const struct voi_table  *voi;       /* NULL for LAYER_RGBA8 */
    uint8_t              invert;        /* RGBA8 only; gray: in the table */
    uint8_t              background;    /* gray level outside the image */
};

struct renderer;

struct renderer_info {
    char      description[160];  /* "GL: llvmpipe ..., surfaceless", for logs */
    bool      software;
    bool      direct;            /* layers are memory: see renderer_layer() */
    uint32_t  max_dimension;     /* of a layer, pixels */
};

struct renderer_config {
    const char  *egl;      /* "auto", "gbm", "device", "surfaceless" */
    const char  *device;   /* DRM render node for gbm/device, or NULL */
    bool         gpu_only; /* OpenGL in software is no renderer, either */
};

enum renderer_kind { RENDERER_AUTO, RENDERER_GL, RENDERER_CPU };

/*
 * Creates a renderer on the calling thread.  RENDERER_AUTO is GL on a GPU; where
 * EGL has none to offer it is the CPU renderer, which draws the same pictures
 * several times as fast as OpenGL in software.  NULL on failure (logged).
 */
struct renderer *renderer_create(enum renderer_kind kind,
    const struct renderer_config *config);

/*
 * Creates the GL renderer on the calling thread, compiles and pre-warms the
 * shaders.  NULL on failure, each attempt logged with its reason.
 */
struct renderer *renderer_gl_create(const struct renderer_config *config);

/* The renderer without GL: same interface, plain memory. */
struct renderer *renderer_cpu_create(void);

/* Accepts NULL.  All arrays must be gone. */
void renderer_destroy(struct renderer *renderer);

const struct renderer_info *renderer_info(const struct renderer *renderer);

/*
 * Makes room for layers images of width x height texels, contents undefined;
 * may take memory from a pool of released arrays of the same shape.
 * NULL when the device has no room (logged).
 */
struct layer_array *renderer_array_create(struct renderer *renderer,
    uint32_t width, uint32_t height, enum layer_format format,
    uint32_t layers);

/* Gives the array back to the pool (see renderer_trim).  Accepts NULL. */
void renderer_array_destroy(struct renderer *renderer,
    struct layer_array *array);

/* Bytes the array occupies. */
uint64_t layer_array_bytes(const struct layer_array *array);

/* Bytes held by pooled, unused arrays; trim frees them down to bytes. */
uint64_t renderer_pooled(const struct renderer *renderer);
void renderer_trim(struct renderer *renderer, uint64_t bytes);

/*
 * Copies one layer, tightly packed rows from the top, into the array.
 * pixels may be reused on return.  false: device lost.
 */
bool renderer_upload(struct renderer *renderer, struct layer_array *array,
    uint32_t layer, const void *pixels);

/*
 * The memory of one layer, tightly packed rows from the top, to be written by
 * whoever loads it instead of renderer_upload(); NULL unless info.direct.
 * Any thread; with info.direct renderer_array_create() and _destroy() also
 * come from any thread.
 */
void *renderer_layer(struct renderer *renderer, struct layer_array *array,
    uint32_t layer);

/*
 * Draws one picture into pixels: width * height bytes gray, or three times
 * that RGB for LAYER_RGBA8, rows from the top, tightly packed.
 * false: device lost, see renderer_lost(), or memory is short (logged).
 * With info.direct any thread, and several at once.
 */
bool renderer_draw(struct renderer *renderer, const struct draw *draw,
    uint8_t *pixels);

/* Frees the scratch memory that the calling thread's drawing left behind. */
void renderer_thread_finish(void);

/* True once the context was reset; the process then ends with status 75. */
bool renderer_lost(const struct renderer *renderer);

#endif /* DICOM_RENDERER_H */
