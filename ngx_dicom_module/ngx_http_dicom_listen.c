
/*
 * A server block without "listen" listens on the address and port of its YAML.
 */


#include "ngx_http_dicom_listen.h"


static ngx_uint_t ngx_http_dicom_listens(ngx_http_core_main_conf_t *cmcf,
    ngx_http_core_srv_conf_t *cscf);
static ngx_int_t ngx_http_dicom_listen(ngx_conf_t *cf,
    ngx_http_core_srv_conf_t *cscf, ngx_dicom_config_t *conf);


ngx_int_t
ngx_http_dicom_listen_later(ngx_conf_t *cf)
{
    ngx_http_core_srv_conf_t  *cscf;

    cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);

    cscf->listen = 1;

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_listen_init(ngx_conf_t *cf)
{
    ngx_uint_t                   i;
    ngx_http_core_srv_conf_t   **cscfp;
    ngx_http_core_main_conf_t   *cmcf;
    ngx_http_dicom_srv_conf_t   *dscf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);
    cscfp = cmcf->servers.elts;

    for (i = 0; i < cmcf->servers.nelts; i++) {
        dscf = cscfp[i]->ctx->srv_conf[ngx_http_dicom_module.ctx_index];

        if (dscf->conf == NULL || ngx_http_dicom_listens(cmcf, cscfp[i])) {
            continue;
        }

        if (ngx_http_dicom_listen(cf, cscfp[i], dscf->conf) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_dicom_listens(ngx_http_core_main_conf_t *cmcf,
    ngx_http_core_srv_conf_t *cscf)
{
    ngx_uint_t                   p, a, s;
    ngx_http_conf_port_t        *port;
    ngx_http_conf_addr_t        *addr;
    ngx_http_core_srv_conf_t   **servers;

    if (cmcf->ports == NULL) {
        return 0;
    }

    port = cmcf->ports->elts;

    for (p = 0; p < cmcf->ports->nelts; p++) {
        addr = port[p].addrs.elts;

        for (a = 0; a < port[p].addrs.nelts; a++) {
            servers = addr[a].servers.elts;

            for (s = 0; s < addr[a].servers.nelts; s++) {
                if (servers[s] == cscf) {
                    return 1;
                }
            }
        }
    }

    return 0;
}


static ngx_int_t
ngx_http_dicom_listen(ngx_conf_t *cf, ngx_http_core_srv_conf_t *cscf,
    ngx_dicom_config_t *conf)
{
    u_char                 *p;
    ngx_url_t               u;
    ngx_uint_t              n;
    ngx_http_listen_opt_t   lsopt;
#if (NGX_HTTP_SSL)
    ngx_http_ssl_srv_conf_t  *sscf;
#endif

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url.data = ngx_pnalloc(cf->pool, conf->address.len
                                       + sizeof("[]:65535") - 1);
    if (u.url.data == NULL) {
        return NGX_ERROR;
    }

    if (ngx_strlchr(conf->address.data, conf->address.data + conf->address.len,
                    ':'))
    {
        p = ngx_sprintf(u.url.data, "[%V]:%ui", &conf->address, conf->port);

    } else {
        p = ngx_sprintf(u.url.data, "%V:%ui", &conf->address, conf->port);
    }

    u.url.len = p - u.url.data;
    u.listen = 1;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0, "%s in \"%V\" of server "
                      "\"%V\"", u.err ? u.err : "error", &u.url, &conf->name);
        return NGX_ERROR;
    }

    ngx_memzero(&lsopt, sizeof(ngx_http_listen_opt_t));

    lsopt.backlog = NGX_LISTEN_BACKLOG;
    lsopt.rcvbuf = -1;
    lsopt.sndbuf = -1;
#if (nginx_version >= 1025000)
    lsopt.type = SOCK_STREAM;
#endif
#if (NGX_HAVE_SETFIB)
    lsopt.setfib = -1;
#endif
#if (NGX_HAVE_TCP_FASTOPEN)
    lsopt.fastopen = -1;
#endif
#if (NGX_HAVE_INET6)
    lsopt.ipv6only = 1;
#endif

#if (NGX_HTTP_SSL)

    /* a certificate in the server block asks for TLS */

    sscf = cscf->ctx->srv_conf[ngx_http_ssl_module.ctx_index];

    if (sscf->certificates) {
        lsopt.ssl = 1;
#if (NGX_HTTP_V2)
        lsopt.http2 = 1;
#endif
    }

#endif

    for (n = 0; n < u.naddrs; n++) {
        lsopt.sockaddr = u.addrs[n].sockaddr;
        lsopt.socklen = u.addrs[n].socklen;
        lsopt.addr_text = u.addrs[n].name;
        lsopt.wildcard = ngx_inet_wildcard(lsopt.sockaddr);

        if (ngx_http_add_listen(cf, cscf, &lsopt) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}
