
/*
 * The render workers of a node as upstream peers: which of them serves a
 * stack, and idle connections kept for the next request.
 */


#ifndef _NGX_HTTP_DICOM_PEER_H_INCLUDED_
#define _NGX_HTTP_DICOM_PEER_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/*
 * Fills dscf->upstream from the sockets of dscf->conf->render_workers.
 * NGX_OK, or NGX_ERROR with a line in the log.  A request that goes there
 * leaves the id of its stack in u->peer.data (NULL: any worker will do).
 */
ngx_int_t ngx_http_dicom_render_upstream(ngx_conf_t *cf,
    ngx_http_dicom_srv_conf_t *dscf);

/* The socket of the worker that serves the stack named by these bytes (NULL:
   of any, in turn); NULL when none is configured. */
ngx_addr_t *ngx_http_dicom_peer_addr(ngx_http_upstream_conf_t *conf,
    const u_char *stack);


#endif /* _NGX_HTTP_DICOM_PEER_H_INCLUDED_ */
