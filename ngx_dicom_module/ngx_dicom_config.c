
/*
 * The YAML file of one server.  Pure but for reading files.  The keys of
 * tokens are in ngx_dicom_keys.c.
 */


#include "ngx_dicom_config.h"
#include "ngx_dicom_json.h"
#include "ngx_dicom_keys.h"
#include "ngx_dicom_uid.h"
#include "ngx_dicom_yaml.h"


#define NGX_DICOM_DEFAULT_ISSUER  "dicom"
#define NGX_DICOM_DEFAULT_STORE   "store"
#define NGX_DICOM_DEFAULT_WORKER  "unix:/run/dicom/render-worker.sock"


static ngx_int_t ngx_dicom_config_type(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);
static ngx_int_t ngx_dicom_config_address(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);
static ngx_int_t ngx_dicom_config_seconds(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);
static ngx_int_t ngx_dicom_config_uuid(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);
static ngx_int_t ngx_dicom_config_url(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);
static ngx_int_t ngx_dicom_config_origins(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);
static ngx_int_t ngx_dicom_config_cors(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);
static ngx_int_t ngx_dicom_config_workers(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);
static ngx_int_t ngx_dicom_config_claim(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);
static ngx_int_t ngx_dicom_config_secret(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);
static ngx_uint_t ngx_dicom_config_is_origin(const ngx_str_t *s);
static ngx_int_t ngx_dicom_config_complete(ngx_dicom_yaml_t *y,
    ngx_dicom_config_t *conf, uint64_t seen);
static ngx_int_t ngx_dicom_config_defaults(ngx_dicom_yaml_t *y,
    ngx_dicom_config_t *conf);
static ngx_uint_t ngx_dicom_config_has(uint64_t seen, const char *name);


#define ngx_dicom_conf(field)     offsetof(ngx_dicom_config_t, field)


static const ngx_dicom_yaml_key_t  ngx_dicom_config_keys[] = {

    /* Figure 1 of the paper */

    { "name", ngx_dicom_yaml_string, ngx_dicom_conf(name), 1, 200 },
    { "serverType", ngx_dicom_config_type, ngx_dicom_conf(type), 0, 0 },
    { "address", ngx_dicom_config_address, ngx_dicom_conf(address), 1, 253 },
    { "port", ngx_dicom_yaml_integer, ngx_dicom_conf(port), 1, 65535 },
    { "databasePort", ngx_dicom_yaml_integer, ngx_dicom_conf(database_port),
      1, 65535 },
    { "JWTPassword", ngx_dicom_keys_password, ngx_dicom_conf(runtime.keys),
      1, 1023 },
    { "debug", ngx_dicom_yaml_bool, ngx_dicom_conf(runtime.debug), 0, 0 },

    /* tokens */

    { "JWTPasswordFile", ngx_dicom_keys_password_file,
      ngx_dicom_conf(runtime.keys), 1, 1023 },
    { "jwtKeys", ngx_dicom_keys_list, ngx_dicom_conf(runtime.keys), 0, 0 },
    { "jwtIssuer", ngx_dicom_config_claim,
      ngx_dicom_conf(runtime.keys.issuer), 1, 127 },
    { "jwtAudience", ngx_dicom_config_claim,
      ngx_dicom_conf(runtime.keys.audience), 1, 127 },
    { "tokenLife", ngx_dicom_yaml_integer, ngx_dicom_conf(runtime.token_life),
      1, 3600 },
    { "corsOrigins", ngx_dicom_config_cors, ngx_dicom_conf(runtime), 1, 127 },

    /* database */

    { "databaseUrl", ngx_dicom_yaml_strings, ngx_dicom_conf(database_urls),
      1, 1024 },
    { "databasePassword", ngx_dicom_yaml_string,
      ngx_dicom_conf(database_password), 1, 1024 },
    { "databasePasswordFile", ngx_dicom_config_secret,
      ngx_dicom_conf(database_password), 1, 1024 },
    { "databaseConnections", ngx_dicom_yaml_integer,
      ngx_dicom_conf(database_connections), 1, 256 },
    { "databaseQueue", ngx_dicom_yaml_integer, ngx_dicom_conf(database_queue),
      0, 65536 },
    { "databaseFollowerReads", ngx_dicom_yaml_bool,
      ngx_dicom_conf(database_follower_reads), 0, 0 },
    { "databaseTimeout", ngx_dicom_config_seconds,
      ngx_dicom_conf(database_timeout), 1, 3600 },
    { "auditKeyFile", ngx_dicom_config_secret, ngx_dicom_conf(audit_key),
      1, 1024 },

    /* web */

    { "root", ngx_dicom_yaml_path, ngx_dicom_conf(root), 1, 1024 },
    { "toplevelUrl", ngx_dicom_config_url, ngx_dicom_conf(toplevel_url),
      1, 1024 },
    { "connect", ngx_dicom_config_origins, ngx_dicom_conf(connect), 1, 256 },
    { "demo", ngx_dicom_yaml_bool, ngx_dicom_conf(demo), 0, 0 },

    /* facility and node */

    { "facility", ngx_dicom_config_uuid, ngx_dicom_conf(facility), 36, 36 },
    { "patientIssuer", ngx_dicom_yaml_string, ngx_dicom_conf(issuer), 1, 64 },
    { "nodeUrl", ngx_dicom_config_url, ngx_dicom_conf(node_url), 1, 1024 },
    { "store", ngx_dicom_yaml_path, ngx_dicom_conf(store), 1, 1024 },
    { "renderWorker", ngx_dicom_config_workers, ngx_dicom_conf(render_workers),
      1, 256 },
    { "maxInstanceSize", ngx_dicom_yaml_size, ngx_dicom_conf(max_instance),
      1, 0x7fffffffffffLL },
    { "renderTimeout", ngx_dicom_config_seconds,
      ngx_dicom_conf(render_timeout), 1, 3600 },
    { "discardDelay", ngx_dicom_config_seconds, ngx_dicom_conf(discard_delay),
      1, 86400 * 365 },

    { NULL, NULL, 0, 0, 0 }
};


typedef struct {
    const char               *name;
    ngx_dicom_server_type_e   type;
} ngx_dicom_config_type_t;


static const ngx_dicom_config_type_t  ngx_dicom_config_types[] = {
    { "web", NGX_DICOM_WEB },
    { "toplevel", NGX_DICOM_TOPLEVEL },
    { "facility", NGX_DICOM_FACILITY },
    { "node", NGX_DICOM_NODE },
    { NULL, NGX_DICOM_OFF }
};


ngx_int_t
ngx_dicom_config_read(ngx_pool_t *pool, const ngx_str_t *file,
    ngx_dicom_config_t *conf, ngx_str_t *error)
{
    uint64_t          seen;
    ngx_int_t         rc;
    yaml_node_t      *root;
    ngx_dicom_yaml_t  y;

    ngx_memzero(conf, sizeof(ngx_dicom_config_t));

    conf->database_connections = 8;
    conf->database_queue = 256;
    conf->database_timeout = 10000;
    conf->render_timeout = 30000;
    conf->max_instance = (off_t) 8 * 1024 * 1024 * 1024;
    conf->runtime.token_life = NGX_DICOM_TOKEN_LIFE;

    (void) ngx_cpystrn(conf->runtime.keys.issuer,
                       (u_char *) NGX_DICOM_DEFAULT_ISSUER,
                       sizeof(conf->runtime.keys.issuer));
    (void) ngx_cpystrn(conf->runtime.keys.audience,
                       (u_char *) NGX_DICOM_DEFAULT_ISSUER,
                       sizeof(conf->runtime.keys.audience));

    if (ngx_dicom_yaml_open(&y, pool, file, error) != NGX_OK) {
        return NGX_ERROR;
    }

    root = yaml_document_get_root_node(&y.document);

    rc = ngx_dicom_yaml_bind(&y, root, ngx_dicom_config_keys, conf, &seen);

    if (rc == NGX_OK) {
        rc = ngx_dicom_config_complete(&y, conf, seen);
    }

    if (rc == NGX_OK) {
        rc = ngx_dicom_config_defaults(&y, conf);
    }

    ngx_dicom_yaml_close(&y);

    if (rc != NGX_OK) {
        ngx_explicit_memzero(&conf->runtime, sizeof(ngx_dicom_runtime_t));
    }

    return rc;
}


static ngx_uint_t
ngx_dicom_config_has(uint64_t seen, const char *name)
{
    ngx_uint_t  i;

    for (i = 0; ngx_dicom_config_keys[i].name; i++) {
        if (ngx_strcmp(ngx_dicom_config_keys[i].name, name) == 0) {
            return (seen & (uint64_t) 1 << i) ? 1 : 0;
        }
    }

    return 0;
}


static ngx_int_t
ngx_dicom_config_complete(ngx_dicom_yaml_t *y, ngx_dicom_config_t *conf,
    uint64_t seen)
{
    ngx_uint_t                i, signing;
    ngx_dicom_keys_t         *keys;
    const char *const        *name;
    static const char *const  required[] = {
        "name", "serverType", "address", "port", NULL
    };

    for (name = required; *name; name++) {
        if (!ngx_dicom_config_has(seen, *name)) {
            return ngx_dicom_yaml_error(y, 1, *name, "is missing");
        }
    }

    /* see ngx_http_dicom_discard.c */

    if (!ngx_dicom_config_has(seen, "discardDelay")) {
        conf->discard_delay = ngx_max(60000, 2 * conf->database_timeout);

    } else if (conf->discard_delay <= conf->database_timeout) {
        return ngx_dicom_yaml_error(y, 1, "discardDelay",
                                    "must be longer than databaseTimeout");
    }

    if (ngx_dicom_config_has(seen, "databasePassword")
        && ngx_dicom_config_has(seen, "databasePasswordFile"))
    {
        return ngx_dicom_yaml_error(y, 1, "databasePasswordFile",
                                    "is there beside databasePassword");
    }

    keys = &conf->runtime.keys;
    keys->audience_required = ngx_dicom_config_has(seen, "jwtAudience");
    signing = 0;

    for (i = 0; i < keys->nkeys; i++) {
        signing += (keys->keys[i].use == NGX_DICOM_KEY_SIGN);

        if (keys->keys[i].alg == NGX_DICOM_ALG_HS256
            && keys->keys[i].use != NGX_DICOM_KEY_RETIRED
            && keys->keys[i].len < 32)
        {
            conf->weak = 1;
        }
    }

    if (signing > 1) {
        return ngx_dicom_yaml_error(y, 1, "jwtKeys",
                                    "more than one key signs (JWTPassword is "
                                    "one)");
    }

    if (conf->type == NGX_DICOM_WEB) {
        return NGX_OK;
    }

    if (keys->nkeys == 0) {
        return ngx_dicom_yaml_error(y, 1, "JWTPassword", "is missing");
    }

    if (conf->type == NGX_DICOM_TOPLEVEL && signing == 0) {
        return ngx_dicom_yaml_error(y, 1, "jwtKeys",
                                    "no key signs, which a toplevel server "
                                    "must");
    }

    if (!ngx_dicom_config_has(seen, "databasePort")
        && !ngx_dicom_config_has(seen, "databaseUrl"))
    {
        return ngx_dicom_yaml_error(y, 1, "databasePort", "is missing");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_config_defaults(ngx_dicom_yaml_t *y, ngx_dicom_config_t *conf)
{
    ngx_str_t  *worker;

    if (conf->type != NGX_DICOM_NODE) {
        return NGX_OK;
    }

    if (conf->store.len == 0) {
        ngx_str_set(&conf->store, NGX_DICOM_DEFAULT_STORE);

        if (ngx_dicom_yaml_absolute(y, &conf->store) != NGX_OK) {
            return ngx_dicom_yaml_error(y, 0, "store", "out of memory");
        }
    }

    if (conf->render_workers == NULL) {
        conf->render_workers = ngx_array_create(y->pool, 1, sizeof(ngx_str_t));
        if (conf->render_workers == NULL) {
            return ngx_dicom_yaml_error(y, 0, "renderWorker", "out of memory");
        }

        worker = ngx_array_push(conf->render_workers);
        ngx_str_set(worker, NGX_DICOM_DEFAULT_WORKER);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_config_type(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    const ngx_dicom_config_type_t  *t;

    if (value->type == YAML_SCALAR_NODE) {
        for (t = ngx_dicom_config_types; t->name; t++) {
            if (ngx_strcmp(value->data.scalar.value, t->name) == 0) {
                *(ngx_dicom_server_type_e *) out = t->type;
                return NGX_OK;
            }
        }
    }

    return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value), key->name,
                                "must be web, toplevel, facility or node");
}


static ngx_int_t
ngx_dicom_config_address(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    u_char      ch, in6[16];
    size_t      i;
    ngx_str_t  *s;
    ngx_uint_t  digits, colon;

    if (ngx_dicom_yaml_string(y, key, value, out) != NGX_OK) {
        return NGX_ERROR;
    }

    s = (ngx_str_t *) out;
    digits = 1;
    colon = 0;

    for (i = 0; i < s->len; i++) {
        ch = s->data[i];

        if (ch == ':') {
            colon = 1;

        } else if ((ch < '0' || ch > '9') && ch != '.') {
            digits = 0;

            if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z')
                  || ch == '-'))
            {
                goto invalid;
            }
        }
    }

    if (colon) {
        if (ngx_inet6_addr(s->data, s->len, in6) != NGX_OK) {
            goto invalid;
        }

    } else if (digits && ngx_inet_addr(s->data, s->len) == INADDR_NONE) {
        goto invalid;
    }

    return NGX_OK;

invalid:

    return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value), key->name,
                                "must be an IP address or a host name");
}


static ngx_int_t
ngx_dicom_config_seconds(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    ngx_uint_t  n;

    if (ngx_dicom_yaml_integer(y, key, value, (u_char *) &n) != NGX_OK) {
        return NGX_ERROR;
    }

    *(ngx_msec_t *) out = n * 1000;

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_config_uuid(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    ngx_str_t  *s;

    s = (ngx_str_t *) out;

    if (ngx_dicom_yaml_string(y, key, value, out) != NGX_OK
        || ngx_dicom_uuid_check(s) != NGX_OK)
    {
        return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value), key->name,
                                    "must be a UUID");
    }

    ngx_strlow(s->data, s->data, s->len);

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_config_url(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    ngx_str_t  *s;

    if (ngx_dicom_yaml_string(y, key, value, out) != NGX_OK) {
        return NGX_ERROR;
    }

    s = (ngx_str_t *) out;

    if (ngx_dicom_url_check(s) != NGX_OK) {
        return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value), key->name,
                                    "must be a URL like https://host:port");
    }

    /* paths are appended to it */

    while (s->data[s->len - 1] == '/') {
        s->data[--s->len] = '\0';
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_dicom_config_is_origin(const ngx_str_t *s)
{
    u_char  *p, *last;

    last = s->data + s->len;

    if (ngx_dicom_url_check(s) != NGX_OK) {
        return 0;
    }

    p = ngx_strlchr(s->data, last, ':') + sizeof("://") - 1;

    return ngx_strlchr(p, last, '/') == NULL;
}


static ngx_int_t
ngx_dicom_config_origins(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    ngx_str_t    *s;
    ngx_uint_t    i;
    ngx_array_t  *list;

    if (ngx_dicom_yaml_strings(y, key, value, out) != NGX_OK) {
        return NGX_ERROR;
    }

    list = *(ngx_array_t **) out;
    s = list->elts;

    for (i = 0; i < list->nelts; i++) {
        if (!ngx_dicom_config_is_origin(&s[i])) {
            return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value),
                                        key->name, "must be origins like "
                                        "https://host:port, without a path");
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_config_cors(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    ngx_dicom_runtime_t *rt = (ngx_dicom_runtime_t *) out;

    ngx_str_t    *s;
    ngx_uint_t    i;
    ngx_array_t  *list;

    if (ngx_dicom_yaml_strings(y, key, value, (u_char *) &list) != NGX_OK) {
        return NGX_ERROR;
    }

    if (list->nelts > sizeof(rt->cors) / sizeof(rt->cors[0])) {
        return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value), key->name,
                                    "has more than 16 entries");
    }

    s = list->elts;

    for (i = 0; i < list->nelts; i++) {

        if (ngx_strcmp(s[i].data, "*") != 0
            && !ngx_dicom_config_is_origin(&s[i]))
        {
            return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value),
                                        key->name, "must be origins like "
                                        "https://host:port, or \"*\"");
        }

        (void) ngx_cpystrn(rt->cors[i], s[i].data, sizeof(rt->cors[i]));
    }

    rt->ncors = list->nelts;

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_config_workers(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    u_char       *p;
    ngx_str_t    *s, path;
    ngx_uint_t    i;
    ngx_array_t  *list;

    if (ngx_dicom_yaml_strings(y, key, value, out) != NGX_OK) {
        return NGX_ERROR;
    }

    list = *(ngx_array_t **) out;
    s = list->elts;

    if (list->nelts == 0) {
        return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value), key->name,
                                    "must name a socket");
    }

    for (i = 0; i < list->nelts; i++) {

        if (s[i].len <= 5 || ngx_strncmp(s[i].data, "unix:", 5) != 0) {
            return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value),
                                        key->name, "must be unix:PATH");
        }

        path.data = s[i].data + 5;
        path.len = s[i].len - 5;

        if (ngx_dicom_yaml_absolute(y, &path) != NGX_OK) {
            return ngx_dicom_yaml_error(y, 0, key->name, "out of memory");
        }

        p = ngx_pnalloc(y->pool, path.len + 6);
        if (p == NULL) {
            return ngx_dicom_yaml_error(y, 0, key->name, "out of memory");
        }

        s[i].data = p;
        s[i].len = ngx_sprintf(p, "unix:%V%Z", &path) - p - 1;

        if (path.len >= 108) {
            return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value),
                                        key->name, "is too long a path for a "
                                        "socket");
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_config_claim(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    ngx_str_t  s;

    if (ngx_dicom_yaml_string(y, key, value, (u_char *) &s) != NGX_OK) {
        return NGX_ERROR;
    }

    (void) ngx_cpystrn(out, s.data, key->max + 1);

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_config_secret(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    return ngx_dicom_yaml_secret(y, key, value, (ngx_str_t *) out);
}
