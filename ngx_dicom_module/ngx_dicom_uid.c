
/*
 * DICOM UIDs and UUIDs.  Pure.
 */


#include "ngx_dicom_uid.h"

#include <openssl/rand.h>


/* 0x80: no digit */
#define X  0x80
#define X16  X, X, X, X, X, X, X, X, X, X, X, X, X, X, X, X

static const u_char  ngx_dicom_hex_digits[256] = {
    X16, X16, X16,
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, X, X, X, X, X, X,
    X, 10, 11, 12, 13, 14, 15, X, X, X, X, X, X, X, X, X, X16,
    X, 10, 11, 12, 13, 14, 15, X, X, X, X, X, X, X, X, X, X16,
    X16, X16, X16, X16, X16, X16, X16, X16
};

#undef X16
#undef X


ngx_int_t
ngx_dicom_uid_check(const ngx_str_t *s)
{
    size_t  i, start;

    if (s->len == 0 || s->len > 64) {
        return NGX_DECLINED;
    }

    /* leading zeros, not allowed and yet written by devices, are no harm */

    for (i = 0, start = 0; i <= s->len; i++) {

        if (i < s->len && s->data[i] >= '0' && s->data[i] <= '9') {
            continue;
        }

        if (i < s->len && s->data[i] != '.') {
            return NGX_DECLINED;
        }

        if (i == start) {
            return NGX_DECLINED;
        }

        start = i + 1;
    }

    return NGX_OK;
}


ngx_int_t
ngx_dicom_uuid_check(const ngx_str_t *s)
{
    size_t  i;

    if (s->len != 36) {
        return NGX_DECLINED;
    }

    for (i = 0; i < 36; i++) {

        if (i == 8 || i == 13 || i == 18 || i == 23) {
            if (s->data[i] != '-') {
                return NGX_DECLINED;
            }

            continue;
        }

        if (ngx_dicom_hex_digits[s->data[i]] & 0x80) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_dicom_uuid(ngx_pool_t *pool, ngx_str_t *uuid)
{
    u_char  b[16];

    if (RAND_bytes(b, sizeof(b)) != 1) {
        return NGX_ERROR;
    }

    uuid->data = ngx_pnalloc(pool, 37);
    if (uuid->data == NULL) {
        return NGX_ERROR;
    }

    uuid->len = 36;

    b[6] = (b[6] & 0x0f) | 0x40;
    b[8] = (b[8] & 0x3f) | 0x80;

    (void) ngx_sprintf(uuid->data,
                       "%02xd%02xd%02xd%02xd-%02xd%02xd-%02xd%02xd-"
                       "%02xd%02xd-%02xd%02xd%02xd%02xd%02xd%02xd%Z",
                       b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7],
                       b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);

    return NGX_OK;
}


ngx_int_t
ngx_dicom_unhex(u_char *dst, const ngx_str_t *s, size_t len)
{
    u_char  high, low, bad;
    size_t  i;

    if (s->len != len * 2) {
        return NGX_DECLINED;
    }

    bad = 0;

    for (i = 0; i < len; i++) {
        high = ngx_dicom_hex_digits[s->data[i * 2]];
        low = ngx_dicom_hex_digits[s->data[i * 2 + 1]];

        bad |= high | low;
        dst[i] = (u_char) (high << 4 | low);
    }

    if (bad & 0x80) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}
