/*
 * What the renderers share behind renderer.h.
 */

#ifndef DICOM_RENDERER_IMPL_H
#define DICOM_RENDERER_IMPL_H

#include "renderer.h"

struct renderer_procs {
    void (*destroy)(struct renderer *renderer);
    struct layer_array *(*array_create)(struct renderer *renderer,
        uint32_t width, uint32_t height, enum layer_format format,
        uint32_t layers);
    void (*array_destroy)(struct renderer *renderer,
        struct layer_array *array);
    uint64_t (*pooled)(const struct renderer *renderer);
    void (*trim)(struct renderer *renderer, uint64_t bytes);
    bool (*upload)(struct renderer *renderer, struct layer_array *array,
        uint32_t layer, const void *pixels);
    bool (*draw)(struct renderer *renderer, const struct draw *draw,
        uint8_t *pixels);
    bool (*lost)(const struct renderer *renderer);
    void *(*layer)(struct layer_array *array, uint32_t layer);  /* or NULL */
};

/* First member of every renderer */
struct renderer {
    const struct renderer_procs  *procs;
    struct renderer_info          info;
};

/* First member of every array */
struct layer_array {
    uint32_t           width, height, layers;
    enum layer_format  format;
    uint64_t           bytes;
};

/*
 * The map of a draw as both renderers walk it: position of the picture pixel
 * x, y in the image, in units of 2^-fraction pixels, is the low 32 bits of
 * (u[1] (y + 0.5) + u[2]) + u[0] (x + 0.5), a double; v likewise.
 */
struct draw_map {
    double    u[3], v[3];
    unsigned  fraction;             /* bits */
    bool      whole;                /* each pixel is the middle of a texel */
    uint32_t  first[2];             /* whole: u and v of the first pixel, */
    uint32_t  right[2], down[2];    /* and how far its neighbours are */
};

/*
 * false: the image is far too small to be seen, all is background.
 *
 * A pure shift, flip or quarter turn by whole pixels that missed its integers
 * by rounding errors only is put back on them, so that pixel centres are hit
 * exactly.
 */
bool draw_map(const struct draw *draw, struct draw_map *map);

/*
 * What is to be done between texels.  A picture whose pixels all are the middle
 * of one, as those of the image's own size, whichever way they are turned, shows
 * texels as they are: with no way to go to the next one, interpolation has no
 * other result than the nearest texel.
 */
enum draw_interpolation draw_filter(const struct draw *draw,
    const struct draw_map *map);

/*
 * Stored value of a texel: ((texel >> shift & mask) ^ sign) - sign, in 32-bit
 * arithmetic that wraps.
 */
struct draw_bits {
    uint32_t  shift, mask, sign;
};

struct draw_bits draw_bits(const struct voi_bits *bits);

#endif /* DICOM_RENDERER_IMPL_H */
