/*
 * Where the frames of encapsulated pixel data lie (PS3.5 A.4): the items, the
 * Basic and the Extended Offset Table, and the code stream's own marks when
 * there is no table.  Pure: bytes come through a callback.
 */

#ifndef DICOM_FRAGMENTS_H
#define DICOM_FRAGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAGMENTS_MAX  (2u * 1024 * 1024)

/* Fills buffer with size bytes of the file from offset on, or fails. */
typedef bool (*fragments_read)(void *data, uint64_t offset, void *buffer,
    size_t size);

struct fragment {
    uint64_t  offset;       /* in the file, of the item tag */
    uint32_t  length;       /* of the value that follows the 8 bytes */
    uint8_t   head[4];      /* first bytes of the value */
};

struct fragments {
    struct fragment  *items;        /* without the offset table's item */
    uint32_t          count;
    uint32_t         *table;        /* Basic Offset Table */
    uint32_t          ntable;
};

struct fragment_span {
    uint64_t  offset;       /* of the first fragment's item tag; or, of a frame
                               that shares its fragment with others, of its
                               own first byte */
    uint64_t  length;       /* up to the last fragment's, or its own, end */
};

/*
 * Reads the items from offset (the value of the pixel data element) up to the
 * sequence delimiter or size, the end of the file.  false: *error names what
 * is wrong (a literal) and fragments is zeroed.
 */
bool fragments_scan(struct fragments *fragments, fragments_read reader,
    void *data, uint64_t offset, uint64_t size, const char **error);

/* Frees what fragments owns and zeroes it; accepts a zeroed struct. */
void fragments_finish(struct fragments *fragments);

/*
 * Divides the fragments among *nframes frames into spans.  extended is the
 * Extended Offset Table as read from the file, 8 * *nframes bytes, or NULL.  A
 * table that does not point at items is passed over, as if absent; without
 * one, frames are told by their count or by the marks that begin a code
 * stream, at the begin of a fragment or, where there are fewer fragments than
 * frames, within one: reader and data are those of fragments_scan().
 * *nframes becomes less where the file holds fewer frames.
 */
bool fragments_spans(const struct fragments *fragments, fragments_read reader,
    void *data, uint32_t *nframes, const uint8_t *extended,
    struct fragment_span *spans, const char **error);

/*
 * Joins the values of the items within data, a span's bytes, into the same
 * memory; a span without items stays as it is.  Returns the joined length, or
 * 0 when the items are malformed.
 */
size_t fragments_join(uint8_t *data, size_t length);

/*
 * Where within a span of length bytes fragments_join() would find all of them
 * in one piece: the bytes before it, 8 or 0; -1 when it is in several, or
 * malformed.  head: the span's first 8 bytes.
 */
int fragments_whole(const uint8_t head[8], uint64_t length);

#endif /* DICOM_FRAGMENTS_H */
