
/*
 * What the workers of one server share: the settings that SIGUSR1 changes, and
 * counters.  Touches shared memory; knows no request.
 */


#ifndef _NGX_DICOM_RUNTIME_H_INCLUDED_
#define _NGX_DICOM_RUNTIME_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>

#include "ngx_dicom_config.h"


#define NGX_DICOM_MIN_STATUS  100
#define NGX_DICOM_MAX_STATUS  599


/* Declares the zone of the server whose YAML is file. */
ngx_shm_zone_t *ngx_dicom_runtime_add(ngx_conf_t *cf, const ngx_str_t *file,
    void *tag);

/* By the master only; readers see the old settings or the new, whole. */
void ngx_dicom_runtime_publish(ngx_shm_zone_t *zone,
    const ngx_dicom_runtime_t *rt);

/* The settings, and the generation that they are of. */
ngx_uint_t ngx_dicom_runtime_copy(ngx_shm_zone_t *zone,
    ngx_dicom_runtime_t *rt);

/* How often settings were published. */
ngx_uint_t ngx_dicom_runtime_generation(ngx_shm_zone_t *zone);

/* Counts one response, and tells how many there were of this status. */
void ngx_dicom_runtime_count(ngx_shm_zone_t *zone, ngx_uint_t status);
ngx_uint_t ngx_dicom_runtime_counted(ngx_shm_zone_t *zone, ngx_uint_t status);

/* The master could not read the settings again; whether that was the last that
   happened. */
void ngx_dicom_runtime_refuse(ngx_shm_zone_t *zone);
ngx_uint_t ngx_dicom_runtime_refused(ngx_shm_zone_t *zone);


#endif /* _NGX_DICOM_RUNTIME_H_INCLUDED_ */
