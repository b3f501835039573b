/*
 * Brings layers from stored files to the renderer in the background: threads
 * that read, threads that wait for the decoder.  They write where the renderer
 * keeps its layers, or into a small ring of buffers between them and the GL
 * thread.  The layer that a picture waits for goes first; stacks take turns.
 *
 * Layers that somebody waits for have readers of their own; those that read
 * what nobody has asked for yet are nice to everybody else.
 */

#ifndef DICOM_LOADER_H
#define DICOM_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "buffer.h"
#include "frame.h"
#include "painter.h"
#include "stack.h"

struct loader;

struct loader_config {
    struct frame_source  source;
    struct painter      *painter;
    struct mailbox      *mailbox;
    unsigned             readers;       /* threads for native frames, and as
                                           many for those in a hurry */
    unsigned             decoders;      /* threads for the others, beside one
                                           for who has none of them */
    size_t               ring;          /* bytes of frames under way, for
                                           readers and decoders each, and a
                                           quarter for those in a hurry */
};

/* What is known of a layer. */
struct loader_answer {
    enum layer_state  state;
    double            lowest, highest;
    const char       *slug;
    char              detail[220];
};

/* Counts of one stack, for its JSON. */
struct loader_progress {
    uint32_t     loaded, failed;
    const char  *slug;          /* of the first layer that failed, or NULL */
    char         detail[220];
};

struct loader_stats {
    uint64_t  loaded, failed;       /* layers, since the start */
    uint64_t  bytes;                /* of texels */
};

struct loader *loader_create(const struct loader_config *config);

/* Ends the threads; the painter must still run.  Accepts NULL. */
void loader_stop(struct loader *loader);

/* Frees a stopped loader; the painter must have ended.  Accepts NULL. */
void loader_destroy(struct loader *loader);

/*
 * Begins to load all layers of the stack, from layer first on (beyond the
 * last: the last).  Called again it retries the layers that failed.
 */
void loader_open(struct loader *loader, struct stack *stack, uint32_t first);

/* Stops loading, and wakes those who wait.  Main thread. */
void loader_close(struct loader *loader, struct stack *stack);

/*
 * Asks for one layer.  When it is neither resident nor failed it goes to the
 * front, and the stack's wake job is posted once it is.
 */
void loader_want(struct loader *loader, struct stack *stack, uint32_t layer,
    struct loader_answer *answer);

/* Nobody waits for the layer any more. */
void loader_unwant(struct loader *loader, struct stack *stack,
    uint32_t layer);

/*
 * A picture is on its way, from its request to its answer: what nobody waits
 * for is read more slowly meanwhile, as it takes processors and memory away
 * from the first picture most of all.  Each call of loader_yield() needs one of
 * loader_resume().  Any thread.
 */
void loader_yield(struct loader *loader);
void loader_resume(struct loader *loader);

/*
 * The same for a few milliseconds from now on: the first picture of a stack goes
 * to its client, which takes as long as making it.  Any thread.
 */
void loader_grace(struct loader *loader);

/* The wake job has arrived: later layers post it anew.  Main thread. */
void loader_woken(struct loader *loader, struct stack *stack);

void loader_progress(struct loader *loader, const struct stack *stack,
    struct loader_progress *progress);

void loader_stats(struct loader *loader, struct loader_stats *stats);

/* Holds the stack, and lets go of it.  Any thread. */
void stack_hold(struct stack *stack);
void stack_release(struct painter *painter, struct stack *stack);

#endif /* DICOM_LOADER_H */
