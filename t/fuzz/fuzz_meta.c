/* What the render worker says of an upload, as nginx reads it. */

/* links: t/unit/nginx.c ngx_dicom_module/ngx_dicom_meta.c */
/* links: ngx_dicom_module/ngx_dicom_json.c ngx_dicom_module/ngx_dicom_uid.c */
/* pkg: yajl libcrypto */

#include "fuzz.h"
#include "nginx.h"
#include "ngx_dicom_meta.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz        f = { data, size };
    ngx_pool_t        *pool = test_pool();
    ngx_str_t          block;
    ngx_dicom_meta_t   meta;
    const char        *wrong;

    memset(&meta, 0, sizeof(meta));
    block.data = fuzz_take(&f, SIZE_MAX, &block.len);
    wrong = ngx_dicom_meta_parse(pool, &block, &meta);

    if (wrong == NULL) {
        for (ngx_uint_t tag = 1; tag < NGX_DICOM_META_FIELDS; tag++) {
            fuzz_check(meta.field[tag].data[meta.field[tag].len] == '\0');

            if (tag == WIRE_F_INDEX) {
                continue;
            }

            (void) ngx_dicom_meta_text(&meta, tag);
            (void) ngx_dicom_meta_date(&meta, tag);
            (void) ngx_dicom_meta_time(&meta, tag);
            (void) ngx_dicom_meta_number(&meta, tag);
            fuzz_check(ngx_dicom_meta_count(&meta, tag) != NULL);
        }
    }

    ngx_destroy_pool(pool);
    free(block.data);
    return 0;
}
