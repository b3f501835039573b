
/*
 * WADO-RS: the instances of a study or a series, or one, as the files that
 * were stored, in the transfer syntaxes that they have; nothing is decoded or
 * encoded anew.
 */


#include "ngx_http_dicom_wado.h"
#include "ngx_http_dicom_accept.h"
#include "ngx_http_dicom_object.h"
#include "ngx_http_dicom_record.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_retrieve.h"
#include "ngx_http_dicom_stream.h"
#include "ngx_dicom_uid.h"


/* beyond the boundary and a transfer syntax */
#define NGX_HTTP_DICOM_WADO_HEAD  256


/* An answer under way, ctx->data. */
typedef struct {
    ngx_http_dicom_retrieve_t   retrieve;
    ngx_uint_t                  multipart;
    ngx_uint_t                  row;       /* to be sent next */
    ngx_str_t                   boundary;
    ngx_http_dicom_object_t    *object;
    ngx_buf_t                  *head;
    ngx_buf_t                  *tail;
    ngx_chain_t                 out[3];
} ngx_http_dicom_wado_t;


static ngx_int_t ngx_http_dicom_wado(ngx_http_request_t *r, ngx_uint_t level);
static ngx_int_t ngx_http_dicom_wado_check(ngx_http_request_t *r,
    PGresult *rows);
static ngx_int_t ngx_http_dicom_wado_refuse(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_wado_done(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_wado_next(ngx_http_request_t *r,
    ngx_chain_t **out);
static ngx_int_t ngx_http_dicom_wado_headers(ngx_http_request_t *r,
    ngx_http_dicom_wado_t *wado);
static void ngx_http_dicom_wado_head(ngx_http_dicom_wado_t *wado,
    ngx_uint_t row);
static void ngx_http_dicom_wado_tail(ngx_http_dicom_wado_t *wado);


ngx_int_t
ngx_http_dicom_wado_study(ngx_http_request_t *r)
{
    return ngx_http_dicom_wado(r, NGX_HTTP_DICOM_STUDY);
}


ngx_int_t
ngx_http_dicom_wado_series(ngx_http_request_t *r)
{
    return ngx_http_dicom_wado(r, NGX_HTTP_DICOM_SERIES);
}


ngx_int_t
ngx_http_dicom_wado_instance(ngx_http_request_t *r)
{
    return ngx_http_dicom_wado(r, NGX_HTTP_DICOM_INSTANCE);
}


static ngx_int_t
ngx_http_dicom_wado(ngx_http_request_t *r, ngx_uint_t level)
{
    ngx_http_dicom_wado_t  *wado;

    wado = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_wado_t));
    if (wado == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    wado->retrieve.level = level;
    wado->retrieve.check = ngx_http_dicom_wado_check;
    wado->retrieve.refuse = ngx_http_dicom_wado_refuse;
    wado->retrieve.done = ngx_http_dicom_wado_done;

    return ngx_http_dicom_retrieve(r, &wado->retrieve, 0);
}


/* Whether the client takes all of them: it must not miss one unawares. */

static ngx_int_t
ngx_http_dicom_wado_check(ngx_http_request_t *r, PGresult *rows)
{
    int                     row, n;
    ngx_str_t               syntax, last;
    ngx_http_dicom_wado_t  *wado;

    wado = ngx_http_dicom_ctx(r)->data;

    n = PQntuples(rows);
    ngx_str_null(&last);

    for (row = 0; row < n; row++) {
        syntax = ngx_dicom_db_value(rows, row, W_SYNTAX);

        if (syntax.len == last.len
            && ngx_memcmp(syntax.data, last.data, last.len) == 0)
        {
            continue;
        }

        if (ngx_http_dicom_accept_dicom(r, &syntax, n > 1, &wado->multipart)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }

        last = syntax;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_wado_refuse(ngx_http_request_t *r)
{
    return ngx_http_dicom_problem(r, 406, "not-acceptable",
                                  "Instances are sent as application/dicom in "
                                  "multipart/related, one alone without that "
                                  "too, in the transfer syntaxes they are "
                                  "stored in.", NULL);
}


static ngx_int_t
ngx_http_dicom_wado_done(ngx_http_request_t *r)
{
    size_t                  len;
    ngx_http_dicom_wado_t  *wado;

    wado = ngx_http_dicom_ctx(r)->data;

    wado->object = ngx_http_dicom_object(r);

    if (wado->object == NULL
        || ngx_dicom_uuid(r->pool, &wado->boundary) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    len = NGX_HTTP_DICOM_WADO_HEAD + wado->boundary.len;

    wado->head = ngx_create_temp_buf(r->pool, len);
    wado->tail = ngx_create_temp_buf(r->pool, len);

    if (wado->head == NULL || wado->tail == NULL
        || ngx_http_dicom_wado_headers(r, wado) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_stream(r, ngx_http_dicom_wado_next);
}


/* An instance, with what stands around it. */

static ngx_int_t
ngx_http_dicom_wado_next(ngx_http_request_t *r, ngx_chain_t **out)
{
    ngx_int_t               rc;
    ngx_str_t               location;
    ngx_uint_t              row;
    ngx_chain_t            *file;
    ngx_http_dicom_wado_t  *wado;

    wado = ngx_http_dicom_ctx(r)->data;
    row = wado->row++;

    if (row == wado->retrieve.found) {
        return NGX_DONE;
    }

    location = ngx_http_dicom_retrieve_text(&wado->retrieve, row, W_LOCATION);

    rc = ngx_http_dicom_object_open(r, wado->object, &location,
                                    ngx_http_dicom_column(wado->retrieve.rows,
                                                          row, W_SIZE));

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? ngx_http_dicom_object_lost(r)
                                    : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    file = &wado->out[1];
    file->buf = wado->object->buf;
    file->next = NULL;
    *out = file;

    if (!wado->multipart) {
        return NGX_OK;
    }

    ngx_http_dicom_wado_head(wado, row);

    wado->out[0].buf = wado->head;
    wado->out[0].next = file;
    *out = wado->out;

    if (wado->row == wado->retrieve.found) {
        ngx_http_dicom_wado_tail(wado);

        wado->out[2].buf = wado->tail;
        wado->out[2].next = NULL;
        file->next = &wado->out[2];
    }

    return NGX_OK;
}


static void
ngx_http_dicom_wado_head(ngx_http_dicom_wado_t *wado, ngx_uint_t row)
{
    ngx_str_t  syntax;

    syntax = ngx_http_dicom_retrieve_text(&wado->retrieve, row, W_SYNTAX);
    syntax.len = ngx_min(syntax.len, 64);

    wado->head->pos = wado->head->start;
    wado->head->last = ngx_sprintf(wado->head->start,
                                   "%s--%V\r\nContent-Type: application/dicom;"
                                   " transfer-syntax=%V\r\n\r\n",
                                   row ? "\r\n" : "", &wado->boundary,
                                   &syntax);
}


static void
ngx_http_dicom_wado_tail(ngx_http_dicom_wado_t *wado)
{
    wado->tail->pos = wado->tail->start;
    wado->tail->last = ngx_sprintf(wado->tail->start, "\r\n--%V--\r\n",
                                   &wado->boundary);
}


/* The length is known from the rows; a type's transfer-syntax, where there is
   one only. */

static ngx_int_t
ngx_http_dicom_wado_headers(ngx_http_request_t *r,
    ngx_http_dicom_wado_t *wado)
{
    off_t       length;
    ngx_str_t   type, syntax;
    ngx_uint_t  row;

    length = 0;

    for (row = 0; row < wado->retrieve.found; row++) {
        length += ngx_http_dicom_column(wado->retrieve.rows, row, W_SIZE);

        if (wado->multipart) {
            ngx_http_dicom_wado_head(wado, row);
            length += wado->head->last - wado->head->pos;
        }
    }

    ngx_str_set(&type, "application/dicom");

    if (wado->multipart) {
        ngx_http_dicom_wado_tail(wado);
        length += wado->tail->last - wado->tail->pos;

        syntax = ngx_http_dicom_retrieve_text(&wado->retrieve, 0, W_SYNTAX);
        syntax.len = (wado->retrieve.found == 1) ? ngx_min(syntax.len, 64) : 0;

        type.data = ngx_pnalloc(r->pool, NGX_HTTP_DICOM_WADO_HEAD);
        if (type.data == NULL) {
            return NGX_ERROR;
        }

        type.len = ngx_sprintf(type.data, "multipart/related; "
                               "type=\"application/dicom\"; %s%V%sboundary=%V",
                               syntax.len ? "transfer-syntax=" : "", &syntax,
                               syntax.len ? "; " : "", &wado->boundary)
                   - type.data;
    }

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_type = type;
    r->headers_out.content_type_len = type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.content_length_n = length;

    return NGX_OK;
}
