
/*
 * Connection URLs to the addresses to connect to, at configuration time.
 *
 * libpq resolves names with a blocking call and changes its socket when it
 * goes from one address to the next; so each address becomes a host of its
 * own, with hostaddr set, and failing over is ours.
 */


#include "ngx_dicom_db_pool.h"


static ngx_int_t ngx_dicom_db_url(ngx_conf_t *cf, ngx_dicom_config_t *conf,
    const char *url, ngx_array_t *hosts);
static ngx_int_t ngx_dicom_db_url_hosts(ngx_conf_t *cf,
    ngx_dicom_config_t *conf, PQconninfoOption *options, ngx_array_t *hosts);
static ngx_int_t ngx_dicom_db_url_host(ngx_conf_t *cf,
    ngx_dicom_config_t *conf, PQconninfoOption *options, ngx_str_t *name,
    ngx_str_t *port, ngx_array_t *hosts);
static ngx_int_t ngx_dicom_db_add_host(ngx_conf_t *cf,
    ngx_dicom_config_t *conf, PQconninfoOption *options, ngx_str_t *name,
    ngx_str_t *port, ngx_addr_t *addr, ngx_array_t *hosts);
static ngx_int_t ngx_dicom_db_host_options(ngx_conf_t *cf,
    ngx_dicom_db_host_t *host, PQconninfoOption *options);
static ngx_int_t ngx_dicom_db_host_tls(ngx_conf_t *cf,
    ngx_dicom_db_host_t *host, PQconninfoOption *options, ngx_uint_t local);
static ngx_int_t ngx_dicom_db_host_session(ngx_conf_t *cf,
    ngx_dicom_config_t *conf, ngx_dicom_db_host_t *host,
    PQconninfoOption *options);
static ngx_int_t ngx_dicom_db_host_set(ngx_conf_t *cf,
    ngx_dicom_db_host_t *host, const char *keyword, const char *value);
static const char *ngx_dicom_db_url_option(PQconninfoOption *options,
    const char *keyword);
static ngx_uint_t ngx_dicom_db_url_piece(const char **list, ngx_str_t *piece);
static ngx_uint_t ngx_dicom_db_addr_local(ngx_addr_t *addr);
static ngx_int_t ngx_dicom_db_hosts_key(ngx_conf_t *cf, ngx_array_t *hosts,
    ngx_str_t *key);


/* Options of a URL that are not for the host's keywords as they stand. */
static const char *const  ngx_dicom_db_own_options[] = {
    "host", "hostaddr", "port", "password", "sslmode", "gssencmode", "options",
    "connect_timeout", "tcp_user_timeout", "keepalives", "keepalives_idle",
    "keepalives_interval", "keepalives_count", "target_session_attrs",
    "client_encoding", "replication", "requiressl", "service", "passfile",
    NULL
};


ngx_int_t
ngx_dicom_db_hosts(ngx_conf_t *cf, ngx_dicom_config_t *conf,
    ngx_array_t *hosts, ngx_str_t *key)
{
    u_char     *url, buf[128];
    ngx_str_t  *urls;
    ngx_uint_t  i;

    if (ngx_array_init(hosts, cf->pool, 2, sizeof(ngx_dicom_db_host_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (conf->database_urls == NULL || conf->database_urls->nelts == 0) {
        (void) ngx_sprintf(buf, "postgresql://dicom@127.0.0.1:%ui/%s%Z",
                           conf->database_port ? conf->database_port : 5432,
                           conf->type == NGX_DICOM_TOPLEVEL ? "toplevel"
                                                            : "facility");

        if (ngx_dicom_db_url(cf, conf, (char *) buf, hosts) != NGX_OK) {
            return NGX_ERROR;
        }

        return ngx_dicom_db_hosts_key(cf, hosts, key);
    }

    urls = conf->database_urls->elts;

    for (i = 0; i < conf->database_urls->nelts; i++) {

        url = ngx_pnalloc(cf->pool, urls[i].len + 1);
        if (url == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_cpystrn(url, urls[i].data, urls[i].len + 1);

        if (ngx_dicom_db_url(cf, conf, (char *) url, hosts) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ngx_dicom_db_hosts_key(cf, hosts, key);
}


static ngx_int_t
ngx_dicom_db_url(ngx_conf_t *cf, ngx_dicom_config_t *conf, const char *url,
    ngx_array_t *hosts)
{
    ngx_int_t          rc;
    PQconninfoOption  *options;

    if (ngx_strncmp(url, "postgresql://", 13) != 0
        && ngx_strncmp(url, "postgres://", 11) != 0)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "databaseUrl must begin "
                           "with \"postgresql://\"");
        return NGX_ERROR;
    }

    /* libpq's own message may repeat the password: it is not shown */

    options = PQconninfoParse(url, NULL);

    if (options == NULL) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "databaseUrl is not a valid "
                           "PostgreSQL connection URL");
        return NGX_ERROR;
    }

    rc = ngx_dicom_db_url_hosts(cf, conf, options, hosts);

    PQconninfoFree(options);

    return rc;
}


static ngx_int_t
ngx_dicom_db_url_hosts(ngx_conf_t *cf, ngx_dicom_config_t *conf,
    PQconninfoOption *options, ngx_array_t *hosts)
{
    const char  *names, *ports;
    ngx_str_t    name, port, last;

    names = ngx_dicom_db_url_option(options, "host");
    ports = ngx_dicom_db_url_option(options, "port");

    if (names == NULL || *names == '\0') {
        names = "127.0.0.1";
    }

    ngx_str_set(&last, "5432");

    while (ngx_dicom_db_url_piece(&names, &name)) {

        /* one port for all, or one for each, as libpq has it */

        if (ngx_dicom_db_url_piece(&ports, &port) && port.len != 0) {
            last = port;
        }

        if (ngx_dicom_db_url_host(cf, conf, options, &name, &last, hosts)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_db_url_host(ngx_conf_t *cf, ngx_dicom_config_t *conf,
    PQconninfoOption *options, ngx_str_t *name, ngx_str_t *port,
    ngx_array_t *hosts)
{
    ngx_url_t   u;
    ngx_int_t   n;
    ngx_uint_t  i;

    n = ngx_atoi(port->data, port->len);

    if (n < 1 || n > 65535) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "databaseUrl has the invalid "
                           "port \"%V\"", port);
        return NGX_ERROR;
    }

    if (name->len != 0 && name->data[0] == '/') {
        return ngx_dicom_db_add_host(cf, conf, options, name, port, NULL,
                                     hosts);
    }

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.default_port = (in_port_t) n;
    u.url = *name;

    if (ngx_strlchr(name->data, name->data + name->len, ':') != NULL) {

        /* an IPv6 address, which libpq wants bare and nginx in brackets */

        u.url.data = ngx_pnalloc(cf->pool, name->len + 2);
        if (u.url.data == NULL) {
            return NGX_ERROR;
        }

        u.url.len = ngx_sprintf(u.url.data, "[%V]", name) - u.url.data;
    }

    if (ngx_parse_url(cf->pool, &u) != NGX_OK || u.naddrs == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "databaseUrl: %s in the host "
                           "\"%V\"", u.err ? u.err : "no address", name);
        return NGX_ERROR;
    }

    for (i = 0; i < u.naddrs; i++) {
        if (ngx_dicom_db_add_host(cf, conf, options, name, port, &u.addrs[i],
                                  hosts)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* addr NULL: a folder with a Unix socket. */
static ngx_int_t
ngx_dicom_db_add_host(ngx_conf_t *cf, ngx_dicom_config_t *conf,
    PQconninfoOption *options, ngx_str_t *name, ngx_str_t *port,
    ngx_addr_t *addr, ngx_array_t *hosts)
{
    u_char               *p;
    size_t                len;
    u_char                text[NGX_SOCKADDR_STRLEN + 1], number[8], *copy;
    const char           *password;
    ngx_dicom_db_host_t  *host;

    host = ngx_array_push(hosts);
    if (host == NULL) {
        return NGX_ERROR;
    }

    ngx_memzero(host, sizeof(ngx_dicom_db_host_t));

    host->name.data = ngx_pnalloc(cf->pool, name->len + port->len + 2);
    if (host->name.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_sprintf(host->name.data, "%V", name);
    *p++ = '\0';

    if (ngx_dicom_db_host_set(cf, host, "host", (char *) host->name.data)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (addr != NULL) {
        len = ngx_sock_ntop(addr->sockaddr, addr->socklen, text,
                            NGX_SOCKADDR_STRLEN, 0);
        text[len] = '\0';

        if (ngx_dicom_db_host_set(cf, host, "hostaddr", (char *) text)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    (void) ngx_sprintf(number, "%V%Z", port);

    password = ngx_dicom_db_url_option(options, "password");

    if (password == NULL && conf->database_password.len != 0) {
        copy = ngx_pnalloc(cf->pool, conf->database_password.len + 1);
        if (copy == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_cpystrn(copy, conf->database_password.data,
                           conf->database_password.len + 1);
        password = (char *) copy;
    }

    if (ngx_dicom_db_host_set(cf, host, "port", (char *) number) != NGX_OK
        || (password != NULL
            && ngx_dicom_db_host_set(cf, host, "password", password)
               != NGX_OK)
        || ngx_dicom_db_host_options(cf, host, options) != NGX_OK
        || ngx_dicom_db_host_tls(cf, host, options,
                                 addr == NULL || ngx_dicom_db_addr_local(addr))
           != NGX_OK
        || ngx_dicom_db_host_session(cf, conf, host, options) != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ngx_sprintf(host->name.data, "%V:%V", name, port);
    host->name.len = p - host->name.data;

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_db_host_options(ngx_conf_t *cf, ngx_dicom_db_host_t *host,
    PQconninfoOption *options)
{
    ngx_uint_t         i, user;
    PQconninfoOption  *o;

    user = 0;

    for (o = options; o->keyword != NULL; o++) {

        if (o->val == NULL) {
            continue;
        }

        for (i = 0; ngx_dicom_db_own_options[i] != NULL; i++) {
            if (ngx_strcmp(o->keyword, ngx_dicom_db_own_options[i]) == 0) {
                break;
            }
        }

        if (ngx_dicom_db_own_options[i] != NULL) {
            continue;
        }

        if (ngx_strcmp(o->keyword, "user") == 0) {
            user = 1;
        }

        if (ngx_dicom_db_host_set(cf, host, o->keyword, o->val) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (!user
        && ngx_dicom_db_host_set(cf, host, "user", "dicom") != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * "prefer" and "allow" try a second time on another socket, and protect from
 * nobody; the default is full verification, or nothing within this machine.
 */
static ngx_int_t
ngx_dicom_db_host_tls(ngx_conf_t *cf, ngx_dicom_db_host_t *host,
    PQconninfoOption *options, ngx_uint_t local)
{
    const char  *mode;

    mode = ngx_dicom_db_url_option(options, "sslmode");

    if (mode == NULL) {
        mode = local ? "disable" : "verify-full";
    }

    if (ngx_strcmp(mode, "prefer") == 0 || ngx_strcmp(mode, "allow") == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "databaseUrl: sslmode=%s is "
                           "not supported; use verify-full, verify-ca, "
                           "require or disable", mode);
        return NGX_ERROR;
    }

    if (ngx_dicom_db_host_set(cf, host, "sslmode", mode) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_dicom_db_host_set(cf, host, "gssencmode", "disable");
}


static ngx_int_t
ngx_dicom_db_host_session(ngx_conf_t *cf, ngx_dicom_config_t *conf,
    ngx_dicom_db_host_t *host, PQconninfoOption *options)
{
    u_char       buf[1024], number[NGX_INT_T_LEN + 1], *p;
    const char  *own;

    own = ngx_dicom_db_url_option(options, "options");

    p = ngx_snprintf(buf, sizeof(buf) - 1,
                     "%s%s-c statement_timeout=%M "
                     "-c idle_in_transaction_session_timeout=%M "
                     "-c TimeZone=UTC -c DateStyle=ISO",
                     own ? own : "", own ? " " : "",
                     conf->database_timeout, 2 * conf->database_timeout);
    *p = '\0';

    (void) ngx_sprintf(number, "%M%Z", conf->database_timeout);

    /* a peer that is gone without a word is noticed by the kernel */

    if (ngx_dicom_db_host_set(cf, host, "options", (char *) buf) != NGX_OK
        || ngx_dicom_db_host_set(cf, host, "client_encoding", "UTF8")
           != NGX_OK
        || ngx_dicom_db_host_set(cf, host, "tcp_user_timeout",
                                 (char *) number)
           != NGX_OK
        || ngx_dicom_db_host_set(cf, host, "keepalives_idle", "30") != NGX_OK
        || ngx_dicom_db_host_set(cf, host, "keepalives_interval", "10")
           != NGX_OK
        || ngx_dicom_db_host_set(cf, host, "keepalives_count", "3")
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_dicom_db_url_option(options, "application_name") != NULL) {
        return NGX_OK;
    }

    return ngx_dicom_db_host_set(cf, host, "application_name", "nginx");
}


static ngx_int_t
ngx_dicom_db_host_set(ngx_conf_t *cf, ngx_dicom_db_host_t *host,
    const char *keyword, const char *value)
{
    u_char      *copy;
    size_t       len, i;
    const char  *text[2];

    if (host->nkeywords >= NGX_DICOM_DB_MAX_KEYWORDS) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "databaseUrl has too many "
                           "parameters");
        return NGX_ERROR;
    }

    text[0] = keyword;
    text[1] = value;

    for (i = 0; i < 2; i++) {
        len = ngx_strlen(text[i]) + 1;

        copy = ngx_pnalloc(cf->pool, len);
        if (copy == NULL) {
            return NGX_ERROR;
        }

        ngx_memcpy(copy, text[i], len);
        text[i] = (const char *) copy;
    }

    host->keywords[host->nkeywords] = text[0];
    host->values[host->nkeywords++] = text[1];

    return NGX_OK;
}


static const char *
ngx_dicom_db_url_option(PQconninfoOption *options, const char *keyword)
{
    PQconninfoOption  *o;

    for (o = options; o->keyword != NULL; o++) {
        if (ngx_strcmp(o->keyword, keyword) == 0) {
            return o->val;
        }
    }

    return NULL;
}


/* Cuts the next piece off a list separated by commas; 0 at its end. */
static ngx_uint_t
ngx_dicom_db_url_piece(const char **list, ngx_str_t *piece)
{
    const char  *p;

    p = *list;

    if (p == NULL) {
        return 0;
    }

    piece->data = (u_char *) p;
    piece->len = strcspn(p, ",");

    *list = p[piece->len] == ',' ? p + piece->len + 1 : NULL;

    return 1;
}


static ngx_uint_t
ngx_dicom_db_addr_local(ngx_addr_t *addr)
{
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    switch (addr->sockaddr->sa_family) {

#if (NGX_HAVE_INET6)
    case AF_INET6:
        sin6 = (struct sockaddr_in6 *) addr->sockaddr;
        return IN6_IS_ADDR_LOOPBACK(&sin6->sin6_addr);
#endif

    case AF_INET:
        sin = (struct sockaddr_in *) addr->sockaddr;
        return (ntohl(sin->sin_addr.s_addr) >> 24) == 127;

    default:
        return 0;
    }
}


static ngx_int_t
ngx_dicom_db_hosts_key(ngx_conf_t *cf, ngx_array_t *hosts, ngx_str_t *key)
{
    u_char               *p;
    size_t                len;
    ngx_uint_t            i, j;
    ngx_dicom_db_host_t  *host;

    len = 0;
    host = hosts->elts;

    for (i = 0; i < hosts->nelts; i++) {
        for (j = 0; j < host[i].nkeywords; j++) {
            len += ngx_strlen(host[i].keywords[j])
                   + ngx_strlen(host[i].values[j]) + 2;
        }
    }

    key->data = ngx_pnalloc(cf->pool, len + 1);
    if (key->data == NULL) {
        return NGX_ERROR;
    }

    p = key->data;

    for (i = 0; i < hosts->nelts; i++) {
        for (j = 0; j < host[i].nkeywords; j++) {
            p = ngx_sprintf(p, "%s=%s\n", host[i].keywords[j],
                            host[i].values[j]);
        }
    }

    key->len = p - key->data;

    return NGX_OK;
}
