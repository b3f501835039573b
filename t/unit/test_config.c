/* links: t/unit/nginx.c ngx_dicom_module/ngx_dicom_config.c */
/* links: ngx_dicom_module/ngx_dicom_yaml.c ngx_dicom_module/ngx_dicom_keys.c */
/* links: ngx_dicom_module/ngx_dicom_bind.c ngx_dicom_module/ngx_dicom_json.c */
/* links: ngx_dicom_module/ngx_dicom_uid.c */
/* pkg: yajl yaml-0.1 libcrypto */

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "nginx.h"
#include "ngx_dicom_config.h"

#define FIGURE1                                                               \
    "name: \"Toplevel server\"\nserverType: \"toplevel\"\n"                   \
    "address: \"127.0.0.1\"\nport: 8081\ndatabasePort: 9000\n"                \
    "JWTPassword: \"secret\"\ndebug: true\n"

#define NODE                                                                  \
    "name: N\nserverType: node\naddress: \"::1\"\nport: 1\n"                  \
    "databasePort: 2\nJWTPassword: \"0123456789012345678901234567890123\"\n"


static char                 folder[64];
static ngx_pool_t          *pool;
static ngx_dicom_config_t   conf;
static ngx_str_t            error;


static int
setup(void **state)
{
    strcpy(folder, "/tmp/dicom-config-XXXXXX");
    assert_non_null(mkdtemp(folder));
    pool = test_pool();
    return 0;
}


static int
teardown(void **state)
{
    char  command[128];

    ngx_destroy_pool(pool);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    return system(command);
}


static void
write_file(const char *name, const void *text, size_t len, int mode)
{
    char   path[128];
    FILE  *f;

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    f = fopen(path, "w");
    assert_non_null(f);
    fwrite(text, 1, len, f);
    fclose(f);
    chmod(path, mode);
}


static ngx_int_t
read_bytes(const char *text, size_t len)
{
    char       path[128];
    ngx_str_t  file;

    write_file("try.yaml", text, len, 0600);
    snprintf(path, sizeof(path), "%s/try.yaml", folder);
    file.data = (u_char *) path;
    file.len = strlen(path);

    return ngx_dicom_config_read(pool, &file, &conf, &error);
}


static ngx_int_t
read_text(const char *text)
{
    return read_bytes(text, strlen(text));
}


static void
figure_1_is_read(void **state)
{
    ngx_dicom_key_t  *key;

    assert_int_equal(read_text(FIGURE1), NGX_OK);
    assert_string_equal(conf.name.data, "Toplevel server");
    assert_int_equal(conf.type, NGX_DICOM_TOPLEVEL);
    assert_string_equal(conf.address.data, "127.0.0.1");
    assert_int_equal(conf.port, 8081);
    assert_int_equal(conf.database_port, 9000);
    assert_int_equal(conf.runtime.debug, 1);
    assert_int_equal(conf.runtime.token_life, 300);
    assert_string_equal(conf.runtime.keys.issuer, "dicom");
    assert_int_equal(conf.weak, 1);

    assert_int_equal(conf.runtime.keys.nkeys, 1);
    key = &conf.runtime.keys.keys[0];
    assert_int_equal(key->alg, NGX_DICOM_ALG_HS256);
    assert_int_equal(key->use, NGX_DICOM_KEY_SIGN);
    assert_int_equal(key->len, 6);
    assert_memory_equal(key->key, "secret", 6);
    /* printf 'kid:secret' | sha256sum */
    assert_string_equal(key->kid, "8a1dbaee");
}


static void
defaults_are_set(void **state)
{
    ngx_str_t  *worker;
    char        store[128];

    assert_int_equal(read_text(NODE), NGX_OK);
    assert_int_equal(conf.weak, 0);
    assert_int_equal(conf.database_connections, 8);
    assert_int_equal(conf.database_queue, 256);
    assert_int_equal(conf.database_timeout, 10000);
    assert_true(conf.max_instance == (off_t) 8 << 30);
    assert_null(conf.database_urls);

    snprintf(store, sizeof(store), "%s/store", folder);
    assert_string_equal(conf.store.data, store);

    worker = conf.render_workers->elts;
    assert_int_equal(conf.render_workers->nelts, 1);
    assert_string_equal(worker->data, "unix:/run/dicom/render-worker.sock");
}


static void
values_are_taken(void **state)
{
    ngx_str_t  *s;
    char        path[128];

    assert_int_equal(read_text(NODE
        "databaseUrl: [\"postgresql://a@b/c\", postgresql://d@e/f]\n"
        "databaseTimeout: 3\ndatabaseQueue: 0\nmaxInstanceSize: 16m\n"
        "renderWorker: [unix:/a, unix:b]\nstore: ../s\n"
        "facility: 0FAC0000-0000-4000-8000-000000000001\n"
        "patientIssuer: HR\nnodeUrl: https://n:1//\ntokenLife: 7\n"
        "jwtIssuer: me\ncorsOrigins: [\"https://a:1\", \"*\"]\n"
        "connect: https://c\ndatabasePassword: \"p\"\n"), NGX_OK);

    s = conf.database_urls->elts;
    assert_int_equal(conf.database_urls->nelts, 2);
    assert_string_equal(s[1].data, "postgresql://d@e/f");
    assert_int_equal(conf.database_timeout, 3000);
    assert_int_equal(conf.database_queue, 0);
    assert_string_equal(conf.database_password.data, "p");
    assert_int_equal(conf.max_instance, 16 * 1024 * 1024);

    s = conf.render_workers->elts;
    assert_string_equal(s[0].data, "unix:/a");
    snprintf(path, sizeof(path), "unix:%s/b", folder);
    assert_string_equal(s[1].data, path);
    assert_int_equal(s[1].len, strlen(path));
    snprintf(path, sizeof(path), "%s/../s", folder);
    assert_string_equal(conf.store.data, path);

    assert_string_equal(conf.facility.data,
                        "0fac0000-0000-4000-8000-000000000001");
    assert_string_equal(conf.issuer.data, "HR");
    assert_string_equal(conf.node_url.data, "https://n:1");
    assert_int_equal(conf.runtime.token_life, 7);
    assert_string_equal(conf.runtime.keys.issuer, "me");
    assert_int_equal(conf.runtime.ncors, 2);
    assert_string_equal(conf.runtime.cors[0], "https://a:1");
    assert_string_equal(conf.runtime.cors[1], "*");
    assert_int_equal(conf.connect->nelts, 1);
}


static void
errors_have_file_line_and_key(void **state)
{
    char  text[256];

    assert_int_equal(read_text(FIGURE1 "colour: red\n"), NGX_ERROR);
    snprintf(text, sizeof(text), "%s/try.yaml:8: colour: is not a known key",
             folder);
    assert_string_equal(error.data, text);

    /* nothing of the secret stays when the rest is refused */
    assert_int_equal(conf.runtime.keys.nkeys, 0);
    assert_int_equal(conf.runtime.keys.keys[0].key[0], 0);
}


static void
a_secret_file_is_private(void **state)
{
    const char  *yaml = "name: N\nserverType: facility\naddress: h\nport: 1\n"
                        "databasePort: 2\nJWTPasswordFile: secret\n";

    write_file("secret", "from a file\r\n\n", 14, 0640);
    assert_int_equal(read_text(yaml), NGX_OK);
    assert_int_equal(conf.runtime.keys.keys[0].len, 11);
    assert_memory_equal(conf.runtime.keys.keys[0].key, "from a file", 11);

    write_file("secret", "from a file\n", 12, 0644);
    assert_int_equal(read_text(yaml), NGX_ERROR);
    assert_null(strstr((char *) error.data, "from a file"));

    write_file("secret", "a\0b", 3, 0600);
    assert_int_equal(read_text(yaml), NGX_ERROR);
}


static void
rotation_keeps_the_previous_key(void **state)
{
    ngx_dicom_keys_t  *keys = &conf.runtime.keys;

    assert_int_equal(read_text(FIGURE1
        "jwtKeys:\n - {key: older}\n - {kid: k, key: x, use: retired}\n"
        " - {kid: gone, use: retired}\n"), NGX_OK);
    assert_int_equal(keys->nkeys, 4);
    assert_int_equal(keys->keys[1].use, NGX_DICOM_KEY_VERIFY);
    assert_memory_equal(keys->keys[1].key, "older", 5);
    assert_int_equal(keys->keys[2].use, NGX_DICOM_KEY_RETIRED);
    assert_string_equal(keys->keys[3].kid, "gone");
    assert_int_equal(keys->keys[3].len, 0);

    assert_int_equal(read_text(FIGURE1 "jwtKeys: [{key: secret}]\n"),
                     NGX_ERROR);
}


static void
no_bytes_do_harm(void **state)
{
    char      text[sizeof(FIGURE1 NODE)];
    size_t    i, len = sizeof(FIGURE1) - 1;
    unsigned  n, seed = 1;

    /* cut off anywhere */
    for (i = 0; i < len; i++) {
        (void) read_bytes(FIGURE1, i);
    }

    /* a few bytes of it changed */
    for (n = 0; n < 3000; n++) {
        memcpy(text, FIGURE1, len);

        for (i = 0; i < 1 + n % 4; i++) {
            text[rand_r(&seed) % len] = (char) rand_r(&seed);
        }

        if (read_bytes(text, len) != NGX_OK) {
            assert_true(error.len > 0);
        }
    }
}


int
main(void)
{
#define test(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest  tests[] = {
        test(figure_1_is_read),
        test(defaults_are_set),
        test(values_are_taken),
        test(errors_have_file_line_and_key),
        test(a_secret_file_is_private),
        test(rotation_keeps_the_previous_key),
        test(no_bytes_do_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
