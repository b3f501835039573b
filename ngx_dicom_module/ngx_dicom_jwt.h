
/*
 * Session tokens: mint and verify (RFC 7519, RFC 7515), over libjwt.  Pure.
 */


#ifndef _NGX_DICOM_JWT_H_INCLUDED_
#define _NGX_DICOM_JWT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_DICOM_ROLE_ADMIN           0x01
#define NGX_DICOM_ROLE_FACILITY_ADMIN  0x02
#define NGX_DICOM_ROLE_PHYSICIAN       0x04
#define NGX_DICOM_ROLE_RADIOGRAPHER    0x08
#define NGX_DICOM_ROLE_AUDITOR         0x10
#define NGX_DICOM_ROLE_EMERGENCY       0x20        /* of a break-glass token:
                                                      nobody has it else */

#define NGX_DICOM_MAX_KEYS             8
#define NGX_DICOM_TOKEN_LIFE           300         /* seconds */
#define NGX_DICOM_SESSION_LIFE         (12 * 3600)
#define NGX_DICOM_TOKEN_LEEWAY         5
#define NGX_DICOM_MAX_TOKEN            4096        /* bytes */


typedef enum {
    NGX_DICOM_ALG_HS256 = 1,
    NGX_DICOM_ALG_ES256
} ngx_dicom_alg_e;

typedef enum {
    NGX_DICOM_KEY_SIGN = 1,        /* signs and verifies */
    NGX_DICOM_KEY_VERIFY,          /* verifies only */
    NGX_DICOM_KEY_RETIRED          /* refused, kept to say so */
} ngx_dicom_key_use_e;

/* Fixed size: lives in shared memory.  One key has one algorithm. */
typedef struct {
    u_char                kid[64];         /* NUL-padded */
    ngx_dicom_alg_e       alg;
    ngx_dicom_key_use_e   use;
    size_t                len;
    u_char                key[1024];       /* secret, or PEM */
} ngx_dicom_key_t;

typedef struct {
    ngx_uint_t            nkeys;
    ngx_dicom_key_t       keys[NGX_DICOM_MAX_KEYS];
    u_char                issuer[128];     /* NUL-terminated; iss */
    u_char                audience[128];   /* NUL-terminated; aud */
    ngx_uint_t            audience_required;  /* a token without aud is
                                                 refused */
} ngx_dicom_keys_t;


/* What a verified token says.  Strings live in the caller's pool, and a null
   character follows each. */
typedef struct {
    ngx_str_t             sub;             /* user id, UUID */
    ngx_str_t             name;
    ngx_str_t             facility;        /* UUID, or empty */
    ngx_str_t             jti;
    ngx_str_t             patient;         /* emergency: "issuer|value" */
    ngx_str_t             study;           /* emergency: UID, or empty */
    ngx_uint_t            roles;           /* NGX_DICOM_ROLE_* */
    ngx_uint_t            physician;       /* 0, 1 */
    int64_t               iat;
    int64_t               exp;
    int64_t               nbf;             /* 0: none */
    int64_t               auth_time;
} ngx_dicom_claims_t;


/*
 * Signs claims with the key whose use is SIGN; the token lands in pool.
 * NGX_OK, or NGX_ERROR (no signing key, no memory).
 */
ngx_int_t ngx_dicom_jwt_sign(ngx_pool_t *pool, const ngx_dicom_keys_t *keys,
    const ngx_dicom_claims_t *claims, ngx_str_t *token);

/*
 * Verifies token at time now (seconds): structure, kid (strict: an unknown kid
 * is refused; a missing one only matches a lone HS256 key), alg equal to the
 * key's alg before any signature is computed, signature, iss, aud (RFC 7519
 * section 4.1.3; the paper's tokens have none), exp required and not passed
 * (leeway both ways), iat and nbf not in the future, types of all claims.
 * Constant-time comparison.  NGX_OK, NGX_DECLINED with *why a static phrase
 * fit for WWW-Authenticate's error_description, or NGX_ERROR.
 */
ngx_int_t ngx_dicom_jwt_verify(ngx_pool_t *pool, const ngx_dicom_keys_t *keys,
    const ngx_str_t *token, time_t now, ngx_dicom_claims_t *claims,
    const char **why);

/* What forbids claims at time now, a static phrase, or NULL. */
const char *ngx_dicom_claims_time(const ngx_dicom_claims_t *claims,
    time_t now);

/* Bytes that all strings of claims take, and a deep copy whose strings lie at p; the
   first byte after them. */
size_t ngx_dicom_claims_length(const ngx_dicom_claims_t *claims);
u_char *ngx_dicom_claims_copy(u_char *p, ngx_dicom_claims_t *to,
    const ngx_dicom_claims_t *from);

/* Role bits from the role's name, 0 when unknown; and back, for iteration. */
ngx_uint_t ngx_dicom_role(const ngx_str_t *name);
/* The bits of all names in text, as the database keeps them: a space between
   two; unknown ones are passed over. */
ngx_uint_t ngx_dicom_roles(const ngx_str_t *text);
const char *ngx_dicom_role_name(ngx_uint_t bit);


#endif /* _NGX_DICOM_JWT_H_INCLUDED_ */
