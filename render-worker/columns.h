/*
 * Rows that become columns: what is drawn with its axes exchanged, turned back.
 */

#ifndef DICOM_COLUMNS_H
#define DICOM_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Puts n rows of length bytes, which begin step bytes apart from from on, as
 * columns into the picture at to, whose rows begin stride bytes apart: byte y of
 * row x is byte x of row y there.  Pure.
 */
void columns_put(uint8_t *to, size_t stride, const uint8_t *from, size_t step,
    uint32_t n, uint32_t length);

#endif /* DICOM_COLUMNS_H */
