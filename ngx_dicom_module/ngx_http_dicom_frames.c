
/*
 * WADO-RS: frames and bulk data.
 *
 * A frame goes out as its code stream is stored, or decoded where the client
 * asks for octets; a value as it lies in the file, sent from there.
 */


#include "ngx_http_dicom_frames.h"
#include "ngx_http_dicom_accept.h"
#include "ngx_http_dicom_ask.h"
#include "ngx_http_dicom_object.h"
#include "ngx_http_dicom_parts.h"
#include "ngx_http_dicom_record.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_retrieve.h"
#include "ngx_http_dicom_stream.h"


#define NGX_HTTP_DICOM_OCTETS    "application/octet-stream"
#define NGX_HTTP_DICOM_EXPLICIT  "1.2.840.10008.1.2.1"

#define NGX_HTTP_DICOM_MAX_FRAMES  4096        /* named by one request */


/* An answer under way, ctx->data. */
typedef struct {
    ngx_http_dicom_retrieve_t   retrieve;
    ngx_array_t                *frames;    /* uint32_t, from 0; NULL: all */
    ngx_uint_t                  nframes;   /* to be sent */
    ngx_http_dicom_offer_t      offer;     /* what the client chose */
    ngx_uint_t                  decoded;
    ngx_str_t                   syntax;    /* of what is sent */
    ngx_uint_t                  asked;     /* frames asked for so far */
    ngx_http_dicom_ask_t       *ask;
    ngx_http_dicom_parts_t      parts;
    ngx_http_dicom_object_t    *object;
    ngx_buf_t                  *body;
} ngx_http_dicom_frames_t;

/* What a frame of a transfer syntax is called (PS3.18 table 8.7.3-5). */
typedef struct {
    const char                 *syntax;
    const char                 *type;
} ngx_http_dicom_frame_type_t;


static ngx_http_dicom_frames_t *ngx_http_dicom_frames_create(
    ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_frames_check(ngx_http_request_t *r,
    PGresult *rows);
static ngx_int_t ngx_http_dicom_frames_choose(ngx_http_request_t *r,
    ngx_http_dicom_frames_t *frames, const char *syntax, ngx_uint_t one);
static const ngx_http_dicom_frame_type_t *ngx_http_dicom_frames_type(
    const char *syntax);
static ngx_uint_t ngx_http_dicom_frames_exist(ngx_http_dicom_frames_t *frames,
    PGresult *rows);
static ngx_int_t ngx_http_dicom_frames_refuse(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_frames_done(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_frames_prepare(ngx_http_request_t *r,
    ngx_http_dicom_frames_t *frames);
static ngx_int_t ngx_http_dicom_frames_begin(ngx_http_request_t *r,
    ngx_http_dicom_frames_t *frames);
static ngx_int_t ngx_http_dicom_frames_next(ngx_http_request_t *r,
    ngx_chain_t **out);
static ngx_int_t ngx_http_dicom_frames_send(ngx_http_request_t *r,
    ngx_http_dicom_frames_t *frames, const struct wire_value *value,
    const ngx_str_t *syntax, ngx_uint_t nframes, ngx_chain_t **out);
static ngx_int_t ngx_http_dicom_frames_ask(ngx_http_dicom_frames_t *frames);
static ngx_int_t ngx_http_dicom_bulkdata_check(ngx_http_request_t *r,
    PGresult *rows);
static ngx_uint_t ngx_http_dicom_bulkdata_pixels(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_bulkdata_done(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_bulkdata_next(ngx_http_request_t *r,
    ngx_chain_t **out);
static ngx_int_t ngx_http_dicom_bulkdata_value(ngx_http_request_t *r,
    ngx_http_dicom_frames_t *frames, ngx_chain_t **out);
static ngx_int_t ngx_http_dicom_frames_span(ngx_http_request_t *r,
    ngx_http_dicom_frames_t *frames, const struct wire_value *value);
static ngx_int_t ngx_http_dicom_bulkdata_frames(ngx_http_request_t *r,
    ngx_http_dicom_frames_t *frames);


/* the last has no type: its samples are in the file as such */

static const ngx_http_dicom_frame_type_t  ngx_http_dicom_frame_types[] = {
    { "1.2.840.10008.1.2.4.50", "image/jpeg" },
    { "1.2.840.10008.1.2.4.51", "image/jpeg" },
    { "1.2.840.10008.1.2.4.53", "image/jpeg" },
    { "1.2.840.10008.1.2.4.55", "image/jpeg" },
    { "1.2.840.10008.1.2.4.57", "image/jpeg" },
    { "1.2.840.10008.1.2.4.70", "image/jpeg" },
    { "1.2.840.10008.1.2.4.80", "image/jls" },
    { "1.2.840.10008.1.2.4.81", "image/jls" },
    { "1.2.840.10008.1.2.4.90", "image/jp2" },
    { "1.2.840.10008.1.2.4.91", "image/jp2" },
    { "1.2.840.10008.1.2.4.92", "image/jpx" },
    { "1.2.840.10008.1.2.4.93", "image/jpx" },
    { "1.2.840.10008.1.2.4.110", "image/jxl" },
    { "1.2.840.10008.1.2.4.111", "image/jxl" },
    { "1.2.840.10008.1.2.4.112", "image/jxl" },
    { "1.2.840.10008.1.2.4.201", "image/jphc" },
    { "1.2.840.10008.1.2.4.202", "image/jphc" },
    { "1.2.840.10008.1.2.4.203", "image/jphc" },
    { "1.2.840.10008.1.2.5", "image/dicom-rle" },
    { "1.2.840.10008.1.2.8.1", "application/x-deflate" },
    { NULL, NULL }
};


ngx_int_t
ngx_http_dicom_frames(ngx_http_request_t *r)
{
    ngx_int_t                 rc;
    ngx_http_dicom_frames_t  *frames;

    frames = ngx_http_dicom_frames_create(r);
    if (frames == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_frame_list(r, &frames->frames);
    if (rc != NGX_OK) {
        return rc;
    }

    frames->nframes = frames->frames->nelts;
    frames->retrieve.check = ngx_http_dicom_frames_check;
    frames->retrieve.done = ngx_http_dicom_frames_done;

    return ngx_http_dicom_retrieve(r, &frames->retrieve, 1);
}


static ngx_http_dicom_frames_t *
ngx_http_dicom_frames_create(ngx_http_request_t *r)
{
    ngx_http_dicom_frames_t  *frames;

    frames = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_frames_t));
    if (frames == NULL) {
        return NULL;
    }

    frames->body = ngx_calloc_buf(r->pool);
    if (frames->body == NULL) {
        return NULL;
    }

    frames->retrieve.level = NGX_HTTP_DICOM_INSTANCE;
    frames->retrieve.refuse = ngx_http_dicom_frames_refuse;

    return frames;
}


ngx_int_t
ngx_http_dicom_frame_list(ngx_http_request_t *r, ngx_array_t **frames)
{
    u_char      *p, *last, *end;
    uint32_t    *frame;
    ngx_int_t    n;
    ngx_str_t   *list;

    *frames = ngx_array_create(r->pool, 4, sizeof(uint32_t));
    if (*frames == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    list = &ngx_http_dicom_ctx(r)->params[3];
    last = list->data + list->len;

    for (p = list->data; p <= last; p = end + 1) {

        end = ngx_strlchr(p, last, ',');
        if (end == NULL) {
            end = last;
        }

        n = (end - p > 10) ? NGX_ERROR : ngx_atoi(p, end - p);

        if (n < 1 || n > NGX_MAX_INT32_VALUE
            || (*frames)->nelts == NGX_HTTP_DICOM_MAX_FRAMES)
        {
            return ngx_http_dicom_problem(r, NGX_HTTP_BAD_REQUEST,
                                          "invalid-frames",
                                          "Frames are named by their numbers "
                                          "from 1, commas between.", NULL);
        }

        frame = ngx_array_push(*frames);
        if (frame == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        *frame = (uint32_t) n - 1;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_frames_check(ngx_http_request_t *r, PGresult *rows)
{
    ngx_http_dicom_frames_t  *frames;

    frames = ngx_http_dicom_ctx(r)->data;

    if (!ngx_http_dicom_frames_exist(frames, rows)) {
        return NGX_DECLINED;
    }

    return ngx_http_dicom_frames_choose(r, frames,
                                        PQgetvalue(rows, 0, W_SYNTAX),
                                        frames->nframes == 1);
}


static ngx_uint_t
ngx_http_dicom_frames_exist(ngx_http_dicom_frames_t *frames, PGresult *rows)
{
    uint32_t    *frame;
    int64_t      count;
    ngx_uint_t   i;

    frame = frames->frames->elts;
    count = ngx_http_dicom_column(rows, 0, W_FRAMES);

    for (i = 0; i < frames->nframes; i++) {
        if (frame[i] >= count) {
            frames->offer.type = NULL;
            return 0;
        }
    }

    return 1;
}


/* The code stream, or the samples decoded; one alone without multipart too.
   syntax NULL: neither, but octets. */

static ngx_int_t
ngx_http_dicom_frames_choose(ngx_http_request_t *r,
    ngx_http_dicom_frames_t *frames, const char *syntax, ngx_uint_t one)
{
    ngx_int_t                           rc;
    ngx_uint_t                          n, i;
    ngx_http_dicom_offer_t              offers[6];
    const ngx_http_dicom_frame_type_t  *t;

    t = ngx_http_dicom_frames_type(syntax);
    n = 0;

    for (i = 0; i < (one ? 2 : 1); i++) {

        if (t->type) {
            offers[n].type = t->type;
            offers[n].multipart = !i;
            offers[n++].syntax = t->syntax;
        }

        offers[n].type = NGX_HTTP_DICOM_OCTETS;
        offers[n].multipart = !i;
        offers[n++].syntax = NGX_HTTP_DICOM_EXPLICIT;

        if (t->type) {
            offers[n].type = NGX_HTTP_DICOM_OCTETS;
            offers[n].multipart = !i;
            offers[n++].syntax = t->syntax;
        }
    }

    frames->offer.type = "";

    rc = ngx_http_dicom_accept(r, offers, n);

    if (rc == NGX_DECLINED) {
        return NGX_DECLINED;
    }

    frames->offer = offers[rc];
    frames->decoded = frames->offer.syntax != t->syntax;
    frames->syntax.data = (u_char *) frames->offer.syntax;
    frames->syntax.len = ngx_strlen(frames->offer.syntax);

    return NGX_OK;
}


static const ngx_http_dicom_frame_type_t *
ngx_http_dicom_frames_type(const char *syntax)
{
    const ngx_http_dicom_frame_type_t  *t;

    for (t = ngx_http_dicom_frame_types; t->syntax; t++) {
        if (syntax && ngx_strcmp(t->syntax, syntax) == 0) {
            break;
        }
    }

    return t;
}


static ngx_int_t
ngx_http_dicom_frames_refuse(ngx_http_request_t *r)
{
    ngx_http_dicom_frames_t  *frames;

    frames = ngx_http_dicom_ctx(r)->data;

    if (frames->offer.type == NULL) {
        return ngx_http_dicom_problem(r, NGX_HTTP_NOT_FOUND, "frame-not-found",
                                      "The instance has no such frame.",
                                      NULL);
    }

    return ngx_http_dicom_problem(r, 406, "not-acceptable",
                                  "Frames are sent in multipart/related as "
                                  "application/octet-stream, or with the media "
                                  "type of the transfer syntax they are stored "
                                  "in.", NULL);
}


static ngx_int_t
ngx_http_dicom_frames_done(ngx_http_request_t *r)
{
    ngx_http_dicom_frames_t  *frames;

    frames = ngx_http_dicom_ctx(r)->data;

    if (ngx_http_dicom_frames_prepare(r, frames) != NGX_OK
        || ngx_http_dicom_frames_begin(r, frames) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_stream(r, ngx_http_dicom_frames_next);
}


static ngx_int_t
ngx_http_dicom_frames_prepare(ngx_http_request_t *r,
    ngx_http_dicom_frames_t *frames)
{
    frames->ask = ngx_http_dicom_ask(r);
    frames->object = ngx_http_dicom_object(r);

    return (frames->ask && frames->object) ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_dicom_frames_begin(ngx_http_request_t *r,
    ngx_http_dicom_frames_t *frames)
{
    return ngx_http_dicom_parts(r, &frames->parts, frames->offer.multipart,
                                frames->offer.type, &frames->syntax);
}


static ngx_int_t
ngx_http_dicom_frames_next(ngx_http_request_t *r, ngx_chain_t **out)
{
    ngx_int_t                 rc;
    ngx_dicom_call_t         *call;
    struct wire_value         value;
    ngx_http_dicom_frames_t  *frames;

    frames = ngx_http_dicom_ctx(r)->data;
    call = &frames->ask->call;

    if (!frames->ask->ready) {

        if (ngx_http_dicom_ask_more(frames->ask) == NGX_AGAIN) {
            return NGX_AGAIN;
        }

        if (frames->asked == frames->nframes) {
            return NGX_DONE;
        }

        return ngx_http_dicom_frames_ask(frames);
    }

    rc = ngx_http_dicom_ask_answer(frames->ask);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(&value, sizeof(struct wire_value));

    if (call->meta.len == sizeof(struct wire_value)) {
        ngx_memcpy(&value, call->meta.data, sizeof(struct wire_value));
    }

    return ngx_http_dicom_frames_send(r, frames, &value, &frames->syntax,
                                      frames->nframes, out);
}


/* What the worker answered, or a piece of it, as one of n parts; from the store
   where the worker said where it is. */

static ngx_int_t
ngx_http_dicom_frames_send(ngx_http_request_t *r,
    ngx_http_dicom_frames_t *frames, const struct wire_value *value,
    const ngx_str_t *syntax, ngx_uint_t n, ngx_chain_t **out)
{
    ngx_int_t          rc;
    ngx_buf_t         *body;
    ngx_uint_t         last;
    ngx_dicom_call_t  *call;

    call = &frames->ask->call;

    if (value->place == WIRE_VALUE_OBJECT) {
        rc = ngx_http_dicom_frames_span(r, frames, value);

        if (rc != NGX_OK) {
            return rc;
        }

        body = frames->object->buf;

    } else {
        body = frames->body;

        ngx_memzero(body, sizeof(ngx_buf_t));
        body->memory = 1;
        body->pos = call->answer.data;
        body->last = body->pos + call->answer.len;
    }

    if (call->before) {
        last = frames->parts.sent == n && call->left == 0;
        *out = ngx_http_dicom_part_more(&frames->parts, body, last);

        return NGX_OK;
    }

    last = frames->parts.sent + 1 == n && call->left == 0;

    if (n == 1) {
        r->headers_out.content_length_n = ngx_buf_size(body) + call->left
                + ngx_http_dicom_part_frame(&frames->parts, syntax, 0, 1);
    }

    *out = ngx_http_dicom_part(&frames->parts, syntax, body, last);

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_frames_ask(ngx_http_dicom_frames_t *frames)
{
    uint32_t             *frame;
    ngx_str_t             location, index, none;
    struct wire_content   content;

    location = ngx_http_dicom_retrieve_text(&frames->retrieve, 0, W_LOCATION);
    index = ngx_http_dicom_retrieve_text(&frames->retrieve, 0, W_HEADER);
    ngx_str_null(&none);

    ngx_memzero(&content, sizeof(struct wire_content));

    frame = frames->frames ? frames->frames->elts : NULL;
    content.frame = frame ? frame[frames->asked] : (uint32_t) frames->asked;
    content.flags = WIRE_FRAME_PLACE
                    |(frames->decoded ? WIRE_FRAME_DECODED : 0);

    frames->asked++;

    return ngx_http_dicom_ask_object(frames->ask, WIRE_FRAME, &location, &none,
                                     &index, &content);
}


ngx_int_t
ngx_http_dicom_bulkdata(ngx_http_request_t *r)
{
    ngx_http_dicom_frames_t  *frames;

    frames = ngx_http_dicom_frames_create(r);
    if (frames == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ngx_http_dicom_ctx(r)->params[3].len > WIRE_MAX_TEXT) {
        return ngx_http_dicom_problem(r, NGX_HTTP_NOT_FOUND,
                                      "bulkdata-not-found",
                                      "The instance has no such value.", NULL);
    }

    frames->retrieve.check = ngx_http_dicom_bulkdata_check;
    frames->retrieve.done = ngx_http_dicom_bulkdata_done;

    return ngx_http_dicom_retrieve(r, &frames->retrieve, 1);
}


/* Whether pixel data is frames is known later, from the file. */

static ngx_int_t
ngx_http_dicom_bulkdata_check(ngx_http_request_t *r, PGresult *rows)
{
    const char               *syntax;
    ngx_http_dicom_frames_t  *frames;

    frames = ngx_http_dicom_ctx(r)->data;

    if (!ngx_http_dicom_bulkdata_pixels(r)) {
        return ngx_http_dicom_frames_choose(r, frames, NULL, 1);
    }

    syntax = PQgetvalue(rows, 0, W_SYNTAX);
    frames->nframes = (ngx_uint_t) ngx_http_dicom_column(rows, 0, W_FRAMES);

    return ngx_http_dicom_frames_choose(r, frames, syntax,
                            frames->nframes == 1
                            || ngx_http_dicom_frames_type(syntax)->type
                               == NULL);
}


static ngx_uint_t
ngx_http_dicom_bulkdata_pixels(ngx_http_request_t *r)
{
    ngx_str_t  *path;

    path = &ngx_http_dicom_ctx(r)->params[3];

    return path->len == 8
           && ngx_strncasecmp(path->data, (u_char *) "7FE00010", 8) == 0;
}


static ngx_int_t
ngx_http_dicom_bulkdata_done(ngx_http_request_t *r)
{
    ngx_http_dicom_frames_t  *frames;

    frames = ngx_http_dicom_ctx(r)->data;

    if (ngx_http_dicom_frames_prepare(r, frames) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_stream(r, ngx_http_dicom_bulkdata_next);
}


/* Asks where the value is, sends it, or goes on as if its frames had been asked
   for. */

static ngx_int_t
ngx_http_dicom_bulkdata_next(ngx_http_request_t *r, ngx_chain_t **out)
{
    ngx_str_t                 location, none;
    struct wire_content       content;
    ngx_http_dicom_frames_t  *frames;

    frames = ngx_http_dicom_ctx(r)->data;

    if (frames->ask->ready) {
        return ngx_http_dicom_bulkdata_value(r, frames, out);
    }

    if (ngx_http_dicom_ask_more(frames->ask) == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (frames->parts.sent) {
        return NGX_DONE;
    }

    location = ngx_http_dicom_retrieve_text(&frames->retrieve, 0, W_LOCATION);
    ngx_str_null(&none);
    ngx_memzero(&content, sizeof(struct wire_content));

    return ngx_http_dicom_ask_object(frames->ask, WIRE_VALUE, &location,
                                     &ngx_http_dicom_ctx(r)->params[3], &none,
                                     &content);
}


static ngx_int_t
ngx_http_dicom_bulkdata_value(ngx_http_request_t *r,
    ngx_http_dicom_frames_t *frames, ngx_chain_t **out)
{
    ngx_int_t           rc;
    ngx_str_t           none;
    ngx_dicom_call_t   *call;
    struct wire_value   value;

    call = &frames->ask->call;

    rc = ngx_http_dicom_ask_answer(frames->ask);

    if (rc != NGX_OK) {
        return rc;
    }

    if (call->meta.len != sizeof(struct wire_value)) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(&value, call->meta.data, sizeof(struct wire_value));

    if (value.place == WIRE_VALUE_FRAMES) {
        return ngx_http_dicom_bulkdata_frames(r, frames);
    }

    /* octets, whatever was chosen for frames */

    ngx_str_null(&none);

    if (call->before == 0
        && ngx_http_dicom_parts(r, &frames->parts, frames->offer.multipart,
                                NGX_HTTP_DICOM_OCTETS, &none)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_frames_send(r, frames, &value, &none, 1, out);
}


static ngx_int_t
ngx_http_dicom_frames_span(ngx_http_request_t *r,
    ngx_http_dicom_frames_t *frames, const struct wire_value *value)
{
    off_t       size;
    ngx_int_t   rc;
    ngx_str_t   location;

    size = ngx_http_dicom_column(frames->retrieve.rows, 0, W_SIZE);
    location = ngx_http_dicom_retrieve_text(&frames->retrieve, 0, W_LOCATION);

    rc = ngx_http_dicom_object_open(r, frames->object, &location, size);

    if (rc != NGX_OK) {
        return (rc == NGX_DECLINED) ? ngx_http_dicom_object_lost(r)
                                    : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (value->length == 0 || value->offset > (uint64_t) size
        || value->length > (uint64_t) size - value->offset)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    frames->object->buf->file_pos = (off_t) value->offset;
    frames->object->buf->file_last = (off_t) (value->offset + value->length);

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_bulkdata_frames(ngx_http_request_t *r,
    ngx_http_dicom_frames_t *frames)
{
    if (frames->nframes == 0) {
        return ngx_http_dicom_problem(r, NGX_HTTP_NOT_FOUND,
                                      "bulkdata-not-found",
                                      "The value is not one of frames.", NULL);
    }

    if (ngx_http_dicom_frames_begin(r, frames) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_dicom_ctx(r)->stream = ngx_http_dicom_frames_next;

    return ngx_http_dicom_frames_ask(frames);
}
