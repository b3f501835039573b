
/*
 * The DICOM JSON model (PS3.18 annex F).
 */


#ifndef _NGX_HTTP_DICOM_ATTRIBUTE_H_INCLUDED_
#define _NGX_HTTP_DICOM_ATTRIBUTE_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* Writes an attribute within an object.  text: as the database has it; "" is
   an attribute without value. */
void ngx_http_dicom_write_attribute(ngx_dicom_json_writer_t *w,
    const char *tag, const char *vr, const char *text);


#endif /* _NGX_HTTP_DICOM_ATTRIBUTE_H_INCLUDED_ */
