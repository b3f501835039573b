
/*
 * multipart bodies, taken apart as they come.
 *
 * The delimiter is CRLF, two hyphens, and the boundary; the CRLF before the
 * first one may be missing.  A CR stands in it at its begin only, so that
 * whenever a match breaks off, none can have begun within what was matched.
 */


#include "ngx_dicom_multipart.h"


enum {
    S_PREAMBLE = 0,                    /* before the first delimiter */
    S_DELIMITED,                       /* behind a delimiter */
    S_HYPHEN,                          /* and one hyphen */
    S_PADDING,                         /* blanks behind a delimiter */
    S_LF,                              /* behind the CR of its line */
    S_LINE,                            /* within a line of the headers */
    S_LINE_LF,
    S_DATA,
    S_LAST,
    S_MALFORMED
};


static ngx_dicom_multipart_e ngx_dicom_multipart_scan(
    ngx_dicom_multipart_t *m, u_char **pos, u_char *last);
static ngx_dicom_multipart_e ngx_dicom_multipart_frame(
    ngx_dicom_multipart_t *m, u_char c);
static ngx_dicom_multipart_e ngx_dicom_multipart_line(
    ngx_dicom_multipart_t *m);
static u_char *ngx_dicom_multipart_token(u_char *p, u_char *last,
    ngx_str_t *token);


ngx_int_t
ngx_dicom_multipart_init(ngx_dicom_multipart_t *m, const ngx_str_t *boundary)
{
    size_t   i;
    u_char   c;

    static const char  others[] = "'()+_,-./:=? ";

    if (boundary->len == 0
        || boundary->len > NGX_DICOM_MULTIPART_BOUNDARY
        || boundary->data[boundary->len - 1] == ' ')
    {
        return NGX_DECLINED;
    }

    for (i = 0; i < boundary->len; i++) {
        c = boundary->data[i];

        if (!((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
              || (c && ngx_strchr(others, c))))
        {
            return NGX_DECLINED;
        }
    }

    ngx_memzero(m, sizeof(ngx_dicom_multipart_t));

    ngx_memcpy(m->delimiter, "\r\n--", 4);
    ngx_memcpy(m->delimiter + 4, boundary->data, boundary->len);
    m->length = 4 + boundary->len;

    m->state = S_PREAMBLE;
    m->matched = 2;

    return NGX_OK;
}


ngx_dicom_multipart_e
ngx_dicom_multipart_next(ngx_dicom_multipart_t *m, u_char **pos, u_char *last)
{
    ngx_dicom_multipart_e  event;

    if (m->state == S_LAST) {
        *pos = last;
    }

    while (*pos < last) {

        if (m->state == S_PREAMBLE || m->state == S_DATA) {
            event = ngx_dicom_multipart_scan(m, pos, last);

        } else {
            event = ngx_dicom_multipart_frame(m, *(*pos)++);
        }

        if (event != NGX_DICOM_MULTIPART_MORE) {
            return event;
        }
    }

    return NGX_DICOM_MULTIPART_MORE;
}


/* Looks for the delimiter; what cannot be of it is data, or the preamble. */

static ngx_dicom_multipart_e
ngx_dicom_multipart_scan(ngx_dicom_multipart_t *m, u_char **pos, u_char *last)
{
    u_char      *p, *cr;
    ngx_uint_t   data;

    p = *pos;
    data = (m->state == S_DATA);

    if (m->matched) {

        while (p < last && m->matched < m->length
               && *p == m->delimiter[m->matched])
        {
            p++;
            m->matched++;
        }

        *pos = p;

        if (m->matched == m->length) {
            m->matched = 0;
            m->state = S_DELIMITED;

            return data ? NGX_DICOM_MULTIPART_END : NGX_DICOM_MULTIPART_MORE;
        }

        if (p == last) {
            return NGX_DICOM_MULTIPART_MORE;
        }

        /* it was not the delimiter */

        m->data.data = m->delimiter;
        m->data.len = m->matched;
        m->matched = 0;

        if (data) {
            return NGX_DICOM_MULTIPART_DATA;
        }
    }

    m->data.data = p;

    /* pixels are full of CRs: only one that may begin a delimiter counts */

    while ((cr = memchr(p, '\r', last - p)) != NULL
           && ngx_memcmp(cr, m->delimiter,
                         ngx_min(m->length, (size_t) (last - cr)))
              != 0)
    {
        p = cr + 1;
    }

    m->data.len = (cr ? cr : last) - m->data.data;

    if (cr) {
        m->matched = 1;
        *pos = cr + 1;

    } else {
        *pos = last;
    }

    return (data && m->data.len) ? NGX_DICOM_MULTIPART_DATA
                                 : NGX_DICOM_MULTIPART_MORE;
}


/* One byte of what stands between data. */

static ngx_dicom_multipart_e
ngx_dicom_multipart_frame(ngx_dicom_multipart_t *m, u_char c)
{
    switch (m->state) {

    case S_DELIMITED:

        if (c == '-') {
            m->state = S_HYPHEN;
            break;
        }

        m->state = S_PADDING;

        /* fall through */

    case S_PADDING:

        if (c == '\r') {
            m->state = S_LF;

        } else if (c != ' ' && c != '\t') {
            goto malformed;
        }

        break;

    case S_HYPHEN:

        if (c != '-') {
            goto malformed;
        }

        m->state = S_LAST;

        return NGX_DICOM_MULTIPART_LAST;

    case S_LF:

        if (c != '\n') {
            goto malformed;
        }

        m->state = S_LINE;
        m->header_bytes = 0;
        m->line_len = 0;
        m->type.len = 0;
        m->type.data = m->type_text;

        break;

    case S_LINE:

        if (c == '\r') {
            m->state = S_LINE_LF;
            break;
        }

        if (c == '\0' || c == '\n'
            || ++m->header_bytes > NGX_DICOM_MULTIPART_HEADERS)
        {
            goto malformed;
        }

        if (m->line_len < sizeof(m->line)) {
            m->line[m->line_len] = c;
        }

        m->line_len++;

        break;

    case S_LINE_LF:

        if (c != '\n') {
            goto malformed;
        }

        return ngx_dicom_multipart_line(m);

    default: /* S_MALFORMED */
        goto malformed;
    }

    return NGX_DICOM_MULTIPART_MORE;

malformed:

    m->state = S_MALFORMED;

    return NGX_DICOM_MULTIPART_MALFORMED;
}


/* The end of a header, or of all of them. */

static ngx_dicom_multipart_e
ngx_dicom_multipart_line(ngx_dicom_multipart_t *m)
{
    u_char     *p, *last;
    ngx_str_t   token;

    static const char  name[] = "Content-Type:";

    if (m->line_len == 0) {
        m->state = S_DATA;
        m->matched = 0;
        m->parts++;

        return NGX_DICOM_MULTIPART_BEGIN;
    }

    if (m->line_len <= sizeof(m->line)
        && m->line_len >= sizeof(name) - 1
        && ngx_strncasecmp(m->line, (u_char *) name, sizeof(name) - 1) == 0)
    {
        p = m->line + sizeof(name) - 1;
        last = m->line + m->line_len;

        (void) ngx_dicom_multipart_token(p, last, &token);

        m->type.len = ngx_min(token.len, NGX_DICOM_MULTIPART_TYPE);
        ngx_memcpy(m->type_text, token.data, m->type.len);
    }

    m->state = S_LINE;
    m->line_len = 0;

    return NGX_DICOM_MULTIPART_MORE;
}


ngx_int_t
ngx_dicom_multipart_related(const ngx_str_t *value, ngx_str_t *type,
    ngx_str_t *boundary)
{
    u_char     *p, *last;
    ngx_str_t   name, text;

    ngx_str_null(type);
    ngx_str_null(boundary);

    p = value->data;
    last = p + value->len;

    p = ngx_dicom_multipart_token(p, last, &name);

    if (name.len != sizeof("multipart/related") - 1
        || ngx_strncasecmp(name.data, (u_char *) "multipart/related", name.len)
           != 0)
    {
        return NGX_DECLINED;
    }

    while (p < last && *p == ';') {
        p = ngx_dicom_multipart_token(p + 1, last, &name);
        ngx_str_null(&text);

        if (p < last && *p == '=') {
            p = ngx_dicom_multipart_token(p + 1, last, &text);
        }

        if (name.len == 4
            && ngx_strncasecmp(name.data, (u_char *) "type", 4) == 0)
        {
            *type = text;

        } else if (name.len == 8
                   && ngx_strncasecmp(name.data, (u_char *) "boundary", 8)
                      == 0)
        {
            *boundary = text;
        }
    }

    return (p == last) ? NGX_OK : NGX_DECLINED;
}


/* A token, or a quoted string without its quotes; blanks around are left out.
   No value that is known here needs what a backslash would escape. */

static u_char *
ngx_dicom_multipart_token(u_char *p, u_char *last, ngx_str_t *token)
{
    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    token->data = p;

    if (p < last && *p == '"') {
        token->data = ++p;

        while (p < last && *p != '"') {
            p++;
        }

        token->len = p - token->data;
        p += (p < last);

    } else {
        while (p < last && *p != ' ' && *p != '\t' && *p != ';' && *p != '='
               && *p != '"')
        {
            p++;
        }

        token->len = p - token->data;
    }

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return p;
}
