/*
 * The data set of a file, for those who only read along it.  Child only.
 */

#ifndef DICOM_DATASET_H
#define DICOM_DATASET_H

#include "decoder.h"
#include "dicom.h"
#include "metadata.h"

struct dataset {
    struct metadata_set  set;
    bool                 is_deflated;   /* offsets are of the inflated file */
    struct dicom_file   *inflated;      /* owned, else NULL */
    int                  fd;
};

/*
 * Finds the data set in the file of size bytes behind fd; memory bounds what a
 * deflated one may inflate to.  Stays where it is until dataset_finish().
 */
bool dataset_init(struct dataset *dataset, int fd, uint64_t size,
    uint64_t memory, struct decoder_error *error);

/* Accepts a zeroed one. */
void dataset_finish(struct dataset *dataset);

#endif /* DICOM_DATASET_H */
