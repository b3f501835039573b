
/*
 * A user's change of the own password.
 */


#include "ngx_http_dicom_session.h"
#include "ngx_http_dicom_session_impl.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_route.h"


static ngx_int_t ngx_http_dicom_password_user(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_password_looked(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_password_verified(ngx_http_request_t *r,
    ngx_int_t rc, const char *hash);
static ngx_int_t ngx_http_dicom_password_refused(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_password_hashed(ngx_http_request_t *r,
    ngx_int_t rc, const char *hash);
static ngx_int_t ngx_http_dicom_password_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_password_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);


static const ngx_dicom_field_t  ngx_http_dicom_password_fields[] = {
    { ngx_string("current"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED,
      1, 1024, offsetof(ngx_http_dicom_session_t, password) },
    { ngx_string("new"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED,
      10, 1024, offsetof(ngx_http_dicom_session_t, new_password) },
    ngx_dicom_null_field
};


/* PUT /me/password */

ngx_int_t
ngx_http_dicom_me_password(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_http_dicom_session_t  *s;

    s = ngx_http_dicom_session(r);
    if (s == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_bind(r, ngx_http_dicom_password_fields, s);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_dicom_session_read(r, NGX_DICOM_STMT_SESSION_USER,
                                       &ngx_http_dicom_ctx(r)->claims.sub,
                                       ngx_http_dicom_password_user);
}


static ngx_int_t
ngx_http_dicom_password_user(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    ngx_int_t                  rc;
    ngx_dicom_db_query_t      *look;
    ngx_http_dicom_session_t  *s;

    rc = ngx_http_dicom_session_active(r, q);

    if (rc != NGX_OK) {
        return rc;
    }

    /* a token must not be good for trying passwords */

    s = ngx_http_dicom_ctx(r)->data;

    ngx_http_dicom_lockout_keys(r, &s->login, &s->lockout);

    look = ngx_dicom_db_query(r->pool, r->connection->log);

    if (look == NULL
        || ngx_http_dicom_lockout_look(look, &s->lockout) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    look->read_only = 1;

    return ngx_http_dicom_query(r, look, ngx_http_dicom_password_looked);
}


static ngx_int_t
ngx_http_dicom_password_looked(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    ngx_dicom_db_step_t       *steps;
    ngx_http_dicom_session_t  *s;

    s = ngx_http_dicom_ctx(r)->data;
    steps = q->steps.elts;

    ngx_http_dicom_lockout_seen(steps[0].result, &s->lockout);

    if (s->lockout.wait) {
        ngx_explicit_memzero(s->password.data, s->password.len);
        ngx_explicit_memzero(s->new_password.data, s->new_password.len);

        return ngx_http_dicom_session_record(r, "password", "failure",
                                             ngx_http_dicom_session_locked);
    }

    return ngx_http_dicom_session_hash(r, &s->password, (char *) s->hash.data,
                                       ngx_http_dicom_password_verified);
}


static ngx_int_t
ngx_http_dicom_password_verified(ngx_http_request_t *r, ngx_int_t rc,
    const char *hash)
{
    ngx_http_dicom_session_t  *s;

    s = ngx_http_dicom_ctx(r)->data;

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_dicom_session_count(r, "password", 1,
                                            ngx_http_dicom_password_refused);
    }

    return ngx_http_dicom_session_hash(r, &s->new_password, NULL,
                                       ngx_http_dicom_password_hashed);
}


static ngx_int_t
ngx_http_dicom_password_refused(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    /* not 401: the token is good, and a viewer would end the session */

    return ngx_http_dicom_problem(r, NGX_HTTP_FORBIDDEN, "invalid-credentials",
                                  "The current password is wrong.", NULL);
}


static ngx_int_t
ngx_http_dicom_password_hashed(ngx_http_request_t *r, ngx_int_t rc,
    const char *hash)
{
    ngx_dicom_audit_t          event;
    ngx_dicom_db_step_t       *step;
    ngx_dicom_db_query_t      *q;
    ngx_http_dicom_session_t  *s;

    s = ngx_http_dicom_ctx(r)->data;

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    q = ngx_dicom_db_query(r->pool, r->connection->log);
    if (q == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    step = ngx_dicom_db_step(q, NGX_DICOM_STMT_SESSION_PASSWORD, 3,
                             (char *) s->id.data, hash, (char *) s->hash.data);

    ngx_http_dicom_session_event(r, &event, "password", "success");

    if (step == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_LOGIN_FORGIVE, 1,
                             s->lockout.account)
           == NULL
        || ngx_http_dicom_audit_step(r, q, &event) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* the array may have moved */

    step = q->steps.elts;
    step->check = ngx_http_dicom_password_check;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_password_done);
}


static ngx_int_t
ngx_http_dicom_password_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    return PQntuples(res) ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ngx_http_dicom_password_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    if (q->status != NGX_DICOM_DB_OK) {
        return ngx_http_dicom_problem(r, NGX_HTTP_CONFLICT, "conflict",
                                      "The password was changed in the "
                                      "meantime.", NULL);
    }

    return ngx_http_dicom_reply_empty(r);
}
