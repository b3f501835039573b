
/*
 * Bearer token to claims, and CORS.
 */


#include "ngx_http_dicom_auth.h"
#include "ngx_http_dicom_audit.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_route.h"
#include "ngx_dicom_runtime.h"
#include "ngx_dicom_token.h"


static ngx_int_t ngx_http_dicom_verify(ngx_http_request_t *r,
    const ngx_str_t *token, ngx_dicom_claims_t *claims, const char **why);
static ngx_uint_t ngx_http_dicom_in_emergency(ngx_http_dicom_ctx_t *ctx);
static ngx_uint_t ngx_http_dicom_oversees(ngx_http_dicom_ctx_t *ctx);
static ngx_int_t ngx_http_dicom_bearer(ngx_http_request_t *r,
    ngx_str_t *token);
static ngx_str_t *ngx_http_dicom_origin(ngx_http_request_t *r,
    ngx_uint_t *configured);

static ngx_uint_t ngx_http_dicom_target_check(const u_char *p, size_t len);


static const ngx_str_t  ngx_http_dicom_any_origin = ngx_string("*");

static const ngx_str_t  ngx_http_dicom_expose = ngx_string(
    "ETag, Location, Retry-After, Server-Timing, Warning, WWW-Authenticate, "
    "Dicom-Instance, Dicom-Frame, Dicom-Layer, Dicom-View, Dicom-Lossy, "
    "Dicom-Pixel-Hash, Dicom-Presentation");

static const ngx_str_t  ngx_http_dicom_cors_methods =
    ngx_string("GET, HEAD, POST, PUT, PATCH, DELETE");

static const ngx_str_t  ngx_http_dicom_cors_request_headers =
    ngx_string("Authorization, Content-Type, Dicom-Target, If-Match, "
               "If-None-Match");

static const ngx_str_t  ngx_http_dicom_cors_max_age = ngx_string("7200");

static const ngx_str_t  ngx_http_dicom_cors_credentials = ngx_string("true");

static const ngx_str_t  ngx_http_dicom_vary = ngx_string("Origin");


ngx_int_t
ngx_http_dicom_authenticate(ngx_http_request_t *r, ngx_http_dicom_ctx_t *ctx)
{
    ngx_int_t                   rc;
    ngx_str_t                   token;
    const char                 *why;
    ngx_http_dicom_srv_conf_t  *dscf;

    if (ctx->route->roles == NGX_HTTP_DICOM_ANYONE) {
        return NGX_OK;
    }

    if (ngx_http_dicom_bearer(r, &token) != NGX_OK) {
        return ngx_http_dicom_unauthorized(r, NULL);
    }

    rc = ngx_http_dicom_verify(r, &token, &ctx->claims, &why);

    if (rc == NGX_DECLINED) {

        /* the claims are filled in when the signature was right */

        if ((ctx->route->flags & NGX_HTTP_DICOM_RENEWAL)
            && ctx->claims.sub.len)
        {
            return ngx_http_dicom_no_renewal(r, why);
        }

        return ngx_http_dicom_unauthorized(r, why);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ctx->route->roles != NGX_HTTP_DICOM_ANY_ROLE
        && (ctx->route->roles & ctx->claims.roles) == 0)
    {
        return ngx_http_dicom_refuse(r, "forbidden",
                                     "Your roles do not allow this.");
    }

    if ((ctx->claims.roles & NGX_DICOM_ROLE_EMERGENCY)
        && !ngx_http_dicom_in_emergency(ctx))
    {
        return ngx_http_dicom_refuse(r, "beyond-emergency",
                                     "The glass was not broken for this.");
    }

    dscf = ngx_http_dicom_srv_conf(r);

    if ((ctx->route->flags & NGX_HTTP_DICOM_OWN_FACILITY)
        && dscf->conf->facility.len
        && !ngx_http_dicom_oversees(ctx)
        && (dscf->conf->facility.len != ctx->claims.facility.len
            || ngx_strncasecmp(dscf->conf->facility.data,
                               ctx->claims.facility.data,
                               dscf->conf->facility.len)
               != 0))
    {
        return ngx_http_dicom_refuse(r, "other-facility",
                                     "This server belongs to another facility "
                                     "than yours.");
    }

    return NGX_OK;
}


/* A break-glass token opens no route that does not name its role, and no study
   but its own; handlers look at what is not in the path. */

static ngx_uint_t
ngx_http_dicom_in_emergency(ngx_http_dicom_ctx_t *ctx)
{
    if (ctx->route->roles == NGX_HTTP_DICOM_ANY_ROLE) {
        return 0;
    }

    return ngx_strstr(ctx->route->path, "{uid}") == NULL
           || (ctx->params[0].len == ctx->claims.study.len
               && ngx_memcmp(ctx->params[0].data, ctx->claims.study.data,
                             ctx->params[0].len)
                  == 0);
}


/* An auditor of no facility audits all of them, and an administrator of none
   looks at their servers. */

static ngx_uint_t
ngx_http_dicom_oversees(ngx_http_dicom_ctx_t *ctx)
{
    return (ctx->route->roles & ctx->claims.roles
            & (NGX_DICOM_ROLE_AUDITOR|NGX_DICOM_ROLE_ADMIN))
           && ctx->claims.facility.len == 0;
}


/* As ngx_dicom_jwt_verify(), once for all requests with the same token. */

static ngx_int_t
ngx_http_dicom_verify(ngx_http_request_t *r, const ngx_str_t *token,
    ngx_dicom_claims_t *claims, const char **why)
{
    ngx_int_t                   rc;
    ngx_uint_t                  generation;
    ngx_dicom_runtime_t         rt;
    ngx_http_dicom_srv_conf_t  *dscf;

    *why = NULL;

    dscf = ngx_http_dicom_srv_conf(r);

    rc = ngx_dicom_token_find(dscf,
                              ngx_dicom_runtime_generation(dscf->shm_zone),
                              token, ngx_time(), r->pool, claims);

    if (rc != NGX_DECLINED) {
        return rc;
    }

    generation = ngx_dicom_runtime_copy(dscf->shm_zone, &rt);

    rc = ngx_dicom_jwt_verify(r->pool, &rt.keys, token, ngx_time(), claims,
                              why);

    if (rt.debug) {
        ngx_log_error(NGX_LOG_NOTICE, r->connection->log, 0,
                      "dicom: token of user \"%V\" %s%s",
                      &claims->sub, rc == NGX_OK ? "accepted" : "refused: ",
                      rc == NGX_OK || *why == NULL ? "" : *why);
    }

    ngx_explicit_memzero(&rt.keys, sizeof(ngx_dicom_keys_t));

    if (rc == NGX_OK) {
        ngx_dicom_token_keep(dscf, generation, token, claims);
    }

    return rc;
}


static ngx_int_t
ngx_http_dicom_bearer(ngx_http_request_t *r, ngx_str_t *token)
{
    u_char           *p, *last;
    ngx_table_elt_t  *h;

    h = r->headers_in.authorization;

    if (h == NULL
        || h->value.len <= sizeof("Bearer ") - 1
        || ngx_strncasecmp(h->value.data, (u_char *) "Bearer ",
                           sizeof("Bearer ") - 1)
           != 0)
    {
        return NGX_DECLINED;
    }

    p = h->value.data + sizeof("Bearer ") - 1;
    last = h->value.data + h->value.len;

    while (p < last && *p == ' ') {
        p++;
    }

    token->data = p;
    token->len = last - p;

    return token->len ? NGX_OK : NGX_DECLINED;
}


ngx_table_elt_t *
ngx_http_dicom_header_in(ngx_http_request_t *r, const char *name)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);

    /* zeroed, thus empty, when a request line was refused */

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {
            if (h[i].key.len == len
                && ngx_strncasecmp(h[i].key.data, (u_char *) name, len) == 0)
            {
                return &h[i];
            }
        }
    }

    return NULL;
}


/* The request's Origin when the YAML allows it, else NULL. */

static ngx_str_t *
ngx_http_dicom_origin(ngx_http_request_t *r, ngx_uint_t *configured)
{
    ngx_uint_t            i;
    ngx_table_elt_t      *h;
    ngx_dicom_runtime_t   rt;

    ngx_http_dicom_runtime(r, &rt);
    ngx_explicit_memzero(&rt.keys, sizeof(ngx_dicom_keys_t));

    *configured = rt.ncors;

    h = ngx_http_dicom_header_in(r, "Origin");

    if (h == NULL) {
        return NULL;
    }

    for (i = 0; i < rt.ncors; i++) {

        if (ngx_strcmp(rt.cors[i], "*") == 0) {
            return (ngx_str_t *) &ngx_http_dicom_any_origin;
        }

        if (ngx_strlen(rt.cors[i]) == h->value.len
            && ngx_memcmp(rt.cors[i], h->value.data, h->value.len) == 0)
        {
            return &h->value;
        }
    }

    return NULL;
}


ngx_int_t
ngx_http_dicom_cors(ngx_http_request_t *r)
{
    ngx_uint_t  configured;

    if (r->method != NGX_HTTP_OPTIONS
        || ngx_http_dicom_header_in(r, "Origin") == NULL
        || ngx_http_dicom_header_in(r, "Access-Control-Request-Method") == NULL)
    {
        return NGX_DECLINED;
    }

    if (ngx_http_dicom_origin(r, &configured) == NULL) {
        return ngx_http_dicom_problem(r, NGX_HTTP_FORBIDDEN,
                                      "origin-not-allowed",
                                      "This origin is not on the server's "
                                      "list.", NULL);
    }

    if (ngx_http_dicom_header(r, "Access-Control-Allow-Methods",
                              &ngx_http_dicom_cors_methods)
        != NGX_OK
        || ngx_http_dicom_header(r, "Access-Control-Allow-Headers",
                                 &ngx_http_dicom_cors_request_headers)
           != NGX_OK
        || ngx_http_dicom_header(r, "Access-Control-Max-Age",
                                 &ngx_http_dicom_cors_max_age)
           != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_reply_empty(r);
}


ngx_int_t
ngx_http_dicom_cors_headers(ngx_http_request_t *r)
{
    ngx_str_t   *origin;
    ngx_uint_t   configured;

    origin = ngx_http_dicom_origin(r, &configured);

    if (configured
        && ngx_http_dicom_header(r, "Vary", &ngx_http_dicom_vary) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (origin == NULL) {
        return NGX_OK;
    }

    if (ngx_http_dicom_header(r, "Access-Control-Allow-Origin", origin)
        != NGX_OK
        || ngx_http_dicom_header(r, "Access-Control-Expose-Headers",
                                 &ngx_http_dicom_expose)
           != NGX_OK
        || ngx_http_dicom_header(r, "Timing-Allow-Origin", origin) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /*
     * There are no cookies.  But a browser keeps requests with credentials on
     * connections of their own, and so a page has two ways to a node.
     */

    if (origin != &ngx_http_dicom_any_origin
        && ngx_http_dicom_srv_conf(r)->conf->type == NGX_DICOM_NODE
        && ngx_http_dicom_header(r, "Access-Control-Allow-Credentials",
                                 &ngx_http_dicom_cors_credentials)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_target(ngx_http_request_t *r)
{
    size_t                      path;
    u_char                     *p;
    ngx_str_t                   uri, *base;
    ngx_table_elt_t            *h;
    ngx_http_dicom_srv_conf_t  *dscf;

    static ngx_str_t            stacks = ngx_string("/api/v1/stacks");
    static ngx_str_t            studies = ngx_string("/api/v1/studies");

    dscf = ngx_http_dicom_srv_conf(r);

    switch (dscf->conf->type) {

    case NGX_DICOM_NODE:
        base = &stacks;
        break;

    case NGX_DICOM_FACILITY:
        base = &studies;
        break;

    default:
        return NGX_DECLINED;
    }

    if (r->method != NGX_HTTP_POST
        || r->uri.len != base->len
        || ngx_memcmp(r->uri.data, base->data, base->len) != 0)
    {
        return NGX_DECLINED;
    }

    h = ngx_http_dicom_header_in(r, "Dicom-Target");

    if (h == NULL) {
        return NGX_DECLINED;
    }

    p = ngx_strlchr(h->value.data, h->value.data + h->value.len, '?');
    path = p ? (size_t) (p - h->value.data) : h->value.len;

    if (h->value.len == 0 || r->args.len
        || !ngx_http_dicom_target_check(h->value.data, path))
    {
        return ngx_http_dicom_problem(r, NGX_HTTP_BAD_REQUEST, "bad-request",
                                      "Dicom-Target does not name a resource "
                                      "below this one.", NULL);
    }

    r->method = NGX_HTTP_GET;
    ngx_str_set(&r->method_name, "GET");

    if (path) {
        uri.len = base->len + 1 + path;
        uri.data = ngx_pnalloc(r->pool, uri.len);
        if (uri.data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        p = ngx_cpymem(uri.data, base->data, base->len);
        *p++ = '/';
        ngx_memcpy(p, h->value.data, path);

        r->uri = uri;
    }

    if (path < h->value.len) {
        r->args.data = h->value.data + path + 1;
        r->args.len = h->value.len - path - 1;
    }

    return NGX_DECLINED;
}


/* Nothing that nginx would have decoded or normalised in a path. */

static ngx_uint_t
ngx_http_dicom_target_check(const u_char *p, size_t len)
{
    u_char  c, before;
    size_t  i;

    before = '/';

    for (i = 0; i < len; i++) {
        c = p[i];

        if ((c == '/' || c == '.') && (before == '/' || before == '.')) {
            return 0;
        }

        if ((c < 'a' || c > 'z') && (c < '0' || c > '9')
            && c != '/' && c != '.')
        {
            return 0;
        }

        before = c;
    }

    return 1;
}
