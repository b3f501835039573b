#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "attribute.h"

#define TEXT_MAX  4096u


/* The nth of the values that backslashes divide, trimmed of padding. */
static bool
nth_value(const struct dicom_set *set, uint32_t tag, unsigned n,
    const char **begin, size_t *length)
{
    const uint8_t  *data;
    const char     *p, *end, *stop;
    size_t          size;

    if (!dicom_value(set, tag, &data, &size)) {
        return false;
    }

    p = (const char *) data;
    end = p + size;
    for (; n > 0; n--) {
        p = memchr(p, '\\', (size_t) (end - p));
        if (p == NULL) {
            return false;
        }
        p++;
    }
    stop = memchr(p, '\\', (size_t) (end - p));
    if (stop == NULL) {
        stop = end;
    }

    while (p < stop && (*p == ' ' || *p == '\0')) {
        p++;
    }
    while (p < stop && (stop[-1] == ' ' || stop[-1] == '\0')) {
        stop--;
    }
    *begin = p;
    *length = (size_t) (stop - p);
    return p < stop;
}


bool
attribute_u16(const struct dicom_set *set, uint32_t tag, unsigned n,
    uint16_t *value)
{
    const uint8_t  *data;
    size_t          length;

    if (!dicom_value(set, tag, &data, &length) || length / 2 <= n) {
        return false;
    }
    *value = (uint16_t) (data[2 * n] | data[2 * n + 1] << 8);
    return true;
}


bool
attribute_decimal(const struct dicom_set *set, uint32_t tag, unsigned n,
    double *value)
{
    const char  *begin;
    char         text[64], *end;
    size_t       length;
    double       number;

    if (!nth_value(set, tag, n, &begin, &length) || length >= sizeof(text)) {
        return false;
    }
    memcpy(text, begin, length);
    text[length] = '\0';
    if (strpbrk(text, "xXpPnN") != NULL) {
        return false;       /* what strtod reads and DS has not */
    }

    number = strtod(text, &end);
    if (end == text || !isfinite(number)) {
        return false;
    }
    *value = number;
    return true;
}


bool
attribute_decimals(const struct dicom_set *set, uint32_t tag, unsigned count,
    double *values)
{
    double  numbers[16];

    if (count > 16) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (!attribute_decimal(set, tag, i, &numbers[i])) {
            return false;
        }
    }
    memcpy(values, numbers, count * sizeof(numbers[0]));
    return true;
}


bool
attribute_integer(const struct dicom_set *set, uint32_t tag, int32_t *value)
{
    double  number;

    if (!attribute_decimal(set, tag, 0, &number)
        || number < INT32_MIN || number > INT32_MAX)
    {
        return false;
    }
    *value = (int32_t) number;
    return true;
}


bool
attribute_double(const struct dicom_set *set, uint32_t tag, unsigned n,
    double *value)
{
    const uint8_t  *data;
    size_t          length;
    double          number;

    if (!dicom_value(set, tag, &data, &length) || length / 8 <= n) {
        return false;
    }
    memcpy(&number, data + 8 * (size_t) n, sizeof(number));
    if (!isfinite(number)) {
        return false;
    }
    *value = number;
    return true;
}


bool
attribute_code(const struct dicom_set *set, uint32_t tag, unsigned n,
    char *text, size_t size)
{
    const char  *begin;
    size_t       length, out = 0;

    text[0] = '\0';
    if (!nth_value(set, tag, n, &begin, &length)) {
        return false;
    }
    for (size_t i = 0; i < length && out < size - 1; i++) {
        if (begin[i] >= 0x20 && begin[i] < 0x7f) {
            text[out++] = begin[i];
        }
    }
    text[out] = '\0';
    return out > 0;
}


bool
attribute_text(const struct dicom_set *set, uint32_t tag, unsigned n,
    const struct charset *charset, char *text, size_t size)
{
    const uint8_t  *data;
    char            all[TEXT_MAX], *begin = all, *end;
    size_t          length;

    text[0] = '\0';
    if (!dicom_value(set, tag, &data, &length)) {
        return false;
    }
    if (length > TEXT_MAX / 4) {
        length = TEXT_MAX / 4;
    }

    /* converted first: a backslash byte may be half a character */
    length = charset_convert(charset, (const char *) data, length, all,
        sizeof(all));
    for (; n > 0; n--) {
        begin = strchr(begin, '\\');
        if (begin == NULL) {
            return false;
        }
        begin++;
    }
    end = strchrnul(begin, '\\');
    while (begin < end && *begin == ' ') {
        begin++;
    }
    while (end > begin && end[-1] == ' ') {
        end--;
    }

    length = (size_t) (end - begin);
    if (length > size - 1) {
        length = size - 1;
        while (length > 0 && ((unsigned char) begin[length] & 0xc0) == 0x80) {
            length--;
        }
    }
    memcpy(text, begin, length);
    text[length] = '\0';
    return length > 0;
}
