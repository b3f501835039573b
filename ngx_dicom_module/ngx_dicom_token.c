
/*
 * Tokens that this process verified lately.
 */


#include "ngx_dicom_token.h"

#include <openssl/crypto.h>


typedef struct {
    const void          *server;
    ngx_uint_t           generation;
    ngx_str_t            token;
    ngx_dicom_claims_t   claims;
    /* the token and the claims' strings follow */
} ngx_dicom_token_t;


static ngx_dicom_token_t **ngx_dicom_token_place(const ngx_str_t *token);
static void ngx_dicom_token_free(ngx_dicom_token_t *t);


static ngx_dicom_token_t  *ngx_dicom_tokens[NGX_DICOM_TOKENS];


ngx_int_t
ngx_dicom_token_find(const void *server, ngx_uint_t generation,
    const ngx_str_t *token, time_t now, ngx_pool_t *pool,
    ngx_dicom_claims_t *claims)
{
    u_char             *p;
    ngx_dicom_token_t  *t;

    t = *ngx_dicom_token_place(token);

    /* the comparison takes as long for a token that is nearly right */

    if (t == NULL
        || t->server != server
        || t->generation != generation
        || t->token.len != token->len
        || CRYPTO_memcmp(t->token.data, token->data, token->len) != 0
        || ngx_dicom_claims_time(&t->claims, now))
    {
        return NGX_DECLINED;
    }

    p = ngx_pnalloc(pool, ngx_dicom_claims_length(&t->claims));
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_dicom_claims_copy(p, claims, &t->claims);

    return NGX_OK;
}


void
ngx_dicom_token_keep(const void *server, ngx_uint_t generation,
    const ngx_str_t *token, const ngx_dicom_claims_t *claims)
{
    u_char              *p;
    ngx_dicom_token_t   *t, **place;

    t = malloc(sizeof(ngx_dicom_token_t) + token->len
               + ngx_dicom_claims_length(claims));
    if (t == NULL) {
        return;
    }

    p = (u_char *) (t + 1);

    t->server = server;
    t->generation = generation;
    t->token.data = p;
    t->token.len = token->len;

    p = ngx_cpymem(p, token->data, token->len);

    (void) ngx_dicom_claims_copy(p, &t->claims, claims);

    place = ngx_dicom_token_place(token);

    ngx_dicom_token_free(*place);

    *place = t;
}


void
ngx_dicom_token_forget(void)
{
    ngx_uint_t  i;

    for (i = 0; i < NGX_DICOM_TOKENS; i++) {
        ngx_dicom_token_free(ngx_dicom_tokens[i]);
        ngx_dicom_tokens[i] = NULL;
    }
}


/* By the end of the token, which is its signature. */

static ngx_dicom_token_t **
ngx_dicom_token_place(const ngx_str_t *token)
{
    size_t    len;
    uint32_t  hash;

    len = ngx_min(token->len, 43);
    hash = ngx_crc32_short(token->data + token->len - len, len);

    return &ngx_dicom_tokens[hash % NGX_DICOM_TOKENS];
}


static void
ngx_dicom_token_free(ngx_dicom_token_t *t)
{
    if (t) {
        ngx_explicit_memzero(t->token.data, t->token.len);
        free(t);
    }
}
