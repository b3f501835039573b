/*
 * All rooms of the render worker together, and what each request does with
 * them.
 */

#ifndef DICOM_WORKER_H
#define DICOM_WORKER_H

#include <stdbool.h>
#include <stdint.h>

#include "bands.h"
#include "decoder.h"
#include "ingest.h"
#include "loader.h"
#include "painter.h"
#include "pool.h"
#include "request.h"
#include "session.h"

struct worker_config {
    struct store           *store;
    struct decoder         *decoder;
    enum renderer_kind       renderer;
    struct renderer_config  egl;
    uint64_t                idle_ms;
    uint64_t                budget;         /* bytes; 0: by the machine */
    uint64_t                user_budget;    /* bytes; 0: half the budget */
    unsigned                children;
};

struct worker_counts {
    uint64_t  requests[WIRE_TYPES]; /* by type */
    uint64_t  refused[6];           /* by hundreds of the status */
    uint64_t  pictures, cancelled;  /* cancelled: before they were drawn */
    uint64_t  picture_bytes, encode_us, queue_us;
    uint64_t  built;                /* stacks whose indexes were decoded */
};

/* Who looks at small pictures. */
struct looker {
    uint8_t   user[16];
    uint64_t  last_us;                  /* when one was asked for; 0: never */
};

struct worker {
    struct worker_config  config;
    struct mailbox        mailbox;
    struct objects       *objects;
    struct frame_source   source;
    struct buffers        pictures;     /* pixels on their way out */
    struct painter       *painter;
    struct loader        *loader;
    struct session       *session;
    struct pool          *encoders;     /* small pictures to bytes */
    struct pool          *patient;      /* large ones, which give way */
    struct bands         *bands;        /* helps those, and lonely ones */
    unsigned              in_work;      /* pictures being drawn or encoded, */
    unsigned              small;        /* and small ones of these */
    bool                  direct;       /* the renderer's info.direct */
    bool                  crowded;      /* more waits for the main thread */
    struct looker         lookers[2];   /* the latest first */
    unsigned              spare;        /* processors left to them */
    struct pool          *openers;      /* stacks, lists of layers */
    struct pool          *readers;      /* pixels, roi: these may decode */
    struct pool          *ingesters;    /* uploads */
    struct follower      *follower;     /* of those on their way */
    unsigned              threads;      /* processors */
    unsigned              connections;  /* of the server, for metrics */
    size_t                answers;      /* bytes that nginx has not taken */
    bool                  lost;         /* renderer or zygote: end with 75 */
    bool                  draining;
    bool                  ending;       /* the pools are going: no more work */
    struct worker_counts  counts;
};

/* false on failure (logged).  Before: block signals, fork the zygote. */
bool worker_init(struct worker *worker, const struct worker_config *config);
void worker_finish(struct worker *worker);

/* The size of body that type may have; false: no such type. */
bool worker_body_bounds(unsigned type, uint32_t *least, uint32_t *most);

/* Takes a complete request.  Main thread. */
void worker_handle(struct worker *worker, struct request *request);

/* Every second or so. */
void worker_tick(struct worker *worker);

/* Handlers: open.c, picture.c, probe.c, content.c */
void open_handle(struct worker *worker, struct request *request);
/* The JSON of the stack that request's user has as id. */
void open_json(const struct worker *worker, const struct stack *stack,
    const uint8_t id[16], struct json *json);
void open_status(struct worker *worker, struct request *request);
void open_layers(struct worker *worker, struct request *request);
void open_state(struct worker *worker, struct request *request);
void open_release(struct worker *worker, struct request *request);
void picture_handle(struct worker *worker, struct request *request);
void probe_handle(struct worker *worker, struct request *request);
void content_handle(struct worker *worker, struct request *request);

/* Layers arrived for pictures that wait: the stack's wake job. */
void picture_wake(struct job *job);

/*
 * The stack that request names, for as long as the request takes: pinned
 * until worker_unpin().  NULL: the request was answered.
 */
struct stack *worker_pin(struct worker *worker, struct request *request,
    const uint8_t id[16], uint32_t layer);
void worker_unpin(struct worker *worker, struct stack *stack);

/* The user asks for a small picture.  Main thread. */
void worker_note_small(struct worker *worker, const uint8_t user[16]);

/*
 * The user asks for a large picture.  One processor is left alone by all of
 * these while somebody else looks at small ones: niceness does not keep two
 * threads that share a core, or the memory, from halving each other's speed.
 * Main thread.
 */
void worker_leave_room(struct worker *worker, const uint8_t user[16]);

#endif /* DICOM_WORKER_H */
