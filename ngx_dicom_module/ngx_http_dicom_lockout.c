
/*
 * Failed logins, counted by account and by address.
 */


#include "ngx_http_dicom_lockout.h"
#include "ngx_http_dicom_reply.h"

#include <openssl/evp.h>


/* Failures without a delay, and the longest delay in seconds.  A hospital may
   stand behind one address, and a stranger must not keep a physician out for
   long. */
#define NGX_HTTP_DICOM_ACCOUNT_FREE  "5"
#define NGX_HTTP_DICOM_ACCOUNT_MAX   "300"
#define NGX_HTTP_DICOM_ADDRESS_FREE  "50"
#define NGX_HTTP_DICOM_ADDRESS_MAX   "60"

/* One failure in so many also removes counts of days ago. */
#define NGX_HTTP_DICOM_LOCKOUT_TIDY  64


static void ngx_http_dicom_lockout_hash(const char *kind, const u_char *data,
    size_t len, u_char *key);


void
ngx_http_dicom_lockout_keys(ngx_http_request_t *r, const ngx_str_t *username,
    ngx_http_dicom_lockout_t *lockout)
{
    ngx_connection_t     *c = r->connection;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif

    ngx_http_dicom_lockout_account(username, lockout->account);

#if (NGX_HAVE_INET6)
    if (c->sockaddr->sa_family == AF_INET6) {
        sin6 = (struct sockaddr_in6 *) c->sockaddr;

        ngx_http_dicom_lockout_hash("network", sin6->sin6_addr.s6_addr, 8,
                                    lockout->address);
        return;
    }
#endif

    ngx_http_dicom_lockout_hash("address", c->addr_text.data,
                                c->addr_text.len, lockout->address);
}


void
ngx_http_dicom_lockout_account(const ngx_str_t *username, u_char *key)
{
    ngx_http_dicom_lockout_hash("account", username->data, username->len, key);
}


static void
ngx_http_dicom_lockout_hash(const char *kind, const u_char *data, size_t len,
    u_char *key)
{
    u_char       md[EVP_MAX_MD_SIZE];
    EVP_MD_CTX  *ctx;

    ngx_memzero(md, 32);

    ctx = EVP_MD_CTX_new();

    if (ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1) {
        (void) EVP_DigestUpdate(ctx, kind, ngx_strlen(kind) + 1);
        (void) EVP_DigestUpdate(ctx, data, len);
        (void) EVP_DigestFinal_ex(ctx, md, NULL);
    }

    EVP_MD_CTX_free(ctx);

    *ngx_hex_dump(key, md, 32) = '\0';
}


ngx_int_t
ngx_http_dicom_lockout_look(ngx_dicom_db_query_t *q,
    const ngx_http_dicom_lockout_t *lockout)
{
    return ngx_dicom_db_step(q, NGX_DICOM_STMT_LOGIN_FAILURES, 2,
                             lockout->account, lockout->address)
           ? NGX_OK : NGX_ERROR;
}


void
ngx_http_dicom_lockout_seen(PGresult *res, ngx_http_dicom_lockout_t *lockout)
{
    int         row;
    ngx_uint_t  wait;

    lockout->counted = 0;
    lockout->wait = 0;

    for (row = 0; res && row < PQntuples(res); row++) {

        if (ngx_strcmp(PQgetvalue(res, row, 0), lockout->account) == 0) {
            lockout->counted = 1;
        }

        wait = strtoul(PQgetvalue(res, row, 1), NULL, 10);
        lockout->wait = ngx_max(lockout->wait, wait);
    }
}


ngx_int_t
ngx_http_dicom_lockout_count(ngx_dicom_db_query_t *q,
    const ngx_http_dicom_lockout_t *lockout)
{
    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_LOGIN_FAILED, 3, lockout->account,
                          NGX_HTTP_DICOM_ACCOUNT_FREE,
                          NGX_HTTP_DICOM_ACCOUNT_MAX)
        == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_LOGIN_FAILED, 3,
                             lockout->address, NGX_HTTP_DICOM_ADDRESS_FREE,
                             NGX_HTTP_DICOM_ADDRESS_MAX)
           == NULL)
    {
        return NGX_ERROR;
    }

    if (ngx_random() % NGX_HTTP_DICOM_LOCKOUT_TIDY == 0
        && ngx_dicom_db_step(q, NGX_DICOM_STMT_LOGIN_FORGET, 0) == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_lockout_reply(ngx_http_request_t *r, ngx_uint_t wait)
{
    ngx_str_t  value;

    value.data = ngx_pnalloc(r->pool, NGX_INT_T_LEN);
    if (value.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    value.len = ngx_sprintf(value.data, "%ui", wait) - value.data;

    if (ngx_http_dicom_header(r, "Retry-After", &value) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_problem(r, 429, "too-many-attempts",
                                  "There were too many wrong passwords: wait "
                                  "before the next attempt.", NULL);
}
