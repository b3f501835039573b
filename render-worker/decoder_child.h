/*
 * What the parent and a decoder child say to each other: one call, one reply,
 * each one packet.  A call carries two descriptors: the file, and the memfd for
 * the result.
 */

#ifndef DICOM_DECODER_CHILD_H
#define DICOM_DECODER_CHILD_H

#include "codec.h"
#include "sandbox.h"

#define CHILD_CALL_MAGIC   0x4c4c4143u
#define CHILD_REPLY_MAGIC  0x594c5052u

/* Transfer syntaxes, or how they begin, whose frames are one stream */
#define CHILD_DEFLATED     "1.2.840.10008.1.2.1.99"
#define CHILD_VIDEO        "1.2.840.10008.1.2.4.10"

/*
 * Of the result of a header call: fields, then the encoded index.  Less than
 * WIRE_MAX_META, so that what ingest adds fits as well.
 */
#define CHILD_HEADER_SIZE  (1020u * 1024)

/* Of a file's metadata, or of a value that has to be converted. */
#define CHILD_CONTENT_SIZE  (64u * 1024 * 1024)

enum child_task {
    CHILD_HEADER = 1, CHILD_FRAME = 2,
    CHILD_METADATA = 3,         /* -> JSON */
    CHILD_VALUE = 4             /* -> struct child_value, maybe bytes */
};

enum child_place {
    CHILD_VALUE_NONE = 0,
    CHILD_VALUE_FILE,           /* at offset, length bytes */
    CHILD_VALUE_HERE,           /* behind the struct, converted */
    CHILD_VALUE_FRAMES          /* encapsulated */
};

struct child_value {
    uint32_t  place;            /* enum child_place */
    uint32_t  reserved;
    uint64_t  offset, length;
};

struct child_call {
    uint32_t  magic;
    uint32_t  task;             /* enum child_task */
    uint64_t  file_size;
    uint64_t  file_id[3];       /* the same as long as the bytes are */
    uint64_t  memory;           /* what the child may take, bytes */
    uint64_t  result_size;      /* of the memfd */

    /* of a frame */
    uint64_t  pixels_offset;    /* of the first frame */
    uint64_t  offset, length;   /* the frame's span */
    uint32_t  frame;
    uint32_t  rows, columns;
    uint16_t  samples, bits_allocated, bits_stored, high_bit;
    uint8_t   is_signed, planar, photometric, sample;
    char      syntax[68];

    char      text[1536];       /* of metadata: a URL; of a value: its path */
};

struct child_reply {
    uint32_t  magic;
    uint32_t  status;           /* enum decoder_status */
    uint32_t  fields_length;
    uint32_t  index_length;
    uint32_t  photometric;
    char      detail[200];
};

/*
 * The life of a child, from fork to exit: enters the sandbox and answers calls
 * on socket until it is closed.
 */
_Noreturn void decoder_child_run(const struct sandbox *sandbox, int socket,
    uint64_t memory, unsigned seconds);

#endif /* DICOM_DECODER_CHILD_H */
