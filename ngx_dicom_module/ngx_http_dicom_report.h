
/*
 * Reports: what reading and writing them share.
 */


#ifndef _NGX_HTTP_DICOM_REPORT_H_INCLUDED_
#define _NGX_HTTP_DICOM_REPORT_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* columns of REPORT_COLUMNS */
enum {
    R_ID = 0, R_STUDY, R_STATUS, R_TEXT, R_AUTHOR, R_AUTHOR_NAME, R_VERSION,
    R_CREATED, R_UPDATED, R_FINALIZED, R_CREATED_AS,
    R_DONE                             /* of REPORT_CHANGE */
};


/* "true" or "false", for statements: who is no physician sees final reports
   only. */
const char *ngx_http_dicom_report_drafts(ngx_http_request_t *r);

/* The id of the path: NGX_OK, or the result of the 404 reply. */
ngx_int_t ngx_http_dicom_report_param(ngx_http_request_t *r, const char **id);
ngx_int_t ngx_http_dicom_report_not_found(ngx_http_request_t *r);

/* Adds three steps to q: the report, its addenda, its history; the answer is
   made of their results. */
ngx_int_t ngx_http_dicom_report_read_steps(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q, const char *id);
ngx_int_t ngx_http_dicom_report_reply(ngx_http_request_t *r,
    ngx_uint_t status, PGresult *report, PGresult *addenda,
    PGresult *versions);

/* What a text is found by, for REPORT_WORDS: its folded words, and when it is
   all of a report so far, an empty one; TEXT[] in pool, NULL without memory. */
const char *ngx_http_dicom_report_words(ngx_pool_t *pool,
    const ngx_str_t *text, ngx_uint_t all);

/* From init_process: one nginx worker of a facility server looks for final
   reports of before there was a search.  NGX_OK or NGX_ERROR (memory). */
ngx_int_t ngx_http_dicom_report_init_process(ngx_cycle_t *cycle);

/* The answer to a request that was repeated: the report as it is now. */
ngx_int_t ngx_http_dicom_report_reread(ngx_http_request_t *r, const char *id);


#endif /* _NGX_HTTP_DICOM_REPORT_H_INCLUDED_ */
