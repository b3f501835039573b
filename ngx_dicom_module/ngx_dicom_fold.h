
/*
 * Text to the words it is searched by, over libunistring.  Pure.
 *
 * Folding is NFKD, marks dropped, case folded, and a small map for the letters
 * that have no decomposition (d with stroke, l with stroke, o with stroke, ae
 * and their like), so that "Lukasz" finds "Łukasz" and the other way round.
 */


#ifndef _NGX_DICOM_FOLD_H_INCLUDED_
#define _NGX_DICOM_FOLD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_DICOM_FOLD_MAX  255    /* bytes of a word; longer ones are cut */


/*
 * Appends the folded words of text (UTF-8) to words (ngx_str_t, each with a
 * NUL after it, in pool).  Spaces, '^' and '=' end a word.  A word without a
 * digit is split at its punctuation as well, apostrophes left out; a word with
 * a digit stays one, without punctuation and with '#' in front, so that a
 * number is found as it was typed on either side: "12.345-6" and "123456" are
 * both "#123456".  The same word may come twice.
 * NGX_OK, NGX_DECLINED when text is not UTF-8, NGX_ERROR without memory.
 */
ngx_int_t ngx_dicom_fold(ngx_pool_t *pool, const ngx_str_t *text,
    ngx_array_t *words);

/* The words joined by one space and cut to NGX_DICOM_FOLD_MAX bytes, NUL
   after: a key to sort by. */
ngx_int_t ngx_dicom_fold_join(ngx_pool_t *pool, const ngx_array_t *words,
    ngx_str_t *key);

/* A text above every text that begins with prefix, and not above others, by
   code point; NUL after. */
ngx_int_t ngx_dicom_fold_end(ngx_pool_t *pool, const ngx_str_t *prefix,
    ngx_str_t *end);


#endif /* _NGX_DICOM_FOLD_H_INCLUDED_ */
