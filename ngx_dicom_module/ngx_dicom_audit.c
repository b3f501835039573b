
/*
 * Audit trail.  Pure but for the query it adds to.
 */


#include "ngx_dicom_audit.h"
#include "ngx_dicom_uid.h"


#define NGX_DICOM_AUDIT_TEXT  255      /* bytes of one field */


static const char *ngx_dicom_audit_text(ngx_pool_t *pool,
    const ngx_str_t *text);


ngx_int_t
ngx_dicom_audit(ngx_dicom_db_query_t *q, ngx_dicom_stmt_e stmt,
    const ngx_dicom_audit_t *event)
{
    ngx_str_t  id;

    if (ngx_dicom_uuid(q->pool, &id) != NGX_OK) {
        return NGX_ERROR;
    }

    return ngx_dicom_audit_as(q, stmt, event, (const char *) id.data);
}


ngx_int_t
ngx_dicom_audit_as(ngx_dicom_db_query_t *q, ngx_dicom_stmt_e stmt,
    const ngx_dicom_audit_t *event, const char *id)
{
    ngx_uint_t   i;
    const char  *text[6];

    text[0] = ngx_dicom_audit_text(q->pool, &event->user);
    text[1] = ngx_dicom_audit_text(q->pool, &event->user_name);
    text[2] = ngx_dicom_audit_text(q->pool, &event->address);
    text[3] = ngx_dicom_audit_text(q->pool, &event->object);
    text[4] = ngx_dicom_audit_text(q->pool, &event->patient);
    text[5] = ngx_dicom_audit_text(q->pool, &event->detail);

    for (i = 0; i < 6; i++) {
        if (text[i] == NULL) {
            return NGX_ERROR;
        }
    }

    if (ngx_dicom_db_step(q, stmt, 9, id, event->event, event->outcome,
                          event->user.len ? text[0] : NULL, text[1], text[2],
                          text[3], text[4], text[5])
        == NULL)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


/* A copy with a NUL, cut between characters; what is not UTF-8 would fail the
   whole transaction, so such bytes become '?'. */
static const char *
ngx_dicom_audit_text(ngx_pool_t *pool, const ngx_str_t *text)
{
    size_t    len, left;
    u_char   *copy, *p, *start;
    uint32_t  ch;

    len = ngx_min(text->len, NGX_DICOM_AUDIT_TEXT);

    while (len < text->len && len > 0 && (text->data[len] & 0xc0) == 0x80) {
        len--;
    }

    copy = ngx_pnalloc(pool, len + 1);
    if (copy == NULL) {
        return NULL;
    }

    ngx_memcpy(copy, text->data, len);
    copy[len] = '\0';

    p = copy;
    left = len;

    while (left) {
        start = p;

        /* ngx_utf8_decode() takes no ASCII */
        ch = (*p < 0x80) ? *p++ : ngx_utf8_decode(&p, left);

        if (ch > 0x10ffff || ch == 0 || (ch >= 0xd800 && ch <= 0xdfff)) {
            *start = '?';
            p = start + 1;
        }

        left = len - (p - copy);
    }

    return (const char *) copy;
}
