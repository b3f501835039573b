
/*
 * The audit trail as it is read.  Reading it is recorded, too.
 */


#include "ngx_http_dicom_events.h"
#include "ngx_http_dicom_resource.h"
#include "ngx_http_dicom_audit.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_dicom_uid.h"


/* The first parameters of the statements. */
enum {
    EVENT_PATIENTS = 0, EVENT_FROM, EVENT_TO, EVENT_USER, EVENT_NAME,
    EVENT_OUTCOME, EVENT_PARAMS
};


static ngx_int_t ngx_http_dicom_event_page(ngx_http_request_t *r,
    const char **params);
static ngx_int_t ngx_http_dicom_event_filters(ngx_http_request_t *r,
    const char **params);
static ngx_int_t ngx_http_dicom_event_time(ngx_http_request_t *r,
    const char *name, const char **time);
static ngx_int_t ngx_http_dicom_event_name(ngx_http_request_t *r,
    const char **event);
static ngx_int_t ngx_http_dicom_event_patient(ngx_http_request_t *r,
    const char *name, const char **patients);
static ngx_int_t ngx_http_dicom_accesses_of(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);


static const ngx_http_dicom_column_t  ngx_http_dicom_event_columns[] = {
    { "id", NGX_HTTP_DICOM_C_TEXT, 0, NULL },
    { "at", NGX_HTTP_DICOM_C_TIME, 0, NULL },
    { "event", NGX_HTTP_DICOM_C_TEXT, 0, NULL },
    { "outcome", NGX_HTTP_DICOM_C_TEXT, 0, NULL },
    { "id", NGX_HTTP_DICOM_C_TEXT, 0, "user" },
    { "name", NGX_HTTP_DICOM_C_MAYBE, 0, "user" },
    { "roles", NGX_HTTP_DICOM_C_WORDS, 0, "user" },
    { "address", NGX_HTTP_DICOM_C_MAYBE, 0, NULL },
    { "server", NGX_HTTP_DICOM_C_MAYBE, 0, NULL },
    { "object", NGX_HTTP_DICOM_C_MAYBE, 0, NULL },
    { "patient", NGX_HTTP_DICOM_C_MAYBE, 0, NULL },
    { "detail", NGX_HTTP_DICOM_C_MAYBE, 0, NULL },
    { NULL, 0, 0, NULL }
};


#define EVENT_KEYS                                                            \
    2, "zu", { "9999-12-31 23:59:59+00",                                      \
               "ffffffff-ffff-ffff-ffff-ffffffffffff", NULL, NULL }

/* [0] of the top level, [1] of a facility */

static const ngx_http_dicom_list_t  ngx_http_dicom_events[] = {
    { ngx_http_dicom_event_columns, NGX_DICOM_STMT_AUDIT_TOPLEVEL_LIST,
      EVENT_KEYS, "audit-read" },
    { ngx_http_dicom_event_columns, NGX_DICOM_STMT_AUDIT_FACILITY_LIST,
      EVENT_KEYS, "audit-read" }
};

static const ngx_http_dicom_list_t  ngx_http_dicom_events_of_patient[] = {
    { ngx_http_dicom_event_columns, NGX_DICOM_STMT_AUDIT_TOPLEVEL_OF_PATIENT,
      EVENT_KEYS, "audit-read" },
    { ngx_http_dicom_event_columns, NGX_DICOM_STMT_AUDIT_FACILITY_OF_PATIENT,
      EVENT_KEYS, "audit-read" }
};


ngx_int_t
ngx_http_dicom_event_list(ngx_http_request_t *r)
{
    ngx_int_t           rc;
    const char         *params[EVENT_PARAMS];
    static const char  *known[] = { "from", "to", "user", "patient", "event",
                                    "outcome", "limit", "cursor", NULL };

    rc = ngx_http_dicom_args_known(r, known);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_event_filters(r, params);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_event_patient(r, "patient", &params[EVENT_PATIENTS]);

    if (rc != NGX_OK) {
        return rc;
    }

    return ngx_http_dicom_event_page(r, params);
}


static ngx_int_t
ngx_http_dicom_event_page(ngx_http_request_t *r, const char **params)
{
    ngx_uint_t  at;

    at = ngx_http_dicom_srv_conf(r)->conf->type != NGX_DICOM_TOPLEVEL;

    if (params[EVENT_PATIENTS]) {
        return ngx_http_dicom_resource_list(r,
                                         &ngx_http_dicom_events_of_patient[at],
                                         EVENT_PARAMS, params);
    }

    return ngx_http_dicom_resource_list(r, &ngx_http_dicom_events[at],
                                        EVENT_PARAMS - 1, &params[EVENT_FROM]);
}


/* All but the patient; NULL where one is not given. */

static ngx_int_t
ngx_http_dicom_event_filters(ngx_http_request_t *r, const char **params)
{
    ngx_int_t  rc;
    ngx_str_t  outcome;

    rc = ngx_http_dicom_event_time(r, "from", &params[EVENT_FROM]);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_event_time(r, "to", &params[EVENT_TO]);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_arg_uuid(r, "user", &params[EVENT_USER]);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_event_name(r, &params[EVENT_NAME]);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_arg(r, "outcome", &outcome);
    params[EVENT_OUTCOME] = NULL;

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (rc != NGX_OK
        || (ngx_strcmp(outcome.data, "success") != 0
            && ngx_strcmp(outcome.data, "failure") != 0))
    {
        return ngx_http_dicom_arg_invalid(r, "outcome",
                                          "must be success or failure");
    }

    params[EVENT_OUTCOME] = (const char *) outcome.data;

    return NGX_OK;
}


/* A day, or a time of RFC 3339 in UTC. */

static ngx_int_t
ngx_http_dicom_event_time(ngx_http_request_t *r, const char *name,
    const char **time)
{
    u_char     *p;
    ngx_int_t   rc;
    ngx_str_t   value, text;

    rc = ngx_http_dicom_arg(r, name, &value);
    *time = NULL;

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (rc == NGX_OK && value.len >= 10 && value.len < 40) {

        text.data = ngx_pnalloc(r->pool, value.len + sizeof(" 00:00:00+00"));
        if (text.data == NULL) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        p = ngx_cpymem(text.data, value.data, value.len);

        if (value.len == 10) {
            p = ngx_cpymem(p, " 00:00:00+00", sizeof(" 00:00:00+00") - 1);

        } else if (text.data[10] == 'T' && p[-1] == 'Z') {
            text.data[10] = ' ';
            p = ngx_cpymem(p - 1, "+00", sizeof("+00") - 1);
        }

        *p = '\0';
        text.len = p - text.data;

        if (ngx_http_dicom_is_time(&text)) {
            *time = (const char *) text.data;
            return NGX_OK;
        }
    }

    return ngx_http_dicom_arg_invalid(r, name, "must be a day, or a time like "
                                      "2026-11-22T13:00:00Z");
}


static ngx_int_t
ngx_http_dicom_event_name(ngx_http_request_t *r, const char **event)
{
    size_t     i;
    ngx_int_t  rc;
    ngx_str_t  value;

    rc = ngx_http_dicom_arg(r, "event", &value);
    *event = NULL;

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    for (i = 0; rc == NGX_OK && i < value.len; i++) {
        if ((value.data[i] < 'a' || value.data[i] > 'z')
            && value.data[i] != '-')
        {
            rc = NGX_ERROR;
        }
    }

    if (rc != NGX_OK || value.len == 0 || value.len > 64) {
        return ngx_http_dicom_arg_invalid(r, "event",
                                          "must be the name of an event");
    }

    *event = (const char *) value.data;

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_event_patient(ngx_http_request_t *r, const char *name,
    const char **patients)
{
    ngx_int_t   rc;
    ngx_str_t   value;
    ngx_uint_t  toplevel;

    rc = ngx_http_dicom_arg(r, name, &value);
    *patients = NULL;

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    toplevel = ngx_http_dicom_srv_conf(r)->conf->type == NGX_DICOM_TOPLEVEL;

    if (rc != NGX_OK || value.len > 130
        || (toplevel && ngx_dicom_uuid_check(&value) != NGX_OK)
        || (!toplevel && ngx_strchr(value.data, '|') == NULL))
    {
        return ngx_http_dicom_arg_invalid(r, name, toplevel
                                          ? "must be a UUID"
                                          : "must be issuer|value");
    }

    if (toplevel) {
        ngx_strlow(value.data, value.data, value.len);
    }

    *patients = ngx_dicom_db_text_array(r->pool, &value, 1);

    return *patients ? NGX_OK : NGX_HTTP_INTERNAL_SERVER_ERROR;
}


/* Those of the records that live on in this one are its own, too. */

ngx_int_t
ngx_http_dicom_patient_accesses(ngx_http_request_t *r)
{
    ngx_int_t              rc;
    ngx_str_t             *id;
    ngx_dicom_db_query_t  *q;
    static const char     *known[] = { "limit", "cursor", NULL };

    rc = ngx_http_dicom_args_known(r, known);

    if (rc != NGX_OK) {
        return rc;
    }

    id = ngx_palloc(r->pool, sizeof(ngx_str_t));
    if (id == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_resource_id(r, id);

    if (rc != NGX_OK) {
        return rc;
    }

    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (q == NULL
        || ngx_dicom_db_step(q, NGX_DICOM_STMT_MERGED_IDS, 1, id->data)
           == NULL)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_dicom_ctx(r)->data = id;
    q->read_only = 1;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_accesses_of);
}


static ngx_int_t
ngx_http_dicom_accesses_of(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    int                   row, rows;
    PGresult             *res;
    ngx_str_t            *ids;
    const char           *params[EVENT_PARAMS];
    ngx_dicom_db_step_t  *steps;

    steps = q->steps.elts;
    res = steps[0].result;

    if (q->status != NGX_DICOM_DB_OK || res == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rows = PQntuples(res);

    ids = ngx_palloc(r->pool, (rows + 1) * sizeof(ngx_str_t));
    if (ids == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ids[0] = *(ngx_str_t *) ngx_http_dicom_ctx(r)->data;

    for (row = 0; row < rows; row++) {
        ids[row + 1] = ngx_dicom_db_value(res, row, 0);
    }

    ngx_memzero(params, sizeof(params));

    params[EVENT_PATIENTS] = ngx_dicom_db_text_array(r->pool, ids, rows + 1);

    if (params[EVENT_PATIENTS] == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_event_page(r, params);
}


ngx_int_t
ngx_http_dicom_accesses(ngx_http_request_t *r)
{
    ngx_int_t           rc;
    const char         *params[EVENT_PARAMS];
    static const char  *known[] = { "identifier", "limit", "cursor", NULL };

    rc = ngx_http_dicom_args_known(r, known);

    if (rc != NGX_OK) {
        return rc;
    }

    ngx_memzero(params, sizeof(params));

    rc = ngx_http_dicom_event_patient(r, "identifier",
                                      &params[EVENT_PATIENTS]);

    if (rc != NGX_OK) {
        return rc;
    }

    if (params[EVENT_PATIENTS] == NULL) {
        return ngx_http_dicom_arg_invalid(r, "identifier", "is required");
    }

    return ngx_http_dicom_event_page(r, params);
}
