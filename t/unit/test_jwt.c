/* links: t/unit/nginx.c ngx_dicom_module/ngx_dicom_jwt.c */
/* links: ngx_dicom_module/ngx_dicom_json.c ngx_dicom_module/ngx_dicom_uid.c */
/* pkg: yajl libjwt libcrypto */

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <setjmp.h>
#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "nginx.h"
#include "ngx_dicom_jwt.h"

#define NOW     1700000000
#define SECRET  "a secret of more than thirty-two bytes"


static ngx_pool_t          *pool;
static ngx_dicom_keys_t     keys;
static ngx_dicom_claims_t   claims;


static void
set_key(ngx_uint_t n, const char *kid, ngx_dicom_alg_e alg,
    ngx_dicom_key_use_e use, const char *key)
{
    ngx_dicom_key_t  *k = &keys.keys[n];

    memset(k, 0, sizeof(ngx_dicom_key_t));
    strcpy((char *) k->kid, kid);
    k->alg = alg;
    k->use = use;
    k->len = strlen(key);
    memcpy(k->key, key, k->len);
}


static int
setup(void **state)
{
    pool = test_pool();

    memset(&keys, 0, sizeof(keys));
    strcpy((char *) keys.issuer, "dicom");
    keys.nkeys = 1;
    set_key(0, "one", NGX_DICOM_ALG_HS256, NGX_DICOM_KEY_SIGN, SECRET);

    memset(&claims, 0, sizeof(claims));
    claims.sub = test_str("00000000-0000-4000-8000-000000000001");
    claims.name = test_str("Je\xc5\x99" "ab\xc3\xa1k \"X\"");
    claims.facility = test_str("00000000-0000-4000-8000-000000000002");
    claims.jti = test_str("00000000-0000-4000-8000-000000000003");
    claims.roles = NGX_DICOM_ROLE_PHYSICIAN|NGX_DICOM_ROLE_AUDITOR;
    claims.physician = 1;
    claims.iat = NOW;
    claims.exp = NOW + 300;
    claims.auth_time = NOW - 1000;

    return 0;
}


static int
teardown(void **state)
{
    ngx_destroy_pool(pool);
    return 0;
}


static ngx_int_t
verify(const ngx_str_t *token, time_t now, ngx_dicom_claims_t *got)
{
    ngx_int_t    rc;
    ngx_str_t    copy;
    const char  *why = NULL;

    /* of its own size, so that reading beyond it is found */
    copy.len = token->len;
    copy.data = malloc(token->len);
    memcpy(copy.data, token->data, token->len);

    rc = ngx_dicom_jwt_verify(pool, &keys, &copy, now, got, &why);

    free(copy.data);

    if (rc == NGX_DECLINED) {
        assert_non_null(why);
        /* it stands between quotes in a header */
        assert_null(strpbrk(why, "\"\\\r\n"));
    }

    return rc;
}


static void
what_is_signed_is_verified(void **state)
{
    ngx_str_t           token;
    ngx_dicom_claims_t  got;

    assert_int_equal(ngx_dicom_jwt_sign(pool, &keys, &claims, &token), NGX_OK);
    assert_int_equal(verify(&token, NOW, &got), NGX_OK);

    assert_memory_equal(got.sub.data, claims.sub.data, 36);
    assert_int_equal(got.name.len, claims.name.len);
    assert_memory_equal(got.name.data, claims.name.data, claims.name.len);
    assert_memory_equal(got.facility.data, claims.facility.data, 36);
    assert_int_equal(got.roles, claims.roles);
    assert_int_equal(got.physician, 1);
    assert_int_equal(got.iat, NOW);
    assert_int_equal(got.exp, NOW + 300);
    assert_int_equal(got.auth_time, NOW - 1000);
}


static void
nobody_without_facility_or_roles_is_refused(void **state)
{
    ngx_str_t           token;
    ngx_dicom_claims_t  got;

    claims.facility = test_str("");
    claims.roles = 0;

    assert_int_equal(ngx_dicom_jwt_sign(pool, &keys, &claims, &token), NGX_OK);
    assert_int_equal(verify(&token, NOW, &got), NGX_OK);
    assert_int_equal(got.facility.len, 0);
    assert_int_equal(got.roles, 0);
}


static void
time_has_a_leeway_of_five_seconds(void **state)
{
    ngx_str_t           token;
    ngx_dicom_claims_t  got;

    assert_int_equal(ngx_dicom_jwt_sign(pool, &keys, &claims, &token), NGX_OK);

    assert_int_equal(verify(&token, NOW + 304, &got), NGX_OK);
    assert_int_equal(verify(&token, NOW + 305, &got), NGX_DECLINED);
    assert_int_equal(verify(&token, NOW - 5, &got), NGX_OK);
    assert_int_equal(verify(&token, NOW - 6, &got), NGX_DECLINED);
}


static void
every_changed_byte_is_found(void **state)
{
    size_t              i;
    u_char              old;
    ngx_str_t           token;
    ngx_dicom_claims_t  got;

    assert_int_equal(ngx_dicom_jwt_sign(pool, &keys, &claims, &token), NGX_OK);

    /* the last character has bits that no byte of the signature needs */

    for (i = 0; i < token.len - 1; i++) {
        old = token.data[i];

        token.data[i] = (old == 'A') ? 'B' : 'A';
        assert_int_equal(verify(&token, NOW, &got), NGX_DECLINED);

        token.data[i] = '\0';
        assert_int_equal(verify(&token, NOW, &got), NGX_DECLINED);

        token.data[i] = old;
    }

    for (i = 0; i < token.len; i++) {
        ngx_str_t  part = { i, token.data };

        assert_int_equal(verify(&part, NOW, &got), NGX_DECLINED);
    }
}


static void
a_key_is_found_by_its_kid_only(void **state)
{
    ngx_str_t           token;
    ngx_dicom_claims_t  got;

    assert_int_equal(ngx_dicom_jwt_sign(pool, &keys, &claims, &token), NGX_OK);

    /* the same secret under another name */
    set_key(0, "two", NGX_DICOM_ALG_HS256, NGX_DICOM_KEY_SIGN, SECRET);
    assert_int_equal(verify(&token, NOW, &got), NGX_DECLINED);

    /* current and previous */
    keys.nkeys = 2;
    set_key(1, "one", NGX_DICOM_ALG_HS256, NGX_DICOM_KEY_VERIFY, SECRET);
    assert_int_equal(verify(&token, NOW, &got), NGX_OK);

    keys.keys[1].use = NGX_DICOM_KEY_RETIRED;
    assert_int_equal(verify(&token, NOW, &got), NGX_DECLINED);

    /* a key that has lost its bytes verifies nothing */
    keys.keys[1].use = NGX_DICOM_KEY_VERIFY;
    keys.keys[1].len = 0;
    assert_int_equal(verify(&token, NOW, &got), NGX_DECLINED);

    keys.nkeys = 0;
    assert_int_equal(verify(&token, NOW, &got), NGX_DECLINED);
}


static void
only_a_signing_key_signs(void **state)
{
    ngx_str_t  token;

    keys.keys[0].use = NGX_DICOM_KEY_VERIFY;
    assert_int_equal(ngx_dicom_jwt_sign(pool, &keys, &claims, &token),
                     NGX_ERROR);
    keys.nkeys = 0;
    assert_int_equal(ngx_dicom_jwt_sign(pool, &keys, &claims, &token),
                     NGX_ERROR);
}


static void
another_issuer_is_refused(void **state)
{
    ngx_str_t           token;
    ngx_dicom_claims_t  got;

    assert_int_equal(ngx_dicom_jwt_sign(pool, &keys, &claims, &token), NGX_OK);
    strcpy((char *) keys.issuer, "dico");
    assert_int_equal(verify(&token, NOW, &got), NGX_DECLINED);
    strcpy((char *) keys.issuer, "dicomm");
    assert_int_equal(verify(&token, NOW, &got), NGX_DECLINED);
}


/* PEM of a new P-256 key: private and public, or public only. */
static void
make_pem(char *both, char *public, size_t size)
{
    BIO       *bio = BIO_new(BIO_s_mem());
    char      *text;
    long       len;
    EVP_PKEY  *pkey = EVP_EC_gen("P-256");

    PEM_write_bio_PUBKEY(bio, pkey);
    len = BIO_get_mem_data(bio, &text);
    assert_true((size_t) len < size);
    memcpy(public, text, len);
    public[len] = '\0';
    BIO_reset(bio);

    PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL);
    PEM_write_bio_PUBKEY(bio, pkey);
    len = BIO_get_mem_data(bio, &text);
    assert_true((size_t) len < size);
    memcpy(both, text, len);
    both[len] = '\0';

    BIO_free(bio);
    EVP_PKEY_free(pkey);
}


static void
an_asymmetric_key_verifies_elsewhere(void **state)
{
    char                both[1024], public[1024];
    ngx_str_t           token, forged;
    ngx_dicom_claims_t  got;

    make_pem(both, public, sizeof(both));
    set_key(0, "ec", NGX_DICOM_ALG_ES256, NGX_DICOM_KEY_SIGN, both);

    assert_int_equal(ngx_dicom_jwt_sign(pool, &keys, &claims, &token), NGX_OK);
    assert_int_equal(verify(&token, NOW, &got), NGX_OK);

    set_key(0, "ec", NGX_DICOM_ALG_ES256, NGX_DICOM_KEY_VERIFY, public);
    assert_int_equal(verify(&token, NOW, &got), NGX_OK);

    /* the public key as a secret: the key has one algorithm */
    set_key(0, "ec", NGX_DICOM_ALG_HS256, NGX_DICOM_KEY_SIGN, public);
    assert_int_equal(ngx_dicom_jwt_sign(pool, &keys, &claims, &forged),
                     NGX_OK);
    set_key(0, "ec", NGX_DICOM_ALG_ES256, NGX_DICOM_KEY_VERIFY, public);
    assert_int_equal(verify(&forged, NOW, &got), NGX_DECLINED);

    /* and the other way round */
    set_key(0, "ec", NGX_DICOM_ALG_HS256, NGX_DICOM_KEY_SIGN, public);
    assert_int_equal(verify(&token, NOW, &got), NGX_DECLINED);

    make_pem(both, public, sizeof(both));
    set_key(0, "ec", NGX_DICOM_ALG_ES256, NGX_DICOM_KEY_VERIFY, public);
    assert_int_equal(verify(&token, NOW, &got), NGX_DECLINED);
}


static void
roles_have_names(void **state)
{
    ngx_str_t   name = test_str("radiographer"), part = test_str("radio");
    ngx_uint_t  bit;

    assert_int_equal(ngx_dicom_role(&name), NGX_DICOM_ROLE_RADIOGRAPHER);
    assert_int_equal(ngx_dicom_role(&part), 0);
    assert_null(ngx_dicom_role_name(0));
    assert_null(ngx_dicom_role_name(3));
    assert_null(ngx_dicom_role_name(NGX_DICOM_ROLE_EMERGENCY << 1));

    for (bit = 1; bit <= NGX_DICOM_ROLE_EMERGENCY; bit <<= 1) {
        ngx_str_t  s = { strlen(ngx_dicom_role_name(bit)),
                         (u_char *) ngx_dicom_role_name(bit) };

        assert_int_equal(ngx_dicom_role(&s), bit);
    }
}


int
main(void)
{
#define test(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest  tests[] = {
        test(what_is_signed_is_verified),
        test(nobody_without_facility_or_roles_is_refused),
        test(time_has_a_leeway_of_five_seconds),
        test(every_changed_byte_is_found),
        test(a_key_is_found_by_its_kid_only),
        test(only_a_signing_key_signs),
        test(another_issuer_is_refused),
        test(an_asymmetric_key_verifies_elsewhere),
        test(roles_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
