
/*
 * Arguments of the query string, members of bodies, and pages of lists.
 */


#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_route.h"


#define NGX_HTTP_DICOM_PAGE      50
#define NGX_HTTP_DICOM_MAX_PAGE  500
#define NGX_HTTP_DICOM_MAX_KEYS  4
#define NGX_HTTP_DICOM_SEPARATOR 0x1f


static ngx_int_t ngx_http_dicom_next_arg(u_char **pos, u_char *last,
    ngx_str_t *name, ngx_str_t *value);
static ngx_uint_t ngx_http_dicom_arg_is(const ngx_str_t *name,
    const char *known);
static ngx_int_t ngx_http_dicom_decode_arg(ngx_pool_t *pool, ngx_str_t *value);
static ngx_int_t ngx_http_dicom_read_cursor(ngx_http_request_t *r,
    ngx_http_dicom_page_t *page, ngx_str_t *cursor, ngx_uint_t nkeys);


ngx_int_t
ngx_http_dicom_arg(ngx_http_request_t *r, const char *name, ngx_str_t *value)
{
    u_char     *p;
    ngx_str_t   n, v;
    ngx_uint_t  found;

    found = 0;
    p = r->args.data;

    while (ngx_http_dicom_next_arg(&p, r->args.data + r->args.len, &n, &v)
           == NGX_OK)
    {
        if (!ngx_http_dicom_arg_is(&n, name)) {
            continue;
        }

        if (found) {
            return NGX_ERROR;
        }

        found = 1;
        *value = v;
    }

    if (!found) {
        ngx_str_null(value);
        return NGX_DECLINED;
    }

    return ngx_http_dicom_decode_arg(r->pool, value);
}


static ngx_int_t
ngx_http_dicom_next_arg(u_char **pos, u_char *last, ngx_str_t *name,
    ngx_str_t *value)
{
    u_char  *p, *end, *eq;

    p = *pos;

    while (p < last && *p == '&') {
        p++;
    }

    if (p == NULL || p >= last) {
        return NGX_DONE;
    }

    end = ngx_strlchr(p, last, '&');
    if (end == NULL) {
        end = last;
    }

    eq = ngx_strlchr(p, end, '=');

    name->data = p;
    name->len = (eq ? eq : end) - p;

    value->data = eq ? eq + 1 : end;
    value->len = end - value->data;

    *pos = end;

    return NGX_OK;
}


/* The hexadecimal digits of a tag are of either case (PS3.18 8.3.4.1); no other
   name begins with a digit. */

static ngx_uint_t
ngx_http_dicom_arg_is(const ngx_str_t *name, const char *known)
{
    if (name->len != ngx_strlen(known)) {
        return 0;
    }

    return (*known >= '0' && *known <= '9'
            ? ngx_strncasecmp(name->data, (u_char *) known, name->len)
            : ngx_memcmp(name->data, known, name->len))
           == 0;
}


static ngx_int_t
ngx_http_dicom_decode_arg(ngx_pool_t *pool, ngx_str_t *value)
{
    size_t      i;
    u_char     *dst;
    ngx_str_t   hex;

    dst = ngx_pnalloc(pool, value->len + 1);
    if (dst == NULL) {
        return NGX_ERROR;
    }

    hex.len = 0;

    for (i = 0; i < value->len; i++, hex.len++) {

        dst[hex.len] = value->data[i];

        if (value->data[i] == '+') {
            dst[hex.len] = ' ';

        } else if (value->data[i] == '%') {
            ngx_int_t  ch;

            ch = (value->len - i > 2) ? ngx_hextoi(&value->data[i + 1], 2)
                                      : NGX_ERROR;

            if (ch == NGX_ERROR || ch == 0) {
                return NGX_ERROR;
            }

            dst[hex.len] = (u_char) ch;
            i += 2;
        }
    }

    dst[hex.len] = '\0';

    value->data = dst;
    value->len = hex.len;

    return (ngx_dicom_utf8_check(dst, hex.len) == NGX_OK) ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ngx_http_dicom_args_known(ngx_http_request_t *r, const char *const *names)
{
    u_char             *p, text[65];
    ngx_str_t           name, value;
    const char *const  *known;

    p = r->args.data;

    while (ngx_http_dicom_next_arg(&p, r->args.data + r->args.len, &name,
                                   &value)
           == NGX_OK)
    {
        for (known = names; *known; known++) {
            if (ngx_http_dicom_arg_is(&name, *known)) {
                break;
            }
        }

        if (*known == NULL) {
            (void) ngx_cpystrn(text, name.data,
                               ngx_min(name.len + 1, sizeof(text)));
            return ngx_http_dicom_arg_invalid(r, (const char *) text,
                                              "is not known here");
        }
    }

    return NGX_OK;
}


/* PS3.18 8.3: "shall ignore any unsupported Query Parameters" */

u_char *
ngx_http_dicom_args_ignored(ngx_http_request_t *r, const char *const *names,
    u_char *text, u_char *last)
{
    size_t              i;
    u_char             *p, *end, c;
    ngx_str_t           name, value;
    ngx_uint_t          n;
    const char *const  *known;

    p = r->args.data;
    end = last - 2;                    /* leaves room for the last two */
    n = 0;

    while (ngx_http_dicom_next_arg(&p, r->args.data + r->args.len, &name,
                                   &value)
           == NGX_OK)
    {
        for (known = names; *known; known++) {
            if (ngx_http_dicom_arg_is(&name, *known)) {
                break;
            }
        }

        if (*known) {
            continue;
        }

        text = ngx_slprintf(text, end, "%s", n++ ? ", " : "299 dicom \"These "
                            "parameters are not supported and have been "
                            "ignored: ");

        for (i = 0; i < ngx_min(name.len, 64); i++) {
            c = name.data[i];
            c = (c > ' ' && c < 0x7f && c != '"' && c != '\\') ? c : '?';
            text = ngx_slprintf(text, end, "%c", c);
        }
    }

    return n ? ngx_slprintf(text, last, ".\"") : text;
}


ngx_int_t
ngx_http_dicom_bind(ngx_http_request_t *r, const ngx_dicom_field_t *fields,
    void *out)
{
    ngx_int_t    rc;
    ngx_array_t  errors;

    if (ngx_array_init(&errors, r->pool, 4, sizeof(ngx_dicom_json_error_t))
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_dicom_json_bind(r->pool, ngx_http_dicom_ctx(r)->body, fields, out,
                             "", &errors);

    if (rc == NGX_DECLINED) {
        return ngx_http_dicom_problem(r, 422, "validation-failed", NULL,
                                      &errors);
    }

    return (rc == NGX_OK) ? NGX_OK : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


ngx_int_t
ngx_http_dicom_page(ngx_http_request_t *r, ngx_http_dicom_page_t *page,
    ngx_uint_t nkeys)
{
    ngx_int_t  rc, n;
    ngx_str_t  value;

    ngx_memzero(page, sizeof(ngx_http_dicom_page_t));
    page->limit = NGX_HTTP_DICOM_PAGE;

    rc = ngx_http_dicom_arg(r, "limit", &value);

    if (rc != NGX_DECLINED) {
        n = (rc == NGX_OK) ? ngx_atoi(value.data, value.len) : NGX_ERROR;

        if (n < 1 || n > NGX_HTTP_DICOM_MAX_PAGE) {
            return ngx_http_dicom_arg_invalid(r, "limit", "must be 1 to 500");
        }

        page->limit = n;
    }

    rc = ngx_http_dicom_arg(r, "cursor", &value);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (rc != NGX_OK
        || ngx_http_dicom_read_cursor(r, page, &value, nkeys) != NGX_OK)
    {
        return ngx_http_dicom_arg_invalid(r, "cursor",
                                          "is not one that this list gave");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_read_cursor(ngx_http_request_t *r, ngx_http_dicom_page_t *page,
    ngx_str_t *cursor, ngx_uint_t nkeys)
{
    u_char     *p, *last;
    ngx_str_t   text;

    text.data = ngx_pnalloc(r->pool,
                            ngx_base64_decoded_length(cursor->len) + 1);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    if (cursor->len == 0
        || ngx_decode_base64url(&text, cursor) != NGX_OK
        || ngx_dicom_utf8_check(text.data, text.len) != NGX_OK
        || ngx_strlchr(text.data, text.data + text.len, '\0'))
    {
        return NGX_DECLINED;
    }

    last = text.data + text.len;
    *last = '\0';

    for (p = text.data; page->nkeys < NGX_HTTP_DICOM_MAX_KEYS; p++) {
        page->keys[page->nkeys].data = p;

        while (p < last && *p != NGX_HTTP_DICOM_SEPARATOR) {
            p++;
        }

        page->keys[page->nkeys].len = p - page->keys[page->nkeys].data;
        page->nkeys++;

        if (p == last) {
            return (page->nkeys == nkeys) ? NGX_OK : NGX_DECLINED;
        }

        *p = '\0';
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_http_dicom_cursor(ngx_pool_t *pool, const ngx_str_t *keys,
    ngx_uint_t nkeys, ngx_str_t *cursor)
{
    u_char      *p;
    ngx_str_t    text;
    ngx_uint_t   i;

    text.len = 0;

    for (i = 0; i < nkeys; i++) {
        text.len += keys[i].len + 1;
    }

    text.data = ngx_pnalloc(pool, text.len);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    p = text.data;

    for (i = 0; i < nkeys; i++) {
        if (i) {
            *p++ = NGX_HTTP_DICOM_SEPARATOR;
        }

        p = ngx_cpymem(p, keys[i].data, keys[i].len);
    }

    text.len = p - text.data;

    cursor->data = ngx_pnalloc(pool, ngx_base64_encoded_length(text.len));
    if (cursor->data == NULL) {
        return NGX_ERROR;
    }

    ngx_encode_base64url(cursor, &text);

    return NGX_OK;
}
