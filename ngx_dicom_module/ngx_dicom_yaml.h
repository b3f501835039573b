
/*
 * A YAML file as a flat table of typed values.  Pure but for reading files.
 */


#ifndef _NGX_DICOM_YAML_H_INCLUDED_
#define _NGX_DICOM_YAML_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <yaml.h>


#define NGX_DICOM_YAML_MAX_FILE  (64 * 1024)


typedef struct {
    ngx_pool_t          *pool;
    const ngx_str_t     *file;          /* named in errors */
    ngx_str_t           *error;
    yaml_document_t      document;
} ngx_dicom_yaml_t;


typedef struct ngx_dicom_yaml_key_s  ngx_dicom_yaml_key_t;

/*
 * Puts the value of key into the struct at out.  A setter reports what is wrong
 * through ngx_dicom_yaml_error() and never names the value.
 */
typedef ngx_int_t (*ngx_dicom_yaml_set_pt)(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);

struct ngx_dicom_yaml_key_s {
    const char               *name;
    ngx_dicom_yaml_set_pt     set;
    size_t                    offset;
    int64_t                   min;
    int64_t                   max;
};


/* Reads file and its one document; the caller closes it.  The root is a
   mapping. */
ngx_int_t ngx_dicom_yaml_open(ngx_dicom_yaml_t *y, ngx_pool_t *pool,
    const ngx_str_t *file, ngx_str_t *error);
void ngx_dicom_yaml_close(ngx_dicom_yaml_t *y);

/* Binds a mapping: unknown and repeated keys are errors.  seen has a bit for
   each entry of keys. */
ngx_int_t ngx_dicom_yaml_bind(ngx_dicom_yaml_t *y, yaml_node_t *mapping,
    const ngx_dicom_yaml_key_t *keys, void *out, uint64_t *seen);

/* "FILE:LINE: KEY: what"; line 0: the file as a whole.  NGX_ERROR. */
ngx_int_t ngx_dicom_yaml_error(ngx_dicom_yaml_t *y, ngx_uint_t line,
    const char *key, const char *fmt, ...);
ngx_uint_t ngx_dicom_yaml_line(const yaml_node_t *node);

/* Setters. */
ngx_int_t ngx_dicom_yaml_string(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);
ngx_int_t ngx_dicom_yaml_strings(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);
ngx_int_t ngx_dicom_yaml_integer(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);
ngx_int_t ngx_dicom_yaml_bool(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);
ngx_int_t ngx_dicom_yaml_path(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);
ngx_int_t ngx_dicom_yaml_size(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, u_char *out);

/*
 * The content of a file that holds a secret, without the newlines at its end.
 * Relative to the YAML's folder.  A file that others may read is refused.
 */
ngx_int_t ngx_dicom_yaml_secret(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, ngx_str_t *secret);

/* The same of a file that everybody may read. */
ngx_int_t ngx_dicom_yaml_content(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, ngx_str_t *content);

/* path, made absolute with the folder of the YAML; NUL-terminated. */
ngx_int_t ngx_dicom_yaml_absolute(ngx_dicom_yaml_t *y, ngx_str_t *path);


#endif /* _NGX_DICOM_YAML_H_INCLUDED_ */
