
/*
 * Headers that every response of our servers carries.
 */


#include "ngx_http_dicom_filter.h"
#include "ngx_http_dicom_auth.h"
#include "ngx_http_dicom_reply.h"


typedef struct {
    const char  *name;
    ngx_str_t    value;
} ngx_http_dicom_fixed_header_t;


static ngx_int_t ngx_http_dicom_header_filter(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_security_headers(ngx_http_request_t *r,
    ngx_http_dicom_srv_conf_t *dscf);
static ngx_int_t ngx_http_dicom_cache_header(ngx_http_request_t *r,
    ngx_http_dicom_srv_conf_t *dscf);


static const ngx_http_dicom_fixed_header_t  ngx_http_dicom_fixed_headers[] = {
    { "X-Content-Type-Options", ngx_string("nosniff") },
    { "Referrer-Policy", ngx_string("no-referrer") },
    { "X-Frame-Options", ngx_string("DENY") },
    { NULL, ngx_null_string }
};

static const ngx_str_t  ngx_http_dicom_api_csp =
    ngx_string("default-src 'none'; frame-ancestors 'none'");

static const ngx_str_t  ngx_http_dicom_hsts =
    ngx_string("max-age=31536000");

static const ngx_str_t  ngx_http_dicom_same_origin =
    ngx_string("same-origin");

/* kept, but asked about each time: a viewer must never run a mix of versions */
static const ngx_str_t  ngx_http_dicom_no_cache = ngx_string("no-cache");

static const ngx_str_t  ngx_http_dicom_no_store =
    ngx_string("private, no-store");


static ngx_http_output_header_filter_pt  ngx_http_next_header_filter;


ngx_int_t
ngx_http_dicom_filter_init(ngx_conf_t *cf)
{
    ngx_http_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ngx_http_dicom_header_filter;

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_header_filter(ngx_http_request_t *r)
{
    ngx_http_dicom_srv_conf_t  *dscf;

    dscf = ngx_http_dicom_srv_conf(r);

    if (dscf->conf == NULL || r != r->main) {
        return ngx_http_next_header_filter(r);
    }

    if (ngx_http_dicom_cors_headers(r) != NGX_OK
        || ngx_http_dicom_security_headers(r, dscf) != NGX_OK
        || ngx_http_dicom_cache_header(r, dscf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_next_header_filter(r);
}


static ngx_int_t
ngx_http_dicom_security_headers(ngx_http_request_t *r,
    ngx_http_dicom_srv_conf_t *dscf)
{
    const ngx_str_t                      *csp;
    const ngx_http_dicom_fixed_header_t  *h;

    for (h = ngx_http_dicom_fixed_headers; h->name; h++) {
        if (ngx_http_dicom_header(r, h->name, &h->value) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    csp = (dscf->conf->type == NGX_DICOM_WEB) ? &dscf->csp
                                              : &ngx_http_dicom_api_csp;

    if (ngx_http_dicom_header(r, "Content-Security-Policy", csp) != NGX_OK) {
        return NGX_ERROR;
    }

    if (dscf->conf->type == NGX_DICOM_WEB
        && ngx_http_dicom_header(r, "Cross-Origin-Opener-Policy",
                                 &ngx_http_dicom_same_origin)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

#if (NGX_HTTP_SSL)

    if (r->connection->ssl
#if (NGX_HTTP_V2)
        || (r->stream && r->stream->connection->connection->ssl)
#endif
       )
    {
        return ngx_http_dicom_header(r, "Strict-Transport-Security",
                                     &ngx_http_dicom_hsts);
    }

#endif

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_cache_header(ngx_http_request_t *r,
    ngx_http_dicom_srv_conf_t *dscf)
{
    if (ngx_http_dicom_header_sent(r, "Cache-Control")) {
        return NGX_OK;
    }

    /* api answers lack a validator, or name patients: not to be kept */

    if (dscf->conf->type == NGX_DICOM_WEB
        && ngx_http_dicom_ctx(r) == NULL
        && r->err_status == 0)
    {
        return ngx_http_dicom_header(r, "Cache-Control",
                                     &ngx_http_dicom_no_cache);
    }

    return ngx_http_dicom_header(r, "Cache-Control", &ngx_http_dicom_no_store);
}


ngx_int_t
ngx_http_dicom_csp(ngx_conf_t *cf, ngx_dicom_config_t *conf, ngx_str_t *csp)
{
    size_t       len;
    u_char      *p;
    ngx_str_t   *origin;
    ngx_uint_t   i;

    static const char  https[] = "https:", wss[] = " wss:";
    static const char  begin[] =
        "default-src 'self'; img-src 'self' blob:; object-src 'none'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        "connect-src 'self'";

    len = sizeof(begin) + conf->toplevel_url.len;

    origin = conf->connect ? conf->connect->elts : NULL;

    for (i = 0; conf->connect && i < conf->connect->nelts; i++) {
        len += 1 + origin[i].len + sizeof(wss) - 1 + origin[i].len;
    }

    csp->data = ngx_pnalloc(cf->pool, len);
    if (csp->data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(csp->data, begin, sizeof(begin) - 1);

    if (conf->toplevel_url.len) {
        *p++ = ' ';
        p = ngx_cpymem(p, conf->toplevel_url.data, conf->toplevel_url.len);
    }

    for (i = 0; conf->connect && i < conf->connect->nelts; i++) {
        *p++ = ' ';
        p = ngx_cpymem(p, origin[i].data, origin[i].len);

        /* that the line is there a page learns by a WebSocket */

        if (ngx_strncmp(origin[i].data, https, sizeof(https) - 1) == 0) {
            p = ngx_cpymem(p, wss, sizeof(wss) - 1);
            p = ngx_cpymem(p, origin[i].data + sizeof(https) - 1,
                           origin[i].len - (sizeof(https) - 1));
        }
    }

    csp->len = p - csp->data;

    return NGX_OK;
}
