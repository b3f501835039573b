
/*
 * ONE table of routes, and how a request comes to its handler.
 */


#include "ngx_http_dicom_route.h"
#include "ngx_http_dicom_auth.h"
#include "ngx_http_dicom_error.h"
#include "ngx_http_dicom_events.h"
#include "ngx_http_dicom_facility.h"
#include "ngx_http_dicom_frames.h"
#include "ngx_http_dicom_glass.h"
#include "ngx_http_dicom_metadata.h"
#include "ngx_http_dicom_node.h"
#include "ngx_http_dicom_pulse.h"
#include "ngx_http_dicom_qido.h"
#include "ngx_http_dicom_rendered.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_session.h"
#include "ngx_http_dicom_status.h"
#include "ngx_http_dicom_stow.h"
#include "ngx_http_dicom_toplevel.h"
#include "ngx_http_dicom_wado.h"


#define WEB       NGX_DICOM_WEB
#define TOPLEVEL  NGX_DICOM_TOPLEVEL
#define FACILITY  NGX_DICOM_FACILITY
#define NODE      NGX_DICOM_NODE
#define ALL       (WEB|TOPLEVEL|FACILITY|NODE)

#define GET       NGX_HTTP_GET
#define POST      NGX_HTTP_POST
#define PUT       NGX_HTTP_PUT
#define PATCH     NGX_HTTP_PATCH
#define DELETE    NGX_HTTP_DELETE

#define ANYONE    NGX_HTTP_DICOM_ANYONE
#define ANY_ROLE  NGX_HTTP_DICOM_ANY_ROLE
#define ADM       NGX_DICOM_ROLE_ADMIN
#define FADM      NGX_DICOM_ROLE_FACILITY_ADMIN
#define PHYS      NGX_DICOM_ROLE_PHYSICIAN
#define RADI      NGX_DICOM_ROLE_RADIOGRAPHER
#define AUDI      NGX_DICOM_ROLE_AUDITOR
#define EMER      NGX_DICOM_ROLE_EMERGENCY

/* in an emergency one study, and the stacks that the same user opened */
#define SEE       (FADM|PHYS|RADI|EMER)

#define OWN       NGX_HTTP_DICOM_OWN_FACILITY
#define RENEWAL   NGX_HTTP_DICOM_RENEWAL

#define NONE      NGX_HTTP_DICOM_BODY_NONE
#define JSON      NGX_HTTP_DICOM_BODY_JSON
#define RAW       NGX_HTTP_DICOM_BODY_RAW


const ngx_http_dicom_route_t  ngx_http_dicom_routes[] = {

    /* every server */

    { ALL, GET, "/api/v1/health", ANYONE, 0, NONE, ngx_http_dicom_health },
    { ALL, GET, "/api/v1/line", ANYONE, 0, NONE, ngx_http_dicom_line },
    { ALL, GET, "/metrics", ANYONE, 0, NONE, ngx_http_dicom_metrics },

    /* web */

    { WEB, GET, "/config.json", ANYONE, 0, NONE, ngx_http_dicom_web_config },

    /* top level: sessions */

    { TOPLEVEL, POST, "/api/v1/login", ANYONE, 0, JSON, ngx_http_dicom_login },
    { TOPLEVEL, POST, "/api/v1/token", ANY_ROLE, RENEWAL, NONE,
      ngx_http_dicom_token },
    { TOPLEVEL, POST, "/api/v1/break-glass", PHYS, 0, JSON,
      ngx_http_dicom_break_glass },
    { TOPLEVEL, GET, "/api/v1/me", ANY_ROLE, 0, NONE, ngx_http_dicom_me },
    { TOPLEVEL, PUT, "/api/v1/me/password", ANY_ROLE, 0, JSON,
      ngx_http_dicom_me_password },

    /* top level: facilities, servers, users, modalities, patients, audit */

    { TOPLEVEL, GET, "/api/v1/facilities", ANY_ROLE, 0, NONE,
      ngx_http_dicom_facility_list },
    { TOPLEVEL, POST, "/api/v1/facilities", ADM, 0, JSON,
      ngx_http_dicom_facility_create },
    { TOPLEVEL, GET, "/api/v1/facilities/{id}", ANY_ROLE, 0, NONE,
      ngx_http_dicom_facility_read },
    { TOPLEVEL, PATCH, "/api/v1/facilities/{id}", ADM, 0, JSON,
      ngx_http_dicom_facility_change },
    { TOPLEVEL, DELETE, "/api/v1/facilities/{id}", ADM, 0, NONE,
      ngx_http_dicom_facility_end },
    { TOPLEVEL, GET, "/api/v1/servers", ANY_ROLE, 0, NONE,
      ngx_http_dicom_server_list },
    { TOPLEVEL, POST, "/api/v1/servers", ADM, 0, JSON,
      ngx_http_dicom_server_create },
    { TOPLEVEL, GET, "/api/v1/servers/{id}", ANY_ROLE, 0, NONE,
      ngx_http_dicom_server_read },
    { TOPLEVEL, PATCH, "/api/v1/servers/{id}", ADM, 0, JSON,
      ngx_http_dicom_server_change },
    { TOPLEVEL, DELETE, "/api/v1/servers/{id}", ADM, 0, NONE,
      ngx_http_dicom_server_end },
    { TOPLEVEL, GET, "/api/v1/users", ADM|FADM, 0, NONE,
      ngx_http_dicom_user_list },
    { TOPLEVEL, POST, "/api/v1/users", ADM|FADM, 0, JSON,
      ngx_http_dicom_user_create },
    { TOPLEVEL, GET, "/api/v1/users/{id}", ADM|FADM, 0, NONE,
      ngx_http_dicom_user_read },
    { TOPLEVEL, PATCH, "/api/v1/users/{id}", ADM|FADM, 0, JSON,
      ngx_http_dicom_user_change },
    { TOPLEVEL, DELETE, "/api/v1/users/{id}", ADM|FADM, 0, NONE,
      ngx_http_dicom_user_end },
    { TOPLEVEL, POST, "/api/v1/users/{id}/reset", ADM|FADM, 0, NONE,
      ngx_http_dicom_user_reset },
    { TOPLEVEL, GET, "/api/v1/patients", FADM|PHYS|RADI, 0, NONE,
      ngx_http_dicom_patient_list },
    { TOPLEVEL, POST, "/api/v1/patients", FADM|PHYS|RADI, 0, JSON,
      ngx_http_dicom_patient_create },
    { TOPLEVEL, GET, "/api/v1/patients/{id}", FADM|PHYS|RADI, 0, NONE,
      ngx_http_dicom_patient_read },
    { TOPLEVEL, PATCH, "/api/v1/patients/{id}", FADM|PHYS|RADI, 0, JSON,
      ngx_http_dicom_patient_change },
    { TOPLEVEL, DELETE, "/api/v1/patients/{id}", FADM|PHYS|RADI, 0, NONE,
      ngx_http_dicom_patient_end },
    { TOPLEVEL, POST, "/api/v1/patients/{id}/merge", FADM, 0, JSON,
      ngx_http_dicom_patient_merge },
    { TOPLEVEL, DELETE, "/api/v1/patients/{id}/merge", FADM, 0, NONE,
      ngx_http_dicom_patient_unmerge },
    { TOPLEVEL, GET, "/api/v1/patients/{id}/accesses", FADM|AUDI, 0, NONE,
      ngx_http_dicom_patient_accesses },
    { TOPLEVEL, GET, "/api/v1/modalities", ANY_ROLE, 0, NONE,
      ngx_http_dicom_modality_list },
    { TOPLEVEL, POST, "/api/v1/modalities", ADM, 0, JSON,
      ngx_http_dicom_modality_create },
    { TOPLEVEL, GET, "/api/v1/modalities/{id}", ANY_ROLE, 0, NONE,
      ngx_http_dicom_modality_read },
    { TOPLEVEL, PATCH, "/api/v1/modalities/{id}", ADM, 0, JSON,
      ngx_http_dicom_modality_change },
    { TOPLEVEL, DELETE, "/api/v1/modalities/{id}", ADM, 0, NONE,
      ngx_http_dicom_modality_end },
    { TOPLEVEL|FACILITY, GET, "/api/v1/audit", AUDI, OWN, NONE,
      ngx_http_dicom_event_list },

    /* facility: studies, series, reports */

    { FACILITY, GET, "/api/v1/studies", SEE, OWN, NONE,
      ngx_http_dicom_study_list },
    { FACILITY, GET, "/api/v1/studies/{uid}", SEE, OWN, NONE,
      ngx_http_dicom_study_get },
    { FACILITY, DELETE, "/api/v1/studies/{uid}", FADM, OWN, NONE,
      ngx_http_dicom_study_delete },
    { FACILITY, GET, "/api/v1/series/{uid}", FADM|PHYS|RADI, OWN, NONE,
      ngx_http_dicom_series_get },
    { FACILITY, DELETE, "/api/v1/series/{uid}", FADM, OWN, NONE,
      ngx_http_dicom_series_delete },
    { FACILITY, GET, "/api/v1/studies/{uid}/reports", PHYS|RADI|EMER, OWN,
      NONE, ngx_http_dicom_report_list },
    { FACILITY, POST, "/api/v1/studies/{uid}/reports", PHYS, OWN, JSON,
      ngx_http_dicom_report_create },
    { FACILITY, GET, "/api/v1/reports", PHYS|RADI, OWN, NONE,
      ngx_http_dicom_report_search },
    { FACILITY, GET, "/api/v1/reports/{id}", PHYS|RADI, OWN, NONE,
      ngx_http_dicom_report_get },
    { FACILITY, PUT, "/api/v1/reports/{id}", PHYS, OWN, JSON,
      ngx_http_dicom_report_put },
    { FACILITY, POST, "/api/v1/reports/{id}/finalize", PHYS, OWN, NONE,
      ngx_http_dicom_report_finalize },
    { FACILITY, POST, "/api/v1/reports/{id}/addenda", PHYS, OWN, JSON,
      ngx_http_dicom_report_addendum },

    { FACILITY, GET, "/api/v1/accesses", FADM|AUDI, OWN, NONE,
      ngx_http_dicom_accesses },
    { FACILITY, GET, "/api/v1/heartbeats", ADM|FADM|PHYS|RADI|AUDI, OWN, NONE,
      ngx_http_dicom_pulse_list },

    /* node: instances, stacks, layers */

    { NODE, PUT, "/api/v1/instances", FADM|PHYS|RADI, OWN, RAW,
      ngx_http_dicom_instance_put },
    { NODE, POST, "/api/v1/stacks", SEE, OWN, JSON,
      ngx_http_dicom_stack_open },
    { NODE, GET, "/api/v1/stacks/{id}", SEE, OWN, NONE,
      ngx_http_dicom_stack_get },
    { NODE, DELETE, "/api/v1/stacks/{id}", SEE, OWN, NONE,
      ngx_http_dicom_stack_delete },
    { NODE, GET, "/api/v1/stacks/{id}/layers", SEE, OWN, NONE,
      ngx_http_dicom_stack_layers },
    { NODE, GET, "/api/v1/stacks/{id}/presentations/{uid}", FADM|PHYS|RADI,
      OWN, NONE, ngx_http_dicom_stack_state },
    { NODE, GET, "/api/v1/stacks/{id}/layers/{n}", SEE, OWN, NONE,
      ngx_http_dicom_layer_get },
    { NODE, GET, "/api/v1/stacks/{id}/layers/{n}/pixels", SEE, OWN,
      NONE, ngx_http_dicom_pixel_get },
    { NODE, GET, "/api/v1/stacks/{id}/layers/{n}/roi", SEE, OWN,
      NONE, ngx_http_dicom_roi_get },

    /* DICOMweb: QIDO-RS on both, as they share a database; WADO-RS, STOW-RS */

    { FACILITY|NODE, GET, "/dicom-web/studies", FADM|PHYS|RADI, OWN, NONE,
      ngx_http_dicom_qido_studies },
    { FACILITY|NODE, GET, "/dicom-web/studies/{uid}/series", SEE,
      OWN, NONE, ngx_http_dicom_qido_series },
    { FACILITY|NODE, GET, "/dicom-web/series", FADM|PHYS|RADI, OWN, NONE,
      ngx_http_dicom_qido_all_series },
    { FACILITY|NODE, GET, "/dicom-web/studies/{uid}/series/{uid}/instances",
      SEE, OWN, NONE, ngx_http_dicom_qido_instances },
    { FACILITY|NODE, GET, "/dicom-web/studies/{uid}/instances", SEE, OWN, NONE,
      ngx_http_dicom_qido_study_instances },
    { FACILITY|NODE, GET, "/dicom-web/instances", FADM|PHYS|RADI, OWN, NONE,
      ngx_http_dicom_qido_all_instances },
    { NODE, POST, "/dicom-web/studies", FADM|PHYS|RADI, OWN, RAW,
      ngx_http_dicom_stow },
    { NODE, POST, "/dicom-web/studies/{uid}", FADM|PHYS|RADI, OWN, RAW,
      ngx_http_dicom_stow_study },
    { NODE, GET, "/dicom-web/studies/{uid}", SEE, OWN, NONE,
      ngx_http_dicom_wado_study },
    { NODE, GET, "/dicom-web/studies/{uid}/series/{uid}", SEE, OWN, NONE,
      ngx_http_dicom_wado_series },
    { NODE, GET, "/dicom-web/studies/{uid}/series/{uid}/instances/{uid}",
      SEE, OWN, NONE, ngx_http_dicom_wado_instance },
    { NODE, GET, "/dicom-web/studies/{uid}/metadata", SEE, OWN, NONE,
      ngx_http_dicom_metadata_study },
    { NODE, GET, "/dicom-web/studies/{uid}/series/{uid}/metadata", SEE, OWN,
      NONE, ngx_http_dicom_metadata_series },
    { NODE, GET,
      "/dicom-web/studies/{uid}/series/{uid}/instances/{uid}/metadata",
      SEE, OWN, NONE, ngx_http_dicom_metadata_instance },
    { NODE, GET,
      "/dicom-web/studies/{uid}/series/{uid}/instances/{uid}/frames/{list}",
      SEE, OWN, NONE, ngx_http_dicom_frames },
    { NODE, GET,
      "/dicom-web/studies/{uid}/series/{uid}/instances/{uid}/bulkdata/{path}",
      SEE, OWN, NONE, ngx_http_dicom_bulkdata },
    { NODE, GET,
      "/dicom-web/studies/{uid}/series/{uid}/instances/{uid}/rendered",
      SEE, OWN, NONE, ngx_http_dicom_rendered },
    { NODE, GET,
      "/dicom-web/studies/{uid}/series/{uid}/instances/{uid}/frames/{list}"
      "/rendered", SEE, OWN, NONE, ngx_http_dicom_rendered_frame },
    { NODE, GET, "/dicom-web/studies/{uid}/thumbnail", SEE, OWN, NONE,
      ngx_http_dicom_thumbnail_study },
    { NODE, GET, "/dicom-web/studies/{uid}/series/{uid}/thumbnail", SEE, OWN,
      NONE, ngx_http_dicom_thumbnail_series },
    { NODE, GET,
      "/dicom-web/studies/{uid}/series/{uid}/instances/{uid}/thumbnail",
      SEE, OWN, NONE, ngx_http_dicom_thumbnail },
    { NODE, GET,
      "/dicom-web/studies/{uid}/series/{uid}/instances/{uid}/frames/{list}"
      "/thumbnail", SEE, OWN, NONE, ngx_http_dicom_thumbnail_frame },

    { 0, 0, NULL, 0, 0, 0, NULL }
};


typedef struct {
    ngx_uint_t   method;
    ngx_str_t    name;
} ngx_http_dicom_method_t;


static const ngx_http_dicom_method_t  ngx_http_dicom_methods[] = {
    { NGX_HTTP_GET, ngx_string("GET, HEAD") },
    { NGX_HTTP_POST, ngx_string("POST") },
    { NGX_HTTP_PUT, ngx_string("PUT") },
    { NGX_HTTP_PATCH, ngx_string("PATCH") },
    { NGX_HTTP_DELETE, ngx_string("DELETE") },
    { 0, ngx_null_string }
};


static ngx_int_t ngx_http_dicom_find_route(ngx_http_request_t *r,
    ngx_http_dicom_ctx_t **ctx);
static ngx_int_t ngx_http_dicom_match(ngx_http_request_t *r, const char *path,
    ngx_str_t *params);
static ngx_int_t ngx_http_dicom_params(ngx_http_request_t *r,
    ngx_str_t *params);
static ngx_int_t ngx_http_dicom_no_method(ngx_http_request_t *r,
    ngx_uint_t methods);
static ngx_int_t ngx_http_dicom_finish(ngx_http_request_t *r, ngx_int_t rc);
static ngx_int_t ngx_http_dicom_check_coding(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_check_json(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_limit_body(ngx_http_request_t *r);
static void ngx_http_dicom_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_gather(ngx_http_request_t *r,
    ngx_str_t *text);


/* Content phase handlers of nginx must not run before this: a reply from here
   finalizes the request itself, so that "satisfy any" cannot undo a refusal. */

ngx_int_t
ngx_http_dicom_access_handler(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_http_dicom_ctx_t       *ctx;
    ngx_http_dicom_srv_conf_t  *dscf;

    dscf = ngx_http_dicom_srv_conf(r);

    if (dscf->conf == NULL || r != r->main) {
        return NGX_DECLINED;
    }

    rc = ngx_http_dicom_error(r);

    if (rc != NGX_DECLINED) {
        return ngx_http_dicom_finish(r, rc);
    }

    rc = ngx_http_dicom_cors(r);

    if (rc != NGX_DECLINED) {
        return ngx_http_dicom_finish(r, rc);
    }

    rc = ngx_http_dicom_target(r);

    if (rc != NGX_DECLINED) {
        return ngx_http_dicom_finish(r, rc);
    }

    ctx = NULL;
    rc = ngx_http_dicom_find_route(r, &ctx);

    if (rc == NGX_DECLINED) {

        if (dscf->conf->type == NGX_DICOM_WEB) {

            if (!(r->method & (NGX_HTTP_GET|NGX_HTTP_HEAD))) {
                return ngx_http_dicom_finish(r,
                                   ngx_http_dicom_no_method(r, NGX_HTTP_GET));
            }

            /* a file: nginx's own handlers serve it */
            return NGX_DECLINED;
        }

        rc = ngx_http_dicom_problem(r, NGX_HTTP_NOT_FOUND, "not-found",
                                    "There is nothing at this path.", NULL);
    }

    if (ctx == NULL) {
        return ngx_http_dicom_finish(r, rc);
    }

    ngx_http_set_ctx(r, ctx, ngx_http_dicom_module);

    rc = ngx_http_dicom_authenticate(r, ctx);

    if (rc != NGX_OK) {
        return ngx_http_dicom_finish(r, rc);
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_dicom_finish(ngx_http_request_t *r, ngx_int_t rc)
{
    ngx_http_finalize_request(r, rc);

    return NGX_DONE;
}


/*
 * NGX_OK with ctx set; NGX_DECLINED when no route has this path; else the
 * result of a reply.
 */

static ngx_int_t
ngx_http_dicom_find_route(ngx_http_request_t *r, ngx_http_dicom_ctx_t **found)
{
    ngx_str_t                      params[NGX_HTTP_DICOM_MAX_PARAMS];
    ngx_uint_t                     method, others;
    ngx_http_dicom_ctx_t          *ctx;
    ngx_http_dicom_srv_conf_t     *dscf;
    const ngx_http_dicom_route_t  *route;

    dscf = ngx_http_dicom_srv_conf(r);

    others = 0;
    method = (r->method == NGX_HTTP_HEAD) ? NGX_HTTP_GET : r->method;

    for (route = ngx_http_dicom_routes; route->path; route++) {

        if (!(route->types & dscf->conf->type)
            || ngx_http_dicom_match(r, route->path, params) != NGX_OK)
        {
            continue;
        }

        if (route->method != method) {
            others |= route->method;
            continue;
        }

        if (ngx_http_dicom_params(r, params) != NGX_OK) {
            return ngx_http_dicom_problem(r, NGX_HTTP_BAD_REQUEST,
                                          "bad-request",
                                          "The path is not UTF-8.", NULL);
        }

        ctx = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_ctx_t));
        if (ctx == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ctx->route = route;
        ngx_memcpy(ctx->params, params, sizeof(params));

        *found = ctx;

        return NGX_OK;
    }

    return others ? ngx_http_dicom_no_method(r, others) : NGX_DECLINED;
}


/* nginx has decoded and normalised r->uri, so that a parameter cannot hold a
   slash. */

static ngx_int_t
ngx_http_dicom_match(ngx_http_request_t *r, const char *path,
    ngx_str_t *params)
{
    u_char      *p, *last;
    ngx_uint_t   n;

    n = 0;
    p = r->uri.data;
    last = p + r->uri.len;

    ngx_memzero(params, NGX_HTTP_DICOM_MAX_PARAMS * sizeof(ngx_str_t));

    while (*path) {

        if (*path != '{') {
            if (p == last || *p++ != (u_char) *path++) {
                return NGX_DECLINED;
            }

            continue;
        }

        while (*path++ != '}') { /* void */ }

        params[n].data = p;

        while (p < last && *p != '/') {
            p++;
        }

        params[n].len = p - params[n].data;

        if (params[n++].len == 0) {
            return NGX_DECLINED;
        }
    }

    return (p == last) ? NGX_OK : NGX_DECLINED;
}


/* Makes C strings of the parameters. */

static ngx_int_t
ngx_http_dicom_params(ngx_http_request_t *r, ngx_str_t *params)
{
    u_char      *p;
    ngx_uint_t   i;

    for (i = 0; i < NGX_HTTP_DICOM_MAX_PARAMS && params[i].len; i++) {

        if (ngx_dicom_utf8_check(params[i].data, params[i].len) != NGX_OK) {
            return NGX_DECLINED;
        }

        p = ngx_pnalloc(r->pool, params[i].len + 1);
        if (p == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(p, params[i].data, params[i].len);
        p[params[i].len] = '\0';
        params[i].data = p;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_no_method(ngx_http_request_t *r, ngx_uint_t methods)
{
    u_char                         *p, buf[64];
    ngx_str_t                       allow;
    const ngx_http_dicom_method_t  *m;

    p = buf;

    for (m = ngx_http_dicom_methods; m->method; m++) {
        if (methods & m->method) {
            p = ngx_sprintf(p, "%s%V", p == buf ? "" : ", ", &m->name);
        }
    }

    allow.len = p - buf;
    allow.data = ngx_pnalloc(r->pool, allow.len);
    if (allow.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_memcpy(allow.data, buf, allow.len);

    if (ngx_http_dicom_header(r, "Allow", &allow) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (r->method == NGX_HTTP_OPTIONS) {
        return ngx_http_dicom_reply_empty(r);
    }

    return ngx_http_dicom_problem(r, NGX_HTTP_NOT_ALLOWED,
                                  "method-not-allowed", NULL, NULL);
}


ngx_int_t
ngx_http_dicom_content_handler(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    ngx_http_dicom_ctx_t  *ctx;

    ctx = ngx_http_dicom_ctx(r);

    if (ctx == NULL || r != r->main) {
        return NGX_DECLINED;
    }

    if (ctx->route->body != NGX_HTTP_DICOM_BODY_NONE) {
        rc = ngx_http_dicom_check_coding(r);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    switch (ctx->route->body) {

    case NGX_HTTP_DICOM_BODY_RAW:
        return ctx->route->handler(r);

    case NGX_HTTP_DICOM_BODY_NONE:

        /* over HTTP/2 without a length nginx calls a body "chunked" too */

        if (r->headers_in.content_length_n > 0 || r->headers_in.chunked) {
            return ngx_http_dicom_problem(r, NGX_HTTP_BAD_REQUEST,
                                          "unexpected-body",
                                          "This request takes no body.", NULL);
        }

        rc = ngx_http_discard_request_body(r);

        if (rc != NGX_OK) {
            return rc;
        }

        return ngx_http_dicom_glass_handle(r);

    default: /* NGX_HTTP_DICOM_BODY_JSON */

        rc = ngx_http_dicom_check_json(r);

        if (rc != NGX_OK) {
            return rc;
        }

        if (r->headers_in.chunked
            && ngx_http_dicom_limit_body(r) != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        rc = ngx_http_read_client_request_body(r, ngx_http_dicom_body_handler);

        return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
    }
}


/* What is compressed says so (RFC 9110 8.4); it is neither unpacked nor taken
   for what it is not. */

static ngx_int_t
ngx_http_dicom_check_coding(ngx_http_request_t *r)
{
    ngx_table_elt_t  *h;

    static ngx_str_t  identity = ngx_string("identity");

    h = ngx_http_dicom_header_in(r, "Content-Encoding");

    if (h == NULL || ngx_strcasecmp(h->value.data, identity.data) == 0) {
        return NGX_OK;
    }

    if (ngx_http_dicom_header(r, "Accept-Encoding", &identity) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_problem(r, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                  "unsupported-media-type",
                                  "The body must not be compressed.", NULL);
}


static ngx_int_t
ngx_http_dicom_check_json(ngx_http_request_t *r)
{
    size_t            len;
    ngx_str_t         type;
    ngx_table_elt_t  *h;

    if (r->headers_in.content_length_n > NGX_HTTP_DICOM_MAX_JSON) {
        return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    }

    h = r->headers_in.content_type;

    if (h) {
        type = h->value;

        for (len = 0; len < type.len; len++) {
            if (type.data[len] == ';' || type.data[len] == ' ') {
                break;
            }
        }

        if (len == sizeof("application/json") - 1
            && ngx_strncasecmp(type.data, (u_char *) "application/json", len)
               == 0)
        {
            return NGX_OK;
        }

        if (r->method == NGX_HTTP_PATCH
            && len == sizeof("application/merge-patch+json") - 1
            && ngx_strncasecmp(type.data,
                               (u_char *) "application/merge-patch+json", len)
               == 0)
        {
            return NGX_OK;
        }
    }

    return ngx_http_dicom_problem(r, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE,
                                  "unsupported-media-type",
                                  "The body must be application/json.", NULL);
}


/*
 * A body of unknown length is held against client_max_body_size while it is
 * read, and that of a node admits whole images.  This request gets a location
 * configuration of its own; the shared one stays as it is.
 */

static ngx_int_t
ngx_http_dicom_limit_body(ngx_http_request_t *r)
{
    void                      **loc_conf;
    ngx_http_core_loc_conf_t   *clcf, *own;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (clcf->client_max_body_size
        && clcf->client_max_body_size <= NGX_HTTP_DICOM_MAX_JSON)
    {
        return NGX_OK;
    }

    own = ngx_palloc(r->pool, sizeof(ngx_http_core_loc_conf_t));
    loc_conf = ngx_palloc(r->pool, ngx_http_max_module * sizeof(void *));

    if (own == NULL || loc_conf == NULL) {
        return NGX_ERROR;
    }

    *own = *clcf;
    own->client_max_body_size = NGX_HTTP_DICOM_MAX_JSON;

    ngx_memcpy(loc_conf, r->loc_conf, ngx_http_max_module * sizeof(void *));
    loc_conf[ngx_http_core_module.ctx_index] = own;

    r->loc_conf = loc_conf;

    return NGX_OK;
}


static void
ngx_http_dicom_body_handler(ngx_http_request_t *r)
{
    ngx_http_finalize_request(r, ngx_http_dicom_body(r));
}


static ngx_int_t
ngx_http_dicom_body(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    ngx_str_t              text, error;
    ngx_http_dicom_ctx_t  *ctx;

    rc = ngx_http_dicom_gather(r, &text);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx = ngx_http_dicom_ctx(r);

    ctx->body = ngx_dicom_json_parse(r->pool, text.data, text.len, &error);

    if (ctx->body == NULL) {
        return ngx_http_dicom_problemf(r, NGX_HTTP_BAD_REQUEST,
                                       "malformed-json", "%V", &error);
    }

    if (ctx->body->type != NGX_DICOM_JSON_OBJECT) {
        return ngx_http_dicom_problem(r, NGX_HTTP_BAD_REQUEST,
                                      "malformed-json",
                                      "The body must be a JSON object.", NULL);
    }

    return ngx_http_dicom_glass_handle(r);
}


/* The body in one piece, also when nginx put a part of it in a file. */

static ngx_int_t
ngx_http_dicom_gather(ngx_http_request_t *r, ngx_str_t *text)
{
    size_t        len;
    u_char       *p;
    ssize_t       n;
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    len = 0;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        len += ngx_buf_size(cl->buf);

        if (len > NGX_HTTP_DICOM_MAX_JSON) {
            return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
        }
    }

    p = ngx_pnalloc(r->pool, len + 1);
    if (p == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    text->data = p;
    text->len = len;

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (ngx_buf_in_memory(b)) {
            p = ngx_cpymem(p, b->pos, b->last - b->pos);
            continue;
        }

        if (!b->in_file) {
            /* only marks the end */
            continue;
        }

        len = (size_t) (b->file_last - b->file_pos);

        n = ngx_read_file(b->file, p, len, b->file_pos);

        if (n == NGX_ERROR || (size_t) n != len) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        p += len;
    }

    return NGX_OK;
}
