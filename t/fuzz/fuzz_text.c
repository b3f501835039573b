/* Small texts of requests: UIDs, UUIDs, dates, URLs, names to search by. */

/* links: t/unit/nginx.c ngx_dicom_module/ngx_dicom_fold.c */
/* links: ngx_dicom_module/ngx_dicom_uid.c ngx_dicom_module/ngx_dicom_meta.c */
/* links: ngx_dicom_module/ngx_dicom_json.c ngx_dicom_module/ngx_dicom_bind.c */
/* pkg: yajl libcrypto */
/* libs: -lunistring */

#include "fuzz.h"
#include "nginx.h"
#include "ngx_dicom_fold.h"
#include "ngx_dicom_json.h"
#include "ngx_dicom_meta.h"
#include "ngx_dicom_uid.h"


static void
fold(ngx_pool_t *pool, ngx_str_t *text)
{
    ngx_str_t     key, end, *word;
    ngx_uint_t    i;
    ngx_array_t  *words;

    words = ngx_array_create(pool, 4, sizeof(ngx_str_t));

    if (ngx_dicom_fold(pool, text, words) != NGX_OK) {
        fuzz_check(ngx_dicom_utf8_check(text->data, text->len) != NGX_OK);
        return;
    }

    fuzz_check(ngx_dicom_utf8_check(text->data, text->len) == NGX_OK);
    word = words->elts;

    for (i = 0; i < words->nelts; i++) {
        fuzz_check(word[i].len > 0 && word[i].len <= NGX_DICOM_FOLD_MAX);
        fuzz_check(word[i].data[word[i].len] == '\0');
        fuzz_check(ngx_dicom_utf8_check(word[i].data, word[i].len) == NGX_OK);
        fuzz_check(ngx_dicom_fold_end(pool, &word[i], &end) == NGX_OK);
        fuzz_check(ngx_dicom_utf8_check(end.data, end.len) == NGX_OK);
        fuzz_check(strcmp((char *) word[i].data, (char *) end.data) < 0);
    }

    fuzz_check(ngx_dicom_fold_join(pool, words, &key) == NGX_OK);
    fuzz_check(key.len <= NGX_DICOM_FOLD_MAX && key.data[key.len] == '\0');
    fuzz_check(ngx_dicom_utf8_check(key.data, key.len) == NGX_OK);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char       bytes[16];
    ngx_str_t    text;
    struct fuzz  f = { data, size };
    ngx_pool_t  *pool = test_pool();

    text.data = fuzz_take(&f, 2000, &text.len);

    if (ngx_dicom_uid_check(&text) == NGX_OK) {
        fuzz_check(text.len >= 1 && text.len <= 64
                   && text.data[0] != '.' && text.data[text.len - 1] != '.');
    }

    if (ngx_dicom_uuid_check(&text) == NGX_OK) {
        fuzz_check(text.len == 36);
    }

    if (ngx_dicom_unhex(bytes, &text, sizeof(bytes)) == NGX_OK) {
        fuzz_check(text.len == 32);
    }

    if (ngx_dicom_meta_is_date(&text) == NGX_OK) {
        fuzz_check(text.len == 10 && text.data[4] == '-'
                   && text.data[7] == '-');
    }

    (void) ngx_dicom_url_check(&text);
    fold(pool, &text);

    ngx_destroy_pool(pool);
    free(text.data);
    return 0;
}
