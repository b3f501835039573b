/*
 * Loads from scattered places, by the machine's own instruction where it has
 * one: compilers build them from single loads otherwise.
 */

#ifndef DICOM_GATHER_H
#define DICOM_GATHER_H

#include <stdint.h>

/*
 * to[i] = the 32 bits at base + unit * index[i], which need not be aligned;
 * unit is 1, 2 or 4.
 */
void gather(uint32_t *to, const void *base, const int32_t *index,
    unsigned unit, uint32_t n);

/* a[i] = base[index[i]], b[i] = base[index[i] + 1] */
void gather_pairs(float *a, float *b, const float *base, const int32_t *index,
    uint32_t n);

#endif /* DICOM_GATHER_H */
