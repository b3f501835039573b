
/*
 * What no row names any more leaves the store: objects of deleted studies, and
 * of uploads that never came to their end.
 */


#ifndef _NGX_HTTP_DICOM_DISCARD_H_INCLUDED_
#define _NGX_HTTP_DICOM_DISCARD_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/* From init_process: one nginx worker looks after the store of each node. */
ngx_int_t ngx_http_dicom_discard_init_process(ngx_cycle_t *cycle);


#endif /* _NGX_HTTP_DICOM_DISCARD_H_INCLUDED_ */
