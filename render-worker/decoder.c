#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "decoder.h"
#include "decoder_impl.h"
#include "log.h"
#include "wire.h"
#include "zygote.h"

/*
 * A child that has answered this many calls, or worked this long, makes room
 * for a fresh one, so that no leak of a library adds up and no honest child
 * meets its limit of processor time.
 */
#define CALLS_MAX    2000u
#define BUSY_MAX_MS  300000u

struct child {
    struct zygote_child  process;       /* sockets are -1: no process */
    uint8_t              user[16];
    bool                 busy;
    uint32_t             calls;
    uint64_t             busy_ms;
    uint64_t             last_use;
    uint64_t             idle_since;    /* ms */
    bool                 has_stream;    /* left by the last call */
    uint64_t             stream[3];     /* file_id of it */
    int                  memfd;         /* kept between calls of one size */
    uint64_t             memfd_size;
};

/* A call that waits for a child. */
struct waiter {
    const uint8_t  *user;
    const uint64_t *stream;             /* file_id of a file whose frames are
                                           one stream, else NULL */
    struct child   *child;              /* granted */
    struct waiter  *next;               /* came later */
};

struct decoder {
    struct decoder_config  config;
    struct zygote         *zygote;
    pthread_mutex_t        mutex;
    pthread_cond_t         granted;
    struct waiter         *waiters;     /* in the order they came */
    uint64_t               uses;
    unsigned               places;      /* of children */
    struct child          *children;
};


static bool
decoder_fail(struct decoder_error *error, enum decoder_status status,
    const char *detail)
{
    error->status = status;
    snprintf(error->detail, sizeof(error->detail), "%s", detail);
    return false;
}


static uint64_t
now_ms(void)
{
    struct timespec  now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000 + (uint64_t) now.tv_nsec / 1000000;
}


static void
end_child(struct child *child)
{
    zygote_child_end(&child->process);
    if (child->memfd != -1) {
        close(child->memfd);
        child->memfd = -1;
    }
    child->memfd_size = 0;
    child->calls = 0;
    child->busy_ms = 0;
    child->has_stream = false;
}


struct decoder *
decoder_create(const struct decoder_config *config)
{
    struct decoder  *decoder = calloc(1, sizeof(*decoder));

    if (decoder == NULL) {
        log_error("decoder", "out of memory");
        return NULL;
    }
    decoder->config = *config;
    if (decoder->config.children == 0) {
        decoder->config.children = 1;
    }
    decoder->places = decoder->config.children + 1;
    decoder->children = calloc(decoder->places,
        sizeof(decoder->children[0]));
    decoder->zygote = zygote_create(config->memory,
        2 * BUSY_MAX_MS / 1000 + config->frame_timeout_ms / 1000);
    if (decoder->children == NULL || decoder->zygote == NULL) {
        zygote_destroy(decoder->zygote);
        free(decoder->children);
        free(decoder);
        return NULL;
    }

    for (unsigned i = 0; i < decoder->places; i++) {
        decoder->children[i].process.socket = -1;
        decoder->children[i].process.pidfd = -1;
        decoder->children[i].memfd = -1;
    }
    pthread_cond_init(&decoder->granted, NULL);
    pthread_mutex_init(&decoder->mutex, NULL);
    return decoder;
}


bool
decoder_lost(const struct decoder *decoder)
{
    return zygote_lost(decoder->zygote);
}


void
decoder_rest(struct decoder *decoder, unsigned idle_ms)
{
    uint64_t  now;

    pthread_mutex_lock(&decoder->mutex);
    now = now_ms();                     /* no child came back later */
    for (unsigned i = 0; i < decoder->places; i++) {
        struct child  *child = &decoder->children[i];

        if (!child->busy && child->process.socket != -1
            && now - child->idle_since >= idle_ms)
        {
            end_child(child);
        }
    }
    pthread_mutex_unlock(&decoder->mutex);
}


void
decoder_destroy(struct decoder *decoder)
{
    if (decoder == NULL) {
        return;
    }
    for (unsigned i = 0; i < decoder->places; i++) {
        end_child(&decoder->children[i]);
    }
    zygote_destroy(decoder->zygote);
    pthread_cond_destroy(&decoder->granted);
    pthread_mutex_destroy(&decoder->mutex);
    free(decoder->children);
    free(decoder);
}


/* Whether the child is, for this user, within the stream that is meant. */
static bool
has_stream(const struct child *child, const struct waiter *waiter)
{
    return waiter->stream != NULL && child->has_stream
        && memcmp(child->stream, waiter->stream, sizeof(child->stream)) == 0
        && memcmp(child->user, waiter->user, sizeof(child->user)) == 0;
}


/*
 * The best idle place: a child within the same stream, any of the same user,
 * an empty place, or the child that was idle longest, which belongs to
 * somebody else.  The last place is filled only when all others are at work.
 */
static struct child *
find_idle(struct decoder *decoder, const struct waiter *waiter)
{
    struct child  *own = NULL, *empty = NULL, *oldest = NULL;
    unsigned       full = 0;

    for (unsigned i = 0; i < decoder->places; i++) {
        struct child  *child = &decoder->children[i];

        full += child->busy || child->process.socket != -1;
        if (child->busy) {
            continue;
        }
        if (child->process.socket == -1) {
            empty = child;
        } else if (has_stream(child, waiter)) {
            return child;
        } else if (memcmp(child->user, waiter->user, sizeof(child->user))
            == 0)
        {
            /* rather one whose stream nobody goes on with */
            if (own == NULL || child->last_use < own->last_use) {
                own = child;
            }
        } else if (oldest == NULL || child->last_use < oldest->last_use) {
            oldest = child;
        }
    }
    if (own != NULL) {
        return own;
    }
    return oldest == NULL || (empty != NULL && full < decoder->config.children)
        ? empty : oldest;
}


/*
 * A stream is decoded by one child, one frame after the other: several would
 * each have to decode all of it.
 */
static bool
must_wait(const struct decoder *decoder, const struct waiter *waiter)
{
    for (unsigned i = 0; i < decoder->places; i++) {
        const struct child  *child = &decoder->children[i];

        if (child->busy && has_stream(child, waiter)) {
            return true;
        }
    }
    return false;
}


/* How many are at work, for the user or, without one, for all. */
static unsigned
busy_children(const struct decoder *decoder, const uint8_t *user)
{
    unsigned  busy = 0;

    for (unsigned i = 0; i < decoder->places; i++) {
        const struct child  *child = &decoder->children[i];

        busy += child->busy && (user == NULL
            || memcmp(child->user, user, sizeof(child->user)) == 0);
    }
    return busy;
}


/*
 * Grants idle children to those who wait: to the user who has the fewest at
 * work, and of these to the call that came first.  The last place is for a user
 * who has none, so that nobody's frames, however many and slow, hold all of
 * them.
 */
static void
grant(struct decoder *decoder)
{
    bool  any = false;

    while (decoder->waiters != NULL) {
        struct waiter  **best = NULL;
        struct waiter   *waiter;
        struct child    *child;
        unsigned         fewest = UINT32_MAX;
        unsigned         all = busy_children(decoder, NULL);

        for (struct waiter **w = &decoder->waiters; *w != NULL;
            w = &(*w)->next)
        {
            unsigned  busy = busy_children(decoder, (*w)->user);

            if (busy < fewest && (busy == 0 || all < decoder->config.children)
                && !must_wait(decoder, *w))
            {
                fewest = busy;
                best = w;
            }
        }
        if (best == NULL) {
            break;
        }

        waiter = *best;
        child = find_idle(decoder, waiter);
        if (child == NULL) {
            break;
        }
        *best = waiter->next;
        waiter->child = child;
        child->busy = true;
        if (child->process.socket != -1
            && memcmp(child->user, waiter->user, sizeof(child->user)) != 0)
        {
            end_child(child);
        }
        memcpy(child->user, waiter->user, sizeof(child->user));
        child->has_stream = waiter->stream != NULL;
        if (child->has_stream) {
            memcpy(child->stream, waiter->stream, sizeof(child->stream));
        }
        any = true;
    }
    if (any) {
        pthread_cond_broadcast(&decoder->granted);
    }
}


static struct child *
acquire(struct decoder *decoder, const uint8_t user[16],
    const uint64_t *stream)
{
    struct waiter    waiter = { .user = user, .stream = stream };
    struct waiter  **last;

    pthread_mutex_lock(&decoder->mutex);
    for (last = &decoder->waiters; *last != NULL; last = &(*last)->next) { }
    *last = &waiter;
    grant(decoder);
    while (waiter.child == NULL) {
        pthread_cond_wait(&decoder->granted, &decoder->mutex);
    }
    pthread_mutex_unlock(&decoder->mutex);
    return waiter.child;
}


static void
release(struct decoder *decoder, struct child *child)
{
    if (child->calls >= CALLS_MAX || child->busy_ms >= BUSY_MAX_MS) {
        end_child(child);
    }
    pthread_mutex_lock(&decoder->mutex);
    child->busy = false;
    child->last_use = ++decoder->uses;
    child->idle_since = now_ms();
    grant(decoder);
    pthread_mutex_unlock(&decoder->mutex);
}


/*
 * Memory of exactly size bytes that neither side can shrink, so that reading
 * it cannot fail.
 */
static bool
prepare_result(struct child *child, uint64_t size)
{
    if (child->memfd != -1 && child->memfd_size == size) {
        return true;
    }
    if (child->memfd != -1) {
        close(child->memfd);
    }

    child->memfd = memfd_create("result", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (child->memfd == -1) {
        return false;
    }
    if (ftruncate(child->memfd, (off_t) size) == -1
        || fcntl(child->memfd, F_ADD_SEALS,
            F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) == -1)
    {
        close(child->memfd);
        child->memfd = -1;
        return false;
    }
    child->memfd_size = size;
    return true;
}


static bool
send_call(const struct child *child, int file, const struct child_call *call)
{
    union {
        struct cmsghdr  align;
        char            buffer[CMSG_SPACE(2 * sizeof(int))];
    } control = { 0 };
    struct iovec     iov = { (void *) (uintptr_t) call, sizeof(*call) };
    struct msghdr    msg = { .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = control.buffer, .msg_controllen = sizeof(control) };
    struct cmsghdr  *cmsg = CMSG_FIRSTHDR(&msg);
    const int        fds[2] = { file, child->memfd };

    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof(fds));
    memcpy(CMSG_DATA(cmsg), fds, sizeof(fds));
    return sendmsg(child->process.socket, &msg, MSG_NOSIGNAL)
        == (ssize_t) sizeof(*call);
}


static bool
receive_reply(const struct child *child, unsigned timeout_ms,
    struct child_reply *reply, struct decoder_error *error)
{
    struct pollfd  poller = { .fd = child->process.socket, .events = POLLIN };
    uint64_t       end = now_ms() + timeout_ms;
    int            rc;

    do {
        uint64_t  now = now_ms();

        rc = poll(&poller, 1, now < end ? (int) (end - now) : 0);
    } while (rc == -1 && errno == EINTR);

    if (rc == 0) {
        return decoder_fail(error, DECODER_TIMEOUT,
            "decoding took too long");
    }
    if (rc < 0 || recv(child->process.socket, reply, sizeof(*reply),
            MSG_DONTWAIT) != (ssize_t) sizeof(*reply)
        || reply->magic != CHILD_REPLY_MAGIC)
    {
        return decoder_fail(error, DECODER_CRASHED,
            "the decoder failed on this file");
    }
    return true;
}


/* What the child says of an error goes into logs and answers: only text. */
static void
take_error(const struct child_reply *reply, struct decoder_error *error)
{
    size_t  i;

    error->status = reply->status <= DECODER_UNAVAILABLE
        && reply->status != DECODER_OK ? reply->status : DECODER_INVALID;
    for (i = 0; i < sizeof(error->detail) - 1 && reply->detail[i] != '\0';
        i++)
    {
        char  c = reply->detail[i];

        error->detail[i] = c >= 0x20 && c < 0x7f ? c : '?';
    }
    error->detail[i] = '\0';
}


/*
 * Frames of a video or of a deflated data set, which one child reads best: it
 * goes on where it was.
 */
static bool
is_stream(const struct child_call *call)
{
    return call->task == CHILD_FRAME
        && (strcmp(call->syntax, CHILD_DEFLATED) == 0
            || strncmp(call->syntax, CHILD_VIDEO, strlen(CHILD_VIDEO)) == 0);
}


/*
 * One call to a child of user's; the child comes back acquired, so that its
 * result can be read, or NULL.
 */
static struct child *
call_child(struct decoder *decoder, int file, const uint8_t user[16],
    struct child_call *call, struct child_reply *reply,
    struct decoder_error *error)
{
    struct child  *child = acquire(decoder, user, is_stream(call)
        ? call->file_id : NULL);
    uint64_t       begin = now_ms();
    bool           fresh = child->process.socket == -1;

    call->magic = CHILD_CALL_MAGIC;
    call->memory = decoder->config.memory;

    if (fresh && !zygote_spawn(decoder->zygote, &child->process)) {
        decoder_fail(error, DECODER_UNAVAILABLE, "no decoder can be started");
        goto error;
    }
    if (!prepare_result(child, call->result_size)) {
        decoder_fail(error, DECODER_MEMORY, "out of memory");
        goto error;
    }

    /* a warm child may have been killed while it was idle */
    if (!send_call(child, file, call)) {
        zygote_child_end(&child->process);
        if (fresh || !zygote_spawn(decoder->zygote, &child->process)
            || !send_call(child, file, call))
        {
            decoder_fail(error, DECODER_UNAVAILABLE,
                "no decoder can be started");
            goto error;
        }
    }

    if (!receive_reply(child, decoder->config.frame_timeout_ms, reply,
        error))
    {
        goto error;
    }
    child->calls++;
    child->busy_ms += now_ms() - begin;

    if (reply->status != DECODER_OK) {
        /* what has met damaged data is not trusted with more */
        take_error(reply, error);
        goto error;
    }
    return child;

error:
    end_child(child);
    release(decoder, child);
    return NULL;
}


static bool
read_result(const struct child *child, void *to, uint64_t offset, size_t size)
{
    uint8_t  *p = to;

    while (size > 0) {
        ssize_t  n = pread(child->memfd, p, size, (off_t) offset);

        if (n == -1 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        p += n;
        offset += (uint64_t) n;
        size -= (size_t) n;
    }
    return true;
}


static bool
look_at_file(int fd, struct child_call *call, struct decoder_error *error)
{
    struct stat  st;

    if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
        return decoder_fail(error, DECODER_INVALID,
            "this is no regular file");
    }
    call->file_size = (uint64_t) st.st_size;
    call->file_id[0] = (uint64_t) st.st_dev;
    call->file_id[1] = (uint64_t) st.st_ino;
    call->file_id[2] = (uint64_t) st.st_mtim.tv_sec * 1000000000u
        + (uint64_t) st.st_mtim.tv_nsec;
    return true;
}


/* The child is not trusted: fields must have the form that wire.h gives. */
static bool
are_fields(const uint8_t *data, size_t length)
{
    while (length > 0) {
        struct wire_field  field;

        if (length < sizeof(field)) {
            return false;
        }
        memcpy(&field, data, sizeof(field));
        data += sizeof(field);
        length -= sizeof(field);
        if (field.tag == 0 || field.tag > WIRE_F_FRAMES
            || field.tag == WIRE_F_MD5 || field.tag == WIRE_F_LOCATION
            || field.tag == WIRE_F_SIZE || field.tag == WIRE_F_CREATED
            || field.tag == WIRE_F_INDEX || field.reserved != 0
            || field.length == 0 || field.length > 1024
            || field.length > length)
        {
            return false;
        }
        for (uint32_t i = 0; i < field.length; i++) {
            if (data[i] < 0x20 || data[i] == 0x7f) {
                return false;
            }
        }
        data += field.length;
        length -= field.length;
    }
    return true;
}


static bool
take_header(const struct child *child, const struct child_reply *reply,
    uint64_t size, struct decoder_header *header, struct decoder_error *error)
{
    uint8_t     *data = NULL;
    const char  *detail = "";
    uint64_t     total = (uint64_t) reply->fields_length
        + reply->index_length;

    if (total > CHILD_HEADER_SIZE || reply->index_length == 0) {
        goto damaged;
    }
    data = malloc((size_t) total);
    if (data == NULL) {
        return decoder_fail(error, DECODER_MEMORY, "out of memory");
    }
    if (!read_result(child, data, 0, (size_t) total)
        || !are_fields(data, reply->fields_length))
    {
        goto damaged;
    }
    if (!index_decode(&header->index, data + reply->fields_length,
        reply->index_length, size, &detail))
    {
        free(data);
        return decoder_fail(error, DECODER_INVALID, detail);
    }
    header->fields = data;
    header->fields_length = reply->fields_length;
    return true;

damaged:
    free(data);
    return decoder_fail(error, DECODER_CRASHED,
        "the decoder gave an impossible answer");
}


bool
decoder_header(struct decoder *decoder, int fd, const uint8_t user[16],
    struct decoder_header *header, struct decoder_error *error)
{
    struct child_call    call = { .task = CHILD_HEADER,
        .result_size = CHILD_HEADER_SIZE };
    struct child_reply   reply;
    struct child        *child;
    bool                 done;

    memset(header, 0, sizeof(*header));
    if (!look_at_file(fd, &call, error)) {
        return false;
    }
    child = call_child(decoder, fd, user, &call, &reply, error);
    if (child == NULL) {
        if (error->status == DECODER_CRASHED) {
            snprintf(error->detail, sizeof(error->detail),
                "the data set is malformed: the parser failed on it");
        }
        return false;
    }
    done = take_header(child, &reply, call.file_size, header, error);
    if (!done) {
        end_child(child);
    }
    release(decoder, child);
    return done;
}


bool
decoder_call(struct decoder *decoder, int fd, const uint8_t user[16],
    struct child_call *call, uint8_t **data, size_t *length,
    struct decoder_error *error)
{
    struct child_reply   reply;
    struct child        *child;
    bool                 done = false;

    if (!look_at_file(fd, call, error)) {
        return false;
    }
    child = call_child(decoder, fd, user, call, &reply, error);
    if (child == NULL) {
        return false;
    }
    *length = reply.fields_length;
    *data = *length <= call->result_size ? malloc(*length + 1) : NULL;
    if (*data == NULL) {
        decoder_fail(error, DECODER_MEMORY, "out of memory");
    } else if (!read_result(child, *data, 0, *length)) {
        free(*data);
        *data = NULL;
        decoder_fail(error, DECODER_CRASHED,
            "the decoder gave an impossible answer");
    } else {
        done = true;
    }
    if (!done) {
        end_child(child);
    }
    release(decoder, child);
    return done;
}


void
decoder_header_finish(struct decoder_header *header)
{
    index_finish(&header->index);
    free(header->fields);
    memset(header, 0, sizeof(*header));
}


bool
decoder_frame(struct decoder *decoder, int fd, const uint8_t user[16],
    const struct dicom_index *index, uint32_t frame, void *pixels,
    size_t size, uint8_t *photometric, struct decoder_error *error)
{
    struct child_call    call = { .task = CHILD_FRAME, .result_size = size };
    struct child_reply   reply;
    struct child        *child;
    bool                 done;

    if (frame >= index->nframes || size == 0
        || size != index_frame_size(index))
    {
        return decoder_fail(error, DECODER_INVALID, "there is no such frame");
    }
    if (size > decoder->config.memory) {
        return decoder_fail(error, DECODER_MEMORY, "the frame is too large");
    }
    if (!look_at_file(fd, &call, error)) {
        return false;
    }

    call.frame = frame;
    call.pixels_offset = index->frames[0].offset;
    call.offset = index->frames[frame].offset;
    call.length = index->frames[frame].length;
    call.rows = index->rows;
    call.columns = index->columns;
    call.samples = index->samples;
    call.bits_allocated = index->bits_allocated;
    call.bits_stored = index->bits_stored;
    call.high_bit = index->high_bit;
    call.is_signed = index->is_signed;
    call.planar = index->planar;
    call.photometric = index->photometric;
    call.sample = index->sample;
    snprintf(call.syntax, sizeof(call.syntax), "%s", index->transfer_syntax);

    child = call_child(decoder, fd, user, &call, &reply, error);
    if (child == NULL) {
        return false;
    }
    done = reply.photometric <= PHOTOMETRIC_YBR_PARTIAL_422
        && read_result(child, pixels, 0, size);
    if (done) {
        *photometric = (uint8_t) reply.photometric;
    } else {
        decoder_fail(error, DECODER_CRASHED,
            "the decoder gave an impossible answer");
        end_child(child);
    }
    release(decoder, child);
    return done;
}
