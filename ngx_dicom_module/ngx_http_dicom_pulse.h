
/*
 * Heartbeats: which servers of a facility live.
 */


#ifndef _NGX_HTTP_DICOM_PULSE_H_INCLUDED_
#define _NGX_HTTP_DICOM_PULSE_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* From init_process: one nginx worker writes for each facility server and
   node.  NGX_OK or NGX_ERROR (memory). */
ngx_int_t ngx_http_dicom_pulse_init_process(ngx_cycle_t *cycle);

/* GET /heartbeats: returns what a content handler returns. */
ngx_int_t ngx_http_dicom_pulse_list(ngx_http_request_t *r);


#endif /* _NGX_HTTP_DICOM_PULSE_H_INCLUDED_ */
