/*
 * The GL thread: the one thread that owns the renderer.  It draws pictures,
 * copies loaded layers into arrays between them, and frees arrays.
 *
 * Pictures go first, users in turn; uploads get what time is left, and a
 * share of it when pictures never end.
 *
 * Where layers are plain memory (info.direct) there is no reason to wait for
 * it: whoever needs a picture draws it himself, by painter_draw_here().
 */

#ifndef DICOM_PAINTER_H
#define DICOM_PAINTER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "pool.h"
#include "renderer.h"
#include "stack.h"

struct painter;


struct painter_config {
    enum renderer_kind       kind;
    struct renderer_config  renderer;
    unsigned                queue;      /* pictures that may wait, in all */
    unsigned                user_queue; /* ... of one user */
    struct buffers         *pictures;   /* where pixels come from */
};

enum painting_end { PAINTING_DRAWN, PAINTING_CANCELLED, PAINTING_FAILED };

/* One picture to draw.  done runs on the GL thread and takes it over. */
struct painting {
    struct turn        turn;        /* first */
    uint8_t            user[16];
    struct stack      *stack;       /* held by whoever submits */
    uint32_t           layer;
    struct draw        draw;        /* all but array and layer */
    size_t             size;        /* bytes of the pixels */
    struct buffer     *pixels;      /* given when drawn; painter_draw_here()
                                       draws into those that are there */
    atomic_bool        cancelled;   /* by whoever submitted, at any time */
    uint64_t           draw_us;
    void             (*done)(struct painting *painting, enum painting_end end);
};

/*
 * One layer to copy; not copied when its stack is closed.  done runs on the GL
 * thread and takes it over.
 */
struct upload {
    struct upload   *next;
    struct stack    *stack;         /* held by whoever submits */
    uint32_t         layer;
    const void      *texels;
    bool             urgent;        /* a picture waits for it: it goes first */
    void           (*done)(struct upload *upload, const char *slug,
                           const char *detail);     /* slug NULL: resident */
};

struct painter_stats {
    uint64_t  drawn, uploaded;
    uint64_t  draw_us, upload_us;
    unsigned  queued;
    uint64_t  pooled;               /* bytes of unused arrays */
    bool      lost;
};

/* Starts the thread and waits for its renderer.  NULL on failure (logged). */
struct painter *painter_create(const struct painter_config *config);

/* Ends the thread; nothing may be submitted any more.  Accepts NULL. */
void painter_destroy(struct painter *painter);

const struct renderer_info *painter_info(const struct painter *painter);

/* false: too many wait.  Any thread. */
bool painter_draw(struct painter *painter, struct painting *painting);

/*
 * Draws on the calling thread, which may wait until there is room for the
 * pixels; only where info.direct is set.  done is not called.  Any thread.
 */
enum painting_end painter_draw_here(struct painter *painter,
    struct painting *painting);

/*
 * Where a layer of the stack is to be written by its loader, who then has no
 * upload to submit.  NULL: it has, or, with *full set, there is no room.  Any
 * thread; the stack is held.
 */
void *painter_room(struct painter *painter, struct stack *stack,
    uint32_t layer, bool *full);

/* Any thread; the number of uploads is bounded by their buffers. */
void painter_upload(struct painter *painter, struct upload *upload);

/* Frees the stack and its arrays; nobody uses it any more.  Any thread. */
void painter_bury(struct painter *painter, struct stack *stack);

/* How many bytes of unused arrays may be kept for reuse.  Any thread. */
void painter_spare(struct painter *painter, uint64_t bytes);

/* Any thread. */
void painter_stats(struct painter *painter, struct painter_stats *stats);

#endif /* DICOM_PAINTER_H */
