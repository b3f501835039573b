
/*
 * Inside the resource rooms: what create, read, change and deactivate share.
 */


#ifndef _NGX_HTTP_DICOM_OP_H_INCLUDED_
#define _NGX_HTTP_DICOM_OP_H_INCLUDED_


#include "ngx_http_dicom_resource.h"
#include "ngx_http_dicom_audit.h"


/* An operation and its query, ctx->data; NULL without memory. */
ngx_http_dicom_op_t *ngx_http_dicom_op(ngx_http_request_t *r,
    const ngx_http_dicom_resource_t *resource, ngx_dicom_db_query_t **q);

/* Before a change: the path's id, and whether there is If-Match.  NGX_OK, or
   the result of a reply, or 500. */
ngx_int_t ngx_http_dicom_op_target(ngx_http_dicom_op_t *op);

/* Adds the step that locks the row; NGX_OK or NGX_ERROR. */
ngx_int_t ngx_http_dicom_op_lock(ngx_http_dicom_op_t *op,
    ngx_dicom_db_query_t *q, ngx_dicom_db_check_pt check);

/* For its check: NGX_OK, NGX_DONE (committed before), NGX_DECLINED with op
   saying why. */
ngx_int_t ngx_http_dicom_op_lock_check(ngx_http_dicom_op_t *op,
    PGresult *res);

/* Adds the record of "NAME-verb" to the transaction q. */
ngx_int_t ngx_http_dicom_op_audit(ngx_http_dicom_op_t *op,
    ngx_dicom_db_query_t *q, const char *verb);

/* Adds the statements beside INSERT or UPDATE. */
ngx_int_t ngx_http_dicom_op_extras(ngx_http_dicom_op_t *op,
    ngx_dicom_db_query_t *q);

/* NGX_OK, NGX_DECLINED with op->errors or op->forbidden, NGX_ERROR. */
ngx_int_t ngx_http_dicom_op_bind(ngx_http_dicom_op_t *op,
    const ngx_dicom_json_t *body);

/* NULL when the step was left out. */
PGresult *ngx_http_dicom_op_result(ngx_dicom_db_query_t *q,
    ngx_uint_t step);

/* Answers 422 or 403. */
ngx_int_t ngx_http_dicom_op_invalid(ngx_http_dicom_op_t *op);

/* Answers a violated constraint. */
ngx_int_t ngx_http_dicom_op_conflict(ngx_http_dicom_op_t *op,
    ngx_dicom_db_query_t *q);

/* Answers a transaction that was rolled back, after what a check left in op. */
ngx_int_t ngx_http_dicom_op_refused(ngx_http_dicom_op_t *op,
    ngx_dicom_db_query_t *q);


#endif /* _NGX_HTTP_DICOM_OP_H_INCLUDED_ */
