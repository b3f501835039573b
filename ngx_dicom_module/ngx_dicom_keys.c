
/*
 * The keys of tokens, from YAML.  Pure but for reading files.
 */


#include "ngx_dicom_keys.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>


/* One entry of jwtKeys while it is read. */
typedef struct {
    ngx_str_t              kid;
    ngx_dicom_alg_e        alg;
    ngx_dicom_key_use_e    use;
    ngx_str_t              key;
    yaml_node_t           *file;
} ngx_dicom_keys_entry_t;


static ngx_int_t ngx_dicom_keys_alg(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);
static ngx_int_t ngx_dicom_keys_use(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);
static ngx_int_t ngx_dicom_keys_node(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);
static ngx_int_t ngx_dicom_keys_entry(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value,
    ngx_dicom_keys_t *keys);
static ngx_int_t ngx_dicom_keys_add(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value,
    ngx_dicom_keys_t *keys, ngx_dicom_keys_entry_t *e);
static void ngx_dicom_keys_kid(u_char *kid, ngx_str_t *secret);
static const char *ngx_dicom_keys_es256(ngx_pool_t *pool,
    ngx_dicom_keys_entry_t *e);
static EVP_PKEY *ngx_dicom_keys_pem(const ngx_str_t *pem, ngx_uint_t private);


static const ngx_dicom_yaml_key_t  ngx_dicom_keys_fields[] = {
    { "kid", ngx_dicom_yaml_string, offsetof(ngx_dicom_keys_entry_t, kid),
      1, 63 },
    { "alg", ngx_dicom_keys_alg, offsetof(ngx_dicom_keys_entry_t, alg), 0, 0 },
    { "use", ngx_dicom_keys_use, offsetof(ngx_dicom_keys_entry_t, use), 0, 0 },
    { "key", ngx_dicom_yaml_string, offsetof(ngx_dicom_keys_entry_t, key),
      1, 1023 },
    { "keyFile", ngx_dicom_keys_node, offsetof(ngx_dicom_keys_entry_t, file),
      1, 1023 },
    { NULL, NULL, 0, 0, 0 }
};


ngx_int_t
ngx_dicom_keys_password(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    ngx_dicom_keys_entry_t  e;

    ngx_memzero(&e, sizeof(ngx_dicom_keys_entry_t));
    e.alg = NGX_DICOM_ALG_HS256;
    e.use = NGX_DICOM_KEY_SIGN;

    if (ngx_dicom_yaml_string(y, key, value, (u_char *) &e.key) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_dicom_keys_add(y, key, value, (ngx_dicom_keys_t *) out, &e);
}


ngx_int_t
ngx_dicom_keys_password_file(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out)
{
    ngx_dicom_keys_entry_t  e;

    ngx_memzero(&e, sizeof(ngx_dicom_keys_entry_t));
    e.alg = NGX_DICOM_ALG_HS256;
    e.use = NGX_DICOM_KEY_SIGN;

    if (ngx_dicom_yaml_secret(y, key, value, &e.key) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_dicom_keys_add(y, key, value, (ngx_dicom_keys_t *) out, &e);
}


ngx_int_t
ngx_dicom_keys_list(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    yaml_node_t       *node;
    yaml_node_item_t  *item;

    if (value->type != YAML_SEQUENCE_NODE) {
        return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value), key->name,
                                    "must be a list");
    }

    for (item = value->data.sequence.items.start;
         item < value->data.sequence.items.top;
         item++)
    {
        node = yaml_document_get_node(&y->document, *item);

        if (node->type != YAML_MAPPING_NODE) {
            return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(node),
                                        key->name,
                                        "must list {kid, alg, key, use}");
        }

        if (ngx_dicom_keys_entry(y, key, node, (ngx_dicom_keys_t *) out)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_keys_entry(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, ngx_dicom_keys_t *keys)
{
    uint64_t                 seen;
    ngx_int_t                rc;
    const char              *what;
    ngx_uint_t               line;
    ngx_dicom_keys_entry_t   e;

    ngx_memzero(&e, sizeof(ngx_dicom_keys_entry_t));
    e.alg = NGX_DICOM_ALG_HS256;
    e.use = NGX_DICOM_KEY_VERIFY;

    line = ngx_dicom_yaml_line(value);

    if (ngx_dicom_yaml_bind(y, value, ngx_dicom_keys_fields, &e, &seen)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (e.file && e.key.len) {
        return ngx_dicom_yaml_error(y, line, key->name,
                                    "has key and keyFile in one entry");
    }

    if (e.file) {
        if (e.alg == NGX_DICOM_ALG_ES256 && e.use == NGX_DICOM_KEY_VERIFY) {
            rc = ngx_dicom_yaml_content(y, key, e.file, &e.key);

        } else {
            rc = ngx_dicom_yaml_secret(y, key, e.file, &e.key);
        }

        if (rc != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (e.key.len == 0 && e.use != NGX_DICOM_KEY_RETIRED) {
        return ngx_dicom_yaml_error(y, line, key->name,
                                    "has an entry without key");
    }

    if (e.kid.len == 0
        && (e.alg == NGX_DICOM_ALG_ES256 || e.key.len == 0))
    {
        return ngx_dicom_yaml_error(y, line, key->name,
                                    "has an entry without kid");
    }

    if (e.alg == NGX_DICOM_ALG_ES256 && e.use != NGX_DICOM_KEY_RETIRED) {
        what = ngx_dicom_keys_es256(y->pool, &e);

        if (what) {
            return ngx_dicom_yaml_error(y, line, key->name, "%s", what);
        }
    }

    return ngx_dicom_keys_add(y, key, value, keys, &e);
}


static ngx_int_t
ngx_dicom_keys_add(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, ngx_dicom_keys_t *keys, ngx_dicom_keys_entry_t *e)
{
    ngx_uint_t        i, line;
    ngx_dicom_key_t  *k;

    line = ngx_dicom_yaml_line(value);

    if (keys->nkeys == NGX_DICOM_MAX_KEYS) {
        return ngx_dicom_yaml_error(y, line, key->name,
                                    "has more keys than %d",
                                    NGX_DICOM_MAX_KEYS);
    }

    k = &keys->keys[keys->nkeys];

    if (e->key.len >= sizeof(k->key)) {
        return ngx_dicom_yaml_error(y, line, key->name, "is too long a key");
    }

    ngx_memzero(k, sizeof(ngx_dicom_key_t));

    k->alg = e->alg;
    k->use = e->use;
    k->len = e->key.len;

    if (e->kid.len) {
        ngx_memcpy(k->kid, e->kid.data, e->kid.len);

    } else {
        ngx_dicom_keys_kid(k->kid, &e->key);
    }

    if (e->key.len) {
        ngx_memcpy(k->key, e->key.data, e->key.len);
        ngx_explicit_memzero(e->key.data, e->key.len);
    }

    for (i = 0; i < keys->nkeys; i++) {
        if (ngx_strcmp(keys->keys[i].kid, k->kid) == 0) {
            return ngx_dicom_yaml_error(y, line, key->name,
                                        "has a kid that another key has");
        }
    }

    keys->nkeys++;

    return NGX_OK;
}


/* Differs from secret to secret, so that an old token's key is unknown rather
   than its signature wrong. */

static void
ngx_dicom_keys_kid(u_char *kid, ngx_str_t *secret)
{
    u_char      hash[EVP_MAX_MD_SIZE];
    EVP_MD_CTX  *md;

    ngx_memzero(hash, sizeof(hash));

    md = EVP_MD_CTX_new();

    if (md
        && EVP_DigestInit_ex(md, EVP_sha256(), NULL)
        && EVP_DigestUpdate(md, "kid:", 4)
        && EVP_DigestUpdate(md, secret->data, secret->len))
    {
        (void) EVP_DigestFinal_ex(md, hash, NULL);
    }

    EVP_MD_CTX_free(md);

    (void) ngx_hex_dump(kid, hash, 4);
}


static ngx_int_t
ngx_dicom_keys_alg(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    if (value->type == YAML_SCALAR_NODE) {

        if (ngx_strcmp(value->data.scalar.value, "HS256") == 0) {
            *(ngx_dicom_alg_e *) out = NGX_DICOM_ALG_HS256;
            return NGX_OK;
        }

        if (ngx_strcmp(value->data.scalar.value, "ES256") == 0) {
            *(ngx_dicom_alg_e *) out = NGX_DICOM_ALG_ES256;
            return NGX_OK;
        }
    }

    return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value), key->name,
                                "must be HS256 or ES256");
}


static ngx_int_t
ngx_dicom_keys_use(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    ngx_dicom_key_use_e *use = (ngx_dicom_key_use_e *) out;

    if (value->type == YAML_SCALAR_NODE) {

        if (ngx_strcmp(value->data.scalar.value, "sign") == 0) {
            *use = NGX_DICOM_KEY_SIGN;
            return NGX_OK;
        }

        if (ngx_strcmp(value->data.scalar.value, "verify") == 0) {
            *use = NGX_DICOM_KEY_VERIFY;
            return NGX_OK;
        }

        if (ngx_strcmp(value->data.scalar.value, "retired") == 0) {
            *use = NGX_DICOM_KEY_RETIRED;
            return NGX_OK;
        }
    }

    return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value), key->name,
                                "must be sign, verify or retired");
}


static ngx_int_t
ngx_dicom_keys_node(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    *(yaml_node_t **) out = value;

    return NGX_OK;
}


/*
 * Checks the PEM and completes it: one that signs also needs its public half
 * in the text, one that verifies shall not keep a private one.  What is wrong,
 * or NULL.
 */

static const char *
ngx_dicom_keys_es256(ngx_pool_t *pool, ngx_dicom_keys_entry_t *e)
{
    BIO         *bio;
    char        *text, name[64];
    long         len;
    size_t       n;
    EVP_PKEY    *pkey;
    const char  *what;

    bio = NULL;
    what = NULL;

    pkey = ngx_dicom_keys_pem(&e->key, 1);

    if (pkey == NULL && e->use == NGX_DICOM_KEY_VERIFY) {
        pkey = ngx_dicom_keys_pem(&e->key, 0);
    }

    if (pkey == NULL) {
        return (e->use == NGX_DICOM_KEY_SIGN)
               ? "has an ES256 key that is not a private key in PEM"
               : "has an ES256 key that is not in PEM";
    }

    if (EVP_PKEY_get_group_name(pkey, name, sizeof(name), &n) != 1
        || (ngx_strcmp(name, "prime256v1") != 0
            && ngx_strcmp(name, "P-256") != 0))
    {
        what = "has an ES256 key that is not on the curve P-256";
        goto done;
    }

    bio = BIO_new(BIO_s_secmem());

    if (bio == NULL
        || (e->use == NGX_DICOM_KEY_SIGN
            && !PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL))
        || !PEM_write_bio_PUBKEY(bio, pkey))
    {
        what = "has an ES256 key that cannot be used";
        goto done;
    }

    len = BIO_get_mem_data(bio, &text);

    e->key.data = ngx_pnalloc(pool, len);
    if (e->key.data == NULL) {
        what = "out of memory";
        goto done;
    }

    ngx_memcpy(e->key.data, text, len);
    e->key.len = len;

done:

    BIO_free(bio);
    EVP_PKEY_free(pkey);

    return what;
}


static EVP_PKEY *
ngx_dicom_keys_pem(const ngx_str_t *pem, ngx_uint_t private)
{
    BIO       *bio;
    EVP_PKEY  *pkey;

    bio = BIO_new_mem_buf(pem->data, (int) pem->len);
    if (bio == NULL) {
        return NULL;
    }

    /* an empty pass phrase: never ask a terminal for one */

    pkey = private ? PEM_read_bio_PrivateKey(bio, NULL, NULL, (void *) "")
                   : PEM_read_bio_PUBKEY(bio, NULL, NULL, (void *) "");

    BIO_free(bio);

    return pkey;
}
