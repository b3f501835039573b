/*
 * A data set in the DICOM JSON model (PS3.18 annex F), and where the values lie
 * that it only refers to.  Pure: bytes come through a callback.
 */

#ifndef DICOM_METADATA_H
#define DICOM_METADATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "element.h"
#include "json.h"

#define METADATA_INLINE  1024u      /* bytes of a binary value that are not
                                       only referred to */

/* Where the data set lies. */
struct metadata_set {
    uint64_t        begin, end;
    bool            is_explicit;    /* elements have a VR */
    bool            is_big_endian;
    element_source  source;
    void           *data;

    /* The VR that the dictionary has for a tag, which may be a choice such as
       "US_SS", for elements without one; NULL: it has none. */
    const char   *(*vr)(uint32_t tag);
};

/* A value as the file has it. */
struct metadata_value {
    uint64_t  offset, length;       /* length 0: encapsulated */
    unsigned  word;                 /* bytes of what is swapped if big-endian */
};

/*
 * Writes the data set as an object: all elements up to the pixel data, group
 * lengths left out, text as UTF-8.  Long values become url and their path.
 * What follows an element that cannot be read is left out.  false: memory was
 * short, or the text would be longer than most bytes.
 */
bool metadata_write(const struct metadata_set *set, const char *url,
    size_t most, struct json *json);

/*
 * Finds a value by its path: tags of eight hexadecimal digits, each but the
 * last followed by the number of an item, from 1; dots between.  false: there
 * is none.
 */
bool metadata_find(const struct metadata_set *set, const char *path,
    struct metadata_value *value);

#endif /* DICOM_METADATA_H */
