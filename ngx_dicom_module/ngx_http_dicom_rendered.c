
/*
 * WADO-RS: rendered pictures and thumbnails.
 *
 * The picture is one of a stack that holds the instance alone: it is opened,
 * drawn as any is, and given back when the answer is through.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <math.h>

#include "ngx_http_dicom_rendered.h"
#include "ngx_http_dicom_accept.h"
#include "ngx_http_dicom_ask.h"
#include "ngx_http_dicom_frames.h"
#include "ngx_http_dicom_node.h"
#include "ngx_http_dicom_record.h"
#include "ngx_http_dicom_render.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_retrieve.h"
#include "ngx_http_dicom_route.h"
#include "ngx_dicom_uid.h"


#define NGX_HTTP_DICOM_THUMBNAIL        128    /* pixels, the longer side */
#define NGX_HTTP_DICOM_RENDERED_JPEG    90     /* quality, unless it is given */
#define NGX_HTTP_DICOM_RENDERED_NUMBER  32     /* characters of a number */


/* What is to be seen; pixels of the image, and of the viewport. */
typedef struct {
    ngx_uint_t                  given;
    double                      width, height;
    double                      x, y, w, h;    /* w or h 0: up to the edge;
                                                  negative: flipped */
} ngx_http_dicom_viewport_t;

/* An answer under way, ctx->data. */
typedef struct {
    ngx_http_dicom_retrieve_t   retrieve;
    ngx_uint_t                  thumbnail;
    ngx_uint_t                  middle;        /* frame */
    uint32_t                    frame;         /* from 0 */
    ngx_http_dicom_viewport_t   viewport;
    ngx_uint_t                  unacceptable;
    ngx_http_dicom_ask_t       *ask;
    struct wire_render         *render;
} ngx_http_dicom_rendered_t;


static ngx_int_t ngx_http_dicom_rendered_begin(ngx_http_request_t *r,
    ngx_uint_t level, ngx_uint_t frame, ngx_uint_t thumbnail);
static ngx_int_t ngx_http_dicom_rendered_args(ngx_http_request_t *r,
    ngx_http_dicom_rendered_t *rendered);
static ngx_int_t ngx_http_dicom_rendered_warn(ngx_http_request_t *r,
    const char *const *names);
static ngx_int_t ngx_http_dicom_rendered_viewport(ngx_http_request_t *r,
    ngx_http_dicom_viewport_t *viewport);
static ngx_int_t ngx_http_dicom_rendered_window(ngx_http_request_t *r,
    struct wire_render *render);
static ngx_int_t ngx_http_dicom_rendered_quality(ngx_http_request_t *r,
    struct wire_render *render);
static ngx_int_t ngx_http_dicom_rendered_profile(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_rendered_numbers(const ngx_str_t *text,
    double *numbers, ngx_uint_t max, ngx_str_t *rest);
static ngx_int_t ngx_http_dicom_rendered_check(ngx_http_request_t *r,
    PGresult *rows);
static ngx_int_t ngx_http_dicom_rendered_refuse(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_rendered_place(
    ngx_http_dicom_rendered_t *rendered, double width, double height);
static ngx_int_t ngx_http_dicom_rendered_done(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_rendered_open(ngx_http_request_t *r,
    ngx_http_dicom_rendered_t *rendered, ngx_str_t *body);
static void ngx_http_dicom_rendered_wake(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_rendered_opened(ngx_http_request_t *r);
static void ngx_http_dicom_rendered_release(void *data);
static void ngx_http_dicom_rendered_released(ngx_dicom_call_t *call);


static const char *const  ngx_http_dicom_rendered_names[] = {
    "accept", "iccprofile", "quality", "viewport", "window", NULL
};

static const char *const  ngx_http_dicom_thumbnail_names[] = {
    "accept", "viewport", NULL
};

static const ngx_http_dicom_offer_t  ngx_http_dicom_rendered_offers[] = {
    { "image/jpeg", 0, NULL },
    { "image/png", 0, NULL }
};


ngx_int_t
ngx_http_dicom_rendered(ngx_http_request_t *r)
{
    return ngx_http_dicom_rendered_begin(r, NGX_HTTP_DICOM_INSTANCE, 0, 0);
}


ngx_int_t
ngx_http_dicom_rendered_frame(ngx_http_request_t *r)
{
    return ngx_http_dicom_rendered_begin(r, NGX_HTTP_DICOM_INSTANCE, 1, 0);
}


ngx_int_t
ngx_http_dicom_thumbnail_study(ngx_http_request_t *r)
{
    return ngx_http_dicom_rendered_begin(r, NGX_HTTP_DICOM_STUDY, 0, 1);
}


ngx_int_t
ngx_http_dicom_thumbnail_series(ngx_http_request_t *r)
{
    return ngx_http_dicom_rendered_begin(r, NGX_HTTP_DICOM_SERIES, 0, 1);
}


ngx_int_t
ngx_http_dicom_thumbnail(ngx_http_request_t *r)
{
    return ngx_http_dicom_rendered_begin(r, NGX_HTTP_DICOM_INSTANCE, 0, 1);
}


ngx_int_t
ngx_http_dicom_thumbnail_frame(ngx_http_request_t *r)
{
    return ngx_http_dicom_rendered_begin(r, NGX_HTTP_DICOM_INSTANCE, 1, 1);
}


static ngx_int_t
ngx_http_dicom_rendered_begin(ngx_http_request_t *r, ngx_uint_t level,
    ngx_uint_t frame, ngx_uint_t thumbnail)
{
    ngx_int_t                   rc;
    ngx_array_t                *frames;
    ngx_http_dicom_rendered_t  *rendered;

    rendered = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_rendered_t));
    if (rendered == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rendered->render = ngx_pcalloc(r->pool, sizeof(struct wire_render));
    if (rendered->render == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (frame) {
        rc = ngx_http_dicom_frame_list(r, &frames);
        if (rc != NGX_OK) {
            return rc;
        }

        if (frames->nelts != 1) {
            return ngx_http_dicom_problem(r, NGX_HTTP_BAD_REQUEST,
                                          "invalid-frames",
                                          "A picture is of one frame.", NULL);
        }

        rendered->frame = *(uint32_t *) frames->elts;
    }

    rendered->thumbnail = thumbnail;
    rendered->middle = thumbnail && !frame;

    rc = ngx_http_dicom_rendered_args(r, rendered);
    if (rc != NGX_OK) {
        return rc;
    }

    rendered->retrieve.level = level;
    rendered->retrieve.check = ngx_http_dicom_rendered_check;
    rendered->retrieve.refuse = ngx_http_dicom_rendered_refuse;
    rendered->retrieve.done = ngx_http_dicom_rendered_done;

    return ngx_http_dicom_retrieve(r, &rendered->retrieve, 1);
}


/* PS3.18 8.3: what cannot be done is refused; what is not known is not looked
   at, which a Warning says. */

static ngx_int_t
ngx_http_dicom_rendered_args(ngx_http_request_t *r,
    ngx_http_dicom_rendered_t *rendered)
{
    ngx_int_t            rc;
    struct wire_render  *render;

    render = rendered->render;

    render->zoom = 1;
    render->interpolation = WIRE_LINEAR;
    render->quality = NGX_HTTP_DICOM_RENDERED_JPEG;
    render->overlays = 1;
    render->shutter = 1;

    rc = ngx_http_dicom_rendered_warn(r, rendered->thumbnail
                                         ? ngx_http_dicom_thumbnail_names
                                         : ngx_http_dicom_rendered_names);

    if (rc == NGX_OK) {
        rc = ngx_http_dicom_rendered_viewport(r, &rendered->viewport);
    }

    if (rc == NGX_OK && !rendered->thumbnail) {
        rc = ngx_http_dicom_rendered_window(r, render);
    }

    if (rc == NGX_OK && !rendered->thumbnail) {
        rc = ngx_http_dicom_rendered_quality(r, render);
    }

    if (rc == NGX_OK && !rendered->thumbnail) {
        rc = ngx_http_dicom_rendered_profile(r);
    }

    if (rendered->thumbnail && !rendered->viewport.given) {
        rendered->viewport.given = 1;
        rendered->viewport.width = NGX_HTTP_DICOM_THUMBNAIL;
        rendered->viewport.height = NGX_HTTP_DICOM_THUMBNAIL;
    }

    return rc;
}


static ngx_int_t
ngx_http_dicom_rendered_warn(ngx_http_request_t *r, const char *const *names)
{
    u_char     text[512];
    ngx_str_t  warning;

    warning.len = ngx_http_dicom_args_ignored(r, names, text,
                                              text + sizeof(text))
                  - text;

    if (warning.len == 0) {
        return NGX_OK;
    }

    warning.data = ngx_pnalloc(r->pool, warning.len);
    if (warning.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(warning.data, text, warning.len);

    return (ngx_http_dicom_header(r, "Warning", &warning) == NGX_OK)
           ? NGX_OK : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/* vw,vh or vw,vh,sx,sy,sw,sh, of which the last four may be empty */

static ngx_int_t
ngx_http_dicom_rendered_viewport(ngx_http_request_t *r,
    ngx_http_dicom_viewport_t *viewport)
{
    double     n[6];
    ngx_int_t  rc, count;
    ngx_str_t  value;

    ngx_memzero(n, sizeof(n));

    rc = ngx_http_dicom_arg(r, "viewport", &value);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    count = (rc == NGX_OK) ? ngx_http_dicom_rendered_numbers(&value, n, 6, NULL)
                           : NGX_ERROR;

    if ((count != 2 && count != 6)
        || !(n[0] >= 1) || n[0] > WIRE_MAX_VIEWPORT
        || !(n[1] >= 1) || n[1] > WIRE_MAX_VIEWPORT
        || n[0] != (double) (int64_t) n[0]
        || n[1] != (double) (int64_t) n[1]
        || n[2] < 0 || n[3] < 0)
    {
        return ngx_http_dicom_arg_invalid(r, "viewport",
                                          "must be width,height in pixels, and "
                                          "may go on with x,y,width,height of "
                                          "a part of the image");
    }

    viewport->given = 1;
    viewport->width = n[0];
    viewport->height = n[1];
    viewport->x = n[2];
    viewport->y = n[3];
    viewport->w = n[4];
    viewport->h = n[5];

    return NGX_OK;
}


/* center,width,function */

static ngx_int_t
ngx_http_dicom_rendered_window(ngx_http_request_t *r,
    struct wire_render *render)
{
    double      n[2];
    ngx_int_t   rc;
    ngx_str_t   value, function;
    ngx_uint_t  i;

    static const struct {
        const char   *name;
        uint8_t       voi;
    } functions[] = {
        { "linear", WIRE_VOI_LINEAR },
        { "linear-exact", WIRE_VOI_LINEAR_EXACT },
        { "sigmoid", WIRE_VOI_SIGMOID }
    };

    rc = ngx_http_dicom_arg(r, "window", &value);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (rc == NGX_OK
        && ngx_http_dicom_rendered_numbers(&value, n, 2, &function) == 2
        && n[1] > 0)
    {
        for (i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {

            if (function.len == ngx_strlen(functions[i].name)
                && ngx_strncasecmp(function.data,
                                   (u_char *) functions[i].name, function.len)
                   == 0)
            {
                render->set |= WIRE_SET_WINDOW;
                render->center = n[0];
                render->window = n[1];
                render->voi = functions[i].voi;

                return NGX_OK;
            }
        }
    }

    return ngx_http_dicom_arg_invalid(r, "window",
                                      "must be center,width,function, and the "
                                      "function linear, linear-exact or "
                                      "sigmoid");
}


static ngx_int_t
ngx_http_dicom_rendered_quality(ngx_http_request_t *r,
    struct wire_render *render)
{
    ngx_int_t  rc, n;
    ngx_str_t  value;

    rc = ngx_http_dicom_arg(r, "quality", &value);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    n = (rc == NGX_OK && value.len < 4) ? ngx_atoi(value.data, value.len)
                                        : NGX_ERROR;

    if (n < 1 || n > 100) {
        return ngx_http_dicom_arg_invalid(r, "quality",
                                          "must be a number from 1 to 100");
    }

    render->quality = (uint8_t) n;

    return NGX_OK;
}


/* Pictures have none. */

static ngx_int_t
ngx_http_dicom_rendered_profile(ngx_http_request_t *r)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    rc = ngx_http_dicom_arg(r, "iccprofile", &value);

    if (rc == NGX_DECLINED
        || (rc == NGX_OK && value.len == 2
            && ngx_strncmp(value.data, "no", 2) == 0))
    {
        return NGX_OK;
    }

    return ngx_http_dicom_arg_invalid(r, "iccprofile", "can only be no");
}


/* How many numbers with commas between text has, an empty one being 0; what
   follows max of them and a comma is the rest, if there may be one.  NGX_ERROR
   when it has anything else. */

static ngx_int_t
ngx_http_dicom_rendered_numbers(const ngx_str_t *text, double *numbers,
    ngx_uint_t max, ngx_str_t *rest)
{
    char         buf[NGX_HTTP_DICOM_RENDERED_NUMBER + 1], *stop;
    u_char      *p, *last, *end;
    ngx_uint_t   n;

    last = text->data + text->len;
    n = 0;

    for (p = text->data; n < max; p = end + 1) {

        end = ngx_strlchr(p, last, ',');
        if (end == NULL) {
            end = last;
        }

        if (end - p > NGX_HTTP_DICOM_RENDERED_NUMBER) {
            return NGX_ERROR;
        }

        *ngx_cpymem(buf, p, end - p) = '\0';

        if (strspn(buf, "0123456789.-+eE") != (size_t) (end - p)) {
            return NGX_ERROR;
        }

        numbers[n] = strtod(buf, &stop);

        if (*stop || !(fabs(numbers[n]) <= 1e9)) {
            return NGX_ERROR;
        }

        n++;

        if (end == last) {
            return rest ? NGX_ERROR : (ngx_int_t) n;
        }
    }

    if (rest == NULL) {
        return NGX_ERROR;
    }

    rest->data = p;
    rest->len = last - p;

    return n;
}


static ngx_int_t
ngx_http_dicom_rendered_check(ngx_http_request_t *r, PGresult *rows)
{
    int64_t                     frames;
    ngx_int_t                   offer;
    ngx_http_dicom_rendered_t  *rendered;

    rendered = ngx_http_dicom_ctx(r)->data;
    frames = ngx_http_dicom_column(rows, 0, W_FRAMES);

    if (rendered->middle && frames > 0) {
        rendered->frame = (uint32_t) ((frames - 1) / 2);
    }

    offer = ngx_http_dicom_accept(r, ngx_http_dicom_rendered_offers, 2);
    rendered->unacceptable = (offer == NGX_DECLINED);

    if (offer == NGX_DECLINED || rendered->frame >= frames) {
        return NGX_DECLINED;
    }

    rendered->render->format = offer ? WIRE_PNG : WIRE_JPEG;

    return ngx_http_dicom_rendered_place(rendered,
                               (double) ngx_http_dicom_column(rows, 0, W_WIDTH),
                               (double) ngx_http_dicom_column(rows, 0,
                                                              W_HEIGHT));
}


static ngx_int_t
ngx_http_dicom_rendered_refuse(ngx_http_request_t *r)
{
    ngx_http_dicom_rendered_t  *rendered;

    rendered = ngx_http_dicom_ctx(r)->data;

    if (rendered->unacceptable) {
        return ngx_http_dicom_problem(r, 406, "not-acceptable",
                                      "Pictures are sent as image/jpeg or "
                                      "image/png.", NULL);
    }

    if (rendered->viewport.w || rendered->viewport.h || rendered->viewport.x
        || rendered->viewport.y)
    {
        return ngx_http_dicom_arg_invalid(r, "viewport",
                                          "must name a part of a frame that "
                                          "there is");
    }

    return ngx_http_dicom_problem(r, NGX_HTTP_NOT_FOUND, "frame-not-found",
                                  "There is no such picture.", NULL);
}


/*
 * The part of the image that is asked for fills the picture, whose size is as
 * much of the viewport's as the part's proportions let it be (PS3.18
 * 8.3.5.1.3).
 */

static ngx_int_t
ngx_http_dicom_rendered_place(ngx_http_dicom_rendered_t *rendered,
    double width, double height)
{
    double                      w, h, scale, base, x, y;
    struct wire_render         *render;
    ngx_http_dicom_viewport_t  *v;

    v = &rendered->viewport;
    render = rendered->render;

    if (!v->given) {
        return NGX_OK;
    }

    w = v->w ? fabs(v->w) : width - v->x;
    h = v->h ? fabs(v->h) : height - v->y;

    if (!(w >= 1) || !(h >= 1) || v->x + w > width || v->y + h > height) {
        return NGX_DECLINED;
    }

    scale = ngx_min(v->width / w, v->height / h);

    render->set |= WIRE_SET_SIZE;
    render->width = (uint32_t) ngx_max((int64_t) (w * scale + 0.5), 1);
    render->height = (uint32_t) ngx_max((int64_t) (h * scale + 0.5), 1);

    if (v->w < 0) {
        render->flip |= WIRE_FLIP_H;
    }

    if (v->h < 0) {
        render->flip |= WIRE_FLIP_V;
    }

    if (w == width && h == height) {
        return NGX_OK;
    }

    base = ngx_min(render->width / width, render->height / height);
    x = (width / 2 - (v->x + w / 2)) * scale;
    y = (height / 2 - (v->y + h / 2)) * scale;

    render->zoom = scale / base;
    render->pan_x = (v->w < 0) ? -x : x;
    render->pan_y = (v->h < 0) ? -y : y;

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_rendered_done(ngx_http_request_t *r)
{
    ngx_str_t                   body;
    ngx_http_dicom_rendered_t  *rendered;

    rendered = ngx_http_dicom_ctx(r)->data;

    rendered->ask = ngx_http_dicom_ask(r);

    if (rendered->ask == NULL
        || ngx_http_dicom_rendered_open(r, rendered, &body) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rendered->ask->wake = ngx_http_dicom_rendered_wake;
    rendered->ask->worker = rendered->render->stack;

    if (ngx_http_dicom_ask_send(rendered->ask, WIRE_OPEN, &body) != NGX_OK) {
        return ngx_http_dicom_ask_answer(rendered->ask);
    }

    r->main->count++;

    return NGX_DONE;
}


/* A stack of this instance alone, under an id that cannot be guessed. */

static ngx_int_t
ngx_http_dicom_rendered_open(ngx_http_request_t *r,
    ngx_http_dicom_rendered_t *rendered, ngx_str_t *body)
{
    u_char                     *p;
    ngx_str_t                   uid, series, location, index;
    struct wire_open           *open;
    struct wire_render         *render;
    struct wire_instance       *instance;
    ngx_http_dicom_retrieve_t  *retrieve;

    retrieve = &rendered->retrieve;
    render = rendered->render;

    uid = ngx_http_dicom_retrieve_text(retrieve, 0, W_UID);
    series = ngx_http_dicom_retrieve_text(retrieve, 0, W_SERIES);
    location = ngx_http_dicom_retrieve_text(retrieve, 0, W_LOCATION);
    index = ngx_http_dicom_retrieve_text(retrieve, 0, W_HEADER);

    if (ngx_dicom_uid_check(&uid) != NGX_OK
        || ngx_dicom_uid_check(&series) != NGX_OK
        || index.len < 2)
    {
        return NGX_ERROR;
    }

    index.data += 2;
    index.len -= 2;

    body->len = sizeof(struct wire_open) + sizeof(struct wire_instance)
                + location.len + index.len / 2;
    body->data = ngx_pcalloc(r->pool, body->len);

    if (body->data == NULL
        || ngx_http_dicom_stack_id(&series, &uid, render->stack) != NGX_OK)
    {
        return NGX_ERROR;
    }

    open = (struct wire_open *) body->data;
    instance = (struct wire_instance *) (open + 1);

    ngx_memcpy(open->stack, render->stack, 16);
    open->count = 1;
    open->part = WIRE_PART_WHOLE;
    ngx_memcpy(open->study, retrieve->uid[0], ngx_strlen(retrieve->uid[0]));
    ngx_memcpy(open->series, series.data, series.len);

    ngx_memcpy(instance->uid, uid.data, uid.len);
    instance->location_length = (uint32_t) location.len;
    instance->index_length = (uint32_t) (index.len / 2);

    p = ngx_cpymem(instance + 1, location.data, location.len);

    render->layer = rendered->frame;
    render->set |= WIRE_SET_FRAME;

    return ngx_dicom_unhex(p, &index, index.len / 2);
}


static void
ngx_http_dicom_rendered_wake(ngx_http_request_t *r)
{
    ngx_connection_t  *c;

    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_http_finalize_request(r, ngx_http_dicom_rendered_opened(r));

    ngx_http_run_posted_requests(c);
}


/* The stack is there: its picture is the answer. */

static ngx_int_t
ngx_http_dicom_rendered_opened(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_str_t                   body;
    ngx_http_cleanup_t         *cln;
    ngx_http_dicom_rendered_t  *rendered;

    rendered = ngx_http_dicom_ctx(r)->data;

    rc = ngx_http_dicom_ask_answer(rendered->ask);
    if (rc != NGX_OK) {
        return rc;
    }

    cln = ngx_http_cleanup_add(r, 0);
    if (cln == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    cln->handler = ngx_http_dicom_rendered_release;
    cln->data = rendered;

    body.data = (u_char *) rendered->render;
    body.len = sizeof(struct wire_render);

    return ngx_http_dicom_render(r, WIRE_RENDER, &body,
                                 rendered->render->stack);
}


/* Gives the stack back, in nobody's time; should that fail, it expires. */

static void
ngx_http_dicom_rendered_release(void *data)
{
    ngx_http_dicom_rendered_t *rendered = data;

    ngx_pool_t         *pool;
    ngx_dicom_call_t   *call;

    pool = ngx_create_pool(1024, ngx_cycle->log);
    if (pool == NULL) {
        return;
    }

    call = ngx_pcalloc(pool, sizeof(ngx_dicom_call_t));

    if (call == NULL) {
        goto failed;
    }

    call->body.len = sizeof(struct wire_stack);
    call->body.data = ngx_pnalloc(pool, call->body.len);

    if (call->body.data == NULL) {
        goto failed;
    }

    ngx_memcpy(call->body.data, rendered->render->stack, 16);
    ngx_memcpy(call->user, rendered->ask->call.user, sizeof(call->user));

    call->pool = pool;
    call->log = ngx_cycle->log;
    call->addr = rendered->ask->call.addr;
    call->type = WIRE_RELEASE;
    call->timeout = 5000;
    call->handler = ngx_http_dicom_rendered_released;

    if (ngx_dicom_call(call) == NGX_OK) {
        return;
    }

failed:

    ngx_destroy_pool(pool);
}


static void
ngx_http_dicom_rendered_released(ngx_dicom_call_t *call)
{
    ngx_destroy_pool(call->pool);
}
