
/*
 * Password hashing (scrypt, RFC 7914) on the nginx thread pool.
 * Touches nginx events; knows no request.
 */


#include "ngx_dicom_kdf.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>


#define NGX_DICOM_KDF_PREFIX   "$scrypt$ln=15,r=8,p=1$"
#define NGX_DICOM_KDF_N        (1 << 15)
#define NGX_DICOM_KDF_R        8
#define NGX_DICOM_KDF_P        1
#define NGX_DICOM_KDF_MEMORY   (64 * 1024 * 1024)
#define NGX_DICOM_KDF_SALT     16
#define NGX_DICOM_KDF_KEY      32

/* of 16 and of 32 bytes in base64 without padding */
#define NGX_DICOM_KDF_SALT_TEXT  22
#define NGX_DICOM_KDF_KEY_TEXT   43


typedef enum {
    NGX_DICOM_KDF_MAKE = 0,
    NGX_DICOM_KDF_VERIFY,
    NGX_DICOM_KDF_PRETEND
} ngx_dicom_kdf_mode_e;


/* Followed by the password. */
typedef struct {
    ngx_dicom_kdf_t        kdf;
    ngx_thread_task_t      task;
    ngx_dicom_kdf_mode_e   mode;
    ngx_uint_t             cancelled;
    u_char                 salt[NGX_DICOM_KDF_SALT];
    u_char                 key[NGX_DICOM_KDF_KEY];
    size_t                 len;
    u_char                 password[1];
} ngx_dicom_kdf_job_t;


static ngx_int_t ngx_dicom_kdf_read(ngx_dicom_kdf_job_t *job,
    const char *stored);
static void ngx_dicom_kdf_thread(void *data, ngx_log_t *log);
static void ngx_dicom_kdf_done(ngx_event_t *ev);
static void ngx_dicom_kdf_free(ngx_dicom_kdf_job_t *job);
static u_char *ngx_dicom_kdf_base64(u_char *p, u_char *data, size_t len);


ngx_dicom_kdf_t *
ngx_dicom_kdf(ngx_thread_pool_t *tp, ngx_log_t *log, const ngx_str_t *password,
    const char *stored, void (*handler)(ngx_dicom_kdf_t *kdf), void *data)
{
    ngx_dicom_kdf_job_t  *job;

    job = ngx_calloc(sizeof(ngx_dicom_kdf_job_t) + password->len, log);
    if (job == NULL) {
        return NULL;
    }

    job->kdf.handler = handler;
    job->kdf.data = data;
    job->len = password->len;
    ngx_memcpy(job->password, password->data, password->len);

    if (RAND_bytes(job->salt, NGX_DICOM_KDF_SALT) != 1) {
        ngx_log_error(NGX_LOG_ERR, log, 0, "RAND_bytes() failed");
        ngx_dicom_kdf_free(job);
        return NULL;
    }

    if (stored == NULL) {
        job->mode = NGX_DICOM_KDF_MAKE;

    } else if (*stored == '\0') {
        job->mode = NGX_DICOM_KDF_PRETEND;

    } else if (ngx_dicom_kdf_read(job, stored) == NGX_OK) {
        job->mode = NGX_DICOM_KDF_VERIFY;

    } else {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "a stored password hash has an unknown form");
        job->mode = NGX_DICOM_KDF_PRETEND;
    }

    job->task.ctx = job;
    job->task.handler = ngx_dicom_kdf_thread;
    job->task.event.handler = ngx_dicom_kdf_done;
    job->task.event.data = job;
    job->task.event.log = ngx_cycle->log;

    if (ngx_thread_task_post(tp, &job->task) != NGX_OK) {
        ngx_dicom_kdf_free(job);
        return NULL;
    }

    return &job->kdf;
}


void
ngx_dicom_kdf_cancel(ngx_dicom_kdf_t *kdf)
{
    ngx_dicom_kdf_job_t  *job;

    job = (ngx_dicom_kdf_job_t *) ((u_char *) kdf
                                   - offsetof(ngx_dicom_kdf_job_t, kdf));

    /* the thread does not look at this; the event loop does, when it is done */

    job->cancelled = 1;
}


static ngx_int_t
ngx_dicom_kdf_read(ngx_dicom_kdf_job_t *job, const char *stored)
{
    u_char     buf[NGX_DICOM_KDF_KEY + 8];
    ngx_str_t  src, dst;

    if (ngx_strlen(stored) != sizeof(NGX_DICOM_KDF_PREFIX) - 1
                              + NGX_DICOM_KDF_SALT_TEXT + 1
                              + NGX_DICOM_KDF_KEY_TEXT
        || ngx_strncmp(stored, NGX_DICOM_KDF_PREFIX,
                       sizeof(NGX_DICOM_KDF_PREFIX) - 1)
           != 0)
    {
        return NGX_DECLINED;
    }

    src.data = (u_char *) stored + sizeof(NGX_DICOM_KDF_PREFIX) - 1;
    src.len = NGX_DICOM_KDF_SALT_TEXT;
    dst.data = buf;

    if (src.data[src.len] != '$'
        || ngx_decode_base64(&dst, &src) != NGX_OK
        || dst.len != NGX_DICOM_KDF_SALT)
    {
        return NGX_DECLINED;
    }

    ngx_memcpy(job->salt, buf, NGX_DICOM_KDF_SALT);

    src.data += NGX_DICOM_KDF_SALT_TEXT + 1;
    src.len = NGX_DICOM_KDF_KEY_TEXT;

    if (ngx_decode_base64(&dst, &src) != NGX_OK
        || dst.len != NGX_DICOM_KDF_KEY)
    {
        return NGX_DECLINED;
    }

    ngx_memcpy(job->key, buf, NGX_DICOM_KDF_KEY);

    return NGX_OK;
}


static void
ngx_dicom_kdf_thread(void *data, ngx_log_t *log)
{
    ngx_dicom_kdf_job_t *job = data;

    u_char  key[NGX_DICOM_KDF_KEY], *p;

    job->kdf.rc = NGX_ERROR;

    if (EVP_PBE_scrypt((char *) job->password, job->len, job->salt,
                       NGX_DICOM_KDF_SALT, NGX_DICOM_KDF_N, NGX_DICOM_KDF_R,
                       NGX_DICOM_KDF_P, NGX_DICOM_KDF_MEMORY, key, sizeof(key))
        != 1)
    {
        ngx_log_error(NGX_LOG_ERR, log, 0, "EVP_PBE_scrypt() failed");
        return;
    }

    switch (job->mode) {

    case NGX_DICOM_KDF_MAKE:
        p = ngx_cpymem(job->kdf.hash, NGX_DICOM_KDF_PREFIX,
                       sizeof(NGX_DICOM_KDF_PREFIX) - 1);
        p = ngx_dicom_kdf_base64(p, job->salt, NGX_DICOM_KDF_SALT);
        *p++ = '$';
        p = ngx_dicom_kdf_base64(p, key, NGX_DICOM_KDF_KEY);
        *p = '\0';
        job->kdf.rc = NGX_OK;
        break;

    case NGX_DICOM_KDF_VERIFY:
        job->kdf.rc = CRYPTO_memcmp(key, job->key, sizeof(key)) ? NGX_DECLINED
                                                                : NGX_OK;
        break;

    default: /* NGX_DICOM_KDF_PRETEND */
        job->kdf.rc = NGX_DECLINED;
        break;
    }

    OPENSSL_cleanse(key, sizeof(key));
}


static u_char *
ngx_dicom_kdf_base64(u_char *p, u_char *data, size_t len)
{
    ngx_str_t  src, dst;

    src.data = data;
    src.len = len;
    dst.data = p;

    ngx_encode_base64(&dst, &src);

    while (dst.len && dst.data[dst.len - 1] == '=') {
        dst.len--;
    }

    return dst.data + dst.len;
}


static void
ngx_dicom_kdf_done(ngx_event_t *ev)
{
    ngx_dicom_kdf_job_t  *job;

    job = ev->data;

    OPENSSL_cleanse(job->password, job->len);

    if (!job->cancelled) {
        job->kdf.handler(&job->kdf);
    }

    ngx_dicom_kdf_free(job);
}


static void
ngx_dicom_kdf_free(ngx_dicom_kdf_job_t *job)
{
    OPENSSL_cleanse(job, sizeof(ngx_dicom_kdf_job_t) + job->len);
    ngx_free(job);
}
