
/*
 * WADO-RS: the instances of a study or a series, or one, as the files that
 * were stored, in the transfer syntaxes that they have; nothing is decoded or
 * encoded anew.
 */


#include "ngx_http_dicom_wado.h"
#include "ngx_http_dicom_accept.h"
#include "ngx_http_dicom_object.h"
#include "ngx_http_dicom_parts.h"
#include "ngx_http_dicom_record.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_retrieve.h"
#include "ngx_http_dicom_stream.h"


/* An answer under way, ctx->data. */
typedef struct {
    ngx_http_dicom_retrieve_t   retrieve;
    ngx_uint_t                  multipart;
    ngx_http_dicom_parts_t      parts;
    ngx_http_dicom_object_t    *object;
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
    int                      row, n;
    ngx_int_t                offer;
    ngx_http_dicom_wado_t   *wado;
    ngx_http_dicom_offer_t   offers[2];

    wado = ngx_http_dicom_ctx(r)->data;

    n = PQntuples(rows);

    ngx_memzero(offers, sizeof(offers));
    offers[0].type = "application/dicom";
    offers[0].multipart = 1;
    offers[1].type = "application/dicom";

    for (row = 0; row < n; row++) {

        if (row && ngx_strcmp(PQgetvalue(rows, row, W_SYNTAX),
                              PQgetvalue(rows, row - 1, W_SYNTAX)) == 0)
        {
            continue;
        }

        offers[0].syntax = PQgetvalue(rows, row, W_SYNTAX);
        offers[1].syntax = offers[0].syntax;

        offer = ngx_http_dicom_accept(r, offers, n > 1 ? 1 : 2);

        if (offer == NGX_DECLINED) {
            return NGX_DECLINED;
        }

        wado->multipart = offers[offer].multipart;
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
    ngx_http_dicom_wado_t  *wado;

    wado = ngx_http_dicom_ctx(r)->data;

    wado->object = ngx_http_dicom_object(r);

    if (wado->object == NULL
        || ngx_http_dicom_wado_headers(r, wado) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_stream(r, ngx_http_dicom_wado_next);
}


/* The length is known from the rows; a type's transfer-syntax, where there is
   one only. */

static ngx_int_t
ngx_http_dicom_wado_headers(ngx_http_request_t *r,
    ngx_http_dicom_wado_t *wado)
{
    off_t       length;
    ngx_str_t   syntax;
    ngx_uint_t  row, found;

    found = wado->retrieve.found;
    length = 0;

    ngx_str_null(&syntax);

    if (found == 1) {
        syntax = ngx_http_dicom_retrieve_text(&wado->retrieve, 0, W_SYNTAX);
    }

    if (ngx_http_dicom_parts(r, &wado->parts, wado->multipart,
                             "application/dicom", &syntax)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (row = 0; row < found; row++) {
        syntax = ngx_http_dicom_retrieve_text(&wado->retrieve, row, W_SYNTAX);

        length += ngx_http_dicom_column(wado->retrieve.rows, row, W_SIZE)
                  + ngx_http_dicom_part_frame(&wado->parts, &syntax, row,
                                              row + 1 == found);
    }

    r->headers_out.content_length_n = length;

    return NGX_OK;
}


/* An instance, with what stands around it. */

static ngx_int_t
ngx_http_dicom_wado_next(ngx_http_request_t *r, ngx_chain_t **out)
{
    ngx_int_t               rc;
    ngx_str_t               location, syntax;
    ngx_uint_t              row;
    ngx_http_dicom_wado_t  *wado;

    wado = ngx_http_dicom_ctx(r)->data;
    row = wado->parts.sent;

    if (row == wado->retrieve.found) {
        return NGX_DONE;
    }

    location = ngx_http_dicom_retrieve_text(&wado->retrieve, row, W_LOCATION);
    syntax = ngx_http_dicom_retrieve_text(&wado->retrieve, row, W_SYNTAX);

    rc = ngx_http_dicom_object_open(r, wado->object, &location,
                                    ngx_http_dicom_column(wado->retrieve.rows,
                                                          row, W_SIZE));

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? ngx_http_dicom_object_lost(r)
                                    : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    *out = ngx_http_dicom_part(&wado->parts, &syntax, wado->object->buf,
                               row + 1 == wado->retrieve.found);

    return NGX_OK;
}
