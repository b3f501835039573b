
/*
 * What became of the instances of a STOW-RS request.
 */


#include "ngx_http_dicom_stow_reply.h"
#include "ngx_http_dicom_accept.h"
#include "ngx_http_dicom_reply.h"
#include "ngx_http_dicom_retrieve.h"


#define NGX_HTTP_DICOM_STOW_URL  1400


/* An instance; of some that failed not even that is known. */
typedef struct {
    ngx_str_t      sop_class;
    ngx_str_t      uid;
    ngx_str_t      series;
    ngx_str_t      study;
    ngx_uint_t     reason;             /* 0: it was stored */
} ngx_http_dicom_stow_item_t;

struct ngx_http_dicom_stow_reply_s {
    ngx_pool_t    *pool;
    const char    *study;
    ngx_str_t      base;               /* of URLs */
    ngx_array_t    items;              /* ngx_http_dicom_stow_item_t */
    ngx_uint_t     stored;
};

typedef enum {
    STORED = 0,
    FAILED,
    UNKNOWN                            /* failed, and has no UID */
} ngx_http_dicom_stow_kind_e;

/* What a refusal of an upload is called here. */
typedef struct {
    const char    *slug;
    ngx_uint_t     reason;
} ngx_http_dicom_stow_reason_t;


static ngx_int_t ngx_http_dicom_stow_add(ngx_http_dicom_stow_reply_t *reply,
    const ngx_dicom_meta_t *meta, ngx_uint_t reason);
static ngx_int_t ngx_http_dicom_stow_copy(ngx_pool_t *pool, ngx_str_t *to,
    const ngx_str_t *from);
static void ngx_http_dicom_stow_url(ngx_dicom_json_writer_t *w,
    const ngx_http_dicom_stow_reply_t *reply, const char *study,
    const ngx_str_t *series, const ngx_str_t *uid);
static void ngx_http_dicom_stow_sequence(ngx_dicom_json_writer_t *w,
    const ngx_http_dicom_stow_reply_t *reply, const char *tag,
    ngx_http_dicom_stow_kind_e kind);
static void ngx_http_dicom_stow_item(ngx_dicom_json_writer_t *w,
    const ngx_http_dicom_stow_reply_t *reply,
    const ngx_http_dicom_stow_item_t *item, ngx_http_dicom_stow_kind_e kind);
static void ngx_http_dicom_stow_uid(ngx_dicom_json_writer_t *w,
    const char *tag, const ngx_str_t *uid);
static void ngx_http_dicom_stow_open_value(ngx_dicom_json_writer_t *w,
    const char *tag, const char *vr);
static void ngx_http_dicom_stow_end_value(ngx_dicom_json_writer_t *w);


static const ngx_http_dicom_stow_reason_t  ngx_http_dicom_stow_reasons[] = {
    { "instance-conflict", NGX_HTTP_DICOM_STOW_DUPLICATE },
    { "other-study", NGX_HTTP_DICOM_STOW_OTHER_STUDY },
    { "invalid-dicom", NGX_HTTP_DICOM_STOW_NOT_MATCHING },
    { "not-dicom", NGX_HTTP_DICOM_STOW_NOT_UNDERSTOOD },
    { "store-full", NGX_HTTP_DICOM_STOW_NO_ROOM },
    { NULL, NGX_HTTP_DICOM_STOW_PROCESSING }
};


ngx_http_dicom_stow_reply_t *
ngx_http_dicom_stow_reply(ngx_http_request_t *r, const char *study)
{
    ngx_http_dicom_stow_reply_t  *reply;

    reply = ngx_pcalloc(r->pool, sizeof(ngx_http_dicom_stow_reply_t));

    if (reply == NULL
        || ngx_http_dicom_base_url(r, &reply->base) != NGX_OK
        || ngx_array_init(&reply->items, r->pool, 16,
                          sizeof(ngx_http_dicom_stow_item_t))
           != NGX_OK)
    {
        return NULL;
    }

    reply->pool = r->pool;
    reply->study = study;

    return reply;
}


ngx_int_t
ngx_http_dicom_stow_stored(ngx_http_dicom_stow_reply_t *reply,
    const ngx_http_dicom_ingest_t *ingest)
{
    const ngx_http_dicom_stow_reason_t  *reason;

    if (ingest->status < NGX_HTTP_BAD_REQUEST) {
        reply->stored++;
        return ngx_http_dicom_stow_add(reply, &ingest->meta, 0);
    }

    for (reason = ngx_http_dicom_stow_reasons; reason->slug; reason++) {
        if (ngx_strcmp(reason->slug, ingest->slug) == 0) {
            break;
        }
    }

    return ngx_http_dicom_stow_add(reply, &ingest->meta, reason->reason);
}


ngx_int_t
ngx_http_dicom_stow_failed(ngx_http_dicom_stow_reply_t *reply,
    const ngx_dicom_meta_t *meta, ngx_uint_t reason)
{
    return ngx_http_dicom_stow_add(reply, meta, reason);
}


static ngx_int_t
ngx_http_dicom_stow_add(ngx_http_dicom_stow_reply_t *reply,
    const ngx_dicom_meta_t *meta, ngx_uint_t reason)
{
    ngx_pool_t                  *pool;
    ngx_http_dicom_stow_item_t  *item;

    pool = reply->pool;

    item = ngx_array_push(&reply->items);

    if (item == NULL
        || ngx_http_dicom_stow_copy(pool, &item->sop_class,
                                    &meta->field[WIRE_F_SOP_CLASS])
           != NGX_OK
        || ngx_http_dicom_stow_copy(pool, &item->uid,
                                    &meta->field[WIRE_F_INSTANCE_UID])
           != NGX_OK
        || ngx_http_dicom_stow_copy(pool, &item->series,
                                    &meta->field[WIRE_F_SERIES_UID])
           != NGX_OK
        || ngx_http_dicom_stow_copy(pool, &item->study,
                                    &meta->field[WIRE_F_STUDY_UID])
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    item->reason = reason;

    return NGX_OK;
}


static ngx_int_t
ngx_http_dicom_stow_copy(ngx_pool_t *pool, ngx_str_t *to,
    const ngx_str_t *from)
{
    to->len = from->len;
    to->data = ngx_pnalloc(pool, from->len + 1);

    if (to->data == NULL) {
        return NGX_ERROR;
    }

    *ngx_cpymem(to->data, from->data, from->len) = '\0';

    return NGX_OK;
}


ngx_int_t
ngx_http_dicom_stow_send(ngx_http_request_t *r,
    ngx_http_dicom_stow_reply_t *reply)
{
    ngx_str_t                    json, none;
    ngx_uint_t                   status;
    const char                  *study;
    ngx_dicom_json_writer_t     *w;
    ngx_http_dicom_stow_item_t  *item;

    w = ngx_dicom_json_writer(r->pool);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    item = reply->items.elts;
    study = reply->study;
    ngx_str_null(&none);

    if (study == NULL && item[0].study.len) {
        study = (char *) item[0].study.data;
    }

    ngx_dicom_json_object(w);

    if (study && reply->stored) {
        ngx_http_dicom_stow_url(w, reply, study, &none, &none);
    }

    ngx_http_dicom_stow_sequence(w, reply, "0008119A", UNKNOWN);
    ngx_http_dicom_stow_sequence(w, reply, "00081198", FAILED);
    ngx_http_dicom_stow_sequence(w, reply, "00081199", STORED);

    ngx_dicom_json_end_object(w);

    if (ngx_dicom_json_finish(w, &json) != NGX_OK) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    status = (reply->stored == reply->items.nelts) ? NGX_HTTP_OK
             : reply->stored ? NGX_HTTP_ACCEPTED : NGX_HTTP_CONFLICT;

    return ngx_http_dicom_reply_text(r, status, ngx_http_dicom_accept_json(r),
                                     &json);
}


/* Items of a kind; nothing when there are none. */

static void
ngx_http_dicom_stow_sequence(ngx_dicom_json_writer_t *w,
    const ngx_http_dicom_stow_reply_t *reply, const char *tag,
    ngx_http_dicom_stow_kind_e kind)
{
    ngx_uint_t                   i, any;
    ngx_http_dicom_stow_item_t  *item;

    item = reply->items.elts;
    any = 0;

    for (i = 0; i < reply->items.nelts; i++) {

        if (kind != (item[i].reason == 0 ? STORED
                     : item[i].uid.len ? FAILED : UNKNOWN))
        {
            continue;
        }

        if (!any) {
            ngx_http_dicom_stow_open_value(w, tag, "SQ");
            any = 1;
        }

        ngx_dicom_json_object(w);
        ngx_http_dicom_stow_item(w, reply, &item[i], kind);
        ngx_dicom_json_end_object(w);
    }

    if (any) {
        ngx_http_dicom_stow_end_value(w);
    }
}


static void
ngx_http_dicom_stow_item(ngx_dicom_json_writer_t *w,
    const ngx_http_dicom_stow_reply_t *reply,
    const ngx_http_dicom_stow_item_t *item, ngx_http_dicom_stow_kind_e kind)
{
    if (kind != UNKNOWN) {
        ngx_http_dicom_stow_uid(w, "00081150", &item->sop_class);
        ngx_http_dicom_stow_uid(w, "00081155", &item->uid);
    }

    if (kind == STORED) {
        ngx_http_dicom_stow_url(w, reply, (char *) item->study.data,
                                &item->series, &item->uid);
        return;
    }

    ngx_http_dicom_stow_open_value(w, "00081197", "US");
    ngx_dicom_json_integer(w, item->reason);
    ngx_http_dicom_stow_end_value(w);
}


/* Retrieve URL, of an instance or, without series and uid, of the study. */

static void
ngx_http_dicom_stow_url(ngx_dicom_json_writer_t *w,
    const ngx_http_dicom_stow_reply_t *reply, const char *study,
    const ngx_str_t *series, const ngx_str_t *uid)
{
    u_char      text[NGX_HTTP_DICOM_STOW_URL], *p;
    ngx_str_t   url;

    p = ngx_snprintf(text, sizeof(text), "%V/dicom-web/studies/%s",
                     &reply->base, study);

    if (uid->len) {
        p = ngx_snprintf(p, text + sizeof(text) - p,
                         "/series/%V/instances/%V", series, uid);
    }

    url.data = text;
    url.len = p - text;

    ngx_http_dicom_stow_open_value(w, "00081190", "UR");
    ngx_dicom_json_string(w, &url);
    ngx_http_dicom_stow_end_value(w);
}


static void
ngx_http_dicom_stow_uid(ngx_dicom_json_writer_t *w, const char *tag,
    const ngx_str_t *uid)
{
    ngx_http_dicom_stow_open_value(w, tag, "UI");
    ngx_dicom_json_string(w, uid);
    ngx_http_dicom_stow_end_value(w);
}


static void
ngx_http_dicom_stow_open_value(ngx_dicom_json_writer_t *w, const char *tag,
    const char *vr)
{
    ngx_dicom_json_key(w, tag);
    ngx_dicom_json_object(w);
    ngx_dicom_json_key(w, "vr");
    ngx_dicom_json_cstring(w, vr);
    ngx_dicom_json_key(w, "Value");
    ngx_dicom_json_array(w);
}


static void
ngx_http_dicom_stow_end_value(ngx_dicom_json_writer_t *w)
{
    ngx_dicom_json_end_array(w);
    ngx_dicom_json_end_object(w);
}
