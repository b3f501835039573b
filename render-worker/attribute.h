/*
 * Typed access to the elements of a data set.  Child only.
 */

#ifndef DICOM_ATTRIBUTE_H
#define DICOM_ATTRIBUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "charset.h"
#include "dicom.h"

/* The nth 16-bit value. */
bool attribute_u16(const struct dicom_set *set, uint32_t tag, unsigned n,
    uint16_t *value);

/* The nth number written in decimal (DS); false: absent or no number. */
bool attribute_decimal(const struct dicom_set *set, uint32_t tag, unsigned n,
    double *value);

/* count decimals, all of them or none. */
bool attribute_decimals(const struct dicom_set *set, uint32_t tag,
    unsigned count, double *values);

/* The first integer written in decimal (IS). */
bool attribute_integer(const struct dicom_set *set, uint32_t tag,
    int32_t *value);

/* The nth binary double (FD). */
bool attribute_double(const struct dicom_set *set, uint32_t tag, unsigned n,
    double *value);

/*
 * The nth value of a text that takes no character set (UI, CS, DA, ...),
 * trimmed; printable ASCII only, cut to size.  false: absent or empty.
 */
bool attribute_code(const struct dicom_set *set, uint32_t tag, unsigned n,
    char *text, size_t size);

/* The nth value of a text in charset, trimmed, as UTF-8. */
bool attribute_text(const struct dicom_set *set, uint32_t tag, unsigned n,
    const struct charset *charset, char *text, size_t size);

#endif /* DICOM_ATTRIBUTE_H */
