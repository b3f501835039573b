/* links: t/unit/nginx.c ngx_dicom_module/ngx_dicom_meta.c */
/* links: ngx_dicom_module/ngx_dicom_json.c ngx_dicom_module/ngx_dicom_uid.c */
/* pkg: yajl libcrypto */

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>

#include "nginx.h"
#include "ngx_dicom_meta.h"


static ngx_pool_t  *pool;


static int
setup(void **state)
{
    pool = test_pool();
    return 0;
}


static int
teardown(void **state)
{
    ngx_destroy_pool(pool);
    return 0;
}


typedef struct {
    unsigned char  data[8192];
    size_t         len;
} block_t;


static void
add(block_t *b, unsigned tag, const char *value)
{
    struct wire_field  f = { (uint16_t) tag, 0, (uint32_t) strlen(value) };

    memcpy(b->data + b->len, &f, sizeof(f));
    memcpy(b->data + b->len + sizeof(f), value, f.length);
    b->len += sizeof(f) + f.length;
}


/* A sound block, but for the field left out and the one put in its place. */
static void
make(block_t *b, unsigned tag, const char *value)
{
    static const struct { unsigned tag; const char *value; }  fields[] = {
        { WIRE_F_STUDY_UID, "1.2" }, { WIRE_F_SERIES_UID, "1.2.3" },
        { WIRE_F_INSTANCE_UID, "1.2.3.4" }, { WIRE_F_SOP_CLASS, "1.2.840" },
        { WIRE_F_TRANSFER_SYNTAX, "1.2.840.10008.1.2.1" },
        { WIRE_F_MD5, "0123456789abcdef0123456789abcdef" },
        { WIRE_F_LOCATION, "objects/ab/cd/abcd.dcm" }, { WIRE_F_SIZE, "100" },
        { WIRE_F_CREATED, "1" }, { WIRE_F_INDEX, "opaque" },
    };
    size_t  i;

    b->len = 0;

    for (i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
        if (fields[i].tag != tag) {
            add(b, fields[i].tag, fields[i].value);
        }
    }

    if (tag && value) {
        add(b, tag, value);
    }
}


/* Parses a copy on the heap, so that reading beyond it is found. */
static const char *
parse(const block_t *b, size_t len, ngx_dicom_meta_t *meta)
{
    u_char      *copy = malloc(len + 1);
    ngx_str_t    block = { len, copy };
    const char  *error;

    memcpy(copy, b->data, len);
    memset(meta, 0, sizeof(*meta));
    error = ngx_dicom_meta_parse(pool, &block, meta);
    free(copy);

    return error;
}


static const char *
parse_with(unsigned tag, const char *value, ngx_dicom_meta_t *meta)
{
    block_t  b;

    make(&b, tag, value);
    return parse(&b, b.len, meta);
}


static void
test_sound(void **state)
{
    ngx_dicom_meta_t  m;

    assert_null(parse_with(0, NULL, &m));
    assert_string_equal(ngx_dicom_meta_text(&m, WIRE_F_INSTANCE_UID),
                        "1.2.3.4");
    assert_string_equal(ngx_dicom_meta_text(&m, WIRE_F_PATIENT_NAME), "");
    assert_int_equal(m.created, 1);

    assert_null(parse_with(WIRE_F_PATIENT_NAME, "M\xc3\xbcller^Eva", &m));
    assert_string_equal(ngx_dicom_meta_text(&m, WIRE_F_PATIENT_NAME),
                        "M\xc3\xbcller^Eva");

    /* a tag of a newer worker */
    assert_null(parse_with(999, "whatever", &m));
}


static void
test_cut_off(void **state)
{
    size_t            len, whole;
    block_t           b;
    ngx_dicom_meta_t  m;

    make(&b, 0, NULL);
    whole = b.len;

    for (len = 0; len < whole; len++) {
        assert_non_null(parse(&b, len, &m));
    }

    /* a length that lies */
    b.data[4] = 0xff;
    b.data[7] = 0xff;
    assert_non_null(parse(&b, whole, &m));
}


static void
test_wrong(void **state)
{
    size_t            i;
    block_t           b;
    char              text[1200];
    ngx_dicom_meta_t  m;

    static const struct { unsigned tag; const char *value; }  wrong[] = {
        { WIRE_F_STUDY_UID, NULL }, { WIRE_F_SERIES_UID, "" },
        { WIRE_F_INSTANCE_UID, "../1" }, { WIRE_F_INSTANCE_UID, "1..2" },
        { WIRE_F_SOP_CLASS, "x" }, { WIRE_F_MD5, "0123" },
        { WIRE_F_MD5, "0123456789ABCDEF0123456789abcdef" },
        { WIRE_F_LOCATION, "" }, { WIRE_F_LOCATION, "/etc/passwd" },
        { WIRE_F_LOCATION, "objects/../x" }, { WIRE_F_LOCATION, "a b" },
        { WIRE_F_SIZE, "" }, { WIRE_F_SIZE, "-1" }, { WIRE_F_SIZE, "1x" },
        { WIRE_F_SIZE, "99999999999999999999" }, { WIRE_F_INDEX, "" },
        { WIRE_F_PATIENT_NAME, "a\nb" }, { WIRE_F_PATIENT_NAME, "\xff" },
        { WIRE_F_PATIENT_NAME, "\xc0\x80" },
    };

    for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        assert_non_null(parse_with(wrong[i].tag, wrong[i].value, &m));
    }

    make(&b, 0, NULL);
    add(&b, WIRE_F_STUDY_UID, "1.2");
    assert_non_null(parse(&b, b.len, &m));

    memset(text, 'x', sizeof(text));
    text[1025] = '\0';
    assert_non_null(parse_with(WIRE_F_PATIENT_NAME, text, &m));
    text[1024] = '\0';
    assert_null(parse_with(WIRE_F_PATIENT_NAME, text, &m));
}


static void
test_parameters(void **state)
{
    ngx_dicom_meta_t  m;

    assert_null(parse_with(WIRE_F_STUDY_DATE, "2024-02-29", &m));
    assert_string_equal(ngx_dicom_meta_date(&m, WIRE_F_STUDY_DATE),
                        "2024-02-29");
    assert_null(ngx_dicom_meta_date(&m, WIRE_F_PATIENT_BIRTH_DATE));

    assert_null(parse_with(WIRE_F_STUDY_DATE, "2023-02-29", &m));
    assert_null(ngx_dicom_meta_date(&m, WIRE_F_STUDY_DATE));
    assert_null(parse_with(WIRE_F_STUDY_DATE, "1900-02-29", &m));
    assert_null(ngx_dicom_meta_date(&m, WIRE_F_STUDY_DATE));
    assert_null(parse_with(WIRE_F_STUDY_DATE, "0000-01-01", &m));
    assert_null(ngx_dicom_meta_date(&m, WIRE_F_STUDY_DATE));
    assert_null(parse_with(WIRE_F_STUDY_DATE, "20240229", &m));
    assert_null(ngx_dicom_meta_date(&m, WIRE_F_STUDY_DATE));

    assert_null(parse_with(WIRE_F_STUDY_TIME, "23:59:59", &m));
    assert_non_null(ngx_dicom_meta_time(&m, WIRE_F_STUDY_TIME));
    assert_null(parse_with(WIRE_F_STUDY_TIME, "24:00:00", &m));
    assert_null(ngx_dicom_meta_time(&m, WIRE_F_STUDY_TIME));

    assert_null(parse_with(WIRE_F_SERIES_NUMBER, "-7", &m));
    assert_string_equal(ngx_dicom_meta_number(&m, WIRE_F_SERIES_NUMBER), "-7");
    assert_string_equal(ngx_dicom_meta_count(&m, WIRE_F_SERIES_NUMBER), "0");
    assert_null(parse_with(WIRE_F_SERIES_NUMBER, "1e3", &m));
    assert_null(ngx_dicom_meta_number(&m, WIRE_F_SERIES_NUMBER));
    assert_null(parse_with(WIRE_F_FRAMES, "12", &m));
    assert_string_equal(ngx_dicom_meta_count(&m, WIRE_F_FRAMES), "12");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_sound, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cut_off, setup, teardown),
        cmocka_unit_test_setup_teardown(test_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(test_parameters, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
