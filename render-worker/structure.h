/*
 * A look over the structure of a data set before a parser that recurses and
 * asserts is let at it: how deep it nests, and whether its elements stay within
 * the file.  Pure: bytes come through a callback.
 */

#ifndef DICOM_STRUCTURE_H
#define DICOM_STRUCTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STRUCTURE_MAX_DEPTH  32u

/* Fills buffer with size bytes from offset on, or fails. */
typedef bool (*structure_read)(void *data, uint64_t offset, void *buffer,
    size_t size);

struct structure {
    uint64_t  begin, end;       /* of the data set in the file */
    bool      is_explicit;      /* elements have a VR */
    bool      is_big_endian;
};

/*
 * false: the data set cannot be parsed, and detail (size bytes) says why.  What
 * is only odd is left to the parser to judge: true.
 */
bool structure_check(const struct structure *structure, structure_read reader,
    void *data, char *detail, size_t size);

#endif /* DICOM_STRUCTURE_H */
