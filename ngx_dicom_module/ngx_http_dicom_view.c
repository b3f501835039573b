
/*
 * Pictures and measurements of a stack's layers: the query string, strictly
 * read, becomes one message to the render worker.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <math.h>

#include "ngx_http_dicom_node.h"
#include "ngx_http_dicom_render.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_route.h"
#include "ngx_dicom_uid.h"
#include "../render-worker/wire.h"


#define NGX_HTTP_DICOM_MAX_POINTS     1024
#define NGX_HTTP_DICOM_MAX_NUMBER     40       /* characters */


/* The arguments of one request, and what was wrong with them. */
typedef struct {
    ngx_http_request_t   *request;
    ngx_array_t          *errors;      /* ngx_dicom_json_error_t */
    unsigned              failed:1;    /* no memory */
} ngx_http_dicom_view_t;

typedef struct {
    const char           *name;
    ngx_uint_t            value;
} ngx_http_dicom_choice_t;


static ngx_int_t ngx_http_dicom_view_path(ngx_http_request_t *r,
    u_char stack[16], uint32_t *layer);
static ngx_int_t ngx_http_dicom_view_init(ngx_http_dicom_view_t *view,
    ngx_http_request_t *r, const char *const *names);
static ngx_int_t ngx_http_dicom_view_check(ngx_http_dicom_view_t *view);
static ngx_int_t ngx_http_dicom_view_send(ngx_http_dicom_view_t *view,
    ngx_uint_t type, void *message, size_t len);
static void ngx_http_dicom_view_error(ngx_http_dicom_view_t *view,
    const char *name, const char *detail);
static ngx_int_t ngx_http_dicom_view_arg(ngx_http_dicom_view_t *view,
    const char *name, ngx_str_t *value);
static ngx_int_t ngx_http_dicom_view_integer(ngx_http_dicom_view_t *view,
    const char *name, ngx_uint_t min, ngx_uint_t max, const char *detail,
    uint32_t *out);
static ngx_int_t ngx_http_dicom_view_number(ngx_http_dicom_view_t *view,
    const char *name, double min, double max, const char *detail, double *out);
static ngx_int_t ngx_http_dicom_view_choice(ngx_http_dicom_view_t *view,
    const char *name, const ngx_http_dicom_choice_t *choices,
    const char *detail, uint8_t *out);

static void ngx_http_dicom_view_size(ngx_http_dicom_view_t *view,
    struct wire_render *render);
static void ngx_http_dicom_view_window(ngx_http_dicom_view_t *view,
    struct wire_render *render);
static void ngx_http_dicom_view_voi(ngx_http_dicom_view_t *view,
    struct wire_render *render);
static void ngx_http_dicom_view_transform(ngx_http_dicom_view_t *view,
    struct wire_render *render);
static void ngx_http_dicom_view_output(ngx_http_dicom_view_t *view,
    struct wire_render *render);
static void ngx_http_dicom_view_presentation(ngx_http_dicom_view_t *view,
    struct wire_render *render);

static ngx_int_t ngx_http_dicom_parse_double(const u_char *p, size_t len,
    double *out);
static ngx_int_t ngx_http_dicom_parse_doubles(const u_char *p,
    const u_char *last, double *out, ngx_uint_t max, ngx_uint_t *n);


static const char *const  ngx_http_dicom_layer_args[] = {
    "width", "height", "center", "window", "voi", "invert", "zoom", "pan",
    "rotate", "flip", "interpolation", "format", "quality", "overlays",
    "presentation", "shutter", "max_bytes", NULL
};

static const char *const  ngx_http_dicom_pixel_args[] = { "x", "y", NULL };

static const char *const  ngx_http_dicom_roi_args[] = { "shape", NULL };

static const ngx_http_dicom_choice_t  ngx_http_dicom_bools[] = {
    { "0", 0 }, { "1", 1 }, { NULL, 0 }
};

static const ngx_http_dicom_choice_t  ngx_http_dicom_flips[] = {
    { "none", 0 }, { "h", WIRE_FLIP_H }, { "v", WIRE_FLIP_V },
    { "hv", WIRE_FLIP_H|WIRE_FLIP_V }, { NULL, 0 }
};

static const ngx_http_dicom_choice_t  ngx_http_dicom_interpolations[] = {
    { "nearest", WIRE_NEAREST }, { "linear", WIRE_LINEAR },
    { "cubic", WIRE_CUBIC }, { NULL, 0 }
};

static const ngx_http_dicom_choice_t  ngx_http_dicom_formats[] = {
    { "png", WIRE_PNG }, { "jpeg", WIRE_JPEG }, { NULL, 0 }
};

static const ngx_http_dicom_choice_t  ngx_http_dicom_vois[] = {
    { "linear", WIRE_VOI_LINEAR }, { "linear_exact", WIRE_VOI_LINEAR_EXACT },
    { "sigmoid", WIRE_VOI_SIGMOID }, { NULL, 0 }
};

static const ngx_http_dicom_choice_t  ngx_http_dicom_shapes[] = {
    { "rectangle:", WIRE_RECTANGLE }, { "ellipse:", WIRE_ELLIPSE },
    { "polygon:", WIRE_POLYGON }, { NULL, 0 }
};


/* GET /api/v1/stacks/{id}/layers/{n} */

ngx_int_t
ngx_http_dicom_layer_get(ngx_http_request_t *r)
{
    ngx_int_t            rc;
    ngx_str_t            body;
    struct wire_render  *render;

    render = ngx_pcalloc(r->pool, sizeof(struct wire_render));
    if (render == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_view_path(r, render->stack, &render->layer);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_layer_ask(r, render);
    if (rc != NGX_OK) {
        return rc;
    }

    body.data = (u_char *) render;
    body.len = sizeof(struct wire_render);

    return ngx_http_dicom_render(r, WIRE_RENDER, &body, render->stack);
}


ngx_int_t
ngx_http_dicom_layer_ask(ngx_http_request_t *r, struct wire_render *render)
{
    ngx_int_t              rc;
    ngx_http_dicom_view_t  view;

    rc = ngx_http_dicom_view_init(&view, r, ngx_http_dicom_layer_args);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_http_dicom_view_size(&view, render);
    ngx_http_dicom_view_voi(&view, render);
    ngx_http_dicom_view_window(&view, render);
    ngx_http_dicom_view_transform(&view, render);
    ngx_http_dicom_view_output(&view, render);
    ngx_http_dicom_view_presentation(&view, render);

    return ngx_http_dicom_view_check(&view);
}


/* GET /api/v1/stacks/{id}/layers/{n}/pixels */

ngx_int_t
ngx_http_dicom_pixel_get(ngx_http_request_t *r)
{
    uint32_t                x, y;
    ngx_int_t               rc;
    struct wire_pixel      *pixel;
    ngx_http_dicom_view_t   view;

    static const char       detail[] = "A whole number from 0 is required.";

    pixel = ngx_pcalloc(r->pool, sizeof(struct wire_pixel));
    if (pixel == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_view_path(r, pixel->stack, &pixel->layer);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_view_init(&view, r, ngx_http_dicom_pixel_args);
    if (rc != NGX_OK) {
        return rc;
    }

    x = 0;
    y = 0;

    if (ngx_http_dicom_view_integer(&view, "x", 0, NGX_MAX_INT32_VALUE,
                                    detail, &x)
        == NGX_DECLINED)
    {
        ngx_http_dicom_view_error(&view, "x", detail);
    }

    if (ngx_http_dicom_view_integer(&view, "y", 0, NGX_MAX_INT32_VALUE,
                                    detail, &y)
        == NGX_DECLINED)
    {
        ngx_http_dicom_view_error(&view, "y", detail);
    }

    pixel->x = (int32_t) x;
    pixel->y = (int32_t) y;

    return ngx_http_dicom_view_send(&view, WIRE_PIXEL, pixel,
                                    sizeof(struct wire_pixel));
}


/* GET /api/v1/stacks/{id}/layers/{n}/roi */

ngx_int_t
ngx_http_dicom_roi_get(ngx_http_request_t *r)
{
    size_t                          len;
    double                         *points;
    ngx_int_t                       rc;
    ngx_str_t                       shape;
    ngx_uint_t                      n;
    struct wire_roi                *roi;
    ngx_http_dicom_view_t           view;
    const ngx_http_dicom_choice_t  *choice;

    roi = ngx_pcalloc(r->pool, sizeof(struct wire_roi)
                      + 2 * NGX_HTTP_DICOM_MAX_POINTS * sizeof(double));
    if (roi == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    points = (double *) (roi + 1);
    n = 0;

    rc = ngx_http_dicom_view_path(r, roi->stack, &roi->layer);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_view_init(&view, r, ngx_http_dicom_roi_args);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_view_arg(&view, "shape", &shape);

    if (rc == NGX_OK) {

        for (choice = ngx_http_dicom_shapes; choice->name; choice++) {
            len = ngx_strlen(choice->name);

            if (shape.len > len
                && ngx_strncmp(shape.data, choice->name, len) == 0)
            {
                roi->shape = (uint32_t) choice->value;

                rc = ngx_http_dicom_parse_doubles(shape.data + len,
                                         shape.data + shape.len, points,
                                         2 * NGX_HTTP_DICOM_MAX_POINTS, &n);
                break;
            }
        }
    }

    roi->points = (uint32_t) (n / 2);

    if (rc != NGX_OK || n % 2
        || (roi->shape == WIRE_POLYGON ? n < 6 : n != 4))
    {
        ngx_http_dicom_view_error(&view, "shape",
            "rectangle:x1,y1,x2,y2, ellipse:x1,y1,x2,y2 or "
            "polygon:x,y,x,y,x,y of at most 1024 points is required.");
    }

    return ngx_http_dicom_view_send(&view, WIRE_ROI, roi,
                             sizeof(struct wire_roi) + n * sizeof(double));
}


/* NGX_OK, or the result of the 404 reply, to be returned. */

static ngx_int_t
ngx_http_dicom_view_path(ngx_http_request_t *r, u_char stack[16],
    uint32_t *layer)
{
    ngx_int_t              rc, n;
    ngx_http_dicom_ctx_t  *ctx;

    ctx = ngx_http_dicom_ctx(r);

    rc = ngx_http_dicom_stack_param(r, stack);
    if (rc != NGX_OK) {
        return rc;
    }

    n = ngx_atoi(ctx->params[1].data, ctx->params[1].len);

    if (n == NGX_ERROR || n > (ngx_int_t) NGX_MAX_UINT32_VALUE) {
        return ngx_http_dicom_problem(r, NGX_HTTP_NOT_FOUND,
                                      "layer-out-of-range",
                                      "The stack has no such layer.", NULL);
    }

    *layer = (uint32_t) n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_view_init(ngx_http_dicom_view_t *view, ngx_http_request_t *r,
    const char *const *names)
{
    view->request = r;
    view->failed = 0;
    view->errors = ngx_array_create(r->pool, 4,
                                    sizeof(ngx_dicom_json_error_t));
    if (view->errors == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_args_known(r, names);
}


/* NGX_OK, or the result of the 400 reply, to be returned. */

static ngx_int_t
ngx_http_dicom_view_check(ngx_http_dicom_view_t *view)
{
    if (view->failed) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (view->errors->nelts) {
        return ngx_http_dicom_problem(view->request, NGX_HTTP_BAD_REQUEST,
                                      "invalid-parameter",
                                      "A parameter of the query is malformed "
                                      "or out of range.", view->errors);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_view_send(ngx_http_dicom_view_t *view, ngx_uint_t type,
    void *message, size_t len)
{
    ngx_int_t  rc;
    ngx_str_t  body;

    rc = ngx_http_dicom_view_check(view);
    if (rc != NGX_OK) {
        return rc;
    }

    body.data = message;
    body.len = len;

    /* each of these messages begins with the id of the stack */

    return ngx_http_dicom_render(view->request, type, &body, message);
}


static void
ngx_http_dicom_view_error(ngx_http_dicom_view_t *view, const char *name,
    const char *detail)
{
    ngx_dicom_json_error_t  *error;

    error = ngx_array_push(view->errors);
    if (error == NULL) {
        view->failed = 1;
        return;
    }

    error->field.data = (u_char *) name;
    error->field.len = ngx_strlen(name);
    error->detail.data = (u_char *) detail;
    error->detail.len = ngx_strlen(detail);
}


/* NGX_OK, NGX_DECLINED when absent, NGX_ERROR when an error was noted. */

static ngx_int_t
ngx_http_dicom_view_arg(ngx_http_dicom_view_t *view, const char *name,
    ngx_str_t *value)
{
    ngx_int_t  rc;

    rc = ngx_http_dicom_arg(view->request, name, value);

    if (rc == NGX_ERROR) {
        ngx_http_dicom_view_error(view, name,
                                  "It is malformed, or given twice.");
    }

    return rc;
}


static ngx_int_t
ngx_http_dicom_view_integer(ngx_http_dicom_view_t *view, const char *name,
    ngx_uint_t min, ngx_uint_t max, const char *detail, uint32_t *out)
{
    ngx_int_t  rc, n;
    ngx_str_t  value;

    rc = ngx_http_dicom_view_arg(view, name, &value);
    if (rc != NGX_OK) {
        return rc;
    }

    n = ngx_atoi(value.data, value.len);

    if (n == NGX_ERROR || (ngx_uint_t) n < min || (ngx_uint_t) n > max) {
        ngx_http_dicom_view_error(view, name, detail);
        return NGX_ERROR;
    }

    *out = (uint32_t) n;

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_view_number(ngx_http_dicom_view_t *view, const char *name,
    double min, double max, const char *detail, double *out)
{
    double     d;
    ngx_int_t  rc;
    ngx_str_t  value;

    rc = ngx_http_dicom_view_arg(view, name, &value);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ngx_http_dicom_parse_double(value.data, value.len, &d) != NGX_OK
        || d < min || d > max)
    {
        ngx_http_dicom_view_error(view, name, detail);
        return NGX_ERROR;
    }

    *out = d;

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_view_choice(ngx_http_dicom_view_t *view, const char *name,
    const ngx_http_dicom_choice_t *choices, const char *detail, uint8_t *out)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    rc = ngx_http_dicom_view_arg(view, name, &value);
    if (rc != NGX_OK) {
        return rc;
    }

    for ( /* void */ ; choices->name; choices++) {
        if (ngx_strcmp(value.data, choices->name) == 0) {
            *out = (uint8_t) choices->value;
            return NGX_OK;
        }
    }

    ngx_http_dicom_view_error(view, name, detail);

    return NGX_ERROR;
}


static void
ngx_http_dicom_view_size(ngx_http_dicom_view_t *view,
    struct wire_render *render)
{
    ngx_int_t          width, height;

    static const char  detail[] = "A whole number from 1 to 16384 is required.";

    width = ngx_http_dicom_view_integer(view, "width", 1, WIRE_MAX_VIEWPORT,
                                        detail, &render->width);
    height = ngx_http_dicom_view_integer(view, "height", 1, WIRE_MAX_VIEWPORT,
                                         detail, &render->height);

    if (width == NGX_OK && height == NGX_OK) {
        render->set |= WIRE_SET_SIZE;

    } else if (width == NGX_DECLINED && height == NGX_OK) {
        ngx_http_dicom_view_error(view, "width", "It goes with height.");

    } else if (height == NGX_DECLINED && width == NGX_OK) {
        ngx_http_dicom_view_error(view, "height", "It goes with width.");
    }
}


static void
ngx_http_dicom_view_window(ngx_http_dicom_view_t *view,
    struct wire_render *render)
{
    ngx_int_t   center, window;
    ngx_uint_t  linear;

    center = ngx_http_dicom_view_number(view, "center",
                              -WIRE_MAX_VALUE,
                              WIRE_MAX_VALUE,
                              "A number is required.", &render->center);

    linear = render->voi <= WIRE_VOI_LINEAR;

    window = ngx_http_dicom_view_number(view, "window",
                              linear ? WIRE_MIN_WINDOW : WIRE_MIN_WINDOW_EXACT,
                              WIRE_MAX_VALUE,
                              linear ? "A number from 1 is required."
                                     : "A number above 0 is required.",
                              &render->window);

    if (center == NGX_OK && window == NGX_OK) {
        render->set |= WIRE_SET_WINDOW;

    } else if (center == NGX_DECLINED && window == NGX_OK) {
        ngx_http_dicom_view_error(view, "center", "It goes with window.");

    } else if (window == NGX_DECLINED && center == NGX_OK) {
        ngx_http_dicom_view_error(view, "window", "It goes with center.");
    }
}


static void
ngx_http_dicom_view_voi(ngx_http_dicom_view_t *view,
    struct wire_render *render)
{
    ngx_int_t   n;
    ngx_str_t   value;

    static const char  detail[] = "linear, linear_exact, sigmoid or lut:k, "
                                  "k from 0, is required.";

    /* "lut:k" is the only one with a number in it */

    if (ngx_http_dicom_arg(view->request, "voi", &value) == NGX_OK
        && value.len > 4 && ngx_strncmp(value.data, "lut:", 4) == 0)
    {
        n = ngx_atoi(value.data + 4, value.len - 4);

        if (n == NGX_ERROR || n > 255) {
            ngx_http_dicom_view_error(view, "voi", detail);
            return;
        }

        render->voi = WIRE_VOI_LUT;
        render->voi_index = (uint8_t) n;

        return;
    }

    (void) ngx_http_dicom_view_choice(view, "voi", ngx_http_dicom_vois, detail,
                                      &render->voi);
}


static void
ngx_http_dicom_view_transform(ngx_http_dicom_view_t *view,
    struct wire_render *render)
{
    double      pan[2];
    ngx_int_t   rc;
    ngx_str_t   value;
    ngx_uint_t  n;

    render->zoom = 1;

    rc = ngx_http_dicom_view_number(view, "zoom", WIRE_MIN_ZOOM,
                                WIRE_MAX_ZOOM,
                                "A number from 0.001 to 10000 is required.",
                                &render->zoom);
    render->set |= rc == NGX_OK ? WIRE_SET_ZOOM : 0;

    rc = ngx_http_dicom_view_number(view, "rotate",
                                -WIRE_MAX_ROTATE,
                                WIRE_MAX_ROTATE,
                                "A number of degrees is required.",
                                &render->rotate);
    render->set |= rc == NGX_OK ? WIRE_SET_ROTATE : 0;

    rc = ngx_http_dicom_view_choice(view, "flip", ngx_http_dicom_flips,
                                    "none, h, v or hv is required.",
                                    &render->flip);
    render->set |= rc == NGX_OK ? WIRE_SET_FLIP : 0;

    rc = ngx_http_dicom_view_arg(view, "pan", &value);
    if (rc != NGX_OK) {
        return;
    }

    rc = ngx_http_dicom_parse_doubles(value.data, value.data + value.len, pan,
                                      2, &n);

    if (rc != NGX_OK || n != 2
        || fabs(pan[0]) > WIRE_MAX_PAN
        || fabs(pan[1]) > WIRE_MAX_PAN)
    {
        ngx_http_dicom_view_error(view, "pan",
                          "x,y in pixels of the viewport is required.");
        return;
    }

    render->pan_x = pan[0];
    render->pan_y = pan[1];
    render->set |= WIRE_SET_PAN;
}


static void
ngx_http_dicom_view_output(ngx_http_dicom_view_t *view,
    struct wire_render *render)
{
    uint32_t            quality;

    static const char   detail[] = "A whole number from 1024 to 1073741824 is "
                                   "required, with format=jpeg.";

    quality = 90;
    render->interpolation = WIRE_LINEAR;

    (void) ngx_http_dicom_view_choice(view, "invert", ngx_http_dicom_bools,
                                      "0 or 1 is required.", &render->invert);

    if (ngx_http_dicom_view_choice(view, "overlays", ngx_http_dicom_bools,
                                   "0 or 1 is required.", &render->overlays)
        == NGX_OK)
    {
        render->set |= WIRE_SET_OVERLAYS;
    }

    (void) ngx_http_dicom_view_choice(view, "interpolation",
                                    ngx_http_dicom_interpolations,
                                    "nearest, linear or cubic is required.",
                                    &render->interpolation);

    (void) ngx_http_dicom_view_choice(view, "format", ngx_http_dicom_formats,
                                      "png or jpeg is required.",
                                      &render->format);

    (void) ngx_http_dicom_view_integer(view, "quality", 1, 100,
                               "A whole number from 1 to 100 is required.",
                               &quality);

    render->quality = (uint8_t) quality;

    if (ngx_http_dicom_view_integer(view, "max_bytes", WIRE_LEAST_BYTES,
                                    1024 * 1024 * 1024, detail,
                                    &render->max_bytes)
        == NGX_OK
        && render->format != WIRE_JPEG)
    {
        ngx_http_dicom_view_error(view, "max_bytes", detail);
    }
}


static void
ngx_http_dicom_view_presentation(ngx_http_dicom_view_t *view,
    struct wire_render *render)
{
    ngx_int_t  rc;
    ngx_str_t  uid;

    render->shutter = 1;

    (void) ngx_http_dicom_view_choice(view, "shutter", ngx_http_dicom_bools,
                                      "0 or 1 is required.",
                                      &render->shutter);

    rc = ngx_http_dicom_view_arg(view, "presentation", &uid);
    if (rc != NGX_OK) {
        return;
    }

    if (ngx_dicom_uid_check(&uid) != NGX_OK) {
        ngx_http_dicom_view_error(view, "presentation",
                                  "The UID of a presentation state is "
                                  "required.");
        return;
    }

    ngx_memcpy(render->state, uid.data, uid.len);
}


/* A decimal number: no white space, no hexadecimal, no NaN, no infinity. */

static ngx_int_t
ngx_http_dicom_parse_double(const u_char *p, size_t len, double *out)
{
    char    buf[NGX_HTTP_DICOM_MAX_NUMBER + 1], *end;
    size_t  i;

    if (len == 0 || len > NGX_HTTP_DICOM_MAX_NUMBER) {
        return NGX_ERROR;
    }

    for (i = 0; i < len; i++) {
        if ((p[i] < '0' || p[i] > '9') && p[i] != '-' && p[i] != '+'
            && p[i] != '.' && p[i] != 'e' && p[i] != 'E')
        {
            return NGX_ERROR;
        }
    }

    ngx_memcpy(buf, p, len);
    buf[len] = '\0';

    *out = strtod(buf, &end);

    return (end == buf + len && isfinite(*out)) ? NGX_OK : NGX_ERROR;
}


/* Numbers separated by commas, max of them at most. */

static ngx_int_t
ngx_http_dicom_parse_doubles(const u_char *p, const u_char *last, double *out,
    ngx_uint_t max, ngx_uint_t *n)
{
    const u_char  *comma;

    for (*n = 0; *n < max; /* void */ ) {

        comma = ngx_strlchr((u_char *) p, (u_char *) last, ',');

        if (ngx_http_dicom_parse_double(p, (comma ? comma : last) - p,
                                        &out[*n])
            != NGX_OK
            || fabs(out[*n]) > WIRE_MAX_VALUE)
        {
            return NGX_ERROR;
        }

        (*n)++;

        if (comma == NULL) {
            return NGX_OK;
        }

        p = comma + 1;
    }

    return NGX_ERROR;
}
