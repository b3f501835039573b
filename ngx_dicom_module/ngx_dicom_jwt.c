
/*
 * Session tokens: mint and verify, over libjwt.  Pure.
 */


#include "ngx_dicom_jwt.h"
#include "ngx_dicom_json.h"
#include "ngx_dicom_uid.h"

#include <jwt.h>


typedef struct {
    ngx_str_t   header;
    ngx_str_t   payload;
    ngx_str_t   signature;
} ngx_dicom_jwt_parts_t;


static const ngx_dicom_key_t *ngx_dicom_jwt_signing_key(
    const ngx_dicom_keys_t *keys);
static ngx_int_t ngx_dicom_jwt_claims_json(ngx_pool_t *pool,
    const ngx_dicom_keys_t *keys, const ngx_dicom_claims_t *claims,
    ngx_str_t *json);
static ngx_int_t ngx_dicom_jwt_split(const ngx_str_t *token,
    ngx_dicom_jwt_parts_t *parts);
static ngx_dicom_json_t *ngx_dicom_jwt_decode(ngx_pool_t *pool,
    ngx_str_t *part);
static const ngx_dicom_key_t *ngx_dicom_jwt_key(const ngx_dicom_keys_t *keys,
    const ngx_dicom_json_t *header, const char **why);
static ngx_int_t ngx_dicom_jwt_signature(ngx_pool_t *pool,
    const ngx_dicom_key_t *key, const ngx_str_t *token);
static const char *ngx_dicom_jwt_claims(const ngx_dicom_json_t *payload,
    const ngx_dicom_keys_t *keys, ngx_dicom_claims_t *claims);
static ngx_uint_t ngx_dicom_jwt_audience(const ngx_dicom_json_t *payload,
    const ngx_dicom_keys_t *keys);
static ngx_uint_t ngx_dicom_jwt_string(const ngx_dicom_json_t *payload,
    const char *name, ngx_uint_t required, ngx_str_t *value);
static ngx_uint_t ngx_dicom_jwt_integer(const ngx_dicom_json_t *payload,
    const char *name, int64_t *value);


static const char *const  ngx_dicom_role_names[] = {
    "admin",
    "facility_admin",
    "physician",
    "radiographer",
    "auditor",
    "emergency",
    NULL
};


static const size_t  ngx_dicom_claims_strings[] = {
    offsetof(ngx_dicom_claims_t, sub),
    offsetof(ngx_dicom_claims_t, name),
    offsetof(ngx_dicom_claims_t, facility),
    offsetof(ngx_dicom_claims_t, jti),
    offsetof(ngx_dicom_claims_t, patient),
    offsetof(ngx_dicom_claims_t, study)
};


#define NGX_DICOM_CLAIMS_STRINGS                                              \
    (sizeof(ngx_dicom_claims_strings) / sizeof(ngx_dicom_claims_strings[0]))

#define ngx_dicom_claims_string(claims, i)                                    \
    ((ngx_str_t *) ((u_char *) (claims) + ngx_dicom_claims_strings[i]))


ngx_uint_t
ngx_dicom_role(const ngx_str_t *name)
{
    ngx_uint_t  i;

    for (i = 0; ngx_dicom_role_names[i]; i++) {
        if (ngx_strlen(ngx_dicom_role_names[i]) == name->len
            && ngx_memcmp(ngx_dicom_role_names[i], name->data, name->len) == 0)
        {
            return (ngx_uint_t) 1 << i;
        }
    }

    return 0;
}


ngx_uint_t
ngx_dicom_roles(const ngx_str_t *text)
{
    u_char      *p, *last;
    ngx_str_t    name;
    ngx_uint_t   roles;

    roles = 0;
    last = text->data + text->len;

    for (p = text->data; p < last; p = name.data + name.len + 1) {
        name.data = p;

        while (p < last && *p != ' ') {
            p++;
        }

        name.len = p - name.data;
        roles |= ngx_dicom_role(&name);
    }

    return roles;
}


const char *
ngx_dicom_role_name(ngx_uint_t bit)
{
    ngx_uint_t  i;

    for (i = 0; ngx_dicom_role_names[i]; i++) {
        if (bit == (ngx_uint_t) 1 << i) {
            return ngx_dicom_role_names[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_dicom_jwt_sign(ngx_pool_t *pool, const ngx_dicom_keys_t *keys,
    const ngx_dicom_claims_t *claims, ngx_str_t *token)
{
    char                   *text;
    jwt_t                  *jwt;
    ngx_int_t               rc;
    ngx_str_t               json;
    const ngx_dicom_key_t  *key;

    key = ngx_dicom_jwt_signing_key(keys);

    if (key == NULL
        || ngx_dicom_jwt_claims_json(pool, keys, claims, &json) != NGX_OK
        || jwt_new(&jwt) != 0)
    {
        return NGX_ERROR;
    }

    rc = NGX_ERROR;
    text = NULL;

    if (jwt_add_header(jwt, "kid", (char *) key->kid) == 0
        && jwt_add_grants_json(jwt, (char *) json.data) == 0
        && jwt_set_alg(jwt, key->alg == NGX_DICOM_ALG_ES256 ? JWT_ALG_ES256
                                                            : JWT_ALG_HS256,
                       key->key, (int) key->len)
           == 0)
    {
        text = jwt_encode_str(jwt);
    }

    if (text) {
        token->len = ngx_strlen(text);
        token->data = ngx_pnalloc(pool, token->len);

        if (token->data) {
            ngx_memcpy(token->data, text, token->len);
            rc = NGX_OK;
        }

        free(text);
    }

    jwt_free(jwt);

    return rc;
}


static const ngx_dicom_key_t *
ngx_dicom_jwt_signing_key(const ngx_dicom_keys_t *keys)
{
    ngx_uint_t  i;

    for (i = 0; i < keys->nkeys; i++) {
        if (keys->keys[i].use == NGX_DICOM_KEY_SIGN) {
            return &keys->keys[i];
        }
    }

    return NULL;
}


static ngx_int_t
ngx_dicom_jwt_claims_json(ngx_pool_t *pool, const ngx_dicom_keys_t *keys,
    const ngx_dicom_claims_t *claims, ngx_str_t *json)
{
    ngx_uint_t                bit;
    ngx_dicom_json_writer_t  *w;

    w = ngx_dicom_json_writer(pool);
    if (w == NULL) {
        return NGX_ERROR;
    }

    ngx_dicom_json_object(w);
    ngx_dicom_json_key(w, "iss");
    ngx_dicom_json_cstring(w, (char *) keys->issuer);
    ngx_dicom_json_key(w, "aud");
    ngx_dicom_json_cstring(w, (char *) keys->audience);
    ngx_dicom_json_key(w, "sub");
    ngx_dicom_json_string(w, &claims->sub);
    ngx_dicom_json_key(w, "name");
    ngx_dicom_json_string(w, &claims->name);

    ngx_dicom_json_key(w, "roles");
    ngx_dicom_json_array(w);

    for (bit = 1; ngx_dicom_role_name(bit); bit <<= 1) {
        if (claims->roles & bit) {
            ngx_dicom_json_cstring(w, ngx_dicom_role_name(bit));
        }
    }

    ngx_dicom_json_end_array(w);

    ngx_dicom_json_key(w, "physician");
    ngx_dicom_json_bool(w, claims->physician);
    ngx_dicom_json_key(w, "facility");

    if (claims->facility.len) {
        ngx_dicom_json_string(w, &claims->facility);

    } else {
        ngx_dicom_json_null(w);
    }

    ngx_dicom_json_key(w, "iat");
    ngx_dicom_json_integer(w, claims->iat);
    ngx_dicom_json_key(w, "exp");
    ngx_dicom_json_integer(w, claims->exp);
    ngx_dicom_json_key(w, "auth_time");
    ngx_dicom_json_integer(w, claims->auth_time);
    ngx_dicom_json_key(w, "jti");
    ngx_dicom_json_string(w, &claims->jti);

    if (claims->roles & NGX_DICOM_ROLE_EMERGENCY) {
        ngx_dicom_json_key(w, "patient");
        ngx_dicom_json_string(w, &claims->patient);
        ngx_dicom_json_key(w, "study");
        ngx_dicom_json_string(w, &claims->study);
    }

    ngx_dicom_json_end_object(w);

    /* yajl's buffer ends with a null character, as libjwt wants it */

    return ngx_dicom_json_finish(w, json);
}


ngx_int_t
ngx_dicom_jwt_verify(ngx_pool_t *pool, const ngx_dicom_keys_t *keys,
    const ngx_str_t *token, time_t now, ngx_dicom_claims_t *claims,
    const char **why)
{
    ngx_int_t               rc;
    ngx_dicom_json_t       *header, *payload;
    ngx_dicom_jwt_parts_t   parts;
    const ngx_dicom_key_t  *key;

    ngx_memzero(claims, sizeof(ngx_dicom_claims_t));

    if (ngx_dicom_jwt_split(token, &parts) != NGX_OK) {
        *why = "the token is malformed";
        return NGX_DECLINED;
    }

    header = ngx_dicom_jwt_decode(pool, &parts.header);

    if (header == NULL) {
        *why = "the token is malformed";
        return NGX_DECLINED;
    }

    key = ngx_dicom_jwt_key(keys, header, why);

    if (key == NULL) {
        return NGX_DECLINED;
    }

    rc = ngx_dicom_jwt_signature(pool, key, token);

    if (rc != NGX_OK) {
        *why = "the signature is wrong";
        return rc;
    }

    payload = ngx_dicom_jwt_decode(pool, &parts.payload);

    if (payload == NULL) {
        *why = "the token is malformed";
        return NGX_DECLINED;
    }

    *why = ngx_dicom_jwt_claims(payload, keys, claims);

    if (*why) {
        return NGX_DECLINED;
    }

    *why = ngx_dicom_claims_time(claims, now);

    return (*why) ? NGX_DECLINED : NGX_OK;
}


const char *
ngx_dicom_claims_time(const ngx_dicom_claims_t *claims, time_t now)
{
    if (claims->exp <= (int64_t) now - NGX_DICOM_TOKEN_LEEWAY) {
        return "the token has expired";
    }

    if (claims->iat > (int64_t) now + NGX_DICOM_TOKEN_LEEWAY
        || claims->nbf > (int64_t) now + NGX_DICOM_TOKEN_LEEWAY)
    {
        return "the token is from the future";
    }

    return NULL;
}


size_t
ngx_dicom_claims_length(const ngx_dicom_claims_t *claims)
{
    size_t       len;
    ngx_uint_t   i;

    len = 0;

    for (i = 0; i < NGX_DICOM_CLAIMS_STRINGS; i++) {
        len += ngx_dicom_claims_string(claims, i)->len + 1;
    }

    return len;
}


u_char *
ngx_dicom_claims_copy(u_char *p, ngx_dicom_claims_t *to,
    const ngx_dicom_claims_t *from)
{
    ngx_str_t   *s;
    ngx_uint_t   i;

    *to = *from;

    for (i = 0; i < NGX_DICOM_CLAIMS_STRINGS; i++) {
        s = ngx_dicom_claims_string(to, i);

        if (s->len) {
            ngx_memcpy(p, s->data, s->len);
        }

        s->data = p;
        p += s->len;
        *p++ = '\0';
    }

    return p;
}


static ngx_int_t
ngx_dicom_jwt_split(const ngx_str_t *token, ngx_dicom_jwt_parts_t *parts)
{
    u_char      *p, *last, *start;
    ngx_str_t   *part[3];
    ngx_uint_t   n;

    if (token->len > NGX_DICOM_MAX_TOKEN) {
        return NGX_DECLINED;
    }

    part[0] = &parts->header;
    part[1] = &parts->payload;
    part[2] = &parts->signature;

    n = 0;
    start = token->data;
    last = token->data + token->len;

    for (p = token->data; p <= last; p++) {

        if (p == last || *p == '.') {
            if (n == 3 || p == start) {
                return NGX_DECLINED;
            }

            part[n]->data = start;
            part[n]->len = p - start;
            n++;
            start = p + 1;
            continue;
        }

        /* base64url has no padding here, and nothing else is in a token */

        if (!((*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z')
              || (*p >= '0' && *p <= '9') || *p == '-' || *p == '_'))
        {
            return NGX_DECLINED;
        }
    }

    return (n == 3) ? NGX_OK : NGX_DECLINED;
}


static ngx_dicom_json_t *
ngx_dicom_jwt_decode(ngx_pool_t *pool, ngx_str_t *part)
{
    ngx_str_t          text, error;
    ngx_dicom_json_t  *json;

    text.data = ngx_pnalloc(pool, ngx_base64_decoded_length(part->len));
    if (text.data == NULL) {
        return NULL;
    }

    if (ngx_decode_base64url(&text, part) != NGX_OK) {
        return NULL;
    }

    json = ngx_dicom_json_parse(pool, text.data, text.len, &error);

    if (json == NULL || json->type != NGX_DICOM_JSON_OBJECT) {
        return NULL;
    }

    return json;
}


/*
 * The key that the header names.  Its algorithm is compared here, before any
 * signature is computed: a token never chooses how it is verified.
 */

static const ngx_dicom_key_t *
ngx_dicom_jwt_key(const ngx_dicom_keys_t *keys, const ngx_dicom_json_t *header,
    const char **why)
{
    const char              *name;
    ngx_uint_t               i;
    ngx_dicom_json_t        *alg, *kid, *typ;
    const ngx_dicom_key_t   *key;

    alg = ngx_dicom_json_get(header, "alg");
    kid = ngx_dicom_json_get(header, "kid");
    typ = ngx_dicom_json_get(header, "typ");

    if (alg == NULL || alg->type != NGX_DICOM_JSON_STRING
        || (kid && kid->type != NGX_DICOM_JSON_STRING)
        || (typ && typ->type != NGX_DICOM_JSON_STRING)
        || ngx_dicom_json_get(header, "crit"))
    {
        *why = "the token's header is not acceptable";
        return NULL;
    }

    key = NULL;

    if (kid) {
        for (i = 0; i < keys->nkeys; i++) {
            if (ngx_strlen(keys->keys[i].kid) == kid->string.len
                && ngx_memcmp(keys->keys[i].kid, kid->string.data,
                              kid->string.len)
                   == 0)
            {
                key = &keys->keys[i];
                break;
            }
        }

    } else if (keys->nkeys == 1 && keys->keys[0].alg == NGX_DICOM_ALG_HS256) {
        key = &keys->keys[0];
    }

    if (key == NULL) {
        *why = "the token's key is not known";
        return NULL;
    }

    if (key->use == NGX_DICOM_KEY_RETIRED) {
        *why = "the token's key was retired";
        return NULL;
    }

    name = (key->alg == NGX_DICOM_ALG_ES256) ? "ES256" : "HS256";

    if (key->len == 0
        || alg->string.len != 5
        || ngx_memcmp(alg->string.data, name, 5) != 0)
    {
        *why = "the token's algorithm is not the key's";
        return NULL;
    }

    return key;
}


static ngx_int_t
ngx_dicom_jwt_signature(ngx_pool_t *pool, const ngx_dicom_key_t *key,
    const ngx_str_t *token)
{
    int        rc;
    char      *text;
    jwt_t     *jwt;
    jwt_alg_t  alg;

    text = ngx_pnalloc(pool, token->len + 1);
    if (text == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(text, token->data, token->len);
    text[token->len] = '\0';

    jwt = NULL;

    rc = jwt_decode(&jwt, text, key->key, (int) key->len);

    if (rc != 0) {
        return (rc == ENOMEM) ? NGX_ERROR : NGX_DECLINED;
    }

    alg = jwt_get_alg(jwt);

    jwt_free(jwt);

    if (alg != (key->alg == NGX_DICOM_ALG_ES256 ? JWT_ALG_ES256
                                                : JWT_ALG_HS256))
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* What is wrong with the claims, or NULL. */

static const char *
ngx_dicom_jwt_claims(const ngx_dicom_json_t *payload,
    const ngx_dicom_keys_t *keys, ngx_dicom_claims_t *claims)
{
    ngx_str_t          iss;
    ngx_dicom_json_t  *value;

    if (!ngx_dicom_jwt_string(payload, "iss", 1, &iss)
        || iss.len != ngx_strlen(keys->issuer)
        || ngx_memcmp(iss.data, keys->issuer, iss.len) != 0)
    {
        return "the token is another issuer's";
    }

    if (!ngx_dicom_jwt_audience(payload, keys)) {
        return "the token is for another audience";
    }

    if (!ngx_dicom_jwt_integer(payload, "exp", &claims->exp)) {
        return "the token has no valid exp";
    }

    if (!ngx_dicom_jwt_integer(payload, "iat", &claims->iat)
        || !ngx_dicom_jwt_integer(payload, "auth_time", &claims->auth_time)
        || (ngx_dicom_json_get(payload, "nbf")
            && !ngx_dicom_jwt_integer(payload, "nbf", &claims->nbf))
        || !ngx_dicom_jwt_string(payload, "sub", 1, &claims->sub)
        || !ngx_dicom_jwt_string(payload, "name", 1, &claims->name)
        || !ngx_dicom_jwt_string(payload, "jti", 1, &claims->jti)
        || !ngx_dicom_jwt_string(payload, "facility", 0, &claims->facility)
        || !ngx_dicom_jwt_string(payload, "patient", 0, &claims->patient)
        || !ngx_dicom_jwt_string(payload, "study", 0, &claims->study)
        || ngx_dicom_uuid_check(&claims->sub) != NGX_OK
        || (claims->facility.len
            && ngx_dicom_uuid_check(&claims->facility) != NGX_OK))
    {
        return "the token's claims are not acceptable";
    }

    value = ngx_dicom_json_get(payload, "physician");

    if (value == NULL || value->type != NGX_DICOM_JSON_BOOL) {
        return "the token's claims are not acceptable";
    }

    claims->physician = (ngx_uint_t) value->integer;

    value = ngx_dicom_json_get(payload, "roles");

    if (value == NULL || value->type != NGX_DICOM_JSON_ARRAY) {
        return "the token's claims are not acceptable";
    }

    for (value = value->first; value; value = value->next) {
        if (value->type != NGX_DICOM_JSON_STRING) {
            return "the token's claims are not acceptable";
        }

        /* a role of a newer server allows nothing here */

        claims->roles |= ngx_dicom_role(&value->string);
    }

    return NULL;
}


/* A string, or a list of them that names us among others. */

static ngx_uint_t
ngx_dicom_jwt_audience(const ngx_dicom_json_t *payload,
    const ngx_dicom_keys_t *keys)
{
    size_t                   len;
    ngx_uint_t               found;
    const ngx_dicom_json_t  *aud, *one;

    aud = ngx_dicom_json_get(payload, "aud");

    if (aud == NULL) {
        return !keys->audience_required;
    }

    found = 0;
    len = ngx_strlen(keys->audience);

    for (one = (aud->type == NGX_DICOM_JSON_ARRAY) ? aud->first : aud;
         one;
         one = (one == aud) ? NULL : one->next)
    {
        if (one->type != NGX_DICOM_JSON_STRING) {
            return 0;
        }

        if (one->string.len == len
            && ngx_memcmp(one->string.data, keys->audience, len) == 0)
        {
            found = 1;
        }
    }

    return found;
}


static ngx_uint_t
ngx_dicom_jwt_string(const ngx_dicom_json_t *payload, const char *name,
    ngx_uint_t required, ngx_str_t *value)
{
    ngx_dicom_json_t  *member;

    ngx_str_null(value);

    member = ngx_dicom_json_get(payload, name);

    if (member == NULL || member->type == NGX_DICOM_JSON_NULL) {
        return !required;
    }

    if (member->type != NGX_DICOM_JSON_STRING) {
        return 0;
    }

    *value = member->string;

    return !required || value->len;
}


static ngx_uint_t
ngx_dicom_jwt_integer(const ngx_dicom_json_t *payload, const char *name,
    int64_t *value)
{
    ngx_dicom_json_t  *member;

    member = ngx_dicom_json_get(payload, name);

    if (member == NULL || member->type != NGX_DICOM_JSON_INTEGER
        || member->integer < 0 || member->integer > 0xffffffffffffLL)
    {
        return 0;
    }

    *value = member->integer;

    return 1;
}
