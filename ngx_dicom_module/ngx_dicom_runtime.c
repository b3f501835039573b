
/*
 * What the workers of one server share.  Touches shared memory; knows no
 * request.
 */


#include "ngx_dicom_runtime.h"


#define NGX_DICOM_RUNTIME_PAGES  24


/*
 * Two slots: the writer fills the one that nobody reads, then moves the
 * generation.  A writer killed half-way leaves the old settings valid, which a
 * lock or a sequence counter would not.
 */
typedef struct {
    ngx_atomic_t          generation;      /* slot: its last bit */
    ngx_atomic_t          refused;         /* the last file read was bad */
    ngx_dicom_runtime_t   slots[2];
    ngx_atomic_t          responses[NGX_DICOM_MAX_STATUS
                                    - NGX_DICOM_MIN_STATUS + 1];
} ngx_dicom_shared_t;


static ngx_int_t ngx_dicom_runtime_init_zone(ngx_shm_zone_t *zone, void *data);


ngx_shm_zone_t *
ngx_dicom_runtime_add(ngx_conf_t *cf, const ngx_str_t *file, void *tag)
{
    ngx_str_t        name;
    ngx_shm_zone_t  *zone;

    /* another layout in a newer module must not reuse the zone on reload */

    name.len = sizeof("dicom:65536:") + NGX_INT_T_LEN + file->len;

    name.data = ngx_pnalloc(cf->pool, name.len);
    if (name.data == NULL) {
        return NULL;
    }

    name.len = ngx_sprintf(name.data, "dicom:%uz:%V",
                           sizeof(ngx_dicom_shared_t), file)
               - name.data;

    zone = ngx_shared_memory_add(cf, &name,
                                 NGX_DICOM_RUNTIME_PAGES * ngx_pagesize, tag);
    if (zone == NULL) {
        return NULL;
    }

    zone->init = ngx_dicom_runtime_init_zone;

    return zone;
}


static ngx_int_t
ngx_dicom_runtime_init_zone(ngx_shm_zone_t *zone, void *data)
{
    ngx_slab_pool_t  *shpool;

    if (data) {
        zone->data = data;
        return NGX_OK;
    }

    shpool = (ngx_slab_pool_t *) zone->shm.addr;

    if (zone->shm.exists) {
        zone->data = shpool->data;
        return NGX_OK;
    }

    zone->data = ngx_slab_calloc(shpool, sizeof(ngx_dicom_shared_t));
    if (zone->data == NULL) {
        return NGX_ERROR;
    }

    shpool->data = zone->data;

    return NGX_OK;
}


void
ngx_dicom_runtime_publish(ngx_shm_zone_t *zone, const ngx_dicom_runtime_t *rt)
{
    ngx_uint_t           next;
    ngx_dicom_shared_t  *shared;

    shared = zone->data;
    next = shared->generation + 1;

    /*
     * a reader that copies this slot since two generations ago finds that the
     * generation has moved, and copies again
     */

    ngx_memcpy(&shared->slots[next & 1], rt, sizeof(ngx_dicom_runtime_t));

    ngx_memory_barrier();

    shared->generation = next;
    shared->refused = 0;
}


void
ngx_dicom_runtime_refuse(ngx_shm_zone_t *zone)
{
    ngx_dicom_shared_t  *shared;

    shared = zone->data;
    shared->refused = 1;
}


ngx_uint_t
ngx_dicom_runtime_refused(ngx_shm_zone_t *zone)
{
    ngx_dicom_shared_t  *shared;

    shared = zone->data;

    return shared->refused;
}


ngx_uint_t
ngx_dicom_runtime_copy(ngx_shm_zone_t *zone, ngx_dicom_runtime_t *rt)
{
    ngx_uint_t           generation;
    ngx_dicom_shared_t  *shared;

    shared = zone->data;

    do {
        generation = shared->generation;

        ngx_memory_barrier();

        ngx_memcpy(rt, &shared->slots[generation & 1],
                   sizeof(ngx_dicom_runtime_t));

        ngx_memory_barrier();

    } while (generation != shared->generation);

    return generation;
}


ngx_uint_t
ngx_dicom_runtime_generation(ngx_shm_zone_t *zone)
{
    ngx_dicom_shared_t  *shared;

    shared = zone->data;

    return shared->generation;
}


void
ngx_dicom_runtime_count(ngx_shm_zone_t *zone, ngx_uint_t status)
{
    ngx_dicom_shared_t  *shared;

    if (status < NGX_DICOM_MIN_STATUS || status > NGX_DICOM_MAX_STATUS) {
        return;
    }

    shared = zone->data;

    (void) ngx_atomic_fetch_add(
                         &shared->responses[status - NGX_DICOM_MIN_STATUS], 1);
}


ngx_uint_t
ngx_dicom_runtime_counted(ngx_shm_zone_t *zone, ngx_uint_t status)
{
    ngx_dicom_shared_t  *shared;

    shared = zone->data;

    return shared->responses[status - NGX_DICOM_MIN_STATUS];
}
