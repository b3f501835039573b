
/*
 * WADO-RS: frames (PS3.18 10.4.1.1.6) and bulk data (10.4.1.1.5).
 */


#ifndef _NGX_HTTP_DICOM_FRAMES_H_INCLUDED_
#define _NGX_HTTP_DICOM_FRAMES_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* Handlers of the route table: they answer r, and return what a content
   handler returns.  Below /dicom-web/studies/{uid}/series/{uid}: */

/* GET instances/{uid}/frames/{list} */
ngx_int_t ngx_http_dicom_frames(ngx_http_request_t *r);

/* GET instances/{uid}/bulkdata/{path} */
ngx_int_t ngx_http_dicom_bulkdata(ngx_http_request_t *r);

/* The path's fourth parameter as frame numbers, from 0 here: NGX_OK, or the
   result of the 400 reply, to be returned. */
ngx_int_t ngx_http_dicom_frame_list(ngx_http_request_t *r,
    ngx_array_t **frames);


#endif /* _NGX_HTTP_DICOM_FRAMES_H_INCLUDED_ */
