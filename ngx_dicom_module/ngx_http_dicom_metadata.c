
/*
 * WADO-RS: metadata.
 *
 * Each instance's is read from its file by the render worker, in its sandbox,
 * when the one before has gone to the client, and comes piece by piece.
 */


#include "ngx_http_dicom_metadata.h"
#include "ngx_http_dicom_accept.h"
#include "ngx_http_dicom_ask.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_retrieve.h"
#include "ngx_http_dicom_stream.h"


/* An answer under way, ctx->data. */
typedef struct {
    ngx_http_dicom_retrieve_t   retrieve;
    ngx_uint_t                  row;       /* asked for next */
    ngx_http_dicom_ask_t       *ask;
    ngx_str_t                   url;
    ngx_buf_t                  *bufs[3];   /* "[" or ",", an object, "]" */
    ngx_chain_t                 out[3];
} ngx_http_dicom_metadata_t;


static ngx_int_t ngx_http_dicom_metadata(ngx_http_request_t *r,
    ngx_uint_t level);
static ngx_int_t ngx_http_dicom_metadata_check(ngx_http_request_t *r,
    PGresult *rows);
static ngx_int_t ngx_http_dicom_metadata_refuse(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_metadata_done(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_metadata_next(ngx_http_request_t *r,
    ngx_chain_t **out);
static ngx_int_t ngx_http_dicom_metadata_ask(
    ngx_http_dicom_metadata_t *metadata);
static ngx_chain_t *ngx_http_dicom_metadata_object(
    ngx_http_dicom_metadata_t *metadata);


ngx_int_t
ngx_http_dicom_metadata_study(ngx_http_request_t *r)
{
    return ngx_http_dicom_metadata(r, NGX_HTTP_DICOM_STUDY);
}


ngx_int_t
ngx_http_dicom_metadata_series(ngx_http_request_t *r)
{
    return ngx_http_dicom_metadata(r, NGX_HTTP_DICOM_SERIES);
}


ngx_int_t
ngx_http_dicom_metadata_instance(ngx_http_request_t *r)
{
    return ngx_http_dicom_metadata(r, NGX_HTTP_DICOM_INSTANCE);
}


static ngx_int_t
ngx_http_dicom_metadata(ngx_http_request_t *r, ngx_uint_t level)
{
    ngx_http_dicom_metadata_t  *metadata;

    metadata = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_metadata_t));
    if (metadata == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    metadata->retrieve.level = level;
    metadata->retrieve.check = ngx_http_dicom_metadata_check;
    metadata->retrieve.refuse = ngx_http_dicom_metadata_refuse;
    metadata->retrieve.done = ngx_http_dicom_metadata_done;

    return ngx_http_dicom_retrieve(r, &metadata->retrieve, 0);
}


static ngx_int_t
ngx_http_dicom_metadata_check(ngx_http_request_t *r, PGresult *rows)
{
    return ngx_http_dicom_accept_json(r) ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_dicom_metadata_refuse(ngx_http_request_t *r)
{
    return ngx_http_dicom_problem(r, 406, "not-acceptable",
                                  "Metadata is sent as "
                                  "application/dicom+json.", NULL);
}


static ngx_int_t
ngx_http_dicom_metadata_done(ngx_http_request_t *r)
{
    ngx_str_t                  *type;
    ngx_uint_t                  i;
    ngx_http_dicom_metadata_t  *metadata;

    metadata = ngx_http_dicom_ctx(r)->data;

    metadata->ask = ngx_http_dicom_ask(r);
    metadata->url.data = ngx_pnalloc(r->pool, WIRE_MAX_TEXT);

    if (metadata->ask == NULL || metadata->url.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    for (i = 0; i < 3; i++) {
        metadata->bufs[i] = ngx_calloc_buf(r->pool);

        if (metadata->bufs[i] == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        metadata->bufs[i]->memory = 1;
        metadata->out[i].buf = metadata->bufs[i];
    }

    r->headers_out.status = NGX_HTTP_OK;
    type = &r->headers_out.content_type;
    type->data = (u_char *) ngx_http_dicom_accept_json(r);
    type->len = ngx_strlen(type->data);
    r->headers_out.content_type_len = type->len;
    r->headers_out.content_type_lowcase = NULL;

    return ngx_http_dicom_stream(r, ngx_http_dicom_metadata_next);
}


static ngx_int_t
ngx_http_dicom_metadata_next(ngx_http_request_t *r, ngx_chain_t **out)
{
    ngx_int_t                   rc;
    ngx_http_dicom_metadata_t  *metadata;

    metadata = ngx_http_dicom_ctx(r)->data;

    if (!metadata->ask->ready) {

        if (ngx_http_dicom_ask_more(metadata->ask) == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        if (metadata->row == metadata->retrieve.found) {
            return NGX_DONE;
        }

        return ngx_http_dicom_metadata_ask(metadata);
    }

    rc = ngx_http_dicom_ask_answer(metadata->ask);

    if (rc != NGX_OK) {
        return rc;
    }

    *out = ngx_http_dicom_metadata_object(metadata);

    if (metadata->retrieve.found == 1 && !r->header_sent) {
        r->headers_out.content_length_n =
                           metadata->ask->call.response.body_length + 2;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_metadata_ask(ngx_http_dicom_metadata_t *metadata)
{
    u_char                     *last;
    ngx_str_t                   location, series, uid, none;
    struct wire_content         content;
    ngx_http_dicom_retrieve_t  *retrieve;

    retrieve = &metadata->retrieve;

    location = ngx_http_dicom_retrieve_text(retrieve, metadata->row,
                                            W_LOCATION);
    series = ngx_http_dicom_retrieve_text(retrieve, metadata->row, W_SERIES);
    uid = ngx_http_dicom_retrieve_text(retrieve, metadata->row, W_UID);

    metadata->row++;

    last = ngx_snprintf(metadata->url.data, WIRE_MAX_TEXT,
                        "%V/series/%V/instances/%V/bulkdata/",
                        &retrieve->url, &series, &uid);
    metadata->url.len = last - metadata->url.data;

    ngx_memzero(&content, sizeof(struct wire_content));
    ngx_str_null(&none);

    return ngx_http_dicom_ask_object(metadata->ask, WIRE_METADATA, &location,
                                     &metadata->url, &none, &content);
}


/* A piece of the answer as an element of the array. */

static ngx_chain_t *
ngx_http_dicom_metadata_object(ngx_http_dicom_metadata_t *metadata)
{
    ngx_buf_t         *b;
    ngx_dicom_call_t  *call;

    call = &metadata->ask->call;

    b = metadata->bufs[0];
    b->pos = (u_char *) (metadata->row == 1 ? "[" : ",");
    b->last = b->pos + 1;

    b = metadata->bufs[1];
    b->pos = call->answer.data;
    b->last = b->pos + call->answer.len;

    metadata->out[0].next = &metadata->out[1];
    metadata->out[1].next = NULL;

    if (metadata->row == metadata->retrieve.found && call->left == 0) {
        b = metadata->bufs[2];
        b->pos = (u_char *) "]";
        b->last = b->pos + 1;

        metadata->out[1].next = &metadata->out[2];
    }

    return &metadata->out[call->before ? 1 : 0];
}
