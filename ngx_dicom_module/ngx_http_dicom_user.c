
/*
 * Users, physicians among them.  Administrators manage all of them, facility
 * administrators those of their own facility that are no administrators or
 * auditors.
 */


#include "ngx_http_dicom_toplevel.h"
#include "ngx_http_dicom_resource.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_audit.h"
#include "ngx_http_dicom_hash.h"
#include "ngx_http_dicom_lockout.h"
#include "ngx_http_dicom_op.h"

#include <openssl/rand.h>


#define NGX_HTTP_DICOM_MIN_PASSWORD  10
#define NGX_HTTP_DICOM_MAX_PASSWORD  1024
#define NGX_HTTP_DICOM_ONE_TIME      16    /* letters: 79 bits */

/* Roles that only an administrator gives or takes. */
#define NGX_HTTP_DICOM_HIGH_ROLES                                             \
    (NGX_DICOM_ROLE_ADMIN|NGX_DICOM_ROLE_FACILITY_ADMIN                       \
     |NGX_DICOM_ROLE_AUDITOR)


typedef struct {
    ngx_str_t           username;
    ngx_str_t           password;
    ngx_str_t           name;
    ngx_str_t           email;
    ngx_dicom_json_t   *roles;
    ngx_int_t           physician;
    ngx_str_t           facility;
    ngx_int_t           active;
} ngx_http_dicom_user_t;


static ngx_int_t ngx_http_dicom_user_values(ngx_http_dicom_op_t *op);
static ngx_int_t ngx_http_dicom_user_roles(ngx_http_dicom_op_t *op,
    ngx_uint_t *roles);
static ngx_int_t ngx_http_dicom_user_name(ngx_http_dicom_op_t *op);
static ngx_int_t ngx_http_dicom_user_may(ngx_http_request_t *r, PGresult *res,
    int row, ngx_uint_t change);
static ngx_int_t ngx_http_dicom_user_again(ngx_http_request_t *r,
    ngx_http_dicom_op_t *op, PGresult *res);
static ngx_int_t ngx_http_dicom_user_again_stored(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_user_again_done(ngx_http_request_t *r,
    ngx_int_t rc, const char *hash);
static ngx_int_t ngx_http_dicom_user_create_hashed(ngx_http_request_t *r,
    ngx_int_t rc, const char *hash);
static ngx_int_t ngx_http_dicom_user_change_hashed(ngx_http_request_t *r,
    ngx_int_t rc, const char *hash);
static ngx_int_t ngx_http_dicom_user_reset_hashed(ngx_http_request_t *r,
    ngx_int_t rc, const char *hash);
static ngx_int_t ngx_http_dicom_user_reset_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_user_reset_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_user_hash(ngx_http_request_t *r,
    const char *stored, ngx_http_dicom_hash_pt done);
static ngx_int_t ngx_http_dicom_user_hash_copy(ngx_http_request_t *r,
    const char *hash, ngx_str_t *copy);
static ngx_uint_t ngx_http_dicom_user_same_id(const ngx_str_t *one,
    const ngx_str_t *two);


static const ngx_http_dicom_column_t  ngx_http_dicom_user_columns[] = {
    { "id", NGX_HTTP_DICOM_C_TEXT, 0, NULL },
    { "username", NGX_HTTP_DICOM_C_TEXT, 1, NULL },
    { "name", NGX_HTTP_DICOM_C_TEXT, 1, NULL },
    { "email", NGX_HTTP_DICOM_C_MAYBE, 1, NULL },
    { "roles", NGX_HTTP_DICOM_C_WORDS, 1, NULL },
    { "physician", NGX_HTTP_DICOM_C_BOOL, 1, NULL },
    { "facility", NGX_HTTP_DICOM_C_TEXT, 1, NULL },
    { "active", NGX_HTTP_DICOM_C_BOOL, 1, NULL },
    { "version", NGX_HTTP_DICOM_C_INTEGER, 0, NULL },
    { "created_at", NGX_HTTP_DICOM_C_TIME, 0, NULL },
    { "updated_at", NGX_HTTP_DICOM_C_TIME, 0, NULL },
    { "created_as", NGX_HTTP_DICOM_C_HIDDEN, 0, NULL },
    { NULL, 0, 0, NULL }
};

static const ngx_dicom_field_t  ngx_http_dicom_user_fields[] = {
    { ngx_string("username"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED, 1, 64,
      offsetof(ngx_http_dicom_user_t, username) },
    { ngx_string("password"), NGX_DICOM_F_STRING, 0,
      NGX_HTTP_DICOM_MIN_PASSWORD, NGX_HTTP_DICOM_MAX_PASSWORD,
      offsetof(ngx_http_dicom_user_t, password) },
    { ngx_string("name"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED, 1, 200,
      offsetof(ngx_http_dicom_user_t, name) },
    { ngx_string("email"), NGX_DICOM_F_EMAIL, NGX_DICOM_F_NULLABLE, 3, 254,
      offsetof(ngx_http_dicom_user_t, email) },
    { ngx_string("roles"), NGX_DICOM_F_ARRAY, NGX_DICOM_F_REQUIRED, 0, 8,
      offsetof(ngx_http_dicom_user_t, roles) },
    { ngx_string("physician"), NGX_DICOM_F_BOOL, 0, 0, 0,
      offsetof(ngx_http_dicom_user_t, physician) },
    { ngx_string("facility"), NGX_DICOM_F_UUID, NGX_DICOM_F_NULLABLE, 0, 0,
      offsetof(ngx_http_dicom_user_t, facility) },
    { ngx_string("active"), NGX_DICOM_F_BOOL, 0, 0, 0,
      offsetof(ngx_http_dicom_user_t, active) },
    ngx_dicom_null_field
};

static const ngx_http_dicom_conflict_t  ngx_http_dicom_user_conflicts[] = {
    { "users_username_key", NGX_HTTP_CONFLICT, "username",
      "is another user's" },
    { "users_facility_fkey", 422, "facility", "is no facility" },
    { NULL, 0, NULL, NULL }
};

static const ngx_http_dicom_resource_t  ngx_http_dicom_user = {
    "user",
    "/api/v1/users/",
    ngx_http_dicom_user_columns,
    ngx_http_dicom_user_fields,
    sizeof(ngx_http_dicom_user_t),
    9,
    NULL,
    0,
    ngx_http_dicom_user_conflicts,
    "password",
    0,
    1,
    NGX_DICOM_STMT_USER_GET,
    NGX_DICOM_STMT_USER_LOCK,
    NGX_DICOM_STMT_USER_INSERT,
    NGX_DICOM_STMT_USER_UPDATE,
    NGX_DICOM_STMT_USER_END,
    ngx_http_dicom_user_values,
    ngx_http_dicom_user_may,
    ngx_http_dicom_user_again,
    NULL
};

static const ngx_http_dicom_list_t  ngx_http_dicom_users = {
    ngx_http_dicom_user_columns, NGX_DICOM_STMT_USER_LIST, 1, "t",
    { "", NULL, NULL, NULL }, "user-list"
};


static ngx_int_t
ngx_http_dicom_user_values(ngx_http_dicom_op_t *op)
{
    ngx_str_t               texts[2];
    ngx_uint_t              roles;
    ngx_pool_t             *pool = op->request->pool;
    ngx_http_dicom_ctx_t   *ctx;
    ngx_http_dicom_user_t  *in = op->input;

    ctx = ngx_http_dicom_ctx(op->request);

    if (ngx_http_dicom_user_name(op) == NGX_ERROR
        || ngx_http_dicom_user_roles(op, &roles) == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    if (op->errors.nelts) {
        return NGX_DECLINED;
    }

    if (!(ctx->claims.roles & NGX_DICOM_ROLE_ADMIN)
        && ((roles & NGX_HTTP_DICOM_HIGH_ROLES)
            || !ngx_http_dicom_user_same_id(&in->facility,
                                            &ctx->claims.facility)))
    {
        op->forbidden = 1;
        return NGX_DECLINED;
    }

    if (in->physician == NGX_CONF_UNSET) {
        in->physician = (roles & NGX_DICOM_ROLE_PHYSICIAN) ? 1 : 0;
    }

    op->values[1] = ngx_http_dicom_resource_text(pool, &in->name);
    op->values[2] = in->email.len
                    ? ngx_http_dicom_resource_text(pool, &in->email) : "";
    op->values[4] = in->physician ? "t" : "f";
    op->values[5] = in->facility.len
                    ? ngx_http_dicom_resource_text(pool, &in->facility) : NULL;
    op->values[6] = in->active ? "t" : "f";
    op->values[8] = op->password_hash.len ? (char *) op->password_hash.data
                                          : NULL;

    if (op->values[1] == NULL || op->values[2] == NULL) {
        return NGX_ERROR;
    }

    texts[0] = in->name;
    texts[1] = in->username;

    return ngx_http_dicom_resource_search(pool, texts, 2, &op->values[7]);
}


/* Lower case, so that nobody can call himself "Mara" beside "mara". */
static ngx_int_t
ngx_http_dicom_user_name(ngx_http_dicom_op_t *op)
{
    size_t                  i;
    u_char                  ch, *name;
    ngx_http_dicom_user_t  *in = op->input;

    name = ngx_pnalloc(op->request->pool, in->username.len + 1);
    if (name == NULL) {
        return NGX_ERROR;
    }

    ngx_strlow(name, in->username.data, in->username.len);
    name[in->username.len] = '\0';

    op->values[0] = (const char *) name;

    for (i = 0; i < in->username.len; i++) {
        ch = name[i];

        if ((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9')
            || ch == '.' || ch == '_' || ch == '-' || ch == '@')
        {
            continue;
        }

        return ngx_http_dicom_resource_error(op, "username",
                                             "must be letters a to z, digits "
                                             "and .-_@");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_user_roles(ngx_http_dicom_op_t *op, ngx_uint_t *roles)
{
    u_char                  *p;
    u_char                   field[sizeof("roles[]") + NGX_INT_T_LEN];
    ngx_uint_t               n, bit;
    const ngx_dicom_json_t  *element;
    ngx_http_dicom_user_t   *in = op->input;

    *roles = 0;
    n = 0;

    for (element = in->roles->first; element; element = element->next, n++) {

        bit = element->type == NGX_DICOM_JSON_STRING
              ? ngx_dicom_role(&element->string) : 0;

        if (bit == 0 || bit > NGX_DICOM_ROLE_AUDITOR) {
            (void) ngx_sprintf(field, "roles[%ui]%Z", n);

            if (ngx_http_dicom_resource_error(op, (const char *) field,
                                              "is no role")
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }

        *roles |= bit;
    }

    p = ngx_pnalloc(op->request->pool, 128);
    if (p == NULL) {
        return NGX_ERROR;
    }

    op->values[3] = (const char *) p;
    *p = '\0';

    for (bit = 1; bit <= NGX_DICOM_ROLE_AUDITOR; bit <<= 1) {
        if (*roles & bit) {
            p = ngx_sprintf(p, "%s%s", (char *) p == op->values[3] ? "" : " ",
                            ngx_dicom_role_name(bit));
            *p = '\0';
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_user_may(ngx_http_request_t *r, PGresult *res, int row,
    ngx_uint_t change)
{
    ngx_str_t              facility, roles;
    ngx_http_dicom_ctx_t  *ctx;

    ctx = ngx_http_dicom_ctx(r);

    if (ctx->claims.roles & NGX_DICOM_ROLE_ADMIN) {
        return NGX_OK;
    }

    facility = ngx_dicom_db_value(res, row,
                   ngx_http_dicom_resource_column(ngx_http_dicom_user_columns,
                                                  "facility"));
    roles = ngx_dicom_db_value(res, row,
                   ngx_http_dicom_resource_column(ngx_http_dicom_user_columns,
                                                  "roles"));

    if (!ngx_http_dicom_user_same_id(&facility, &ctx->claims.facility)
        || (change && (ngx_dicom_roles(&roles) & NGX_HTTP_DICOM_HIGH_ROLES)))
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_uint_t
ngx_http_dicom_user_same_id(const ngx_str_t *one, const ngx_str_t *two)
{
    return one->len != 0 && one->len == two->len
           && ngx_strncasecmp(one->data, two->data, one->len) == 0;
}


ngx_int_t
ngx_http_dicom_user_list(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    ngx_str_t              asked;
    const char            *params[3];
    ngx_http_dicom_ctx_t  *ctx;
    static const char     *known[] = { "q", "facility", "active", "limit",
                                       "cursor", NULL };

    rc = ngx_http_dicom_args_known(r, known);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_arg_active(r, &params[0]);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_arg_search(r, &params[1]);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_arg_uuid(r, "facility", &params[2]);

    if (rc != NGX_OK) {
        return rc;
    }

    /* others than administrators see the users of their own facility */

    ctx = ngx_http_dicom_ctx(r);

    if (!(ctx->claims.roles & NGX_DICOM_ROLE_ADMIN)) {

        if (params[2] != NULL) {
            asked.data = (u_char *) params[2];
            asked.len = ngx_strlen(params[2]);
        }

        if (ctx->claims.facility.len == 0
            || (params[2] != NULL
                && !ngx_http_dicom_user_same_id(&asked,
                                                &ctx->claims.facility)))
        {
            return ngx_http_dicom_refuse(r, "other-facility", NULL);
        }

        params[2] = ngx_http_dicom_resource_text(r->pool,
                                                 &ctx->claims.facility);
        if (params[2] == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_http_dicom_resource_list(r, &ngx_http_dicom_users, 3, params);
}


ngx_int_t
ngx_http_dicom_user_create(ngx_http_request_t *r)
{
    ngx_dicom_json_t  *password;

    password = ngx_dicom_json_get(ngx_http_dicom_ctx(r)->body, "password");

    if (password == NULL) {
        return ngx_http_dicom_invalid(r, "password", "is required");
    }

    return ngx_http_dicom_user_hash(r, NULL,
                                    ngx_http_dicom_user_create_hashed);
}


static ngx_int_t
ngx_http_dicom_user_create_hashed(ngx_http_request_t *r, ngx_int_t rc,
    const char *hash)
{
    ngx_str_t  copy;

    if (rc != NGX_OK
        || ngx_http_dicom_user_hash_copy(r, hash, &copy) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_resource_create(r, &ngx_http_dicom_user, &copy);
}


/* The same body again, but for the password, which no digest may hold. */
static ngx_int_t
ngx_http_dicom_user_again(ngx_http_request_t *r, ngx_http_dicom_op_t *op,
    PGresult *res)
{
    ngx_dicom_db_query_t  *q;

    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (q == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_SESSION_USER, 1, op->id.data)
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    q->read_only = 1;
    ngx_http_dicom_ctx(r)->data = res;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_user_again_stored);
}


static ngx_int_t
ngx_http_dicom_user_again_stored(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q)
{
    PGresult             *res;
    ngx_dicom_db_step_t  *steps;

    steps = q->steps.elts;
    res = steps[0].result;

    if (q->status != NGX_DICOM_DB_OK || res == NULL || PQntuples(res) == 0) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_user_hash(r,
                            PQgetvalue(res, 0, PQfnumber(res, "password_hash")),
                            ngx_http_dicom_user_again_done);
}


static ngx_int_t
ngx_http_dicom_user_again_done(ngx_http_request_t *r, ngx_int_t rc,
    const char *hash)
{
    if (rc == NGX_ERROR) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (rc != NGX_OK) {
        return ngx_http_dicom_problem(r, NGX_HTTP_CONFLICT, "id-conflict",
                                      "The id is taken by something else.",
                                      NULL);
    }

    return ngx_http_dicom_resource_reply(r, NGX_HTTP_OK, &ngx_http_dicom_user,
                                         ngx_http_dicom_ctx(r)->data, 0);
}


ngx_int_t
ngx_http_dicom_user_read(ngx_http_request_t *r)
{
    return ngx_http_dicom_resource_read(r, &ngx_http_dicom_user);
}


ngx_int_t
ngx_http_dicom_user_change(ngx_http_request_t *r)
{
    ngx_dicom_json_t  *password;

    password = ngx_dicom_json_get(ngx_http_dicom_ctx(r)->body, "password");

    if (password == NULL) {
        return ngx_http_dicom_resource_change(r, &ngx_http_dicom_user, NULL);
    }

    return ngx_http_dicom_user_hash(r, NULL,
                                    ngx_http_dicom_user_change_hashed);
}


static ngx_int_t
ngx_http_dicom_user_change_hashed(ngx_http_request_t *r, ngx_int_t rc,
    const char *hash)
{
    ngx_str_t  copy;

    if (rc != NGX_OK
        || ngx_http_dicom_user_hash_copy(r, hash, &copy) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_resource_change(r, &ngx_http_dicom_user, &copy);
}


ngx_int_t
ngx_http_dicom_user_end(ngx_http_request_t *r)
{
    return ngx_http_dicom_resource_end(r, &ngx_http_dicom_user);
}


/* POST /users/{id}/reset: a password that is good for one day, and for nothing
   but to be changed. */

ngx_int_t
ngx_http_dicom_user_reset(ngx_http_request_t *r)
{
    u_char               random[NGX_HTTP_DICOM_ONE_TIME];
    ngx_str_t           *password;
    ngx_uint_t           i;
    static const u_char  letters[] = "abcdefghjkmnpqrstuvwxyz23456789";

    password = ngx_palloc(r->pool, sizeof(ngx_str_t));
    if (password == NULL
        || RAND_bytes(random, NGX_HTTP_DICOM_ONE_TIME) != 1)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    password->len = NGX_HTTP_DICOM_ONE_TIME;
    password->data = ngx_pnalloc(r->pool, password->len);
    if (password->data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* 31 letters: about 4.95 bits each, the bias of the first eight is small */

    for (i = 0; i < password->len; i++) {
        password->data[i] = letters[random[i] % (sizeof(letters) - 1)];
    }

    ngx_http_dicom_ctx(r)->data = password;

    return ngx_http_dicom_hash(r, password, NULL,
                               ngx_http_dicom_user_reset_hashed);
}


static ngx_int_t
ngx_http_dicom_user_reset_hashed(ngx_http_request_t *r, ngx_int_t rc,
    const char *hash)
{
    ngx_str_t              *password;
    ngx_dicom_db_step_t    *step;
    ngx_http_dicom_op_t    *op;
    ngx_dicom_db_query_t   *q;
    ngx_http_dicom_user_t  *in;

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    password = ngx_http_dicom_ctx(r)->data;

    op = ngx_http_dicom_op(r, &ngx_http_dicom_user, &q);
    if (op == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    in = op->input;
    in->password = *password;

    rc = ngx_http_dicom_resource_id(r, &op->id);

    if (rc != NGX_OK) {
        return rc;
    }

    step = ngx_dicom_db_step(q, NGX_DICOM_STMT_USER_LOCK, 2, op->id.data,
                             op->event.data);
    if (step == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    step->check = ngx_http_dicom_user_reset_check;

    if (ngx_dicom_db_step(q, NGX_DICOM_STMT_USER_RESET, 2, op->id.data, hash)
        == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_LOGIN_FORGIVE, 1, "") == NULL
        || ngx_http_dicom_op_audit(op, q, "reset") != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_user_reset_done);
}


static ngx_int_t
ngx_http_dicom_user_reset_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    u_char                key[64 + 1];
    ngx_str_t             value;
    ngx_http_request_t   *r = q->data;
    ngx_dicom_db_step_t  *steps;
    ngx_http_dicom_op_t  *op;

    op = ngx_http_dicom_ctx(r)->data;
    steps = q->steps.elts;

    op->missing = PQntuples(res) == 0;
    op->forbidden = !op->missing
                    && ngx_http_dicom_user_may(r, res, 0, 1) != NGX_OK;

    if (op->missing || op->forbidden) {
        return NGX_DECLINED;
    }

    value = ngx_dicom_db_value(res, 0, PQnfields(res) - 1);

    if (value.len == 1 && value.data[0] == 't') {
        return NGX_DONE;
    }

    value = ngx_dicom_db_value(res, 0, 1);
    ngx_http_dicom_lockout_account(&value, key);

    return ngx_dicom_db_param(q, &steps[2], 0, (char *) key);
}


static ngx_int_t
ngx_http_dicom_user_reset_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    ngx_http_dicom_op_t      *op;
    ngx_http_dicom_user_t    *in;
    ngx_dicom_json_writer_t  *w;

    op = ngx_http_dicom_ctx(r)->data;

    if (q->status != NGX_DICOM_DB_OK) {
        return ngx_http_dicom_op_refused(op, q);
    }

    w = ngx_dicom_json_writer(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    in = op->input;

    ngx_dicom_json_object(w);
    ngx_dicom_json_key(w, "password");
    ngx_dicom_json_string(w, &in->password);
    ngx_dicom_json_key(w, "expires_in");
    ngx_dicom_json_integer(w, 86400);
    ngx_dicom_json_end_object(w);

    return ngx_http_dicom_reply_json(r, NGX_HTTP_OK, w, 0, NULL);
}


/* The body's password: hashed (stored NULL), or compared with stored. */
static ngx_int_t
ngx_http_dicom_user_hash(ngx_http_request_t *r, const char *stored,
    ngx_http_dicom_hash_pt done)
{
    ngx_dicom_json_t  *password;

    password = ngx_dicom_json_get(ngx_http_dicom_ctx(r)->body, "password");

    if (password->type != NGX_DICOM_JSON_STRING
        || password->string.len < NGX_HTTP_DICOM_MIN_PASSWORD
        || password->string.len > NGX_HTTP_DICOM_MAX_PASSWORD)
    {
        return ngx_http_dicom_invalid(r, "password",
                                      "must be a string of 10 to 1024 bytes");
    }

    return ngx_http_dicom_hash(r, &password->string, stored, done);
}


/* The hash goes when done returns, the transaction comes later. */
static ngx_int_t
ngx_http_dicom_user_hash_copy(ngx_http_request_t *r, const char *hash,
    ngx_str_t *copy)
{
    copy->len = ngx_strlen(hash);
    copy->data = ngx_pnalloc(r->pool, copy->len + 1);
    if (copy->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(copy->data, hash, copy->len + 1);

    return NGX_OK;
}
