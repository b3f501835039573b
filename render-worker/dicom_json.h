/*
 * The value of one element in the DICOM JSON model (PS3.18 F.2).  Pure.
 */

#ifndef DICOM_DICOM_JSON_H
#define DICOM_DICOM_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "charset.h"
#include "json.h"

/*
 * Writes the members that say the value of an element of VR vr: "Value" or
 * "InlineBinary", or nothing for a value without content.  data: length bytes,
 * at least 1, as the file has them, words of word bytes big-endian when word is
 * more than 1.  charset is for text that has one.
 */
void dicom_json_value(struct json *json, const char *vr, const uint8_t *data,
    size_t length, unsigned word, const struct charset *charset);

/* Turns big-endian words of word bytes into little-endian ones, in place; what
   is left behind the last whole word stays. */
void dicom_json_swap(uint8_t *data, size_t length, unsigned word);

#endif /* DICOM_DICOM_JSON_H */
