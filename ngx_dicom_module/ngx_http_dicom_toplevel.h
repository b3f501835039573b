
/*
 * Handlers of the top level: facilities, servers, modalities, users, patients.
 */


#ifndef _NGX_HTTP_DICOM_TOPLEVEL_H_INCLUDED_
#define _NGX_HTTP_DICOM_TOPLEVEL_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* Handlers of the route table: they answer r, at once or when the database has,
   and return what a content handler returns.  end deactivates. */

/* ngx_http_dicom_toplevel.c */

ngx_int_t ngx_http_dicom_facility_list(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_facility_create(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_facility_read(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_facility_change(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_facility_end(ngx_http_request_t *r);

ngx_int_t ngx_http_dicom_server_list(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_server_create(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_server_read(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_server_change(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_server_end(ngx_http_request_t *r);

ngx_int_t ngx_http_dicom_modality_list(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_modality_create(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_modality_read(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_modality_change(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_modality_end(ngx_http_request_t *r);

/* ngx_http_dicom_user.c */

ngx_int_t ngx_http_dicom_user_list(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_user_create(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_user_read(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_user_change(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_user_end(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_user_reset(ngx_http_request_t *r);

/* ngx_http_dicom_patient.c */

ngx_int_t ngx_http_dicom_patient_list(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_patient_create(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_patient_read(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_patient_change(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_patient_end(ngx_http_request_t *r);

/* ngx_http_dicom_merge.c */

ngx_int_t ngx_http_dicom_patient_merge(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_patient_unmerge(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_TOPLEVEL_H_INCLUDED_ */
