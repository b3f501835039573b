/*
 * multipart bodies: however one is cut into pieces, its parts are the same; and
 * what they are made of is what stands between the delimiters.
 */

/* links: t/unit/nginx.c ngx_dicom_module/ngx_dicom_multipart.c */
/* pkg: libcrypto */

#include "fuzz.h"
#include "nginx.h"
#include "ngx_dicom_multipart.h"

/* What a body came to: parts' types and data, each ended by a mark. */
struct outcome {
    uint8_t               *text;
    size_t                 length;
    ngx_dicom_multipart_e  last;
};


static void
add(struct outcome *o, const void *data, size_t length)
{
    memcpy(o->text + o->length, data, length);
    o->length += length;
}


/* pieces: how long each is, in turn; NULL: all at once. */
static void
take(const ngx_str_t *boundary, const uint8_t *body, size_t size,
    const uint8_t *pieces, struct outcome *o)
{
    ngx_dicom_multipart_t  m;
    ngx_dicom_multipart_e  event = NGX_DICOM_MULTIPART_MORE;
    size_t                 at = 0, begun = 0;
    unsigned               n = 0;

    fuzz_check(ngx_dicom_multipart_init(&m, boundary) == NGX_OK);
    o->text = malloc(3 * size + 1024);
    fuzz_check(o->text != NULL);
    o->length = 0;
    o->last = NGX_DICOM_MULTIPART_MORE;

    while (at < size && event != NGX_DICOM_MULTIPART_MALFORMED) {
        size_t    length = pieces == NULL ? size
            : (size_t) 1 + pieces[n++ % 4];
        u_char   *copy, *pos, *last;

        length = length < size - at ? length : size - at;
        copy = pos = malloc(length);
        fuzz_check(copy != NULL);
        memcpy(copy, body + at, length);
        last = copy + length;
        at += length;

        while ((event = ngx_dicom_multipart_next(&m, &pos, last))
            != NGX_DICOM_MULTIPART_MORE)
        {
            fuzz_check(pos <= last);
            if (event == NGX_DICOM_MULTIPART_BEGIN) {
                begun++;
                add(o, m.type.data, m.type.len);
                add(o, "[", 1);
            } else if (event == NGX_DICOM_MULTIPART_DATA) {
                fuzz_check(m.data.len > 0);
                add(o, m.data.data, m.data.len);
            } else if (event == NGX_DICOM_MULTIPART_END) {
                add(o, "]", 1);
            } else {
                o->last = event;
            }
            fuzz_check(o->length <= 3 * size + 512);
            if (event == NGX_DICOM_MULTIPART_MALFORMED) {
                break;
            }
        }
        if (event == NGX_DICOM_MULTIPART_MORE) {
            fuzz_check(pos == last);
        }
        free(copy);
    }
    fuzz_check(begun == m.parts);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz     f = { data, size };
    struct outcome  whole, cut;
    ngx_str_t       boundary = ngx_string("b-1"), type, found;
    uint8_t         pieces[4], *body;
    size_t          length;

    for (unsigned i = 0; i < 4; i++) {
        pieces[i] = (uint8_t) fuzz_number(&f, 1);
    }
    body = fuzz_take(&f, SIZE_MAX, &length);

    take(&boundary, body, length, NULL, &whole);
    take(&boundary, body, length, pieces, &cut);
    fuzz_check(whole.last == cut.last && whole.length == cut.length
        && memcmp(whole.text, cut.text, whole.length) == 0);
    free(whole.text);
    free(cut.text);

    found.data = body;
    found.len = length;
    if (ngx_dicom_multipart_related(&found, &type, &boundary) == NGX_OK) {
        ngx_dicom_multipart_t  m;

        fuzz_check(type.len <= length && boundary.len <= length);
        (void) ngx_dicom_multipart_init(&m, &boundary);
    }
    free(body);
    return 0;
}
