#include "dicom_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How the bytes of a VR are read. */
enum kind {
    KIND_BYTES,         /* InlineBinary */
    KIND_CODE,          /* ASCII, backslashes between values */
    KIND_NUMBER,        /* the same, of numbers */
    KIND_TEXT,          /* in the character set */
    KIND_NAME,
    KIND_LINES,         /* one value, with lines */
    KIND_URL,           /* one value, ASCII */
    KIND_TAG,
    KIND_UNSIGNED, KIND_SIGNED, KIND_FLOAT
};

struct form {
    char       vr[3];
    uint8_t    kind;            /* enum kind */
    uint8_t    size;            /* bytes of one value */
};

static const struct form  forms[] = {
    { "AE", KIND_CODE, 1 }, { "AS", KIND_CODE, 1 }, { "AT", KIND_TAG, 4 },
    { "CS", KIND_CODE, 1 }, { "DA", KIND_CODE, 1 }, { "DS", KIND_NUMBER, 1 },
    { "DT", KIND_CODE, 1 }, { "FD", KIND_FLOAT, 8 }, { "FL", KIND_FLOAT, 4 },
    { "IS", KIND_NUMBER, 1 }, { "LO", KIND_TEXT, 1 }, { "LT", KIND_LINES, 1 },
    { "PN", KIND_NAME, 1 }, { "SH", KIND_TEXT, 1 }, { "SL", KIND_SIGNED, 4 },
    { "SS", KIND_SIGNED, 2 }, { "ST", KIND_LINES, 1 },
    { "SV", KIND_SIGNED, 8 }, { "TM", KIND_CODE, 1 }, { "UC", KIND_TEXT, 1 },
    { "UI", KIND_CODE, 1 }, { "UL", KIND_UNSIGNED, 4 }, { "UR", KIND_URL, 1 },
    { "US", KIND_UNSIGNED, 2 }, { "UT", KIND_LINES, 1 },
    { "UV", KIND_UNSIGNED, 8 }
};


static struct form
form_of(const char *vr)
{
    static const struct form  bytes = { "", KIND_BYTES, 1 };

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (strcmp(forms[i].vr, vr) == 0) {
            return forms[i];
        }
    }
    return bytes;
}


/* Cuts blanks at the end, and at the begin unless they are part of a text. */
static char *
trim(char *text, bool begin)
{
    size_t  length = strlen(text);

    while (length > 0 && text[length - 1] == ' ') {
        text[--length] = '\0';
    }
    return begin ? text + strspn(text, " ") : text;
}


/*
 * A decimal in JSON's form, which has no plus, no zero before the number, and
 * digits on both sides of the point; false: it is none.
 */
static bool
to_number(const char *text, char number[48])
{
    const char  *p = text;
    size_t       whole, fraction = 0, digits;
    bool         negative = *p == '-';

    p += *p == '-' || *p == '+';
    whole = strspn(p, "0123456789");
    digits = whole;
    if (p[whole] == '.') {
        fraction = strspn(p + whole + 1, "0123456789");
        digits += fraction + 1;
    }
    if (whole + fraction == 0 || digits > 32) {
        return false;
    }

    const char  *exponent = p + digits;
    size_t       rest = strlen(exponent);

    if (rest > 0) {
        size_t  sign = exponent[1] == '-' || exponent[1] == '+';

        if ((*exponent != 'e' && *exponent != 'E') || rest > 6
            || rest < 2 + sign
            || strspn(exponent + 1 + sign, "0123456789") != rest - 1 - sign)
        {
            return false;
        }
    }

    const char  *point = p + whole + 1;

    while (whole > 1 && *p == '0') {
        p++;
        whole--;
    }
    snprintf(number, 48, "%s%.*s%s%.*s%s", negative ? "-" : "",
        whole > 0 ? (int) whole : 1, whole > 0 ? p : "0",
        fraction > 0 ? "." : "", (int) fraction, fraction > 0 ? point : "",
        exponent);
    return true;
}


/* PS3.18 F.2.2: an object of the groups that are there. */
static void
write_name(struct json *json, char *name)
{
    static const char *const  groups[] = { "Alphabetic", "Ideographic",
        "Phonetic" };

    json_open(json, NULL, '{');
    for (unsigned i = 0; i < 3 && name != NULL; i++) {
        char  *end = strchr(name, '=');

        if (end != NULL) {
            *end++ = '\0';
        }
        name = trim(name, true);
        if (*name != '\0') {
            json_string(json, groups[i], name);
        }
        name = end;
    }
    json_close(json, '}');
}


static void
write_text(struct json *json, enum kind kind, char *text)
{
    char  number[48];

    text = trim(text, kind != KIND_LINES);
    if (*text == '\0') {
        json_null(json, NULL);
    } else if (kind == KIND_NAME) {
        write_name(json, text);
    } else if (kind == KIND_NUMBER && to_number(text, number)) {
        json_literal(json, NULL, number);
    } else {
        json_string(json, NULL, text);
    }
}


/* Backslashes are looked for in UTF-8: in other sets they are halves too. */
static void
write_texts(struct json *json, enum kind kind, const uint8_t *data,
    size_t length, const struct charset *charset)
{
    struct charset  ascii;
    char           *text, *end;

    while (length > 0
        && (data[length - 1] == ' ' || data[length - 1] == '\0'))
    {
        length--;
    }
    if (length == 0) {
        return;
    }
    if (kind == KIND_CODE || kind == KIND_NUMBER || kind == KIND_URL) {
        charset_init(&ascii, "", 0);
        charset = &ascii;
    }
    text = malloc(3 * length + 1);
    if (text == NULL) {
        json->failed = true;
        return;
    }
    (kind == KIND_LINES ? charset_convert_lines : charset_convert)(charset,
        (const char *) data, length, text, 3 * length + 1);

    json_open(json, "Value", '[');
    for (char *p = text; p != NULL; p = end) {
        end = kind == KIND_LINES || kind == KIND_URL ? NULL : strchr(p, '\\');
        if (end != NULL) {
            *end++ = '\0';
        }
        write_text(json, kind, p);
    }
    json_close(json, ']');
    free(text);
}


/* PS3.18 F.2.3: what JSON has no number for is a string. */
static void
write_float(struct json *json, const uint8_t *data, unsigned size)
{
    double  value;
    float   single;

    if (size == 8) {
        memcpy(&value, data, 8);
    } else {
        memcpy(&single, data, 4);
        value = (double) single;
    }
    if (!isfinite(value)) {
        json_string(json, NULL, isnan(value) ? "NaN"
            : value < 0 ? "-inf" : "inf");
        return;
    }
    if (size == 8) {
        json_number(json, NULL, value);
        return;
    }

    char  text[40];

    for (int digits = 6; digits <= 9; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtof(text, NULL) == single) {
            break;
        }
    }
    json_literal(json, NULL, text);
}


/* Integers beyond 2^53 would be rounded by who reads them as doubles. */
static void
write_integer(struct json *json, const uint8_t *data, unsigned size,
    bool is_signed)
{
    const uint64_t  exact = (uint64_t) 1 << 53;
    uint64_t        value = 0, size_of;
    bool            negative;
    char            text[24];

    memcpy(&value, data, size);
    if (is_signed && size < 8 && (value >> (8 * size - 1) & 1) != 0) {
        value |= UINT64_MAX << (8 * size);
    }
    negative = is_signed && (value >> 63) != 0;
    size_of = negative ? ~value + 1 : value;
    snprintf(text, sizeof(text), "%s%" PRIu64, negative ? "-" : "", size_of);
    if (size_of > exact) {
        json_string(json, NULL, text);
    } else {
        json_literal(json, NULL, text);
    }
}


static void
write_tag(struct json *json, const uint8_t *data)
{
    uint16_t  half[2];
    char      text[16];

    memcpy(half, data, sizeof(half));
    snprintf(text, sizeof(text), "%04X%04X", half[0], half[1]);
    json_string(json, NULL, text);
}


/* data: little-endian */
static void
write_numbers(struct json *json, const struct form *form,
    const uint8_t *data, size_t length)
{
    if (length < form->size) {
        return;
    }
    json_open(json, "Value", '[');
    for (size_t at = 0; length - at >= form->size; at += form->size) {
        if (form->kind == KIND_TAG) {
            write_tag(json, data + at);
        } else if (form->kind == KIND_FLOAT) {
            write_float(json, data + at, form->size);
        } else {
            write_integer(json, data + at, form->size,
                form->kind == KIND_SIGNED);
        }
    }
    json_close(json, ']');
}


void
dicom_json_swap(uint8_t *data, size_t length, unsigned word)
{
    for (size_t at = 0; word > 1 && length - at >= word; at += word) {
        for (unsigned i = 0; i < word / 2; i++) {
            uint8_t  byte = data[at + i];

            data[at + i] = data[at + word - 1 - i];
            data[at + word - 1 - i] = byte;
        }
    }
}


void
dicom_json_value(struct json *json, const char *vr, const uint8_t *data,
    size_t length, unsigned word, const struct charset *charset)
{
    struct form  form = form_of(vr);
    uint8_t     *swapped = NULL;

    if (word > 1) {
        swapped = malloc(length);
        if (swapped == NULL) {
            json->failed = true;
            return;
        }
        memcpy(swapped, data, length);
        dicom_json_swap(swapped, length, word);
        data = swapped;
    }

    if (form.kind == KIND_BYTES) {
        json_base64(json, "InlineBinary", data, length);
    } else if (form.kind >= KIND_TAG) {
        write_numbers(json, &form, data, length);
    } else {
        write_texts(json, form.kind, data, length, charset);
    }
    free(swapped);
}
