
/*
 * Arguments of lists: filters, and words to search by.
 */


#include "ngx_http_dicom_resource.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_dicom_fold.h"
#include "ngx_dicom_meta.h"
#include "ngx_dicom_uid.h"


ngx_int_t
ngx_http_dicom_arg_active(ngx_http_request_t *r, const char **active)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    rc = ngx_http_dicom_arg(r, "active", &value);

    if (rc == NGX_DECLINED) {
        *active = "t";
        return NGX_OK;
    }

    if (rc == NGX_OK && ngx_strcmp(value.data, "true") == 0) {
        *active = "t";

    } else if (rc == NGX_OK && ngx_strcmp(value.data, "false") == 0) {
        *active = "f";

    } else if (rc == NGX_OK && ngx_strcmp(value.data, "all") == 0) {
        *active = NULL;

    } else {
        return ngx_http_dicom_arg_invalid(r, "active",
                                          "must be true, false or all");
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_arg_uuid(ngx_http_request_t *r, const char *name,
    const char **uuid)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    rc = ngx_http_dicom_arg(r, name, &value);

    if (rc == NGX_DECLINED) {
        *uuid = NULL;
        return NGX_OK;
    }

    if (rc != NGX_OK || ngx_dicom_uuid_check(&value) != NGX_OK) {
        return ngx_http_dicom_arg_invalid(r, name, "must be a UUID");
    }

    *uuid = (const char *) value.data;

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_arg_text(ngx_http_request_t *r, const char *name, size_t max,
    const char **value)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    *value = NULL;

    rc = ngx_http_dicom_arg(r, name, &text);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (rc != NGX_OK || text.len == 0 || text.len > max
        || ngx_dicom_utf8_check(text.data, text.len) != NGX_OK)
    {
        return ngx_http_dicom_arg_invalid(r, name, "must be a short text");
    }

    *value = (const char *) text.data;

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_arg_day(ngx_http_request_t *r, const char *name,
    const char *suffix, const char **value)
{
    u_char      *day;
    size_t       len;
    ngx_int_t    rc;
    ngx_str_t    s;
    const char  *text;

    *value = NULL;

    rc = ngx_http_dicom_arg_text(r, name, 10, &text);

    if (rc != NGX_OK || text == NULL) {
        return rc;
    }

    s.data = (u_char *) text;
    s.len = ngx_strlen(text);

    if (ngx_dicom_meta_is_date(&s) != NGX_OK) {
        return ngx_http_dicom_arg_invalid(r, name,
                                          "must be a date like 2026-11-22");
    }

    len = ngx_strlen(suffix) + 1;

    day = ngx_pnalloc(r->pool, s.len + len);
    if (day == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(day, text, s.len);
    ngx_memcpy(day + s.len, suffix, len);

    *value = (const char *) day;

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_arg_words(ngx_http_request_t *r, ngx_array_t *words)
{
    size_t      i;
    ngx_int_t   rc;
    ngx_str_t   value, *word;

    if (ngx_array_init(words, r->pool, 4, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_arg(r, "q", &value);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (rc != NGX_OK || value.len > 200) {
        return ngx_http_dicom_arg_invalid(r, "q", "must be at most 200 bytes "
                                          "of UTF-8");
    }

    rc = ngx_dicom_fold(r->pool, &value, words);

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* signs only: a word that no text has, so that nothing is found */

    for (i = 0; i < value.len && value.data[i] == ' '; i++) { /* void */ }

    if (words->nelts == 0 && i < value.len) {
        word = ngx_array_push(words);
        if (word == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_str_set(word, "\x01");
    }

    if (words->nelts > NGX_HTTP_DICOM_MAX_WORDS) {
        return ngx_http_dicom_arg_invalid(r, "q", "must be at most 8 words");
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_arg_search(ngx_http_request_t *r, const char **words)
{
    ngx_int_t    rc;
    ngx_array_t  list;

    rc = ngx_http_dicom_arg_words(r, &list);

    if (rc != NGX_OK) {
        return rc;
    }

    *words = ngx_dicom_db_text_array(r->pool, list.elts, list.nelts);

    return (*words != NULL) ? NGX_OK : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


ngx_int_t
ngx_http_dicom_arg_ranges(ngx_http_request_t *r, ngx_array_t *words,
    ngx_http_dicom_ranges_t *ranges)
{
    ngx_str_t   *word, lead, end, ends[NGX_HTTP_DICOM_MAX_WORDS];
    ngx_uint_t   i, n, longest;

    word = words->elts;
    n = words->nelts - 1;
    longest = 0;

    for (i = 1; i <= n; i++) {
        if (word[i].len > word[longest].len) {
            longest = i;
        }
    }

    lead = word[longest];
    word[longest] = word[n];

    if (ngx_dicom_fold_end(r->pool, &lead, &end) != NGX_OK) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        if (ngx_dicom_fold_end(r->pool, &word[i], &ends[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ranges->lowest = (const char *) lead.data;
    ranges->below = (const char *) end.data;
    ranges->others = ngx_dicom_db_text_array(r->pool, word, n);
    ranges->others_below = ngx_dicom_db_text_array(r->pool, ends, n);

    return ranges->others && ranges->others_below ? NGX_OK : NGX_ERROR;
}
