#include "identity.h"

#include <openssl/evp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define SECONDARY_CAPTURE  "1.2.840.10008.5.1.4.1.1.7"

/* Bytes that are appended at most. */
#define ROOM               512u

struct value {
    const uint8_t  *data;
    size_t          length;     /* 0: the file does not say it */
};


/* The decoder has checked that the records are whole. */
static struct value
find_value(const struct decoder_header *header, enum wire_field_tag tag)
{
    const uint8_t      *p = header->fields;
    const uint8_t      *end = p + header->fields_length;
    struct wire_field   field;

    while (p < end) {
        memcpy(&field, p, sizeof(field));
        p += sizeof(field);
        if (field.tag == tag) {
            return (struct value) { p, field.length };
        }
        p += field.length;
    }
    return (struct value) { NULL, 0 };
}


static struct value
text_value(const char *text)
{
    return (struct value) { (const uint8_t *) text, strlen(text) };
}


static void
append_field(struct decoder_header *header, enum wire_field_tag tag,
    const char *text)
{
    struct wire_field  field = { .tag = (uint16_t) tag,
        .length = (uint32_t) strlen(text) };
    uint8_t           *to = header->fields + header->fields_length;

    memcpy(to, &field, sizeof(field));
    memcpy(to + sizeof(field), text, field.length);
    header->fields_length += sizeof(field) + field.length;
}


void
identity_uid(const unsigned char sha256[32], char *uid)
{
    unsigned char      uuid[16];
    unsigned __int128  number = 0;
    char               digits[40];
    size_t             at = sizeof(digits);

    memcpy(uuid, sha256, sizeof(uuid));
    uuid[6] = (uuid[6] & 0x0f) | 0x80;      /* version 8 */
    uuid[8] = (uuid[8] & 0x3f) | 0x80;      /* the variant of RFC 9562 */
    for (size_t i = 0; i < sizeof(uuid); i++) {
        number = number << 8 | uuid[i];
    }

    digits[--at] = '\0';
    do {
        digits[--at] = (char) ('0' + (unsigned) (number % 10));
        number /= 10;
    } while (number > 0);
    snprintf(uid, 65, "2.25.%s", digits + at);
}


/*
 * The UID of what is said of it: kind keeps studies, series and instances
 * apart, and each length stands before its value, so that no two lists of
 * values look alike.
 */
static bool
derive(const char *kind, const struct value *values, size_t count, char *uid)
{
    EVP_MD_CTX     *context = EVP_MD_CTX_new();
    unsigned char   hash[EVP_MAX_MD_SIZE];
    char            length[24];
    bool            ok = context != NULL
        && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1
        && EVP_DigestUpdate(context, kind, strlen(kind) + 1) == 1;

    for (size_t i = 0; ok && i < count; i++) {
        int  n = snprintf(length, sizeof(length), "%zu:", values[i].length);

        ok = EVP_DigestUpdate(context, length, (size_t) n) == 1
            && EVP_DigestUpdate(context, values[i].data, values[i].length)
                == 1;
    }
    ok = ok && EVP_DigestFinal_ex(context, hash, NULL) == 1;
    EVP_MD_CTX_free(context);
    if (ok) {
        identity_uid(hash, uid);
    }
    return ok;
}


static bool
derive_study(const struct decoder_header *header, const struct digest *digest,
    char *uid)
{
    struct value  file = text_value(digest->sha256);
    struct value  said[] = {
        find_value(header, WIRE_F_PATIENT_ID),
        find_value(header, WIRE_F_PATIENT_ISSUER),
        find_value(header, WIRE_F_PATIENT_NAME),
        find_value(header, WIRE_F_PATIENT_BIRTH_DATE),
        find_value(header, WIRE_F_PATIENT_SEX),
        find_value(header, WIRE_F_SERIES_UID),
        find_value(header, WIRE_F_STUDY_DATE),
        find_value(header, WIRE_F_STUDY_TIME),
        find_value(header, WIRE_F_STUDY_ID),
        find_value(header, WIRE_F_ACCESSION_NUMBER)
    };
    enum { PATIENT = 0, SERIES = 5, DATE, TIME, ID, ACCESSION };

    /* a series belongs to one study, whatever else its files say */
    if (said[SERIES].length > 0) {
        return derive("study of series", said, SERIES + 1, uid);
    }
    if (said[PATIENT].length > 0 && said[DATE].length > 0
        && (said[TIME].length > 0 || said[ACCESSION].length > 0))
    {
        return derive("study", said, sizeof(said) / sizeof(said[0]), uid);
    }
    return derive("study of file", &file, 1, uid);
}


static bool
derive_series(const struct decoder_header *header,
    const struct digest *digest, const char *study, char *uid)
{
    struct value  file = text_value(digest->sha256);
    struct value  said[] = {
        text_value(study),
        find_value(header, WIRE_F_SERIES_NUMBER),
        text_value(header->index.frame_of_reference),
        find_value(header, WIRE_F_MODALITY),
        find_value(header, WIRE_F_SERIES_DESCRIPTION),
        find_value(header, WIRE_F_BODY_PART)
    };

    if (said[1].length > 0 || said[2].length > 0) {
        return derive("series", said, sizeof(said) / sizeof(said[0]), uid);
    }
    return derive("series of file", &file, 1, uid);
}


/* A UID of the file as a string; they have at most 64 characters. */
static bool
copy_uid(const struct decoder_header *header, enum wire_field_tag tag,
    char uid[65])
{
    struct value  value = find_value(header, tag);

    if (value.length == 0 || value.length > 64) {
        return false;
    }
    memcpy(uid, value.data, value.length);
    uid[value.length] = '\0';
    return true;
}


enum identity
identity_complete(struct decoder_header *header, const struct digest *digest)
{
    struct dicom_index  *index = &header->index;
    struct value         file = text_value(digest->sha256);
    char                 study[65], series[65], uid[65];
    char                 assigned[40] = "";
    uint8_t             *grown;

    grown = realloc(header->fields, header->fields_length + ROOM);
    if (grown == NULL) {
        return IDENTITY_MEMORY;
    }
    header->fields = grown;

    if (!copy_uid(header, WIRE_F_SOP_CLASS, uid)) {
        if (index->nframes == 0) {
            return IDENTITY_NONE;
        }
        strcpy(index->sop_class, SECONDARY_CAPTURE);
        append_field(header, WIRE_F_SOP_CLASS, SECONDARY_CAPTURE);
        strcat(assigned, " sop_class");
    }
    if (!copy_uid(header, WIRE_F_INSTANCE_UID, uid)) {
        if (!derive("instance", &file, 1, uid)) {
            return IDENTITY_MEMORY;
        }
        strcpy(index->instance_uid, uid);
        append_field(header, WIRE_F_INSTANCE_UID, uid);
        strcat(assigned, " instance");
    }

    /* both before either is appended: a study asks whether there is a series */
    bool has_series = copy_uid(header, WIRE_F_SERIES_UID, series);
    bool has_study = copy_uid(header, WIRE_F_STUDY_UID, study);
    if ((!has_study && !derive_study(header, digest, study))
        || (!has_series && !derive_series(header, digest, study, series)))
    {
        return IDENTITY_MEMORY;
    }
    if (!has_series) {
        append_field(header, WIRE_F_SERIES_UID, series);
        strcat(assigned, " series");
    }
    if (!has_study) {
        append_field(header, WIRE_F_STUDY_UID, study);
        strcat(assigned, " study");
    }

    if (assigned[0] != '\0') {
        append_field(header, WIRE_F_ASSIGNED, assigned + 1);
    }
    return IDENTITY_COMPLETE;
}
