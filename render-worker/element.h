/*
 * The elements of a data set, one by one: tag, VR, length, and where the value
 * lies.  Pure: bytes come through a callback.
 */

#ifndef DICOM_ELEMENT_H
#define DICOM_ELEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELEMENT_WINDOW     65536u       /* bytes read at once */
#define ELEMENT_UNDEFINED  0xffffffffu

#define ELEMENT_ITEM          0xfffee000u
#define ELEMENT_ITEM_END      0xfffee00du
#define ELEMENT_SEQUENCE_END  0xfffee0ddu

/* Fills buffer with size bytes from offset on, or fails. */
typedef bool (*element_source)(void *data, uint64_t offset, void *buffer,
    size_t size);

/* Zeroed but for the first four; large: not for a stack. */
struct element_reader {
    uint64_t        end;        /* of what may be read */
    bool            is_big_endian;
    element_source  source;
    void           *data;
    uint64_t        window;     /* offset of buffer */
    size_t          filled;
    uint8_t         buffer[ELEMENT_WINDOW];
};

struct element {
    uint32_t  tag;
    uint32_t  length;           /* ELEMENT_UNDEFINED: until a delimiter */
    uint64_t  value;            /* offset */
    char      vr[3];            /* "" where the file does not say */
    bool      is_sequence;      /* SQ, or of undefined length */
    bool      is_explicit;      /* what its items are in */
};

/* size bytes, at most ELEMENT_WINDOW, at an offset, valid until the next call;
   NULL: they are not there. */
const uint8_t *element_peek(struct element_reader *reader, uint64_t at,
    size_t size);

/* The number that bytes at p are, 2 or 4 of them. */
uint32_t element_number(const struct element_reader *reader,
    const uint8_t *p, unsigned bytes);

/* The element, item or delimiter at an offset; false: there is none. */
bool element_read(struct element_reader *reader, uint64_t at,
    bool is_explicit, struct element *e);

#endif /* DICOM_ELEMENT_H */
