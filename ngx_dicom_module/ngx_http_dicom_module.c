
/*
 * Directives, configuration, and the hooks of the DICOM servers.
 */


#include "ngx_http_dicom_module.h"
#include "ngx_dicom_runtime.h"
#include "ngx_dicom_token.h"
#include "ngx_http_dicom_discard.h"
#include "ngx_http_dicom_error.h"
#include "ngx_http_dicom_filter.h"
#include "ngx_http_dicom_follow.h"
#include "ngx_http_dicom_listen.h"
#include "ngx_http_dicom_pulse.h"
#include "ngx_http_dicom_report.h"
#include "ngx_http_dicom_route.h"
#include "ngx_http_dicom_peer.h"


#define NGX_HTTP_DICOM_MARKER  ".dicom"


static void *ngx_http_dicom_create_main_conf(ngx_conf_t *cf);
static void *ngx_http_dicom_create_srv_conf(ngx_conf_t *cf);
static char *ngx_http_dicom_merge_srv_conf(ngx_conf_t *cf, void *parent,
    void *child);
static char *ngx_http_dicom_config(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_dicom_core_conf(ngx_conf_t *cf,
    ngx_http_dicom_srv_conf_t *dscf);
static char *ngx_http_dicom_store(ngx_conf_t *cf,
    ngx_http_dicom_srv_conf_t *dscf, ngx_http_core_loc_conf_t *clcf);
static ngx_path_t *ngx_http_dicom_path(ngx_conf_t *cf, ngx_str_t *folder,
    const char *name);
static char *ngx_http_dicom_kdf_threads(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static char *ngx_http_dicom_metrics_allow(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_dicom_metrics_local(ngx_conf_t *cf,
    ngx_http_dicom_srv_conf_t *dscf);
static ngx_int_t ngx_http_dicom_add_cidr(ngx_conf_t *cf, ngx_array_t **list,
    ngx_str_t *text);
static ngx_int_t ngx_http_dicom_postconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_dicom_phase(ngx_conf_t *cf, ngx_http_phases phase,
    ngx_http_handler_pt handler);
static ngx_int_t ngx_http_dicom_open_marker(ngx_conf_t *cf,
    ngx_http_dicom_main_conf_t *dmcf);
static ngx_int_t ngx_http_dicom_log_handler(ngx_http_request_t *r);
static void ngx_http_dicom_reread(ngx_open_file_t *file, ngx_log_t *log);
static void ngx_http_dicom_record_reread(ngx_http_dicom_srv_conf_t *dscf,
    ngx_log_t *log);
static void ngx_http_dicom_reread_server(ngx_http_dicom_srv_conf_t *dscf,
    ngx_log_t *log);
static ngx_int_t ngx_http_dicom_init_module(ngx_cycle_t *cycle);
static ngx_int_t ngx_http_dicom_init_process(ngx_cycle_t *cycle);
static void ngx_http_dicom_exit_process(ngx_cycle_t *cycle);
static void ngx_http_dicom_exit_master(ngx_cycle_t *cycle);


static ngx_command_t  ngx_http_dicom_commands[] = {

    { ngx_string("dicom_config"),
      NGX_HTTP_SRV_CONF|NGX_CONF_TAKE1,
      ngx_http_dicom_config,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dicom_kdf_threads"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_TAKE1,
      ngx_http_dicom_kdf_threads,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("dicom_metrics_allow"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_CONF_1MORE,
      ngx_http_dicom_metrics_allow,
      NGX_HTTP_SRV_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_dicom_module_ctx = {
    NULL,                                  /* preconfiguration */
    ngx_http_dicom_postconfiguration,      /* postconfiguration */

    ngx_http_dicom_create_main_conf,       /* create main configuration */
    NULL,                                  /* init main configuration */

    ngx_http_dicom_create_srv_conf,        /* create server configuration */
    ngx_http_dicom_merge_srv_conf,         /* merge server configuration */

    NULL,                                  /* create location configuration */
    NULL                                   /* merge location configuration */
};


ngx_module_t  ngx_http_dicom_module = {
    NGX_MODULE_V1,
    &ngx_http_dicom_module_ctx,            /* module context */
    ngx_http_dicom_commands,               /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    ngx_http_dicom_init_module,            /* init module */
    ngx_http_dicom_init_process,           /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ngx_http_dicom_exit_process,           /* exit process */
    ngx_http_dicom_exit_master,            /* exit master */
    NGX_MODULE_V1_PADDING
};


void
ngx_http_dicom_runtime(ngx_http_request_t *r, ngx_dicom_runtime_t *rt)
{
    ngx_http_dicom_srv_conf_t  *dscf;

    dscf = ngx_http_dicom_srv_conf(r);

    ngx_dicom_runtime_copy(dscf->shm_zone, rt);
}


static void *
ngx_http_dicom_create_main_conf(ngx_conf_t *cf)
{
    ngx_http_dicom_main_conf_t  *dmcf;

    dmcf = ngx_pcalloc(cf->pool, sizeof(ngx_http_dicom_main_conf_t));
    if (dmcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&dmcf->servers, cf->pool, 4,
                       sizeof(ngx_http_dicom_srv_conf_t *))
        != NGX_OK)
    {
        return NULL;
    }

    return dmcf;
}


static void *
ngx_http_dicom_create_srv_conf(ngx_conf_t *cf)
{
    /*
     * set by ngx_pcalloc():
     *
     *     dscf->conf = NULL;
     *     dscf->shm_zone = NULL;
     *     dscf->db = NULL;
     *     dscf->trail = NULL;
     *     dscf->kdf_pool = NULL;
     *     dscf->metrics = NULL;
     */

    return ngx_pcalloc(cf->pool, sizeof(ngx_http_dicom_srv_conf_t));
}


static char *
ngx_http_dicom_merge_srv_conf(ngx_conf_t *cf, void *parent, void *child)
{
    ngx_http_dicom_srv_conf_t *prev = parent;
    ngx_http_dicom_srv_conf_t *conf = child;

    if (conf->conf == NULL) {
        return NGX_CONF_OK;
    }

    if (conf->metrics == NULL) {
        conf->metrics = prev->metrics;
    }

    if (conf->kdf_pool == NULL) {
        conf->kdf_pool = prev->kdf_pool;
    }

    if (conf->metrics == NULL
        && ngx_http_dicom_metrics_local(cf, conf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (conf->conf->type == NGX_DICOM_TOPLEVEL && conf->kdf_pool == NULL) {
        conf->kdf_pool = ngx_thread_pool_add(cf, NULL);

        if (conf->kdf_pool == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    if (conf->conf->type == NGX_DICOM_NODE
        && ngx_http_dicom_render_upstream(cf, conf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


static char *
ngx_http_dicom_config(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_dicom_srv_conf_t *dscf = conf;

    ngx_str_t                    *value, error;
    ngx_http_dicom_srv_conf_t   **server;
    ngx_http_dicom_main_conf_t   *dmcf;

    if (dscf->conf) {
        return "is duplicate";
    }

    value = cf->args->elts;
    dscf->file = value[1];

    if (ngx_conf_full_name(cf->cycle, &dscf->file, 1) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    dscf->conf = ngx_pcalloc(cf->pool, sizeof(ngx_dicom_config_t));
    if (dscf->conf == NULL) {
        return NGX_CONF_ERROR;
    }

    if (ngx_dicom_config_read(cf->pool, &dscf->file, dscf->conf, &error)
        != NGX_OK)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "%V", &error);
        return NGX_CONF_ERROR;
    }

    if (dscf->conf->weak) {
        ngx_conf_log_error(NGX_LOG_WARN, cf, 0,
                           "%V: a JWT secret of less than 32 bytes can be "
                           "guessed from one token", &dscf->file);
    }

    dscf->shm_zone = ngx_dicom_runtime_add(cf, &dscf->file,
                                           &ngx_http_dicom_module);
    if (dscf->shm_zone == NULL) {
        return NGX_CONF_ERROR;
    }

    if (dscf->conf->type != NGX_DICOM_WEB) {
        dscf->db = ngx_dicom_db_add(cf, dscf->conf);

        if (dscf->db == NULL) {
            return NGX_CONF_ERROR;
        }

        dscf->trail = ngx_dicom_trail_add(cf, dscf->conf, dscf->db);

        if (dscf->trail == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    dmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_dicom_module);

    server = ngx_array_push(&dmcf->servers);
    if (server == NULL) {
        return NGX_CONF_ERROR;
    }

    *server = dscf;

    if (dscf->conf->type == NGX_DICOM_WEB
        && ngx_http_dicom_csp(cf, dscf->conf, &dscf->csp) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ngx_http_dicom_core_conf(cf, dscf);
}


/*
 * What the server block would have to say of nginx's own directives; those
 * that it has said before this one are kept.
 */

static char *
ngx_http_dicom_core_conf(ngx_conf_t *cf, ngx_http_dicom_srv_conf_t *dscf)
{
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    if (ngx_http_dicom_error_pages(cf, clcf) != NGX_OK
        || ngx_http_dicom_listen_later(cf) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (clcf->server_tokens == NGX_CONF_UNSET_UINT) {
        clcf->server_tokens = NGX_HTTP_SERVER_TOKENS_OFF;
    }

    if (clcf->client_max_body_size == NGX_CONF_UNSET) {
        clcf->client_max_body_size = (dscf->conf->type == NGX_DICOM_NODE)
                                     ? dscf->conf->max_instance
                                     : NGX_HTTP_DICOM_MAX_JSON;
    }

    if (dscf->conf->type == NGX_DICOM_WEB
        && dscf->conf->root.len
        && clcf->root.data == NULL)
    {
        clcf->root = dscf->conf->root;
    }

    if (dscf->conf->type == NGX_DICOM_NODE) {
        return ngx_http_dicom_store(cf, dscf, clcf);
    }

    return NGX_CONF_OK;
}


/*
 * Uploads are written where a rename takes them into the store.  nginx makes
 * the folders, and gives them to the user of its workers.
 */

static char *
ngx_http_dicom_store(ngx_conf_t *cf, ngx_http_dicom_srv_conf_t *dscf,
    ngx_http_core_loc_conf_t *clcf)
{
    if (ngx_http_dicom_path(cf, &dscf->conf->store, "") == NULL) {
        return NGX_CONF_ERROR;
    }

    dscf->incoming = ngx_http_dicom_path(cf, &dscf->conf->store, "/incoming");
    if (dscf->incoming == NULL) {
        return NGX_CONF_ERROR;
    }

    if (clcf->client_body_temp_path == NULL) {
        clcf->client_body_temp_path = dscf->incoming;
    }

    return NGX_CONF_OK;
}


static ngx_path_t *
ngx_http_dicom_path(ngx_conf_t *cf, ngx_str_t *folder, const char *name)
{
    size_t       len;
    ngx_path_t  *path;

    len = folder->len + ngx_strlen(name);

    path = ngx_pcalloc(cf->pool, sizeof(ngx_path_t));
    if (path == NULL) {
        return NULL;
    }

    path->name.data = ngx_pnalloc(cf->pool, len + 1);
    if (path->name.data == NULL) {
        return NULL;
    }

    path->name.len = ngx_sprintf(path->name.data, "%V%s", folder, name)
                     - path->name.data;
    path->name.data[len] = '\0';

    path->conf_file = cf->conf_file->file.name.data;
    path->line = cf->conf_file->line;

    if (ngx_add_path(cf, &path) != NGX_OK) {
        return NULL;
    }

    return path;
}


static char *
ngx_http_dicom_kdf_threads(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_dicom_srv_conf_t *dscf = conf;

    ngx_str_t  *value;

    if (dscf->kdf_pool) {
        return "is duplicate";
    }

    value = cf->args->elts;

    dscf->kdf_pool = ngx_thread_pool_add(cf, &value[1]);

    return dscf->kdf_pool ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ngx_http_dicom_metrics_allow(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ngx_http_dicom_srv_conf_t *dscf = conf;

    ngx_str_t   *value;
    ngx_uint_t   i;

    value = cf->args->elts;

    for (i = 1; i < cf->args->nelts; i++) {

        if (ngx_http_dicom_add_cidr(cf, &dscf->metrics, &value[i]) != NGX_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid address \"%V\"", &value[i]);
            return NGX_CONF_ERROR;
        }
    }

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_dicom_metrics_local(ngx_conf_t *cf, ngx_http_dicom_srv_conf_t *dscf)
{
    ngx_str_t  v4, v6;

    ngx_str_set(&v4, "127.0.0.1");
    ngx_str_set(&v6, "::1");

    if (ngx_http_dicom_add_cidr(cf, &dscf->metrics, &v4) != NGX_OK) {
        return NGX_ERROR;
    }

#if (NGX_HAVE_INET6)
    return ngx_http_dicom_add_cidr(cf, &dscf->metrics, &v6);
#else
    return NGX_OK;
#endif
}


static ngx_int_t
ngx_http_dicom_add_cidr(ngx_conf_t *cf, ngx_array_t **list, ngx_str_t *text)
{
    ngx_cidr_t  *cidr;

    if (*list == NULL) {
        *list = ngx_array_create(cf->pool, 2, sizeof(ngx_cidr_t));
        if (*list == NULL) {
            return NGX_ERROR;
        }
    }

    cidr = ngx_array_push(*list);
    if (cidr == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(cidr, sizeof(ngx_cidr_t));

    return (ngx_ptocidr(text, cidr) == NGX_ERROR) ? NGX_ERROR : NGX_OK;
}


static ngx_int_t
ngx_http_dicom_postconfiguration(ngx_conf_t *cf)
{
    ngx_http_dicom_main_conf_t  *dmcf;

    dmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_dicom_module);

    if (dmcf->servers.nelts == 0) {
        return NGX_OK;
    }

    if (ngx_http_dicom_phase(cf, NGX_HTTP_ACCESS_PHASE,
                             ngx_http_dicom_access_handler)
        != NGX_OK
        || ngx_http_dicom_phase(cf, NGX_HTTP_CONTENT_PHASE,
                                ngx_http_dicom_content_handler)
           != NGX_OK
        || ngx_http_dicom_phase(cf, NGX_HTTP_LOG_PHASE,
                                ngx_http_dicom_log_handler)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_http_dicom_filter_init(cf) != NGX_OK
        || ngx_http_dicom_follow_init(cf) != NGX_OK
        || ngx_http_dicom_listen_init(cf) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_dicom_open_marker(cf, dmcf);
}


static ngx_int_t
ngx_http_dicom_phase(ngx_conf_t *cf, ngx_http_phases phase,
    ngx_http_handler_pt handler)
{
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[phase].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = handler;

    return NGX_OK;
}


/*
 * nginx opens its log files again on SIGUSR1, and calls the flush handler of
 * each before.  So the settings are read again by way of an empty file of our
 * own: never the YAML itself, which nginx would give to the workers' user.
 */

static ngx_int_t
ngx_http_dicom_open_marker(ngx_conf_t *cf, ngx_http_dicom_main_conf_t *dmcf)
{
    ngx_str_t         name, pid;
    ngx_core_conf_t  *ccf;

    ccf = (ngx_core_conf_t *) ngx_get_conf(cf->cycle->conf_ctx,
                                           ngx_core_module);

    pid = ccf->pid;

    if (pid.len == 0) {
        ngx_str_set(&pid, NGX_PID_PATH);
    }

    name.len = pid.len + sizeof(NGX_HTTP_DICOM_MARKER) - 1;
    name.data = ngx_pnalloc(cf->pool, name.len + 1);
    if (name.data == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(name.data, "%V%s%Z", &pid, NGX_HTTP_DICOM_MARKER);

    dmcf->marker = ngx_conf_open_file(cf->cycle, &name);
    if (dmcf->marker == NULL) {
        return NGX_ERROR;
    }

    dmcf->marker->flush = ngx_http_dicom_reread;
    dmcf->marker->data = dmcf;

    return NGX_OK;
}


/*
 * Only the master reads: the workers may not even be allowed to, and they find
 * the new settings in shared memory, also those that are started later.
 */

static void
ngx_http_dicom_reread(ngx_open_file_t *file, ngx_log_t *log)
{
    ngx_uint_t                    i;
    ngx_http_dicom_srv_conf_t   **servers;
    ngx_http_dicom_main_conf_t   *dmcf;

    if (ngx_exiting || ngx_quit || ngx_terminate) {
        return;
    }

    dmcf = file->data;
    servers = dmcf->servers.elts;

    for (i = 0; i < dmcf->servers.nelts; i++) {

        if (ngx_process == NGX_PROCESS_MASTER
            || ngx_process == NGX_PROCESS_SINGLE)
        {
            ngx_http_dicom_reread_server(servers[i], log);
        }

        /* the master was first; it has no database */

        if ((ngx_process == NGX_PROCESS_WORKER && ngx_worker == 0)
            || ngx_process == NGX_PROCESS_SINGLE)
        {
            ngx_http_dicom_record_reread(servers[i], log);
        }
    }
}


static void
ngx_http_dicom_record_reread(ngx_http_dicom_srv_conf_t *dscf, ngx_log_t *log)
{
    ngx_dicom_audit_t  event;

    if (dscf->trail == NULL) {
        return;
    }

    ngx_memzero(&event, sizeof(ngx_dicom_audit_t));

    event.event = "configuration-reload";
    event.outcome = ngx_dicom_runtime_refused(dscf->shm_zone) ? "failure"
                                                              : "success";
    ngx_str_set(&event.detail, "SIGUSR1");

    if (ngx_dicom_trail_write(dscf->trail, &event, NULL) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "a reload could not be recorded");
    }
}


static void
ngx_http_dicom_reread_server(ngx_http_dicom_srv_conf_t *dscf, ngx_log_t *log)
{
    ngx_str_t            error;
    ngx_pool_t          *pool;
    ngx_dicom_config_t  *conf;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, log);
    if (pool == NULL) {
        return;
    }

    conf = ngx_pcalloc(pool, sizeof(ngx_dicom_config_t));
    if (conf == NULL) {
        ngx_destroy_pool(pool);
        return;
    }

    if (ngx_dicom_config_read(pool, &dscf->file, conf, &error) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "%V; the old settings stay",
                      &error);
        ngx_dicom_runtime_refuse(dscf->shm_zone);

    } else {
        ngx_dicom_runtime_publish(dscf->shm_zone, &conf->runtime);

        ngx_log_error(NGX_LOG_NOTICE, log, 0, "read settings of \"%V\" again",
                      &dscf->file);
    }

    ngx_explicit_memzero(&conf->runtime, sizeof(ngx_dicom_runtime_t));
    ngx_destroy_pool(pool);
}


static ngx_int_t
ngx_http_dicom_log_handler(ngx_http_request_t *r)
{
    ngx_http_dicom_srv_conf_t  *dscf;

    dscf = ngx_http_dicom_srv_conf(r);

    if (dscf->conf) {
        ngx_dicom_runtime_count(dscf->shm_zone,
                                r->err_status ? r->err_status
                                              : r->headers_out.status);
    }

    return NGX_OK;
}


/* In the master, when a configuration is sure to be used. */

static ngx_int_t
ngx_http_dicom_init_module(ngx_cycle_t *cycle)
{
    ngx_uint_t                    i;
    ngx_http_dicom_srv_conf_t   **servers;
    ngx_http_dicom_main_conf_t   *dmcf;

    dmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_dicom_module);

    if (dmcf == NULL) {
        return NGX_OK;
    }

    servers = dmcf->servers.elts;
    dmcf->reload = !ngx_is_init_cycle(cycle->old_cycle);

    for (i = 0; i < dmcf->servers.nelts; i++) {
        ngx_dicom_runtime_publish(servers[i]->shm_zone,
                                  &servers[i]->conf->runtime);

        /* a secret that is replaced later must not stay in every process */

        ngx_explicit_memzero(&servers[i]->conf->runtime,
                             sizeof(ngx_dicom_runtime_t));
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_init_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                    i;
    ngx_http_dicom_srv_conf_t   **servers;
    ngx_http_dicom_main_conf_t   *dmcf;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    if (ngx_dicom_db_init_process(cycle) != NGX_OK) {
        return NGX_ERROR;
    }

    dmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_dicom_module);

    if (dmcf == NULL) {
        return NGX_OK;
    }

    servers = dmcf->servers.elts;

    for (i = 0; i < dmcf->servers.nelts; i++) {
        if (servers[i]->trail) {
            ngx_dicom_trail_open(servers[i]->trail, cycle->log, dmcf->reload);
        }
    }

    if (ngx_http_dicom_pulse_init_process(cycle) != NGX_OK
        || ngx_http_dicom_report_init_process(cycle) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_http_dicom_discard_init_process(cycle);
}


static void
ngx_http_dicom_exit_process(ngx_cycle_t *cycle)
{
    ngx_uint_t                    i;
    ngx_http_dicom_srv_conf_t   **servers;
    ngx_http_dicom_main_conf_t   *dmcf;

    ngx_dicom_token_forget();

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return;
    }

    dmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_dicom_module);

    for (i = 0; dmcf && i < dmcf->servers.nelts; i++) {
        servers = dmcf->servers.elts;

        if (servers[i]->trail) {
            ngx_dicom_trail_close(servers[i]->trail, cycle->log);
        }
    }

    ngx_dicom_db_exit_process(cycle);
}


static void
ngx_http_dicom_exit_master(ngx_cycle_t *cycle)
{
    ngx_http_dicom_main_conf_t  *dmcf;

    dmcf = ngx_http_cycle_get_module_main_conf(cycle, ngx_http_dicom_module);

    if (dmcf && dmcf->marker
        && ngx_delete_file(dmcf->marker->name.data) == NGX_FILE_ERROR
        && ngx_errno != NGX_ENOENT)
    {
        ngx_log_error(NGX_LOG_WARN, cycle->log, ngx_errno,
                      ngx_delete_file_n " \"%V\" failed", &dmcf->marker->name);
    }
}
