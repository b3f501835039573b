#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "egl.h"
#include "log.h"
#include "texarray.h"

#define TABLES          16
#define TARGETS         8
#define TARGETS_BYTES   (256u * 1024 * 1024)

#define UNIT_LAYERS     0
#define UNIT_TABLE      1

/* As in fragment.glsl */
enum texel { TEXEL_UNSIGNED, TEXEL_SIGNED, TEXEL_FLOAT, TEXEL_RGBA, TEXELS };
enum shade {
    SHADE_TABLE, SHADE_BETWEEN, SHADE_AFFINE, SHADE_CLOSED, SHADE_COLOUR,
    SHADES
};

#define FILTERS  3
#define STEPS    2                      /* any, or whole texels */

#define UNIFORMS(X)                                                           \
    X(u_map_x) X(u_map_y) X(u_map_0) X(u_image) X(u_texel_bits) X(u_table)    \
    X(u_scale) X(u_closed)

struct program {
    GLuint  name;                       /* 0: not built yet */
    bool    failed;
    struct {
#define X(name)  GLint name;
        UNIFORMS(X)
#undef X
    } at;
};

/* A table of grays in a buffer texture */
struct table {
    uint64_t  serial;                   /* 0: free */
    uint64_t  used;
    bool      between;                  /* value[], not display[] */
    GLuint    buffer, texture;
};

/* A framebuffer of one size */
struct target {
    uint32_t  width, height;            /* 0: free */
    bool      colour;
    uint64_t  used;
    GLuint    framebuffer, renderbuffer;
};

struct renderer_gl {
    struct renderer  base;
    struct egl      *egl;
    const struct gl *gl;
    bool             lost;
    uint64_t         clock;             /* counts draws, for the caches */
    GLuint           vertex_array;
    struct texpool   pool;
    struct program   programs[TEXELS][FILTERS][SHADES][STEPS];
    struct table     tables[TABLES];
    struct target    targets[TARGETS];
    uint8_t         *rgba;              /* picture before it is packed */
    size_t           rgba_size;
};

extern const char shader_vertex[];
extern const char shader_fragment[];


static GLuint
shader_compile(const struct gl *gl, GLenum type, const char *defines,
    const char *source)
{
    char         text[1024];
    GLint        ok;
    GLuint       shader;
    const char  *sources[2] = { defines, source };

    shader = gl->CreateShader(type);
    gl->ShaderSource(shader, 2, sources, NULL);
    gl->CompileShader(shader);
    gl->GetShaderiv(shader, GL_COMPILE_STATUS, &ok);

    if (!ok) {
        text[0] = '\0';
        gl->GetShaderInfoLog(shader, sizeof(text), NULL, text);
        log_error("renderer_gl", "shader: %s", text);
        gl->DeleteShader(shader);
        return 0;
    }

    return shader;
}


static void
program_locate(const struct gl *gl, struct program *program)
{
#define X(uniform)                                                            \
    program->at.uniform = gl->GetUniformLocation(program->name, #uniform);

    UNIFORMS(X)

#undef X

    gl->UseProgram(program->name);
    gl->Uniform1i(gl->GetUniformLocation(program->name, "layers"),
                  UNIT_LAYERS);
    gl->Uniform1i(gl->GetUniformLocation(program->name, "display"),
                  UNIT_TABLE);
    gl->Uniform1i(gl->GetUniformLocation(program->name, "value"), UNIT_TABLE);
}


static bool
program_build(const struct gl *gl, struct program *program, enum texel texel,
    enum draw_interpolation filter, enum shade shade, bool whole)
{
    char    defines[160], text[1024];
    GLint   ok;
    GLuint  vertex, fragment;

    snprintf(defines, sizeof(defines), "#version 450 core\n"
             "#define TEXEL %d\n#define FILTER %d\n#define SHADE %d\n"
             "#define WHOLE %d\n#line 1\n", texel, filter, shade, whole);

    ok = 0;
    fragment = 0;
    vertex = shader_compile(gl, GL_VERTEX_SHADER, defines, shader_vertex);

    if (vertex != 0) {
        fragment = shader_compile(gl, GL_FRAGMENT_SHADER, defines,
                                  shader_fragment);
    }

    if (fragment != 0) {
        program->name = gl->CreateProgram();
        gl->AttachShader(program->name, vertex);
        gl->AttachShader(program->name, fragment);
        gl->LinkProgram(program->name);
        gl->GetProgramiv(program->name, GL_LINK_STATUS, &ok);

        if (!ok) {
            text[0] = '\0';
            gl->GetProgramInfoLog(program->name, sizeof(text), NULL, text);
            log_error("renderer_gl", "program: %s", text);
            gl->DeleteProgram(program->name);
            program->name = 0;
        }
    }

    gl->DeleteShader(vertex);
    gl->DeleteShader(fragment);

    if (!ok) {
        program->failed = true;
        return false;
    }

    program_locate(gl, program);

    return true;
}


static enum texel
texel_of(enum layer_format format)
{
    switch (format) {
    case LAYER_R8UI: case LAYER_R16UI: case LAYER_R32UI:
        return TEXEL_UNSIGNED;
    case LAYER_R8I: case LAYER_R16I: case LAYER_R32I:
        return TEXEL_SIGNED;
    case LAYER_R32F:
        return TEXEL_FLOAT;
    default:
        return TEXEL_RGBA;
    }
}


static enum shade
shade_of(const struct draw *draw, enum draw_interpolation filter)
{
    if (draw->voi == NULL) {
        return SHADE_COLOUR;
    }

    if (draw->voi->count == 0 || draw->array->format == LAYER_R32F) {
        return SHADE_CLOSED;
    }

    if (filter == DRAW_NEAREST) {
        return SHADE_TABLE;
    }

    return draw->voi->affine ? SHADE_AFFINE : SHADE_BETWEEN;
}


static void
table_clear(struct renderer_gl *renderer, struct table *table)
{
    renderer->gl->DeleteTextures(1, &table->texture);
    renderer->gl->DeleteBuffers(1, &table->buffer);
    memset(table, 0, sizeof(*table));
}


/* Binds the table's texture, made now unless a recent draw left it. */
static void
table_bind(struct renderer_gl *renderer, const struct voi_table *voi,
    bool between)
{
    struct table     *table, *oldest;
    const struct gl  *gl = renderer->gl;

    oldest = &renderer->tables[0];

    for (table = renderer->tables; table < renderer->tables + TABLES; table++)
    {
        if (table->serial == voi->serial && table->between == between) {
            goto found;
        }

        if (table->used < oldest->used) {
            oldest = table;
        }
    }

    table = oldest;

    if (table->serial != 0) {
        table_clear(renderer, table);
    }

    table->serial = voi->serial;
    table->between = between;

    gl->GenBuffers(1, &table->buffer);
    gl->BindBuffer(GL_TEXTURE_BUFFER, table->buffer);
    gl->BufferData(GL_TEXTURE_BUFFER,
                   between ? voi->count * sizeof(float) : voi->count,
                   between ? (const void *) voi->value : voi->display,
                   GL_STATIC_DRAW);
    gl->GenTextures(1, &table->texture);
    gl->BindTexture(GL_TEXTURE_BUFFER, table->texture);
    gl->TexBuffer(GL_TEXTURE_BUFFER, between ? GL_R32F : GL_R8UI,
                  table->buffer);

found:

    table->used = renderer->clock;
    gl->BindTexture(GL_TEXTURE_BUFFER, table->texture);
}


static void
target_clear(struct renderer_gl *renderer, struct target *target)
{
    renderer->gl->DeleteFramebuffers(1, &target->framebuffer);
    renderer->gl->DeleteRenderbuffers(1, &target->renderbuffer);
    memset(target, 0, sizeof(*target));
}


static uint64_t
target_bytes(uint32_t width, uint32_t height, bool colour)
{
    return (uint64_t) width * height * (colour ? 4 : 1);
}


/* Makes room for one more: the least recently used ones go. */
static struct target *
target_slot(struct renderer_gl *renderer, uint64_t bytes)
{
    struct target  *target, *slot, *oldest;

    for ( ;; ) {
        uint64_t  sum = bytes;

        slot = oldest = NULL;

        for (target = renderer->targets;
             target < renderer->targets + TARGETS; target++)
        {
            if (target->width == 0) {
                slot = target;
                continue;
            }

            sum += target_bytes(target->width, target->height,
                                target->colour);

            if (oldest == NULL || target->used < oldest->used) {
                oldest = target;
            }
        }

        if (oldest == NULL || (slot != NULL && sum <= TARGETS_BYTES)) {
            return slot;
        }

        target_clear(renderer, oldest);
    }
}


static bool
target_bind(struct renderer_gl *renderer, uint32_t width, uint32_t height,
    bool colour)
{
    struct target    *target;
    const struct gl  *gl = renderer->gl;

    for (target = renderer->targets; target < renderer->targets + TARGETS;
         target++)
    {
        if (target->width == width && target->height == height
            && target->colour == colour)
        {
            target->used = renderer->clock;
            gl->BindFramebuffer(GL_FRAMEBUFFER, target->framebuffer);
            return true;
        }
    }

    target = target_slot(renderer, target_bytes(width, height, colour));
    target->width = width;
    target->height = height;
    target->colour = colour;
    target->used = renderer->clock;

    gl->GenRenderbuffers(1, &target->renderbuffer);
    gl->BindRenderbuffer(GL_RENDERBUFFER, target->renderbuffer);
    gl->RenderbufferStorage(GL_RENDERBUFFER, colour ? GL_RGBA8UI : GL_R8UI,
                            width, height);
    gl->GenFramebuffers(1, &target->framebuffer);
    gl->BindFramebuffer(GL_FRAMEBUFFER, target->framebuffer);
    gl->FramebufferRenderbuffer(GL_FRAMEBUFFER, GL_COLOR_ATTACHMENT0,
                                GL_RENDERBUFFER, target->renderbuffer);

    if (gl->CheckFramebufferStatus(GL_FRAMEBUFFER) != GL_FRAMEBUFFER_COMPLETE
        || gl->GetError() != GL_NO_ERROR)
    {
        log_error("renderer_gl", "no framebuffer of %ux%u", width, height);
        target_clear(renderer, target);
        return false;
    }

    return true;
}


/* Two doubles as the four words that packDouble2x32() puts together. */
static void
uniform_doubles(const struct gl *gl, GLint at, double a, double b)
{
    double  pair[2] = { a, b };
    GLuint  words[4];

    memcpy(words, pair, sizeof(words));
    gl->Uniform4uiv(at, 1, words);
}


static void
uniforms_set(const struct gl *gl, const struct program *program,
    const struct draw *draw, const struct draw_map *map, uint32_t layer)
{
    float                    slope, intercept;
    struct draw_bits         bits;
    const struct voi_table  *voi = draw->voi;

    slope = voi != NULL ? voi->slope : 0;
    intercept = voi != NULL ? voi->intercept : 0;

    if (map->whole) {
        gl->Uniform4ui(program->at.u_map_x, map->right[0], map->right[1], 0, 0);
        gl->Uniform4ui(program->at.u_map_y, map->down[0], map->down[1], 0, 0);
        gl->Uniform4ui(program->at.u_map_0, map->first[0], map->first[1], 0, 0);

    } else {
        uniform_doubles(gl, program->at.u_map_x, map->u[0], map->v[0]);
        uniform_doubles(gl, program->at.u_map_y, map->u[1], map->v[1]);
        uniform_doubles(gl, program->at.u_map_0, map->u[2], map->v[2]);
    }

    gl->Uniform4f(program->at.u_scale, slope, intercept,
                  1.0f / draw->array->width, 1.0f / draw->array->height);
    gl->Uniform4i(program->at.u_image, draw->array->width,
                  draw->array->height, layer, draw->background);

    if (voi == NULL) {
        gl->Uniform4ui(program->at.u_texel_bits, 0, 0, 0, draw->invert);
        gl->Uniform4i(program->at.u_table, 0, 0, 0, map->fraction);
        return;
    }

    bits = draw_bits(&voi->bits);
    gl->Uniform4ui(program->at.u_texel_bits, bits.shift, bits.mask, bits.sign,
                   voi->invert);
    gl->Uniform4i(program->at.u_table, voi->first, voi->count,
                  voi->is_sigmoid, map->fraction);
    uniform_doubles(gl, program->at.u_closed, voi->slope, voi->intercept);
}


/* RGB from the RGBA of the framebuffer; drivers are slow at this. */
static void
pack_rgb(uint8_t *to, const uint8_t *from, size_t pixels)
{
    for (size_t i = 0; i < pixels; i++) {
        to[3 * i] = from[4 * i];
        to[3 * i + 1] = from[4 * i + 1];
        to[3 * i + 2] = from[4 * i + 2];
    }
}


static bool
read_back(struct renderer_gl *renderer, const struct draw *draw,
    uint8_t *pixels)
{
    size_t            size;
    uint8_t          *rgba;
    const struct gl  *gl = renderer->gl;

    if (draw->voi != NULL) {
        gl->ReadPixels(0, 0, draw->width, draw->height, GL_RED_INTEGER,
                       GL_UNSIGNED_BYTE, pixels);
        return true;
    }

    size = (size_t) draw->width * draw->height * 4;

    if (renderer->rgba_size < size) {
        rgba = realloc(renderer->rgba, size);
        if (rgba == NULL) {
            log_error("renderer_gl", "out of memory");
            return false;
        }

        renderer->rgba = rgba;
        renderer->rgba_size = size;
    }

    gl->ReadPixels(0, 0, draw->width, draw->height, GL_RGBA_INTEGER,
                   GL_UNSIGNED_BYTE, renderer->rgba);
    pack_rgb(pixels, renderer->rgba, (size_t) draw->width * draw->height);

    return true;
}


/* Any of the three statuses of the specification means a lost context. */
static bool
healthy(struct renderer_gl *renderer)
{
    GLenum  error, status;

    error = renderer->gl->GetError();
    status = renderer->gl->GetGraphicsResetStatus();

    if (status == GL_GUILTY_CONTEXT_RESET
        || status == GL_INNOCENT_CONTEXT_RESET
        || status == GL_UNKNOWN_CONTEXT_RESET || error == GL_CONTEXT_LOST)
    {
        if (!renderer->lost) {
            log_error("renderer_gl", "the GL context was lost, status 0x%x",
                      status);
        }

        renderer->lost = true;
    }

    if (error != GL_NO_ERROR && !renderer->lost) {
        log_error("renderer_gl", "GL error 0x%x", error);
    }

    return error == GL_NO_ERROR && !renderer->lost;
}


static bool
gl_draw(struct renderer *base, const struct draw *draw, uint8_t *pixels)
{
    enum shade           shade;
    enum texel           texel;
    struct draw_map      map;
    struct program      *program;
    struct texarray     *array = (struct texarray *) draw->array;
    const struct gl     *gl;
    struct renderer_gl  *renderer = (struct renderer_gl *) base;

    enum draw_interpolation  filter;

    gl = renderer->gl;

    if (renderer->lost) {
        return false;
    }

    if (!draw_map(draw, &map)) {
        memset(pixels, draw->background,
               (size_t) draw->width * draw->height
               * (draw->voi != NULL ? 1 : 3));
        return true;
    }

    filter = draw_filter(draw, &map);
    filter = filter < FILTERS ? filter : DRAW_LINEAR;
    shade = shade_of(draw, filter);
    texel = texel_of(array->base.format);
    program = &renderer->programs[texel][filter][shade][map.whole];

    if (program->failed
        || (program->name == 0
            && !program_build(gl, program, texel, filter, shade, map.whole)))
    {
        return false;
    }

    renderer->clock++;

    if (!target_bind(renderer, draw->width, draw->height,
                     shade == SHADE_COLOUR))
    {
        return false;
    }

    gl->UseProgram(program->name);
    gl->ActiveTexture(GL_TEXTURE0 + UNIT_TABLE);

    if (shade == SHADE_TABLE || shade == SHADE_BETWEEN) {
        table_bind(renderer, draw->voi, shade == SHADE_BETWEEN);
    }

    gl->ActiveTexture(GL_TEXTURE0 + UNIT_LAYERS);
    gl->BindTexture(GL_TEXTURE_2D_ARRAY,
        texture_name(array->textures[draw->layer / array->per_texture]));

    uniforms_set(gl, program, draw, &map, draw->layer % array->per_texture);

    gl->Viewport(0, 0, draw->width, draw->height);
    gl->DrawArrays(GL_TRIANGLES, 0, 3);

    return read_back(renderer, draw, pixels) && healthy(renderer);
}


static struct layer_array *
gl_array_create(struct renderer *base, uint32_t width, uint32_t height,
    enum layer_format format, uint32_t layers)
{
    struct renderer_gl  *renderer = (struct renderer_gl *) base;

    return (struct layer_array *) texarray_create(&renderer->pool, width,
                                                  height, format, layers);
}


static void
gl_array_destroy(struct renderer *base, struct layer_array *array)
{
    struct renderer_gl  *renderer = (struct renderer_gl *) base;

    texarray_destroy(&renderer->pool, (struct texarray *) array);
}


static uint64_t
gl_pooled(const struct renderer *base)
{
    return ((const struct renderer_gl *) base)->pool.free_bytes;
}


static void
gl_trim(struct renderer *base, uint64_t bytes)
{
    texpool_trim(&((struct renderer_gl *) base)->pool, bytes);
}


static bool
gl_upload(struct renderer *base, struct layer_array *array, uint32_t layer,
    const void *pixels)
{
    struct renderer_gl  *renderer = (struct renderer_gl *) base;

    return !renderer->lost
           && texarray_upload(&renderer->pool, (struct texarray *) array,
                              layer, pixels)
           && healthy(renderer);
}


static bool
gl_lost(const struct renderer *base)
{
    return ((const struct renderer_gl *) base)->lost;
}


static void
gl_destroy(struct renderer *base)
{
    struct program      *program;
    struct renderer_gl  *renderer = (struct renderer_gl *) base;

    if (renderer->vertex_array != 0) {
        for (int i = 0; i < TABLES; i++) {
            table_clear(renderer, &renderer->tables[i]);
        }

        for (int i = 0; i < TARGETS; i++) {
            target_clear(renderer, &renderer->targets[i]);
        }

        program = &renderer->programs[0][0][0][0];

        for (int i = 0; i < TEXELS * FILTERS * SHADES * STEPS; i++) {
            renderer->gl->DeleteProgram(program[i].name);
        }

        renderer->gl->DeleteVertexArrays(1, &renderer->vertex_array);
    }

    texpool_finish(&renderer->pool);
    egl_destroy(renderer->egl);
    free(renderer->rgba);
    free(renderer);
}


static const struct renderer_procs  gl_procs = {
    gl_destroy, gl_array_create, gl_array_destroy, gl_pooled, gl_trim,
    gl_upload, gl_draw, gl_lost, NULL
};


/* A picture by each of two tables, as the image is and enlarged. */
static bool
pre_warm_array(struct renderer_gl *renderer, const struct voi_table tables[2],
    enum layer_format format, uint32_t size)
{
    bool              ok;
    uint8_t           pixels[64 * 64 * 3], zero[8 * 8 * 4] = { 0 };
    struct draw       draw;
    struct renderer  *base = &renderer->base;

    memset(&draw, 0, sizeof(draw));
    draw.width = draw.height = 64;
    draw.interpolation = DRAW_LINEAR;
    draw.array = renderer_array_create(base, size, size, format, 1);
    ok = draw.array != NULL && renderer_upload(base, draw.array, 0, zero);

    for (int i = 0; ok && i < 4; i++) {
        if (i >= 2 && layer_format_size(format) != 2) {
            break;
        }

        draw.matrix[0] = draw.matrix[4] = i % 2 ? 0.75 : 1;
        draw.voi = format == LAYER_RGBA8 ? NULL : &tables[i / 2];
        ok = renderer_draw(base, &draw, pixels);
    }

    renderer_array_destroy(base, draw.array);

    return ok;
}


/*
 * Compiles what most pictures need, by drawing one of each kind: a driver
 * finishes a shader at its first draw.  llvmpipe does so anew for each format,
 * for sizes that are powers of two and those that are not, and for buffers
 * above and below 64 KB.
 */
static bool
pre_warm(struct renderer_gl *renderer)
{
    bool                 ok;
    const char          *error;
    struct voi_table     tables[2];
    struct voi_choice    choice;
    struct dicom_index   index;

    static const enum layer_format  formats[] = {
        LAYER_R16I, LAYER_R16UI, LAYER_R8UI, LAYER_RGBA8
    };

    memset(tables, 0, sizeof(tables));
    memset(&index, 0, sizeof(index));
    ok = true;

    /* a wide window of few bits, and one that is read between its entries */

    for (int i = 0; i < 2; i++) {
        memset(&choice, 0, sizeof(choice));
        choice.has_window = true;
        choice.center = 128;
        choice.width = i == 0 ? 256 : 2;
        index.bits_stored = index.bits_allocated = i == 0 ? 8 : 16;
        index.high_bit = index.bits_stored - 1;
        ok = ok && voi_table_init(&tables[i], &index, 0, &choice, 0, 255,
                                  &error);
    }

    for (size_t i = 0; ok && i < sizeof(formats) / sizeof(formats[0]); i++) {
        ok = pre_warm_array(renderer, tables, formats[i], 8)
             && pre_warm_array(renderer, tables, formats[i], 7);
    }

    renderer_trim(&renderer->base, 0);

    for (int i = 0; i < 2; i++) {
        voi_table_finish(&tables[i]);
    }

    return ok;
}


struct renderer *
renderer_gl_create(const struct renderer_config *config)
{
    GLint                size;
    struct renderer_gl  *renderer;
    struct renderer_info *info;

    renderer = calloc(1, sizeof(*renderer));
    if (renderer == NULL) {
        return NULL;
    }

    renderer->base.procs = &gl_procs;
    renderer->egl = egl_create(config->egl != NULL ? config->egl : "auto",
                               config->device);
    if (renderer->egl == NULL) {
        goto error;
    }

    if (config->gpu_only && renderer->egl->software) {
        goto error;
    }

    renderer->gl = &renderer->egl->gl;
    texpool_init(&renderer->pool, renderer->gl);
    renderer->gl->GenVertexArrays(1, &renderer->vertex_array);
    renderer->gl->BindVertexArray(renderer->vertex_array);
    renderer->gl->Disable(GL_DITHER);
    renderer->gl->PixelStorei(GL_PACK_ALIGNMENT, 1);
    renderer->gl->GetIntegerv(GL_MAX_TEXTURE_SIZE, &size);

    info = &renderer->base.info;
    info->max_dimension = size;
    info->software = renderer->egl->software;
    snprintf(info->description, sizeof(info->description), "GL: %.100s, %.48s",
             (const char *) renderer->gl->GetString(GL_RENDERER),
             renderer->egl->platform);

    if (!pre_warm(renderer)) {
        log_error("renderer_gl", "the shaders do not run here");
        goto error;
    }

    return &renderer->base;

error:

    gl_destroy(&renderer->base);

    return NULL;
}
