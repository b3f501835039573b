
/*
 * Patients: names, identifiers qualified by issuer, and the search.
 */


#include "ngx_http_dicom_toplevel.h"
#include "ngx_http_dicom_patient.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_dicom_fold.h"


#define NGX_HTTP_DICOM_MAX_IDENTIFIERS  32


typedef struct {
    ngx_dicom_json_t  *name;
    ngx_str_t          birth_date;
    ngx_str_t          sex;
    ngx_dicom_json_t  *identifiers;
    ngx_int_t          active;
} ngx_http_dicom_patient_t;

typedef struct {
    ngx_str_t          family;
    ngx_str_t          given;
    ngx_str_t          middle;
    ngx_str_t          prefix;
    ngx_str_t          suffix;
} ngx_http_dicom_name_t;

typedef struct {
    ngx_str_t          issuer;
    ngx_str_t          value;
} ngx_http_dicom_identifier_t;


static ngx_int_t ngx_http_dicom_patient_values(ngx_http_dicom_op_t *op);
static ngx_int_t ngx_http_dicom_patient_name(ngx_http_dicom_op_t *op,
    ngx_array_t *words);
static ngx_int_t ngx_http_dicom_patient_identifiers(ngx_http_dicom_op_t *op,
    ngx_array_t *words);
static ngx_int_t ngx_http_dicom_patient_identifier(ngx_http_dicom_op_t *op,
    const ngx_dicom_json_t *element, ngx_uint_t n,
    ngx_http_dicom_identifier_t *out);
static ngx_int_t ngx_http_dicom_patient_numbers(ngx_http_dicom_op_t *op,
    const ngx_str_t *value, ngx_array_t *words);
static ngx_int_t ngx_http_dicom_patient_by_identifier(ngx_http_request_t *r,
    ngx_str_t *identifier, const char *active, const char *birth_date);
static ngx_int_t ngx_http_dicom_patient_by_words(ngx_http_request_t *r,
    ngx_array_t *words, const char *active, const char *birth_date);
static ngx_int_t ngx_http_dicom_patient_birth_date(ngx_http_request_t *r,
    const char **birth_date);


static const char  ngx_http_dicom_no_patient[] =
    "00000000-0000-0000-0000-000000000000";


static const ngx_http_dicom_column_t  ngx_http_dicom_patient_columns[] = {
    { "id", NGX_HTTP_DICOM_C_TEXT, 0, NULL },
    { "family", NGX_HTTP_DICOM_C_MAYBE, 1, "name" },
    { "given", NGX_HTTP_DICOM_C_MAYBE, 1, "name" },
    { "middle", NGX_HTTP_DICOM_C_MAYBE, 1, "name" },
    { "prefix", NGX_HTTP_DICOM_C_MAYBE, 1, "name" },
    { "suffix", NGX_HTTP_DICOM_C_MAYBE, 1, "name" },
    { "birth_date", NGX_HTTP_DICOM_C_TEXT, 1, NULL },
    { "sex", NGX_HTTP_DICOM_C_TEXT, 1, NULL },
    { "identifiers", NGX_HTTP_DICOM_C_JSON, 1, NULL },
    { "merged_into", NGX_HTTP_DICOM_C_TEXT, 0, NULL },
    { "merged", NGX_HTTP_DICOM_C_JSON, 0, NULL },
    { "active", NGX_HTTP_DICOM_C_BOOL, 1, NULL },
    { "version", NGX_HTTP_DICOM_C_INTEGER, 0, NULL },
    { "created_at", NGX_HTTP_DICOM_C_TIME, 0, NULL },
    { "updated_at", NGX_HTTP_DICOM_C_TIME, 0, NULL },
    { "created_as", NGX_HTTP_DICOM_C_HIDDEN, 0, NULL },
    { NULL, 0, 0, NULL }
};

static const ngx_dicom_field_t  ngx_http_dicom_patient_fields[] = {
    { ngx_string("name"), NGX_DICOM_F_OBJECT, NGX_DICOM_F_REQUIRED, 0, 0,
      offsetof(ngx_http_dicom_patient_t, name) },
    { ngx_string("birth_date"), NGX_DICOM_F_DATE, NGX_DICOM_F_NULLABLE, 0, 0,
      offsetof(ngx_http_dicom_patient_t, birth_date) },
    { ngx_string("sex"), NGX_DICOM_F_STRING, NGX_DICOM_F_NULLABLE, 1, 1,
      offsetof(ngx_http_dicom_patient_t, sex) },
    { ngx_string("identifiers"), NGX_DICOM_F_ARRAY, NGX_DICOM_F_NULLABLE, 0,
      NGX_HTTP_DICOM_MAX_IDENTIFIERS,
      offsetof(ngx_http_dicom_patient_t, identifiers) },
    { ngx_string("active"), NGX_DICOM_F_BOOL, 0, 0, 0,
      offsetof(ngx_http_dicom_patient_t, active) },
    ngx_dicom_null_field
};

/* PS3.5 6.2: the five components of a person name, at most 64 characters */
static const ngx_dicom_field_t  ngx_http_dicom_name_fields[] = {
    { ngx_string("family"), NGX_DICOM_F_STRING, NGX_DICOM_F_NULLABLE, 0, 256,
      offsetof(ngx_http_dicom_name_t, family) },
    { ngx_string("given"), NGX_DICOM_F_STRING, NGX_DICOM_F_NULLABLE, 0, 256,
      offsetof(ngx_http_dicom_name_t, given) },
    { ngx_string("middle"), NGX_DICOM_F_STRING, NGX_DICOM_F_NULLABLE, 0, 256,
      offsetof(ngx_http_dicom_name_t, middle) },
    { ngx_string("prefix"), NGX_DICOM_F_STRING, NGX_DICOM_F_NULLABLE, 0, 256,
      offsetof(ngx_http_dicom_name_t, prefix) },
    { ngx_string("suffix"), NGX_DICOM_F_STRING, NGX_DICOM_F_NULLABLE, 0, 256,
      offsetof(ngx_http_dicom_name_t, suffix) },
    ngx_dicom_null_field
};

static const ngx_dicom_field_t  ngx_http_dicom_identifier_fields[] = {
    { ngx_string("issuer"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED, 1, 64,
      offsetof(ngx_http_dicom_identifier_t, issuer) },
    { ngx_string("value"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED, 1, 64,
      offsetof(ngx_http_dicom_identifier_t, value) },
    ngx_dicom_null_field
};

static const ngx_http_dicom_extra_t  ngx_http_dicom_patient_extras[] = {
    { NGX_DICOM_STMT_PATIENT_NO_IDENTIFIERS, 0 },
    { NGX_DICOM_STMT_PATIENT_IDENTIFIERS, 3 },
    { NGX_DICOM_STMT_PATIENT_NO_WORDS, 0 },
    { NGX_DICOM_STMT_PATIENT_WORDS, 2 },
    { NGX_DICOM_STMT_PATIENT_LEND_WORDS, 0 }
};

static const ngx_http_dicom_conflict_t  ngx_http_dicom_patient_conflicts[] = {
    { "patient_identifiers_pkey", NGX_HTTP_CONFLICT, "identifiers",
      "one of them is another patient's" },
    { NULL, 0, NULL, NULL }
};

static const ngx_http_dicom_frozen_t  ngx_http_dicom_patient_merged = {
    "merged_into", "patient-merged",
    "This record lives on in the one that merged_into names; undo that first."
};

const ngx_http_dicom_resource_t  ngx_http_dicom_patient = {
    "patient",
    "/api/v1/patients/",
    ngx_http_dicom_patient_columns,
    ngx_http_dicom_patient_fields,
    sizeof(ngx_http_dicom_patient_t),
    9,
    ngx_http_dicom_patient_extras,
    5,
    ngx_http_dicom_patient_conflicts,
    NULL,
    1,
    1,
    NGX_DICOM_STMT_PATIENT_GET,
    NGX_DICOM_STMT_PATIENT_LOCK,
    NGX_DICOM_STMT_PATIENT_INSERT,
    NGX_DICOM_STMT_PATIENT_UPDATE,
    NGX_DICOM_STMT_PATIENT_END,
    ngx_http_dicom_patient_values,
    NULL,
    NULL,
    &ngx_http_dicom_patient_merged
};


static const ngx_http_dicom_list_t  ngx_http_dicom_patients = {
    ngx_http_dicom_patient_columns, NGX_DICOM_STMT_PATIENT_LIST, 2, "tu",
    { "", ngx_http_dicom_no_patient, NULL, NULL },
    "patient-list"
};

static const ngx_http_dicom_list_t  ngx_http_dicom_patients_born = {
    ngx_http_dicom_patient_columns, NGX_DICOM_STMT_PATIENT_BY_BIRTH_DATE, 2,
    "tu", { "", ngx_http_dicom_no_patient, NULL, NULL },
    "patient-list"
};

static const ngx_http_dicom_list_t  ngx_http_dicom_patients_called = {
    ngx_http_dicom_patient_columns, NGX_DICOM_STMT_PATIENT_BY_IDENTIFIER, 2,
    "tu", { "", ngx_http_dicom_no_patient, NULL, NULL },
    "patient-list"
};

static const ngx_http_dicom_list_t  ngx_http_dicom_patients_by_word = {
    ngx_http_dicom_patient_columns, NGX_DICOM_STMT_PATIENT_BY_WORD, 3, "ttu",
    { "", "", ngx_http_dicom_no_patient, NULL },
    "patient-list"
};

static const ngx_http_dicom_list_t  ngx_http_dicom_patients_by_words = {
    ngx_http_dicom_patient_columns, NGX_DICOM_STMT_PATIENT_BY_WORDS, 3, "ttu",
    { "", "", ngx_http_dicom_no_patient, NULL },
    "patient-list"
};


/*
 * Values: the columns of INSERT, then issuers, values and positions of the
 * identifiers, then the sort name and the words to search by.
 */
static ngx_int_t
ngx_http_dicom_patient_values(ngx_http_dicom_op_t *op)
{
    ngx_int_t                  rc;
    ngx_array_t                words;
    ngx_pool_t                *pool = op->request->pool;
    ngx_http_dicom_patient_t  *in = op->input;

    if (ngx_array_init(&words, pool, 8, sizeof(ngx_str_t)) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ngx_http_dicom_patient_name(op, &words);

    if (rc == NGX_ERROR
        || ngx_http_dicom_patient_identifiers(op, &words) == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    op->values[5] = in->birth_date.len
                    ? ngx_http_dicom_resource_text(pool, &in->birth_date)
                    : NULL;

    op->values[6] = in->sex.len ? ngx_http_dicom_resource_text(pool, &in->sex)
                                : NULL;

    if (in->sex.len
        && ngx_strchr("MFOU", in->sex.data[0]) == NULL
        && ngx_http_dicom_resource_error(op, "sex", "must be M, F, O or U")
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    op->values[7] = in->active ? "t" : "f";

    op->values[13] = ngx_dicom_db_text_array(pool, words.elts, words.nelts);
    if (op->values[13] == NULL) {
        return NGX_ERROR;
    }

    return op->errors.nelts ? NGX_DECLINED : NGX_OK;
}


static ngx_int_t
ngx_http_dicom_patient_name(ngx_http_dicom_op_t *op, ngx_array_t *words)
{
    ngx_int_t                  rc;
    ngx_str_t                  key, *part;
    ngx_uint_t                 i;
    ngx_pool_t                *pool = op->request->pool;
    ngx_http_dicom_name_t      name;
    ngx_http_dicom_patient_t  *in = op->input;

    rc = ngx_dicom_json_bind(pool, in->name, ngx_http_dicom_name_fields, &name,
                             "name", &op->errors);
    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    part = &name.family;

    for (i = 0; i < 5; i++) {

        op->values[i] = part[i].len
                        ? ngx_http_dicom_resource_text(pool, &part[i]) : "";

        if (op->values[i] == NULL
            || ngx_dicom_fold(pool, &part[i], words) == NGX_ERROR)
        {
            return NGX_ERROR;
        }

        /* lists are in the order of family, given and middle name */

        if (i == 2) {
            if (ngx_dicom_fold_join(pool, words, &key) != NGX_OK) {
                return NGX_ERROR;
            }

            op->values[8] = (const char *) key.data;
            op->values[12] = (const char *) key.data;

            if (words->nelts == 0 && rc == NGX_OK
                && ngx_http_dicom_resource_error(op, "name", "must have a "
                                                 "family or a given name")
                   != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_patient_identifiers(ngx_http_dicom_op_t *op,
    ngx_array_t *words)
{
    u_char                        *p;
    ngx_int_t                      rc;
    ngx_str_t                      issuers[NGX_HTTP_DICOM_MAX_IDENTIFIERS];
    ngx_str_t                      values[NGX_HTTP_DICOM_MAX_IDENTIFIERS];
    ngx_str_t                      positions[NGX_HTTP_DICOM_MAX_IDENTIFIERS];
    ngx_uint_t                     i, n;
    ngx_pool_t                    *pool = op->request->pool;
    const ngx_dicom_json_t        *element;
    ngx_http_dicom_patient_t      *in = op->input;
    ngx_http_dicom_identifier_t    identifier;

    n = 0;

    for (element = in->identifiers ? in->identifiers->first : NULL;
         element && n < NGX_HTTP_DICOM_MAX_IDENTIFIERS;
         element = element->next)
    {
        rc = ngx_http_dicom_patient_identifier(op, element, n, &identifier);

        if (rc == NGX_ERROR
            || (rc == NGX_OK
                && ngx_http_dicom_patient_numbers(op, &identifier.value, words)
                   != NGX_OK))
        {
            return NGX_ERROR;
        }

        for (i = 0; rc == NGX_OK && i < n; i++) {

            if (issuers[i].len == identifier.issuer.len
                && values[i].len == identifier.value.len
                && ngx_memcmp(issuers[i].data, identifier.issuer.data,
                              issuers[i].len)
                   == 0
                && ngx_memcmp(values[i].data, identifier.value.data,
                              values[i].len)
                   == 0
                && ngx_http_dicom_resource_error(op, "identifiers",
                                                 "one is there twice")
                   != NGX_OK)
            {
                return NGX_ERROR;
            }
        }

        p = ngx_pnalloc(pool, NGX_INT_T_LEN);
        if (p == NULL) {
            return NGX_ERROR;
        }

        issuers[n] = identifier.issuer;
        values[n] = identifier.value;
        positions[n].data = p;
        positions[n].len = ngx_sprintf(p, "%ui", n) - p;
        n++;
    }

    op->values[9] = ngx_dicom_db_text_array(pool, issuers, n);
    op->values[10] = ngx_dicom_db_text_array(pool, values, n);
    op->values[11] = ngx_dicom_db_text_array(pool, positions, n);

    return op->values[9] && op->values[10] && op->values[11] ? NGX_OK
                                                             : NGX_ERROR;
}


static ngx_int_t
ngx_http_dicom_patient_identifier(ngx_http_dicom_op_t *op,
    const ngx_dicom_json_t *element, ngx_uint_t n,
    ngx_http_dicom_identifier_t *out)
{
    u_char  prefix[sizeof("identifiers[]") + NGX_INT_T_LEN];

    ngx_memzero(out, sizeof(ngx_http_dicom_identifier_t));

    (void) ngx_sprintf(prefix, "identifiers[%ui]%Z", n);

    return ngx_dicom_json_bind(op->request->pool, element,
                               ngx_http_dicom_identifier_fields, out,
                               (const char *) prefix, &op->errors);
}


/* The words of an identifier that have a digit: only those are searched. */
static ngx_int_t
ngx_http_dicom_patient_numbers(ngx_http_dicom_op_t *op,
    const ngx_str_t *value, ngx_array_t *words)
{
    ngx_str_t    *word, *copy;
    ngx_uint_t    i;
    ngx_array_t   all;

    if (ngx_array_init(&all, op->request->pool, 2, sizeof(ngx_str_t))
        != NGX_OK
        || ngx_dicom_fold(op->request->pool, value, &all) == NGX_ERROR)
    {
        return NGX_ERROR;
    }

    word = all.elts;

    for (i = 0; i < all.nelts; i++) {

        if (word[i].data[0] != '#') {
            continue;
        }

        copy = ngx_array_push(words);
        if (copy == NULL) {
            return NGX_ERROR;
        }

        *copy = word[i];
    }

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_patient_list(ngx_http_request_t *r)
{
    ngx_int_t           rc;
    ngx_str_t           identifier;
    ngx_array_t         words;
    const char         *params[2];
    static const char  *known[] = { "q", "birth_date", "identifier", "active",
                                    "limit", "cursor", NULL };

    rc = ngx_http_dicom_args_known(r, known);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_arg_active(r, &params[0]);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_patient_birth_date(r, &params[1]);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_arg_words(r, &words);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_arg(r, "identifier", &identifier);

    if (rc == NGX_OK) {
        if (words.nelts) {
            return ngx_http_dicom_arg_invalid(r, "identifier",
                                              "cannot be combined with q");
        }

        return ngx_http_dicom_patient_by_identifier(r, &identifier, params[0],
                                                    params[1]);
    }

    if (rc != NGX_DECLINED) {
        return ngx_http_dicom_arg_invalid(r, "identifier",
                                          "must be issuer|value");
    }

    if (words.nelts) {
        return ngx_http_dicom_patient_by_words(r, &words, params[0],
                                               params[1]);
    }

    if (params[1] != NULL) {
        return ngx_http_dicom_resource_list(r, &ngx_http_dicom_patients_born,
                                            2, params);
    }

    return ngx_http_dicom_resource_list(r, &ngx_http_dicom_patients, 1,
                                        params);
}


static ngx_int_t
ngx_http_dicom_patient_birth_date(ngx_http_request_t *r,
    const char **birth_date)
{
    ngx_int_t                       rc;
    ngx_str_t                       value;
    ngx_array_t                     errors;
    ngx_dicom_json_t                object, member;
    ngx_http_dicom_patient_t        patient;
    static const ngx_dicom_field_t  field[] = {
        { ngx_string("birth_date"), NGX_DICOM_F_DATE, 0, 0, 0,
          offsetof(ngx_http_dicom_patient_t, birth_date) },
        ngx_dicom_null_field
    };

    *birth_date = NULL;

    rc = ngx_http_dicom_arg(r, "birth_date", &value);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (rc == NGX_OK) {

        /* the same check as of a body's */

        ngx_memzero(&object, sizeof(ngx_dicom_json_t));
        ngx_memzero(&member, sizeof(ngx_dicom_json_t));

        member.type = NGX_DICOM_JSON_STRING;
        ngx_str_set(&member.name, "birth_date");
        member.string = value;

        object.type = NGX_DICOM_JSON_OBJECT;
        object.nelts = 1;
        object.first = &member;

        if (ngx_array_init(&errors, r->pool, 1,
                           sizeof(ngx_dicom_json_error_t))
            != NGX_OK)
        {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        rc = ngx_dicom_json_bind(r->pool, &object, field, &patient, "",
                                 &errors);
        if (rc == NGX_OK) {
            *birth_date = (const char *) value.data;
            return NGX_OK;
        }
    }

    return ngx_http_dicom_arg_invalid(r, "birth_date",
                                      "must be a date like 2026-11-22");
}


static ngx_int_t
ngx_http_dicom_patient_by_identifier(ngx_http_request_t *r,
    ngx_str_t *identifier, const char *active, const char *birth_date)
{
    u_char      *bar;
    const char  *params[4];

    /* a value may have a bar in it, an issuer none */

    bar = ngx_strlchr(identifier->data, identifier->data + identifier->len,
                      '|');
    if (bar == NULL || bar == identifier->data) {
        return ngx_http_dicom_arg_invalid(r, "identifier",
                                          "must be issuer|value");
    }

    *bar = '\0';

    params[0] = (const char *) identifier->data;
    params[1] = (const char *) bar + 1;
    params[2] = active;
    params[3] = birth_date;

    return ngx_http_dicom_resource_list(r, &ngx_http_dicom_patients_called, 4,
                                        params);
}


static ngx_int_t
ngx_http_dicom_patient_by_words(ngx_http_request_t *r, ngx_array_t *words,
    const char *active, const char *birth_date)
{
    const char               *params[6];
    ngx_http_dicom_ranges_t   ranges;

    if (ngx_http_dicom_arg_ranges(r, words, &ranges) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    params[0] = ranges.lowest;
    params[1] = ranges.below;
    params[2] = active;
    params[3] = birth_date;

    if (words->nelts == 1) {
        return ngx_http_dicom_resource_list(r,
                                            &ngx_http_dicom_patients_by_word,
                                            4, params);
    }

    params[4] = ranges.others;
    params[5] = ranges.others_below;

    return ngx_http_dicom_resource_list(r, &ngx_http_dicom_patients_by_words,
                                        6, params);
}


ngx_int_t
ngx_http_dicom_patient_create(ngx_http_request_t *r)
{
    return ngx_http_dicom_resource_create(r, &ngx_http_dicom_patient, NULL);
}


ngx_int_t
ngx_http_dicom_patient_read(ngx_http_request_t *r)
{
    return ngx_http_dicom_resource_read(r, &ngx_http_dicom_patient);
}


ngx_int_t
ngx_http_dicom_patient_change(ngx_http_request_t *r)
{
    return ngx_http_dicom_resource_change(r, &ngx_http_dicom_patient, NULL);
}


ngx_int_t
ngx_http_dicom_patient_end(ngx_http_request_t *r)
{
    return ngx_http_dicom_resource_end(r, &ngx_http_dicom_patient);
}
