
/*
 * JSON in and out, over yajl.  Pure: needs an nginx pool, no request.
 */


#ifndef _NGX_DICOM_JSON_H_INCLUDED_
#define _NGX_DICOM_JSON_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define NGX_DICOM_JSON_MAX_DEPTH    16
#define NGX_DICOM_JSON_MAX_VALUES   65536   /* of a whole text */
#define NGX_DICOM_JSON_MAX_MEMBERS  256     /* of an object */


typedef enum {
    NGX_DICOM_JSON_NULL = 0,
    NGX_DICOM_JSON_BOOL,
    NGX_DICOM_JSON_INTEGER,
    NGX_DICOM_JSON_NUMBER,
    NGX_DICOM_JSON_STRING,
    NGX_DICOM_JSON_ARRAY,
    NGX_DICOM_JSON_OBJECT
} ngx_dicom_json_type_e;


typedef struct ngx_dicom_json_s  ngx_dicom_json_t;

struct ngx_dicom_json_s {
    ngx_dicom_json_type_e   type;
    ngx_str_t               name;      /* of a member of an object */
    ngx_str_t               string;    /* UTF-8, validated, unescaped; also the
                                          literal text of a number */
    int64_t                 integer;   /* also 0 and 1 of a bool */
    double                  number;
    ngx_uint_t              nelts;     /* of an array or object */
    ngx_dicom_json_t       *first;     /* child */
    ngx_dicom_json_t       *next;      /* sibling */
};


/* One field's problem, for problem+json "errors". */
typedef struct {
    ngx_str_t               field;     /* "identifiers[0].value" */
    ngx_str_t               detail;
} ngx_dicom_json_error_t;


/*
 * Binding: a table says which members an object may have, and where each goes
 * in a struct.  Ended by an entry with a null name.
 *
 * NGX_DICOM_F_STRING   ngx_str_t; min and max count bytes; data == NULL when
 *                      absent; null (when NULLABLE) gives len 0 and data "".
 * NGX_DICOM_F_UUID, _DATE (YYYY-MM-DD, a real day), _UID (DICOM, PS3.5 9.1),
 * _URL (https or http origin with optional path), _EMAIL, _CODE (a DICOM CS,
 * PS3.5 6.2, without blanks around it, which would not count): ngx_str_t,
 * checked.
 * NGX_DICOM_F_INTEGER  int64_t within min..max.
 * NGX_DICOM_F_BOOL     ngx_int_t 0/1; NGX_CONF_UNSET when absent.
 * NGX_DICOM_F_ARRAY, NGX_DICOM_F_OBJECT: ngx_dicom_json_t *, NULL when absent;
 *                      max bounds the number of elements.
 */
typedef enum {
    NGX_DICOM_F_STRING = 0,
    NGX_DICOM_F_UUID,
    NGX_DICOM_F_DATE,
    NGX_DICOM_F_UID,
    NGX_DICOM_F_URL,
    NGX_DICOM_F_CODE,
    NGX_DICOM_F_EMAIL,
    NGX_DICOM_F_INTEGER,
    NGX_DICOM_F_BOOL,
    NGX_DICOM_F_ARRAY,
    NGX_DICOM_F_OBJECT
} ngx_dicom_field_type_e;

#define NGX_DICOM_F_REQUIRED  0x01
#define NGX_DICOM_F_NULLABLE  0x02

typedef struct {
    ngx_str_t               name;
    ngx_dicom_field_type_e  type;
    ngx_uint_t              flags;
    int64_t                 min;
    int64_t                 max;
    size_t                  offset;
} ngx_dicom_field_t;

#define ngx_dicom_null_field  { ngx_null_string, 0, 0, 0, 0, 0 }


/*
 * Parses data into a tree in pool.  Bounded depth; duplicate members, invalid
 * UTF-8, U+0000 in strings and trailing bytes are errors.
 * NULL on failure with *error set to a short sentence (static or in pool).
 */
ngx_dicom_json_t *ngx_dicom_json_parse(ngx_pool_t *pool, u_char *data,
    size_t len, ngx_str_t *error);

/* The member of object called name, or NULL. */
ngx_dicom_json_t *ngx_dicom_json_get(const ngx_dicom_json_t *object,
    const char *name);

/*
 * Binds object's members to the struct at out after table; members that are
 * not in the table are errors.  prefix ("" at the top) leads the field names.
 * Appends ngx_dicom_json_error_t to errors (created by the caller).
 * NGX_OK when nothing was appended, NGX_DECLINED when something was,
 * NGX_ERROR when memory is short.
 */
ngx_int_t ngx_dicom_json_bind(ngx_pool_t *pool, const ngx_dicom_json_t *object,
    const ngx_dicom_field_t *table, void *out, const char *prefix,
    ngx_array_t *errors);


/* NGX_OK when s is an http or https URL: host, maybe port and path. */
ngx_int_t ngx_dicom_url_check(const ngx_str_t *s);

/* NGX_OK when data is UTF-8 (RFC 3629: no surrogates, nothing overlong). */
ngx_int_t ngx_dicom_utf8_check(const u_char *data, size_t len);


/*
 * The writer: grows in pool; remembers failure, so that calls need no checks
 * until ngx_dicom_json_finish().  A string that is not UTF-8 is written with
 * U+FFFD in place of each wrong byte.
 */
typedef struct ngx_dicom_json_writer_s  ngx_dicom_json_writer_t;

ngx_dicom_json_writer_t *ngx_dicom_json_writer(ngx_pool_t *pool);
void ngx_dicom_json_object(ngx_dicom_json_writer_t *w);
void ngx_dicom_json_end_object(ngx_dicom_json_writer_t *w);
void ngx_dicom_json_array(ngx_dicom_json_writer_t *w);
void ngx_dicom_json_end_array(ngx_dicom_json_writer_t *w);
void ngx_dicom_json_key(ngx_dicom_json_writer_t *w, const char *name);
void ngx_dicom_json_string(ngx_dicom_json_writer_t *w, const ngx_str_t *s);
void ngx_dicom_json_cstring(ngx_dicom_json_writer_t *w, const char *s);
void ngx_dicom_json_integer(ngx_dicom_json_writer_t *w, int64_t n);
void ngx_dicom_json_number(ngx_dicom_json_writer_t *w, double n);
void ngx_dicom_json_bool(ngx_dicom_json_writer_t *w, ngx_uint_t b);
void ngx_dicom_json_null(ngx_dicom_json_writer_t *w);
/* Inserts text that already is one JSON value. */
void ngx_dicom_json_raw(ngx_dicom_json_writer_t *w, const ngx_str_t *json);

/* NGX_OK and the text in *json (lives in the pool), or NGX_ERROR. */
ngx_int_t ngx_dicom_json_finish(ngx_dicom_json_writer_t *w, ngx_str_t *json);


#endif /* _NGX_DICOM_JSON_H_INCLUDED_ */
