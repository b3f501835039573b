
/*
 * The list of studies, newest first, and the search in it.
 */


#include "ngx_http_dicom_facility.h"
#include "ngx_http_dicom_audit.h"
#include "ngx_http_dicom_record.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_resource.h"
#include "ngx_http_dicom_route.h"


/* Filters of the list, as parameters of its statements; NULL: any. */
typedef struct {
    const char             *patient_id;
    const char             *issuer;
    const char             *accession;
    const char             *modality;
    const char             *from;          /* of sort_key */
    const char             *to;
    ngx_array_t             words;         /* ngx_str_t, folded */
    char                    limit[24];
    ngx_http_dicom_page_t   page;
} ngx_http_dicom_studies_t;


static ngx_uint_t ngx_http_dicom_study_allowed(ngx_http_dicom_ctx_t *ctx,
    ngx_http_dicom_studies_t *list);
static ngx_int_t ngx_http_dicom_study_filters(ngx_http_request_t *r,
    ngx_http_dicom_studies_t *list);
static ngx_int_t ngx_http_dicom_study_step(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q, ngx_http_dicom_studies_t *list);
static ngx_int_t ngx_http_dicom_study_search(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q, ngx_http_dicom_studies_t *list, const char *key,
    const char *uid);
static ngx_int_t ngx_http_dicom_study_list_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);


static const char *const  ngx_http_dicom_study_args[] = {
    "patient_id", "issuer", "q", "date_from", "date_to", "modality",
    "accession", "limit", "cursor", NULL
};


/* GET /api/v1/studies */

ngx_int_t
ngx_http_dicom_study_list(ngx_http_request_t *r)
{
    ngx_int_t                  rc;
    ngx_dicom_db_query_t      *q;
    ngx_http_dicom_studies_t  *list;

    list = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_studies_t));
    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (list == NULL || q == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_dicom_study_filters(r, list);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!ngx_http_dicom_study_allowed(ngx_http_dicom_ctx(r), list)) {
        return ngx_http_dicom_refuse(r, "beyond-emergency",
                                     "The glass was broken for another "
                                     "patient.");
    }

    if (ngx_http_dicom_study_step(r, q, list) != NGX_OK
        || ngx_http_dicom_audit_search(r, "study-list") != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_http_dicom_ctx(r)->data = list;
    q->read_only = 1;
    q->list = 1;

    return ngx_http_dicom_query(r, q, ngx_http_dicom_study_list_done);
}


/* A break-glass token lists the studies of its patient. */

static ngx_uint_t
ngx_http_dicom_study_allowed(ngx_http_dicom_ctx_t *ctx,
    ngx_http_dicom_studies_t *list)
{
    size_t      len;
    ngx_str_t  *patient;

    if (!(ctx->claims.roles & NGX_DICOM_ROLE_EMERGENCY)) {
        return 1;
    }

    if (list->patient_id == NULL || list->issuer == NULL) {
        return 0;
    }

    patient = &ctx->claims.patient;
    len = ngx_strlen(list->issuer);

    return patient->len == len + 1 + ngx_strlen(list->patient_id)
           && ngx_memcmp(patient->data, list->issuer, len) == 0
           && patient->data[len] == '|'
           && ngx_memcmp(patient->data + len + 1, list->patient_id,
                         patient->len - len - 1)
              == 0;
}


static ngx_int_t
ngx_http_dicom_study_filters(ngx_http_request_t *r,
    ngx_http_dicom_studies_t *list)
{
    ngx_int_t  rc;

    rc = ngx_http_dicom_args_known(r, ngx_http_dicom_study_args);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_page(r, &list->page, 2);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_arg_text(r, "patient_id", 64, &list->patient_id);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_arg_text(r, "issuer", 64, &list->issuer);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_arg_text(r, "accession", 64, &list->accession);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_arg_text(r, "modality", 16, &list->modality);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_arg_day(r, "date_from", "", &list->from);
    if (rc != NGX_OK) {
        return rc;
    }

    /* "2026-11-22~" is above each time of that day */

    rc = ngx_http_dicom_arg_day(r, "date_to", "~", &list->to);
    if (rc != NGX_OK) {
        return rc;
    }

    if (list->from == NULL) {

        /* a limit at one end leaves out what has no date */

        list->from = list->to ? "0" : "";
    }

    if (list->to == NULL) {
        list->to = "~";
    }

    if (list->issuer && list->patient_id == NULL) {
        return ngx_http_dicom_arg_invalid(r, "issuer",
                                           "goes with patient_id");
    }

    return ngx_http_dicom_arg_words(r, &list->words);
}


/* The statement whose index fits the filters best. */

static ngx_int_t
ngx_http_dicom_study_step(ngx_http_request_t *r, ngx_dicom_db_query_t *q,
    ngx_http_dicom_studies_t *list)
{
    const char           *key, *uid;
    ngx_dicom_db_step_t  *step;

    key = list->page.nkeys ? (char *) list->page.keys[0].data : "~";
    uid = list->page.nkeys ? (char *) list->page.keys[1].data : "";

    /* one more row tells whether there is a next page */

    (void) snprintf(list->limit, sizeof(list->limit), "%lu",
                    (unsigned long) list->page.limit + 1);

    if (list->words.nelts) {
        return ngx_http_dicom_study_search(r, q, list, key, uid);
    }

    if (list->patient_id) {
        step = ngx_dicom_db_step(q, NGX_DICOM_STMT_STUDY_LIST_PATIENT, 9,
                                 list->from, list->to, list->modality, key,
                                 uid, list->limit, list->patient_id,
                                 list->issuer, list->accession);

    } else if (list->accession) {
        step = ngx_dicom_db_step(q, NGX_DICOM_STMT_STUDY_LIST_ACCESSION, 7,
                                 list->from, list->to, list->modality, key,
                                 uid, list->limit, list->accession);

    } else {
        step = ngx_dicom_db_step(q, NGX_DICOM_STMT_STUDY_LIST, 6,
                                 list->from, list->to, list->modality, key,
                                 uid, list->limit);
    }

    return step ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_dicom_study_search(ngx_http_request_t *r, ngx_dicom_db_query_t *q,
    ngx_http_dicom_studies_t *list, const char *key, const char *uid)
{
    ngx_dicom_db_step_t      *step;
    ngx_http_dicom_ranges_t   ranges;

    if (ngx_http_dicom_arg_ranges(r, &list->words, &ranges) != NGX_OK) {
        return NGX_ERROR;
    }

    step = ngx_dicom_db_step(q, NGX_DICOM_STMT_STUDY_SEARCH, 13, list->from,
                             list->to, list->modality, key, uid, list->limit,
                             ranges.lowest, ranges.below, ranges.others,
                             ranges.others_below, list->patient_id,
                             list->issuer, list->accession);

    return step ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ngx_http_dicom_study_list_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    int                        row, rows;
    PGresult                  *res;
    ngx_str_t                  keys[2], next;
    ngx_dicom_db_step_t       *steps;
    ngx_dicom_json_writer_t   *w;
    ngx_http_dicom_studies_t  *list;

    list = ngx_http_dicom_ctx(r)->data;
    steps = q->steps.elts;
    res = steps[0].result;

    if (q->status != NGX_DICOM_DB_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    w = ngx_dicom_json_writer(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rows = ngx_min(PQntuples(res), (int) list->page.limit);

    ngx_dicom_json_object(w);
    ngx_dicom_json_key(w, "items");
    ngx_dicom_json_array(w);

    for (row = 0; row < rows; row++) {
        ngx_dicom_json_object(w);
        ngx_http_dicom_write_study(r, w, res, row);
        ngx_dicom_json_end_object(w);
    }

    ngx_dicom_json_end_array(w);
    ngx_dicom_json_key(w, "next");

    if (rows == PQntuples(res)) {
        ngx_dicom_json_null(w);

    } else {
        keys[0] = ngx_dicom_db_value(res, rows - 1, S_SORT_KEY);
        keys[1] = ngx_dicom_db_value(res, rows - 1, S_UID);

        if (ngx_http_dicom_cursor(r->pool, keys, 2, &next) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        ngx_dicom_json_string(w, &next);
    }

    ngx_dicom_json_end_object(w);

    return ngx_http_dicom_reply_json(r, NGX_HTTP_OK, w, 0, NULL);
}
