#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "texarray.h"

/* llvmpipe refuses textures of 2 GB and more; stay well below */
#define TEXTURE_MAX_BYTES  1900000000u

/* Rows are padded to cache lines, heights to tiles of 4, by most drivers */
#define ROW_ALIGN     64
#define HEIGHT_ALIGN  4


struct texture {
    struct texture    *next;            /* in the pool */
    GLuint             name;
    uint32_t           width, height, layers;
    enum layer_format  format;
    uint64_t           bytes;
};

struct format {
    GLenum  internal, format, type;
};


static struct format
format_of(enum layer_format format)
{
    switch (format) {
    case LAYER_R8UI:
        return (struct format) { GL_R8UI, GL_RED_INTEGER, GL_UNSIGNED_BYTE };
    case LAYER_R8I:
        return (struct format) { GL_R8I, GL_RED_INTEGER, GL_BYTE };
    case LAYER_R16UI:
        return (struct format) { GL_R16UI, GL_RED_INTEGER, GL_UNSIGNED_SHORT };
    case LAYER_R16I:
        return (struct format) { GL_R16I, GL_RED_INTEGER, GL_SHORT };
    case LAYER_R32UI:
        return (struct format) { GL_R32UI, GL_RED_INTEGER, GL_UNSIGNED_INT };
    case LAYER_R32I:
        return (struct format) { GL_R32I, GL_RED_INTEGER, GL_INT };
    case LAYER_R32F:
        return (struct format) { GL_R32F, GL_RED, GL_FLOAT };
    default:
        /* integers: a normalized format would round on its way back */
        return (struct format) { GL_RGBA8UI, GL_RGBA_INTEGER,
                                 GL_UNSIGNED_BYTE };
    }
}


static uint64_t
layer_bytes(uint32_t width, uint32_t height, enum layer_format format)
{
    uint64_t  row, rows;

    row = (uint64_t) width * layer_format_size(format);
    row = (row + ROW_ALIGN - 1) / ROW_ALIGN * ROW_ALIGN;
    rows = ((uint64_t) height + HEIGHT_ALIGN - 1) / HEIGHT_ALIGN
           * HEIGHT_ALIGN;

    return row * rows;
}


GLuint
texture_name(const struct texture *texture)
{
    return texture->name;
}


static void
texture_destroy(struct texpool *pool, struct texture *texture)
{
    pool->gl->DeleteTextures(1, &texture->name);
    free(texture);
}


static struct texture *
texture_create(struct texpool *pool, uint32_t width, uint32_t height,
    enum layer_format format, uint32_t layers)
{
    GLenum            error;
    struct texture   *texture;
    const struct gl  *gl = pool->gl;

    texture = calloc(1, sizeof(*texture));
    if (texture == NULL) {
        return NULL;
    }

    texture->width = width;
    texture->height = height;
    texture->format = format;
    texture->layers = layers;
    texture->bytes = layers * layer_bytes(width, height, format);

    while (gl->GetError() != GL_NO_ERROR && !gl->GetGraphicsResetStatus()) {
        /* not ours: forget it */
    }

    gl->GenTextures(1, &texture->name);
    gl->BindTexture(GL_TEXTURE_2D_ARRAY, texture->name);
    gl->TexStorage3D(GL_TEXTURE_2D_ARRAY, 1, format_of(format).internal,
                     width, height, layers);

    error = gl->GetError();
    if (error != GL_NO_ERROR) {
        log_warn("texarray", "no texture of %ux%ux%u, format %d: GL error "
                 "0x%x", width, height, layers, format, error);
        texture_destroy(pool, texture);
        return NULL;
    }

    gl->TexParameteri(GL_TEXTURE_2D_ARRAY, GL_TEXTURE_MIN_FILTER, GL_NEAREST);
    gl->TexParameteri(GL_TEXTURE_2D_ARRAY, GL_TEXTURE_MAG_FILTER, GL_NEAREST);
    gl->TexParameteri(GL_TEXTURE_2D_ARRAY, GL_TEXTURE_WRAP_S,
                      GL_CLAMP_TO_EDGE);
    gl->TexParameteri(GL_TEXTURE_2D_ARRAY, GL_TEXTURE_WRAP_T,
                      GL_CLAMP_TO_EDGE);

    return texture;
}


/* A pooled texture of the shape, with at most a quarter of it unused. */
static struct texture *
pool_take(struct texpool *pool, uint32_t width, uint32_t height,
    enum layer_format format, uint32_t layers)
{
    struct texture  *texture, **link, **best;

    best = NULL;

    for (link = &pool->free; *link != NULL; link = &(*link)->next) {
        texture = *link;

        if (texture->width == width && texture->height == height
            && texture->format == format && texture->layers >= layers
            && texture->layers <= layers + layers / 4
            && (best == NULL || texture->layers < (*best)->layers))
        {
            best = link;
        }
    }

    if (best == NULL) {
        return NULL;
    }

    texture = *best;
    *best = texture->next;
    texture->next = NULL;
    pool->free_bytes -= texture->bytes;

    return texture;
}


static void
pool_give(struct texpool *pool, struct texture *texture)
{
    texture->next = pool->free;
    pool->free = texture;
    pool->free_bytes += texture->bytes;
}


void
texpool_init(struct texpool *pool, const struct gl *gl)
{
    GLint  layers;

    layers = 256;                       /* what OpenGL promises */
    gl->GetIntegerv(GL_MAX_ARRAY_TEXTURE_LAYERS, &layers);

    memset(pool, 0, sizeof(*pool));
    pool->gl = gl;
    pool->max_layers = layers;
}


void
texpool_finish(struct texpool *pool)
{
    if (pool->gl != NULL) {
        texpool_trim(pool, 0);
    }
}


void
texpool_trim(struct texpool *pool, uint64_t bytes)
{
    struct texture  **link, *texture;

    while (pool->free_bytes > bytes && pool->free != NULL) {
        for (link = &pool->free; (*link)->next != NULL;
             link = &(*link)->next)
        {
            /* to the last */
        }

        texture = *link;
        *link = NULL;
        pool->free_bytes -= texture->bytes;
        texture_destroy(pool, texture);
    }
}


struct texarray *
texarray_create(struct texpool *pool, uint32_t width, uint32_t height,
    enum layer_format format, uint32_t layers)
{
    uint32_t          i, n;
    uint64_t          one, fit;
    struct texture   *texture;
    struct texarray  *array;

    one = layer_bytes(width, height, format);
    fit = TEXTURE_MAX_BYTES / one;

    if (fit == 0) {
        log_error("texarray", "a layer of %ux%u is too large for a texture",
                  width, height);
        return NULL;
    }

    array = calloc(1, sizeof(*array));
    if (array == NULL) {
        return NULL;
    }

    array->base.width = width;
    array->base.height = height;
    array->base.format = format;
    array->base.layers = layers;
    array->per_texture = fit < pool->max_layers ? (uint32_t) fit
                                                : pool->max_layers;
    n = (layers - 1) / array->per_texture + 1;
    array->textures = calloc(n, sizeof(*array->textures));

    if (array->textures == NULL) {
        goto error;
    }

    for (i = 0; i < n; i++) {
        uint32_t  count = i + 1 < n ? array->per_texture
                                    : layers - i * array->per_texture;

        texture = pool_take(pool, width, height, format, count);

        if (texture == NULL) {
            texture = texture_create(pool, width, height, format, count);
        }

        if (texture == NULL && pool->free != NULL) {
            texpool_trim(pool, 0);
            texture = texture_create(pool, width, height, format, count);
        }

        if (texture == NULL) {
            goto error;
        }

        array->textures[array->ntextures++] = texture;
        array->base.bytes += texture->bytes;
    }

    return array;

error:

    texarray_destroy(pool, array);

    return NULL;
}


void
texarray_destroy(struct texpool *pool, struct texarray *array)
{
    for (uint32_t i = 0; i < array->ntextures; i++) {
        pool_give(pool, array->textures[i]);
    }

    free(array->textures);
    free(array);
}


bool
texarray_upload(struct texpool *pool, struct texarray *array, uint32_t layer,
    const void *pixels)
{
    GLint             alignment;
    struct format     format;
    const struct gl  *gl = pool->gl;

    format = format_of(array->base.format);
    alignment = layer_format_size(array->base.format);

    gl->BindTexture(GL_TEXTURE_2D_ARRAY,
                    array->textures[layer / array->per_texture]->name);
    gl->PixelStorei(GL_UNPACK_ALIGNMENT, alignment);
    gl->TexSubImage3D(GL_TEXTURE_2D_ARRAY, 0, 0, 0,
                      layer % array->per_texture, array->base.width,
                      array->base.height, 1, format.format, format.type,
                      pixels);

    return gl->GetError() == GL_NO_ERROR;
}
