
/*
 * The audit trail as it is read: events, and who looked at a patient.
 */


#ifndef _NGX_HTTP_DICOM_EVENTS_H_INCLUDED_
#define _NGX_HTTP_DICOM_EVENTS_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* Handlers of the route table: they answer r, at once or when the database has,
   and return what a content handler returns. */

/* GET /audit?from=&to=&user=&patient=&event=&outcome=, newest first; patient is
   an id on the top level, "issuer|value" at a facility. */
ngx_int_t ngx_http_dicom_event_list(ngx_http_request_t *r);

/* Top level: GET /patients/{id}/accesses */
ngx_int_t ngx_http_dicom_patient_accesses(ngx_http_request_t *r);

/* Facility: GET /accesses?identifier=issuer|value */
ngx_int_t ngx_http_dicom_accesses(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_EVENTS_H_INCLUDED_ */
