/*
 * One part of a series (series.h) made ready for drawing: its instances, the order of its layers,
 * and the arrays that hold their texels.  Shared by the leases of any number
 * of users; what a lease is, session.h says.
 *
 * Everything but the fields marked otherwise is fixed when stack_create()
 * returns.
 */

#ifndef DICOM_STACK_H
#define DICOM_STACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bands.h"
#include "geometry.h"
#include "index.h"
#include "pool.h"
#include "renderer.h"
#include "series.h"
#include "voi.h"
#include "wire.h"

enum layer_state {
    LAYER_ABSENT = 0,       /* nobody has begun */
    LAYER_LOADING,          /* being read, or read and waiting for upload */
    LAYER_RESIDENT,
    LAYER_FAILED
};

/* Who can load a layer. */
enum layer_way { WAY_READ = 0, WAY_DECODE = 1, WAY_COUNT = 2 };

#define LAYER_NONE  UINT32_MAX

struct layer {
    uint32_t        instance;       /* of stack->instances */
    uint32_t        frame;
    uint16_t        group;          /* of stack->groups */
    uint8_t         way;            /* enum layer_way */
    bool            placed;         /* has a slot: it can be loaded */
    uint32_t        slot;           /* within the group */

    /* of the loader, under its mutex */
    uint8_t         state;          /* enum layer_state */
    bool            wanted;         /* a picture waits for it */
    bool            listed;         /* is in the list of its way */
    uint32_t        next;           /* in that list */
    double          lowest, highest;
    const char     *slug;           /* failed: why, a literal */
    char           *detail;         /* owned */
};

struct stack_instance {
    char               *location;   /* owned */
    struct dicom_index  index;
    uint32_t            voi_class;  /* equal for equal VOI attributes */
    uint32_t            first_frame;    /* of stack->layer_of */
};

/*
 * Layers of one size and format.  Their texels are in several arrays, each
 * made when the first of its layers arrives: making all of them at once would
 * hold up the first picture.
 */
struct layer_group {
    uint32_t              width, height;
    enum layer_format     format;
    uint32_t              count;
    uint32_t              chunk;        /* layers of one array */
    size_t                layer_bytes;
    struct layer_array  **arrays;       /* of the painter */
};

/* What there is to open in the series. */
struct stack_part {
    uint32_t  layers, rows, columns;
    char      description[SERIES_TEXT];
    char      letters[4][4];            /* edges of the first layer */
    char      first[65];                /* its SOP Instance UID */
};

/* A list of layers that pictures wait for, first come first served. */
struct layer_list {
    uint32_t  first, last;
};

/* A table kept for the next picture with the same window. */
struct stack_voi {
    struct voi_table  table;
    atomic_uint       users;
    struct voi_choice asked, shown;
    uint32_t          voi_class;
    double            slope, intercept, lowest, highest;
    uint8_t           function;     /* of the frame, as are its LUTs */
    uint32_t          nluts, first_lut;
    uint32_t          nwindows;
    struct dicom_window  windows[4];
};

#define STACK_VOI_TABLES  8

struct stack {
    atomic_uint             users;      /* leases, loads, pictures */
    uint8_t                 key[32];    /* equal for equal contents */
    uint8_t                 owner[16];  /* whose decoder child it uses */
    char                    study[72], series[72];

    uint32_t                ninstances, nlayers, ngroups;
    struct stack_instance  *instances;
    struct layer           *layers;
    struct layer_group     *groups;
    uint32_t                part;       /* of parts */
    uint32_t                nparts;
    struct stack_part      *parts;      /* all of the series, for people */
    struct series_part      shape;      /* of this part; first is 0 */
    uint32_t                nstates;    /* presentation states: states.h */
    struct stack_state     *states;
    uint32_t               *layer_of;   /* of each instance's frames, when
                                           there are states */
    uint64_t                bytes;      /* of texels */
    uint64_t                cost;       /* bytes, and what the indexes take */
    bool                    lossy;

    /* of the loader, under its mutex */
    struct stack           *prev, *next;
    bool                    linked;
    atomic_bool             closed;     /* nobody needs more layers of it */
    struct layer_list       wanted[WAY_COUNT];
    uint32_t                cursor[WAY_COUNT];
    uint32_t                pending[WAY_COUNT];  /* layers absent */
    uint32_t                loaded, failed;
    bool                    waking;     /* wake is on its way */
    struct job              wake;       /* tells main that layers came */
    void                   *worker;     /* of whoever handles wake */

    /* of the main thread */
    struct stack           *shelf_prev, *shelf_next;
    unsigned                leases, pictures;   /* pictures pin it */
    bool                    shown;      /* a picture of it was made */
    uint64_t                used;       /* tick of the last use */
    struct request         *waiting;    /* for layers */
    struct stack_voi       *tables[STACK_VOI_TABLES];

    struct stack           *dead_next;  /* of the GL thread, at the end */
};

/* The body of WIRE_OPEN, and what it meets here. */
struct stack_request {
    const uint8_t  *body;
    size_t          length;
    uint8_t         key[32];            /* by stack_key() */
    uint8_t         owner[16];
    uint32_t        max_dimension;      /* of a layer, pixels */
    bool            direct;             /* the renderer's info.direct */
    struct bands   *bands;              /* to help with many, or NULL */
};

/* Why there is no stack; the slugs are part of the contract. */
struct stack_refusal {
    unsigned     status;                /* of HTTP */
    const char  *slug, *detail;         /* literals */
};

/*
 * What tells the stack that body asks for from others: all of body but the
 * lease's name and where to begin.  false: it is too short to be one, or
 * memory is.  Any thread.
 */
bool stack_key(const uint8_t *body, size_t length, uint8_t key[32]);

/* Builds a stack.  NULL: *refusal says why.  Any thread. */
struct stack *stack_create(const struct stack_request *request,
    struct stack_refusal *refusal);

/* Frees it; its arrays must be gone.  Accepts NULL. */
void stack_destroy(struct stack *stack);

static inline const struct dicom_index *
stack_index(const struct stack *stack, uint32_t layer)
{
    return &stack->instances[stack->layers[layer].instance].index;
}

/*
 * The display table of layer under choice, from the stack's cache where it
 * can be; *shown is what is in effect.  The caller gives it back with
 * stack_voi_release().  NULL: see voi_table_init().  Main thread; the layer
 * is resident.
 */
struct stack_voi *stack_voi(struct stack *stack, uint32_t layer,
    const struct voi_choice *choice, double lowest, double highest,
    const char **error);

/* Accepts NULL.  Any thread. */
void stack_voi_release(struct stack_voi *voi);

#endif /* DICOM_STACK_H */
