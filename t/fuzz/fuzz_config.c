/* The YAML of a server: taken, or refused in one line that names the file. */

/* links: t/unit/nginx.c ngx_dicom_module/ngx_dicom_config.c */
/* links: ngx_dicom_module/ngx_dicom_yaml.c ngx_dicom_module/ngx_dicom_keys.c */
/* links: ngx_dicom_module/ngx_dicom_bind.c ngx_dicom_module/ngx_dicom_json.c */
/* links: ngx_dicom_module/ngx_dicom_uid.c */
/* pkg: yajl yaml-0.1 libcrypto */

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "nginx.h"
#include "ngx_dicom_config.h"


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static ngx_dicom_config_t  conf;

    int           fd;
    char          path[64];
    ngx_str_t     file, error = ngx_null_string;
    ngx_int_t     rc;
    ngx_uint_t    i;
    ngx_pool_t   *pool = test_pool();

    fd = memfd_create("config", 0);
    fuzz_check(fd != -1 && write(fd, data, size) == (ssize_t) size);
    fuzz_check(fchmod(fd, 0600) == 0);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    file.data = (u_char *) path;
    file.len = strlen(path);

    rc = ngx_dicom_config_read(pool, &file, &conf, &error);

    if (rc == NGX_OK) {
        fuzz_check(conf.type >= NGX_DICOM_WEB && conf.type <= NGX_DICOM_NODE);
        fuzz_check(conf.port >= 1 && conf.port <= 65535);
        fuzz_check(conf.runtime.keys.nkeys <= NGX_DICOM_MAX_KEYS);

        for (i = 0; i < conf.runtime.keys.nkeys; i++) {
            fuzz_check(conf.runtime.keys.keys[i].len
                       <= sizeof(conf.runtime.keys.keys[i].key));
        }

    } else {
        fuzz_check(error.len > file.len
                   && memcmp(error.data, file.data, file.len) == 0);
        fuzz_check(memchr(error.data, '\n', error.len) == NULL);
    }

    close(fd);
    ngx_destroy_pool(pool);
    return 0;
}
