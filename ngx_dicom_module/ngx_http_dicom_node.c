
/*
 * Stacks: a part of a series, or one instance of it, on its way into the
 * textures of the render worker that its id chooses.
 */


#include <ngx_config.h>
#include <ngx_core.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "ngx_http_dicom_node.h"
#include "ngx_http_dicom_audit.h"
#include "ngx_http_dicom_record.h"
#include "ngx_http_dicom_render.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_route.h"
#include "ngx_dicom_uid.h"
#include "../render-worker/wire.h"


typedef struct {
    ngx_str_t   study;
    ngx_str_t   series;
    ngx_str_t   instance;
    ngx_str_t   picture;           /* what to draw at once, as a query */
    int64_t     layer;
    int64_t     part;

    struct wire_render  *render;   /* the same, read; NULL: nothing */
} ngx_http_dicom_open_t;


static ngx_int_t ngx_http_dicom_open_picture(ngx_http_request_t *r,
    ngx_http_dicom_open_t *open);
static ngx_int_t ngx_http_dicom_open_first(ngx_http_request_t *r,
    ngx_http_dicom_open_t *open);
static ngx_int_t ngx_http_dicom_open_first_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_open_query(ngx_http_request_t *r,
    ngx_http_dicom_open_t *open);
static ngx_int_t ngx_http_dicom_open_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static size_t ngx_http_dicom_open_size(PGresult *res, ngx_uint_t *count);
static size_t ngx_http_dicom_open_states(PGresult *res, size_t room,
    ngx_uint_t *count);
static ngx_uint_t ngx_http_dicom_open_shows(PGresult *res, int row);
static ngx_int_t ngx_http_dicom_open_send(ngx_http_request_t *r,
    size_t size, ngx_uint_t count, PGresult *res, ngx_uint_t nstates,
    PGresult *states);
static ngx_int_t ngx_http_dicom_open_fill(ngx_http_request_t *r,
    struct wire_open *message, PGresult *res, PGresult *states);
static u_char *ngx_http_dicom_open_instance(ngx_http_request_t *r, u_char *p,
    PGresult *res, int row, ngx_uint_t located);
static ngx_int_t ngx_http_dicom_stack_send(ngx_http_request_t *r,
    ngx_uint_t type);


static const ngx_dicom_field_t  ngx_http_dicom_open_fields[] = {

    { ngx_string("study"), NGX_DICOM_F_UID, NGX_DICOM_F_REQUIRED, 1, 64,
      offsetof(ngx_http_dicom_open_t, study) },

    { ngx_string("series"), NGX_DICOM_F_UID, 0, 1, 64,
      offsetof(ngx_http_dicom_open_t, series) },

    { ngx_string("instance"), NGX_DICOM_F_UID, 0, 1, 64,
      offsetof(ngx_http_dicom_open_t, instance) },

    { ngx_string("layer"), NGX_DICOM_F_INTEGER, 0, 0, NGX_MAX_INT32_VALUE,
      offsetof(ngx_http_dicom_open_t, layer) },

    { ngx_string("part"), NGX_DICOM_F_INTEGER, 0, 0, NGX_MAX_INT32_VALUE,
      offsetof(ngx_http_dicom_open_t, part) },

    { ngx_string("picture"), NGX_DICOM_F_STRING, 0, 0, 1024,
      offsetof(ngx_http_dicom_open_t, picture) },

    ngx_dicom_null_field
};


/* POST /api/v1/stacks */

ngx_int_t
ngx_http_dicom_stack_open(ngx_http_request_t *r)
{
    ngx_int_t               rc;
    ngx_http_dicom_ctx_t   *ctx;
    ngx_http_dicom_open_t  *open;

    open = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_open_t));
    if (open == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_bind(r, ngx_http_dicom_open_fields, open);
    if (rc != NGX_OK) {
        return rc;
    }

    ctx = ngx_http_dicom_ctx(r);
    ctx->data = open;

    if ((ctx->claims.roles & NGX_DICOM_ROLE_EMERGENCY)
        && (open->study.len != ctx->claims.study.len
            || ngx_memcmp(open->study.data, ctx->claims.study.data,
                          open->study.len)
               != 0))
    {
        return ngx_http_dicom_refuse(r, "beyond-emergency",
                                     "The glass was broken for another "
                                     "study.");
    }

    if (open->picture.data) {
        rc = ngx_http_dicom_open_picture(r, open);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (open->series.len) {
        return ngx_http_dicom_open_query(r, open);
    }

    if (open->render == NULL || open->instance.len || open->part) {
        return ngx_http_dicom_invalid(r, "series", "is required");
    }

    return ngx_http_dicom_open_first(r, open);
}


/* NGX_OK, or the result of a reply, to be returned. */

static ngx_int_t
ngx_http_dicom_open_picture(ngx_http_request_t *r, ngx_http_dicom_open_t *open)
{
    open->render = ngx_pcalloc(r->pool, sizeof(struct wire_render));
    if (open->render == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    open->render->layer =
        ngx_dicom_json_get(ngx_http_dicom_ctx(r)->body, "layer")
        ? (uint32_t) open->layer : WIRE_LAYER_MIDDLE;
    r->args = open->picture;

    return ngx_http_dicom_layer_ask(r, open->render);
}


/* A reader who comes from a list of studies knows no series yet. */

static ngx_int_t
ngx_http_dicom_open_first(ngx_http_request_t *r, ngx_http_dicom_open_t *open)
{
    char                  *study;
    ngx_dicom_db_query_t  *q;

    study = ngx_http_dicom_cstring(r->pool, &open->study);
    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (study == NULL || q == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_STACK_SERIES, 1, study) == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_open_first_done);
}


/* Without one the next query finds nothing, which is recorded and answered. */

static ngx_int_t
ngx_http_dicom_open_first_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    PGresult               *res;
    ngx_str_t               uid;
    ngx_dicom_db_step_t    *steps;
    ngx_http_dicom_open_t  *open;

    open = ngx_http_dicom_ctx(r)->data;
    steps = q->steps.elts;
    res = steps[0].result;

    if (q->status == NGX_DICOM_DB_OK && PQntuples(res)) {
        uid.data = (u_char *) PQgetvalue(res, 0, 0);
        uid.len = PQgetlength(res, 0, 0);

        open->series.data = (u_char *) ngx_http_dicom_cstring(r->pool, &uid);
        open->series.len = uid.len;

        if (open->series.data == NULL
            || ngx_dicom_uid_check(&open->series) != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
    }

    return ngx_http_dicom_open_query(r, open);
}


/* Nobody looks at a series without a row that says so. */

static ngx_int_t
ngx_http_dicom_open_query(ngx_http_request_t *r, ngx_http_dicom_open_t *open)
{
    char                  *study, *series, *instance, limit[16], states[16];
    ngx_dicom_db_step_t   *instances, *more;
    ngx_dicom_db_query_t  *q;

    study = ngx_http_dicom_cstring(r->pool, &open->study);
    series = ngx_http_dicom_cstring(r->pool, &open->series);
    instance = ngx_http_dicom_cstring_or_null(r->pool, &open->instance);

    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (study == NULL || series == NULL || q == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    (void) snprintf(limit, sizeof(limit), "%u", WIRE_MAX_INSTANCES + 1);

    (void) snprintf(states, sizeof(states), "%u", WIRE_MAX_STATES);

    instances = ngx_dicom_db_step(q, NGX_DICOM_STMT_STACK_INSTANCES, 4, series,
                                  study, instance, limit);
    if (instances == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    instances->binary = 1;

    more = ngx_dicom_db_step(q, NGX_DICOM_STMT_STACK_STATES, 2, study, states);
    if (more == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    more->binary = 1;

    /* all in one round trip */

    q->read_only = 1;

    if (ngx_http_dicom_audit_read(r, "series-open", series, study, NULL)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_open_done);
}


static ngx_int_t
ngx_http_dicom_open_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    size_t                size;
    PGresult             *res, *states;
    ngx_uint_t            count, nstates;
    ngx_dicom_db_step_t  *steps;

    steps = q->steps.elts;
    res = steps[0].result;
    states = steps[1].result;

    if (q->status != NGX_DICOM_DB_OK || PQntuples(res) == 0) {
        return ngx_http_dicom_problem(r, NGX_HTTP_NOT_FOUND,
                                      "series-not-found",
                                      "The study has no such series here.",
                                      NULL);
    }

    size = ngx_http_dicom_open_size(res, &count);

    if (count == 0) {
        return ngx_http_dicom_problem(r, 422, "no-pixels",
                                      "No instance of the series holds an "
                                      "image.", NULL);
    }

    if (count > WIRE_MAX_INSTANCES
        || size > WIRE_MAX_REQUEST - sizeof(struct wire_render))
    {
        return ngx_http_dicom_problem(r, 422, "series-too-large",
                                      "The series has too many instances to "
                                      "be shown as one stack.", NULL);
    }

    size += ngx_http_dicom_open_states(states,
                       WIRE_MAX_REQUEST - sizeof(struct wire_render) - size,
                       &nstates);

    return ngx_http_dicom_open_send(r, size, count, res, nstates, states);
}


static ngx_int_t
ngx_http_dicom_open_send(ngx_http_request_t *r, size_t size, ngx_uint_t count,
    PGresult *res, ngx_uint_t nstates, PGresult *states)
{
    u_char                 *p;
    ngx_str_t               body;
    struct wire_open       *message;
    ngx_http_dicom_open_t  *open;

    open = ngx_http_dicom_ctx(r)->data;

    if ((int) nstates < PQntuples(states)) {
        ngx_log_error(NGX_LOG_WARN, r->connection->log, 0,
                      "only %ui presentation states of study \"%V\" fit",
                      nstates, &open->study);
    }

    body.len = size + (open->render ? sizeof(struct wire_render) : 0);
    body.data = ngx_pcalloc(r->pool, body.len);
    if (body.data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    message = (struct wire_open *) (body.data + body.len - size);

    message->count = (uint32_t) count;
    message->states = (uint32_t) nstates;
    message->layer = (uint32_t) open->layer;
    message->part = open->instance.len ? WIRE_PART_WHOLE
                                       : (uint32_t) open->part;
    ngx_memcpy(message->study, open->study.data, open->study.len);
    ngx_memcpy(message->series, open->series.data, open->series.len);

    if (ngx_http_dicom_stack_id(&open->series, &open->instance,
                                message->stack)
           != NGX_OK
        || ngx_http_dicom_open_fill(r, message, res, states) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (open->render == NULL) {
        return ngx_http_dicom_render(r, WIRE_OPEN, &body, message->stack);
    }

    p = ngx_cpymem(body.data, message->stack, sizeof(message->stack));
    ngx_memcpy(p, (u_char *) open->render + sizeof(message->stack),
               sizeof(struct wire_render) - sizeof(message->stack));

    return ngx_http_dicom_render(r, WIRE_SHOW, &body, message->stack);
}


/* Bytes of the message for the rows that hold a picture. */

static size_t
ngx_http_dicom_open_size(PGresult *res, ngx_uint_t *count)
{
    int     row;
    size_t  size;

    *count = 0;
    size = sizeof(struct wire_open);

    for (row = 0; row < PQntuples(res); row++) {

        if (!ngx_http_dicom_open_shows(res, row)) {
            continue;
        }

        size += sizeof(struct wire_instance)
                + PQgetlength(res, row, 1) + PQgetlength(res, row, 2);
        (*count)++;
    }

    return size;
}


/* Bytes of as many presentation states, from the first on, as there is room. */

static size_t
ngx_http_dicom_open_states(PGresult *res, size_t room, ngx_uint_t *count)
{
    int     row;
    size_t  size, more;

    size = 0;

    for (row = 0; row < PQntuples(res); row++) {

        more = sizeof(struct wire_instance) + PQgetlength(res, row, 1);

        if (more > room - size) {
            break;
        }

        size += more;
    }

    *count = row;

    return size;
}


/* A BOOL in binary. */

static ngx_uint_t
ngx_http_dicom_open_shows(PGresult *res, int row)
{
    return PQgetlength(res, row, 3) == 1 && *PQgetvalue(res, row, 3) != 0;
}


static ngx_int_t
ngx_http_dicom_open_fill(ngx_http_request_t *r, struct wire_open *message,
    PGresult *res, PGresult *states)
{
    int      row;
    u_char  *p;

    p = (u_char *) (message + 1);

    for (row = 0; row < PQntuples(res); row++) {

        if (!ngx_http_dicom_open_shows(res, row)) {
            continue;
        }

        p = ngx_http_dicom_open_instance(r, p, res, row, 1);

        if (p == NULL) {
            return NGX_ERROR;
        }
    }

    for (row = 0; row < (int) message->states; row++) {

        p = ngx_http_dicom_open_instance(r, p, states, row, 0);

        if (p == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* All that there is to say of a presentation state is in its index. */

static u_char *
ngx_http_dicom_open_instance(ngx_http_request_t *r, u_char *p, PGresult *res,
    int row, ngx_uint_t located)
{
    ngx_str_t             uid;
    struct wire_instance  instance;

    uid.data = (u_char *) PQgetvalue(res, row, 0);
    uid.len = PQgetlength(res, row, 0);

    if (ngx_dicom_uid_check(&uid) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "malformed row of instance \"%V\"", &uid);
        return NULL;
    }

    ngx_memzero(&instance, sizeof(struct wire_instance));

    ngx_memcpy(instance.uid, uid.data, uid.len);
    instance.location_length = located ? PQgetlength(res, row, 2) : 0;
    instance.index_length = PQgetlength(res, row, 1);

    p = ngx_cpymem(p, &instance, sizeof(struct wire_instance));

    if (located) {
        p = ngx_cpymem(p, PQgetvalue(res, row, 2), instance.location_length);
    }

    return ngx_cpymem(p, PQgetvalue(res, row, 1), instance.index_length);
}


ngx_int_t
ngx_http_dicom_stack_id(const ngx_str_t *series, const ngx_str_t *instance,
    u_char id[16])
{
    u_char  text[2 * WIRE_UID_SIZE], *p, hash[EVP_MAX_MD_SIZE];

    p = ngx_cpymem(text, series->data, series->len);
    *p++ = '/';
    p = ngx_cpymem(p, instance->data, instance->len);

    if (EVP_Digest(text, p - text, hash, NULL, EVP_sha256(), NULL) != 1
        || RAND_bytes(id + 8, 8) != 1)
    {
        return NGX_ERROR;
    }

    ngx_memcpy(id, hash, 8);

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_stack_param(ngx_http_request_t *r, u_char stack[16])
{
    ngx_http_dicom_ctx_t  *ctx;

    ctx = ngx_http_dicom_ctx(r);

    if (ctx->params[0].len == 32
        && ngx_dicom_unhex(stack, &ctx->params[0], 16) == NGX_OK)
    {
        return NGX_OK;
    }

    return ngx_http_dicom_problem(r, NGX_HTTP_NOT_FOUND, "stack-not-found",
                                  "There is no such stack.", NULL);
}


/* GET /api/v1/stacks/{id} */

ngx_int_t
ngx_http_dicom_stack_get(ngx_http_request_t *r)
{
    return ngx_http_dicom_stack_send(r, WIRE_STATUS);
}


/* DELETE /api/v1/stacks/{id} */

ngx_int_t
ngx_http_dicom_stack_delete(ngx_http_request_t *r)
{
    return ngx_http_dicom_stack_send(r, WIRE_RELEASE);
}


/* GET /api/v1/stacks/{id}/layers */

ngx_int_t
ngx_http_dicom_stack_layers(ngx_http_request_t *r)
{
    return ngx_http_dicom_stack_send(r, WIRE_LAYERS);
}


static ngx_int_t
ngx_http_dicom_stack_send(ngx_http_request_t *r, ngx_uint_t type)
{
    ngx_int_t           rc;
    ngx_str_t           body;
    struct wire_stack  *message;

    message = ngx_pcalloc(r->pool, sizeof(struct wire_stack));
    if (message == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_stack_param(r, message->stack);
    if (rc != NGX_OK) {
        return rc;
    }

    body.data = (u_char *) message;
    body.len = sizeof(struct wire_stack);

    return ngx_http_dicom_render(r, type, &body, message->stack);
}


/* GET /api/v1/stacks/{id}/presentations/{uid} */

ngx_int_t
ngx_http_dicom_stack_state(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    ngx_str_t              body, *uid;
    struct wire_state     *message;
    ngx_http_dicom_ctx_t  *ctx;

    ctx = ngx_http_dicom_ctx(r);

    message = ngx_pcalloc(r->pool, sizeof(struct wire_state));
    if (message == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_stack_param(r, message->stack);
    if (rc != NGX_OK) {
        return rc;
    }

    uid = &ctx->params[1];

    if (ngx_dicom_uid_check(uid) != NGX_OK) {
        return ngx_http_dicom_problem(r, NGX_HTTP_NOT_FOUND,
                                      "presentation-not-found",
                                      "The stack has no such presentation "
                                      "state.", NULL);
    }

    ngx_memcpy(message->uid, uid->data, uid->len);

    body.data = (u_char *) message;
    body.len = sizeof(struct wire_state);

    return ngx_http_dicom_render(r, WIRE_STATE, &body, message->stack);
}
