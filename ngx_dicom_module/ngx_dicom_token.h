
/*
 * Tokens that this process verified lately: the next request of a session
 * costs a comparison instead of a signature.  Pure; one thread.
 */


#ifndef _NGX_DICOM_TOKEN_H_INCLUDED_
#define _NGX_DICOM_TOKEN_H_INCLUDED_


#include "ngx_dicom_jwt.h"


#define NGX_DICOM_TOKENS  2048


/*
 * The claims of token, copied to pool, when it was verified for server (only
 * compared) under the settings of this generation and has not expired at time
 * now (seconds).  NGX_OK; NGX_DECLINED when it must be verified; NGX_ERROR
 * without memory.
 */
ngx_int_t ngx_dicom_token_find(const void *server, ngx_uint_t generation,
    const ngx_str_t *token, time_t now, ngx_pool_t *pool,
    ngx_dicom_claims_t *claims);

/*
 * Remembers claims of a token that ngx_dicom_jwt_verify() accepted with the
 * keys of this generation, in place of another one.  Does nothing without
 * memory.
 */
void ngx_dicom_token_keep(const void *server, ngx_uint_t generation,
    const ngx_str_t *token, const ngx_dicom_claims_t *claims);

/* Forgets all, and gives their memory back. */
void ngx_dicom_token_forget(void);


#endif /* _NGX_DICOM_TOKEN_H_INCLUDED_ */
