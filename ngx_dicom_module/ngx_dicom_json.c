
/*
 * JSON in and out, over yajl.  Pure.  The binding tables are in
 * ngx_dicom_bind.c.
 */


#include "ngx_dicom_json.h"

#include <math.h>
#include <yajl/yajl_gen.h>
#include <yajl/yajl_parse.h>


typedef struct {
    ngx_pool_t          *pool;
    ngx_dicom_json_t    *root;
    ngx_dicom_json_t    *stack[NGX_DICOM_JSON_MAX_DEPTH];
    ngx_dicom_json_t   **tail[NGX_DICOM_JSON_MAX_DEPTH];
    ngx_uint_t           depth;
    ngx_uint_t           values;
    ngx_str_t            key;           /* of the member to come */
    const char          *error;
} ngx_dicom_json_parser_t;


struct ngx_dicom_json_writer_s {
    yajl_gen             gen;
    ngx_uint_t           failed;
};


static ngx_dicom_json_t *ngx_dicom_json_add(ngx_dicom_json_parser_t *p,
    ngx_dicom_json_type_e type);
static int ngx_dicom_json_open(ngx_dicom_json_parser_t *p,
    ngx_dicom_json_type_e type);
static int ngx_dicom_json_on_null(void *ctx);
static int ngx_dicom_json_on_bool(void *ctx, int value);
static int ngx_dicom_json_on_number(void *ctx, const char *s, size_t len);
static int ngx_dicom_json_on_string(void *ctx, const unsigned char *s,
    size_t len);
static int ngx_dicom_json_on_object(void *ctx);
static int ngx_dicom_json_on_key(void *ctx, const unsigned char *s,
    size_t len);
static int ngx_dicom_json_on_array(void *ctx);
static int ngx_dicom_json_on_end(void *ctx);
static ngx_int_t ngx_dicom_json_surrogates(const u_char *data, size_t len);
static size_t ngx_dicom_utf8_length(const u_char *p, const u_char *last);
static void ngx_dicom_json_free_writer(void *data);
static void ngx_dicom_json_done(ngx_dicom_json_writer_t *w,
    yajl_gen_status status);


static const yajl_callbacks  ngx_dicom_json_callbacks = {
    ngx_dicom_json_on_null,
    ngx_dicom_json_on_bool,
    NULL,
    NULL,
    ngx_dicom_json_on_number,
    ngx_dicom_json_on_string,
    ngx_dicom_json_on_object,
    ngx_dicom_json_on_key,
    ngx_dicom_json_on_end,
    ngx_dicom_json_on_array,
    ngx_dicom_json_on_end
};


ngx_dicom_json_t *
ngx_dicom_json_parse(ngx_pool_t *pool, u_char *data, size_t len,
    ngx_str_t *error)
{
    yajl_handle               yajl;
    yajl_status               rc;
    ngx_dicom_json_parser_t   p;

    ngx_memzero(&p, sizeof(ngx_dicom_json_parser_t));
    p.pool = pool;

    if (ngx_dicom_utf8_check(data, len) != NGX_OK) {
        p.error = "The text is not UTF-8.";
        goto failed;
    }

    /* yajl would write a question mark */

    if (ngx_dicom_json_surrogates(data, len) != NGX_OK) {
        p.error = "A \\u escape is half of a surrogate pair.";
        goto failed;
    }

    yajl = yajl_alloc(&ngx_dicom_json_callbacks, NULL, &p);
    if (yajl == NULL) {
        p.error = "Out of memory.";
        goto failed;
    }

    rc = yajl_parse(yajl, data, len);

    if (rc == yajl_status_ok) {
        rc = yajl_complete_parse(yajl);
    }

    yajl_free(yajl);

    if (rc == yajl_status_ok && p.root) {
        return p.root;
    }

failed:

    if (p.error == NULL) {
        p.error = "The text is not JSON.";
    }

    error->data = (u_char *) p.error;
    error->len = ngx_strlen(p.error);

    return NULL;
}


static ngx_dicom_json_t *
ngx_dicom_json_add(ngx_dicom_json_parser_t *p, ngx_dicom_json_type_e type)
{
    ngx_dicom_json_t  *value;

    if (++p->values > NGX_DICOM_JSON_MAX_VALUES) {
        p->error = "There are too many values.";
        return NULL;
    }

    value = ngx_pcalloc(p->pool, sizeof(ngx_dicom_json_t));
    if (value == NULL) {
        p->error = "Out of memory.";
        return NULL;
    }

    value->type = type;
    value->name = p->key;
    ngx_str_null(&p->key);

    if (p->depth == 0) {
        p->root = value;
        return value;
    }

    *p->tail[p->depth - 1] = value;
    p->tail[p->depth - 1] = &value->next;
    p->stack[p->depth - 1]->nelts++;

    return value;
}


static int
ngx_dicom_json_open(ngx_dicom_json_parser_t *p, ngx_dicom_json_type_e type)
{
    ngx_dicom_json_t  *value;

    if (p->depth == NGX_DICOM_JSON_MAX_DEPTH) {
        p->error = "The text is nested too deeply.";
        return 0;
    }

    value = ngx_dicom_json_add(p, type);
    if (value == NULL) {
        return 0;
    }

    p->stack[p->depth] = value;
    p->tail[p->depth] = &value->first;
    p->depth++;

    return 1;
}


static int
ngx_dicom_json_on_null(void *ctx)
{
    return ngx_dicom_json_add(ctx, NGX_DICOM_JSON_NULL) != NULL;
}


static int
ngx_dicom_json_on_bool(void *ctx, int b)
{
    ngx_dicom_json_t  *value;

    value = ngx_dicom_json_add(ctx, NGX_DICOM_JSON_BOOL);
    if (value == NULL) {
        return 0;
    }

    value->integer = b ? 1 : 0;

    return 1;
}


static int
ngx_dicom_json_on_number(void *ctx, const char *s, size_t len)
{
    ngx_dicom_json_parser_t  *p = ctx;

    char              *end;
    ngx_dicom_json_t  *value;

    value = ngx_dicom_json_add(p, NGX_DICOM_JSON_NUMBER);
    if (value == NULL) {
        return 0;
    }

    value->string.data = ngx_pnalloc(p->pool, len + 1);
    if (value->string.data == NULL) {
        p->error = "Out of memory.";
        return 0;
    }

    ngx_memcpy(value->string.data, s, len);
    value->string.data[len] = '\0';
    value->string.len = len;

    value->number = strtod((char *) value->string.data, NULL);

    if (!isfinite(value->number)) {
        p->error = "A number is too large.";
        return 0;
    }

    ngx_set_errno(0);
    value->integer = strtoll((char *) value->string.data, &end, 10);

    if (*end == '\0' && ngx_errno == 0) {
        value->type = NGX_DICOM_JSON_INTEGER;

    } else {
        value->integer = 0;
    }

    return 1;
}


static int
ngx_dicom_json_on_string(void *ctx, const unsigned char *s, size_t len)
{
    ngx_dicom_json_parser_t  *p = ctx;

    ngx_dicom_json_t  *value;

    if (ngx_strlchr((u_char *) s, (u_char *) s + len, '\0')) {
        p->error = "A string has a null character.";
        return 0;
    }

    value = ngx_dicom_json_add(p, NGX_DICOM_JSON_STRING);
    if (value == NULL) {
        return 0;
    }

    value->string.data = ngx_pnalloc(p->pool, len + 1);
    if (value->string.data == NULL) {
        p->error = "Out of memory.";
        return 0;
    }

    ngx_memcpy(value->string.data, s, len);
    value->string.data[len] = '\0';
    value->string.len = len;

    return 1;
}


static int
ngx_dicom_json_on_object(void *ctx)
{
    return ngx_dicom_json_open(ctx, NGX_DICOM_JSON_OBJECT);
}


static int
ngx_dicom_json_on_array(void *ctx)
{
    return ngx_dicom_json_open(ctx, NGX_DICOM_JSON_ARRAY);
}


static int
ngx_dicom_json_on_end(void *ctx)
{
    ngx_dicom_json_parser_t  *p = ctx;

    p->depth--;

    return 1;
}


static int
ngx_dicom_json_on_key(void *ctx, const unsigned char *s, size_t len)
{
    ngx_dicom_json_parser_t  *p = ctx;

    ngx_dicom_json_t  *object, *member;

    object = p->stack[p->depth - 1];

    if (object->nelts == NGX_DICOM_JSON_MAX_MEMBERS) {
        p->error = "An object has too many members.";
        return 0;
    }

    if (ngx_strlchr((u_char *) s, (u_char *) s + len, '\0')) {
        p->error = "A name has a null character.";
        return 0;
    }

    for (member = object->first; member; member = member->next) {
        if (member->name.len == len
            && ngx_memcmp(member->name.data, s, len) == 0)
        {
            p->error = "An object has two members of one name.";
            return 0;
        }
    }

    p->key.data = ngx_pnalloc(p->pool, len + 1);
    if (p->key.data == NULL) {
        p->error = "Out of memory.";
        return 0;
    }

    ngx_memcpy(p->key.data, s, len);
    p->key.data[len] = '\0';
    p->key.len = len;

    return 1;
}


/* Each \uD800 to \uDBFF must be followed by \uDC00 to \uDFFF, and only so. */

static ngx_int_t
ngx_dicom_json_surrogates(const u_char *data, size_t len)
{
    ngx_int_t      code;
    ngx_uint_t     high;
    const u_char  *p, *last;

    high = 0;
    last = data + len;

    for (p = data; p < last; p++) {

        code = 0;

        if (*p == '\\' && p + 1 < last) {
            p++;

            if (*p == 'u' && last - p > 4) {
                code = ngx_hextoi((u_char *) p + 1, 4);
                p += (code == NGX_ERROR) ? 0 : 4;
            }
        }

        if (high != (code >= 0xdc00 && code <= 0xdfff)) {
            return NGX_DECLINED;
        }

        high = (code >= 0xd800 && code <= 0xdbff);
    }

    return high ? NGX_DECLINED : NGX_OK;
}


/* Bytes of the character at p, 0 when it is none. */

static size_t
ngx_dicom_utf8_length(const u_char *p, const u_char *last)
{
    size_t    i, n;
    uint32_t  code, min;

    if (*p < 0x80) {
        return 1;
    }

    if (*p >= 0xf0) {
        n = 4;
        code = *p & 0x07;
        min = 0x10000;

        if (*p > 0xf4) {
            return 0;
        }

    } else if (*p >= 0xe0) {
        n = 3;
        code = *p & 0x0f;
        min = 0x800;

    } else if (*p >= 0xc2) {
        n = 2;
        code = *p & 0x1f;
        min = 0x80;

    } else {
        return 0;
    }

    if ((size_t) (last - p) < n) {
        return 0;
    }

    for (i = 1; i < n; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }

        code = code << 6 | (p[i] & 0x3f);
    }

    if (code < min || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        return 0;
    }

    return n;
}


ngx_int_t
ngx_dicom_utf8_check(const u_char *data, size_t len)
{
    size_t         n;
    const u_char  *p, *last;

    last = data + len;

    for (p = data; p < last; p += n) {
        n = ngx_dicom_utf8_length(p, last);

        if (n == 0) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


ngx_dicom_json_t *
ngx_dicom_json_get(const ngx_dicom_json_t *object, const char *name)
{
    size_t             len;
    ngx_dicom_json_t  *member;

    if (object == NULL || object->type != NGX_DICOM_JSON_OBJECT) {
        return NULL;
    }

    len = ngx_strlen(name);

    for (member = object->first; member; member = member->next) {
        if (member->name.len == len
            && ngx_memcmp(member->name.data, name, len) == 0)
        {
            return member;
        }
    }

    return NULL;
}


ngx_dicom_json_writer_t *
ngx_dicom_json_writer(ngx_pool_t *pool)
{
    ngx_pool_cleanup_t       *cln;
    ngx_dicom_json_writer_t  *w;

    cln = ngx_pool_cleanup_add(pool, sizeof(ngx_dicom_json_writer_t));
    if (cln == NULL) {
        return NULL;
    }

    w = cln->data;
    ngx_memzero(w, sizeof(ngx_dicom_json_writer_t));

    w->gen = yajl_gen_alloc(NULL);
    if (w->gen == NULL) {
        return NULL;
    }

    cln->handler = ngx_dicom_json_free_writer;

    return w;
}


static void
ngx_dicom_json_free_writer(void *data)
{
    ngx_dicom_json_writer_t  *w = data;

    yajl_gen_free(w->gen);
}


static void
ngx_dicom_json_done(ngx_dicom_json_writer_t *w, yajl_gen_status status)
{
    if (status != yajl_gen_status_ok
        && status != yajl_gen_generation_complete)
    {
        w->failed = 1;
    }
}


void
ngx_dicom_json_object(ngx_dicom_json_writer_t *w)
{
    ngx_dicom_json_done(w, yajl_gen_map_open(w->gen));
}


void
ngx_dicom_json_end_object(ngx_dicom_json_writer_t *w)
{
    ngx_dicom_json_done(w, yajl_gen_map_close(w->gen));
}


void
ngx_dicom_json_array(ngx_dicom_json_writer_t *w)
{
    ngx_dicom_json_done(w, yajl_gen_array_open(w->gen));
}


void
ngx_dicom_json_end_array(ngx_dicom_json_writer_t *w)
{
    ngx_dicom_json_done(w, yajl_gen_array_close(w->gen));
}


void
ngx_dicom_json_key(ngx_dicom_json_writer_t *w, const char *name)
{
    ngx_dicom_json_cstring(w, name);
}


void
ngx_dicom_json_cstring(ngx_dicom_json_writer_t *w, const char *s)
{
    ngx_str_t  str;

    str.data = (u_char *) s;
    str.len = ngx_strlen(s);

    ngx_dicom_json_string(w, &str);
}


void
ngx_dicom_json_string(ngx_dicom_json_writer_t *w, const ngx_str_t *s)
{
    size_t   n;
    u_char  *p, *q, *last, *copy;

    if (ngx_dicom_utf8_check(s->data, s->len) == NGX_OK) {
        ngx_dicom_json_done(w, yajl_gen_string(w->gen,
                                               s->len ? s->data
                                                      : (u_char *) "",
                                               s->len));
        return;
    }

    copy = malloc(s->len * 3);
    if (copy == NULL) {
        w->failed = 1;
        return;
    }

    q = copy;
    last = s->data + s->len;

    for (p = s->data; p < last; /* void */) {
        n = ngx_dicom_utf8_length(p, last);

        if (n) {
            q = ngx_cpymem(q, p, n);
            p += n;

        } else {
            q = ngx_cpymem(q, "\xef\xbf\xbd", 3);
            p++;
        }
    }

    ngx_dicom_json_done(w, yajl_gen_string(w->gen, copy, q - copy));

    free(copy);
}


void
ngx_dicom_json_integer(ngx_dicom_json_writer_t *w, int64_t n)
{
    ngx_dicom_json_done(w, yajl_gen_integer(w->gen, n));
}


void
ngx_dicom_json_number(ngx_dicom_json_writer_t *w, double n)
{
    int   digits, len;
    char  text[32];

    if (!isfinite(n)) {
        ngx_dicom_json_null(w);
        return;
    }

    /* the fewest digits that read back as the same number */

    for (digits = 15; digits < 18; digits++) {
        len = snprintf(text, sizeof(text), "%.*g", digits, n);

        if (strtod(text, NULL) == n) {
            break;
        }
    }

    ngx_dicom_json_done(w, yajl_gen_number(w->gen, text, len));
}


void
ngx_dicom_json_bool(ngx_dicom_json_writer_t *w, ngx_uint_t b)
{
    ngx_dicom_json_done(w, yajl_gen_bool(w->gen, b ? 1 : 0));
}


void
ngx_dicom_json_null(ngx_dicom_json_writer_t *w)
{
    ngx_dicom_json_done(w, yajl_gen_null(w->gen));
}


void
ngx_dicom_json_raw(ngx_dicom_json_writer_t *w, const ngx_str_t *json)
{
    /* of all the calls, this one writes text as it is */

    ngx_dicom_json_done(w, yajl_gen_number(w->gen, (char *) json->data,
                                           json->len));
}


ngx_int_t
ngx_dicom_json_finish(ngx_dicom_json_writer_t *w, ngx_str_t *json)
{
    size_t                len;
    const unsigned char  *text;

    if (w->failed
        || yajl_gen_get_buf(w->gen, &text, &len) != yajl_gen_status_ok)
    {
        return NGX_ERROR;
    }

    json->data = (u_char *) text;
    json->len = len;

    return NGX_OK;
}
