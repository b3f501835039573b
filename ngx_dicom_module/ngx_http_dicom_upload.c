
/*
 * PUT /api/v1/instances: one DICOM file, which nginx writes below the store
 * before it is taken in.
 */


#include "ngx_http_dicom_node.h"
#include "ngx_http_dicom_follow.h"
#include "ngx_http_dicom_ingest.h"
#include "ngx_http_dicom_record.h"
#include "ngx_http_dicom_reply.h"


static void ngx_http_dicom_upload_body_handler(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_upload_body(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_upload_done(ngx_http_request_t *r,
    ngx_http_dicom_ingest_t *ingest);
static ngx_int_t ngx_http_dicom_upload_reply(ngx_http_request_t *r,
    ngx_dicom_meta_t *meta, ngx_uint_t status);


ngx_int_t
ngx_http_dicom_instance_put(ngx_http_request_t *r)
{
    ngx_int_t                   rc;
    ngx_http_dicom_ctx_t       *ctx;
    ngx_http_dicom_srv_conf_t  *dscf;

    ctx = ngx_http_dicom_ctx(r);
    dscf = ngx_http_dicom_srv_conf(r);

    if (r->headers_in.content_length_n > dscf->conf->max_instance) {
        return NGX_HTTP_REQUEST_ENTITY_TOO_LARGE;
    }

    if (r->headers_in.content_length_n
        > ngx_fs_available(dscf->conf->store.data))
    {
        return ngx_http_dicom_problem(r, 507, "store-full",
                                      "The store has no room for it.", NULL);
    }

    ctx->data = (void *) ngx_http_dicom_follow(r);

    if (ctx->data == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    r->request_body_in_file_only = 1;
    r->request_body_in_persistent_file = 1;
    r->request_body_in_clean_file = 1;
    r->request_body_file_group_access = 1;
    r->request_body_file_log_level = 0;

    rc = ngx_http_read_client_request_body(r,
                                           ngx_http_dicom_upload_body_handler);

    return (rc >= NGX_HTTP_SPECIAL_RESPONSE) ? rc : NGX_DONE;
}


static void
ngx_http_dicom_upload_body_handler(ngx_http_request_t *r)
{
    ngx_http_finalize_request(r, ngx_http_dicom_upload_body(r));
}


static ngx_int_t
ngx_http_dicom_upload_body(ngx_http_request_t *r)
{
    ngx_file_t               *file;
    ngx_http_dicom_ingest_t  *ingest;

    if (r->request_body == NULL || r->request_body->temp_file == NULL) {
        return ngx_http_dicom_problem(r, NGX_HTTP_BAD_REQUEST, "not-dicom",
                                      "The body is empty.", NULL);
    }

    ingest = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_ingest_t));
    if (ingest == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    file = &r->request_body->temp_file->file;

    ingest->pool = r->pool;
    ingest->fd = file->fd;
    ingest->ask = ngx_http_dicom_ask(r);
    ingest->done = ngx_http_dicom_upload_done;

    if (ingest->ask == NULL
        || ngx_http_dicom_ingest_path(r, &file->name, &ingest->path) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ingest->ask->worker = ngx_http_dicom_ctx(r)->data;

    return ngx_http_dicom_ingest(r, ingest);
}


static ngx_int_t
ngx_http_dicom_upload_done(ngx_http_request_t *r,
    ngx_http_dicom_ingest_t *ingest)
{
    if (ingest->status >= NGX_HTTP_BAD_REQUEST) {
        return ngx_http_dicom_problem(r, ingest->status, ingest->slug,
                                      ingest->detail, NULL);
    }

    return ngx_http_dicom_upload_reply(r, &ingest->meta, ingest->status);
}


static ngx_int_t
ngx_http_dicom_upload_reply(ngx_http_request_t *r,
    ngx_dicom_meta_t *meta, ngx_uint_t status)
{
    ngx_dicom_json_writer_t  *w;

    w = ngx_dicom_json_writer(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    ngx_dicom_json_object(w);
    ngx_dicom_json_key(w, "study");
    ngx_dicom_json_string(w, &meta->field[WIRE_F_STUDY_UID]);
    ngx_dicom_json_key(w, "series");
    ngx_dicom_json_string(w, &meta->field[WIRE_F_SERIES_UID]);
    ngx_dicom_json_key(w, "instance");
    ngx_dicom_json_string(w, &meta->field[WIRE_F_INSTANCE_UID]);
    ngx_dicom_json_key(w, "sop_class");
    ngx_dicom_json_string(w, &meta->field[WIRE_F_SOP_CLASS]);
    ngx_dicom_json_key(w, "md5");
    ngx_dicom_json_string(w, &meta->field[WIRE_F_MD5]);
    ngx_dicom_json_key(w, "size");
    ngx_dicom_json_raw(w, &meta->field[WIRE_F_SIZE]);
    ngx_http_dicom_write_assigned(w,
                                  ngx_dicom_meta_text(meta, WIRE_F_ASSIGNED));
    ngx_dicom_json_end_object(w);

    return ngx_http_dicom_reply_json(r, status, w, 0, NULL);
}
