/*
 * The File Meta Information (PS3.10 7.1): where it ends and which transfer
 * syntax it names.  Bytes come through a callback; all but the one for files is
 * pure.
 */

#ifndef DICOM_META_H
#define DICOM_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct meta {
    uint64_t  end;              /* where the data set begins */
    bool      preamble;         /* 128 bytes and DICM stand before it */
    bool      malformed;        /* an element has no VR or runs beyond the
                                   end; what follows it is not read */
    uint64_t  syntax_offset;    /* of the Transfer Syntax UID's value */
    uint32_t  syntax_length;    /* padding included */
    char      syntax[65];       /* "" when missing */
};

/* Fills buffer with size bytes from offset on, or fails. */
typedef bool (*meta_read)(void *data, uint64_t offset, void *buffer,
    size_t size);

/* A meta_read of the file that is open at *(const int *) data.  Any thread. */
bool meta_read_file(void *data, uint64_t offset, void *buffer, size_t size);

/*
 * Files that lost their preamble, but not the elements, are read too.  false:
 * there is no File Meta Information, or it cannot be read.
 */
bool meta_scan(struct meta *meta, meta_read reader, void *data, uint64_t size);

/* Whether vr is a value representation, and whether its length has 32 bits. */
bool meta_is_vr(const uint8_t *vr, bool *wide);

#endif /* DICOM_META_H */
