
/*
 * multipart bodies (RFC 2046 5.1), taken apart as they come: no part is ever
 * in memory as a whole.  Pure: bytes in, pieces of them out.
 */


#ifndef _NGX_DICOM_MULTIPART_H_INCLUDED_
#define _NGX_DICOM_MULTIPART_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_DICOM_MULTIPART_BOUNDARY  70       /* bytes, RFC 2046 5.1.1 */
#define NGX_DICOM_MULTIPART_HEADERS   4096     /* of a part, all together */
#define NGX_DICOM_MULTIPART_TYPE      128


typedef enum {
    NGX_DICOM_MULTIPART_MORE = 0,      /* the input is used up */
    NGX_DICOM_MULTIPART_BEGIN,         /* a part begins; type is set */
    NGX_DICOM_MULTIPART_DATA,          /* data is some of it */
    NGX_DICOM_MULTIPART_END,           /* the part ends */
    NGX_DICOM_MULTIPART_LAST,          /* the body ends; what follows is not
                                          looked at */
    NGX_DICOM_MULTIPART_MALFORMED      /* and stays so */
} ngx_dicom_multipart_e;

typedef struct {
    u_char       delimiter[4 + NGX_DICOM_MULTIPART_BOUNDARY];  /* CRLF "--" */
    size_t       length;               /* of it */
    size_t       matched;              /* bytes of it seen */
    ngx_uint_t   state;
    ngx_uint_t   parts;                /* begun so far */
    size_t       header_bytes;
    u_char       line[NGX_DICOM_MULTIPART_TYPE + 16];
    size_t       line_len;             /* more than line has: cut off */
    u_char       type_text[NGX_DICOM_MULTIPART_TYPE];
    ngx_str_t    type;                 /* Content-Type of the part, or empty */
    ngx_str_t    data;                 /* within the input, or the delimiter */
} ngx_dicom_multipart_t;


/* NGX_OK, or NGX_DECLINED when no body can have this boundary. */
ngx_int_t ngx_dicom_multipart_init(ngx_dicom_multipart_t *m,
    const ngx_str_t *boundary);

/* Takes bytes from *pos on, before last, up to the next event. */
ngx_dicom_multipart_e ngx_dicom_multipart_next(ngx_dicom_multipart_t *m,
    u_char **pos, u_char *last);

/*
 * Takes the value of a Content-Type header apart: NGX_OK when it is
 * multipart/related, with its type and boundary, empty when it has none; else
 * NGX_DECLINED.
 */
ngx_int_t ngx_dicom_multipart_related(const ngx_str_t *value, ngx_str_t *type,
    ngx_str_t *boundary);


#endif /* _NGX_DICOM_MULTIPART_H_INCLUDED_ */
