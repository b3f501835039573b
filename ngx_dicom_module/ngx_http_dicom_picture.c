
/*
 * What a rendered picture shows, as response headers.
 *
 * The viewer shows no picture whose headers are not those it asked for, so
 * they come from what the worker says it drew, never from the request.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <math.h>

#include "ngx_http_dicom_picture.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_dicom_uid.h"


#define NGX_HTTP_DICOM_VIEW_MAX  512
#define NGX_HTTP_DICOM_MAX_SIDE  65535   /* of a layer at its own size */

/*
 * Bytes that the kernel takes before it has sent those before them.  Without
 * a bound a lossless picture lay there whole, and the reader's next one came
 * after it on a thin line, though the browser had cancelled the first.
 */
#define NGX_HTTP_DICOM_UNSENT    16384

/* answers that are worth whole TLS records, of the size that TLS allows most */
#define NGX_HTTP_DICOM_LONG      (32 * 1024)
#define NGX_HTTP_DICOM_RECORD    (16 * 1024)


static void ngx_http_dicom_picture_unsent(ngx_connection_t *c);
static u_char *ngx_http_dicom_picture_view(u_char *p,
    const struct wire_picture *picture);
static u_char *ngx_http_dicom_picture_voi(u_char *p,
    const struct wire_picture *picture);
static u_char *ngx_http_dicom_picture_number(u_char *p, double d);
static ngx_int_t ngx_http_dicom_picture_add(ngx_http_request_t *r,
    const char *name, const u_char *data, size_t len);


static const char  *ngx_http_dicom_flips[] = { "none", "h", "v", "hv" };
static const char  *ngx_http_dicom_interpolations[] = {
    "nearest", "linear", "cubic"
};
static const char  *ngx_http_dicom_vois[] = {
    "none", "linear", "linear_exact", "sigmoid", "lut", "presentation"
};


const char *
ngx_http_dicom_picture_check(const struct wire_picture *picture,
    const struct wire_render *render)
{
    u_char     *nul;
    ngx_str_t   uid;

    uid.data = (u_char *) picture->instance;
    nul = ngx_strlchr(uid.data, uid.data + sizeof(picture->instance), '\0');

    if (nul == NULL) {
        return "an endless instance";
    }

    uid.len = nul - uid.data;

    if (ngx_dicom_uid_check(&uid) != NGX_OK) {
        return "a malformed instance";
    }

    if (((render->set & WIRE_SET_FRAME) ? picture->frame : picture->layer)
        != render->layer
        && render->layer != WIRE_LAYER_MIDDLE)
    {
        return "another layer";
    }

    if (picture->format != render->format
        || picture->voi > WIRE_VOI_STATE
        || picture->invert > 1
        || picture->flip > (WIRE_FLIP_H|WIRE_FLIP_V)
        || picture->interpolation > WIRE_CUBIC
        || picture->overlays > 1
        || picture->shutter > 1
        || picture->lossy > 1
        || picture->quality > 100)
    {
        return "parameters out of range";
    }

    if (ngx_memcmp(picture->state, render->state, sizeof(picture->state))
        != 0)
    {
        return "another presentation state";
    }

    if (picture->width == 0 || picture->width > NGX_HTTP_DICOM_MAX_SIDE
        || picture->height == 0 || picture->height > NGX_HTTP_DICOM_MAX_SIDE)
    {
        return "an impossible size";
    }

    if (!isfinite(picture->zoom) || !isfinite(picture->rotate)
        || !isfinite(picture->pan_x) || !isfinite(picture->pan_y)
        || isinf(picture->center) || isinf(picture->window))
    {
        return "numbers that are none";
    }

    return NULL;
}


ngx_int_t
ngx_http_dicom_picture_headers(ngx_http_request_t *r,
    const struct wire_picture *picture)
{
    u_char  *p, buf[NGX_HTTP_DICOM_VIEW_MAX];

    ngx_http_dicom_picture_unsent(r->connection);

    if (picture->format == WIRE_JPEG) {
        ngx_str_set(&r->headers_out.content_type, "image/jpeg");

    } else {
        ngx_str_set(&r->headers_out.content_type, "image/png");
    }

    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = NULL;

    if (ngx_http_dicom_picture_add(r, "Cache-Control",
                                   (u_char *) "private, max-age=0", 18)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_dicom_picture_add(r, "Dicom-Instance",
                                   (u_char *) picture->instance,
                                   ngx_strlen(picture->instance))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_sprintf(buf, "%uD", picture->frame);

    if (ngx_http_dicom_picture_add(r, "Dicom-Frame", buf, p - buf) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(buf, "%uD", picture->layer);

    if (ngx_http_dicom_picture_add(r, "Dicom-Layer", buf, p - buf) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_http_dicom_picture_view(buf, picture);

    if (ngx_http_dicom_picture_add(r, "Dicom-View", buf, p - buf) != NGX_OK) {
        return NGX_ERROR;
    }

    if (picture->state[0]
        && ngx_http_dicom_picture_add(r, "Dicom-Presentation",
                                      (u_char *) picture->state,
                                      ngx_strlen(picture->state))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_sprintf(buf, "%02ud", (ngx_uint_t) picture->lossy);

    if (ngx_http_dicom_picture_add(r, "Dicom-Lossy", buf, p - buf) != NGX_OK) {
        return NGX_ERROR;
    }

    p = ngx_hex_dump(buf, (u_char *) picture->sha256,
                     sizeof(picture->sha256));

    return ngx_http_dicom_picture_add(r, "Dicom-Pixel-Hash", buf, p - buf);
}


ngx_int_t
ngx_http_dicom_picture_timing(ngx_http_request_t *r,
    const struct wire_response *response)
{
    ngx_str_t  value;

    value.data = ngx_pnalloc(r->pool, 128);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    value.len = ngx_sprintf(value.data,
                            "queue;dur=%uD.%03uD, draw;dur=%uD.%03uD, "
                            "read;dur=%uD.%03uD, encode;dur=%uD.%03uD",
                            response->queue_us / 1000,
                            response->queue_us % 1000,
                            response->draw_us / 1000,
                            response->draw_us % 1000,
                            response->read_us / 1000,
                            response->read_us % 1000,
                            response->encode_us / 1000,
                            response->encode_us % 1000)
                - value.data;

    return ngx_http_dicom_header(r, "Server-Timing", &value);
}


/*
 * Each record costs both ends a system call: the short ones of ssl_buffer_size,
 * of which a reader on a thin line sees the first one soon, are for short
 * answers.  nginx takes the size when it next makes a buffer, which is when a
 * connection begins to send after it was idle.
 */

void
ngx_http_dicom_picture_records(ngx_http_request_t *r, off_t len)
{
#if (NGX_HTTP_SSL)

    ngx_http_ssl_srv_conf_t  *sscf;

    if (r->connection->ssl == NULL) {
        return;
    }

    sscf = ngx_http_get_module_srv_conf(r, ngx_http_ssl_module);

    r->connection->ssl->buffer_size =
        len < NGX_HTTP_DICOM_LONG
        ? sscf->buffer_size
        : ngx_max(sscf->buffer_size, NGX_HTTP_DICOM_RECORD);

#endif
}


/*
 * The boundary is the id of the stack, of which half is random: no picture has
 * it, and JSON has no line that begins with dashes.
 */

ngx_int_t
ngx_http_dicom_picture_parts(ngx_http_request_t *r, const u_char stack[16],
    const ngx_str_t *json, ngx_str_t *before, ngx_str_t *after)
{
    u_char     *p, id[32];
    size_t      max;
    ngx_str_t  *type;

    static const char  multipart[] = "multipart/form-data; boundary=dicom-";

    ngx_hex_dump(id, (u_char *) stack, 16);

    type = &r->headers_out.content_type;
    max = json->len + type->len + 512;

    before->data = ngx_pnalloc(r->pool, max);
    after->data = ngx_pnalloc(r->pool, 64);
    p = ngx_pnalloc(r->pool, sizeof(multipart) - 1 + sizeof(id));

    if (before->data == NULL || after->data == NULL || p == NULL) {
        return NGX_ERROR;
    }

    before->len = ngx_snprintf(before->data, max,
                      "--dicom-%*s" CRLF
                      "Content-Disposition: form-data; name=\"stack\"" CRLF
                      "Content-Type: application/json" CRLF CRLF
                      "%V" CRLF
                      "--dicom-%*s" CRLF
                      "Content-Disposition: form-data; name=\"picture\"; "
                      "filename=\"picture\"" CRLF
                      "Content-Type: %V" CRLF CRLF,
                      sizeof(id), id, json, sizeof(id), id, type)
                  - before->data;

    after->len = ngx_sprintf(after->data, CRLF "--dicom-%*s--" CRLF,
                             sizeof(id), id)
                 - after->data;

    type->data = p;
    p = ngx_cpymem(p, multipart, sizeof(multipart) - 1);
    type->len = ngx_cpymem(p, id, sizeof(id)) - type->data;

    r->headers_out.content_type_len = sizeof("multipart/form-data") - 1;
    r->headers_out.content_type_lowcase = NULL;

    return NGX_OK;
}


/* A Unix socket or QUIC knows no such thing, and needs none. */

static void
ngx_http_dicom_picture_unsent(ngx_connection_t *c)
{
    int  bytes = NGX_HTTP_DICOM_UNSENT;

    (void) setsockopt(c->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT,
                      (const void *) &bytes, sizeof(bytes));
}


/* "center=40;window=400;voi=linear;invert=0;zoom=1;..."; colour and LUTs have
   no window. */

static u_char *
ngx_http_dicom_picture_view(u_char *p, const struct wire_picture *picture)
{
    if (!isnan(picture->center) && !isnan(picture->window)) {
        p = ngx_cpymem(p, "center=", 7);
        p = ngx_http_dicom_picture_number(p, picture->center);
        p = ngx_cpymem(p, ";window=", 8);
        p = ngx_http_dicom_picture_number(p, picture->window);
        *p++ = ';';
    }

    p = ngx_http_dicom_picture_voi(p, picture);

    p = ngx_sprintf(p, ";invert=%ud;zoom=", (ngx_uint_t) picture->invert);
    p = ngx_http_dicom_picture_number(p, picture->zoom);
    p = ngx_cpymem(p, ";pan=", 5);
    p = ngx_http_dicom_picture_number(p, picture->pan_x);
    *p++ = ',';
    p = ngx_http_dicom_picture_number(p, picture->pan_y);
    p = ngx_cpymem(p, ";rotate=", 8);
    p = ngx_http_dicom_picture_number(p, picture->rotate);

    p = ngx_sprintf(p, ";flip=%s;interpolation=%s;size=%uDx%uD;format=%s",
                    ngx_http_dicom_flips[picture->flip],
                    ngx_http_dicom_interpolations[picture->interpolation],
                    picture->width, picture->height,
                    picture->format == WIRE_JPEG ? "jpeg" : "png");

    if (picture->format == WIRE_JPEG) {
        p = ngx_sprintf(p, ";quality=%ud", (ngx_uint_t) picture->quality);
    }

    p = ngx_sprintf(p, ";overlays=%ud", (ngx_uint_t) picture->overlays);

    if (picture->shutter) {
        p = ngx_cpymem(p, ";shutter=1", 10);
    }

    if (picture->state[0]) {
        p = ngx_sprintf(p, ";presentation=%s", picture->state);
    }

    return p;
}


static u_char *
ngx_http_dicom_picture_voi(u_char *p, const struct wire_picture *picture)
{
    p = ngx_sprintf(p, "voi=%s", ngx_http_dicom_vois[picture->voi]);

    if (picture->voi == WIRE_VOI_LUT) {
        p = ngx_sprintf(p, ":%ud", (ngx_uint_t) picture->voi_index);
    }

    return p;
}


/* Writes the shortest decimal that reads back as d; at most 24 characters. */
static u_char *
ngx_http_dicom_picture_number(u_char *p, double d)
{
    int   precision;
    char  buf[32];

    if (d == 0) {
        *p++ = '0';
        return p;
    }

    for (precision = 6; precision < 17; precision++) {
        (void) snprintf(buf, sizeof(buf), "%.*g", precision, d);

        if (strtod(buf, NULL) == d) {
            goto found;
        }
    }

    (void) snprintf(buf, sizeof(buf), "%.17g", d);

found:

    return ngx_cpymem(p, buf, ngx_strlen(buf));
}


static ngx_int_t
ngx_http_dicom_picture_add(ngx_http_request_t *r, const char *name,
    const u_char *data, size_t len)
{
    ngx_str_t  value;

    value.len = len;
    value.data = ngx_pnalloc(r->pool, len);
    if (value.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(value.data, data, len);

    return ngx_http_dicom_header(r, name, &value);
}
