
/*
 * Login, renewal, the user of a session, password change.
 */


#ifndef _NGX_HTTP_DICOM_SESSION_H_INCLUDED_
#define _NGX_HTTP_DICOM_SESSION_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* Handlers of the route table: they answer r, at once or when the database
   and the thread pool are done, and return what a content handler returns. */

/* POST /login, the only one without a token */
ngx_int_t ngx_http_dicom_login(ngx_http_request_t *r);

/* POST /token: a new one of the same session */
ngx_int_t ngx_http_dicom_token(ngx_http_request_t *r);

/* GET /me, PUT /me/password */
ngx_int_t ngx_http_dicom_me(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_me_password(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_SESSION_H_INCLUDED_ */
