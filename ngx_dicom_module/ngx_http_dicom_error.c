
/*
 * nginx's own errors as problem+json.
 */


#include "ngx_http_dicom_error.h"
#include "ngx_http_dicom_reply.h"


#define NGX_HTTP_DICOM_ERROR_URI  "/.dicom-problem"

/* bytes; with less, a body that could not be written was one too many */
#define NGX_HTTP_DICOM_STORE_LOW  (1024 * 1024)


typedef struct {
    ngx_uint_t   status;     /* nginx's */
    ngx_uint_t   reply;      /* ours */
    const char  *slug;
    const char  *detail;
} ngx_http_dicom_error_t;


static ngx_uint_t ngx_http_dicom_store_full(ngx_http_request_t *r);


static const ngx_http_dicom_error_t  ngx_http_dicom_errors[] = {
    { NGX_HTTP_BAD_REQUEST, 400, "bad-request",
      "The request is not valid HTTP." },
    { NGX_HTTP_UNAUTHORIZED, 401, "unauthorized", NULL },
    { NGX_HTTP_FORBIDDEN, 403, "forbidden", NULL },
    { NGX_HTTP_NOT_FOUND, 404, "not-found", NULL },
    { NGX_HTTP_NOT_ALLOWED, 405, "method-not-allowed", NULL },
    { 411, 411, "length-required", NULL },
    { NGX_HTTP_PRECONDITION_FAILED, 412, "precondition-failed", NULL },
    { NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, 413, "too-large",
      "The body is larger than this server accepts." },
    { NGX_HTTP_REQUEST_URI_TOO_LARGE, 414, "uri-too-long", NULL },
    { NGX_HTTP_UNSUPPORTED_MEDIA_TYPE, 415, "unsupported-media-type", NULL },
    { NGX_HTTP_RANGE_NOT_SATISFIABLE, 416, "range-not-satisfiable", NULL },
    { NGX_HTTP_MISDIRECTED_REQUEST, 421, "misdirected-request", NULL },
    { NGX_HTTP_TOO_MANY_REQUESTS, 429, "too-many-requests", NULL },
    { NGX_HTTP_REQUEST_HEADER_TOO_LARGE, 431, "header-too-large", NULL },
    { NGX_HTTPS_CERT_ERROR, 400, "bad-certificate", NULL },
    { NGX_HTTPS_NO_CERT, 400, "certificate-required", NULL },
    { NGX_HTTP_TO_HTTPS, 400, "https-required",
      "This port speaks HTTPS only." },
    { NGX_HTTP_INTERNAL_SERVER_ERROR, 500, "internal-error", NULL },
    { NGX_HTTP_NOT_IMPLEMENTED, 501, "not-implemented", NULL },
    { NGX_HTTP_BAD_GATEWAY, 503, "renderer-unavailable",
      "The render worker cannot be reached." },
    { NGX_HTTP_SERVICE_UNAVAILABLE, 503, "unavailable", NULL },
    { NGX_HTTP_GATEWAY_TIME_OUT, 503, "renderer-unavailable",
      "The render worker took too long." },
    { NGX_HTTP_VERSION_NOT_SUPPORTED, 505, "version-not-supported", NULL },
    { NGX_HTTP_INSUFFICIENT_STORAGE, 507, "store-full", NULL },
    { 0, 0, NULL, NULL }
};


static ngx_str_t  ngx_http_dicom_error_uri =
    ngx_string(NGX_HTTP_DICOM_ERROR_URI);


ngx_int_t
ngx_http_dicom_error_pages(ngx_conf_t *cf, ngx_http_core_loc_conf_t *clcf)
{
    ngx_http_err_page_t           *page;
    const ngx_http_dicom_error_t  *e;

    if (clcf->error_pages == NULL) {
        clcf->error_pages = ngx_array_create(cf->pool, 32,
                                             sizeof(ngx_http_err_page_t));
        if (clcf->error_pages == NULL) {
            return NGX_ERROR;
        }
    }

    for (e = ngx_http_dicom_errors; e->status; e++) {
        page = ngx_array_push(clcf->error_pages);
        if (page == NULL) {
            return NGX_ERROR;
        }

        ngx_memzero(page, sizeof(ngx_http_err_page_t));

        page->status = e->status;
        page->overwrite = -1;
        page->value.value = ngx_http_dicom_error_uri;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_error(ngx_http_request_t *r)
{
    const ngx_http_dicom_error_t  *e;

    if (!r->internal
        || r->err_status == 0
        || r->uri.len != ngx_http_dicom_error_uri.len
        || ngx_memcmp(r->uri.data, ngx_http_dicom_error_uri.data, r->uri.len)
           != 0)
    {
        return NGX_DECLINED;
    }

    for (e = ngx_http_dicom_errors; e->status; e++) {
        if (e->status != r->err_status) {
            continue;
        }

        if (e->status == NGX_HTTP_INTERNAL_SERVER_ERROR
            && ngx_http_dicom_store_full(r))
        {
            r->err_status = NGX_HTTP_INSUFFICIENT_STORAGE;
            return ngx_http_dicom_problem(r, NGX_HTTP_INSUFFICIENT_STORAGE,
                                          "store-full", NULL, NULL);
        }

        /* it is what the client sees, not what nginx called it inside */

        r->err_status = e->reply;

        return ngx_http_dicom_problem(r, e->reply, e->slug, e->detail, NULL);
    }

    return ngx_http_dicom_problem(r, r->err_status, "error", NULL, NULL);
}


/* nginx says 500 when it cannot write a body to its temporary file. */

static ngx_uint_t
ngx_http_dicom_store_full(ngx_http_request_t *r)
{
    off_t                       available;
    ngx_http_dicom_srv_conf_t  *dscf;

    dscf = ngx_http_dicom_srv_conf(r);

    if (dscf->incoming == NULL
        || r->request_body == NULL
        || r->request_body->temp_file == NULL)
    {
        return 0;
    }

    available = ngx_fs_available(dscf->incoming->name.data);

    return available >= 0 && available < NGX_HTTP_DICOM_STORE_LOW;
}
