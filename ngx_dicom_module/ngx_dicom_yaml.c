
/*
 * A YAML file as a flat table of typed values.  Pure but for reading files.
 */


#include "ngx_dicom_yaml.h"


static ngx_int_t ngx_dicom_yaml_read(ngx_dicom_yaml_t *y,
    const ngx_str_t *path, size_t max, ngx_uint_t secret, ngx_str_t *content,
    const char **what);
static ngx_int_t ngx_dicom_yaml_file(ngx_dicom_yaml_t *y,
    const ngx_dicom_yaml_key_t *key, yaml_node_t *value, ngx_uint_t private,
    ngx_str_t *secret);
static ngx_int_t ngx_dicom_yaml_load(ngx_dicom_yaml_t *y, ngx_str_t *text);
static ngx_uint_t ngx_dicom_yaml_is_number(const ngx_str_t *s);
static ngx_uint_t ngx_dicom_yaml_is_word(const ngx_str_t *s);
static void ngx_dicom_yaml_scalar(const yaml_node_t *node, ngx_str_t *s);


ngx_int_t
ngx_dicom_yaml_open(ngx_dicom_yaml_t *y, ngx_pool_t *pool,
    const ngx_str_t *file, ngx_str_t *error)
{
    ngx_int_t     rc;
    ngx_str_t     text;
    const char   *what;
    yaml_node_t  *root;

    y->pool = pool;
    y->file = file;
    y->error = error;

    ngx_str_null(error);

    if (ngx_dicom_yaml_read(y, file, NGX_DICOM_YAML_MAX_FILE, 0, &text, &what)
        != NGX_OK)
    {
        return ngx_dicom_yaml_error(y, 0, NULL, "%s", what);
    }

    rc = ngx_dicom_yaml_load(y, &text);

    ngx_explicit_memzero(text.data, text.len);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    root = yaml_document_get_root_node(&y->document);

    if (root == NULL || root->type != YAML_MAPPING_NODE) {
        (void) ngx_dicom_yaml_error(y, root ? ngx_dicom_yaml_line(root) : 1,
                                    NULL, "is not a list of \"key: value\"");
        ngx_dicom_yaml_close(y);
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ngx_dicom_yaml_close(ngx_dicom_yaml_t *y)
{
    yaml_node_t  *node;

    /* libyaml frees without wiping */

    for (node = y->document.nodes.start; node < y->document.nodes.top; node++) {
        if (node->type == YAML_SCALAR_NODE) {
            ngx_explicit_memzero(node->data.scalar.value,
                                 node->data.scalar.length);
        }
    }

    yaml_document_delete(&y->document);
}


static ngx_int_t
ngx_dicom_yaml_load(ngx_dicom_yaml_t *y, ngx_str_t *text)
{
    int              ok;
    ngx_uint_t       line;
    const char      *problem;
    yaml_parser_t    parser;
    yaml_document_t  more;

    if (!yaml_parser_initialize(&parser)) {
        return ngx_dicom_yaml_error(y, 0, NULL, "out of memory");
    }

    yaml_parser_set_input_string(&parser, text->data, text->len);

    if (!yaml_parser_load(&parser, &y->document)) {
        line = parser.problem_mark.line + 1;
        problem = parser.problem ? parser.problem : "is not YAML";

        (void) ngx_dicom_yaml_error(y, line, NULL, "%s", problem);
        yaml_parser_delete(&parser);
        return NGX_ERROR;
    }

    ok = yaml_parser_load(&parser, &more);
    line = ok ? more.start_mark.line + 1 : parser.problem_mark.line + 1;

    if (ok) {
        ok = (yaml_document_get_root_node(&more) == NULL);
        yaml_document_delete(&more);
    }

    yaml_parser_delete(&parser);

    if (!ok) {
        (void) ngx_dicom_yaml_error(y, line, NULL,
                                    "has more than one document");
        ngx_dicom_yaml_close(y);
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ngx_dicom_yaml_bind(ngx_dicom_yaml_t *y, yaml_node_t *mapping,
    const ngx_dicom_yaml_key_t *keys, void *out, uint64_t *seen)
{
    uint64_t          bit;
    ngx_str_t         name;
    ngx_uint_t        i;
    yaml_node_t      *node, *value;
    yaml_node_pair_t *pair;

    *seen = 0;

    for (pair = mapping->data.mapping.pairs.start;
         pair < mapping->data.mapping.pairs.top;
         pair++)
    {
        node = yaml_document_get_node(&y->document, pair->key);
        value = yaml_document_get_node(&y->document, pair->value);

        if (node->type != YAML_SCALAR_NODE) {
            return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(node), NULL,
                                        "a key must be a word");
        }

        ngx_dicom_yaml_scalar(node, &name);

        for (i = 0; keys[i].name; i++) {
            if (ngx_strlen(keys[i].name) == name.len
                && ngx_memcmp(keys[i].name, name.data, name.len) == 0)
            {
                break;
            }
        }

        if (keys[i].name == NULL) {
            return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(node),
                                        (char *) name.data,
                                        "is not a known key");
        }

        bit = (uint64_t) 1 << i;

        if (*seen & bit) {
            return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(node),
                                        keys[i].name, "is there twice");
        }

        *seen |= bit;

        if (keys[i].set(y, &keys[i], value, (u_char *) out + keys[i].offset)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_dicom_yaml_error(ngx_dicom_yaml_t *y, ngx_uint_t line, const char *key,
    const char *fmt, ...)
{
    u_char   buf[1024], *p, *last;
    size_t   i;
    va_list  args;

    p = buf;
    last = buf + sizeof(buf);

    p = ngx_slprintf(p, last, "%V:", y->file);

    if (line) {
        p = ngx_slprintf(p, last, "%ui:", line);
    }

    if (key) {
        p = ngx_slprintf(p, last, " ");

        /* a key of the file's may hold anything */

        for (i = 0; key[i] && i < 64 && p < last; i++) {
            *p++ = (key[i] > ' ' && key[i] < 0x7f) ? key[i] : '?';
        }

        p = ngx_slprintf(p, last, ":");
    }

    p = ngx_slprintf(p, last, " ");

    va_start(args, fmt);
    p = ngx_vslprintf(p, last, fmt, args);
    va_end(args);

    y->error->data = ngx_pnalloc(y->pool, p - buf + 1);
    if (y->error->data) {
        ngx_memcpy(y->error->data, buf, p - buf);
        y->error->len = p - buf;
        y->error->data[y->error->len] = '\0';
    }

    return NGX_ERROR;
}


ngx_uint_t
ngx_dicom_yaml_line(const yaml_node_t *node)
{
    return node->start_mark.line + 1;
}


static void
ngx_dicom_yaml_scalar(const yaml_node_t *node, ngx_str_t *s)
{
    s->data = node->data.scalar.value;
    s->len = node->data.scalar.length;
}


/* As YAML's core schema takes an unquoted word for null or a boolean. */

static ngx_uint_t
ngx_dicom_yaml_is_word(const ngx_str_t *s)
{
    const char *const        *w;
    static const char *const  words[] = {
        "", "~", "null", "Null", "NULL", "true", "True", "TRUE",
        "false", "False", "FALSE", NULL
    };

    for (w = words; *w; w++) {
        if (ngx_strlen(*w) == s->len && ngx_memcmp(*w, s->data, s->len) == 0) {
            return 1;
        }
    }

    return 0;
}


static ngx_uint_t
ngx_dicom_yaml_is_number(const ngx_str_t *s)
{
    size_t      i;
    ngx_uint_t  digits, dots;

    digits = 0;
    dots = 0;

    i = (s->len > 1 && (s->data[0] == '-' || s->data[0] == '+')) ? 1 : 0;

    for ( /* void */ ; i < s->len; i++) {
        if (s->data[i] >= '0' && s->data[i] <= '9') {
            digits++;

        } else if (s->data[i] == '.') {
            dots++;

        } else if (s->data[i] != '_') {
            return 0;
        }
    }

    /* an address has more dots */

    return digits && dots < 2;
}


ngx_int_t
ngx_dicom_yaml_string(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    ngx_str_t  s, *dst;

    if (value->type != YAML_SCALAR_NODE) {
        return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value), key->name,
                                    "must be a string");
    }

    ngx_dicom_yaml_scalar(value, &s);

    if (value->data.scalar.style == YAML_PLAIN_SCALAR_STYLE
        && (ngx_dicom_yaml_is_word(&s) || ngx_dicom_yaml_is_number(&s)))
    {
        return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value), key->name,
                                    "must be a string (in quotes)");
    }

    if ((int64_t) s.len < key->min || (key->max && (int64_t) s.len > key->max))
    {
        return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value), key->name,
                                    "must have %L to %L bytes",
                                    key->min, key->max);
    }

    if (ngx_strlchr(s.data, s.data + s.len, '\0')) {
        return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value), key->name,
                                    "must not have a null character");
    }

    dst = (ngx_str_t *) out;

    dst->data = ngx_pnalloc(y->pool, s.len + 1);
    if (dst->data == NULL) {
        return ngx_dicom_yaml_error(y, 0, key->name, "out of memory");
    }

    ngx_memcpy(dst->data, s.data, s.len);
    dst->data[s.len] = '\0';
    dst->len = s.len;

    return NGX_OK;
}


/* One string or a list of them. */

ngx_int_t
ngx_dicom_yaml_strings(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    ngx_str_t         *s;
    ngx_array_t       *list;
    yaml_node_item_t  *item;

    list = ngx_array_create(y->pool, 4, sizeof(ngx_str_t));
    if (list == NULL) {
        return ngx_dicom_yaml_error(y, 0, key->name, "out of memory");
    }

    *(ngx_array_t **) out = list;

    if (value->type != YAML_SEQUENCE_NODE) {
        s = ngx_array_push(list);

        return ngx_dicom_yaml_string(y, key, value, (u_char *) s);
    }

    for (item = value->data.sequence.items.start;
         item < value->data.sequence.items.top;
         item++)
    {
        if (list->nelts == 64) {
            return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value),
                                        key->name, "has more than 64 entries");
        }

        s = ngx_array_push(list);

        if (s == NULL) {
            return ngx_dicom_yaml_error(y, 0, key->name, "out of memory");
        }

        if (ngx_dicom_yaml_string(y, key,
                                  yaml_document_get_node(&y->document, *item),
                                  (u_char *) s)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ngx_dicom_yaml_integer(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    ngx_int_t  n;
    ngx_str_t  s;

    n = NGX_ERROR;

    if (value->type == YAML_SCALAR_NODE
        && value->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
    {
        ngx_dicom_yaml_scalar(value, &s);
        n = ngx_atoi(s.data, s.len);
    }

    if (n == NGX_ERROR || n < key->min || n > key->max) {
        return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value), key->name,
                                    "must be an integer from %L to %L",
                                    key->min, key->max);
    }

    *(ngx_uint_t *) out = n;

    return NGX_OK;
}


ngx_int_t
ngx_dicom_yaml_bool(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    ngx_str_t  s;

    if (value->type == YAML_SCALAR_NODE
        && value->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
    {
        ngx_dicom_yaml_scalar(value, &s);

        if ((s.len == 4 && ngx_strncasecmp(s.data, (u_char *) "true", 4) == 0)
            || (s.len == 5
                && ngx_strncasecmp(s.data, (u_char *) "false", 5) == 0))
        {
            *(ngx_uint_t *) out = (s.len == 4);
            return NGX_OK;
        }
    }

    return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value), key->name,
                                "must be true or false");
}


/* Bytes, or a number with the unit k, m or g. */

ngx_int_t
ngx_dicom_yaml_size(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    off_t      n;
    ngx_str_t  s;

    n = NGX_ERROR;

    if (value->type == YAML_SCALAR_NODE) {
        ngx_dicom_yaml_scalar(value, &s);
        n = s.len ? ngx_parse_offset(&s) : NGX_ERROR;
    }

    if (n == NGX_ERROR || n < key->min || n > key->max) {
        return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value), key->name,
                                    "must be a size like 8g");
    }

    *(off_t *) out = n;

    return NGX_OK;
}


ngx_int_t
ngx_dicom_yaml_path(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, u_char *out)
{
    if (ngx_dicom_yaml_string(y, key, value, out) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_dicom_yaml_absolute(y, (ngx_str_t *) out) != NGX_OK) {
        return ngx_dicom_yaml_error(y, 0, key->name, "out of memory");
    }

    return NGX_OK;
}


ngx_int_t
ngx_dicom_yaml_absolute(ngx_dicom_yaml_t *y, ngx_str_t *path)
{
    size_t   folder;
    u_char  *p;

    if (path->len && path->data[0] == '/') {
        return NGX_OK;
    }

    for (folder = y->file->len; folder; folder--) {
        if (y->file->data[folder - 1] == '/') {
            break;
        }
    }

    p = ngx_pnalloc(y->pool, folder + path->len + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    (void) ngx_sprintf(p, "%*s%V%Z", folder, y->file->data, path);

    path->data = p;
    path->len += folder;

    return NGX_OK;
}


ngx_int_t
ngx_dicom_yaml_secret(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, ngx_str_t *secret)
{
    return ngx_dicom_yaml_file(y, key, value, 1, secret);
}


ngx_int_t
ngx_dicom_yaml_content(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, ngx_str_t *content)
{
    return ngx_dicom_yaml_file(y, key, value, 0, content);
}


static ngx_int_t
ngx_dicom_yaml_file(ngx_dicom_yaml_t *y, const ngx_dicom_yaml_key_t *key,
    yaml_node_t *value, ngx_uint_t private, ngx_str_t *secret)
{
    ngx_str_t    path;
    const char  *what;

    if (ngx_dicom_yaml_path(y, key, value, (u_char *) &path) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ngx_dicom_yaml_read(y, &path, 4096, private, secret, &what) != NGX_OK) {
        return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value), key->name,
                                    "the file it names %s", what);
    }

    while (secret->len
           && (secret->data[secret->len - 1] == '\n'
               || secret->data[secret->len - 1] == '\r'))
    {
        secret->len--;
    }

    if (secret->len == 0
        || ngx_strlchr(secret->data, secret->data + secret->len, '\0'))
    {
        return ngx_dicom_yaml_error(y, ngx_dicom_yaml_line(value), key->name,
                                    "the file it names is empty or not text");
    }

    return NGX_OK;
}


static ngx_int_t
ngx_dicom_yaml_read(ngx_dicom_yaml_t *y, const ngx_str_t *path, size_t max,
    ngx_uint_t secret, ngx_str_t *content, const char **what)
{
    ssize_t          n;
    ngx_fd_t         fd;
    ngx_file_info_t  fi;

    /* a fifo must not hold up the master */

    fd = ngx_open_file(path->data, NGX_FILE_RDONLY, NGX_FILE_OPEN
                       |NGX_FILE_NONBLOCK, 0);

    if (fd == NGX_INVALID_FILE) {
        *what = (ngx_errno == NGX_ENOENT) ? "does not exist"
                                          : "cannot be opened";
        return NGX_ERROR;
    }

    if (ngx_fd_info(fd, &fi) == NGX_FILE_ERROR || !ngx_is_file(&fi)) {
        *what = "is not a file";
        goto failed;
    }

    if (secret && (fi.st_mode & S_IROTH)) {
        *what = "may be read by everybody: chmod o-r";
        goto failed;
    }

    if (ngx_file_size(&fi) > (off_t) max) {
        *what = "is too large";
        goto failed;
    }

    content->data = ngx_pnalloc(y->pool, max + 1);
    if (content->data == NULL) {
        *what = "out of memory";
        goto failed;
    }

    n = ngx_read_fd(fd, content->data, max + 1);

    if (n < 0 || (size_t) n > max) {
        *what = "cannot be read";
        goto failed;
    }

    content->len = n;

    (void) ngx_close_file(fd);

    return NGX_OK;

failed:

    (void) ngx_close_file(fd);

    return NGX_ERROR;
}
