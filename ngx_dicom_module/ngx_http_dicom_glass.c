
/*
 * Break-glass: a token of the role "emergency" for another facility.
 */


#include "ngx_http_dicom_glass.h"
#include "ngx_http_dicom_audit.h"
#include "ngx_http_dicom_record.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_route.h"
#include "ngx_dicom_uid.h"


#define NGX_HTTP_DICOM_GLASS_LIFE     900    /* seconds */
#define NGX_HTTP_DICOM_GLASS_PATIENT  10     /* parameter of AUDIT_TOPLEVEL */


/* Columns of GLASS_CHECK, and of STUDY_CHECK. */
enum { G_FACILITY = 0, G_USER, G_PATIENT };
enum { S_OWNER_ID = 0, S_OWNER_ISSUER };


typedef struct {
    ngx_str_t    facility;
    ngx_str_t    issuer;
    ngx_str_t    patient_id;
    ngx_str_t    study;
    ngx_str_t    reason;
    ngx_uint_t   no_facility;
    ngx_uint_t   no_user;
    ngx_str_t    patient;        /* "issuer|patient_id" */
} ngx_http_dicom_glass_t;


static ngx_int_t ngx_http_dicom_glass_query(ngx_http_request_t *r,
    ngx_http_dicom_glass_t *glass);
static ngx_int_t ngx_http_dicom_glass_event(ngx_http_request_t *r,
    ngx_http_dicom_glass_t *glass, ngx_dicom_audit_t *event);
static ngx_int_t ngx_http_dicom_glass_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_glass_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_glass_study(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_glass_mint(ngx_http_request_t *r,
    ngx_http_dicom_glass_t *glass, ngx_str_t *token, int64_t *life);


static const ngx_dicom_field_t  ngx_http_dicom_glass_fields[] = {
    { ngx_string("facility"), NGX_DICOM_F_UUID, NGX_DICOM_F_REQUIRED, 0, 0,
      offsetof(ngx_http_dicom_glass_t, facility) },
    { ngx_string("issuer"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED, 1, 64,
      offsetof(ngx_http_dicom_glass_t, issuer) },
    { ngx_string("patient_id"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED,
      1, 64, offsetof(ngx_http_dicom_glass_t, patient_id) },
    { ngx_string("study"), NGX_DICOM_F_STRING, NGX_DICOM_F_NULLABLE, 1, 64,
      offsetof(ngx_http_dicom_glass_t, study) },
    { ngx_string("reason"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED,
      10, 400, offsetof(ngx_http_dicom_glass_t, reason) },
    ngx_dicom_null_field
};


ngx_int_t
ngx_http_dicom_break_glass(ngx_http_request_t *r)
{
    ngx_int_t                rc;
    ngx_http_dicom_ctx_t    *ctx;
    ngx_http_dicom_glass_t  *glass;

    glass = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_glass_t));
    if (glass == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ctx = ngx_http_dicom_ctx(r);
    ctx->data = glass;

    rc = ngx_http_dicom_bind(r, ngx_http_dicom_glass_fields, glass);

    if (rc != NGX_OK) {
        return rc;
    }

    if (glass->study.len && ngx_dicom_uid_check(&glass->study) != NGX_OK) {
        return ngx_http_dicom_invalid(r, "study", "must be a UID");
    }

    if (ngx_strlchr(glass->issuer.data,
                    glass->issuer.data + glass->issuer.len, '|'))
    {
        return ngx_http_dicom_invalid(r, "issuer", "must have no bar in it");
    }

    if (glass->facility.len == ctx->claims.facility.len
        && ngx_strncasecmp(glass->facility.data, ctx->claims.facility.data,
                           glass->facility.len)
           == 0)
    {
        return ngx_http_dicom_invalid(r, "facility", "is your own");
    }

    return ngx_http_dicom_glass_query(r, glass);
}


static ngx_int_t
ngx_http_dicom_glass_query(ngx_http_request_t *r,
    ngx_http_dicom_glass_t *glass)
{
    ngx_dicom_audit_t      event;
    ngx_dicom_db_step_t   *step;
    ngx_dicom_db_query_t  *q;

    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (q == NULL || ngx_http_dicom_glass_event(r, glass, &event) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* strings of JSON and of tokens end with a null character */

    step = ngx_dicom_db_step(q, NGX_DICOM_STMT_GLASS_CHECK, 4,
                             glass->facility.data, event.user.data,
                             glass->issuer.data, glass->patient_id.data);
    if (step == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    step->check = ngx_http_dicom_glass_check;

    if (ngx_http_dicom_audit_step(r, q, &event) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_glass_done);
}


static ngx_int_t
ngx_http_dicom_glass_event(ngx_http_request_t *r,
    ngx_http_dicom_glass_t *glass, ngx_dicom_audit_t *event)
{
    u_char  *p;

    ngx_http_dicom_audit_event(r, event, "break-glass");

    p = ngx_pnalloc(r->pool, glass->issuer.len + glass->patient_id.len + 2);
    if (p == NULL) {
        return NGX_ERROR;
    }

    glass->patient.data = p;
    glass->patient.len = ngx_sprintf(p, "%V|%V", &glass->issuer,
                                     &glass->patient_id)
                         - p;
    p[glass->patient.len] = '\0';

    p = ngx_pnalloc(r->pool, glass->facility.len + glass->reason.len
                             + sizeof("facility : ") - 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    event->detail.data = p;
    event->detail.len = ngx_sprintf(p, "facility %V: %V", &glass->facility,
                                    &glass->reason)
                        - p;
    event->object = glass->study.len ? glass->study : glass->patient;

    return NGX_OK;
}


/* The patient, when the top level knows the number, has it in the log. */

static ngx_int_t
ngx_http_dicom_glass_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    ngx_str_t                patient;
    const char              *array;
    ngx_dicom_db_step_t     *steps;
    ngx_http_dicom_glass_t  *glass;

    glass = ngx_http_dicom_ctx((ngx_http_request_t *) q->data)->data;

    glass->no_facility = *PQgetvalue(res, 0, G_FACILITY) != 't';
    glass->no_user = *PQgetvalue(res, 0, G_USER) != 't';

    if (glass->no_facility || glass->no_user) {
        return NGX_DECLINED;
    }

    patient = ngx_dicom_db_value(res, 0, G_PATIENT);
    array = ngx_dicom_db_text_array(q->pool, &patient, 1);

    steps = q->steps.elts;

    return array ? ngx_dicom_db_param(q, &steps[1],
                                      NGX_HTTP_DICOM_GLASS_PATIENT, array)
                 : NGX_ERROR;
}


static ngx_int_t
ngx_http_dicom_glass_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    int64_t                   life;
    ngx_str_t                 token;
    ngx_dicom_json_writer_t  *w;
    ngx_http_dicom_glass_t   *glass;

    glass = ngx_http_dicom_ctx(r)->data;

    if (glass->no_user) {
        return ngx_http_dicom_unauthorized(r, "the account is disabled");
    }

    if (q->status != NGX_DICOM_DB_OK) {
        return ngx_http_dicom_invalid(r, "facility", "is no facility");
    }

    w = ngx_dicom_json_writer(r->pool);

    if (w == NULL
        || ngx_http_dicom_glass_mint(r, glass, &token, &life) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_dicom_json_object(w);
    ngx_dicom_json_key(w, "token");
    ngx_dicom_json_string(w, &token);
    ngx_dicom_json_key(w, "expires_in");
    ngx_dicom_json_integer(w, life);
    ngx_dicom_json_end_object(w);

    return ngx_http_dicom_reply_json(r, NGX_HTTP_OK, w, 0, NULL);
}


static ngx_int_t
ngx_http_dicom_glass_mint(ngx_http_request_t *r,
    ngx_http_dicom_glass_t *glass, ngx_str_t *token, int64_t *life)
{
    ngx_int_t             rc;
    ngx_dicom_claims_t    claims, *own;
    ngx_dicom_runtime_t   rt;

    own = &ngx_http_dicom_ctx(r)->claims;

    ngx_memzero(&claims, sizeof(ngx_dicom_claims_t));

    claims.sub = own->sub;
    claims.name = own->name;
    claims.physician = own->physician;
    claims.roles = NGX_DICOM_ROLE_EMERGENCY;
    claims.facility = glass->facility;
    claims.patient = glass->patient;
    claims.study = glass->study;
    claims.iat = ngx_time();
    claims.auth_time = own->auth_time;
    claims.exp = ngx_min(claims.iat + NGX_HTTP_DICOM_GLASS_LIFE,
                         own->auth_time + NGX_DICOM_SESSION_LIFE);
    *life = claims.exp - claims.iat;

    if (ngx_dicom_uuid(r->pool, &claims.jti) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_http_dicom_runtime(r, &rt);

    rc = ngx_dicom_jwt_sign(r->pool, &rt.keys, &claims, token);

    ngx_explicit_memzero(&rt.keys, sizeof(ngx_dicom_keys_t));

    return rc;
}


ngx_int_t
ngx_http_dicom_glass_handle(ngx_http_request_t *r)
{
    char                  *study;
    ngx_dicom_claims_t    *claims;
    ngx_dicom_db_query_t  *q;
    ngx_http_dicom_ctx_t  *ctx;

    ctx = ngx_http_dicom_ctx(r);
    claims = &ctx->claims;

    /* of routes without a study in the path, one names it in its body: POST
       stacks; the list names the patient, and a stack is one's own */

    if (!(claims->roles & NGX_DICOM_ROLE_EMERGENCY)
        || claims->study.len == 0
        || (ngx_strstr(ctx->route->path, "{uid}") == NULL && ctx->body == NULL))
    {
        return ctx->route->handler(r);
    }

    q = ngx_dicom_db_query(r->pool, r->connection->log);
    study = ngx_http_dicom_cstring(r->pool, &claims->study);

    if (q == NULL || study == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_STUDY_CHECK, 1, study) == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    q->read_only = 1;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_glass_study);
}


static ngx_int_t
ngx_http_dicom_glass_study(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    size_t                 len;
    PGresult              *res;
    ngx_str_t             *patient;
    ngx_dicom_db_step_t   *steps;
    ngx_http_dicom_ctx_t  *ctx;

    ctx = ngx_http_dicom_ctx(r);
    steps = q->steps.elts;
    res = steps[0].result;

    if (q->status != NGX_DICOM_DB_OK || res == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (PQntuples(res) == 0) {
        return ctx->route->handler(r);     /* 404 */
    }

    patient = &ctx->claims.patient;
    len = PQgetlength(res, 0, S_OWNER_ISSUER);

    if (patient->len != len + 1 + PQgetlength(res, 0, S_OWNER_ID)
        || ngx_memcmp(patient->data, PQgetvalue(res, 0, S_OWNER_ISSUER), len)
           != 0
        || patient->data[len] != '|'
        || ngx_memcmp(patient->data + len + 1, PQgetvalue(res, 0, S_OWNER_ID),
                      patient->len - len - 1)
           != 0)
    {
        return ngx_http_dicom_refuse(r, "beyond-emergency",
                                     "The study is another patient's.");
    }

    return ctx->route->handler(r);
}
