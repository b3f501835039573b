#include <stdlib.h>
#include <stdio.h>
#include <string.h>

#include "attribute.h"
#include "header.h"
#include "wire.h"

#define FIELD_MAX  1024u

struct fields {
    uint8_t  *data;
    size_t    length, size;
    bool      failed;
};


bool
header_fail(struct header *header, enum decoder_status status,
    const char *detail)
{
    header->error->status = status;
    snprintf(header->error->detail, sizeof(header->error->detail), "%s",
        detail);
    return false;
}


static void
add_field(struct fields *fields, enum wire_field_tag tag, const char *text)
{
    size_t             length = strlen(text);
    struct wire_field  field = { .tag = (uint16_t) tag,
        .length = (uint32_t) length };

    if (length == 0 || length > FIELD_MAX || fields->failed) {
        return;
    }
    if (fields->size - fields->length < sizeof(field) + length) {
        size_t    size = fields->size * 2 + sizeof(field) + length + 1024;
        uint8_t  *grown = realloc(fields->data, size);

        if (grown == NULL) {
            fields->failed = true;
            return;
        }
        fields->data = grown;
        fields->size = size;
    }
    memcpy(fields->data + fields->length, &field, sizeof(field));
    memcpy(fields->data + fields->length + sizeof(field), text, length);
    fields->length += sizeof(field) + length;
}


static bool
is_uid(const char *uid)
{
    bool  digit = false;

    for (; *uid != '\0'; uid++) {
        if (*uid == '.') {
            if (!digit) {
                return false;
            }
            digit = false;
        } else if (*uid >= '0' && *uid <= '9') {
            digit = true;
        } else {
            return false;
        }
    }
    return digit;
}


bool
header_uid(const struct dicom_set *set, uint32_t tag, char uid[65])
{
    char  text[80];

    uid[0] = '\0';
    if (!attribute_code(set, tag, 0, text, sizeof(text))
        || strlen(text) > 64 || !is_uid(text))
    {
        return false;
    }
    memcpy(uid, text, strlen(text) + 1);
    return true;
}


bool
header_date(const struct dicom_set *set, uint32_t tag, char date[11])
{
    static const uint8_t  days[] = {
        31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };
    char      text[16], digits[9];
    unsigned  year, month, day, n = 0;

    if (!attribute_code(set, tag, 0, text, sizeof(text))) {
        return false;
    }
    for (const char *p = text; *p != '\0'; p++) {
        if (*p >= '0' && *p <= '9' && n < 8) {
            digits[n++] = *p;
        } else if (*p != '.' && *p != '-') {
            return false;
        }
    }
    digits[n] = '\0';
    if (n != 8 || sscanf(digits, "%4u%2u%2u", &year, &month, &day) != 3) {
        return false;
    }
    if (year == 0 || month < 1 || month > 12 || day < 1
        || day > days[month - 1] || (month == 2 && day == 29
            && (year % 4 != 0 || (year % 100 == 0 && year % 400 != 0))))
    {
        return false;
    }
    snprintf(date, 11, "%04u-%02u-%02u", year % 10000, month % 100, day % 100);
    return true;
}


static void
add_date(struct fields *fields, enum wire_field_tag field,
    const struct dicom_set *set, uint32_t tag)
{
    char  date[11];

    if (header_date(set, tag, date)) {
        add_field(fields, field, date);
    }
}


bool
header_time(const struct dicom_set *set, uint32_t tag, char time[9])
{
    char      text[32];
    unsigned  part[3] = { 0, 0, 0 }, n = 0;

    if (!attribute_code(set, tag, 0, text, sizeof(text))) {
        return false;
    }
    for (const char *p = text; *p != '\0' && *p != '.' && n < 6; p++) {
        if (*p == ':') {
            continue;
        }
        if (*p < '0' || *p > '9') {
            return false;
        }
        part[n / 2] = part[n / 2] * 10 + (unsigned) (*p - '0');
        n++;
    }
    if (n < 2 || n % 2 != 0 || part[0] > 23 || part[1] > 59 || part[2] > 60) {
        return false;
    }
    snprintf(time, 9, "%02u:%02u:%02u", part[0] % 100, part[1] % 100,
        part[2] > 59 ? 59 : part[2]);
    return true;
}


static void
add_time(struct fields *fields, enum wire_field_tag field,
    const struct dicom_set *set, uint32_t tag)
{
    char  time[9];

    if (header_time(set, tag, time)) {
        add_field(fields, field, time);
    }
}


static void
add_text(const struct header *h, struct fields *fields,
    enum wire_field_tag field, uint32_t tag)
{
    char  text[FIELD_MAX + 1];

    if (attribute_text(h->root, tag, 0, &h->charset, text, sizeof(text))) {
        add_field(fields, field, text);
    }
}


/* PN: the alphabetic group. */
static void
add_name(const struct header *h, struct fields *fields,
    enum wire_field_tag field, uint32_t tag)
{
    char    text[FIELD_MAX + 1];
    size_t  length;

    if (!attribute_text(h->root, tag, 0, &h->charset, text, sizeof(text))) {
        return;
    }
    length = strcspn(text, "=");
    if (length == 0) {
        /* names only in ideographs: better those than none */
        memmove(text, text + 1, strlen(text));
        length = strcspn(text, "=");
    }
    while (length > 0 && (text[length - 1] == ' '
        || text[length - 1] == '^'))
    {
        length--;
    }
    text[length] = '\0';
    add_field(fields, field, text);
}


static void
add_number(struct fields *fields, enum wire_field_tag field, int64_t number)
{
    char  text[32];

    snprintf(text, sizeof(text), "%lld", (long long) number);
    add_field(fields, field, text);
}


static void
add_patient(const struct header *h, struct fields *f)
{
    char  text[32];

    add_text(h, f, WIRE_F_PATIENT_ID, DICOM_TAG(0x0010, 0x0020));
    add_text(h, f, WIRE_F_PATIENT_ISSUER, DICOM_TAG(0x0010, 0x0021));
    add_name(h, f, WIRE_F_PATIENT_NAME, DICOM_TAG(0x0010, 0x0010));
    add_date(f, WIRE_F_PATIENT_BIRTH_DATE, h->root,
        DICOM_TAG(0x0010, 0x0030));
    if (attribute_code(h->root, DICOM_TAG(0x0010, 0x0040), 0, text,
        sizeof(text)))
    {
        add_field(f, WIRE_F_PATIENT_SEX, text);
    }
}


static void
add_study(const struct header *h, struct fields *f)
{
    const struct dicom_set  *root = h->root;
    int32_t                  number;
    char                     text[65];

    add_date(f, WIRE_F_STUDY_DATE, root, DICOM_TAG(0x0008, 0x0020));
    add_time(f, WIRE_F_STUDY_TIME, root, DICOM_TAG(0x0008, 0x0030));
    add_text(h, f, WIRE_F_STUDY_ID, DICOM_TAG(0x0020, 0x0010));
    add_text(h, f, WIRE_F_STUDY_DESCRIPTION, DICOM_TAG(0x0008, 0x1030));
    add_text(h, f, WIRE_F_ACCESSION_NUMBER, DICOM_TAG(0x0008, 0x0050));
    add_name(h, f, WIRE_F_REFERRING_PHYSICIAN, DICOM_TAG(0x0008, 0x0090));

    add_field(f, WIRE_F_MODALITY, h->index->modality);
    if (attribute_integer(root, DICOM_TAG(0x0020, 0x0011), &number)) {
        add_number(f, WIRE_F_SERIES_NUMBER, number);
    }
    add_text(h, f, WIRE_F_SERIES_DESCRIPTION, DICOM_TAG(0x0008, 0x103e));
    if (attribute_code(root, DICOM_TAG(0x0018, 0x0015), 0, text,
        sizeof(text)))
    {
        add_field(f, WIRE_F_BODY_PART, text);
    }
    if (attribute_integer(root, DICOM_TAG(0x0020, 0x0013), &number)) {
        h->index->instance_number = number;
        add_number(f, WIRE_F_INSTANCE_NUMBER, number);
    }
}


/*
 * UIDs that are missing or malformed are left out: what can be seen of such a
 * file is still worth seeing, and whether it may enter the store is not for us
 * to say.
 */
static bool
read_identity(struct header *h, struct fields *f)
{
    const struct dicom_set  *meta = dicom_meta(h->file);
    struct dicom_index      *x = h->index;
    struct dicom_pixels      pixels;
    char                     study[65], series[65];
    bool                     known;

    known = header_uid(h->root, DICOM_TAG(0x0008, 0x0016), x->sop_class)
        || header_uid(meta, DICOM_TAG(0x0002, 0x0002), x->sop_class);
    known |= header_uid(h->root, DICOM_TAG(0x0008, 0x0018), x->instance_uid)
        || header_uid(meta, DICOM_TAG(0x0002, 0x0003), x->instance_uid);
    known |= header_uid(h->root, DICOM_TAG(0x0020, 0x000d), study);
    known |= header_uid(h->root, DICOM_TAG(0x0020, 0x000e), series);

    /* without any of this, the parser's guess is worth nothing */
    dicom_find_pixels(h->file, &pixels);
    if (!known && !dicom_has_preamble(h->file) && pixels.tag == 0) {
        return header_fail(h, DECODER_NOT_DICOM, "this is no DICOM file");
    }

    snprintf(x->transfer_syntax, sizeof(x->transfer_syntax), "%s",
        dicom_transfer_syntax(h->file));
    if (!is_uid(x->transfer_syntax)) {
        return header_fail(h, DECODER_INVALID,
            "Transfer Syntax UID is missing or no valid UID");
    }

    add_field(f, WIRE_F_STUDY_UID, study);
    add_field(f, WIRE_F_SERIES_UID, series);
    add_field(f, WIRE_F_INSTANCE_UID, x->instance_uid);
    add_field(f, WIRE_F_SOP_CLASS, x->sop_class);
    add_field(f, WIRE_F_TRANSFER_SYNTAX, x->transfer_syntax);
    return true;
}


bool
header_read(struct dicom_file *file, struct dicom_index *index,
    uint8_t **data, size_t *length, struct decoder_error *error)
{
    struct header   h = { .file = file, .index = index, .error = error };
    struct fields   f = { 0 };
    const uint8_t  *value = NULL;
    size_t          size = 0;
    bool            read;

    memset(index, 0, sizeof(*index));
    index->voi_function = VOI_LINEAR;
    index->pixel_aspect = 1;
    h.root = dicom_root(file);
    dicom_value(h.root, DICOM_TAG(0x0008, 0x0005), &value, &size);
    charset_init(&h.charset, value != NULL ? (const char *) value : "", size);

    attribute_code(h.root, DICOM_TAG(0x0008, 0x0060), 0, index->modality,
        sizeof(index->modality));

    read = read_identity(&h, &f);
    if (read) {
        add_patient(&h, &f);
        add_study(&h, &f);
        read = header_picture(&h) && header_tables(&h) && header_frames(&h)
            && header_values(&h) && header_shutters(&h)
            && header_presentation(&h) && header_spans(&h);
    }
    if (read) {
        if (index->nframes > 0) {
            add_number(&f, WIRE_F_ROWS, index->rows);
            add_number(&f, WIRE_F_COLUMNS, index->columns);
        }
        add_number(&f, WIRE_F_FRAMES, index->nframes);
    }

    *data = f.data;
    *length = f.length;
    if (read && f.failed) {
        return header_fail(&h, DECODER_MEMORY, "out of memory");
    }
    return read;
}
