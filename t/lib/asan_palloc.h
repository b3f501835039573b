
/*
 * Included before each file of the module in the sanitizer build: every
 * allocation from a pool becomes one of malloc() with its own red zones, as
 * NGX_DEBUG_PALLOC does in a whole nginx, of which Debian ships no source.
 */


#ifndef _ASAN_PALLOC_H_INCLUDED_
#define _ASAN_PALLOC_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* The pool frees it after its cleanup handlers, as its other large blocks. */

static inline void *
asan_palloc(ngx_pool_t *pool, size_t size)
{
    void              *p;
    ngx_pool_large_t  *large;

    p = ngx_alloc(size ? size : 1, pool->log);
    if (p == NULL) {
        return NULL;
    }

    large = ngx_palloc(pool, sizeof(ngx_pool_large_t));
    if (large == NULL) {
        ngx_free(p);
        return NULL;
    }

    large->alloc = p;
    large->next = pool->large;
    pool->large = large;

    return p;
}


static inline void *
asan_pcalloc(ngx_pool_t *pool, size_t size)
{
    void  *p;

    p = asan_palloc(pool, size);
    if (p) {
        ngx_memzero(p, size);
    }

    return p;
}


static inline u_char *
asan_pstrdup(ngx_pool_t *pool, ngx_str_t *src)
{
    u_char  *dst;

    dst = asan_palloc(pool, src->len);
    if (dst && src->len) {
        ngx_memcpy(dst, src->data, src->len);
    }

    return dst;
}


static inline ngx_buf_t *
asan_create_temp_buf(ngx_pool_t *pool, size_t size)
{
    ngx_buf_t  *b;

    b = asan_pcalloc(pool, sizeof(ngx_buf_t));
    if (b == NULL) {
        return NULL;
    }

    b->start = asan_palloc(pool, size);
    if (b->start == NULL) {
        return NULL;
    }

    b->pos = b->start;
    b->last = b->start;
    b->end = b->last + size;
    b->temporary = 1;

    return b;
}


#define ngx_palloc           asan_palloc
#define ngx_pnalloc          asan_palloc
#define ngx_pcalloc          asan_pcalloc
#define ngx_pstrdup          asan_pstrdup
#define ngx_create_temp_buf  asan_create_temp_buf


#endif /* _ASAN_PALLOC_H_INCLUDED_ */
