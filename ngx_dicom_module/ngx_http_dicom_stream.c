
/*
 * Answers of any length, made piece by piece.
 */


#include "ngx_http_dicom_stream.h"


static void ngx_http_dicom_stream_run(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_stream_header(ngx_http_request_t *r);
static ngx_int_t ngx_http_dicom_stream_send(ngx_http_request_t *r,
    ngx_chain_t *out);
static void ngx_http_dicom_stream_wait(ngx_http_request_t *r);
static void ngx_http_dicom_stream_writer(ngx_http_request_t *r);


ngx_int_t
ngx_http_dicom_stream(ngx_http_request_t *r, ngx_http_dicom_stream_pt next)
{
    ngx_http_dicom_ctx(r)->stream = next;

    r->main->count++;

    r->read_event_handler = ngx_http_test_reading;

    ngx_http_dicom_stream_run(r);

    return NGX_DONE;
}


void
ngx_http_dicom_stream_wake(ngx_http_request_t *r)
{
    ngx_connection_t  *c;

    c = r->connection;

    ngx_http_set_log_request(c->log, r);

    ngx_http_dicom_stream_run(r);

    ngx_http_run_posted_requests(c);
}


/* Makes and sends pieces until one has to wait or there are no more. */

static void
ngx_http_dicom_stream_run(ngx_http_request_t *r)
{
    ngx_int_t     rc;
    ngx_uint_t    begun;
    ngx_chain_t  *out;

    r->write_event_handler = ngx_http_request_empty_handler;

    do {
        out = NULL;
        begun = r->header_sent;

        rc = ngx_http_dicom_ctx(r)->stream(r, &out);

        if (!begun && r->header_sent) {

            /* it was a reply, of which NGX_AGAIN says that it is on its way */

            ngx_http_finalize_request(r, rc);
            return;
        }

        switch (rc) {

        case NGX_OK:
            rc = ngx_http_dicom_stream_send(r, out);
            break;

        case NGX_AGAIN:
            return;

        case NGX_DONE:
            rc = ngx_http_dicom_stream_header(r);

            if (rc == NGX_OK) {
                rc = ngx_http_send_special(r, NGX_HTTP_LAST);
            }

            ngx_http_finalize_request(r, rc == NGX_DONE ? NGX_OK : rc);
            return;

        default:
            ngx_http_finalize_request(r, begun ? NGX_ERROR : rc);
            return;
        }

    } while (rc == NGX_OK);

    if (rc == NGX_AGAIN) {
        ngx_http_dicom_stream_wait(r);
        return;
    }

    ngx_http_finalize_request(r, rc == NGX_DONE ? NGX_OK : rc);
}


/* NGX_OK; NGX_DONE, nothing else was asked for; or an error. */

static ngx_int_t
ngx_http_dicom_stream_header(ngx_http_request_t *r)
{
    ngx_int_t  rc;

    if (r->header_sent) {
        return NGX_OK;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK) {
        return rc;
    }

    return r->header_only ? NGX_DONE : NGX_OK;
}


/* The same, and NGX_AGAIN when the client has not taken all of it yet. */

static ngx_int_t
ngx_http_dicom_stream_send(ngx_http_request_t *r, ngx_chain_t *out)
{
    ngx_int_t     rc;
    ngx_chain_t  *last;

    rc = ngx_http_dicom_stream_header(r);

    if (rc != NGX_OK) {
        return rc;
    }

    for (last = out; last->next; last = last->next) { /* void */ }

    /* else it may be kept back, and the next piece overwrite it */

    last->buf->flush = 1;
    last->buf->last_in_chain = 1;

    if (ngx_http_output_filter(r, out) == NGX_ERROR) {
        return NGX_ERROR;
    }

    return (r->buffered || r->connection->buffered) ? NGX_AGAIN : NGX_OK;
}


static void
ngx_http_dicom_stream_wait(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ngx_http_core_loc_conf_t  *clcf;

    wev = r->connection->write;
    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    r->write_event_handler = ngx_http_dicom_stream_writer;

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        ngx_http_finalize_request(r, NGX_ERROR);
    }
}


/* The client takes more. */

static void
ngx_http_dicom_stream_writer(ngx_http_request_t *r)
{
    ngx_event_t  *wev;

    wev = r->connection->write;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, r->connection->log, NGX_ETIMEDOUT,
                      "client timed out");
        r->connection->timedout = 1;

        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (!wev->delayed && !r->aio
        && ngx_http_output_filter(r, NULL) == NGX_ERROR)
    {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (wev->delayed || r->aio || r->buffered || r->connection->buffered) {
        ngx_http_dicom_stream_wait(r);
        return;
    }

    if (wev->timer_set) {
        ngx_del_timer(wev);
    }

    ngx_http_dicom_stream_run(r);
}
