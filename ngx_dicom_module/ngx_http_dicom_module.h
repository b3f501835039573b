
/*
 * Configuration and request context, shared by all ngx_http_dicom_* rooms.
 */


#ifndef _NGX_HTTP_DICOM_MODULE_H_INCLUDED_
#define _NGX_HTTP_DICOM_MODULE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include <ngx_thread_pool.h>

#include "ngx_dicom_config.h"
#include "ngx_dicom_db.h"
#include "ngx_dicom_json.h"
#include "ngx_dicom_jwt.h"
#include "ngx_dicom_trail.h"


#define NGX_HTTP_DICOM_MAX_PARAMS  4
#define NGX_HTTP_DICOM_MAX_JSON    (1024 * 1024)   /* body of a JSON request */


typedef struct ngx_http_dicom_route_s  ngx_http_dicom_route_t;


/* One server block; its role is conf.type. */
typedef struct {
    ngx_dicom_config_t          *conf;         /* NULL: not ours */
    ngx_str_t                    file;         /* of the YAML */
    ngx_shm_zone_t              *shm_zone;     /* its ngx_dicom_runtime_t */
    ngx_dicom_db_t              *db;           /* NULL for web */
    ngx_dicom_trail_t           *trail;        /* NULL for web */
    ngx_thread_pool_t           *kdf_pool;     /* toplevel */
    ngx_http_upstream_conf_t     upstream;     /* node: to the render worker */
    ngx_path_t                  *incoming;     /* node: body temp path */
    ngx_array_t                 *metrics;      /* ngx_cidr_t allowed */
    ngx_str_t                    csp;          /* web */
} ngx_http_dicom_srv_conf_t;


typedef struct {
    ngx_array_t                  servers;      /* ngx_http_dicom_srv_conf_t *,
                                                  all of ours */
    ngx_open_file_t             *marker;       /* reopened by SIGUSR1 */
    ngx_uint_t                   reload;       /* follows another (SIGHUP) */
} ngx_http_dicom_main_conf_t;


/* One request; made by the route room, lives in r->pool. */
typedef struct {
    const ngx_http_dicom_route_t  *route;
    ngx_dicom_claims_t             claims;     /* when the route has a token */
    ngx_str_t                      params[NGX_HTTP_DICOM_MAX_PARAMS];
                                               /* {…} of the path, decoded */
    ngx_dicom_json_t              *body;       /* parsed; for body kind JSON */
    ngx_dicom_db_query_t          *query;      /* running, else NULL */
    ngx_int_t                    (*done)(ngx_http_request_t *r,
                                         ngx_dicom_db_query_t *q);
    void                          *data;       /* the handler's own */
    ngx_int_t                    (*stream)(ngx_http_request_t *r,
                                           ngx_chain_t **out);
                                               /* makes the answer's pieces */
    void                          *follow;     /* of the follow room */
    ngx_dicom_audit_t             *note;       /* to record before done */
    ngx_uint_t                     note_list;
    const char                    *refusal;    /* slug of a 403 that waits */
    const char                    *refusal_detail;
} ngx_http_dicom_ctx_t;


extern ngx_module_t  ngx_http_dicom_module;


#define ngx_http_dicom_srv_conf(r)                                            \
    ((ngx_http_dicom_srv_conf_t *)                                            \
         ngx_http_get_module_srv_conf(r, ngx_http_dicom_module))

#define ngx_http_dicom_ctx(r)                                                 \
    ((ngx_http_dicom_ctx_t *) ngx_http_get_module_ctx(r, ngx_http_dicom_module))


/* Copies the current runtime settings of r's server out of shared memory. */
void ngx_http_dicom_runtime(ngx_http_request_t *r, ngx_dicom_runtime_t *rt);


#endif /* _NGX_HTTP_DICOM_MODULE_H_INCLUDED_ */
