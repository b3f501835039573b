
/*
 * What the rooms of the facility's records share: C strings for statements,
 * audit of a study, UIDs of the path.
 */


#ifndef _NGX_HTTP_DICOM_RECORD_H_INCLUDED_
#define _NGX_HTTP_DICOM_RECORD_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* the parameter of AUDIT_FACILITY that names the study, from 0: TEXT[] */
#define NGX_HTTP_DICOM_AUDIT_STUDY  12


/* A copy of s with a NUL; NULL without memory. */
char *ngx_http_dicom_cstring(ngx_pool_t *pool, const ngx_str_t *s);

/* s without its NULs, or NULL (SQL NULL) when s is absent or empty. */
char *ngx_http_dicom_cstring_or_null(ngx_pool_t *pool, const ngx_str_t *s);

/* The user of r's token. */
char *ngx_http_dicom_user(ngx_http_request_t *r);
char *ngx_http_dicom_user_name(ngx_http_request_t *r);

/*
 * Adds the record of event on object to the transaction q; the patient is that
 * of the study, or of the report's study.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_dicom_audit(ngx_http_request_t *r, ngx_dicom_db_query_t *q,
    const char *event, const char *object, const char *study,
    const char *report);

/* That record, without an id, to be added by ngx_http_dicom_audit_step(). */
void ngx_http_dicom_audit_of(ngx_http_request_t *r, ngx_dicom_audit_t *event,
    const char *name, const char *object, const char *study,
    const char *report);

/* The same of what only reads: noted, see ngx_http_dicom_audit_note(). */
ngx_int_t ngx_http_dicom_audit_read(ngx_http_request_t *r, const char *event,
    const char *object, const char *study, const char *report);

/* The path's first parameter as a UID, in the request's memory: NGX_OK, or
   what missing returned, who answers where no record can have such a UID. */
ngx_int_t ngx_http_dicom_uid_param(ngx_http_request_t *r,
    ngx_int_t (*missing)(ngx_http_request_t *r), const char **uid);

/* Answers 404. */
ngx_int_t ngx_http_dicom_no_study(ngx_http_request_t *r);

/* Check of a step: without rows the transaction is rolled back. */
ngx_int_t ngx_http_dicom_some_rows(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res);

/* Writes a column as a string or number; SQL NULL as null. */
void ngx_http_dicom_write_text(ngx_dicom_json_writer_t *w, const char *key,
    PGresult *res, int row, int column);
void ngx_http_dicom_write_number(ngx_dicom_json_writer_t *w, const char *key,
    PGresult *res, int row, int column);
void ngx_http_dicom_write_time(ngx_dicom_json_writer_t *w, ngx_pool_t *pool,
    const char *key, PGresult *res, int row, int column);

/* Writes "assigned", the list of what stands in names with blanks between;
   nothing when that is empty. */
void ngx_http_dicom_write_assigned(ngx_dicom_json_writer_t *w,
    const char *names);

/* A whole number of a column; 0 for SQL NULL. */
int64_t ngx_http_dicom_column(PGresult *res, int row, int column);


#endif /* _NGX_HTTP_DICOM_RECORD_H_INCLUDED_ */
