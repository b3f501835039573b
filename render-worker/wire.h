/*
 * The protocol between nginx and the render worker, the only file that both
 * sides include.
 *
 * One stream connection over a Unix socket carries requests and responses in
 * turn: a 32-byte request header and its body, then a response header, its
 * meta block and its body.  The worker never writes unasked, so an idle
 * connection can be kept by nginx's keepalive.  End of file from nginx while a
 * request is in progress cancels it.
 *
 * All numbers are little-endian and stand at their natural alignment; the
 * structs have no holes, which the assertions at the end prove.  Both sides
 * run on one machine, and neither trusts the other's lengths.
 */

#ifndef DICOM_WIRE_H
#define DICOM_WIRE_H

#include <stddef.h>
#include <stdint.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "wire.h needs a little-endian machine"
#endif

#define WIRE_REQUEST_MAGIC   0x51574444u   /* "DDWQ" */
#define WIRE_RESPONSE_MAGIC  0x52574444u   /* "DDWR" */
#define WIRE_VERSION         2

/* Bounds that both sides enforce before they allocate. */
#define WIRE_MAX_REQUEST     (64u * 1024 * 1024)
#define WIRE_MAX_META        (1024u * 1024)
#define WIRE_MAX_INSTANCES   65536u
#define WIRE_MAX_STATES      256u          /* presentation states of a stack */
#define WIRE_UID_SIZE        65            /* PS3.5 9.1: 64 characters, NUL */
#define WIRE_MAX_VIEWPORT    16384u        /* pixels a side */
#define WIRE_MAX_CONTENT     (256u * 1024 * 1024)   /* metadata, value, frame */
#define WIRE_MAX_TEXT        1500u         /* of struct wire_content */
#define WIRE_LEAST_BYTES     1024u         /* a JPEG of one pixel has 700 */

/* What a view may ask for: farther is beyond any image, and products of these
   stay finite.  The narrowest linear window is 1 (PS3.3 C.11.2.1.2.1). */
#define WIRE_MAX_VALUE       1e12          /* of a window, in modality units */
#define WIRE_MIN_WINDOW      1.0
#define WIRE_MIN_WINDOW_EXACT  1e-9        /* of functions but the linear one */
#define WIRE_MIN_ZOOM        1e-3
#define WIRE_MAX_ZOOM        1e4
#define WIRE_MAX_PAN         1e7           /* pixels of the viewport */
#define WIRE_MAX_ROTATE      1e6           /* degrees */

enum wire_type {
    WIRE_HEALTH  = 1,    /* no body -> JSON body */
    WIRE_METRICS = 2,    /* no body -> Prometheus text body */
    WIRE_INGEST  = 3,    /* struct wire_ingest -> meta of wire_field */
    WIRE_OPEN    = 4,    /* struct wire_open -> JSON body, status 202 */
    WIRE_STATUS  = 5,    /* struct wire_stack -> JSON body */
    WIRE_RELEASE = 6,    /* struct wire_stack -> no body, status 204 */
    WIRE_RENDER  = 7,    /* struct wire_render -> struct wire_picture, bytes */
    WIRE_PIXEL   = 8,    /* struct wire_pixel -> JSON body */
    WIRE_ROI     = 9,    /* struct wire_roi -> JSON body */
    WIRE_DISCARD = 10,   /* struct wire_discard: remove an object that no row
                            names -> 204; 404: it is gone already; 409: an
                            upload has it in its hands */
    WIRE_LAYERS  = 11,   /* struct wire_stack -> JSON body, the layer list */
    WIRE_STATE   = 12,   /* struct wire_state -> JSON body, one presentation
                            state with its graphics */
    WIRE_METADATA = 13,  /* struct wire_content -> JSON body, DICOM's model */
    WIRE_VALUE   = 14,   /* struct wire_content -> struct wire_value, and the
                            bytes unless they are in the object as they are;
                            404: there is no such value */
    WIRE_FRAME   = 15,   /* struct wire_content -> the frame's bytes; or, as the
                            flags allow, struct wire_value: where they are */
    WIRE_SHOW    = 16,   /* struct wire_render, then as WIRE_OPEN: opens the
                            stack and draws one picture of it -> struct
                            wire_picture and the stack's JSON, bytes; 202 */
    WIRE_FOLLOW  = 17,   /* struct wire_ingest -> 204: the file at path, which
                            is still written, is hashed as it grows, for its
                            WIRE_INGEST; a refusal changes nothing */
    WIRE_TYPES           /* one more than the last */
};

struct wire_request {
    uint32_t  magic;
    uint16_t  version;
    uint16_t  type;         /* enum wire_type */
    uint32_t  length;       /* of the body, bytes */
    uint32_t  flags;        /* 0 */
    uint8_t   user[16];     /* first half of SHA-256 of the token's sub */
};

/*
 * status is an HTTP status.  For 4xx and 5xx the meta block is a slug, a NUL,
 * and a detail in UTF-8 (both printable, neither with a path of the server):
 * nginx makes the problem+json of them.
 */
struct wire_response {
    uint32_t  magic;
    uint16_t  version;
    uint16_t  type;         /* of the request */
    uint16_t  status;
    uint16_t  retry_after;  /* seconds, for 503 */
    uint32_t  meta_length;
    uint64_t  body_length;
    uint32_t  queue_us;     /* Server-Timing, microseconds */
    uint32_t  draw_us;
    uint32_t  read_us;
    uint32_t  encode_us;
};

enum wire_ingest_flags {
    WIRE_INGEST_OBJECT = 1  /* path is an object's location: nothing enters */
};

/* Followed by path: relative to the store, no NUL, no "..". */
struct wire_ingest {
    uint32_t  path_length;
    uint32_t  flags;        /* enum wire_ingest_flags */
};

/* Followed by location: the object's, as WIRE_F_LOCATION gives it, no NUL. */
struct wire_discard {
    uint32_t  location_length;
    uint32_t  before;       /* seconds since 1970: only if no upload has
                               touched it since */
};

/*
 * The meta block of a successful WIRE_INGEST is a run of these, each followed
 * by length bytes of UTF-8 (WIRE_F_INDEX: opaque bytes), unpadded.  Absent
 * attributes are left out.  Values are trimmed of DICOM padding, without
 * control characters, and at most 1024 bytes (WIRE_F_INDEX: WIRE_MAX_META).
 */
struct wire_field {
    uint16_t  tag;          /* enum wire_field_tag */
    uint16_t  reserved;
    uint32_t  length;
};

enum wire_field_tag {
    WIRE_F_STUDY_UID = 1,
    WIRE_F_SERIES_UID,
    WIRE_F_INSTANCE_UID,
    WIRE_F_SOP_CLASS,
    WIRE_F_TRANSFER_SYNTAX,
    WIRE_F_MD5,                  /* 32 hexadecimal digits, of the file */
    WIRE_F_LOCATION,             /* path relative to the store */
    WIRE_F_SIZE,                 /* decimal, bytes */
    WIRE_F_CREATED,              /* "1": this call made the stored file */
    WIRE_F_INDEX,                /* index.h; kept by nginx, never read */

    WIRE_F_PATIENT_ID,
    WIRE_F_PATIENT_ISSUER,
    WIRE_F_PATIENT_NAME,         /* alphabetic group, "^" kept */
    WIRE_F_PATIENT_BIRTH_DATE,   /* YYYY-MM-DD, absent when not a date */
    WIRE_F_PATIENT_SEX,
    WIRE_F_STUDY_DATE,           /* YYYY-MM-DD */
    WIRE_F_STUDY_TIME,           /* HH:MM:SS */
    WIRE_F_STUDY_ID,
    WIRE_F_STUDY_DESCRIPTION,
    WIRE_F_ACCESSION_NUMBER,
    WIRE_F_REFERRING_PHYSICIAN,
    WIRE_F_MODALITY,
    WIRE_F_SERIES_NUMBER,        /* decimal */
    WIRE_F_SERIES_DESCRIPTION,
    WIRE_F_BODY_PART,
    WIRE_F_INSTANCE_NUMBER,      /* decimal */
    WIRE_F_ROWS,
    WIRE_F_COLUMNS,
    WIRE_F_FRAMES,               /* 0: no picture */
    WIRE_F_ASSIGNED              /* which of sop_class, instance, series, study
                                    (a blank between) the file did not name and
                                    the worker did (identity.h) */
};

/* stack: chosen by nginx, random; its first 8 bytes choose the worker. */
struct wire_stack {
    uint8_t   stack[16];
};

/* The instances are not taken apart. */
#define WIRE_PART_WHOLE      UINT32_MAX

/* Of a WIRE_SHOW, whose client does not know yet how many there are. */
#define WIRE_LAYER_MIDDLE    UINT32_MAX

/* One presentation state of a stack. */
struct wire_state {
    uint8_t   stack[16];
    char      uid[72];      /* SOP Instance UID, NUL-padded */
};

/*
 * Followed by count times struct wire_instance, each with its strings, then by
 * states times the same, of the study's presentation states, whose locations
 * are empty.  The order is the database's; the worker sorts images by geometry
 * and keeps the states that are for one of them.
 */
struct wire_open {
    uint8_t   stack[16];
    uint32_t  count;
    uint32_t  layer;        /* loaded first, from 0; beyond the last: the last;
                               WIRE_SHOW: that of its wire_render instead */
    uint32_t  part;         /* of the series (series.h), from 0, the one of most
                               layers; or WIRE_PART_WHOLE */
    uint32_t  states;
    char      study[72];    /* NUL-padded */
    char      series[72];
};

/* Followed by location, then index, unpadded. */
struct wire_instance {
    char      uid[72];      /* SOP Instance UID, NUL-padded */
    uint32_t  location_length;
    uint32_t  index_length;
};

enum wire_content_flags {
    WIRE_FRAME_DECODED = 1, /* the samples, not the stored code stream */
    WIRE_FRAME_PLACE = 2    /* bytes that the object has in one piece are not
                               sent: WIRE_VALUE_OBJECT */
};

/*
 * What one stored object holds.  Followed by location, then text (of metadata:
 * what its bulk data URIs begin with; of a value: its path, metadata.h), then
 * index (of a frame), unpadded.
 */
struct wire_content {
    uint32_t  location_length;
    uint32_t  text_length;
    uint32_t  index_length;
    uint32_t  frame;        /* from 0 */
    uint32_t  flags;        /* enum wire_content_flags */
    uint32_t  reserved;
};

enum wire_place {
    WIRE_VALUE_OBJECT = 1,  /* at offset of the object, length bytes */
    WIRE_VALUE_BODY = 2,    /* the body of the answer */
    WIRE_VALUE_FRAMES = 3   /* it is encapsulated: frames */
};

struct wire_value {
    uint32_t  place;        /* enum wire_place */
    uint32_t  reserved;
    uint64_t  offset;
    uint64_t  length;
};

enum wire_voi {
    WIRE_VOI_FILE = 0,      /* what the file says */
    WIRE_VOI_LINEAR = 1, WIRE_VOI_LINEAR_EXACT = 2, WIRE_VOI_SIGMOID = 3,
    WIRE_VOI_LUT = 4,
    WIRE_VOI_STATE = 5      /* the presentation state's VOI LUT; in answers */
};
enum wire_interpolation {
    WIRE_NEAREST = 0, WIRE_LINEAR = 1, WIRE_CUBIC = 2
};
enum wire_format { WIRE_PNG = 0, WIRE_JPEG = 1 };
enum wire_flip { WIRE_FLIP_H = 1, WIRE_FLIP_V = 2 };

/* Bits of wire_render.set: which of the optional parameters were given. */
enum wire_render_set {
    WIRE_SET_WINDOW = 1,    /* center and window */
    WIRE_SET_SIZE = 2,      /* width and height; else the layer's own size */
    WIRE_SET_WINDOW_INDEX = 4,  /* voi_index names one of the file's windows */
    WIRE_SET_ZOOM = 8,      /* these matter with a presentation state only: */
    WIRE_SET_PAN = 16,      /* what is not set is as the state says */
    WIRE_SET_ROTATE = 32,
    WIRE_SET_FLIP = 64,
    WIRE_SET_OVERLAYS = 128,
    WIRE_SET_FRAME = 256    /* layer is a frame, from 0, of the stack's only
                               instance */
};

struct wire_render {
    uint8_t   stack[16];
    uint32_t  layer;        /* from 0; of WIRE_SHOW also WIRE_LAYER_MIDDLE */
    uint32_t  set;
    uint32_t  width;        /* viewport, pixels */
    uint32_t  height;
    uint8_t   voi;          /* enum wire_voi */
    uint8_t   voi_index;    /* VOI LUT or window of the file, from 0 */
    uint8_t   invert;
    uint8_t   flip;         /* enum wire_flip, or-ed */
    uint8_t   interpolation;
    uint8_t   format;
    uint8_t   quality;      /* JPEG, 1 to 100 */
    uint8_t   overlays;
    double    center;       /* modality units */
    double    window;
    double    zoom;         /* 1: the whole image fits the viewport */
    double    pan_x;        /* viewport pixels, to the right */
    double    pan_y;        /* down */
    double    rotate;       /* degrees, clockwise */
    char      state[72];    /* presentation state, NUL-padded; empty: none */
    uint8_t   shutter;      /* 1: what the shutter hides is hidden */
    uint8_t   reserved[3];
    uint32_t  max_bytes;    /* of a JPEG, at least WIRE_LEAST_BYTES: quality,
                               then size go down until it fits; 0: any */
};

/* Meta of a WIRE_RENDER answer: what the picture really shows. */
struct wire_picture {
    char      instance[72];
    uint32_t  frame;        /* from 0 */
    uint32_t  layer;
    uint32_t  width;
    uint32_t  height;
    uint8_t   sha256[32];   /* of the pixels, rows from the top, 1 byte gray or
                               3 bytes RGB a pixel, before encoding */
    uint8_t   lossy;        /* 1: source or encoding lost something */
    uint8_t   format;       /* enum wire_format */
    uint8_t   voi;          /* enum wire_voi, never WIRE_VOI_FILE for gray */
    uint8_t   voi_index;
    uint8_t   invert;
    uint8_t   flip;
    uint8_t   interpolation;
    uint8_t   samples;      /* 1 gray, 3 RGB */
    double    center;       /* NaN for colour and LUTs */
    double    window;
    double    zoom;
    double    pan_x;
    double    pan_y;
    double    rotate;
    uint8_t   overlays;
    uint8_t   quality;
    uint8_t   shutter;      /* 1: a shutter hides a part */
    uint8_t   reserved[5];
    char      state[72];    /* presentation state in effect, or empty */
};

struct wire_pixel {
    uint8_t   stack[16];
    uint32_t  layer;
    uint32_t  reserved;
    int32_t   x;            /* column, from 0 */
    int32_t   y;            /* row */
};

enum wire_shape { WIRE_RECTANGLE = 1, WIRE_ELLIPSE = 2, WIRE_POLYGON = 3 };

/* Followed by points times two doubles x, y: image pixel coordinates, the
   centre of the first pixel at 0.5, 0.5; rectangle and ellipse: two corners. */
struct wire_roi {
    uint8_t   stack[16];
    uint32_t  layer;
    uint32_t  shape;
    uint32_t  points;       /* at most 1024 */
    uint32_t  reserved;
};

_Static_assert(sizeof(struct wire_request) == 32, "wire_request");
_Static_assert(sizeof(struct wire_response) == 40, "wire_response");
_Static_assert(sizeof(struct wire_ingest) == 8, "wire_ingest");
_Static_assert(sizeof(struct wire_discard) == 8, "wire_discard");
_Static_assert(sizeof(struct wire_field) == 8, "wire_field");
_Static_assert(sizeof(struct wire_state) == 88, "wire_state");
_Static_assert(sizeof(struct wire_open) == 176, "wire_open");
_Static_assert(sizeof(struct wire_instance) == 80, "wire_instance");
_Static_assert(sizeof(struct wire_render) == 168, "wire_render");
_Static_assert(sizeof(struct wire_picture) == 256, "wire_picture");
_Static_assert(sizeof(struct wire_content) == 24, "wire_content");
_Static_assert(sizeof(struct wire_value) == 24, "wire_value");
_Static_assert(sizeof(struct wire_pixel) == 32, "wire_pixel");
_Static_assert(sizeof(struct wire_roi) == 32, "wire_roi");

#endif /* DICOM_WIRE_H */
