
/*
 * What stands around the parts of a multipart/related answer.
 */


#include "ngx_http_dicom_parts.h"
#include "ngx_dicom_uid.h"


/* a boundary, a type and a transfer syntax, with what is between them */
#define NGX_HTTP_DICOM_PARTS_HEAD  384


static void ngx_http_dicom_parts_head(ngx_http_dicom_parts_t *parts,
    const ngx_str_t *syntax, ngx_uint_t before);
static void ngx_http_dicom_parts_tail(ngx_http_dicom_parts_t *parts);


ngx_int_t
ngx_http_dicom_parts(ngx_http_request_t *r, ngx_http_dicom_parts_t *parts,
    ngx_uint_t multipart, const char *type, const ngx_str_t *syntax)
{
    size_t      len;
    ngx_str_t   value;

    parts->multipart = multipart;
    parts->type = type;
    parts->sent = 0;

    parts->head = ngx_create_temp_buf(r->pool, NGX_HTTP_DICOM_PARTS_HEAD);
    parts->tail = ngx_create_temp_buf(r->pool, NGX_HTTP_DICOM_PARTS_HEAD);
    value.data = ngx_pnalloc(r->pool, NGX_HTTP_DICOM_PARTS_HEAD);

    if (parts->head == NULL || parts->tail == NULL || value.data == NULL
        || ngx_dicom_uuid(r->pool, &parts->boundary) != NGX_OK)
    {
        return NGX_ERROR;
    }

    len = ngx_min(syntax->len, 64);

    value.len = multipart
                ? ngx_sprintf(value.data, "multipart/related; type=\"%s\"; "
                              "%s%*s%sboundary=%V", type,
                              len ? "transfer-syntax=" : "", len, syntax->data,
                              len ? "; " : "", &parts->boundary)
                  - value.data
                : ngx_sprintf(value.data, "%s", type) - value.data;

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_type = value;
    r->headers_out.content_type_len = value.len;
    r->headers_out.content_type_lowcase = NULL;

    return NGX_OK;
}


ngx_chain_t *
ngx_http_dicom_part(ngx_http_dicom_parts_t *parts, const ngx_str_t *syntax,
    ngx_buf_t *body, ngx_uint_t last)
{
    ngx_chain_t  *out;

    out = parts->out;

    out[1].buf = body;
    out[1].next = NULL;

    if (!parts->multipart) {
        parts->sent++;
        return &out[1];
    }

    ngx_http_dicom_parts_head(parts, syntax, parts->sent++);

    out[0].buf = parts->head;
    out[0].next = &out[1];

    if (last) {
        ngx_http_dicom_parts_tail(parts);

        out[2].buf = parts->tail;
        out[2].next = NULL;
        out[1].next = &out[2];
    }

    /* nginx leaves out a body without bytes only if it is told that it is */

    if (ngx_buf_size(body) == 0) {
        out[0].next = out[1].next;
    }

    return out;
}


ngx_chain_t *
ngx_http_dicom_part_more(ngx_http_dicom_parts_t *parts, ngx_buf_t *body,
    ngx_uint_t last)
{
    ngx_chain_t  *out;

    out = parts->out;

    out[1].buf = body;
    out[1].next = NULL;

    if (parts->multipart && last) {
        ngx_http_dicom_parts_tail(parts);

        out[2].buf = parts->tail;
        out[2].next = NULL;
        out[1].next = &out[2];
    }

    return &out[1];
}


size_t
ngx_http_dicom_part_frame(ngx_http_dicom_parts_t *parts,
    const ngx_str_t *syntax, ngx_uint_t before, ngx_uint_t last)
{
    size_t  size;

    if (!parts->multipart) {
        return 0;
    }

    ngx_http_dicom_parts_head(parts, syntax, before);
    size = ngx_buf_size(parts->head);

    if (last) {
        ngx_http_dicom_parts_tail(parts);
        size += ngx_buf_size(parts->tail);
    }

    return size;
}


static void
ngx_http_dicom_parts_head(ngx_http_dicom_parts_t *parts,
    const ngx_str_t *syntax, ngx_uint_t before)
{
    size_t      len;
    ngx_buf_t  *b;

    b = parts->head;
    len = ngx_min(syntax->len, 64);

    b->pos = b->start;
    b->last = ngx_sprintf(b->start, "%s--%V\r\nContent-Type: %s%s%*s\r\n\r\n",
                          before ? "\r\n" : "", &parts->boundary, parts->type,
                          len ? "; transfer-syntax=" : "", len, syntax->data);
}


static void
ngx_http_dicom_parts_tail(ngx_http_dicom_parts_t *parts)
{
    ngx_buf_t  *b;

    b = parts->tail;

    b->pos = b->start;
    b->last = ngx_sprintf(b->start, "\r\n--%V--\r\n", &parts->boundary);
}
