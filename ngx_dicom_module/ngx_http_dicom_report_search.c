
/*
 * The search of reports: by words of final texts and addenda, author, patient,
 * state and day.
 */


#include "ngx_http_dicom_facility.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_report.h"
#include "ngx_http_dicom_resource.h"


/* The first parameters of the statements. */
enum {
    F_DRAFTS = 0, F_STATUS, F_FROM, F_TO, F_AUTHOR, F_PATIENT, F_ISSUER,
    F_LOWEST, F_BELOW, F_OTHERS, F_OTHERS_BELOW, F_PARAMS
};


static ngx_int_t ngx_http_dicom_report_filters(ngx_http_request_t *r,
    const char **params);
static ngx_int_t ngx_http_dicom_report_status(ngx_http_request_t *r,
    const char **status);


static const ngx_http_dicom_column_t  ngx_http_dicom_report_columns[] = {
    { "id", NGX_HTTP_DICOM_C_TEXT, 0, NULL },
    { "study", NGX_HTTP_DICOM_C_TEXT, 0, NULL },
    { "status", NGX_HTTP_DICOM_C_TEXT, 0, NULL },
    { "version", NGX_HTTP_DICOM_C_INTEGER, 0, NULL },
    { "id", NGX_HTTP_DICOM_C_TEXT, 0, "author" },
    { "name", NGX_HTTP_DICOM_C_TEXT, 0, "author" },
    { "created_at", NGX_HTTP_DICOM_C_TIME, 0, NULL },
    { "updated_at", NGX_HTTP_DICOM_C_TIME, 0, NULL },
    { "finalized_at", NGX_HTTP_DICOM_C_TIME, 0, NULL },
    { "excerpt", NGX_HTTP_DICOM_C_TEXT, 0, NULL },
    { "id", NGX_HTTP_DICOM_C_MAYBE, 0, "patient" },
    { "issuer", NGX_HTTP_DICOM_C_MAYBE, 0, "patient" },
    { "name", NGX_HTTP_DICOM_C_MAYBE, 0, "patient" },
    { "birth_date", NGX_HTTP_DICOM_C_TEXT, 0, "patient" },
    { "study_date", NGX_HTTP_DICOM_C_TEXT, 0, NULL },
    { "description", NGX_HTTP_DICOM_C_MAYBE, 0, NULL },
    { NULL, 0, 0, NULL }
};


#define REPORT_LIST(stmt)                                                     \
    { ngx_http_dicom_report_columns, stmt, 2, "zu",                           \
      { "9999-12-31 23:59:59+00", "ffffffff-ffff-ffff-ffff-ffffffffffff",     \
        NULL, NULL }, "report-list" }

static const ngx_http_dicom_list_t  ngx_http_dicom_reports =
    REPORT_LIST(NGX_DICOM_STMT_REPORT_NEWEST);

static const ngx_http_dicom_list_t  ngx_http_dicom_reports_of_author =
    REPORT_LIST(NGX_DICOM_STMT_REPORT_OF_AUTHOR);

static const ngx_http_dicom_list_t  ngx_http_dicom_reports_of_patient =
    REPORT_LIST(NGX_DICOM_STMT_REPORT_OF_PATIENT);

static const ngx_http_dicom_list_t  ngx_http_dicom_reports_by_words =
    REPORT_LIST(NGX_DICOM_STMT_REPORT_BY_WORDS);


/* GET /api/v1/reports */

ngx_int_t
ngx_http_dicom_report_search(ngx_http_request_t *r)
{
    ngx_int_t                     rc;
    ngx_array_t                   words;
    const char                   *params[F_PARAMS];
    ngx_http_dicom_ranges_t       ranges;
    const ngx_http_dicom_list_t  *list;

    rc = ngx_http_dicom_report_filters(r, params);

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ngx_http_dicom_arg_words(r, &words);

    if (rc != NGX_OK) {
        return rc;
    }

    /* the statement whose index fits the filters best */

    if (words.nelts) {

        if (ngx_http_dicom_arg_ranges(r, &words, &ranges) != NGX_OK) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }

        params[F_LOWEST] = ranges.lowest;
        params[F_BELOW] = ranges.below;
        params[F_OTHERS] = ranges.others;
        params[F_OTHERS_BELOW] = ranges.others_below;

        return ngx_http_dicom_resource_list(r,
                                            &ngx_http_dicom_reports_by_words,
                                            F_PARAMS, params);
    }

    list = params[F_PATIENT] ? &ngx_http_dicom_reports_of_patient
           : params[F_AUTHOR] ? &ngx_http_dicom_reports_of_author
           : &ngx_http_dicom_reports;

    return ngx_http_dicom_resource_list(r, list, F_LOWEST, params);
}


/* NGX_OK, or the result of the 400 reply. */

static ngx_int_t
ngx_http_dicom_report_filters(ngx_http_request_t *r, const char **params)
{
    ngx_int_t           rc;
    static const char  *known[] = { "q", "author", "status", "patient_id",
                                    "issuer", "date_from", "date_to", "limit",
                                    "cursor", NULL };

    params[F_DRAFTS] = ngx_http_dicom_report_drafts(r);

    rc = ngx_http_dicom_args_known(r, known);

    if (rc == NGX_OK) {
        rc = ngx_http_dicom_report_status(r, &params[F_STATUS]);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_dicom_arg_uuid(r, "author", &params[F_AUTHOR]);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_dicom_arg_text(r, "patient_id", 64, &params[F_PATIENT]);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_dicom_arg_text(r, "issuer", 64, &params[F_ISSUER]);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_dicom_arg_day(r, "date_from", " 00:00:00+00",
                                    &params[F_FROM]);
    }

    if (rc == NGX_OK) {
        rc = ngx_http_dicom_arg_day(r, "date_to", " 00:00:00+00",
                                    &params[F_TO]);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (params[F_ISSUER] && params[F_PATIENT] == NULL) {
        return ngx_http_dicom_arg_invalid(r, "issuer", "goes with patient_id");
    }

    if (params[F_FROM] == NULL) {
        params[F_FROM] = "0001-01-01 00:00:00+00";
    }

    if (params[F_TO] == NULL) {
        params[F_TO] = "9999-12-30 00:00:00+00";
    }

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_report_status(ngx_http_request_t *r, const char **status)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    *status = NULL;

    rc = ngx_http_dicom_arg(r, "status", &value);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    if (rc != NGX_OK
        || (ngx_strcmp(value.data, "draft") != 0
            && ngx_strcmp(value.data, "final") != 0))
    {
        return ngx_http_dicom_arg_invalid(r, "status",
                                          "must be draft or final");
    }

    *status = (const char *) value.data;

    return NGX_OK;
}
