
/*
 * Login, renewal, the user of a session.
 */


#include "ngx_http_dicom_session.h"
#include "ngx_http_dicom_session_impl.h"
#include "ngx_dicom_uid.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_route.h"


/* Columns of LOGIN_USER and SESSION_USER. */
enum {
    NGX_HTTP_DICOM_USER_ID = 0,
    NGX_HTTP_DICOM_USER_USERNAME,
    NGX_HTTP_DICOM_USER_NAME,
    NGX_HTTP_DICOM_USER_EMAIL,
    NGX_HTTP_DICOM_USER_HASH,
    NGX_HTTP_DICOM_USER_ROLES,
    NGX_HTTP_DICOM_USER_PHYSICIAN,
    NGX_HTTP_DICOM_USER_FACILITY,
    NGX_HTTP_DICOM_USER_FACILITY_NAME,
    NGX_HTTP_DICOM_USER_ACTIVE,
    NGX_HTTP_DICOM_USER_VERSION,
    NGX_HTTP_DICOM_USER_MUST_CHANGE,
    NGX_HTTP_DICOM_USER_EXPIRED
};


static void ngx_http_dicom_session_user(ngx_http_dicom_session_t *s,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_login_user(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_login_verified(ngx_http_request_t *r,
    ngx_int_t rc, const char *hash);
static ngx_int_t ngx_http_dicom_login_refused(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_login_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_token_user(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_me_user(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_mint(ngx_http_request_t *r,
    ngx_http_dicom_session_t *s, int64_t auth_time);
static ngx_int_t ngx_http_dicom_session_reply(ngx_http_request_t *r,
    ngx_http_dicom_session_t *s);
static void ngx_http_dicom_session_json(ngx_dicom_json_writer_t *w,
    ngx_http_dicom_session_t *s);


static const ngx_dicom_field_t  ngx_http_dicom_login_fields[] = {
    { ngx_string("username"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED,
      1, 128, offsetof(ngx_http_dicom_session_t, username) },
    { ngx_string("password"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED,
      1, 1024, offsetof(ngx_http_dicom_session_t, password) },
    ngx_dicom_null_field
};


/* POST /login */

ngx_int_t
ngx_http_dicom_login(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_dicom_db_query_t      *q;
    ngx_http_dicom_session_t  *s;

    s = ngx_http_dicom_session(r);
    if (s == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_bind(r, ngx_http_dicom_login_fields, s);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_strlow(s->username.data, s->username.data, s->username.len);

    q = ngx_dicom_db_query(r->pool, r->connection->log);

    ngx_http_dicom_lockout_keys(r, &s->username, &s->lockout);

    if (q == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_LOGIN_USER, 1, s->username.data)
           == NULL
        || ngx_http_dicom_lockout_look(q, &s->lockout) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    q->read_only = 1;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_login_user);
}


static ngx_int_t
ngx_http_dicom_login_user(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    ngx_dicom_db_step_t       *steps;
    ngx_http_dicom_session_t  *s;

    s = ngx_http_dicom_ctx(r)->data;

    ngx_http_dicom_session_user(s, q);

    steps = q->steps.elts;
    ngx_http_dicom_lockout_seen(steps[1].result, &s->lockout);

    if (s->lockout.wait) {
        ngx_explicit_memzero(s->password.data, s->password.len);

        return ngx_http_dicom_session_record(r, "login", "failure",
                                             ngx_http_dicom_session_locked);
    }

    /* an unknown or disabled user takes as long as a known one */

    return ngx_http_dicom_session_hash(r, &s->password,
                                       (s->known && s->active && !s->expired)
                                       ? (char *) s->hash.data : "",
                                       ngx_http_dicom_login_verified);
}


ngx_int_t
ngx_http_dicom_session_locked(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    ngx_http_dicom_session_t  *s = ngx_http_dicom_ctx(r)->data;

    return ngx_http_dicom_lockout_reply(r, s->lockout.wait);
}


static ngx_int_t
ngx_http_dicom_login_verified(ngx_http_request_t *r, ngx_int_t rc,
    const char *hash)
{
    ngx_http_dicom_session_t  *s;

    s = ngx_http_dicom_ctx(r)->data;

    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return ngx_http_dicom_session_count(r, "login", 1,
                                            ngx_http_dicom_login_refused);
    }

    if (ngx_http_dicom_mint(r, s, ngx_time()) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (s->lockout.counted) {
        return ngx_http_dicom_session_count(r, "login", 0,
                                            ngx_http_dicom_login_done);
    }

    return ngx_http_dicom_session_record(r, "login", "success",
                                         ngx_http_dicom_login_done);
}


/* One more failure, or none any more. */

ngx_int_t
ngx_http_dicom_session_count(ngx_http_request_t *r, const char *name,
    ngx_uint_t failed,
    ngx_int_t (*done)(ngx_http_request_t *r, ngx_dicom_db_query_t *q))
{
    ngx_int_t                  rc;
    ngx_dicom_audit_t          event;
    ngx_dicom_db_query_t      *q;
    ngx_http_dicom_session_t  *s;

    s = ngx_http_dicom_ctx(r)->data;

    q = ngx_dicom_db_query(r->pool, r->connection->log);
    if (q == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_dicom_session_event(r, &event, name,
                                 failed ? "failure" : "success");

    if (failed) {
        rc = ngx_http_dicom_lockout_count(q, &s->lockout);

    } else {
        rc = ngx_dicom_db_step(q, NGX_DICOM_STMT_LOGIN_FORGIVE, 1,
                               s->lockout.account)
             ? NGX_OK : NGX_ERROR;
    }

    if (rc != NGX_OK || ngx_http_dicom_audit_step(r, q, &event) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, done);
}


static ngx_int_t
ngx_http_dicom_login_refused(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    return ngx_http_dicom_problem(r, NGX_HTTP_UNAUTHORIZED,
                                  "invalid-credentials",
                                  "User name or password is wrong.", NULL);
}


static ngx_int_t
ngx_http_dicom_login_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    return ngx_http_dicom_session_reply(r, ngx_http_dicom_ctx(r)->data);
}


/* POST /token */

ngx_int_t
ngx_http_dicom_token(ngx_http_request_t *r)
{
    ngx_http_dicom_ctx_t  *ctx;

    ctx = ngx_http_dicom_ctx(r);

    if (ctx->claims.auth_time + NGX_DICOM_SESSION_LIFE <= (int64_t) ngx_time())
    {
        return ngx_http_dicom_no_renewal(r, "the session is too old: log in "
                                            "again");
    }

    if (ngx_http_dicom_session(r) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_session_read(r, NGX_DICOM_STMT_SESSION_USER,
                                       &ctx->claims.sub,
                                       ngx_http_dicom_token_user);
}


static ngx_int_t
ngx_http_dicom_token_user(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    ngx_int_t                  rc;
    ngx_http_dicom_ctx_t      *ctx;
    ngx_http_dicom_session_t  *s;

    rc = ngx_http_dicom_session_active(r, q);

    if (rc != NGX_OK) {
        return rc;
    }

    ctx = ngx_http_dicom_ctx(r);
    s = ctx->data;

    if (ngx_http_dicom_mint(r, s, ctx->claims.auth_time) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_session_reply(r, s);
}


/* GET /me */

ngx_int_t
ngx_http_dicom_me(ngx_http_request_t *r)
{
    if (ngx_http_dicom_session(r) == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_session_read(r, NGX_DICOM_STMT_SESSION_USER,
                                       &ngx_http_dicom_ctx(r)->claims.sub,
                                       ngx_http_dicom_me_user);
}


static ngx_int_t
ngx_http_dicom_me_user(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    ngx_int_t                  rc;
    ngx_dicom_json_writer_t   *w;
    ngx_http_dicom_session_t  *s;

    rc = ngx_http_dicom_session_active(r, q);

    if (rc != NGX_OK) {
        return rc;
    }

    s = ngx_http_dicom_ctx(r)->data;

    w = ngx_dicom_json_writer(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_dicom_session_json(w, s);

    return ngx_http_dicom_reply_json(r, NGX_HTTP_OK, w, s->version, NULL);
}


ngx_http_dicom_session_t *
ngx_http_dicom_session(ngx_http_request_t *r)
{
    ngx_http_dicom_ctx_t  *ctx = ngx_http_dicom_ctx(r);

    ctx->data = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_session_t));

    return ctx->data;
}


ngx_int_t
ngx_http_dicom_session_read(ngx_http_request_t *r, ngx_dicom_stmt_e stmt,
    const ngx_str_t *key,
    ngx_int_t (*done)(ngx_http_request_t *r, ngx_dicom_db_query_t *q))
{
    ngx_dicom_db_query_t  *q;

    q = ngx_dicom_db_query(r->pool, r->connection->log);

    /* strings of JSON end with a null character */

    if (q == NULL
        || ngx_dicom_db_step(q, stmt, 1, (char *) key->data) == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    q->read_only = 1;
    q->quick = 1;

    return ngx_http_dicom_query(r, q, done);
}


static void
ngx_http_dicom_session_user(ngx_http_dicom_session_t *s,
    ngx_dicom_db_query_t *q)
{
    PGresult             *res;
    ngx_str_t             text;
    ngx_dicom_db_step_t  *step;

    step = q->steps.elts;
    res = step->result;

    if (q->status != NGX_DICOM_DB_OK || res == NULL || PQntuples(res) != 1) {
        return;
    }

    s->known = 1;
    s->id = ngx_dicom_db_value(res, 0, NGX_HTTP_DICOM_USER_ID);
    s->login = ngx_dicom_db_value(res, 0, NGX_HTTP_DICOM_USER_USERNAME);
    s->name = ngx_dicom_db_value(res, 0, NGX_HTTP_DICOM_USER_NAME);
    s->email = ngx_dicom_db_value(res, 0, NGX_HTTP_DICOM_USER_EMAIL);
    s->hash = ngx_dicom_db_value(res, 0, NGX_HTTP_DICOM_USER_HASH);
    s->facility = ngx_dicom_db_value(res, 0, NGX_HTTP_DICOM_USER_FACILITY);
    s->facility_name = ngx_dicom_db_value(res, 0,
                                          NGX_HTTP_DICOM_USER_FACILITY_NAME);

    text = ngx_dicom_db_value(res, 0, NGX_HTTP_DICOM_USER_ROLES);
    s->roles = ngx_dicom_roles(&text);

    text = ngx_dicom_db_value(res, 0, NGX_HTTP_DICOM_USER_PHYSICIAN);
    s->physician = (text.len && text.data[0] == 't');

    text = ngx_dicom_db_value(res, 0, NGX_HTTP_DICOM_USER_ACTIVE);
    s->active = (text.len && text.data[0] == 't');

    text = ngx_dicom_db_value(res, 0, NGX_HTTP_DICOM_USER_VERSION);
    s->version = ngx_atoi(text.data, text.len);

    text = ngx_dicom_db_value(res, 0, NGX_HTTP_DICOM_USER_MUST_CHANGE);
    s->must_change = (text.len && text.data[0] == 't');

    text = ngx_dicom_db_value(res, 0, NGX_HTTP_DICOM_USER_EXPIRED);
    s->expired = (text.len && text.data[0] == 't');

    if (s->must_change) {
        s->roles = 0;
        s->physician = 0;
    }

    /* nobody logs in without a password */

    if (s->hash.len == 0) {
        s->active = 0;
    }
}


ngx_int_t
ngx_http_dicom_session_active(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    ngx_http_dicom_session_t  *s;

    s = ngx_http_dicom_ctx(r)->data;

    ngx_http_dicom_session_user(s, q);

    if (!s->known || !s->active) {
        return (ngx_http_dicom_ctx(r)->route->flags & NGX_HTTP_DICOM_RENEWAL)
               ? ngx_http_dicom_no_renewal(r, "the account is disabled")
               : ngx_http_dicom_unauthorized(r, "the account is disabled");
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_session_hash(ngx_http_request_t *r, ngx_str_t *password,
    const char *stored, ngx_http_dicom_hash_pt done)
{
    ngx_int_t  rc;

    rc = ngx_http_dicom_hash(r, password, stored, done);

    ngx_explicit_memzero(password->data, password->len);

    return rc;
}


void
ngx_http_dicom_session_event(ngx_http_request_t *r, ngx_dicom_audit_t *event,
    const char *name, const char *outcome)
{
    ngx_http_dicom_session_t  *s;

    s = ngx_http_dicom_ctx(r)->data;

    ngx_http_dicom_audit_event(r, event, name);

    event->outcome = outcome;
    event->user_name = s->username;

    if (s->known) {
        event->user = s->id;
        event->user_name = s->login;
        event->roles = s->roles;
    }
}


ngx_int_t
ngx_http_dicom_session_record(ngx_http_request_t *r, const char *event,
    const char *outcome,
    ngx_int_t (*done)(ngx_http_request_t *r, ngx_dicom_db_query_t *q))
{
    ngx_dicom_audit_t  e;

    ngx_http_dicom_session_event(r, &e, event, outcome);

    return ngx_http_dicom_audit_write(r, &e, NULL, done);
}


static ngx_int_t
ngx_http_dicom_mint(ngx_http_request_t *r, ngx_http_dicom_session_t *s,
    int64_t auth_time)
{
    ngx_int_t            rc;
    ngx_dicom_claims_t   claims;
    ngx_dicom_runtime_t  rt;

    ngx_memzero(&claims, sizeof(ngx_dicom_claims_t));

    claims.sub = s->id;
    claims.name = s->name;
    claims.facility = s->facility;
    claims.roles = s->roles;
    claims.physician = s->physician;
    claims.iat = ngx_time();
    claims.auth_time = auth_time;

    if (ngx_dicom_uuid(r->pool, &claims.jti) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_dicom_runtime(r, &rt);

    claims.exp = ngx_min(claims.iat + (int64_t) rt.token_life,
                         auth_time + NGX_DICOM_SESSION_LIFE);
    s->expires_in = claims.exp - claims.iat;

    rc = ngx_dicom_jwt_sign(r->pool, &rt.keys, &claims, &s->token);

    ngx_explicit_memzero(&rt.keys, sizeof(ngx_dicom_keys_t));

    if (rc != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "a token could not be signed");
    }

    return rc;
}


static ngx_int_t
ngx_http_dicom_session_reply(ngx_http_request_t *r, ngx_http_dicom_session_t *s)
{
    ngx_dicom_json_writer_t  *w;

    w = ngx_dicom_json_writer(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_dicom_json_object(w);
    ngx_dicom_json_key(w, "token");
    ngx_dicom_json_string(w, &s->token);
    ngx_dicom_json_key(w, "expires_in");
    ngx_dicom_json_integer(w, s->expires_in);
    ngx_dicom_json_key(w, "user");
    ngx_http_dicom_session_json(w, s);
    ngx_dicom_json_end_object(w);

    return ngx_http_dicom_reply_json(r, NGX_HTTP_OK, w, 0, NULL);
}


static void
ngx_http_dicom_session_json(ngx_dicom_json_writer_t *w,
    ngx_http_dicom_session_t *s)
{
    ngx_uint_t  bit;

    ngx_dicom_json_object(w);
    ngx_dicom_json_key(w, "id");
    ngx_dicom_json_string(w, &s->id);
    ngx_dicom_json_key(w, "username");
    ngx_dicom_json_string(w, &s->login);
    ngx_dicom_json_key(w, "name");
    ngx_dicom_json_string(w, &s->name);
    ngx_dicom_json_key(w, "email");

    if (s->email.len) {
        ngx_dicom_json_string(w, &s->email);

    } else {
        ngx_dicom_json_null(w);
    }

    ngx_dicom_json_key(w, "roles");
    ngx_dicom_json_array(w);

    for (bit = 1; ngx_dicom_role_name(bit); bit <<= 1) {
        if (s->roles & bit) {
            ngx_dicom_json_cstring(w, ngx_dicom_role_name(bit));
        }
    }

    ngx_dicom_json_end_array(w);

    ngx_dicom_json_key(w, "physician");
    ngx_dicom_json_bool(w, s->physician);
    ngx_dicom_json_key(w, "facility");

    if (s->facility.len) {
        ngx_dicom_json_object(w);
        ngx_dicom_json_key(w, "id");
        ngx_dicom_json_string(w, &s->facility);
        ngx_dicom_json_key(w, "name");
        ngx_dicom_json_string(w, &s->facility_name);
        ngx_dicom_json_end_object(w);

    } else {
        ngx_dicom_json_null(w);
    }

    ngx_dicom_json_key(w, "must_change_password");
    ngx_dicom_json_bool(w, s->must_change);
    ngx_dicom_json_key(w, "version");
    ngx_dicom_json_integer(w, s->version);
    ngx_dicom_json_end_object(w);
}
