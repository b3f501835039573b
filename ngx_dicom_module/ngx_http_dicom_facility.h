
/*
 * The facility's handlers: studies and series, reports.
 */


#ifndef _NGX_HTTP_DICOM_FACILITY_H_INCLUDED_
#define _NGX_HTTP_DICOM_FACILITY_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* Handlers of the route table: they answer r, at once or when the database has,
   and return what a content handler returns. */

/* ngx_http_dicom_studies.c: the list at /api/v1/studies */
ngx_int_t ngx_http_dicom_study_list(ngx_http_request_t *r);

/* ngx_http_dicom_facility.c: /api/v1/studies/{uid}, /api/v1/series/{uid} */
ngx_int_t ngx_http_dicom_study_get(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_study_delete(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_series_get(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_series_delete(ngx_http_request_t *r);

/* ngx_http_dicom_report.c: /api/v1/studies/{uid}/reports, /api/v1/reports */
ngx_int_t ngx_http_dicom_report_list(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_report_get(ngx_http_request_t *r);

/* ngx_http_dicom_report_search.c: the list at /api/v1/reports */
ngx_int_t ngx_http_dicom_report_search(ngx_http_request_t *r);

/* ngx_http_dicom_report_change.c: the same, written */
ngx_int_t ngx_http_dicom_report_create(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_report_put(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_report_finalize(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_report_addendum(ngx_http_request_t *r);


/* columns of STUDY_COLUMNS */
enum {
    S_UID = 0, S_SORT_KEY, S_DATE, S_TIME, S_ID, S_DESCRIPTION, S_ACCESSION,
    S_REFERRING, S_PATIENT_ID, S_ISSUER, S_NAME, S_BIRTH_DATE, S_SEX,
    S_VERSION, S_MODALITIES, S_SERIES, S_INSTANCES, S_DRAFTS, S_FINALS
};


/* The members of a study (columns of STUDY_COLUMNS), within an object. */
void ngx_http_dicom_write_study(ngx_http_request_t *r,
    ngx_dicom_json_writer_t *w, PGresult *res, int row);


#endif /* _NGX_HTTP_DICOM_FACILITY_H_INCLUDED_ */
