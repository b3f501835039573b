
/*
 * Text to the words it is searched by, over libunistring.  Pure.
 */


#include "ngx_dicom_fold.h"

#include <unicase.h>
#include <unictype.h>
#include <unistr.h>


typedef enum {
    NGX_DICOM_FOLD_LETTER = 0,
    NGX_DICOM_FOLD_DIGIT,
    NGX_DICOM_FOLD_SPACE,
    NGX_DICOM_FOLD_BREAK,          /* punctuation: ends a word of letters */
    NGX_DICOM_FOLD_NOTHING         /* left out */
} ngx_dicom_fold_kind_e;


/* One run of text between spaces: begin..end in the folded text. */
typedef struct {
    const uint8_t  *begin;
    const uint8_t  *end;
    ngx_uint_t      digit;
} ngx_dicom_fold_run_t;


static ngx_dicom_fold_kind_e ngx_dicom_fold_kind(ucs4_t ch);
static ngx_int_t ngx_dicom_fold_run(ngx_pool_t *pool,
    const ngx_dicom_fold_run_t *run, ngx_array_t *words);
static size_t ngx_dicom_fold_char(u_char *dst, ucs4_t ch);
static ngx_int_t ngx_dicom_fold_push(ngx_pool_t *pool, ngx_array_t *words,
    const u_char *data, size_t len);


/* Letters that Unicode does not decompose; the rest is NFKD's work. */
static const struct {
    ucs4_t       ch;
    const char  *as;
} ngx_dicom_fold_map[] = {
    { 0x00e6, "ae" },
    { 0x00f0, "d" },
    { 0x00f8, "o" },
    { 0x00fe, "th" },
    { 0x0111, "d" },
    { 0x0127, "h" },
    { 0x0131, "i" },
    { 0x0138, "k" },
    { 0x0142, "l" },
    { 0x014b, "n" },
    { 0x0153, "oe" },
    { 0x0167, "t" },
    { 0x0180, "b" },
    { 0x0192, "f" },
    { 0x0259, "e" },
    { 0x0268, "i" },
    { 0x0289, "u" }
};


ngx_int_t
ngx_dicom_fold(ngx_pool_t *pool, const ngx_str_t *text, ngx_array_t *words)
{
    int                     n;
    size_t                  len;
    ucs4_t                  ch;
    uint8_t                *folded;
    ngx_int_t               rc;
    const uint8_t          *p, *end;
    ngx_dicom_fold_kind_e   kind;
    ngx_dicom_fold_run_t    run;

    if (text->len == 0) {
        return NGX_OK;
    }

    if (u8_check(text->data, text->len) != NULL) {
        return NGX_DECLINED;
    }

    folded = u8_casefold(text->data, text->len, NULL, UNINORM_NFKD, NULL,
                         &len);
    if (folded == NULL) {
        return NGX_ERROR;
    }

    rc = NGX_OK;
    end = folded + len;

    run.begin = folded;
    run.digit = 0;

    for (p = folded; p < end && rc == NGX_OK; p += n) {
        n = u8_mbtouc(&ch, p, end - p);
        kind = ngx_dicom_fold_kind(ch);

        if (kind == NGX_DICOM_FOLD_DIGIT) {
            run.digit = 1;

        } else if (kind == NGX_DICOM_FOLD_SPACE) {
            run.end = p;
            rc = ngx_dicom_fold_run(pool, &run, words);
            run.begin = p + n;
            run.digit = 0;
        }
    }

    if (rc == NGX_OK) {
        run.end = end;
        rc = ngx_dicom_fold_run(pool, &run, words);
    }

    free(folded);

    return rc;
}


static ngx_dicom_fold_kind_e
ngx_dicom_fold_kind(ucs4_t ch)
{
    switch (ch) {
    case '^':
    case '=':
        return NGX_DICOM_FOLD_SPACE;
    case '\'':
    case '`':
    case 0x00b4:                   /* acute accent */
    case 0x02bc:                   /* modifier letter apostrophe */
    case 0x2018:
    case 0x2019:                   /* single quotation marks */
    case 0x0640:                   /* Arabic tatweel */
        return NGX_DICOM_FOLD_NOTHING;
    }

    if (uc_is_property_white_space(ch)) {
        return NGX_DICOM_FOLD_SPACE;
    }

    if (uc_is_general_category(ch, UC_CATEGORY_Mn)
        || uc_is_general_category(ch, UC_CATEGORY_Me)
        || uc_is_general_category(ch, UC_CATEGORY_Cf)
        || uc_is_general_category(ch, UC_CATEGORY_Cc))
    {
        return NGX_DICOM_FOLD_NOTHING;
    }

    if (uc_is_general_category(ch, UC_CATEGORY_N)) {
        return NGX_DICOM_FOLD_DIGIT;
    }

    if (uc_is_general_category(ch, UC_CATEGORY_L)
        || uc_is_general_category(ch, UC_CATEGORY_Mc))
    {
        return NGX_DICOM_FOLD_LETTER;
    }

    return NGX_DICOM_FOLD_BREAK;
}


static ngx_int_t
ngx_dicom_fold_run(ngx_pool_t *pool, const ngx_dicom_fold_run_t *run,
    ngx_array_t *words)
{
    int                     n;
    size_t                  len, size;
    u_char                  word[NGX_DICOM_FOLD_MAX], piece[8];
    ucs4_t                  ch;
    ngx_uint_t              full;
    const uint8_t          *p;
    ngx_dicom_fold_kind_e   kind;

    len = 0;
    full = 0;

    if (run->digit) {
        word[len++] = '#';
    }

    for (p = run->begin; p < run->end; p += n) {
        n = u8_mbtouc(&ch, p, run->end - p);
        kind = ngx_dicom_fold_kind(ch);

        if (kind == NGX_DICOM_FOLD_NOTHING) {
            continue;
        }

        if (kind == NGX_DICOM_FOLD_BREAK) {
            if (!run->digit) {
                if (ngx_dicom_fold_push(pool, words, word, len) != NGX_OK) {
                    return NGX_ERROR;
                }

                len = 0;
                full = 0;
            }

            continue;
        }

        size = ngx_dicom_fold_char(piece, ch);

        if (full || len + size > sizeof(word)) {
            full = 1;
            continue;
        }

        ngx_memcpy(word + len, piece, size);
        len += size;
    }

    return ngx_dicom_fold_push(pool, words, word, len);
}


static size_t
ngx_dicom_fold_char(u_char *dst, ucs4_t ch)
{
    int         digit, n;
    size_t      len;
    ngx_uint_t  i;

    digit = uc_decimal_value(ch);
    if (digit >= 0) {
        dst[0] = (u_char) ('0' + digit);
        return 1;
    }

    for (i = 0; i < sizeof(ngx_dicom_fold_map) / sizeof(ngx_dicom_fold_map[0]);
         i++)
    {
        if (ngx_dicom_fold_map[i].ch == ch) {
            len = ngx_strlen(ngx_dicom_fold_map[i].as);
            ngx_memcpy(dst, ngx_dicom_fold_map[i].as, len);
            return len;
        }
    }

    n = u8_uctomb(dst, ch, 6);

    return n > 0 ? n : 0;
}


static ngx_int_t
ngx_dicom_fold_push(ngx_pool_t *pool, ngx_array_t *words, const u_char *data,
    size_t len)
{
    ngx_str_t  *word;

    if (len == 0) {
        return NGX_OK;
    }

    word = ngx_array_push(words);
    if (word == NULL) {
        return NGX_ERROR;
    }

    word->data = ngx_pnalloc(pool, len + 1);
    if (word->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(word->data, data, len);
    word->data[len] = '\0';
    word->len = len;

    return NGX_OK;
}


ngx_int_t
ngx_dicom_fold_join(ngx_pool_t *pool, const ngx_array_t *words,
    ngx_str_t *key)
{
    u_char           *p, *last;
    size_t            len;
    ngx_str_t        *word;
    ngx_uint_t        i;

    key->data = ngx_pnalloc(pool, NGX_DICOM_FOLD_MAX + 1);
    if (key->data == NULL) {
        return NGX_ERROR;
    }

    p = key->data;
    last = p + NGX_DICOM_FOLD_MAX;
    word = words->elts;

    for (i = 0; i < words->nelts; i++) {

        if (p != key->data && p < last) {
            *p++ = ' ';
        }

        len = ngx_min(word[i].len, (size_t) (last - p));

        /* never half a character */
        while (len < word[i].len && len > 0
               && (word[i].data[len] & 0xc0) == 0x80)
        {
            len--;
        }

        p = ngx_cpymem(p, word[i].data, len);

        if (len < word[i].len) {
            break;
        }
    }

    *p = '\0';
    key->len = p - key->data;

    return NGX_OK;
}


ngx_int_t
ngx_dicom_fold_end(ngx_pool_t *pool, const ngx_str_t *prefix, ngx_str_t *end)
{
    u_char  *p;

    end->data = ngx_pnalloc(pool, prefix->len + 5);
    if (end->data == NULL) {
        return NGX_ERROR;
    }

    /* U+10FFFF, the last code point, which no folded word contains */

    p = ngx_cpymem(end->data, prefix->data, prefix->len);
    p = ngx_cpymem(p, "\xf4\x8f\xbf\xbf", 4);
    *p = '\0';
    end->len = p - end->data;

    return NGX_OK;
}
