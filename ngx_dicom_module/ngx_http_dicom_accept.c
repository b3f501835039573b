
/*
 * Accept of a request to DICOMweb (PS3.18 8.7.5).
 */


#include "ngx_http_dicom_accept.h"
#include "ngx_http_dicom_route.h"


/* thousandths, of a media type without q */
#define NGX_HTTP_DICOM_ACCEPT_Q  1000


/* One media range of Accept. */
typedef struct {
    ngx_str_t    type;
    ngx_str_t    part;                 /* type= of multipart/related */
    ngx_str_t    syntax;               /* transfer-syntax= */
    ngx_int_t    q;
} ngx_http_dicom_range_t;

/* What the most specific range that covers an offer says of it. */
typedef struct {
    ngx_uint_t   nranges;              /* seen */
    ngx_uint_t   specific;             /* 0: none covers it */
    ngx_uint_t   place;                /* of the range */
    ngx_int_t    q;
} ngx_http_dicom_liking_t;


static void ngx_http_dicom_accept_value(const ngx_str_t *value,
    const ngx_http_dicom_offer_t *offer, ngx_http_dicom_liking_t *liking);
static u_char *ngx_http_dicom_accept_range(u_char *p, u_char *last,
    ngx_http_dicom_range_t *range);
static u_char *ngx_http_dicom_accept_token(u_char *p, u_char *last,
    ngx_str_t *token);
static ngx_int_t ngx_http_dicom_accept_q(ngx_str_t *value);
static ngx_uint_t ngx_http_dicom_accept_fits(ngx_http_dicom_range_t *range,
    const ngx_http_dicom_offer_t *offer);
static ngx_uint_t ngx_http_dicom_accept_covers(ngx_str_t *range,
    const char *type);
static ngx_uint_t ngx_http_dicom_accept_is(ngx_str_t *s, const char *text);


ngx_int_t
ngx_http_dicom_accept(ngx_http_request_t *r,
    const ngx_http_dicom_offer_t *offers, ngx_uint_t n)
{
    ngx_int_t                 best;
    ngx_str_t                 value;
    ngx_uint_t                i, k, argument, seen;
    ngx_list_part_t          *part;
    ngx_table_elt_t          *h;
    ngx_http_dicom_liking_t   liking, most;

    best = NGX_DECLINED;
    ngx_memzero(&most, sizeof(ngx_http_dicom_liking_t));

    argument = ngx_http_dicom_arg(r, "accept", &value) == NGX_OK;
    seen = argument;

    for (k = 0; k < n; k++) {
        ngx_memzero(&liking, sizeof(ngx_http_dicom_liking_t));

        if (argument) {
            ngx_http_dicom_accept_value(&value, &offers[k], &liking);
        }

        for (part = &r->headers_in.headers.part; part && !argument;
             part = part->next)
        {
            h = part->elts;

            for (i = 0; i < part->nelts; i++) {
                if (ngx_http_dicom_accept_is(&h[i].key, "accept")) {
                    seen = 1;
                    ngx_http_dicom_accept_value(&h[i].value, &offers[k],
                                                &liking);
                }
            }
        }

        if (liking.q > most.q
            || (liking.q && liking.q == most.q && liking.place < most.place))
        {
            best = k;
            most = liking;
        }
    }

    return seen ? best : 0;
}


const char *
ngx_http_dicom_accept_json(ngx_http_request_t *r)
{
    ngx_int_t  n;

    static const ngx_http_dicom_offer_t  offers[] = {
        { "application/dicom+json", 0, NULL },
        { "application/json", 0, NULL }
    };

    n = ngx_http_dicom_accept(r, offers, 2);

    return n == NGX_DECLINED ? NULL : offers[n].type;
}


/* The most specific range counts (RFC 9110 12.5.1), so that what has q=0 is left
   out although an asterisk beside it covers it. */

static void
ngx_http_dicom_accept_value(const ngx_str_t *value,
    const ngx_http_dicom_offer_t *offer, ngx_http_dicom_liking_t *liking)
{
    u_char                  *p, *last;
    ngx_uint_t               specific;
    ngx_http_dicom_range_t   range;

    p = value->data;
    last = p + value->len;

    while (p < last) {
        p = ngx_http_dicom_accept_range(p, last, &range);
        liking->nranges++;

        specific = ngx_http_dicom_accept_fits(&range, offer);

        if (specific > liking->specific
            || (specific == liking->specific && specific
                && range.q > liking->q))
        {
            liking->specific = specific;
            liking->place = liking->nranges;
            liking->q = range.q;
        }
    }
}


/* Takes one media range with its parameters; returns where the next begins. */

static u_char *
ngx_http_dicom_accept_range(u_char *p, u_char *last,
    ngx_http_dicom_range_t *range)
{
    ngx_str_t  name, value;

    ngx_memzero(range, sizeof(ngx_http_dicom_range_t));
    range->q = NGX_HTTP_DICOM_ACCEPT_Q;

    p = ngx_http_dicom_accept_token(p, last, &range->type);

    while (p < last && *p == ';') {
        p = ngx_http_dicom_accept_token(p + 1, last, &name);
        ngx_str_null(&value);

        if (p < last && *p == '=') {
            p = ngx_http_dicom_accept_token(p + 1, last, &value);
        }

        if (ngx_http_dicom_accept_is(&name, "q")) {
            range->q = ngx_http_dicom_accept_q(&value);

        } else if (ngx_http_dicom_accept_is(&name, "type")) {
            range->part = value;

        } else if (ngx_http_dicom_accept_is(&name, "transfer-syntax")) {
            range->syntax = value;
        }
    }

    while (p < last && *p != ',') {
        p++;
    }

    return p + 1;
}


/* A token or a quoted string without its quotes; the blanks around are left
   out.  What is escaped in it stays so, as no value known here needs it. */

static u_char *
ngx_http_dicom_accept_token(u_char *p, u_char *last, ngx_str_t *token)
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
        while (p < last && ngx_strchr(" \t;,=\"", *p) == NULL) {
            p++;
        }

        token->len = p - token->data;
    }

    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return p;
}


/* "0.5" in thousandths; what is no number counts as a refusal. */

static ngx_int_t
ngx_http_dicom_accept_q(ngx_str_t *value)
{
    ngx_int_t  q;

    if (value->len == 0 || value->len > sizeof("0.000") - 1) {
        return 0;
    }

    q = ngx_atofp(value->data, value->len, 3);

    return (q == NGX_ERROR) ? 0 : ngx_min(q, NGX_HTTP_DICOM_ACCEPT_Q);
}


/* How specifically a media range names an offer; 0: it does not. */

static ngx_uint_t
ngx_http_dicom_accept_fits(ngx_http_dicom_range_t *range,
    const ngx_http_dicom_offer_t *offer)
{
    ngx_uint_t  type, part, syntax;

    type = ngx_http_dicom_accept_covers(&range->type, offer->multipart
                                        ? "multipart/related" : offer->type);
    part = 1;
    syntax = 1;

    if (range->part.len) {
        part = ngx_http_dicom_accept_covers(&range->part, offer->type);
    }

    if (range->syntax.len
        && offer->syntax
        && !ngx_http_dicom_accept_is(&range->syntax, "*"))
    {
        syntax = ngx_http_dicom_accept_is(&range->syntax, offer->syntax)
                 ? 2 : 0;
    }

    return (type && part && syntax) ? 8 * type + 2 * part + syntax : 0;
}


/* "image/jpeg": 3; "image/" with an asterisk: 2; two asterisks: 1; others: 0 */

static ngx_uint_t
ngx_http_dicom_accept_covers(ngx_str_t *range, const char *type)
{
    size_t  len;

    len = ngx_strchr(type, '/') + 1 - type;

    if (ngx_http_dicom_accept_is(range, type)) {
        return 3;
    }

    if (range->len == len + 1
        && range->data[len] == '*'
        && ngx_strncasecmp(range->data, (u_char *) type, len) == 0)
    {
        return 2;
    }

    return ngx_http_dicom_accept_is(range, "*/*");
}


static ngx_uint_t
ngx_http_dicom_accept_is(ngx_str_t *s, const char *text)
{
    return s->len == ngx_strlen(text)
           && ngx_strncasecmp(s->data, (u_char *) text, s->len) == 0;
}
