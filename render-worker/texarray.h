/*
 * Texture arrays: the layers of a stack on the GPU, and the pool of those that
 * are not in use.  GL thread only.
 */

#ifndef DICOM_TEXARRAY_H
#define DICOM_TEXARRAY_H

#include <stdbool.h>
#include <stdint.h>

#include "gl.h"
#include "renderer_impl.h"

struct texture;                 /* one GL_TEXTURE_2D_ARRAY */

/* A struct layer_array: textures of the same size and format, in order. */
struct texarray {
    struct layer_array   base;
    uint32_t             per_texture;   /* layers in each but the last */
    uint32_t             ntextures;
    struct texture     **textures;
};

struct texpool {
    const struct gl  *gl;
    uint32_t          max_layers;       /* GL_MAX_ARRAY_TEXTURE_LAYERS */
    struct texture   *free;             /* most recently used first */
    uint64_t          free_bytes;
};

/* GL names of what the shader reads. */
GLuint texture_name(const struct texture *texture);

void texpool_init(struct texpool *pool, const struct gl *gl);
void texpool_finish(struct texpool *pool);

/* Frees pooled textures, least recently used first, down to bytes. */
void texpool_trim(struct texpool *pool, uint64_t bytes);

/* NULL when there is no room (logged). */
struct texarray *texarray_create(struct texpool *pool, uint32_t width,
    uint32_t height, enum layer_format format, uint32_t layers);

/* Gives the textures back to the pool. */
void texarray_destroy(struct texpool *pool, struct texarray *array);

/* false: GL error. */
bool texarray_upload(struct texpool *pool, struct texarray *array,
    uint32_t layer, const void *pixels);

#endif /* DICOM_TEXARRAY_H */
