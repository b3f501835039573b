
/*
 * The node's handlers: stacks, their layers, the upload.
 */


#ifndef _NGX_HTTP_DICOM_NODE_H_INCLUDED_
#define _NGX_HTTP_DICOM_NODE_H_INCLUDED_


#include "ngx_http_dicom_module.h"
#include "../render-worker/wire.h"


/* Handlers of the route table: they answer r, at once or when the database and
   the worker have, and return what a content handler returns. */

/* ngx_http_dicom_node.c: /api/v1/stacks */
ngx_int_t ngx_http_dicom_stack_open(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_stack_get(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_stack_delete(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_stack_layers(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_stack_state(ngx_http_request_t *r);

/* ngx_http_dicom_view.c: /api/v1/stacks/{id}/layers/{n} */
ngx_int_t ngx_http_dicom_layer_get(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_pixel_get(ngx_http_request_t *r);
ngx_int_t ngx_http_dicom_roi_get(ngx_http_request_t *r);

/* ngx_http_dicom_upload.c: PUT /api/v1/instances */
ngx_int_t ngx_http_dicom_instance_put(ngx_http_request_t *r);


/*
 * Reads the query r->args of a layer's picture into render, all but stack and
 * layer: NGX_OK, or the result of the 400 reply, to be returned.
 */
ngx_int_t ngx_http_dicom_layer_ask(ngx_http_request_t *r,
    struct wire_render *render);

/*
 * A new id for a stack of a series, or of one instance of it (empty: of all).
 * The first half is the same for everybody who opens the same images, so that
 * they meet in one worker and share its textures; the second cannot be guessed.
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ngx_http_dicom_stack_id(const ngx_str_t *series,
    const ngx_str_t *instance, u_char id[16]);

/* The id of a stack, the path's first parameter: NGX_OK, or the result of the
   404 reply, to be returned. */
ngx_int_t ngx_http_dicom_stack_param(ngx_http_request_t *r, u_char stack[16]);


#endif /* _NGX_HTTP_DICOM_NODE_H_INCLUDED_ */
