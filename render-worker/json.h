/*
 * Writes JSON text into a growing buffer.  Commas are placed by the writer;
 * numbers are finite (others become null); strings are checked UTF-8.
 */

#ifndef DICOM_JSON_H
#define DICOM_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
    char    *data;          /* owned; not NUL-terminated */
    size_t   length, size;
    bool     failed;        /* memory was short: data is incomplete */
    bool     comma;         /* the next value needs one before it */
};

void json_finish(struct json *json);

/* name NULL: an element of an array, or the top value */
void json_open(struct json *json, const char *name, char bracket);
void json_close(struct json *json, char bracket);
void json_string(struct json *json, const char *name, const char *value);
void json_integer(struct json *json, const char *name, int64_t value);
void json_number(struct json *json, const char *name, double value);
void json_bool(struct json *json, const char *name, bool value);
void json_null(struct json *json, const char *name);

/* A number that is text already, in JSON's form. */
void json_literal(struct json *json, const char *name, const char *number);

/* A string of length bytes, which may be of any value, in base64. */
void json_base64(struct json *json, const char *name, const uint8_t *data,
    size_t length);

/* Unformatted text: for what is not JSON (metrics). */
void json_text(struct json *json, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif /* DICOM_JSON_H */
