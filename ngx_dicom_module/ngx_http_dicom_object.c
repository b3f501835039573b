
/*
 * Objects of the store, opened for reading.
 */


#include "ngx_http_dicom_object.h"
#include "ngx_http_dicom_reply.h"


/* the longest path of a store, and the location below it */
#define NGX_HTTP_DICOM_OBJECT_PATH  4096


static ngx_int_t ngx_http_dicom_object_location(const ngx_str_t *location);
static void ngx_http_dicom_object_close(ngx_http_dicom_object_t *object);


ngx_http_dicom_object_t *
ngx_http_dicom_object(ngx_http_request_t *r)
{
    ngx_http_dicom_object_t  *object;

    object = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_object_t));
    if (object == NULL) {
        return NULL;
    }

    object->buf = ngx_calloc_buf(r->pool);
    object->file.name.data = ngx_pnalloc(r->pool, NGX_HTTP_DICOM_OBJECT_PATH);
    object->cleanup = ngx_pool_cleanup_add(r->pool,
                                           sizeof(ngx_pool_cleanup_file_t));

    if (object->buf == NULL || object->file.name.data == NULL
        || object->cleanup == NULL)
    {
        return NULL;
    }

    object->file.fd = NGX_INVALID_FILE;
    object->file.log = r->connection->log;

    return object;
}


ngx_int_t
ngx_http_dicom_object_open(ngx_http_request_t *r,
    ngx_http_dicom_object_t *object, const ngx_str_t *location, off_t size)
{
    u_char                   *last;
    ngx_str_t                *name, *store;
    ngx_file_info_t           fi;
    ngx_pool_cleanup_file_t  *clnf;

    ngx_http_dicom_object_close(object);

    name = &object->file.name;
    store = &ngx_http_dicom_srv_conf(r)->conf->store;

    if (ngx_http_dicom_object_location(location) != NGX_OK
        || store->len + 1 + location->len >= NGX_HTTP_DICOM_OBJECT_PATH)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "malformed location \"%V\" of an instance", location);
        return NGX_DECLINED;
    }

    last = ngx_sprintf(name->data, "%V/%V%Z", store, location);
    name->len = last - name->data - 1;

    object->file.fd = open((char *) name->data,
                           O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);

    if (object->file.fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, ngx_errno,
                      "open() \"%V\" failed", name);
        return NGX_DECLINED;
    }

    clnf = object->cleanup->data;
    clnf->fd = object->file.fd;
    clnf->name = name->data;
    clnf->log = r->pool->log;
    object->cleanup->handler = ngx_pool_cleanup_file;

    if (ngx_fd_info(object->file.fd, &fi) == NGX_FILE_ERROR
        || !ngx_is_file(&fi) || size <= 0 || ngx_file_size(&fi) != size)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"%V\" is not the file of %O bytes that was stored",
                      name, size);
        return NGX_DECLINED;
    }

    ngx_memzero(object->buf, sizeof(ngx_buf_t));
    object->buf->file = &object->file;
    object->buf->in_file = 1;
    object->buf->file_last = size;

    return NGX_OK;
}


static void
ngx_http_dicom_object_close(ngx_http_dicom_object_t *object)
{
    if (object->file.fd == NGX_INVALID_FILE) {
        return;
    }

    ngx_pool_cleanup_file(object->cleanup->data);

    object->cleanup->handler = NULL;
    object->file.fd = NGX_INVALID_FILE;
}


/* objects/ab/cd/<SHA-256>.dcm, abcd being the beginning of the hash. */

static ngx_int_t
ngx_http_dicom_object_location(const ngx_str_t *location)
{
    size_t   i;
    u_char  *p;

    static const char  form[] = "objects/--/--/--------------------------------"
                                "--------------------------------.dcm";

    if (location->len != sizeof(form) - 1) {
        return NGX_DECLINED;
    }

    p = location->data;

    for (i = 0; i < location->len; i++) {
        if (form[i] == '-' ? !((p[i] >= '0' && p[i] <= '9')
                               || (p[i] >= 'a' && p[i] <= 'f'))
                           : p[i] != (u_char) form[i])
        {
            return NGX_DECLINED;
        }
    }

    return (p[8] == p[14] && p[9] == p[15] && p[11] == p[16] && p[12] == p[17])
           ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ngx_http_dicom_object_lost(ngx_http_request_t *r)
{
    if (r->header_sent) {
        return NGX_ERROR;
    }

    return ngx_http_dicom_problem(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                  "store-error",
                                  "The file of the instance is missing or "
                                  "damaged.", NULL);
}
