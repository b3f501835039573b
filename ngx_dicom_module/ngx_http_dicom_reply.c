
/*
 * The only place that sends JSON, problems and images.
 */


#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_route.h"


#define NGX_HTTP_DICOM_RETRY_AFTER  "1"


static ngx_int_t ngx_http_dicom_send(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, ngx_str_t *text);
static ngx_int_t ngx_http_dicom_etag(ngx_http_request_t *r, int64_t version);
static ngx_int_t ngx_http_dicom_problem_headers(ngx_http_request_t *r,
    ngx_uint_t status);
static void ngx_http_dicom_problem_title(ngx_http_request_t *r,
    ngx_dicom_json_writer_t *w, const char *slug);
static ngx_int_t ngx_http_dicom_problem_of(ngx_http_request_t *r,
    ngx_uint_t status, const char *slug, const char *field,
    const char *detail);


ngx_int_t
ngx_http_dicom_reply_json(ngx_http_request_t *r, ngx_uint_t status,
    ngx_dicom_json_writer_t *w, int64_t version, const ngx_str_t *location)
{
    ngx_str_t  json;

    if (ngx_dicom_json_finish(w, &json) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (version && ngx_http_dicom_etag(r, version) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (location
        && ngx_http_dicom_header(r, "Location", location) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_send(r, status, "application/json", &json);
}


ngx_int_t
ngx_http_dicom_reply_text(ngx_http_request_t *r, ngx_uint_t status,
    const char *type, ngx_str_t *text)
{
    return ngx_http_dicom_send(r, status, type, text);
}


ngx_int_t
ngx_http_dicom_reply_empty(ngx_http_request_t *r)
{
    return ngx_http_dicom_send(r, NGX_HTTP_NO_CONTENT, NULL, NULL);
}


static ngx_int_t
ngx_http_dicom_send(ngx_http_request_t *r, ngx_uint_t status, const char *type,
    ngx_str_t *text)
{
    ngx_int_t     rc;
    ngx_buf_t    *b;
    ngx_chain_t   out;

    rc = ngx_http_discard_request_body(r);

    if (rc != NGX_OK) {
        return rc;
    }

    r->headers_out.status = status;
    r->headers_out.status_line.len = 0;

    /*
     * If-Match was judged by the handler; nginx would hold it against the new
     * version and turn the success into 412
     */

    if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
        r->disable_not_modified = 1;
    }

    if (text == NULL || text->len == 0) {
        r->header_only = 1;
        r->headers_out.content_length_n = (status == NGX_HTTP_NO_CONTENT)
                                          ? -1 : 0;
        rc = ngx_http_send_header(r);
        return (rc == NGX_OK) ? NGX_HTTP_OK : rc;
    }

    r->headers_out.content_length_n = text->len;
    r->headers_out.content_type.data = (u_char *) type;
    r->headers_out.content_type.len = ngx_strlen(type);
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    b->pos = text->data;
    b->last = text->data + text->len;
    b->memory = 1;
    b->last_buf = (r == r->main) ? 1 : 0;
    b->last_in_chain = 1;

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return rc;
    }

    if (!r->header_only) {
        out.buf = b;
        out.next = NULL;

        rc = ngx_http_output_filter(r, &out);
    }

    return (rc == NGX_OK) ? NGX_HTTP_OK : rc;
}


static ngx_int_t
ngx_http_dicom_etag(ngx_http_request_t *r, int64_t version)
{
    ngx_str_t         value;
    ngx_table_elt_t  *h;

    value.data = ngx_pnalloc(r->pool, NGX_INT64_LEN + 2);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "\"%L\"", version) - value.data;

    if (ngx_http_dicom_header(r, "ETag", &value) != NGX_OK) {
        return NGX_ERROR;
    }

    h = ngx_http_dicom_header_sent(r, "ETag");
    r->headers_out.etag = h;

    return NGX_OK;
}


ngx_table_elt_t *
ngx_http_dicom_header_sent(ngx_http_request_t *r, const char *name)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);

    for (part = &r->headers_out.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].hash
                && h[i].key.len == len
                && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
            {
                return &h[i];
            }
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_dicom_header(ngx_http_request_t *r, const char *name,
    const ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_http_dicom_header_sent(r, name);

    if (h == NULL) {
        h = ngx_list_push(&r->headers_out.headers);
        if (h == NULL) {
            return NGX_ERROR;
        }

        h->hash = 1;
        h->key.data = (u_char *) name;
        h->key.len = ngx_strlen(name);
        h->lowcase_key = NULL;
#if (nginx_version >= 1023000)
        h->next = NULL;
#endif
    }

    h->value = *value;

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_problem(ngx_http_request_t *r, ngx_uint_t status,
    const char *slug, const char *detail, ngx_array_t *errors)
{
    ngx_str_t  json;

    if (ngx_http_dicom_problem_json(r, status, slug, detail, errors, &json)
        != NGX_OK
        || ngx_http_dicom_problem_headers(r, status) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_clear_etag(r);

    if (status == NGX_HTTP_REQUEST_ENTITY_TOO_LARGE) {
        /* the rest of the body is not worth reading for the next request */
        r->keepalive = 0;
    }

    return ngx_http_dicom_send(r, status, "application/problem+json", &json);
}


ngx_int_t
ngx_http_dicom_problem_json(ngx_http_request_t *r, ngx_uint_t status,
    const char *slug, const char *detail, ngx_array_t *errors, ngx_str_t *json)
{
    u_char                   *p;
    ngx_str_t                 type;
    ngx_uint_t                i;
    ngx_dicom_json_error_t   *e;
    ngx_dicom_json_writer_t  *w;

    w = ngx_dicom_json_writer(r->pool);
    if (w == NULL) {
        return NGX_ERROR;
    }

    type.len = sizeof("urn:dicom:problem:") - 1 + ngx_strlen(slug);
    type.data = ngx_pnalloc(r->pool, type.len);
    if (type.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(type.data, "urn:dicom:problem:",
                   sizeof("urn:dicom:problem:") - 1);
    ngx_memcpy(p, slug, ngx_strlen(slug));

    ngx_dicom_json_object(w);
    ngx_dicom_json_key(w, "type");
    ngx_dicom_json_string(w, &type);
    ngx_dicom_json_key(w, "title");
    ngx_http_dicom_problem_title(r, w, slug);
    ngx_dicom_json_key(w, "status");
    ngx_dicom_json_integer(w, status);

    ngx_dicom_json_key(w, "detail");

    if (detail) {
        ngx_dicom_json_cstring(w, detail);

    } else if (errors && errors->nelts) {
        ngx_dicom_json_cstring(w, "What is wrong stands under errors.");

    } else {
        ngx_http_dicom_problem_title(r, w, slug);
    }

    if (errors && errors->nelts) {
        ngx_dicom_json_key(w, "errors");
        ngx_dicom_json_array(w);

        e = errors->elts;
        for (i = 0; i < errors->nelts; i++) {
            ngx_dicom_json_object(w);
            ngx_dicom_json_key(w, "field");
            ngx_dicom_json_string(w, &e[i].field);
            ngx_dicom_json_key(w, "detail");
            ngx_dicom_json_string(w, &e[i].detail);
            ngx_dicom_json_end_object(w);
        }

        ngx_dicom_json_end_array(w);
    }

    ngx_dicom_json_end_object(w);

    return ngx_dicom_json_finish(w, json);
}


/* "stack-expired" reads "Stack expired". */

static void
ngx_http_dicom_problem_title(ngx_http_request_t *r, ngx_dicom_json_writer_t *w,
    const char *slug)
{
    u_char      title[128];
    ngx_str_t   s;
    ngx_uint_t  i;

    for (i = 0; slug[i] && i < sizeof(title); i++) {
        title[i] = (slug[i] == '-') ? ' ' : slug[i];
    }

    if (i) {
        title[0] = ngx_toupper(title[0]);
    }

    s.data = title;
    s.len = i;

    ngx_dicom_json_string(w, &s);
}


static ngx_int_t
ngx_http_dicom_problem_headers(ngx_http_request_t *r, ngx_uint_t status)
{
    ngx_str_t  value;

    if (status == NGX_HTTP_UNAUTHORIZED
        && ngx_http_dicom_header_sent(r, "WWW-Authenticate") == NULL)
    {
        ngx_str_set(&value, "Bearer realm=\"dicom\"");
        return ngx_http_dicom_header(r, "WWW-Authenticate", &value);
    }

    if ((status == NGX_HTTP_SERVICE_UNAVAILABLE
         || status == NGX_HTTP_TOO_MANY_REQUESTS)
        && ngx_http_dicom_header_sent(r, "Retry-After") == NULL)
    {
        ngx_str_set(&value, NGX_HTTP_DICOM_RETRY_AFTER);
        return ngx_http_dicom_header(r, "Retry-After", &value);
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_problemf(ngx_http_request_t *r, ngx_uint_t status,
    const char *slug, const char *fmt, ...)
{
    u_char   detail[512], *p;
    va_list  args;

    va_start(args, fmt);
    p = ngx_vslprintf(detail, detail + sizeof(detail) - 1, fmt, args);
    va_end(args);

    *p = '\0';

    return ngx_http_dicom_problem(r, status, slug, (char *) detail, NULL);
}


ngx_int_t
ngx_http_dicom_invalid(ngx_http_request_t *r, const char *field,
    const char *detail)
{
    return ngx_http_dicom_problem_of(r, 422, "validation-failed", field,
                                     detail);
}


ngx_int_t
ngx_http_dicom_arg_invalid(ngx_http_request_t *r, const char *name,
    const char *detail)
{
    return ngx_http_dicom_problem_of(r, NGX_HTTP_BAD_REQUEST,
                                     "invalid-parameter", name, detail);
}


/* A problem with one error. */
static ngx_int_t
ngx_http_dicom_problem_of(ngx_http_request_t *r, ngx_uint_t status,
    const char *slug, const char *field, const char *detail)
{
    ngx_array_t              errors;
    ngx_dicom_json_error_t   e;

    e.field.data = (u_char *) field;
    e.field.len = ngx_strlen(field);
    e.detail.data = (u_char *) detail;
    e.detail.len = ngx_strlen(detail);

    ngx_memzero(&errors, sizeof(ngx_array_t));
    errors.elts = &e;
    errors.nelts = 1;

    return ngx_http_dicom_problem(r, status, slug, NULL, &errors);
}


ngx_int_t
ngx_http_dicom_unauthorized(ngx_http_request_t *r, const char *why)
{
    u_char     *p;
    ngx_str_t   value;

    if (why) {
        value.len = sizeof("Bearer realm=\"dicom\", error=\"invalid_token\", "
                           "error_description=\"\"") + ngx_strlen(why);

        value.data = ngx_pnalloc(r->pool, value.len);
        if (value.data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        p = ngx_sprintf(value.data, "Bearer realm=\"dicom\", "
                        "error=\"invalid_token\", error_description=\"%s\"",
                        why);
        value.len = p - value.data;

        if (ngx_http_dicom_header(r, "WWW-Authenticate", &value) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_http_dicom_problem(r, NGX_HTTP_UNAUTHORIZED, "unauthorized",
                                  why ? why : "A bearer token is needed.",
                                  NULL);
}


ngx_int_t
ngx_http_dicom_needs_match(ngx_http_request_t *r)
{
    if (r->headers_in.if_match) {
        return NGX_OK;
    }

    return ngx_http_dicom_problem(r, 428, "precondition-required",
                                  "If-Match with the ETag of the version "
                                  "that was read is needed.", NULL);
}


ngx_uint_t
ngx_http_dicom_matches(ngx_http_request_t *r, int64_t version)
{
    u_char      etag[NGX_INT64_LEN + 3], *p, *last, *end;
    size_t      len;
    ngx_str_t  *value;

    value = &r->headers_in.if_match->value;

    p = value->data;
    last = p + value->len;

    if (value->len == 1 && *p == '*') {
        return 1;
    }

    len = ngx_sprintf(etag, "\"%L\"", version) - etag;

    while (p < last) {

        while (p < last && (*p == ' ' || *p == '\t' || *p == ',')) {
            p++;
        }

        /* nginx's gzip filter makes an ETag weak; it is the same version */

        if (last - p > 2 && p[0] == 'W' && p[1] == '/') {
            p += 2;
        }

        end = ngx_strlchr(p, last, ',');
        if (end == NULL) {
            end = last;
        }

        if ((size_t) (last - p) >= len
            && ngx_memcmp(p, etag, len) == 0
            && (p + len == end || p[len] == ' ' || p[len] == '\t'))
        {
            return 1;
        }

        p = end;
    }

    return 0;
}


ngx_int_t
ngx_http_dicom_if_match(ngx_http_request_t *r, int64_t version)
{
    ngx_int_t  rc;

    rc = ngx_http_dicom_needs_match(r);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_dicom_matches(r, version)) {
        return NGX_OK;
    }

    return ngx_http_dicom_problem(r, NGX_HTTP_PRECONDITION_FAILED,
                                  "precondition-failed",
                                  "It was changed in the meantime.", NULL);
}
