
/*
 * Password hashing (scrypt, RFC 7914) on the nginx thread pool.
 * Touches nginx events; knows no request.
 */


#ifndef _NGX_DICOM_KDF_H_INCLUDED_
#define _NGX_DICOM_KDF_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_thread_pool.h>


/* "$scrypt$ln=15,r=8,p=1$<salt>$<hash>", both base64 without padding. */
#define NGX_DICOM_KDF_MAX  160


typedef struct ngx_dicom_kdf_s  ngx_dicom_kdf_t;

struct ngx_dicom_kdf_s {
    void      (*handler)(ngx_dicom_kdf_t *kdf);   /* in the event loop */
    void       *data;
    ngx_int_t   rc;          /* NGX_OK: hashed, or the password fits;
                                NGX_DECLINED: it does not; NGX_ERROR */
    u_char      hash[NGX_DICOM_KDF_MAX];          /* NUL-terminated */
};


/*
 * Copies password, posts the task; NULL when the queue is full (503) or memory
 * is short.  stored NULL: makes a new hash.  stored "": an unknown user, a
 * hash of the same cost is computed and rc is NGX_DECLINED.
 * The copy is wiped when done.  The task lives outside any request pool.
 */
ngx_dicom_kdf_t *ngx_dicom_kdf(ngx_thread_pool_t *tp, ngx_log_t *log,
    const ngx_str_t *password, const char *stored,
    void (*handler)(ngx_dicom_kdf_t *kdf), void *data);

/* The handler will not be called any more; frees when the thread is done. */
void ngx_dicom_kdf_cancel(ngx_dicom_kdf_t *kdf);


#endif /* _NGX_DICOM_KDF_H_INCLUDED_ */
