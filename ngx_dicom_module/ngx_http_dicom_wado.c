
/*
 * WADO-RS: an instance as the file that was stored, in the transfer syntax
 * that it has; nothing is decoded or encoded anew.
 */


#include "ngx_http_dicom_wado.h"
#include "ngx_http_dicom_accept.h"
#include "ngx_http_dicom_record.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_route.h"
#include "ngx_dicom_uid.h"


/* columns of WADO_INSTANCE */
enum {
    W_LOCATION = 0, W_SIZE, W_SYNTAX
};


/* An answer under way, ctx->data; a check overwrites it at each attempt. */
typedef struct {
    ngx_uint_t   found;
    ngx_uint_t   multipart;
    ngx_str_t    syntax;
} ngx_http_dicom_wado_t;


static ngx_int_t ngx_http_dicom_wado_check(ngx_dicom_db_query_t *q,
    ngx_uint_t step, PGresult *res);
static ngx_int_t ngx_http_dicom_wado_done(ngx_http_request_t *r,
    ngx_dicom_db_query_t *q);
static ngx_int_t ngx_http_dicom_wado_open(ngx_http_request_t *r,
    ngx_str_t *location, off_t size, ngx_buf_t **buf);
static ngx_int_t ngx_http_dicom_wado_location(const ngx_str_t *location);
static ngx_int_t ngx_http_dicom_wado_send(ngx_http_request_t *r,
    ngx_buf_t *file);
static ngx_int_t ngx_http_dicom_wado_parts(ngx_http_request_t *r,
    ngx_str_t *type, ngx_buf_t **head, ngx_buf_t **tail);


ngx_int_t
ngx_http_dicom_wado_instance(ngx_http_request_t *r)
{
    ngx_uint_t              i;
    const char             *uid[3];
    ngx_dicom_db_step_t    *step;
    ngx_dicom_db_query_t   *q;
    ngx_http_dicom_ctx_t   *ctx;

    ctx = ngx_http_dicom_ctx(r);

    for (i = 0; i < 3; i++) {
        if (ngx_dicom_uid_check(&ctx->params[i]) != NGX_OK) {
            return ngx_http_dicom_problem(r, NGX_HTTP_BAD_REQUEST,
                                          "invalid-uid",
                                          "The path holds what is no UID.",
                                          NULL);
        }

        uid[i] = (char *) ctx->params[i].data;
    }

    ctx->data = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_wado_t));
    q = ngx_dicom_db_query(r->pool, r->connection->log);

    if (ctx->data == NULL || q == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    step = ngx_dicom_db_step(q, NGX_DICOM_STMT_WADO_INSTANCE, 3, uid[2],
                             uid[1], uid[0]);
    if (step == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    step->check = ngx_http_dicom_wado_check;

    if (ngx_http_dicom_audit_read(r, "instance-read", uid[2], uid[0], NULL)
        != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_query(r, q, ngx_http_dicom_wado_done);
}


/* Before the audit: what is refused was not read. */

static ngx_int_t
ngx_http_dicom_wado_check(ngx_dicom_db_query_t *q, ngx_uint_t step,
    PGresult *res)
{
    ngx_http_request_t     *r;
    ngx_http_dicom_wado_t  *wado;

    r = q->data;
    wado = ngx_http_dicom_ctx(r)->data;

    wado->found = PQntuples(res);

    if (!wado->found) {
        return NGX_DECLINED;
    }

    wado->syntax = ngx_dicom_db_value(res, 0, W_SYNTAX);

    return ngx_http_dicom_accept_dicom(r, &wado->syntax, &wado->multipart);
}


static ngx_int_t
ngx_http_dicom_wado_done(ngx_http_request_t *r, ngx_dicom_db_query_t *q)
{
    ngx_int_t               rc;
    ngx_buf_t              *file;
    ngx_str_t               location;
    ngx_dicom_db_step_t    *steps;
    ngx_http_dicom_wado_t  *wado;

    wado = ngx_http_dicom_ctx(r)->data;

    if (!wado->found) {
        return ngx_http_dicom_problem(r, NGX_HTTP_NOT_FOUND,
                                      "instance-not-found",
                                      "The series has no such instance here.",
                                      NULL);
    }

    if (q->status != NGX_DICOM_DB_OK) {
        return ngx_http_dicom_problem(r, 406, "not-acceptable",
                                      "An instance is sent as "
                                      "application/dicom, alone or in "
                                      "multipart/related, in the transfer "
                                      "syntax it is stored in.", NULL);
    }

    steps = q->steps.elts;
    location = ngx_dicom_db_value(steps[0].result, 0, W_LOCATION);

    rc = ngx_http_dicom_wado_open(r, &location,
                                  ngx_http_dicom_column(steps[0].result, 0,
                                                        W_SIZE),
                                  &file);

    if (rc == NGX_DECLINED) {
        return ngx_http_dicom_problem(r, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                      "store-error",
                                      "The file of the instance is missing "
                                      "or damaged.", NULL);
    }

    if (rc != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ngx_http_dicom_wado_send(r, file);
}


/* NGX_OK and a buffer of the whole file; NGX_DECLINED, logged, when it is not
   the one that was stored; NGX_ERROR without memory. */

static ngx_int_t
ngx_http_dicom_wado_open(ngx_http_request_t *r, ngx_str_t *location,
    off_t size, ngx_buf_t **buf)
{
    ngx_fd_t              fd;
    ngx_buf_t            *b;
    ngx_str_t             path, *store;
    ngx_file_info_t       fi;
    ngx_pool_cleanup_t   *cln;
    ngx_pool_cleanup_file_t  *clnf;

    if (ngx_http_dicom_wado_location(location) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "malformed location \"%V\" of an instance", location);
        return NGX_DECLINED;
    }

    store = &ngx_http_dicom_srv_conf(r)->conf->store;

    path.len = store->len + 1 + location->len;
    path.data = ngx_pnalloc(r->pool, path.len + 1);

    b = ngx_calloc_buf(r->pool);
    cln = ngx_pool_cleanup_add(r->pool, sizeof(ngx_pool_cleanup_file_t));

    if (path.data == NULL || b == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    b->file = ngx_pcalloc(r->pool, sizeof(ngx_file_t));
    if (b->file == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(path.data, "%V/%V%Z", store, location);

    fd = open((char *) path.data, O_RDONLY|O_NOFOLLOW|O_NONBLOCK|O_CLOEXEC);

    if (fd == NGX_INVALID_FILE) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, ngx_errno,
                      "open() \"%V\" failed", &path);
        return NGX_DECLINED;
    }

    cln->handler = ngx_pool_cleanup_file;
    clnf = cln->data;
    clnf->fd = fd;
    clnf->name = path.data;
    clnf->log = r->pool->log;

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR
        || !ngx_is_file(&fi) || size <= 0 || ngx_file_size(&fi) != size)
    {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"%V\" is not the file of %O bytes that was stored",
                      &path, size);
        return NGX_DECLINED;
    }

    b->file->fd = fd;
    b->file->name = path;
    b->file->log = r->connection->log;
    b->in_file = 1;
    b->file_last = size;

    *buf = b;

    return NGX_OK;
}


/* objects/ab/cd/<SHA-256>.dcm, abcd being the beginning of the hash. */

static ngx_int_t
ngx_http_dicom_wado_location(const ngx_str_t *location)
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


static ngx_int_t
ngx_http_dicom_wado_send(ngx_http_request_t *r, ngx_buf_t *file)
{
    ngx_int_t               rc;
    ngx_buf_t              *head, *tail;
    ngx_str_t               type;
    ngx_chain_t             out[3], *first;
    ngx_http_dicom_wado_t  *wado;

    wado = ngx_http_dicom_ctx(r)->data;

    head = NULL;
    tail = file;
    ngx_str_set(&type, "application/dicom");

    if (wado->multipart
        && ngx_http_dicom_wado_parts(r, &type, &head, &tail) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    tail->last_buf = 1;
    tail->last_in_chain = 1;

    out[0].buf = head;
    out[0].next = &out[1];
    out[1].buf = file;
    out[1].next = head ? &out[2] : NULL;
    out[2].buf = tail;
    out[2].next = NULL;

    first = head ? &out[0] : &out[1];

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_type = type;
    r->headers_out.content_type_len = type.len;
    r->headers_out.content_type_lowcase = NULL;
    r->headers_out.content_length_n = ngx_buf_size(file)
                            + (head ? ngx_buf_size(head) + ngx_buf_size(tail)
                                    : 0);

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }

    return ngx_http_output_filter(r, first);
}


/* What stands around the file, and the type that says so. */

static ngx_int_t
ngx_http_dicom_wado_parts(ngx_http_request_t *r, ngx_str_t *type,
    ngx_buf_t **head, ngx_buf_t **tail)
{
    size_t                  len;
    ngx_str_t               boundary;
    ngx_http_dicom_wado_t  *wado;

    static const char  part[] =
        "--%V\r\nContent-Type: application/dicom; transfer-syntax=%V\r\n\r\n";
    static const char  whole[] =
        "multipart/related; type=\"application/dicom\"; transfer-syntax=%V; "
        "boundary=%V";

    wado = ngx_http_dicom_ctx(r)->data;

    if (ngx_dicom_uuid(r->pool, &boundary) != NGX_OK) {
        return NGX_ERROR;
    }

    len = sizeof(whole) + wado->syntax.len + boundary.len;

    *head = ngx_create_temp_buf(r->pool, len);
    *tail = ngx_create_temp_buf(r->pool, len);
    type->data = ngx_pnalloc(r->pool, len);

    if (*head == NULL || *tail == NULL || type->data == NULL) {
        return NGX_ERROR;
    }

    (*head)->last = ngx_sprintf((*head)->last, part, &boundary, &wado->syntax);
    (*tail)->last = ngx_sprintf((*tail)->last, "\r\n--%V--\r\n", &boundary);
    type->len = ngx_sprintf(type->data, whole, &wado->syntax, &boundary)
                - type->data;

    return NGX_OK;
}
