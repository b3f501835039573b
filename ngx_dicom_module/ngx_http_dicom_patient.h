
/*
 * The resource "patient", for the rooms beside the one that has it.
 */


#ifndef _NGX_HTTP_DICOM_PATIENT_H_INCLUDED_
#define _NGX_HTTP_DICOM_PATIENT_H_INCLUDED_


#include "ngx_http_dicom_resource.h"


extern const ngx_http_dicom_resource_t  ngx_http_dicom_patient;


#endif /* _NGX_HTTP_DICOM_PATIENT_H_INCLUDED_ */
