
/*
 * Break-glass: a physician opens a study of another facility, says why, and is
 * on record.
 */


#ifndef _NGX_HTTP_DICOM_GLASS_H_INCLUDED_
#define _NGX_HTTP_DICOM_GLASS_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/*
 * POST /break-glass {facility, issuer, patient_id, study?, reason}: a token for
 * the other facility's servers, of the role "emergency", that is good for the
 * list of this patient's studies there, and for one study; not renewed.
 * Returns what a content handler returns.
 */
ngx_int_t ngx_http_dicom_break_glass(ngx_http_request_t *r);

/*
 * For the route room: runs the handler of r's route, of a break-glass token
 * only when the study that it names is the patient's that it names; the top
 * level cannot know that, the facility's database does.  Returns what a content
 * handler returns.
 */
ngx_int_t ngx_http_dicom_glass_handle(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_GLASS_H_INCLUDED_ */
