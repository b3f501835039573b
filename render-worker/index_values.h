/*
 * The blocks of an encoded index that say what its values mean and what tells
 * its frames apart.  Of index.c only.
 */

#ifndef DICOM_INDEX_VALUES_H
#define DICOM_INDEX_VALUES_H

#include "index.h"
#include "pack.h"

/* Type, dimensions, units, mappings, regions, colour profile, VOI of frames. */
#define VALUES_TAGS  "TDUWRCV"

/* Writes the block of one of these tags; nothing when there is nothing. */
void values_put(struct writer *w, unsigned tag, const struct dicom_index *x);

/*
 * Reads all of a block into x, whose frames are there; false: the tag is
 * another's.  What is wrong is in r->error.
 */
bool values_get(struct reader *r, unsigned tag, struct dicom_index *x);

#endif /* DICOM_INDEX_VALUES_H */
