
/*
 * The DICOM JSON model (PS3.18 annex F).
 */


#include "ngx_http_dicom_attribute.h"


static void ngx_http_dicom_attribute_value(ngx_dicom_json_writer_t *w,
    const char *tag, const char *vr, const char *text);
static void ngx_http_dicom_attribute_name(ngx_dicom_json_writer_t *w,
    const char *text);
static void ngx_http_dicom_attribute_list(ngx_dicom_json_writer_t *w,
    const char *text, char separator);
static void ngx_http_dicom_attribute_digits(ngx_dicom_json_writer_t *w,
    const char *text);


void
ngx_http_dicom_write_attribute(ngx_dicom_json_writer_t *w, const char *tag,
    const char *vr, const char *text)
{
    ngx_dicom_json_key(w, tag);
    ngx_dicom_json_object(w);
    ngx_dicom_json_key(w, "vr");
    ngx_dicom_json_cstring(w, vr);

    if (*text) {
        ngx_dicom_json_key(w, "Value");
        ngx_dicom_json_array(w);
        ngx_http_dicom_attribute_value(w, tag, vr, text);
        ngx_dicom_json_end_array(w);
    }

    ngx_dicom_json_end_object(w);
}


static void
ngx_http_dicom_attribute_value(ngx_dicom_json_writer_t *w, const char *tag,
    const char *vr, const char *text)
{
    if (ngx_strcmp(vr, "PN") == 0) {
        ngx_http_dicom_attribute_name(w, text);

    } else if (ngx_strcmp(vr, "DA") == 0 || ngx_strcmp(vr, "TM") == 0) {
        ngx_http_dicom_attribute_digits(w, text);

    } else if (ngx_strcmp(vr, "IS") == 0 || ngx_strcmp(vr, "US") == 0) {
        ngx_dicom_json_integer(w, strtoll(text, NULL, 10));

    } else if (ngx_strcmp(tag, "00080061") == 0) {
        ngx_http_dicom_attribute_list(w, text, ',');

    } else {
        ngx_dicom_json_cstring(w, text);
    }
}


static void
ngx_http_dicom_attribute_name(ngx_dicom_json_writer_t *w, const char *text)
{
    const char  *end;
    ngx_str_t    group;
    ngx_uint_t   i;

    static const char *const  groups[] = {
        "Alphabetic", "Ideographic", "Phonetic"
    };

    ngx_dicom_json_object(w);

    for (i = 0; i < 3; i++) {
        end = strchrnul(text, '=');

        group.data = (u_char *) text;
        group.len = end - text;

        if (group.len) {
            ngx_dicom_json_key(w, groups[i]);
            ngx_dicom_json_string(w, &group);
        }

        if (*end == '\0') {
            break;
        }

        text = end + 1;
    }

    ngx_dicom_json_end_object(w);
}


static void
ngx_http_dicom_attribute_list(ngx_dicom_json_writer_t *w, const char *text,
    char separator)
{
    const char  *end;
    ngx_str_t    value;

    for ( ;; ) {
        end = strchrnul(text, separator);

        value.data = (u_char *) text;
        value.len = end - text;

        ngx_dicom_json_string(w, &value);

        if (*end == '\0') {
            return;
        }

        text = end + 1;
    }
}


/* "2026-11-22" as DA, "13:00:00" as TM. */

static void
ngx_http_dicom_attribute_digits(ngx_dicom_json_writer_t *w, const char *text)
{
    size_t  n;
    char    buf[32];

    for (n = 0; *text && n < sizeof(buf) - 1; text++) {
        if (*text != '-' && *text != ':') {
            buf[n++] = *text;
        }
    }

    buf[n] = '\0';

    ngx_dicom_json_cstring(w, buf);
}
