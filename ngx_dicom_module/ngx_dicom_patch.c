
/*
 * JSON merge patch (RFC 7396), and the digest of an object.  Pure.
 */


#include "ngx_dicom_patch.h"

#include <openssl/sha.h>


static ngx_dicom_json_t *ngx_dicom_patch_copy(ngx_pool_t *pool,
    const ngx_dicom_json_t *value);
static ngx_dicom_json_t *ngx_dicom_patch_strip(ngx_pool_t *pool,
    const ngx_dicom_json_t *value);
static const ngx_dicom_json_t *ngx_dicom_patch_find(
    const ngx_dicom_json_t *object, const ngx_str_t *name);
static ngx_int_t ngx_dicom_patch_write(ngx_pool_t *pool,
    ngx_dicom_json_writer_t *w, const ngx_dicom_json_t *value,
    const char *without);
static ngx_int_t ngx_dicom_patch_write_object(ngx_pool_t *pool,
    ngx_dicom_json_writer_t *w, const ngx_dicom_json_t *object,
    const char *without);
static int ngx_libc_cdecl ngx_dicom_patch_order(const void *one,
    const void *two);


ngx_dicom_json_t *
ngx_dicom_patch_merge(ngx_pool_t *pool, const ngx_dicom_json_t *target,
    const ngx_dicom_json_t *patch)
{
    ngx_dicom_json_t        *merged, *value, **next;
    const ngx_dicom_json_t  *old, *member;

    merged = ngx_dicom_patch_copy(pool, target);
    if (merged == NULL) {
        return NULL;
    }

    merged->nelts = 0;
    next = &merged->first;

    /* members that stay, changed or not */

    for (old = target->first; old; old = old->next) {

        member = ngx_dicom_patch_find(patch, &old->name);

        if (member == NULL) {
            value = ngx_dicom_patch_copy(pool, old);

        } else if (member->type == NGX_DICOM_JSON_NULL) {
            continue;

        } else if (member->type == NGX_DICOM_JSON_OBJECT
                   && old->type == NGX_DICOM_JSON_OBJECT)
        {
            value = ngx_dicom_patch_merge(pool, old, member);

        } else {
            value = ngx_dicom_patch_strip(pool, member);
        }

        if (value == NULL) {
            return NULL;
        }

        *next = value;
        next = &value->next;
        merged->nelts++;
    }

    /* members that are new */

    for (member = patch->first; member; member = member->next) {

        if (member->type == NGX_DICOM_JSON_NULL
            || ngx_dicom_patch_find(target, &member->name) != NULL)
        {
            continue;
        }

        value = ngx_dicom_patch_strip(pool, member);
        if (value == NULL) {
            return NULL;
        }

        *next = value;
        next = &value->next;
        merged->nelts++;
    }

    *next = NULL;

    return merged;
}


static ngx_dicom_json_t *
ngx_dicom_patch_copy(ngx_pool_t *pool, const ngx_dicom_json_t *value)
{
    ngx_dicom_json_t  *copy;

    copy = ngx_palloc(pool, sizeof(ngx_dicom_json_t));
    if (copy == NULL) {
        return NULL;
    }

    *copy = *value;
    copy->next = NULL;

    return copy;
}


/* A value of a patch where nothing was: an object without its nulls. */
static ngx_dicom_json_t *
ngx_dicom_patch_strip(ngx_pool_t *pool, const ngx_dicom_json_t *value)
{
    ngx_dicom_json_t  empty;

    if (value->type != NGX_DICOM_JSON_OBJECT) {
        return ngx_dicom_patch_copy(pool, value);
    }

    empty = *value;
    empty.first = NULL;
    empty.nelts = 0;

    return ngx_dicom_patch_merge(pool, &empty, value);
}


static const ngx_dicom_json_t *
ngx_dicom_patch_find(const ngx_dicom_json_t *object, const ngx_str_t *name)
{
    const ngx_dicom_json_t  *member;

    for (member = object->first; member; member = member->next) {
        if (member->name.len == name->len
            && ngx_memcmp(member->name.data, name->data, name->len) == 0)
        {
            return member;
        }
    }

    return NULL;
}


ngx_int_t
ngx_dicom_patch_digest(ngx_pool_t *pool, const ngx_dicom_json_t *object,
    const char *without, ngx_str_t *digest)
{
    u_char                    hash[SHA256_DIGEST_LENGTH];
    ngx_str_t                 json;
    ngx_dicom_json_writer_t  *w;

    w = ngx_dicom_json_writer(pool);
    if (w == NULL) {
        return NGX_ERROR;
    }

    if (ngx_dicom_patch_write(pool, w, object, without) != NGX_OK
        || ngx_dicom_json_finish(w, &json) != NGX_OK)
    {
        return NGX_ERROR;
    }

    (void) SHA256(json.data, json.len, hash);

    digest->len = 2 * sizeof(hash);
    digest->data = ngx_pnalloc(pool, digest->len + 1);
    if (digest->data == NULL) {
        return NGX_ERROR;
    }

    *ngx_hex_dump(digest->data, hash, sizeof(hash)) = '\0';

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_patch_write(ngx_pool_t *pool, ngx_dicom_json_writer_t *w,
    const ngx_dicom_json_t *value, const char *without)
{
    const ngx_dicom_json_t  *element;

    switch (value->type) {

    case NGX_DICOM_JSON_NULL:
        ngx_dicom_json_null(w);
        break;

    case NGX_DICOM_JSON_BOOL:
        ngx_dicom_json_bool(w, value->integer != 0);
        break;

    case NGX_DICOM_JSON_INTEGER:
    case NGX_DICOM_JSON_NUMBER:
        ngx_dicom_json_raw(w, &value->string);
        break;

    case NGX_DICOM_JSON_STRING:
        ngx_dicom_json_string(w, &value->string);
        break;

    case NGX_DICOM_JSON_ARRAY:
        ngx_dicom_json_array(w);

        for (element = value->first; element; element = element->next) {
            if (ngx_dicom_patch_write(pool, w, element, NULL) != NGX_OK) {
                return NGX_ERROR;
            }
        }

        ngx_dicom_json_end_array(w);
        break;

    case NGX_DICOM_JSON_OBJECT:
        return ngx_dicom_patch_write_object(pool, w, value, without);
    }

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_patch_write_object(ngx_pool_t *pool, ngx_dicom_json_writer_t *w,
    const ngx_dicom_json_t *object, const char *without)
{
    u_char                   *name;
    ngx_uint_t                i, n;
    const ngx_dicom_json_t  **members, *member;

    members = ngx_palloc(pool, (object->nelts + 1)
                               * sizeof(ngx_dicom_json_t *));
    if (members == NULL) {
        return NGX_ERROR;
    }

    n = 0;

    for (member = object->first; member && n < object->nelts;
         member = member->next)
    {
        if (without != NULL && member->name.len == ngx_strlen(without)
            && ngx_memcmp(member->name.data, without, member->name.len) == 0)
        {
            continue;
        }

        members[n++] = member;
    }

    ngx_qsort(members, n, sizeof(ngx_dicom_json_t *), ngx_dicom_patch_order);

    ngx_dicom_json_object(w);

    for (i = 0; i < n; i++) {

        name = ngx_pnalloc(pool, members[i]->name.len + 1);
        if (name == NULL) {
            return NGX_ERROR;
        }

        (void) ngx_cpystrn(name, members[i]->name.data,
                           members[i]->name.len + 1);

        ngx_dicom_json_key(w, (char *) name);

        if (ngx_dicom_patch_write(pool, w, members[i], NULL) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    ngx_dicom_json_end_object(w);

    return NGX_OK;
}


static int ngx_libc_cdecl
ngx_dicom_patch_order(const void *one, const void *two)
{
    ngx_int_t                 rc;
    const ngx_dicom_json_t   *a, *b;

    a = *(const ngx_dicom_json_t *const *) one;
    b = *(const ngx_dicom_json_t *const *) two;

    rc = ngx_memcmp(a->name.data, b->name.data,
                    ngx_min(a->name.len, b->name.len));

    if (rc != 0) {
        return rc < 0 ? -1 : 1;
    }

    return a->name.len < b->name.len ? -1 : a->name.len > b->name.len;
}
