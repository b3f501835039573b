#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"

#define BLOCK  (1024u * 1024)

/*
 * MD5, the slower of the two, has a thread of its own: it takes a block while
 * the caller computes SHA-256 of it and reads the next.
 */
struct helper {
    pthread_mutex_t   mutex;
    pthread_cond_t    changed;
    EVP_MD_CTX       *md5;
    const uint8_t    *block;        /* to be done, or NULL */
    size_t            length;
    bool              stop;
    bool              failed;
};


static void *
helper_run(void *data)
{
    struct helper  *h = data;

    pthread_mutex_lock(&h->mutex);
    for (;;) {
        while (h->block == NULL && !h->stop) {
            pthread_cond_wait(&h->changed, &h->mutex);
        }
        if (h->block == NULL) {
            break;
        }
        pthread_mutex_unlock(&h->mutex);
        bool  done = EVP_DigestUpdate(h->md5, h->block, h->length) == 1;
        pthread_mutex_lock(&h->mutex);
        h->failed |= !done;
        h->block = NULL;
        pthread_cond_broadcast(&h->changed);
    }
    pthread_mutex_unlock(&h->mutex);
    return NULL;
}


static void
helper_give(struct helper *h, const uint8_t *block, size_t length)
{
    pthread_mutex_lock(&h->mutex);
    h->block = block;
    h->length = length;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->mutex);
}


static void
helper_wait(struct helper *h)
{
    pthread_mutex_lock(&h->mutex);
    while (h->block != NULL) {
        pthread_cond_wait(&h->changed, &h->mutex);
    }
    pthread_mutex_unlock(&h->mutex);
}


static void
helper_stop(struct helper *h, pthread_t thread)
{
    pthread_mutex_lock(&h->mutex);
    h->stop = true;
    pthread_cond_broadcast(&h->changed);
    pthread_mutex_unlock(&h->mutex);
    pthread_join(thread, NULL);
}


/* Up to a block from offset; 0 at the end, -1 with errno. */
static ssize_t
read_block(int fd, uint8_t *block, uint64_t offset)
{
    size_t  length = 0;

    while (length < BLOCK) {
        ssize_t  n = pread(fd, block + length, BLOCK - length,
            (off_t) (offset + length));

        if (n == -1 && errno == EINTR) {
            continue;
        }
        if (n == -1) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        length += (size_t) n;
    }
    return (ssize_t) length;
}


static void
write_hex(EVP_MD_CTX *context, char *hex)
{
    static const char  digits[] = "0123456789abcdef";
    uint8_t            value[EVP_MAX_MD_SIZE];
    unsigned           length = 0;

    EVP_DigestFinal_ex(context, value, &length);
    for (unsigned i = 0; i < length; i++) {
        hex[2 * i] = digits[value[i] >> 4];
        hex[2 * i + 1] = digits[value[i] & 15];
    }
    hex[2 * (size_t) length] = '\0';
}


/* Without a thread the work is the same, only slower. */
static bool
digest_blocks(int fd, struct helper *h, bool threaded, EVP_MD_CTX *sha,
    uint8_t *blocks, uint64_t *size)
{
    uint8_t  *block = blocks, *other = blocks + BLOCK, *swap;
    ssize_t   n = read_block(fd, block, 0);

    while (n > 0) {
        ssize_t  next;

        if (threaded) {
            helper_give(h, block, (size_t) n);
        } else if (EVP_DigestUpdate(h->md5, block, (size_t) n) != 1) {
            h->failed = true;
        }
        if (EVP_DigestUpdate(sha, block, (size_t) n) != 1) {
            h->failed = true;
        }
        *size += (uint64_t) n;
        next = (size_t) n == BLOCK ? read_block(fd, other, *size) : 0;
        if (threaded) {
            helper_wait(h);
        }
        n = next;
        swap = block;
        block = other;
        other = swap;
    }
    if (n == 0 && h->failed) {
        errno = EIO;
        return false;
    }
    return n == 0;
}


bool
digest_file(int fd, struct digest *digest)
{
    struct helper   h = { .mutex = PTHREAD_MUTEX_INITIALIZER,
        .changed = PTHREAD_COND_INITIALIZER };
    EVP_MD_CTX     *sha = EVP_MD_CTX_new();
    uint8_t        *blocks = malloc(2 * BLOCK);
    pthread_t       thread;
    bool            threaded, done = false;
    int             error;

    memset(digest, 0, sizeof(*digest));
    h.md5 = EVP_MD_CTX_new();
    if (sha == NULL || h.md5 == NULL || blocks == NULL
        || EVP_DigestInit_ex(h.md5, EVP_md5(), NULL) != 1
        || EVP_DigestInit_ex(sha, EVP_sha256(), NULL) != 1)
    {
        errno = ENOMEM;
        goto done;
    }

    /* a small file is done before a thread is made */
    threaded = lseek(fd, 0, SEEK_END) > (off_t) BLOCK
        && pthread_create(&thread, NULL, helper_run, &h) == 0;
    done = digest_blocks(fd, &h, threaded, sha, blocks, &digest->size);
    error = errno;
    if (threaded) {
        helper_stop(&h, thread);
    }
    if (done) {
        write_hex(h.md5, digest->md5);
        write_hex(sha, digest->sha256);
    }
    errno = error;

done:
    EVP_MD_CTX_free(h.md5);
    EVP_MD_CTX_free(sha);
    free(blocks);
    return done;
}
