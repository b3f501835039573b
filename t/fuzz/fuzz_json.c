/*
 * JSON bodies: what is read can be written and read again to the same; bound
 * to a table; patched, and known by its digest.
 */

/* links: t/unit/nginx.c ngx_dicom_module/ngx_dicom_json.c */
/* links: ngx_dicom_module/ngx_dicom_bind.c ngx_dicom_module/ngx_dicom_uid.c */
/* links: ngx_dicom_module/ngx_dicom_patch.c */
/* pkg: yajl libcrypto */

#include "fuzz.h"
#include "nginx.h"
#include "ngx_dicom_json.h"
#include "ngx_dicom_patch.h"


typedef struct {
    ngx_str_t          name;
    ngx_str_t          id;
    ngx_str_t          date;
    ngx_str_t          uid;
    ngx_str_t          url;
    ngx_str_t          email;
    ngx_str_t          code;
    int64_t            count;
    ngx_int_t          active;
    ngx_dicom_json_t  *list;
    ngx_dicom_json_t  *object;
} body_t;


static const ngx_dicom_field_t  fields[] = {
    { ngx_string("name"), NGX_DICOM_F_STRING, NGX_DICOM_F_REQUIRED, 1, 64,
      offsetof(body_t, name) },
    { ngx_string("id"), NGX_DICOM_F_UUID, NGX_DICOM_F_NULLABLE, 0, 0,
      offsetof(body_t, id) },
    { ngx_string("date"), NGX_DICOM_F_DATE, NGX_DICOM_F_NULLABLE, 0, 0,
      offsetof(body_t, date) },
    { ngx_string("uid"), NGX_DICOM_F_UID, 0, 0, 0, offsetof(body_t, uid) },
    { ngx_string("url"), NGX_DICOM_F_URL, 0, 0, 0, offsetof(body_t, url) },
    { ngx_string("email"), NGX_DICOM_F_EMAIL, 0, 0, 0,
      offsetof(body_t, email) },
    { ngx_string("code"), NGX_DICOM_F_CODE, 0, 0, 0, offsetof(body_t, code) },
    { ngx_string("count"), NGX_DICOM_F_INTEGER, 0, -5, 1000,
      offsetof(body_t, count) },
    { ngx_string("active"), NGX_DICOM_F_BOOL, 0, 0, 0,
      offsetof(body_t, active) },
    { ngx_string("list"), NGX_DICOM_F_ARRAY, 0, 0, 4,
      offsetof(body_t, list) },
    { ngx_string("object"), NGX_DICOM_F_OBJECT, 0, 0, 4,
      offsetof(body_t, object) },
    ngx_dicom_null_field
};


static void
write_value(ngx_pool_t *pool, ngx_dicom_json_writer_t *w,
    const ngx_dicom_json_t *json)
{
    char               name[1024];
    ngx_dicom_json_t  *child;

    switch (json->type) {
    case NGX_DICOM_JSON_NULL:
        ngx_dicom_json_null(w);
        return;
    case NGX_DICOM_JSON_BOOL:
        ngx_dicom_json_bool(w, json->integer);
        return;
    case NGX_DICOM_JSON_INTEGER:
        ngx_dicom_json_integer(w, json->integer);
        return;
    case NGX_DICOM_JSON_NUMBER:
        ngx_dicom_json_number(w, json->number);
        return;
    case NGX_DICOM_JSON_STRING:
        ngx_dicom_json_string(w, &json->string);
        return;
    case NGX_DICOM_JSON_ARRAY:
        ngx_dicom_json_array(w);
        for (child = json->first; child; child = child->next) {
            write_value(pool, w, child);
        }
        ngx_dicom_json_end_array(w);
        return;
    case NGX_DICOM_JSON_OBJECT:
        ngx_dicom_json_object(w);
        for (child = json->first; child; child = child->next) {
            fuzz_check(memchr(child->name.data, '\0', child->name.len)
                       == NULL);
            snprintf(name, sizeof(name), "%.*s",
                     (int) ngx_min(child->name.len, 1000), child->name.data);
            ngx_dicom_json_key(w, name);
            write_value(pool, w, child);
        }
        ngx_dicom_json_end_object(w);
        return;
    }
}


static ngx_uint_t
names_are_short(const ngx_dicom_json_t *json)
{
    ngx_dicom_json_t  *child;

    if (json->type != NGX_DICOM_JSON_ARRAY
        && json->type != NGX_DICOM_JSON_OBJECT)
    {
        return 1;
    }

    for (child = json->first; child; child = child->next) {
        if (child->name.len >= 1000 || !names_are_short(child)) {
            return 0;
        }
    }

    return 1;
}


static void
round_trip(ngx_pool_t *pool, ngx_dicom_json_t *json)
{
    ngx_str_t                 text, again, error, first, second;
    ngx_dicom_json_t         *copy;
    ngx_dicom_json_writer_t  *w;

    if (!names_are_short(json)) {
        return;
    }

    w = ngx_dicom_json_writer(pool);
    write_value(pool, w, json);
    fuzz_check(ngx_dicom_json_finish(w, &text) == NGX_OK);

    copy = ngx_dicom_json_parse(pool, text.data, text.len, &error);
    fuzz_check(copy != NULL);

    w = ngx_dicom_json_writer(pool);
    write_value(pool, w, copy);
    fuzz_check(ngx_dicom_json_finish(w, &again) == NGX_OK);
    fuzz_check(text.len == again.len
               && memcmp(text.data, again.data, text.len) == 0);

    if (copy->type == NGX_DICOM_JSON_OBJECT) {
        fuzz_check(ngx_dicom_patch_digest(pool, copy, "id", &first) == NGX_OK);
        copy = ngx_dicom_json_parse(pool, again.data, again.len, &error);
        fuzz_check(ngx_dicom_patch_digest(pool, copy, "id", &second)
                   == NGX_OK);
        fuzz_check(first.len == 64 && memcmp(first.data, second.data, 64)
                   == 0);
    }
}


static void
use(ngx_pool_t *pool, ngx_dicom_json_t *json, ngx_dicom_json_t *patch)
{
    body_t             body;
    ngx_array_t       *errors;
    ngx_int_t          rc;
    ngx_dicom_json_t  *merged, *child;

    memset(&body, 0, sizeof(body));
    errors = ngx_array_create(pool, 4, sizeof(ngx_dicom_json_error_t));
    rc = ngx_dicom_json_bind(pool, json, fields, &body, "", errors);
    fuzz_check(rc == NGX_OK || rc == NGX_DECLINED);
    fuzz_check((rc == NGX_OK) == (errors->nelts == 0));

    if (rc == NGX_OK) {
        fuzz_check(body.name.len >= 1 && body.name.len <= 64);
        fuzz_check(body.count >= -5 && body.count <= 1000);
    }

    if (patch == NULL || patch->type != NGX_DICOM_JSON_OBJECT) {
        return;
    }

    merged = ngx_dicom_patch_merge(pool, json, patch);
    fuzz_check(merged != NULL);

    for (child = patch->first; child; child = child->next) {
        if (child->type == NGX_DICOM_JSON_NULL
            && memchr(child->name.data, '\0', child->name.len) == NULL)
        {
            char  name[256];

            snprintf(name, sizeof(name), "%.*s",
                     (int) ngx_min(child->name.len, 255), child->name.data);
            fuzz_check(child->name.len > 255
                       || ngx_dicom_json_get(merged, name) == NULL);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t             cut;
    u_char            *text, *second;
    size_t             len, len2;
    ngx_str_t          error = ngx_null_string;
    struct fuzz        f = { data, size };
    ngx_pool_t        *pool = test_pool();
    ngx_dicom_json_t  *json, *patch;

    cut = fuzz_number(&f, 1);
    second = fuzz_take(&f, cut, &len2);
    text = fuzz_take(&f, SIZE_MAX, &len);

    json = ngx_dicom_json_parse(pool, text, len, &error);
    fuzz_check(json != NULL || error.len > 0);
    patch = ngx_dicom_json_parse(pool, second, len2, &error);

    if (json != NULL) {
        round_trip(pool, json);

        if (json->type == NGX_DICOM_JSON_OBJECT) {
            use(pool, json, patch);
        }
    }

    ngx_destroy_pool(pool);
    free(text);
    free(second);
    return 0;
}
