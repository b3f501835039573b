#include "json.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
json_finish(struct json *json)
{
    free(json->data);
    memset(json, 0, sizeof(*json));
}

static char *
json_reserve(struct json *json, size_t length)
{
    if (json->failed) {
        return NULL;
    }
    if (json->size - json->length < length) {
        size_t size = json->size * 2 + length + 256;
        char *data = realloc(json->data, size);

        if (data == NULL) {
            json->failed = true;
            return NULL;
        }
        json->data = data;
        json->size = size;
    }
    return json->data + json->length;
}

static void
json_put(struct json *json, const char *text, size_t length)
{
    char *p = json_reserve(json, length);

    if (p != NULL) {
        memcpy(p, text, length);
        json->length += length;
    }
}

/* Length of the UTF-8 sequence at p, 0 when it is not one. */
static size_t
utf8_sequence(const unsigned char *p)
{
    if (p[0] < 0x80) {
        return 1;
    }
    size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
    if (p[0] < 0xc2 || p[0] > 0xf4) {
        return 0;
    }
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;       /* a NUL ends here too */
        }
    }
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f)
        || (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
    {
        return 0;
    }
    return n;
}

static void
json_quoted(struct json *json, const char *value)
{
    const unsigned char *p = (const unsigned char *) value;

    json_put(json, "\"", 1);
    while (*p != '\0') {
        size_t n = utf8_sequence(p);

        if (n == 0) {
            json_put(json, "\xef\xbf\xbd", 3);      /* U+FFFD */
            p++;
        } else if (*p < 0x20 || *p == '"' || *p == '\\' || *p == 0x7f) {
            char escape[8];

            json_put(json, escape,
                (size_t) snprintf(escape, sizeof(escape), "\\u%04x", *p));
            p++;
        } else {
            json_put(json, (const char *) p, n);
            p += n;
        }
    }
    json_put(json, "\"", 1);
}

static void
json_name(struct json *json, const char *name)
{
    if (json->comma) {
        json_put(json, ",", 1);
    }
    json->comma = true;
    if (name != NULL) {
        json_quoted(json, name);
        json_put(json, ":", 1);
    }
}

void
json_open(struct json *json, const char *name, char bracket)
{
    json_name(json, name);
    json_put(json, &bracket, 1);
    json->comma = false;
}

void
json_close(struct json *json, char bracket)
{
    json_put(json, &bracket, 1);
    json->comma = true;
}

void
json_string(struct json *json, const char *name, const char *value)
{
    json_name(json, name);
    json_quoted(json, value);
}

void
json_integer(struct json *json, const char *name, int64_t value)
{
    json_name(json, name);
    json_text(json, "%" PRId64, value);
}

void
json_number(struct json *json, const char *name, double value)
{
    json_name(json, name);
    if (!isfinite(value)) {
        json_put(json, "null", 4);
        return;
    }

    /* the shortest text that reads back as the same number */
    char text[40];
    for (int digits = 6; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value) {
            break;
        }
    }
    json_put(json, text, strlen(text));
}

void
json_bool(struct json *json, const char *name, bool value)
{
    json_name(json, name);
    json_put(json, value ? "true" : "false", value ? 4 : 5);
}

void
json_null(struct json *json, const char *name)
{
    json_name(json, name);
    json_put(json, "null", 4);
}

void
json_literal(struct json *json, const char *name, const char *number)
{
    json_name(json, name);
    json_put(json, number, strlen(number));
}

void
json_base64(struct json *json, const char *name, const uint8_t *data,
    size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
        "abcdefghijklmnopqrstuvwxyz0123456789+/";

    json_name(json, name);
    json_put(json, "\"", 1);
    for (size_t i = 0; i < length; i += 3) {
        uint32_t bits = (uint32_t) data[i] << 16
            | (i + 1 < length ? (uint32_t) data[i + 1] << 8 : 0)
            | (i + 2 < length ? data[i + 2] : 0);
        char four[4] = { digits[bits >> 18], digits[bits >> 12 & 63],
            i + 1 < length ? digits[bits >> 6 & 63] : '=',
            i + 2 < length ? digits[bits & 63] : '=' };

        json_put(json, four, sizeof(four));
    }
    json_put(json, "\"", 1);
}

void
json_text(struct json *json, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0) {
        json->failed = true;
        return;
    }

    char *p = json_reserve(json, (size_t) n + 1);
    if (p == NULL) {
        return;
    }
    va_start(args, format);
    vsnprintf(p, (size_t) n + 1, format, args);
    va_end(args);
    json->length += (size_t) n;
}
