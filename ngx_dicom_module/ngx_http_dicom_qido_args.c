
/*
 * Arguments of searches.
 */


#include "ngx_http_dicom_qido_args.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_route.h"
#include "ngx_dicom_meta.h"
#include "ngx_dicom_uid.h"


#define NGX_HTTP_DICOM_QIDO_TEXT    64
#define NGX_HTTP_DICOM_QIDO_UIDS    100
#define NGX_HTTP_DICOM_QIDO_LIMIT   500
#define NGX_HTTP_DICOM_QIDO_OFFSET  10000


static ngx_int_t ngx_http_dicom_qido_value(ngx_http_request_t *r,
    const char *const *names, const char *keyword, size_t max,
    ngx_str_t *value);
static ngx_int_t ngx_http_dicom_qido_day(ngx_http_request_t *r,
    ngx_str_t *day, const char *suffix, const char **text);
static ngx_int_t ngx_http_dicom_qido_time(ngx_http_request_t *r,
    ngx_str_t *time, const char *rest, const char **text);
static ngx_int_t ngx_http_dicom_qido_count(ngx_http_request_t *r,
    const char *name, ngx_int_t max, ngx_uint_t *count);


/* An empty value and "*" match everything, so they are as good as absent:
   value->data is NULL then. */

static ngx_int_t
ngx_http_dicom_qido_value(ngx_http_request_t *r, const char *const *names,
    const char *keyword, size_t max, ngx_str_t *value)
{
    ngx_int_t    rc;
    ngx_str_t    other;
    const char  *tag;

    while (ngx_strcmp(*names, keyword) != 0) {
        names++;
    }

    tag = names[1];

    rc = ngx_http_dicom_arg(r, keyword, value);

    if (rc == NGX_DECLINED) {
        rc = ngx_http_dicom_arg(r, tag, value);

    } else if (rc == NGX_OK
               && ngx_http_dicom_arg(r, tag, &other) != NGX_DECLINED)
    {
        return ngx_http_dicom_arg_invalid(r, keyword,
                                          "is given by its tag, too");
    }

    if (rc == NGX_ERROR || value->len > max) {
        return ngx_http_dicom_arg_invalid(r, keyword, "must be a short text");
    }

    if (value->len == 0 || (value->len == 1 && value->data[0] == '*')) {
        ngx_str_null(value);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_qido_text(ngx_http_request_t *r, const char *const *names,
    const char *keyword, const char **value)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    *value = NULL;

    rc = ngx_http_dicom_qido_value(r, names, keyword,
                                   NGX_HTTP_DICOM_QIDO_TEXT, &text);

    if (rc != NGX_OK || text.data == NULL) {
        return rc;
    }

    if (strpbrk((char *) text.data, "*?\\")) {
        return ngx_http_dicom_arg_invalid(r, keyword,
                                          "must be one value without "
                                          "wildcards");
    }

    *value = (char *) text.data;

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_qido_pattern(ngx_http_request_t *r, const char *const *names,
    const char *keyword, const char **pattern)
{
    u_char     *p;
    size_t      i;
    ngx_int_t   rc;
    ngx_str_t   text;

    *pattern = NULL;

    rc = ngx_http_dicom_qido_value(r, names, keyword,
                                   NGX_HTTP_DICOM_QIDO_TEXT, &text);

    if (rc != NGX_OK || text.data == NULL) {
        return rc;
    }

    p = ngx_pnalloc(r->pool, 2 * text.len + 1);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *pattern = (char *) p;

    for (i = 0; i < text.len; i++) {

        switch (text.data[i]) {

        case '*':
            *p++ = '%';
            break;

        case '?':
            *p++ = '_';
            break;

        case '%':
        case '_':
        case '\\':
            *p++ = '\\';

            /* fall through */

        default:
            *p++ = text.data[i];
        }
    }

    *p = '\0';

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_qido_number(ngx_http_request_t *r, const char *const *names,
    const char *keyword, const char **number)
{
    size_t      n;
    ngx_int_t   rc;

    rc = ngx_http_dicom_qido_text(r, names, keyword, number);

    if (rc != NGX_OK || *number == NULL) {
        return rc;
    }

    n = (**number == '-' || **number == '+');

    if ((*number)[n] == '\0'
        || ngx_strlen(*number) > 12
        || strspn(*number + n, "0123456789") != ngx_strlen(*number + n))
    {
        return ngx_http_dicom_arg_invalid(r, keyword,
                                          "must be a whole number");
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_qido_uids(ngx_http_request_t *r, const char *const *names,
    const char *keyword, const char **uids)
{
    u_char      *p, *last, *end;
    ngx_int_t    rc;
    ngx_str_t    text, uid[NGX_HTTP_DICOM_QIDO_UIDS];
    ngx_uint_t   n;

    *uids = NULL;

    rc = ngx_http_dicom_qido_value(r, names, keyword,
                                   NGX_HTTP_DICOM_QIDO_UIDS * 65, &text);

    if (rc != NGX_OK || text.data == NULL) {
        return rc;
    }

    last = text.data + text.len;
    n = 0;

    for (p = text.data; p <= last; p = end + 1) {

        for (end = p; end < last && *end != ',' && *end != '\\'; end++) {
            /* void */
        }

        if (n == NGX_HTTP_DICOM_QIDO_UIDS) {
            return ngx_http_dicom_arg_invalid(r, keyword, "are too many UIDs");
        }

        uid[n].data = p;
        uid[n].len = end - p;

        if (ngx_dicom_uid_check(&uid[n++]) != NGX_OK) {
            return ngx_http_dicom_arg_invalid(r, keyword, "must be UIDs");
        }
    }

    *uids = ngx_dicom_db_text_array(r->pool, uid, n);

    return *uids ? NGX_OK : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


ngx_int_t
ngx_http_dicom_qido_range(ngx_http_request_t *r, const char *const *names,
    const char *keyword, const char **from, const char **to)
{
    u_char     *dash;
    ngx_int_t   rc;
    ngx_str_t   text, first, second;

    *from = "";
    *to = "~";

    rc = ngx_http_dicom_qido_value(r, names, keyword,
                                   sizeof("20260101-20260102") - 1, &text);

    if (rc != NGX_OK || text.data == NULL) {
        return rc;
    }

    first = text;
    second = text;

    dash = ngx_strlchr(text.data, text.data + text.len, '-');

    if (dash) {
        first.len = dash - text.data;
        second.data = dash + 1;
        second.len = text.len - first.len - 1;
    }

    /* a limit at one end leaves out what has no date; "2026-11-22~" is above
       each time of that day */

    *from = "0";

    if ((first.len == 0 && second.len == 0)
        || ngx_http_dicom_qido_day(r, &first, "", from) != NGX_OK
        || ngx_http_dicom_qido_day(r, &second, "~", to) != NGX_OK)
    {
        return ngx_http_dicom_arg_invalid(r, keyword,
                                          "must be a day like 20261122 or a "
                                          "range of two");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_qido_day(ngx_http_request_t *r, ngx_str_t *day,
    const char *suffix, const char **text)
{
    u_char     *p;
    ngx_str_t   date;

    if (day->len == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(r->pool, sizeof("2026-11-22~"));

    if (p == NULL || day->len != sizeof("20261122") - 1) {
        return NGX_DECLINED;
    }

    (void) ngx_sprintf(p, "%*s-%*s-%*s%s%Z", (size_t) 4, day->data,
                       (size_t) 2, day->data + 4, (size_t) 2, day->data + 6,
                       suffix);

    date.data = p;
    date.len = sizeof("2026-11-22") - 1;

    *text = (char *) p;

    return ngx_dicom_meta_is_date(&date);
}


ngx_int_t
ngx_http_dicom_qido_times(ngx_http_request_t *r, const char *const *names,
    const char *keyword, const char **from, const char **to)
{
    u_char     *dash;
    ngx_int_t   rc;
    ngx_str_t   text, first, second;

    *from = NULL;
    *to = NULL;

    rc = ngx_http_dicom_qido_value(r, names, keyword,
                                   sizeof("101112.123456-101112.123456") - 1,
                                   &text);

    if (rc != NGX_OK || text.data == NULL) {
        return rc;
    }

    first = text;
    second = text;

    dash = ngx_strlchr(text.data, text.data + text.len, '-');

    if (dash) {
        first.len = dash - text.data;
        second.data = dash + 1;
        second.len = text.len - first.len - 1;
    }

    /* "1011" is all of that minute */

    if ((first.len == 0 && second.len == 0)
        || ngx_http_dicom_qido_time(r, &first, "00:00:00", from) != NGX_OK
        || ngx_http_dicom_qido_time(r, &second, "23:59:59", to) != NGX_OK)
    {
        return ngx_http_dicom_arg_invalid(r, keyword,
                                          "must be a time like 101112 or a "
                                          "range of two");
    }

    return NGX_OK;
}


/* HH, HHMM, HHMMSS, or HHMMSS.FFFFFF; what it leaves out is from rest. */

static ngx_int_t
ngx_http_dicom_qido_time(ngx_http_request_t *r, ngx_str_t *time,
    const char *rest, const char **text)
{
    size_t     i, digits;
    u_char    *p;
    ngx_int_t  n;

    static const ngx_int_t  most[] = { 23, 59, 60 };

    if (time->len == 0) {
        return NGX_OK;
    }

    digits = time->len;

    if (digits > 7 && digits <= sizeof("101112.123456") - 1
        && time->data[6] == '.'
        && ngx_atoi(time->data + 7, digits - 7) != NGX_ERROR)
    {
        digits = 6;
    }

    p = ngx_pnalloc(r->pool, sizeof("10:11:12"));

    if (p == NULL || digits > 6 || digits % 2) {
        return NGX_DECLINED;
    }

    ngx_memcpy(p, rest, sizeof("10:11:12"));

    for (i = 0; i < digits / 2; i++) {
        n = ngx_atoi(time->data + 2 * i, 2);

        if (n == NGX_ERROR || n > most[i]) {
            return NGX_DECLINED;
        }

        /* a leap second is of its minute */

        (void) ngx_sprintf(p + 3 * i, "%02i", ngx_min(n, 59));
    }

    *text = (char *) p;

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_qido_of_study(ngx_http_request_t *r, const char *const *args,
    ngx_http_dicom_qido_keys_t *keys)
{
    ngx_int_t  rc;

    rc = ngx_http_dicom_qido_uids(r, args, "StudyInstanceUID", &keys->studies);

    if (rc == NGX_OK) {
        rc = ngx_http_dicom_qido_pattern(r, args, "PatientID",
                                         &keys->patient);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_dicom_qido_pattern(r, args, "PatientName", &keys->name);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_dicom_qido_range(r, args, "StudyDate", &keys->from,
                                       &keys->to);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_dicom_qido_times(r, args, "StudyTime", &keys->time_from,
                                       &keys->time_to);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_dicom_qido_pattern(r, args, "AccessionNumber",
                                         &keys->accession);
    }

    return rc;
}


ngx_int_t
ngx_http_dicom_qido_of_series(ngx_http_request_t *r, const char *const *args,
    ngx_http_dicom_qido_keys_t *keys)
{
    ngx_int_t  rc;

    rc = ngx_http_dicom_qido_uids(r, args, "SeriesInstanceUID", &keys->series);

    if (rc == NGX_OK) {
        rc = ngx_http_dicom_qido_text(r, args, "Modality", &keys->modality);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_dicom_qido_number(r, args, "SeriesNumber",
                                        &keys->number);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_dicom_qido_pattern(r, args, "SeriesDescription",
                                         &keys->description);
    }

    return rc;
}


ngx_int_t
ngx_http_dicom_qido_of_instance(ngx_http_request_t *r,
    const char *const *args, const char **uids, const char **class,
    const char **number)
{
    ngx_int_t  rc;

    rc = ngx_http_dicom_qido_uids(r, args, "SOPInstanceUID", uids);

    if (rc == NGX_OK) {
        rc = ngx_http_dicom_qido_text(r, args, "SOPClassUID", class);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_dicom_qido_number(r, args, "InstanceNumber", number);
    }

    return rc;
}


ngx_int_t
ngx_http_dicom_qido_page(ngx_http_request_t *r, ngx_uint_t *limit,
    ngx_uint_t *offset)
{
    ngx_int_t  rc;

    *limit = NGX_HTTP_DICOM_QIDO_LIMIT;
    *offset = 0;

    rc = ngx_http_dicom_qido_count(r, "limit", NGX_MAX_INT32_VALUE, limit);
    if (rc != NGX_OK) {
        return rc;
    }

    *limit = ngx_min(*limit, NGX_HTTP_DICOM_QIDO_LIMIT);

    return ngx_http_dicom_qido_count(r, "offset", NGX_HTTP_DICOM_QIDO_OFFSET,
                                     offset);
}


static ngx_int_t
ngx_http_dicom_qido_count(ngx_http_request_t *r, const char *name,
    ngx_int_t max, ngx_uint_t *count)
{
    ngx_int_t  rc, n;
    ngx_str_t  value;

    rc = ngx_http_dicom_arg(r, name, &value);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    n = (rc == NGX_OK) ? ngx_atoi(value.data, value.len) : NGX_ERROR;

    if (n < 0 || n > max) {
        return ngx_http_dicom_arg_invalid(r, name, "is not in range");
    }

    *count = n;

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_qido_warn(ngx_http_request_t *r, const char *const *names,
    ngx_uint_t more)
{
    u_char     *p, *last, *end, text[1024];
    ngx_str_t   value, warning;

    p = text;
    last = text + sizeof(text);

    if (ngx_http_dicom_arg(r, "fuzzymatching", &value) == NGX_OK
        && value.len == 4
        && ngx_strncasecmp(value.data, (u_char *) "true", 4) == 0)
    {
        p = ngx_slprintf(p, last, "299 dicom \"The fuzzymatching parameter is "
                         "not supported. Only literal matching has been "
                         "performed.\", ");
    }

    if (more) {
        p = ngx_slprintf(p, last, "299 dicom \"There are additional results "
                         "that can be requested.\", ");
    }

    end = ngx_http_dicom_args_ignored(r, names, p, last);

    if (end == text) {
        return NGX_OK;
    }

    /* without the comma behind the last */

    warning.len = end - text - (end == p ? 2 : 0);
    warning.data = ngx_pnalloc(r->pool, warning.len);

    if (warning.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(warning.data, text, warning.len);

    return ngx_http_dicom_header(r, "Warning", &warning);
}
