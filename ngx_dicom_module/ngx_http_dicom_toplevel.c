
/*
 * Facilities, servers, and modalities.
 */


#include "ngx_http_dicom_toplevel.h"
#include "ngx_http_dicom_resource.h"
#include "ngx_http_dicom_reply.h"


typedef struct {
    ngx_str_t    code;
    ngx_str_t    name;
    ngx_str_t    address;
    ngx_str_t    city;
    ngx_str_t    country;
    ngx_str_t    patient_issuer;
    ngx_int_t    active;
} ngx_http_dicom_facility_t;

typedef struct {
    ngx_str_t    facility;
    ngx_str_t    type;
    ngx_str_t    name;
    ngx_str_t    url;
    ngx_int_t    active;
} ngx_http_dicom_server_t;

typedef struct {
    ngx_str_t    code;
    ngx_str_t    name;
    ngx_int_t    active;
} ngx_http_dicom_modality_t;


static ngx_int_t ngx_http_dicom_facility_values(ngx_http_dicom_op_t *op);
static ngx_int_t ngx_http_dicom_server_values(ngx_http_dicom_op_t *op);
static ngx_int_t ngx_http_dicom_modality_values(ngx_http_dicom_op_t *op);
static ngx_int_t ngx_http_dicom_worded_list(ngx_http_request_t *r,
    const ngx_http_dicom_list_t *list);
static const char *ngx_http_dicom_value(ngx_http_dicom_op_t *op,
    const ngx_str_t *s, const char *otherwise);


static const char  ngx_http_dicom_no_id[] =
    "00000000-0000-0000-0000-000000000000";


static const ngx_http_dicom_column_t  ngx_http_dicom_facility_columns[] = {
    { "id", NGX_HTTP_DICOM_C_TEXT, 0, NULL },
    { "code", NGX_HTTP_DICOM_C_TEXT, 1, NULL },
    { "name", NGX_HTTP_DICOM_C_TEXT, 1, NULL },
    { "address", NGX_HTTP_DICOM_C_MAYBE, 1, NULL },
    { "city", NGX_HTTP_DICOM_C_MAYBE, 1, NULL },
    { "country", NGX_HTTP_DICOM_C_MAYBE, 1, NULL },
    { "patient_issuer", NGX_HTTP_DICOM_C_MAYBE, 1, NULL },
    { "active", NGX_HTTP_DICOM_C_BOOL, 1, NULL },
    { "version", NGX_HTTP_DICOM_C_INTEGER, 0, NULL },
    { "created_at", NGX_HTTP_DICOM_C_TIME, 0, NULL },
    { "updated_at", NGX_HTTP_DICOM_C_TIME, 0, NULL },
    { "created_as", NGX_HTTP_DICOM_C_HIDDEN, 0, NULL },
    { NULL, 0, 0, NULL }
};

static const ngx_dicom_field_t  ngx_http_dicom_facility_fields[] = {
    { ngx_string("code"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED, 1, 64,
      offsetof(ngx_http_dicom_facility_t, code) },
    { ngx_string("name"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED, 1, 200,
      offsetof(ngx_http_dicom_facility_t, name) },
    { ngx_string("address"), NGX_DICOM_F_STRING, NGX_DICOM_F_NULLABLE, 0, 500,
      offsetof(ngx_http_dicom_facility_t, address) },
    { ngx_string("city"), NGX_DICOM_F_STRING, NGX_DICOM_F_NULLABLE, 0, 200,
      offsetof(ngx_http_dicom_facility_t, city) },
    { ngx_string("country"), NGX_DICOM_F_STRING, NGX_DICOM_F_NULLABLE, 0, 200,
      offsetof(ngx_http_dicom_facility_t, country) },
    { ngx_string("patient_issuer"), NGX_DICOM_F_STRING, NGX_DICOM_F_NULLABLE,
      0, 64, offsetof(ngx_http_dicom_facility_t, patient_issuer) },
    { ngx_string("active"), NGX_DICOM_F_BOOL, 0, 0, 0,
      offsetof(ngx_http_dicom_facility_t, active) },
    ngx_dicom_null_field
};

static const ngx_http_dicom_conflict_t  ngx_http_dicom_facility_conflicts[] = {
    { "facilities_code_key", NGX_HTTP_CONFLICT, "code",
      "is another facility's" },
    { NULL, 0, NULL, NULL }
};

static const ngx_http_dicom_resource_t  ngx_http_dicom_facility = {
    "facility",
    "/api/v1/facilities/",
    ngx_http_dicom_facility_columns,
    ngx_http_dicom_facility_fields,
    sizeof(ngx_http_dicom_facility_t),
    8,
    NULL,
    0,
    ngx_http_dicom_facility_conflicts,
    NULL,
    0,
    0,
    NGX_DICOM_STMT_FACILITY_GET,
    NGX_DICOM_STMT_FACILITY_LOCK,
    NGX_DICOM_STMT_FACILITY_INSERT,
    NGX_DICOM_STMT_FACILITY_UPDATE,
    NGX_DICOM_STMT_FACILITY_END,
    ngx_http_dicom_facility_values,
    NULL,
    NULL,
    NULL
};


static const ngx_http_dicom_column_t  ngx_http_dicom_server_columns[] = {
    { "id", NGX_HTTP_DICOM_C_TEXT, 0, NULL },
    { "facility", NGX_HTTP_DICOM_C_TEXT, 1, NULL },
    { "type", NGX_HTTP_DICOM_C_TEXT, 1, NULL },
    { "name", NGX_HTTP_DICOM_C_TEXT, 1, NULL },
    { "url", NGX_HTTP_DICOM_C_TEXT, 1, NULL },
    { "active", NGX_HTTP_DICOM_C_BOOL, 1, NULL },
    { "version", NGX_HTTP_DICOM_C_INTEGER, 0, NULL },
    { "created_at", NGX_HTTP_DICOM_C_TIME, 0, NULL },
    { "updated_at", NGX_HTTP_DICOM_C_TIME, 0, NULL },
    { "created_as", NGX_HTTP_DICOM_C_HIDDEN, 0, NULL },
    { NULL, 0, 0, NULL }
};

static const ngx_dicom_field_t  ngx_http_dicom_server_fields[] = {
    { ngx_string("facility"), NGX_DICOM_F_UUID, NGX_DICOM_F_NULLABLE, 0, 0,
      offsetof(ngx_http_dicom_server_t, facility) },
    { ngx_string("type"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED, 1, 16,
      offsetof(ngx_http_dicom_server_t, type) },
    { ngx_string("name"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED, 1, 200,
      offsetof(ngx_http_dicom_server_t, name) },
    { ngx_string("url"), NGX_DICOM_F_URL, NGX_DICOM_F_REQUIRED, 1, 500,
      offsetof(ngx_http_dicom_server_t, url) },
    { ngx_string("active"), NGX_DICOM_F_BOOL, 0, 0, 0,
      offsetof(ngx_http_dicom_server_t, active) },
    ngx_dicom_null_field
};

static const ngx_http_dicom_conflict_t  ngx_http_dicom_server_conflicts[] = {
    { "servers_facility_fkey", 422, "facility", "is no facility" },
    { NULL, 0, NULL, NULL }
};

static const ngx_http_dicom_resource_t  ngx_http_dicom_server = {
    "server",
    "/api/v1/servers/",
    ngx_http_dicom_server_columns,
    ngx_http_dicom_server_fields,
    sizeof(ngx_http_dicom_server_t),
    5,
    NULL,
    0,
    ngx_http_dicom_server_conflicts,
    NULL,
    0,
    0,
    NGX_DICOM_STMT_SERVER_GET,
    NGX_DICOM_STMT_SERVER_LOCK,
    NGX_DICOM_STMT_SERVER_INSERT,
    NGX_DICOM_STMT_SERVER_UPDATE,
    NGX_DICOM_STMT_SERVER_END,
    ngx_http_dicom_server_values,
    NULL,
    NULL,
    NULL
};

static const char *const  ngx_http_dicom_server_types[] = {
    "web", "toplevel", "facility", "node", NULL
};


static const ngx_http_dicom_column_t  ngx_http_dicom_modality_columns[] = {
    { "id", NGX_HTTP_DICOM_C_TEXT, 0, NULL },
    { "code", NGX_HTTP_DICOM_C_TEXT, 1, NULL },
    { "name", NGX_HTTP_DICOM_C_TEXT, 1, NULL },
    { "active", NGX_HTTP_DICOM_C_BOOL, 1, NULL },
    { "version", NGX_HTTP_DICOM_C_INTEGER, 0, NULL },
    { "created_at", NGX_HTTP_DICOM_C_TIME, 0, NULL },
    { "updated_at", NGX_HTTP_DICOM_C_TIME, 0, NULL },
    { "created_as", NGX_HTTP_DICOM_C_HIDDEN, 0, NULL },
    { NULL, 0, 0, NULL }
};

/* the code is one of Modality (0008,0060) */
static const ngx_dicom_field_t  ngx_http_dicom_modality_fields[] = {
    { ngx_string("code"), NGX_DICOM_F_CODE, NGX_DICOM_F_REQUIRED, 1, 16,
      offsetof(ngx_http_dicom_modality_t, code) },
    { ngx_string("name"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED, 1, 200,
      offsetof(ngx_http_dicom_modality_t, name) },
    { ngx_string("active"), NGX_DICOM_F_BOOL, 0, 0, 0,
      offsetof(ngx_http_dicom_modality_t, active) },
    ngx_dicom_null_field
};

static const ngx_http_dicom_conflict_t  ngx_http_dicom_modality_conflicts[] = {
    { "modalities_pkey", NGX_HTTP_CONFLICT, "code", "is another modality's" },
    { NULL, 0, NULL, NULL }
};

static const ngx_http_dicom_resource_t  ngx_http_dicom_modality = {
    "modality",
    "/api/v1/modalities/",
    ngx_http_dicom_modality_columns,
    ngx_http_dicom_modality_fields,
    sizeof(ngx_http_dicom_modality_t),
    4,
    NULL,
    0,
    ngx_http_dicom_modality_conflicts,
    NULL,
    0,
    0,
    NGX_DICOM_STMT_MODALITY_GET,
    NGX_DICOM_STMT_MODALITY_LOCK,
    NGX_DICOM_STMT_MODALITY_INSERT,
    NGX_DICOM_STMT_MODALITY_UPDATE,
    NGX_DICOM_STMT_MODALITY_END,
    ngx_http_dicom_modality_values,
    NULL,
    NULL,
    NULL
};

static const ngx_http_dicom_list_t  ngx_http_dicom_facilities = {
    ngx_http_dicom_facility_columns, NGX_DICOM_STMT_FACILITY_LIST, 2, "tu",
    { "", ngx_http_dicom_no_id, NULL, NULL }, NULL
};

static const ngx_http_dicom_list_t  ngx_http_dicom_servers = {
    ngx_http_dicom_server_columns, NGX_DICOM_STMT_SERVER_LIST, 2, "tu",
    { "", ngx_http_dicom_no_id, NULL, NULL }, NULL
};

static const ngx_http_dicom_list_t  ngx_http_dicom_modalities = {
    ngx_http_dicom_modality_columns, NGX_DICOM_STMT_MODALITY_LIST, 1, "t",
    { "", NULL, NULL, NULL }, NULL
};


/* A value of a NOT NULL column: what was not given is empty. */
static const char *
ngx_http_dicom_value(ngx_http_dicom_op_t *op, const ngx_str_t *s,
    const char *otherwise)
{
    if (s->len == 0) {
        return otherwise;
    }

    return ngx_http_dicom_resource_text(op->request->pool, s);
}


static ngx_int_t
ngx_http_dicom_facility_values(ngx_http_dicom_op_t *op)
{
    ngx_str_t                   texts[3];
    ngx_http_dicom_facility_t  *in = op->input;

    op->values[0] = ngx_http_dicom_value(op, &in->code, "");
    op->values[1] = ngx_http_dicom_value(op, &in->name, "");
    op->values[2] = ngx_http_dicom_value(op, &in->address, "");
    op->values[3] = ngx_http_dicom_value(op, &in->city, "");
    op->values[4] = ngx_http_dicom_value(op, &in->country, "");
    op->values[5] = ngx_http_dicom_value(op, &in->patient_issuer, "");
    op->values[6] = in->active ? "t" : "f";

    texts[0] = in->name;
    texts[1] = in->code;
    texts[2] = in->city;

    return ngx_http_dicom_resource_search(op->request->pool, texts, 3,
                                          &op->values[7]);
}


static ngx_int_t
ngx_http_dicom_server_values(ngx_http_dicom_op_t *op)
{
    ngx_uint_t                i;
    ngx_http_dicom_server_t  *in = op->input;

    op->values[0] = ngx_http_dicom_value(op, &in->facility, NULL);
    op->values[1] = ngx_http_dicom_value(op, &in->type, "");
    op->values[2] = ngx_http_dicom_value(op, &in->name, "");
    op->values[3] = ngx_http_dicom_value(op, &in->url, "");
    op->values[4] = in->active ? "t" : "f";

    for (i = 0; ngx_http_dicom_server_types[i]; i++) {
        if (ngx_strcmp(op->values[1], ngx_http_dicom_server_types[i]) == 0) {
            return NGX_OK;
        }
    }

    if (ngx_http_dicom_resource_error(op, "type", "must be web, toplevel, "
                                      "facility or node")
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_DECLINED;
}


static ngx_int_t
ngx_http_dicom_modality_values(ngx_http_dicom_op_t *op)
{
    ngx_str_t                   texts[2];
    ngx_http_dicom_modality_t  *in = op->input;

    op->values[0] = ngx_http_dicom_value(op, &in->code, "");
    op->values[1] = ngx_http_dicom_value(op, &in->name, "");
    op->values[2] = in->active ? "t" : "f";

    texts[0] = in->name;
    texts[1] = in->code;

    return ngx_http_dicom_resource_search(op->request->pool, texts, 2,
                                          &op->values[3]);
}


ngx_int_t
ngx_http_dicom_facility_list(ngx_http_request_t *r)
{
    return ngx_http_dicom_worded_list(r, &ngx_http_dicom_facilities);
}


/* A list that is narrowed by q and active. */
static ngx_int_t
ngx_http_dicom_worded_list(ngx_http_request_t *r,
    const ngx_http_dicom_list_t *list)
{
    ngx_int_t           rc;
    const char         *params[2];
    static const char  *known[] = { "q", "active", "limit", "cursor", NULL };

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

    return ngx_http_dicom_resource_list(r, list, 2, params);
}


ngx_int_t
ngx_http_dicom_facility_create(ngx_http_request_t *r)
{
    return ngx_http_dicom_resource_create(r, &ngx_http_dicom_facility, NULL);
}


ngx_int_t
ngx_http_dicom_facility_read(ngx_http_request_t *r)
{
    return ngx_http_dicom_resource_read(r, &ngx_http_dicom_facility);
}


ngx_int_t
ngx_http_dicom_facility_change(ngx_http_request_t *r)
{
    return ngx_http_dicom_resource_change(r, &ngx_http_dicom_facility, NULL);
}


ngx_int_t
ngx_http_dicom_facility_end(ngx_http_request_t *r)
{
    return ngx_http_dicom_resource_end(r, &ngx_http_dicom_facility);
}


ngx_int_t
ngx_http_dicom_server_list(ngx_http_request_t *r)
{
    ngx_int_t           rc;
    ngx_str_t           type;
    ngx_uint_t          i;
    const char         *params[3];
    static const char  *known[] = { "facility", "type", "active", "limit",
                                    "cursor", NULL };

    rc = ngx_http_dicom_args_known(r, known);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_arg_active(r, &params[0]);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_arg_uuid(r, "facility", &params[1]);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_arg(r, "type", &type);
    params[2] = NULL;

    if (rc != NGX_DECLINED) {

        for (i = 0; rc == NGX_OK && ngx_http_dicom_server_types[i]; i++) {
            if (ngx_strcmp(type.data, ngx_http_dicom_server_types[i]) == 0) {
                params[2] = ngx_http_dicom_server_types[i];
            }
        }

        if (params[2] == NULL) {
            return ngx_http_dicom_arg_invalid(r, "type", "must be web, "
                                              "toplevel, facility or node");
        }
    }

    return ngx_http_dicom_resource_list(r, &ngx_http_dicom_servers, 3,
                                        params);
}


ngx_int_t
ngx_http_dicom_server_create(ngx_http_request_t *r)
{
    return ngx_http_dicom_resource_create(r, &ngx_http_dicom_server, NULL);
}


ngx_int_t
ngx_http_dicom_server_read(ngx_http_request_t *r)
{
    return ngx_http_dicom_resource_read(r, &ngx_http_dicom_server);
}


ngx_int_t
ngx_http_dicom_server_change(ngx_http_request_t *r)
{
    return ngx_http_dicom_resource_change(r, &ngx_http_dicom_server, NULL);
}


ngx_int_t
ngx_http_dicom_server_end(ngx_http_request_t *r)
{
    return ngx_http_dicom_resource_end(r, &ngx_http_dicom_server);
}


ngx_int_t
ngx_http_dicom_modality_list(ngx_http_request_t *r)
{
    return ngx_http_dicom_worded_list(r, &ngx_http_dicom_modalities);
}


ngx_int_t
ngx_http_dicom_modality_create(ngx_http_request_t *r)
{
    return ngx_http_dicom_resource_create(r, &ngx_http_dicom_modality, NULL);
}


ngx_int_t
ngx_http_dicom_modality_read(ngx_http_request_t *r)
{
    return ngx_http_dicom_resource_read(r, &ngx_http_dicom_modality);
}


ngx_int_t
ngx_http_dicom_modality_change(ngx_http_request_t *r)
{
    return ngx_http_dicom_resource_change(r, &ngx_http_dicom_modality, NULL);
}


ngx_int_t
ngx_http_dicom_modality_end(ngx_http_request_t *r)
{
    return ngx_http_dicom_resource_end(r, &ngx_http_dicom_modality);
}
