#include "dataset.h"

#include <string.h>

#include "meta.h"

#define DEFLATED_LE  "1.2.840.10008.1.2.1.99"
#define EXPLICIT_BE  "1.2.840.10008.1.2.2"


/* What the elements look like counts, not what the transfer syntax says. */
static bool
is_explicit(const struct metadata_set *set)
{
    uint8_t  head[6];
    bool     wide;

    return set->end - set->begin >= sizeof(head)
        && set->source(set->data, set->begin, head, sizeof(head))
        && meta_is_vr(head + 4, &wide);
}


bool
dataset_init(struct dataset *dataset, int fd, uint64_t size, uint64_t memory,
    struct decoder_error *error)
{
    struct metadata_set  *set = &dataset->set;
    struct meta           meta;

    memset(dataset, 0, sizeof(*dataset));
    dataset->fd = fd;
    set->end = size;
    set->source = meta_read_file;
    set->data = &dataset->fd;
    set->vr = dicom_dictionary_vr;

    /* without File Meta Information the data set is all there is */
    if (meta_scan(&meta, meta_read_file, &dataset->fd, size)) {
        set->begin = meta.end;
        set->is_big_endian = strcmp(meta.syntax, EXPLICIT_BE) == 0;
        dataset->is_deflated = strcmp(meta.syntax, DEFLATED_LE) == 0;
    }
    if (dataset->is_deflated) {
        dataset->inflated = dicom_open(fd, size, memory, error);
        if (dataset->inflated == NULL) {
            return false;
        }
        set->source = dicom_read;
        set->data = dataset->inflated;
        set->end = dicom_size(dataset->inflated);
    }
    set->is_explicit = is_explicit(set);
    return true;
}


void
dataset_finish(struct dataset *dataset)
{
    dicom_close(dataset->inflated);
    dataset->inflated = NULL;
}
