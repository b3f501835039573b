/*
 * Query strings and headers of requests: arguments, cursors of lists, numbers
 * of pictures and measurements, searches, what a client accepts.  The files are
 * included, since what reads bytes in them is static; what answers and sends
 * is stood in for.
 */

/* links: t/unit/nginx.c ngx_dicom_module/ngx_dicom_json.c */
/* links: ngx_dicom_module/ngx_dicom_bind.c ngx_dicom_module/ngx_dicom_uid.c */
/* links: ngx_dicom_module/ngx_dicom_meta.c */
/* pkg: yajl libcrypto libpq */

#include "fuzz.h"
#include "nginx.h"

#include "ngx_dicom_module/ngx_http_dicom_args.c"
#include "ngx_dicom_module/ngx_http_dicom_accept.c"
#include "ngx_dicom_module/ngx_http_dicom_qido_args.c"
#include "ngx_dicom_module/ngx_http_dicom_view.c"


ngx_module_t  ngx_http_dicom_module;

static ngx_uint_t  sent;        /* messages to the render worker */


ngx_int_t
ngx_http_dicom_problem(ngx_http_request_t *r, ngx_uint_t status,
    const char *slug, const char *detail, ngx_array_t *errors)
{
    ngx_uint_t               i;
    ngx_dicom_json_error_t  *error;

    fuzz_check(status >= 400 && status < 500 && slug != NULL);

    if (errors) {
        error = errors->elts;
        fuzz_check(errors->nelts > 0);

        for (i = 0; i < errors->nelts; i++) {
            fuzz_check(error[i].field.len > 0 && error[i].detail.len > 0);
        }
    }

    return NGX_HTTP_BAD_REQUEST;
}


ngx_int_t
ngx_http_dicom_arg_invalid(ngx_http_request_t *r, const char *name,
    const char *detail)
{
    fuzz_check(strlen(name) <= 64 && *detail);

    return NGX_HTTP_BAD_REQUEST;
}


ngx_int_t
ngx_http_dicom_stack_param(ngx_http_request_t *r, u_char stack[16])
{
    memset(stack, 1, 16);

    return NGX_OK;
}


const char *
ngx_dicom_db_text_array(ngx_pool_t *pool, const ngx_str_t *strings,
    ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        fuzz_check(ngx_dicom_uid_check(&strings[i]) == NGX_OK);
    }

    return "{}";
}


/* No value of the request gets into a header. */
ngx_int_t
ngx_http_dicom_header(ngx_http_request_t *r, const char *name,
    const ngx_str_t *value)
{
    size_t  i;

    fuzz_check(value->len > 0);

    for (i = 0; i < value->len; i++) {
        fuzz_check(value->data[i] >= ' ' && value->data[i] <= '~');
    }

    fuzz_check(value->data[value->len - 1] == '"');

    return NGX_OK;
}


/* What goes to the worker is finite and of the size that wire.h bounds. */
ngx_int_t
ngx_http_dicom_render(ngx_http_request_t *r, ngx_uint_t type,
    ngx_str_t *body, const u_char *stack)
{
    struct wire_roi      roi;
    struct wire_render   render;

    sent++;

    if (type == WIRE_RENDER) {
        fuzz_check(body->len == sizeof(render));
        memcpy(&render, body->data, sizeof(render));
        fuzz_check(isfinite(render.center) && isfinite(render.window)
                   && isfinite(render.zoom) && isfinite(render.pan_x)
                   && isfinite(render.pan_y) && isfinite(render.rotate));
        fuzz_check(render.voi <= WIRE_VOI_LUT && render.flip <= 3
                   && render.interpolation <= WIRE_CUBIC
                   && render.format <= WIRE_JPEG && render.quality >= 1
                   && render.quality <= 100);

        if (render.set & WIRE_SET_SIZE) {
            fuzz_check(render.width >= 1 && render.width <= WIRE_MAX_VIEWPORT
                       && render.height >= 1
                       && render.height <= WIRE_MAX_VIEWPORT);
        }

    } else if (type == WIRE_ROI) {
        fuzz_check(body->len >= sizeof(roi));
        memcpy(&roi, body->data, sizeof(roi));
        fuzz_check(roi.points <= 1024 && body->len == sizeof(roi)
                   + roi.points * 2 * sizeof(double));

    } else {
        fuzz_check(type == WIRE_PIXEL
                   && body->len == sizeof(struct wire_pixel));
    }

    return NGX_DONE;
}


/* A cursor that was taken names the same row when it is written anew. */
static void
page(ngx_http_request_t *r, ngx_uint_t nkeys)
{
    ngx_str_t              cursor;
    ngx_uint_t             i;
    ngx_http_dicom_page_t  first, second;

    if (ngx_http_dicom_page(r, &first, nkeys) != NGX_OK) {
        return;
    }

    fuzz_check(first.limit >= 1 && first.limit <= 500);
    fuzz_check(first.nkeys == 0 || first.nkeys == nkeys);

    if (first.nkeys == 0) {
        return;
    }

    fuzz_check(ngx_http_dicom_cursor(r->pool, first.keys, nkeys, &cursor)
               == NGX_OK);
    memset(&second, 0, sizeof(second));
    fuzz_check(ngx_http_dicom_read_cursor(r, &second, &cursor, nkeys)
               == NGX_OK);

    for (i = 0; i < nkeys; i++) {
        fuzz_check(first.keys[i].data[first.keys[i].len] == '\0');
        fuzz_check(first.keys[i].len == second.keys[i].len
                   && memcmp(first.keys[i].data, second.keys[i].data,
                             first.keys[i].len) == 0);
    }
}


static void
search(ngx_http_request_t *r)
{
    ngx_uint_t   limit, offset;
    const char  *text, *from, *to;

    static const char *const  names[] = {
        "PatientName", "00100010", "PatientID", "00100020",
        "StudyInstanceUID", "0020000D", "StudyDate", "00080020",
        "StudyTime", "00080030", "limit", "offset", NULL
    };

    (void) ngx_http_dicom_args_known(r, names);
    (void) ngx_http_dicom_qido_text(r, names, "PatientID", &text);
    (void) ngx_http_dicom_qido_pattern(r, names, "PatientName", &text);
    (void) ngx_http_dicom_qido_uids(r, names, "StudyInstanceUID", &text);

    if (ngx_http_dicom_qido_range(r, names, "StudyDate", &from, &to)
        == NGX_OK)
    {
        fuzz_check(strlen(from) <= 11 && strlen(to) <= 11);
    }

    if (ngx_http_dicom_qido_times(r, names, "StudyTime", &from, &to)
        == NGX_OK)
    {
        fuzz_check(from == NULL || strlen(from) == 8);
        fuzz_check(to == NULL || strlen(to) == 8);
    }

    (void) ngx_http_dicom_qido_warn(r, names, r->args.len & 1);

    if (ngx_http_dicom_qido_page(r, &limit, &offset) == NGX_OK) {
        fuzz_check(limit <= 500 && offset <= 10000);
    }
}


static void
accept_header(ngx_http_request_t *r, ngx_str_t *value)
{
    static const ngx_http_dicom_offer_t  offers[] = {
        { "application/dicom", 1, "1.2.840.10008.1.2.1" },
        { "image/jp2", 0, "1.2.840.10008.1.2.4.90" },
        { "application/octet-stream", 0, NULL }
    };
    ngx_int_t        chosen;
    ngx_table_elt_t  h;

    memset(&h, 0, sizeof(h));
    ngx_str_set(&h.key, "Accept");
    h.value = *value;
    r->headers_in.headers.part.elts = &h;
    r->headers_in.headers.part.nelts = 1;

    chosen = ngx_http_dicom_accept(r, offers, 3);
    fuzz_check(chosen == NGX_DECLINED || (chosen >= 0 && chosen < 3));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    void                  *ctxs[1];
    ngx_str_t              text;
    ngx_uint_t             what;
    struct fuzz            f = { data, size };
    ngx_http_request_t     r;
    ngx_http_dicom_ctx_t   ctx;

    memset(&r, 0, sizeof(r));
    memset(&ctx, 0, sizeof(ctx));
    ctxs[0] = &ctx;
    ngx_http_dicom_module.ctx_index = 0;
    r.ctx = ctxs;
    r.pool = test_pool();
    ngx_str_set(&ctx.params[1], "7");

    what = fuzz_number(&f, 1) % 6;
    text.data = fuzz_take(&f, 32768, &text.len);
    r.args = text;

    switch (what) {
    case 0: (void) ngx_http_dicom_layer_get(&r); break;
    case 1: (void) ngx_http_dicom_pixel_get(&r); break;
    case 2: (void) ngx_http_dicom_roi_get(&r); break;
    case 3: page(&r, 1 + text.len % 4); break;
    case 4: search(&r); break;
    default: accept_header(&r, &text);
    }

    ngx_destroy_pool(r.pool);
    free(text.data);
    return 0;
}
