
/*
 * The keys of tokens, from YAML.  Pure but for reading files.
 */


#ifndef _NGX_DICOM_KEYS_H_INCLUDED_
#define _NGX_DICOM_KEYS_H_INCLUDED_


#include "ngx_dicom_jwt.h"
#include "ngx_dicom_yaml.h"


/* Setters; out is an ngx_dicom_keys_t.  A key is added to those there. */

/* JWTPassword: a secret that signs. */
ngx_int_t ngx_dicom_keys_password(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);
ngx_int_t ngx_dicom_keys_password_file(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);

/*
 * jwtKeys: a list of {kid, alg, key or keyFile, use}.  alg is HS256 (default)
 * or ES256 (keys as PEM); use is verify (default), sign or retired.  Without
 * kid a secret has the one that it would have as JWTPassword.
 */
ngx_int_t ngx_dicom_keys_list(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);


#endif /* _NGX_DICOM_KEYS_H_INCLUDED_ */
