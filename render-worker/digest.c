#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "digest.h"
#include "digest_blocks.h"

/* How much is read at a time, and how far reading may be ahead of MD5. */
#define BLOCK   (256u * 1024)
#define BLOCKS  4u

/*
 * Where the processor cannot do both at once, MD5, the slower of the two, has a
 * thread of its own: it takes the blocks of a ring while the caller computes
 * SHA-256 of them and reads ahead.  A small file is done before the thread is
 * made; without one the work is the same, only slower.
 */
struct digest_stream {
    bool                 both;
    struct digest_state  state;     /* of both; their rest is in blocks */

    pthread_mutex_t   mutex;
    pthread_cond_t    changed;
    pthread_t         thread;
    bool              threaded;
    EVP_MD_CTX       *md5, *sha;
    uint8_t          *blocks;       /* the ring */
    size_t            lengths[BLOCKS];
    uint64_t          position;
    uint64_t          given, done;  /* blocks, since the beginning */
    bool              stop;
    bool              failed;
};


static bool
update(EVP_MD_CTX *context, const struct digest_stream *stream, uint64_t block)
{
    return EVP_DigestUpdate(context, stream->blocks + block % BLOCKS * BLOCK,
        stream->lengths[block % BLOCKS]) == 1;
}


static void *
helper_run(void *data)
{
    struct digest_stream  *stream = data;

    pthread_mutex_lock(&stream->mutex);
    for (;;) {
        while (stream->done == stream->given && !stream->stop) {
            pthread_cond_wait(&stream->changed, &stream->mutex);
        }
        if (stream->done == stream->given) {
            break;
        }
        pthread_mutex_unlock(&stream->mutex);
        bool  hashed = update(stream->md5, stream, stream->done);
        pthread_mutex_lock(&stream->mutex);
        stream->failed |= !hashed;
        stream->done++;
        pthread_cond_broadcast(&stream->changed);
    }
    pthread_mutex_unlock(&stream->mutex);
    return NULL;
}


/* One more block is there; this thread does it when there is no helper. */
static void
helper_give(struct digest_stream *stream)
{
    if (!stream->threaded) {
        stream->failed |= !update(stream->md5, stream, stream->done);
        stream->done++;
        stream->given++;
        return;
    }
    pthread_mutex_lock(&stream->mutex);
    stream->given++;
    pthread_cond_broadcast(&stream->changed);
    pthread_mutex_unlock(&stream->mutex);
}


/* Until at most so many blocks are to be done. */
static void
helper_wait(struct digest_stream *stream, unsigned left)
{
    pthread_mutex_lock(&stream->mutex);
    while (stream->given - stream->done > left) {
        pthread_cond_wait(&stream->changed, &stream->mutex);
    }
    pthread_mutex_unlock(&stream->mutex);
}


static void
helper_stop(struct digest_stream *stream)
{
    pthread_mutex_lock(&stream->mutex);
    stream->stop = true;
    pthread_cond_broadcast(&stream->changed);
    pthread_mutex_unlock(&stream->mutex);
    pthread_join(stream->thread, NULL);
}


/* Up to length bytes, at most a block; 0 at the end, -1 with errno. */
static ssize_t
read_block(int fd, uint8_t *block, uint64_t offset, uint64_t length)
{
    size_t  want = length < BLOCK ? (size_t) length : BLOCK, have = 0;

    while (have < want) {
        ssize_t  n = pread(fd, block + have, want - have,
            (off_t) (offset + have));

        if (n == -1 && errno == EINTR) {
            continue;
        }
        if (n == -1) {
            return -1;
        }
        if (n == 0) {
            break;
        }
        have += (size_t) n;
    }
    return (ssize_t) have;
}


static void
write_hex(const void *data, size_t length, char *hex)
{
    static const char  digits[] = "0123456789abcdef";
    const uint8_t     *value = data;

    for (size_t i = 0; i < length; i++) {
        hex[2 * i] = digits[value[i] >> 4];
        hex[2 * i + 1] = digits[value[i] & 15];
    }
    hex[2 * length] = '\0';
}


static void
write_final(EVP_MD_CTX *context, char *hex)
{
    uint8_t   value[EVP_MAX_MD_SIZE];
    unsigned  length = 0;

    EVP_DigestFinal_ex(context, value, &length);
    write_hex(value, length, hex);
}


static bool
begin_each(struct digest_stream *stream)
{
    stream->md5 = EVP_MD_CTX_new();
    stream->sha = EVP_MD_CTX_new();
    return stream->md5 != NULL && stream->sha != NULL
        && EVP_DigestInit_ex(stream->md5, EVP_md5(), NULL) == 1
        && EVP_DigestInit_ex(stream->sha, EVP_sha256(), NULL) == 1;
}


struct digest_stream *
digest_begin(void)
{
    struct digest_stream  *stream = calloc(1, sizeof(*stream));

    if (stream == NULL) {
        return NULL;
    }
    pthread_mutex_init(&stream->mutex, NULL);
    pthread_cond_init(&stream->changed, NULL);
    stream->both = digest_blocks_able();
    digest_blocks_begin(&stream->state);
    stream->blocks = malloc(stream->both ? BLOCK + DIGEST_BLOCK
                                         : (size_t) BLOCKS * BLOCK);
    if (stream->blocks == NULL || (!stream->both && !begin_each(stream))) {
        digest_destroy(stream);
        errno = ENOMEM;
        return NULL;
    }
    return stream;
}


uint64_t
digest_position(const struct digest_stream *stream)
{
    return stream->position;
}


/* What is shorter than a block of the hashes stays for the next time. */
static bool
advance_both(struct digest_stream *stream, int fd, uint64_t end)
{
    size_t   held = stream->position % DIGEST_BLOCK;
    ssize_t  n;

    while ((n = read_block(fd, stream->blocks + held, stream->position,
                           end - stream->position)) > 0)
    {
        stream->position += (uint64_t) n;
        held += (size_t) n;
        digest_blocks(&stream->state, stream->blocks, held / DIGEST_BLOCK);
        memmove(stream->blocks, stream->blocks + held - held % DIGEST_BLOCK,
            held % DIGEST_BLOCK);
        held %= DIGEST_BLOCK;
    }
    return n == 0;
}


bool
digest_advance(struct digest_stream *stream, int fd, uint64_t end)
{
    bool     hashed = true;
    ssize_t  n;

    if (stream->both) {
        return advance_both(stream, fd, end);
    }
    if (end - stream->position > BLOCK && !stream->threaded) {
        stream->threaded = pthread_create(&stream->thread, NULL, helper_run,
            stream) == 0;
    }
    for (;;) {
        uint64_t  block = stream->given;

        helper_wait(stream, BLOCKS - 1);
        n = read_block(fd, stream->blocks + block % BLOCKS * BLOCK,
            stream->position, end - stream->position);
        if (n <= 0) {
            break;
        }
        stream->lengths[block % BLOCKS] = (size_t) n;
        stream->position += (uint64_t) n;
        helper_give(stream);
        hashed = update(stream->sha, stream, block) && hashed;
    }
    helper_wait(stream, 0);
    stream->failed |= !hashed;
    if (n == 0 && stream->failed) {
        errno = EIO;
    }
    return n == 0 && !stream->failed;
}


bool
digest_finish(struct digest_stream *stream, struct digest *digest)
{
    memset(digest, 0, sizeof(*digest));
    if (stream->failed) {
        errno = EIO;
        return false;
    }
    if (stream->both) {
        struct digest_state  *state = &stream->state;

        digest_blocks_end(state, stream->blocks, stream->position);
        write_hex(state->md5, sizeof(state->md5), digest->md5);
        write_hex(state->sha256, sizeof(state->sha256), digest->sha256);
    } else {
        write_final(stream->md5, digest->md5);
        write_final(stream->sha, digest->sha256);
    }
    digest->size = stream->position;
    return true;
}


void
digest_destroy(struct digest_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    if (stream->threaded) {
        helper_stop(stream);
    }
    EVP_MD_CTX_free(stream->md5);
    EVP_MD_CTX_free(stream->sha);
    free(stream->blocks);
    pthread_cond_destroy(&stream->changed);
    pthread_mutex_destroy(&stream->mutex);
    free(stream);
}


bool
digest_file(int fd, struct digest *digest)
{
    struct digest_stream  *stream = digest_begin();
    off_t                  end = lseek(fd, 0, SEEK_END);
    bool                   done;
    int                    error;

    memset(digest, 0, sizeof(*digest));
    done = stream != NULL && end != -1
        && digest_advance(stream, fd, (uint64_t) end)
        && digest_finish(stream, digest);
    error = errno;
    digest_destroy(stream);
    errno = error;
    return done;
}
