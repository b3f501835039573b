/*
 * What unit tests need of nginx's core.  See nginx.h.
 */

#include "nginx.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>


ngx_pool_t *
test_pool(void)
{
    return calloc(1, sizeof(ngx_pool_t));
}


ngx_pool_t *
ngx_create_pool(size_t size, ngx_log_t *log)
{
    return test_pool();
}


void
ngx_destroy_pool(ngx_pool_t *pool)
{
    ngx_pool_large_t    *l, *next;
    ngx_pool_cleanup_t  *c;

    for (c = pool->cleanup; c; c = c->next) {
        if (c->handler) {
            c->handler(c->data);
        }
    }

    for (l = pool->large; l; l = next) {
        next = l->next;
        free(l->alloc);
        free(l);
    }

    free(pool);
}


void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    ngx_pool_large_t  *l;

    l = malloc(sizeof(ngx_pool_large_t));
    l->alloc = malloc(size);
    l->next = pool->large;
    pool->large = l;

    return l->alloc;
}


void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return ngx_palloc(pool, size);
}


void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    return memset(ngx_palloc(pool, size), 0, size);
}


ngx_int_t
ngx_pfree(ngx_pool_t *pool, void *p)
{
    return NGX_DECLINED;
}


ngx_pool_cleanup_t *
ngx_pool_cleanup_add(ngx_pool_t *pool, size_t size)
{
    ngx_pool_cleanup_t  *c;

    c = ngx_pcalloc(pool, sizeof(ngx_pool_cleanup_t));
    c->data = size ? ngx_palloc(pool, size) : NULL;
    c->next = pool->cleanup;
    pool->cleanup = c;

    return c;
}


ngx_array_t *
ngx_array_create(ngx_pool_t *pool, ngx_uint_t n, size_t size)
{
    ngx_array_t  *a;

    a = ngx_palloc(pool, sizeof(ngx_array_t));
    ngx_array_init(a, pool, n, size);

    return a;
}


void *
ngx_array_push_n(ngx_array_t *a, ngx_uint_t n)
{
    void        *elts;
    ngx_uint_t   first = a->nelts;

    /* moves each time, so that a pointer kept too long is found */
    elts = ngx_palloc(a->pool, (a->nelts + n) * a->size);
    memcpy(elts, a->elts, a->nelts * a->size);
    a->elts = elts;
    a->nelts += n;
    a->nalloc = a->nelts;

    return (u_char *) elts + first * a->size;
}


void *
ngx_array_push(ngx_array_t *a)
{
    return ngx_array_push_n(a, 1);
}


static u_char *
test_number(u_char *p, u_char *last, uint64_t n, int base, int width, char zero)
{
    char  text[24];
    int   i = sizeof(text);

    do {
        text[--i] = "0123456789abcdef"[n % base];
        n /= base;
    } while (n);

    for (width -= (int) sizeof(text) - i; width > 0 && p < last; width--) {
        *p++ = zero;
    }

    while (i < (int) sizeof(text) && p < last) {
        *p++ = text[i++];
    }

    return p;
}


/* %[0][width][u][x]d i l L z T ui, %V, %[*]s, %c, %Z, %N, %% */
u_char *
ngx_vslprintf(u_char *p, u_char *last, const char *fmt, va_list args)
{
    int          width, hex, sign;
    char         zero;
    size_t       len;
    int64_t      i;
    u_char      *s;
    ngx_str_t   *v;

    for ( /* void */ ; *fmt && p < last; fmt++) {
        if (*fmt != '%') {
            *p++ = *fmt;
            continue;
        }

        fmt++;
        zero = (*fmt == '0') ? '0' : ' ';
        len = (size_t) -1;
        width = hex = 0;
        sign = 1;
        i = 0;

        while (*fmt >= '0' && *fmt <= '9') {
            width = width * 10 + *fmt++ - '0';
        }

        for ( /* void */ ; *fmt == 'u' || *fmt == 'x' || *fmt == '*'; fmt++) {
            if (*fmt == '*') {
                len = va_arg(args, size_t);
            } else {
                sign = 0;
                hex |= *fmt == 'x';
            }
        }

        switch (*fmt) {
        case 'V':
            v = va_arg(args, ngx_str_t *);
            for (len = 0; len < v->len && p < last; len++) {
                *p++ = v->data[len];
            }
            continue;

        case 's':
            s = va_arg(args, u_char *);
            while (len-- && (len < SIZE_MAX / 2 || *s) && p < last) {
                *p++ = *s++;
            }
            continue;

        case 'c':
            *p++ = (u_char) va_arg(args, int);
            continue;

        case 'Z':
            *p++ = '\0';
            continue;

        case 'N':
            *p++ = '\n';
            continue;

        case '%':
            *p++ = '%';
            continue;

        case 'd':
            i = sign ? va_arg(args, int) : (int64_t) va_arg(args, unsigned);
            break;

        case 'i': case 'l': case 'z': case 'T':
            i = va_arg(args, long);
            break;

        case 'L': case 'O':
            i = va_arg(args, int64_t);
            break;

        case 'D':
            i = sign ? va_arg(args, int32_t)
                     : (int64_t) va_arg(args, uint32_t);
            break;

        default:
            abort();
        }

        if (sign && i < 0) {
            *p++ = '-';
            i = -i;
        }

        p = test_number(p, last, (uint64_t) i, hex ? 16 : 10, width, zero);
    }

    return p;
}


u_char *
ngx_sprintf(u_char *buf, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    buf = ngx_vslprintf(buf, (u_char *) -1, fmt, args);
    va_end(args);

    return buf;
}


u_char *
ngx_slprintf(u_char *buf, u_char *last, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    buf = ngx_vslprintf(buf, last, fmt, args);
    va_end(args);

    return buf;
}


u_char *
ngx_snprintf(u_char *buf, size_t max, const char *fmt, ...)
{
    va_list  args;

    va_start(args, fmt);
    buf = ngx_vslprintf(buf, buf + max, fmt, args);
    va_end(args);

    return buf;
}


u_char *
ngx_cpystrn(u_char *dst, u_char *src, size_t n)
{
    while (n > 1 && *src) {
        *dst++ = *src++;
        n--;
    }

    if (n) {
        *dst = '\0';
    }

    return dst;
}


void
ngx_strlow(u_char *dst, u_char *src, size_t n)
{
    while (n--) {
        *dst++ = ngx_tolower(*src);
        src++;
    }
}


ngx_int_t
ngx_strncasecmp(u_char *a, u_char *b, size_t n)
{
    return strncasecmp((char *) a, (char *) b, n);
}


ngx_int_t
ngx_strcasecmp(u_char *a, u_char *b)
{
    return strcasecmp((char *) a, (char *) b);
}


ngx_int_t
ngx_atoi(u_char *line, size_t n)
{
    ngx_int_t  value = 0;

    if (n == 0 || n > 18) {
        return NGX_ERROR;
    }

    while (n--) {
        if (!isdigit(*line)) {
            return NGX_ERROR;
        }
        value = value * 10 + *line++ - '0';
    }

    return value;
}


/* "0.85" with two points: 85 */
ngx_int_t
ngx_atofp(u_char *line, size_t n, size_t point)
{
    ngx_int_t   value = 0;
    ngx_uint_t  dot = 0;

    if (n == 0 || n > 17) {
        return NGX_ERROR;
    }

    for ( /* void */ ; n--; line++) {
        if (point == 0 || (*line == '.' && dot)
            || (*line != '.' && !isdigit(*line)))
        {
            return NGX_ERROR;
        }
        if (*line == '.') {
            dot = 1;
            continue;
        }
        value = value * 10 + *line - '0';
        point -= dot;
    }

    while (point--) {
        value *= 10;
    }

    return value;
}


ngx_int_t
ngx_hextoi(u_char *line, size_t n)
{
    ngx_int_t  value = 0;

    if (n == 0 || n > 15) {
        return NGX_ERROR;
    }

    while (n--) {
        if (!isxdigit(*line)) {
            return NGX_ERROR;
        }
        value = value * 16
                + (isdigit(*line) ? *line - '0' : (*line | 0x20) - 'a' + 10);
        line++;
    }

    return value;
}


off_t
ngx_parse_offset(ngx_str_t *line)
{
    off_t      scale = 1;
    ngx_str_t  s = *line;

    switch (s.data[s.len - 1] | 0x20) {
    case 'k': scale = 1024; s.len--; break;
    case 'm': scale = 1024 * 1024; s.len--; break;
    case 'g': scale = 1024 * 1024 * 1024; s.len--; break;
    }

    return ngx_atoi(s.data, s.len) == NGX_ERROR
           ? NGX_ERROR : ngx_atoi(s.data, s.len) * scale;
}


u_char *
ngx_hex_dump(u_char *dst, u_char *src, size_t len)
{
    while (len--) {
        *dst++ = "0123456789abcdef"[*src >> 4];
        *dst++ = "0123456789abcdef"[*src++ & 0xf];
    }

    return dst;
}


static const char  base64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";


void
ngx_encode_base64url(ngx_str_t *dst, ngx_str_t *src)
{
    size_t    i;
    uint32_t  bits = 0;
    int       n = 0;

    dst->len = 0;

    for (i = 0; i < src->len; i++) {
        bits = bits << 8 | src->data[i];
        for (n += 8; n >= 6; n -= 6) {
            dst->data[dst->len++] = base64[bits >> (n - 6) & 63];
        }
    }

    if (n) {
        dst->data[dst->len++] = base64[bits << (6 - n) & 63];
    }
}


ngx_int_t
ngx_decode_base64url(ngx_str_t *dst, ngx_str_t *src)
{
    size_t       i;
    uint32_t     bits = 0;
    int          n = 0;
    const char  *c;

    dst->len = 0;

    if (src->len % 4 == 1) {
        return NGX_ERROR;
    }

    for (i = 0; i < src->len; i++) {
        c = src->data[i] ? strchr(base64, src->data[i]) : NULL;
        if (c == NULL) {
            return NGX_ERROR;
        }
        bits = bits << 6 | (uint32_t) (c - base64);
        n += 6;
        if (n >= 8) {
            n -= 8;
            dst->data[dst->len++] = (u_char) (bits >> n);
        }
    }

    return NGX_OK;
}


in_addr_t
ngx_inet_addr(u_char *text, size_t len)
{
    char            buf[64];
    struct in_addr  in;

    if (len >= sizeof(buf)) {
        return INADDR_NONE;
    }

    memcpy(buf, text, len);
    buf[len] = '\0';

    return inet_pton(AF_INET, buf, &in) == 1 ? in.s_addr : INADDR_NONE;
}


ngx_int_t
ngx_inet6_addr(u_char *text, size_t len, u_char *addr)
{
    char  buf[64];

    if (len >= sizeof(buf)) {
        return NGX_ERROR;
    }

    memcpy(buf, text, len);
    buf[len] = '\0';

    return inet_pton(AF_INET6, buf, addr) == 1 ? NGX_OK : NGX_ERROR;
}


void
ngx_explicit_memzero(void *buf, size_t n)
{
    explicit_bzero(buf, n);
}
