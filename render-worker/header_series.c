/*
 * What tells the images of a series apart: Image Type, and the dimensions of
 * enum dicom_dimension, from the data set or a functional group.
 */

#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "attribute.h"
#include "header.h"

#define TYPE_MAX  17u


static void
set_dimension(struct dicom_frame *f, enum dicom_dimension dimension,
    double value)
{
    f->dimensions[dimension] = value;
    f->known |= (uint8_t) (1u << dimension);
}


static void
decimal_dimension(const struct dicom_set *set, uint32_t tag,
    enum dicom_dimension dimension, struct dicom_frame *f)
{
    double  value;

    if (attribute_decimal(set, tag, 0, &value)) {
        set_dimension(f, dimension, value);
    }
}


static void
double_dimension(const struct dicom_set *set, uint32_t tag,
    enum dicom_dimension dimension, struct dicom_frame *f)
{
    double  value;

    if (set != NULL && attribute_double(set, tag, 0, &value)) {
        set_dimension(f, dimension, value);
    }
}


static void
u16_dimension(const struct dicom_set *set, uint32_t tag,
    enum dicom_dimension dimension, struct dicom_frame *f)
{
    uint16_t  value;

    if (set != NULL && attribute_u16(set, tag, 0, &value)) {
        set_dimension(f, dimension, value);
    }
}


/* Equal types have equal numbers (FNV-1a). */
static void
type_dimension(const struct dicom_set *set, uint32_t tag,
    struct dicom_frame *f)
{
    char      text[TYPE_MAX];
    uint32_t  hash = 2166136261u;
    unsigned  n = 0;

    for (; n < 16 && (attribute_code(set, tag, n, text, sizeof(text))
        || n < 4); n++)
    {
        for (const char *p = text; ; p++) {
            hash = (hash ^ (uint8_t) *p) * 16777619u;
            if (*p == '\0') {
                break;
            }
        }
    }
    set_dimension(f, DIM_TYPE, hash);
}


/* Seconds since midnight of a TM or, with its date before, of a DT. */
static void
time_dimension(const struct dicom_set *set, uint32_t tag, unsigned date,
    struct dicom_frame *f)
{
    char  text[32];
    int   hours, minutes, used = 0;

    if (!attribute_code(set, tag, 0, text, sizeof(text))
        || strlen(text) <= date
        || sscanf(text + date, "%2d%2d%n", &hours, &minutes, &used) != 2)
    {
        return;
    }
    set_dimension(f, DIM_TIME, hours * 3600.0 + minutes * 60.0
        + header_seconds(text + date + used));
}


double
header_seconds(const char *text)
{
    double  value = 0, digit = 10;

    for (unsigned i = 0; i < 2; i++) {
        if (*text >= '0' && *text <= '9') {
            value += (*text++ - '0') * digit;
            digit /= 10;
        }
    }
    if (*text == '.') {
        while (*++text >= '0' && *text <= '9') {
            value += (*text - '0') * digit;
            digit /= 10;
        }
    }
    return value;
}


void
header_image(struct header *h, struct dicom_frame *f)
{
    const uint32_t       type = DICOM_TAG(0x0008, 0x0008);
    struct dicom_index  *x = h->index;
    char                 text[TYPE_MAX];
    const char          *blank = "";

    for (unsigned n = 0; n < 16; n++) {
        size_t  length = strlen(x->image_type);

        if (!attribute_code(h->root, type, n, text, sizeof(text)) || n < 2) {
            continue;
        }
        x->localizer = x->localizer || strcmp(text, "LOCALIZER") == 0;
        if (length + strlen(text) + 2 <= sizeof(x->image_type)) {
            snprintf(x->image_type + length, sizeof(x->image_type) - length,
                "%s%s", blank, text);
            blank = " ";
        }
    }

    type_dimension(h->root, type, f);
    double_dimension(h->root, DICOM_TAG(0x0018, 0x9087), DIM_B_VALUE, f);
    decimal_dimension(h->root, DICOM_TAG(0x0018, 0x0081), DIM_ECHO_TIME, f);
    decimal_dimension(h->root, DICOM_TAG(0x0020, 0x0100), DIM_TEMPORAL, f);
    decimal_dimension(h->root, DICOM_TAG(0x0018, 0x1060), DIM_TRIGGER, f);
    decimal_dimension(h->root, DICOM_TAG(0x0020, 0x0012), DIM_ACQUISITION, f);
    time_dimension(h->root, DICOM_TAG(0x0008, 0x0032), 0, f);
    time_dimension(h->root, DICOM_TAG(0x0008, 0x002a), 8, f);
}


void
header_group_image(struct header *h, const struct dicom_set *group,
    struct dicom_frame *f)
{
    static const uint32_t    types[] = {
        DICOM_TAG(0x0018, 0x9226),      /* MR */
        DICOM_TAG(0x0018, 0x9329),      /* CT */
        DICOM_TAG(0x0018, 0x9751)       /* PET */
    };
    const struct dicom_set  *set;
    const uint8_t           *data;
    uint32_t                 number;
    size_t                   length;

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        set = header_macro(h, group, types[i]);
        if (set != NULL) {
            type_dimension(set, DICOM_TAG(0x0008, 0x9007), f);
        }
    }

    u16_dimension(header_macro(h, group, DICOM_TAG(0x0062, 0x000a)),
        DICOM_TAG(0x0062, 0x000b), DIM_SEGMENT, f);
    double_dimension(header_macro(h, group, DICOM_TAG(0x0018, 0x9117)),
        DICOM_TAG(0x0018, 0x9087), DIM_B_VALUE, f);
    double_dimension(header_macro(h, group, DICOM_TAG(0x0018, 0x9114)),
        DICOM_TAG(0x0018, 0x9082), DIM_ECHO_TIME, f);
    double_dimension(header_macro(h, group, DICOM_TAG(0x0018, 0x9118)),
        DICOM_TAG(0x0020, 0x9153), DIM_TRIGGER, f);

    set = header_macro(h, group, DICOM_TAG(0x0020, 0x9111));
    if (set == NULL) {
        return;
    }
    if (dicom_value(set, DICOM_TAG(0x0020, 0x9128), &data, &length)
        && length >= sizeof(number))
    {
        memcpy(&number, data, sizeof(number));
        set_dimension(f, DIM_TEMPORAL, number);
    }
    u16_dimension(set, DICOM_TAG(0x0020, 0x9156), DIM_ACQUISITION, f);
    time_dimension(set, DICOM_TAG(0x0018, 0x9074), 8, f);
}
