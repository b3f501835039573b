/*
 * Tokens: of any kind, and ours with claims and header that the input chose,
 * well signed, so that what is behind the signature is reached.
 */

/* links: t/unit/nginx.c ngx_dicom_module/ngx_dicom_jwt.c */
/* links: ngx_dicom_module/ngx_dicom_json.c ngx_dicom_module/ngx_dicom_uid.c */
/* pkg: yajl libjwt libcrypto */

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "fuzz.h"
#include "nginx.h"
#include "ngx_dicom_jwt.h"

#define NOW     1700000000
#define SECRET  "a secret of more than thirty-two bytes"


static ngx_str_t
signed_token(ngx_pool_t *pool, struct fuzz *f)
{
    size_t      n;
    u_char     *p, mac[32];
    unsigned    len = sizeof(mac);
    ngx_str_t   header, claims, part, token;

    header.data = fuzz_take(f, fuzz_number(f, 1), &header.len);
    claims.data = fuzz_take(f, SIZE_MAX, &claims.len);

    n = ngx_base64_encoded_length(header.len)
        + ngx_base64_encoded_length(claims.len);
    token.data = ngx_pnalloc(pool, n + 128);

    part.data = token.data;
    ngx_encode_base64url(&part, &header);
    p = part.data + part.len;
    *p++ = '.';

    part.data = p;
    ngx_encode_base64url(&part, &claims);
    p += part.len;

    fuzz_check(HMAC(EVP_sha256(), SECRET, sizeof(SECRET) - 1, token.data,
                    p - token.data, mac, &len) != NULL);
    *p++ = '.';

    part.data = p;
    header.len = len;
    free(header.data);
    header.data = mac;
    ngx_encode_base64url(&part, &header);
    token.len = p + part.len - token.data;

    free(claims.data);
    return token;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char              *copy;
    ngx_int_t            rc;
    ngx_str_t            token;
    const char          *why = NULL;
    struct fuzz          f = { data, size };
    ngx_pool_t          *pool = test_pool();
    ngx_dicom_keys_t     keys;
    ngx_dicom_claims_t   claims;

    memset(&keys, 0, sizeof(keys));
    strcpy((char *) keys.issuer, "dicom");
    keys.nkeys = 1;
    strcpy((char *) keys.keys[0].kid, "one");
    keys.keys[0].alg = NGX_DICOM_ALG_HS256;
    keys.keys[0].use = NGX_DICOM_KEY_SIGN;
    keys.keys[0].len = sizeof(SECRET) - 1;
    memcpy(keys.keys[0].key, SECRET, sizeof(SECRET) - 1);

    if (fuzz_number(&f, 1) % 4) {
        token = signed_token(pool, &f);
        copy = malloc(token.len);
        fuzz_check(copy != NULL);
        memcpy(copy, token.data, token.len);
        token.data = copy;

    } else {
        token.data = fuzz_take(&f, SIZE_MAX, &token.len);
    }

    rc = ngx_dicom_jwt_verify(pool, &keys, &token, NOW, &claims, &why);

    if (rc == NGX_OK) {
        fuzz_check(claims.exp + NGX_DICOM_TOKEN_LEEWAY > NOW);
        fuzz_check(claims.sub.len == 36);

    } else {
        fuzz_check(rc == NGX_DECLINED && why != NULL);
        fuzz_check(strpbrk(why, "\"\\\r\n") == NULL);
    }

    ngx_destroy_pool(pool);
    free(token.data);
    return 0;
}
