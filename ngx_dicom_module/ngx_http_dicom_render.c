
/*
 * The render worker as an upstream.
 *
 * The response header and its meta block are gathered byte by byte in
 * process_header, for the worker may be cut off anywhere; the body is passed
 * on unbuffered, a piece of upstream.buffer_size at a time, and never more of
 * it than the header announced.  A client that goes away closes the connection
 * to the worker, which then drops the picture before it is drawn.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/evp.h>

#include "ngx_http_dicom_render.h"
#include "ngx_http_dicom_peer.h"
#include "ngx_http_dicom_picture.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_dicom_call.h"


#define NGX_HTTP_DICOM_RENDER_MAX_BODY    ((uint64_t) 4 * 1024 * 1024 * 1024)
#define NGX_HTTP_DICOM_RENDER_SLUG        "renderer-unavailable"
#define NGX_HTTP_DICOM_RENDER_DETAIL                                          \
    "The render worker does not answer. Try again shortly."


typedef struct {
    ngx_http_request_t     *request;
    ngx_uint_t              type;
    ngx_str_t               body;
    struct wire_request     head;

    size_t                  received;      /* of response and meta */
    struct wire_response    response;
    ngx_str_t               meta;
    ngx_str_t               before;        /* the body; or a problem, alone */
    ngx_str_t               after;
} ngx_http_dicom_render_ctx_t;


static ngx_int_t ngx_http_dicom_render_create_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_render_reinit_request(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_render_process_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_render_gather(ngx_buf_t *b, size_t *received,
    size_t before, void *data, size_t len);
static ngx_int_t ngx_http_dicom_render_head(ngx_http_dicom_render_ctx_t *ctx);
static const char *ngx_http_dicom_render_head_check(
    ngx_http_dicom_render_ctx_t *ctx);
static ngx_int_t ngx_http_dicom_render_meta(ngx_http_dicom_render_ctx_t *ctx);
static ngx_int_t ngx_http_dicom_render_picture(
    ngx_http_dicom_render_ctx_t *ctx);
static ngx_int_t ngx_http_dicom_render_problem(
    ngx_http_dicom_render_ctx_t *ctx);
static ngx_array_t *ngx_http_dicom_render_errors(ngx_pool_t *pool,
    const ngx_str_t *slug, const ngx_str_t *detail);
static ngx_int_t ngx_http_dicom_render_retry(ngx_http_request_t *r,
    ngx_uint_t seconds);
static ngx_int_t ngx_http_dicom_render_opened(
    ngx_http_dicom_render_ctx_t *ctx);
static ngx_int_t ngx_http_dicom_render_filter_init(void *data);
static ngx_int_t ngx_http_dicom_render_filter(void *data, ssize_t bytes);
static ngx_int_t ngx_http_dicom_render_out(ngx_http_dicom_render_ctx_t *ctx,
    ngx_str_t *text);
static void ngx_http_dicom_render_abort_request(ngx_http_request_t *r);
static void ngx_http_dicom_render_finalize_request(ngx_http_request_t *r,
    ngx_int_t rc);


ngx_int_t
ngx_http_dicom_render(ngx_http_request_t *r, ngx_uint_t type, ngx_str_t *body,
    const u_char *stack)
{
    u_char                        user[16];
    ngx_http_upstream_t          *u;
    ngx_http_dicom_srv_conf_t    *dscf;
    ngx_http_dicom_render_ctx_t  *ctx;

    dscf = ngx_http_dicom_srv_conf(r);

    if (dscf->upstream.upstream == NULL) {
        return ngx_http_dicom_problem(r, NGX_HTTP_SERVICE_UNAVAILABLE,
                                      NGX_HTTP_DICOM_RENDER_SLUG,
                                      "No render worker is configured.", NULL);
    }

    ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_render_ctx_t));
    if (ctx == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx->request = r;
    ctx->type = type;

    if (body) {
        ctx->body = *body;
    }

    if (ngx_http_dicom_render_user(r, user) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_dicom_call_header(&ctx->head, type, user, ctx->body.len);

    if (ngx_http_upstream_create(r) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    u = r->upstream;

    ngx_str_set(&u->schema, "dicom://");
    u->output.tag = (ngx_buf_tag_t) &ngx_http_dicom_module;

    u->conf = &dscf->upstream;
    u->peer.data = (void *) stack;

    u->create_request = ngx_http_dicom_render_create_request;
    u->reinit_request = ngx_http_dicom_render_reinit_request;
    u->process_header = ngx_http_dicom_render_process_header;
    u->abort_request = ngx_http_dicom_render_abort_request;
    u->finalize_request = ngx_http_dicom_render_finalize_request;

    u->input_filter_init = ngx_http_dicom_render_filter_init;
    u->input_filter = ngx_http_dicom_render_filter;
    u->input_filter_ctx = ctx;

    r->main->count++;

    ngx_http_upstream_init(r);

    return NGX_DONE;
}


ngx_int_t
ngx_http_dicom_render_user(ngx_http_request_t *r, u_char user[16])
{
    u_char                hash[EVP_MAX_MD_SIZE];
    ngx_http_dicom_ctx_t *ctx;

    ctx = ngx_http_dicom_ctx(r);

    if (EVP_Digest(ctx->claims.sub.data, ctx->claims.sub.len, hash, NULL,
                   EVP_sha256(), NULL)
        != 1)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(user, hash, 16);

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_render_create_request(ngx_http_request_t *r)
{
    ngx_http_upstream_t          *u;
    ngx_http_dicom_render_ctx_t  *ctx;

    u = r->upstream;
    ctx = u->input_filter_ctx;

    u->request_bufs = ngx_dicom_call_chain(r->pool, &ctx->head, &ctx->body);

    return u->request_bufs ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_dicom_render_reinit_request(ngx_http_request_t *r)
{
    ngx_http_dicom_render_ctx_t  *ctx;

    ctx = r->upstream->input_filter_ctx;

    ctx->received = 0;
    ngx_str_null(&ctx->meta);
    ngx_str_null(&ctx->before);
    ngx_str_null(&ctx->after);

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_render_process_header(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_http_upstream_t          *u;
    ngx_http_dicom_render_ctx_t  *ctx;

    u = r->upstream;
    ctx = u->input_filter_ctx;

    if (ctx->meta.data == NULL) {
        rc = ngx_http_dicom_render_gather(&u->buffer, &ctx->received, 0,
                                          &ctx->response,
                                          sizeof(struct wire_response));

        if (rc == NGX_OK) {
            rc = ngx_http_dicom_render_head(ctx);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    rc = ngx_http_dicom_render_gather(&u->buffer, &ctx->received,
                                      sizeof(struct wire_response),
                                      ctx->meta.data, ctx->meta.len);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_render_meta(ctx);

    if (rc != NGX_OK) {
        return rc;
    }

    u->headers_in.status_n = ctx->response.status;
    u->headers_in.content_length_n = (off_t) (ctx->before.len
                                              + ctx->response.body_length
                                              + ctx->after.len);
    u->state->status = ctx->response.status;

    /* nothing more to come: 204 does not get as far as the filter */

    if (ctx->response.body_length == 0 && u->buffer.pos == u->buffer.last) {
        u->keepalive = 1;
    }

    ngx_http_dicom_picture_records(r, u->headers_in.content_length_n);

    return ngx_http_dicom_picture_timing(r, &ctx->response);
}


/*
 * Moves bytes of b to data, of which received - before are there; the buffer
 * is rewound when it is used up, so that it never is too small.
 */

static ngx_int_t
ngx_http_dicom_render_gather(ngx_buf_t *b, size_t *received, size_t before,
    void *data, size_t len)
{
    size_t  at, n;

    at = *received - before;
    n = ngx_min(len - at, (size_t) (b->last - b->pos));

    if (n) {
        ngx_memcpy((u_char *) data + at, b->pos, n);

        b->pos += n;
        *received += n;
    }

    if (at + n == len) {
        return NGX_OK;
    }

    b->pos = b->start;
    b->last = b->start;

    return NGX_AGAIN;
}


static ngx_int_t
ngx_http_dicom_render_head(ngx_http_dicom_render_ctx_t *ctx)
{
    const char          *error;
    ngx_http_request_t  *r;

    r = ctx->request;

    error = ngx_http_dicom_render_head_check(ctx);

    if (error) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "render worker sent a response with %s", error);
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    ctx->meta.len = ctx->response.meta_length;
    ctx->meta.data = ngx_palloc(r->pool, ctx->meta.len + 1);
    if (ctx->meta.data == NULL) {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static const char *
ngx_http_dicom_render_head_check(ngx_http_dicom_render_ctx_t *ctx)
{
    const char            *error;
    struct wire_response  *response;

    response = &ctx->response;

    error = ngx_dicom_call_check(response, ctx->type);

    if (error || response->status >= NGX_HTTP_BAD_REQUEST) {
        return error;
    }

    if (response->body_length > NGX_HTTP_DICOM_RENDER_MAX_BODY) {
        return "a body that is too long";
    }

    if (response->body_length == 0
        && response->status != NGX_HTTP_NO_CONTENT)
    {
        return "no body";
    }

    if (ctx->type == WIRE_RENDER) {
        return response->meta_length == sizeof(struct wire_picture)
               ? NULL : "the meta block of something else";
    }

    if (ctx->type == WIRE_SHOW) {
        return response->meta_length > sizeof(struct wire_picture)
               ? NULL : "no stack";
    }

    return response->meta_length == 0 ? NULL : "an unexpected meta block";
}


static ngx_int_t
ngx_http_dicom_render_meta(ngx_http_dicom_render_ctx_t *ctx)
{
    ngx_http_request_t  *r;

    r = ctx->request;

    if (ctx->response.status >= NGX_HTTP_BAD_REQUEST) {
        return ngx_http_dicom_render_problem(ctx);
    }

    if (ctx->response.status == NGX_HTTP_NO_CONTENT) {
        return NGX_OK;
    }

    if (ctx->type == WIRE_RENDER || ctx->type == WIRE_SHOW) {
        return ngx_http_dicom_render_picture(ctx);
    }

    ngx_str_set(&r->headers_out.content_type, "application/json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    return ctx->type == WIRE_OPEN ? ngx_http_dicom_render_opened(ctx) : NGX_OK;
}


/* Of WIRE_SHOW the meta block goes on with the stack's JSON. */

static ngx_int_t
ngx_http_dicom_render_picture(ngx_http_dicom_render_ctx_t *ctx)
{
    ngx_str_t            json;
    const char          *error;
    ngx_http_request_t  *r;
    struct wire_picture  picture;

    r = ctx->request;

    ngx_memcpy(&picture, ctx->meta.data, sizeof(struct wire_picture));

    error = ngx_http_dicom_picture_check(&picture,
                                     (struct wire_render *) ctx->body.data);

    if (error) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "render worker sent a picture with %s", error);
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (ngx_http_dicom_picture_headers(r, &picture) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ctx->type == WIRE_RENDER) {
        return NGX_OK;
    }

    json.data = ctx->meta.data + sizeof(struct wire_picture);
    json.len = ctx->meta.len - sizeof(struct wire_picture);

    if (ngx_http_dicom_picture_parts(r, ctx->body.data, &json, &ctx->before,
                                     &ctx->after)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_dicom_render_opened(ctx);
}


static ngx_int_t
ngx_http_dicom_render_problem(ngx_http_dicom_render_ctx_t *ctx)
{
    ngx_int_t            rc;
    ngx_str_t            slug, detail;
    ngx_http_request_t  *r;

    r = ctx->request;

    rc = ngx_dicom_call_error(r->pool, &ctx->meta, &slug, &detail);

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "render worker sent a malformed error");
        return NGX_HTTP_UPSTREAM_INVALID_HEADER;
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_http_dicom_problem_json(r, ctx->response.status,
                                    (char *) slug.data,
                                    detail.len ? (char *) detail.data : NULL,
                                    ngx_http_dicom_render_errors(r->pool, &slug,
                                                                 &detail),
                                    &ctx->before)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&r->headers_out.content_type, "application/problem+json");
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    if (ctx->response.status != NGX_HTTP_SERVICE_UNAVAILABLE) {
        return NGX_OK;
    }

    return ngx_http_dicom_render_retry(r, ctx->response.retry_after);
}


/* What the worker says of parameters, "width, height: out of range", field by
   field; NULL: it is about something else. */

static ngx_array_t *
ngx_http_dicom_render_errors(ngx_pool_t *pool, const ngx_str_t *slug,
    const ngx_str_t *detail)
{
    char                    *colon, *p, *end;
    ngx_array_t             *errors;
    ngx_dicom_json_error_t  *error;

    colon = ngx_strstr((char *) detail->data, ": ");

    if (colon == NULL || ngx_strcmp(slug->data, "invalid-parameter") != 0) {
        return NULL;
    }

    errors = ngx_array_create(pool, 2, sizeof(ngx_dicom_json_error_t));
    if (errors == NULL) {
        return NULL;
    }

    for (p = (char *) detail->data; p < colon; p = end + 2) {

        end = ngx_strstr(p, ", ");

        if (end == NULL || end > colon) {
            end = colon;
        }

        error = ngx_array_push(errors);
        if (error == NULL) {
            return NULL;
        }

        error->field.data = (u_char *) p;
        error->field.len = end - p;
        error->detail.data = (u_char *) colon + 2;
        error->detail.len = ngx_strlen(error->detail.data);
    }

    return errors;
}


static ngx_int_t
ngx_http_dicom_render_retry(ngx_http_request_t *r, ngx_uint_t seconds)
{
    ngx_str_t  value;

    value.data = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%ui", ngx_max(seconds, 1))
                - value.data;

    return ngx_http_dicom_header(r, "Retry-After", &value);
}


/* Both messages begin with the id. */

static ngx_int_t
ngx_http_dicom_render_opened(ngx_http_dicom_render_ctx_t *ctx)
{
    u_char              *p;
    ngx_str_t            value;
    ngx_http_request_t  *r;

    r = ctx->request;

    value.len = sizeof("/api/v1/stacks/") - 1 + 32;
    value.data = ngx_pnalloc(r->pool, value.len);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(value.data, "/api/v1/stacks/",
                   sizeof("/api/v1/stacks/") - 1);
    ngx_hex_dump(p, ctx->body.data, 16);

    return ngx_http_dicom_header(r, "Location", &value);
}


static ngx_int_t
ngx_http_dicom_render_filter_init(void *data)
{
    ngx_http_dicom_render_ctx_t  *ctx = data;

    ngx_http_upstream_t  *u;

    u = ctx->request->upstream;

    u->length = (off_t) ctx->response.body_length;

    return ctx->before.len ? ngx_http_dicom_render_out(ctx, &ctx->before)
                           : NGX_OK;
}


/* Text that goes out behind what waits to go out. */

static ngx_int_t
ngx_http_dicom_render_out(ngx_http_dicom_render_ctx_t *ctx, ngx_str_t *text)
{
    ngx_buf_t            *b;
    ngx_chain_t          *cl, **ll;
    ngx_http_upstream_t  *u;

    u = ctx->request->upstream;

    for (ll = &u->out_bufs; *ll; ll = &(*ll)->next) { /* void */ }

    cl = ngx_chain_get_free_buf(ctx->request->pool, &u->free_bufs);
    if (cl == NULL) {
        return NGX_ERROR;
    }

    b = cl->buf;

    b->pos = text->data;
    b->last = b->pos + text->len;
    b->flush = 1;
    b->memory = 1;
    b->tag = u->output.tag;

    *ll = cl;

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_render_filter(void *data, ssize_t bytes)
{
    ngx_http_dicom_render_ctx_t  *ctx = data;

    ngx_buf_t            *b;
    ngx_str_t             piece;
    ngx_http_upstream_t  *u;

    u = ctx->request->upstream;
    b = &u->buffer;

    if (bytes > u->length) {
        ngx_log_error(NGX_LOG_ERR, ctx->request->connection->log, 0,
                      "render worker sent more than it announced");

        bytes = u->length;
        u->keepalive = 0;

        if (bytes == 0) {
            return NGX_OK;
        }

    } else if (bytes == u->length) {
        u->keepalive = 1;
    }

    piece.data = b->last;
    piece.len = bytes;

    b->last += bytes;
    u->length -= bytes;

    if (ngx_http_dicom_render_out(ctx, &piece) != NGX_OK) {
        return NGX_ERROR;
    }

    return (u->length == 0 && ctx->after.len)
           ? ngx_http_dicom_render_out(ctx, &ctx->after) : NGX_OK;
}


static void
ngx_http_dicom_render_abort_request(ngx_http_request_t *r)
{
    ngx_log_debug0(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "abort dicom render request");
}


static void
ngx_http_dicom_render_finalize_request(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_log_debug1(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                   "finalize dicom render request: %i", rc);
}
