
/*
 * What the render worker says of an uploaded file.
 *
 * It comes out of a file that anybody may have made; the worker has looked at
 * it in a sandbox, and nothing of it is believed here either.
 */


#include "ngx_dicom_meta.h"
#include "ngx_dicom_json.h"
#include "ngx_dicom_uid.h"


#define NGX_DICOM_META_MAX_TEXT  1024


static const char *ngx_dicom_meta_field(ngx_pool_t *pool,
    ngx_dicom_meta_t *meta, const struct wire_field *field,
    const u_char *data);
static const char *ngx_dicom_meta_check(ngx_dicom_meta_t *meta);
static ngx_int_t ngx_dicom_meta_location(const ngx_str_t *location);
static ngx_int_t ngx_dicom_meta_pattern(const ngx_str_t *s,
    const char *pattern);
static ngx_int_t ngx_dicom_meta_is_count(const ngx_str_t *s);


const char *
ngx_dicom_meta_parse(ngx_pool_t *pool, const ngx_str_t *block,
    ngx_dicom_meta_t *meta)
{
    u_char             *p, *last;
    ngx_uint_t          i;
    const char         *error;
    struct wire_field   field;

    p = block->data;
    last = p + block->len;

    while (p < last) {

        if ((size_t) (last - p) < sizeof(struct wire_field)) {
            return "a record that is cut off";
        }

        ngx_memcpy(&field, p, sizeof(struct wire_field));
        p += sizeof(struct wire_field);

        if (field.length > (size_t) (last - p)) {
            return "a record that is cut off";
        }

        error = ngx_dicom_meta_field(pool, meta, &field, p);
        if (error) {
            return error;
        }

        p += field.length;
    }

    for (i = 0; i < NGX_DICOM_META_FIELDS; i++) {
        if (meta->field[i].data == NULL) {
            meta->field[i].data = (u_char *) "";
        }
    }

    meta->created = (meta->field[WIRE_F_CREATED].data[0] == '1');

    return ngx_dicom_meta_check(meta);
}


static const char *
ngx_dicom_meta_field(ngx_pool_t *pool, ngx_dicom_meta_t *meta,
    const struct wire_field *field, const u_char *data)
{
    size_t      i;
    ngx_str_t  *value;

    /* a newer worker may say more */

    if (field->tag == 0 || field->tag >= NGX_DICOM_META_FIELDS) {
        return NULL;
    }

    value = &meta->field[field->tag];

    if (value->data) {
        return "a field given twice";
    }

    value->len = field->length;
    value->data = ngx_pnalloc(pool, value->len + 1);
    if (value->data == NULL) {
        return "no memory left";
    }

    ngx_memcpy(value->data, data, value->len);
    value->data[value->len] = '\0';

    if (field->tag == WIRE_F_INDEX) {
        return NULL;
    }

    if (value->len > NGX_DICOM_META_MAX_TEXT
        || ngx_dicom_utf8_check(value->data, value->len) != NGX_OK)
    {
        return "a text that is none";
    }

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < 0x20 || value->data[i] == 0x7f) {
            return "control characters in a text";
        }
    }

    return NULL;
}


static const char *
ngx_dicom_meta_check(ngx_dicom_meta_t *meta)
{
    ngx_uint_t   i;
    ngx_str_t   *field;

    static const ngx_uint_t  uids[] = {
        WIRE_F_STUDY_UID, WIRE_F_SERIES_UID, WIRE_F_INSTANCE_UID,
        WIRE_F_SOP_CLASS, WIRE_F_TRANSFER_SYNTAX
    };

    field = meta->field;

    for (i = 0; i < sizeof(uids) / sizeof(uids[0]); i++) {
        if (ngx_dicom_uid_check(&field[uids[i]]) != NGX_OK) {
            return "a UID that is none";
        }
    }

    if (field[WIRE_F_INDEX].len == 0) {
        return "no index";
    }

    for (i = 0; i < field[WIRE_F_MD5].len; i++) {
        if (ngx_strchr("0123456789abcdef", field[WIRE_F_MD5].data[i]) == NULL) {
            return "an MD5 that is none";
        }
    }

    if (field[WIRE_F_MD5].len != 32) {
        return "an MD5 that is none";
    }

    if (ngx_dicom_meta_location(&field[WIRE_F_LOCATION]) != NGX_OK) {
        return "a location that is none";
    }

    if (ngx_dicom_meta_is_count(&field[WIRE_F_SIZE]) != NGX_OK) {
        return "a size that is none";
    }

    return NULL;
}


/* A relative path that does not leave the store. */

static ngx_int_t
ngx_dicom_meta_location(const ngx_str_t *location)
{
    size_t   i;
    u_char   ch;

    if (location->len == 0 || location->data[0] == '/') {
        return NGX_DECLINED;
    }

    for (i = 0; i < location->len; i++) {
        ch = location->data[i];

        if ((ch < 'a' || ch > 'z') && (ch < '0' || ch > '9')
            && ch != '/' && ch != '.' && ch != '-' && ch != '_')
        {
            return NGX_DECLINED;
        }

        if (ch == '.' && location->data[i + 1] == '.') {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


const char *
ngx_dicom_meta_text(const ngx_dicom_meta_t *meta, ngx_uint_t tag)
{
    return (const char *) meta->field[tag].data;
}


const char *
ngx_dicom_meta_date(const ngx_dicom_meta_t *meta, ngx_uint_t tag)
{
    return ngx_dicom_meta_is_date(&meta->field[tag]) == NGX_OK
           ? (const char *) meta->field[tag].data : NULL;
}


ngx_int_t
ngx_dicom_meta_is_date(const ngx_str_t *s)
{
    ngx_int_t  year, month, day, last;

    static const u_char  days[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    if (ngx_dicom_meta_pattern(s, "0000-00-00") != NGX_OK) {
        return NGX_DECLINED;
    }

    year = ngx_atoi(s->data, 4);
    month = ngx_atoi(s->data + 5, 2);
    day = ngx_atoi(s->data + 8, 2);

    if (year < 1 || month < 1 || month > 12) {
        return NGX_DECLINED;
    }

    last = days[month - 1];

    if (month == 2 && year % 4 == 0 && (year % 100 || year % 400 == 0)) {
        last = 29;
    }

    return (day >= 1 && day <= last) ? NGX_OK : NGX_DECLINED;
}


const char *
ngx_dicom_meta_time(const ngx_dicom_meta_t *meta, ngx_uint_t tag)
{
    ngx_str_t  s;

    s = meta->field[tag];

    if (ngx_dicom_meta_pattern(&s, "00:00:00") != NGX_OK
        || ngx_atoi(s.data, 2) > 23
        || ngx_atoi(s.data + 3, 2) > 59
        || ngx_atoi(s.data + 6, 2) > 59)
    {
        return NULL;
    }

    return (const char *) s.data;
}


/* '0' stands for any digit, other characters for themselves. */

static ngx_int_t
ngx_dicom_meta_pattern(const ngx_str_t *s, const char *pattern)
{
    size_t  i;

    if (s->len != ngx_strlen(pattern)) {
        return NGX_DECLINED;
    }

    for (i = 0; i < s->len; i++) {

        if (pattern[i] == '0') {
            if (s->data[i] < '0' || s->data[i] > '9') {
                return NGX_DECLINED;
            }

        } else if (s->data[i] != (u_char) pattern[i]) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


const char *
ngx_dicom_meta_number(const ngx_dicom_meta_t *meta, ngx_uint_t tag)
{
    ngx_str_t  s;

    s = meta->field[tag];

    if (s.len && s.data[0] == '-') {
        s.data++;
        s.len--;
    }

    if (ngx_dicom_meta_is_count(&s) != NGX_OK) {
        return NULL;
    }

    return (const char *) meta->field[tag].data;
}


const char *
ngx_dicom_meta_count(const ngx_dicom_meta_t *meta, ngx_uint_t tag)
{
    if (ngx_dicom_meta_is_count(&meta->field[tag]) != NGX_OK) {
        return "0";
    }

    return (const char *) meta->field[tag].data;
}


static ngx_int_t
ngx_dicom_meta_is_count(const ngx_str_t *s)
{
    return (s->len && s->len <= 18 && ngx_atoi(s->data, s->len) != NGX_ERROR)
           ? NGX_OK : NGX_DECLINED;
}
