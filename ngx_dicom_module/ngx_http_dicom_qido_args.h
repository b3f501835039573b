
/*
 * Arguments of searches, each by the keyword or by the tag of its attribute
 * (PS3.18 8.3.4.1).
 */


#ifndef _NGX_HTTP_DICOM_QIDO_ARGS_H_INCLUDED_
#define _NGX_HTTP_DICOM_QIDO_ARGS_H_INCLUDED_


#include "ngx_http_dicom_module.h"


/*
 * All return NGX_OK, or the result of the reply, to be returned.  names: of
 * all arguments, NULL-ended; the keyword of an attribute, then its tag.
 */

/* One value; NULL when absent, empty, or "*". */
ngx_int_t ngx_http_dicom_qido_text(ngx_http_request_t *r,
    const char *const *names, const char *keyword, const char **value);

/* The same with wildcards, as a pattern of LIKE. */
ngx_int_t ngx_http_dicom_qido_pattern(ngx_http_request_t *r,
    const char *const *names, const char *keyword, const char **pattern);

/* One whole number, NULL when absent. */
ngx_int_t ngx_http_dicom_qido_number(ngx_http_request_t *r,
    const char *const *names, const char *keyword, const char **number);

/* UIDs, as a parameter of type TEXT[]. */
ngx_int_t ngx_http_dicom_qido_uids(ngx_http_request_t *r,
    const char *const *names, const char *keyword, const char **uids);

/* A day or a range of days, as one of sort_key. */
ngx_int_t ngx_http_dicom_qido_range(ngx_http_request_t *r,
    const char *const *names, const char *keyword, const char **from,
    const char **to);

/* A time or a range of times, as parameters of type TIME; NULL: without limit.
   Studies have theirs in whole seconds, so a fraction changes nothing. */
ngx_int_t ngx_http_dicom_qido_times(ngx_http_request_t *r,
    const char *const *names, const char *keyword, const char **from,
    const char **to);

/* What a search of any study is narrowed by; pointers as the functions above
   give them. */
typedef struct {
    const char  *studies, *series;
    const char  *from, *to, *time_from, *time_to;
    const char  *patient, *accession, *name;
    const char  *modality, *number, *description;
} ngx_http_dicom_qido_keys_t;

/* The keys of a study, of a series, of an instance. */
ngx_int_t ngx_http_dicom_qido_of_study(ngx_http_request_t *r,
    const char *const *names, ngx_http_dicom_qido_keys_t *keys);
ngx_int_t ngx_http_dicom_qido_of_series(ngx_http_request_t *r,
    const char *const *names, ngx_http_dicom_qido_keys_t *keys);
ngx_int_t ngx_http_dicom_qido_of_instance(ngx_http_request_t *r,
    const char *const *names, const char **uids, const char **class,
    const char **number);

/* Sets Warning (PS3.18 8.3) when an argument is not in names (NULL-ended), names
   were matched as they are, or there is more than what is sent: NGX_OK or
   NGX_ERROR. */
ngx_int_t ngx_http_dicom_qido_warn(ngx_http_request_t *r,
    const char *const *names, ngx_uint_t more);

/* limit and offset. */
ngx_int_t ngx_http_dicom_qido_page(ngx_http_request_t *r, ngx_uint_t *limit,
    ngx_uint_t *offset);


#endif /* _NGX_HTTP_DICOM_QIDO_ARGS_H_INCLUDED_ */
