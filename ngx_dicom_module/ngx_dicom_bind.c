
/*
 * Members of a JSON object into a struct, after a table.  Pure.
 */


#include "ngx_dicom_json.h"
#include "ngx_dicom_uid.h"


static ngx_int_t ngx_dicom_bind_member(ngx_pool_t *pool,
    const ngx_dicom_json_t *value, const ngx_dicom_field_t *field, u_char *out,
    const char *prefix, ngx_array_t *errors);
static const char *ngx_dicom_bind_text(const ngx_dicom_field_t *field,
    const ngx_str_t *s);
static ngx_int_t ngx_dicom_bind_error(ngx_pool_t *pool, ngx_array_t *errors,
    const char *prefix, const ngx_str_t *name, const char *fmt, ...);
static ngx_int_t ngx_dicom_bind_date(const ngx_str_t *s);
static ngx_int_t ngx_dicom_bind_code(const ngx_str_t *s);
static ngx_int_t ngx_dicom_bind_email(const ngx_str_t *s);
static void ngx_dicom_bind_absent(const ngx_dicom_field_t *field, u_char *out);


static u_char  ngx_dicom_bind_empty[] = "";


ngx_int_t
ngx_dicom_json_bind(ngx_pool_t *pool, const ngx_dicom_json_t *object,
    const ngx_dicom_field_t *table, void *out, const char *prefix,
    ngx_array_t *errors)
{
    ngx_uint_t                before;
    ngx_str_t                 none;
    ngx_dicom_json_t         *member;
    const ngx_dicom_field_t  *field;

    before = errors->nelts;

    for (field = table; field->name.len; field++) {
        ngx_dicom_bind_absent(field, out);
    }

    if (object->type != NGX_DICOM_JSON_OBJECT) {
        ngx_str_set(&none, "");

        if (ngx_dicom_bind_error(pool, errors, prefix, &none,
                                 "must be an object")
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        return NGX_DECLINED;
    }

    for (member = object->first; member; member = member->next) {

        for (field = table; field->name.len; field++) {
            if (field->name.len == member->name.len
                && ngx_memcmp(field->name.data, member->name.data,
                              field->name.len)
                   == 0)
            {
                break;
            }
        }

        if (field->name.len == 0) {
            if (ngx_dicom_bind_error(pool, errors, prefix, &member->name,
                                     "is not known here")
                != NGX_OK)
            {
                return NGX_ERROR;
            }

            continue;
        }

        if (ngx_dicom_bind_member(pool, member, field, out, prefix, errors)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    for (field = table; field->name.len; field++) {
        if ((field->flags & NGX_DICOM_F_REQUIRED)
            && ngx_dicom_json_get(object, (char *) field->name.data) == NULL
            && ngx_dicom_bind_error(pool, errors, prefix, &field->name,
                                    "is required")
               != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return (errors->nelts == before) ? NGX_OK : NGX_DECLINED;
}


static void
ngx_dicom_bind_absent(const ngx_dicom_field_t *field, u_char *out)
{
    out += field->offset;

    switch (field->type) {

    case NGX_DICOM_F_INTEGER:
        *(int64_t *) out = 0;
        break;

    case NGX_DICOM_F_BOOL:
        *(ngx_int_t *) out = NGX_CONF_UNSET;
        break;

    case NGX_DICOM_F_ARRAY:
    case NGX_DICOM_F_OBJECT:
        *(ngx_dicom_json_t **) out = NULL;
        break;

    default:
        ngx_str_null((ngx_str_t *) out);
        break;
    }
}


static ngx_int_t
ngx_dicom_bind_member(ngx_pool_t *pool, const ngx_dicom_json_t *value,
    const ngx_dicom_field_t *field, u_char *out, const char *prefix,
    ngx_array_t *errors)
{
    ngx_str_t   *s;
    const char  *what;

    out += field->offset;

    if (value->type == NGX_DICOM_JSON_NULL) {

        if (!(field->flags & NGX_DICOM_F_NULLABLE)) {
            return ngx_dicom_bind_error(pool, errors, prefix, &field->name,
                                        "must not be null");
        }

        if (field->type <= NGX_DICOM_F_EMAIL) {
            s = (ngx_str_t *) out;
            s->len = 0;
            s->data = ngx_dicom_bind_empty;
        }

        return NGX_OK;
    }

    switch (field->type) {

    case NGX_DICOM_F_INTEGER:

        if (value->type != NGX_DICOM_JSON_INTEGER
            || value->integer < field->min || value->integer > field->max)
        {
            return ngx_dicom_bind_error(pool, errors, prefix, &field->name,
                                        "must be an integer from %L to %L",
                                        field->min, field->max);
        }

        *(int64_t *) out = value->integer;
        return NGX_OK;

    case NGX_DICOM_F_BOOL:

        if (value->type != NGX_DICOM_JSON_BOOL) {
            return ngx_dicom_bind_error(pool, errors, prefix, &field->name,
                                        "must be true or false");
        }

        *(ngx_int_t *) out = (ngx_int_t) value->integer;
        return NGX_OK;

    case NGX_DICOM_F_ARRAY:

        if (value->type != NGX_DICOM_JSON_ARRAY) {
            return ngx_dicom_bind_error(pool, errors, prefix, &field->name,
                                        "must be an array");
        }

        if (value->nelts > (ngx_uint_t) field->max) {
            return ngx_dicom_bind_error(pool, errors, prefix, &field->name,
                                        "must have at most %L elements",
                                        field->max);
        }

        *(const ngx_dicom_json_t **) out = value;
        return NGX_OK;

    case NGX_DICOM_F_OBJECT:

        if (value->type != NGX_DICOM_JSON_OBJECT) {
            return ngx_dicom_bind_error(pool, errors, prefix, &field->name,
                                        "must be an object");
        }

        *(const ngx_dicom_json_t **) out = value;
        return NGX_OK;

    default:
        break;
    }

    if (value->type != NGX_DICOM_JSON_STRING) {
        return ngx_dicom_bind_error(pool, errors, prefix, &field->name,
                                    "must be a string");
    }

    what = ngx_dicom_bind_text(field, &value->string);

    if (what) {
        return ngx_dicom_bind_error(pool, errors, prefix, &field->name, what,
                                    field->min, field->max);
    }

    *(ngx_str_t *) out = value->string;

    return NGX_OK;
}


/* What is wrong with s (a format that takes min and max), or NULL. */

static const char *
ngx_dicom_bind_text(const ngx_dicom_field_t *field, const ngx_str_t *s)
{
    size_t  i;

    switch (field->type) {

    case NGX_DICOM_F_UUID:
        return (ngx_dicom_uuid_check(s) == NGX_OK) ? NULL : "must be a UUID";

    case NGX_DICOM_F_DATE:
        return (ngx_dicom_bind_date(s) == NGX_OK)
               ? NULL : "must be a date like 2026-11-22";

    case NGX_DICOM_F_UID:
        return (ngx_dicom_uid_check(s) == NGX_OK)
               ? NULL : "must be a DICOM UID";

    case NGX_DICOM_F_URL:
        if (ngx_dicom_url_check(s) != NGX_OK) {
            return "must be a URL like https://host:port/path";
        }

        break;

    case NGX_DICOM_F_CODE:
        return (ngx_dicom_bind_code(s) == NGX_OK)
               ? NULL : "must be 1 to 16 of A to Z, 0 to 9, _ and inner spaces";

    case NGX_DICOM_F_EMAIL:
        if (ngx_dicom_bind_email(s) != NGX_OK) {
            return "must be an e-mail address";
        }

        break;

    default:
        break;
    }

    if ((int64_t) s->len < field->min
        || (field->max && (int64_t) s->len > field->max))
    {
        return field->max ? "must have %L to %L bytes"
                          : "must have at least %L bytes";
    }

    /* text of people has lines and tabs, nothing else that is invisible */

    for (i = 0; i < s->len; i++) {
        if ((s->data[i] < 0x20 && s->data[i] != '\n' && s->data[i] != '\r'
             && s->data[i] != '\t')
            || s->data[i] == 0x7f)
        {
            return "must not have control characters";
        }
    }

    return NULL;
}


static ngx_int_t
ngx_dicom_bind_error(ngx_pool_t *pool, ngx_array_t *errors, const char *prefix,
    const ngx_str_t *name, const char *fmt, ...)
{
    size_t                   len;
    u_char                   buf[128], *p;
    va_list                  args;
    ngx_dicom_json_error_t  *e;

    e = ngx_array_push(errors);
    if (e == NULL) {
        return NGX_ERROR;
    }

    va_start(args, fmt);
    p = ngx_vslprintf(buf, buf + sizeof(buf), fmt, args);
    va_end(args);

    e->detail.len = p - buf;
    e->detail.data = ngx_pnalloc(pool, e->detail.len);
    if (e->detail.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(e->detail.data, buf, e->detail.len);

    /* a name of the client's may be long */

    len = ngx_min(name->len, 64);

    while (len < name->len && len && (name->data[len] & 0xc0) == 0x80) {
        len--;
    }

    e->field.data = ngx_pnalloc(pool, ngx_strlen(prefix) + 1 + len);
    if (e->field.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(e->field.data, prefix, ngx_strlen(prefix));

    if (*prefix && len) {
        *p++ = '.';
    }

    p = ngx_cpymem(p, name->data, len);
    e->field.len = p - e->field.data;

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_bind_date(const ngx_str_t *s)
{
    ngx_int_t         year, month, day, days;
    static const int  months[] = { 31, 28, 31, 30, 31, 30,
                                   31, 31, 30, 31, 30, 31 };

    if (s->len != 10 || s->data[4] != '-' || s->data[7] != '-') {
        return NGX_DECLINED;
    }

    year = ngx_atoi(s->data, 4);
    month = ngx_atoi(s->data + 5, 2);
    day = ngx_atoi(s->data + 8, 2);

    if (year < 1 || month < 1 || month > 12 || day < 1) {
        return NGX_DECLINED;
    }

    days = months[month - 1];

    if (month == 2
        && ((year % 4 == 0 && year % 100 != 0) || year % 400 == 0))
    {
        days++;
    }

    return (day <= days) ? NGX_OK : NGX_DECLINED;
}


/* http or https, a host, maybe a port and a path; nothing that would have to be
   escaped where the URL is shown or put in a header. */

ngx_int_t
ngx_dicom_url_check(const ngx_str_t *s)
{
    size_t  i, host;

    if (s->len > 8 && ngx_strncmp(s->data, "https://", 8) == 0) {
        i = 8;

    } else if (s->len > 7 && ngx_strncmp(s->data, "http://", 7) == 0) {
        i = 7;

    } else {
        return NGX_DECLINED;
    }

    host = i;

    for ( /* void */ ; i < s->len; i++) {

        if (s->data[i] <= ' ' || s->data[i] >= 0x7f
            || ngx_strchr("\"'<>\\^`{|};,?#@", s->data[i]))
        {
            return NGX_DECLINED;
        }
    }

    if (s->data[host] == '/' || s->data[host] == ':') {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_bind_code(const ngx_str_t *s)
{
    u_char  *p;

    if (s->len < 1 || s->len > 16
        || s->data[0] == ' ' || s->data[s->len - 1] == ' ')
    {
        return NGX_DECLINED;
    }

    for (p = s->data; p < s->data + s->len; p++) {
        if ((*p < 'A' || *p > 'Z') && (*p < '0' || *p > '9')
            && *p != '_' && *p != ' ')
        {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_bind_email(const ngx_str_t *s)
{
    size_t      i;
    ngx_uint_t  ats;

    ats = 0;

    for (i = 0; i < s->len; i++) {

        if (s->data[i] == '@') {
            ats++;

            if (i == 0 || i == s->len - 1) {
                return NGX_DECLINED;
            }

        } else if (s->data[i] <= ' ' || s->data[i] == 0x7f
                   || ngx_strchr("\"(),:;<>[\\]", s->data[i]))
        {
            return NGX_DECLINED;
        }
    }

    return (ats == 1) ? NGX_OK : NGX_DECLINED;
}
