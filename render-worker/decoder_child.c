#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "charset.h"
#include "child_content.h"
#include "decoder_child.h"
#include "dicom.h"
#include "fragments.h"
#include "header.h"
#include "inflated.h"
#include "meta.h"

#define SOCKET         3
#define EXPLICIT_BE    "1.2.840.10008.1.2.2"
#define GE_PRIVATE_BE  "1.2.840.113619.5.2"

#define KEPT_MAP       (32 * 1024 * 1024)   /* the largest that glibc takes */
#define KEPT_HEAP      (128 * 1024 * 1024)

struct call {
    struct child_call     c;
    int                   file, result;
    struct child_reply    reply;
    struct decoder_error  error;
};


static bool
call_fail(struct call *call, enum decoder_status status, const char *detail)
{
    if (call->error.detail[0] == '\0') {
        call->error.status = status;
        snprintf(call->error.detail, sizeof(call->error.detail), "%s",
            detail);
    }
    return false;
}


/* Turns around each of the words of 2, 4, ... bytes that fit into length. */
static void
swap_words(uint8_t *p, size_t length, unsigned bytes)
{
    if (bytes == 2) {
        for (size_t i = 0; i + 2 <= length; i += 2) {
            uint16_t  word;

            memcpy(&word, p + i, sizeof(word));
            word = (uint16_t) (word << 8 | word >> 8);
            memcpy(p + i, &word, sizeof(word));
        }
        return;
    }
    for (size_t i = 0; i + bytes <= length; i += bytes) {
        for (unsigned k = 0; k < bytes / 2; k++) {
            uint8_t  swap = p[i + k];

            p[i + k] = p[i + bytes - 1 - k];
            p[i + bytes - 1 - k] = swap;
        }
    }
}


/*
 * Big-endian pixels: under OW, bytes and bits are packed into 16-bit words;
 * wider samples are swapped whole.  Before the first frame stand the VR and,
 * behind it, the length.
 */
static bool
read_big_endian(struct call *call, uint8_t *span)
{
    uint64_t  first = call->c.offset, end = first + call->c.length;
    uint64_t  base = call->c.pixels_offset;
    unsigned  bytes = call->c.bits_allocated <= 8 ? 1
        : call->c.bits_allocated / 8u;
    char      vr[2] = { 'O', 'W' };
    uint8_t  *words;
    bool      done;

    if (base < 8 || base > first
        || !meta_read_file(&call->file, base - 8, vr, 2))
    {
        return false;
    }
    if (bytes == 1 && memcmp(vr, "OW", 2) == 0) {
        bytes = 2;
    }
    if (bytes == 1
        || ((first - base) % bytes == 0 && (end - base) % bytes == 0))
    {
        done = meta_read_file(&call->file, first, span,
            (size_t) (end - first));
        swap_words(span, (size_t) (end - first), bytes);
        return done;
    }

    /* frames of an odd number of bytes begin in the middle of a word */
    first -= (first - base) % bytes;
    end += (bytes - (end - base) % bytes) % bytes;
    words = calloc(1, (size_t) (end - first));
    if (words == NULL) {
        return false;
    }
    if (end > call->c.file_size) {
        end = call->c.file_size > first ? call->c.file_size : first;
    }
    done = meta_read_file(&call->file, first, words, (size_t) (end - first));
    swap_words(words, (size_t) (end - first), bytes);
    memcpy(span, words + (call->c.offset - base) % bytes,
        (size_t) call->c.length);
    free(words);
    return done;
}


static bool
is_syntax(const struct call *call, const char *uid)
{
    return strcmp(call->c.syntax, uid) == 0;
}


static struct codec_source
source_of(const struct call *call)
{
    struct codec_source  source = { .fd = call->file,
        .offset = call->c.offset, .length = call->c.length,
        .frame = call->c.frame };

    memcpy(source.file_id, call->c.file_id, sizeof(source.file_id));
    return source;
}


static bool
read_span(struct call *call, uint8_t *span)
{
    bool  done;

    if (is_syntax(call, CHILD_DEFLATED)) {
        struct codec_source  source = source_of(call);

        done = inflated_read(&source, call->c.file_size, span);
    } else if (is_syntax(call, EXPLICIT_BE)
        || is_syntax(call, GE_PRIVATE_BE))
    {
        done = read_big_endian(call, span);
    } else {
        done = meta_read_file(&call->file, call->c.offset, span,
            (size_t) call->c.length);
    }
    return done || call_fail(call, DECODER_INVALID,
        "the frame lies outside of the file");
}


static bool
is_native(const struct call *call)
{
    return is_syntax(call, "1.2.840.10008.1.2")
        || is_syntax(call, "1.2.840.10008.1.2.1")
        || is_syntax(call, EXPLICIT_BE) || is_syntax(call, CHILD_DEFLATED)
        || is_syntax(call, GE_PRIVATE_BE);
}


static bool
is_video(const struct call *call)
{
    return strncmp(call->c.syntax, CHILD_VIDEO, strlen(CHILD_VIDEO)) == 0;
}


static bool
decode(const struct call *call, struct codec *codec)
{
    static const struct {
        const char  *syntax;
        bool       (*decode)(struct codec *codec);
    } codecs[] = {
        { "1.2.840.10008.1.2.5", codec_rle },
        { "1.2.840.10008.1.2.4.50", codec_jpeg_any },
        { "1.2.840.10008.1.2.4.51", codec_jpeg_any },
        { "1.2.840.10008.1.2.4.53", codec_jpeg_any },
        { "1.2.840.10008.1.2.4.55", codec_jpeg_any },
        { "1.2.840.10008.1.2.4.57", codec_jpeg_any },
        { "1.2.840.10008.1.2.4.70", codec_jpeg_any },
        { "1.2.840.10008.1.2.4.80", codec_jpegls },
        { "1.2.840.10008.1.2.4.81", codec_jpegls },
        { "1.2.840.10008.1.2.4.90", codec_jpeg2000 },
        { "1.2.840.10008.1.2.4.91", codec_jpeg2000 },
        { "1.2.840.10008.1.2.4.92", codec_jpeg2000 },
        { "1.2.840.10008.1.2.4.93", codec_jpeg2000 },
        { "1.2.840.10008.1.2.4.110", codec_jxl },
        { "1.2.840.10008.1.2.4.111", codec_jxl },
        { "1.2.840.10008.1.2.4.112", codec_jxl },
        { "1.2.840.10008.1.2.4.201", codec_jpeg2000 },
        { "1.2.840.10008.1.2.4.202", codec_jpeg2000 },
        { "1.2.840.10008.1.2.4.203", codec_jpeg2000 },
        { "1.2.840.10008.1.2.8.1", codec_deflated }
    };

    if (is_native(call)) {
        uint64_t  bits = (uint64_t) codec->rows * codec->columns
            * codec->samples;

        return codec_native(codec, (unsigned) (bits % 8 * (call->c.frame % 8)
            % 8));
    }

    codec->length = fragments_join(codec->stream, codec->length);
    if (codec->length == 0) {
        return codec_fail(codec, DECODER_INVALID,
            "the frame's fragments are malformed");
    }
    for (size_t i = 0; i < sizeof(codecs) / sizeof(codecs[0]); i++) {
        if (is_syntax(call, codecs[i].syntax)) {
            return codecs[i].decode(codec);
        }
    }
    return codec_fail(codec, DECODER_UNSUPPORTED,
        "the transfer syntax is not supported");
}


/* Whether the pixels stand in the file as the result wants them. */
static bool
is_plain(const struct call *call)
{
    const struct child_call  *c = &call->c;

    return is_native(call) && c->length == c->result_size
        && c->bits_allocated >= 8 && (!c->planar || c->samples == 1)
        && c->photometric != PHOTOMETRIC_YBR_FULL_422
        && c->photometric != PHOTOMETRIC_YBR_PARTIAL_422;
}


static bool
do_frame(struct call *call, uint8_t *result)
{
    struct child_call  *c = &call->c;
    struct codec        codec = {
        .rows = c->rows, .columns = c->columns, .samples = c->samples,
        .bits_allocated = c->bits_allocated, .bits_stored = c->bits_stored,
        .high_bit = c->high_bit, .is_signed = c->is_signed,
        .planar = c->planar, .photometric = c->photometric,
        .pixels = result, .size = (size_t) c->result_size,
        .error = &call->error
    };
    uint8_t            *span = NULL;
    bool                done = false;

    memcpy(codec.syntax, c->syntax, sizeof(codec.syntax));
    if (is_video(call)) {
        struct codec_source  source = source_of(call);

        done = codec_video(&codec, &source);
        call->reply.photometric = codec.photometric;
        return done;
    }
    if (c->length == 0 || c->length > c->memory) {
        return call_fail(call, DECODER_MEMORY, "the frame is too large");
    }
    if (is_plain(call)) {
        call->reply.photometric = codec.photometric;
        return read_span(call, result);
    }

    span = malloc((size_t) c->length + CODEC_ROOM);
    if (span == NULL) {
        return call_fail(call, DECODER_MEMORY, "the frame is too large");
    }
    if (read_span(call, span)) {
        codec.stream = span;
        codec.length = (size_t) c->length;
        memset(result, 0, codec.size);
        done = decode(call, &codec);
    }
    free(span);

    call->reply.photometric = codec.photometric;
    return done;
}


static bool
do_header(struct call *call, uint8_t *result)
{
    struct dicom_index   index;
    struct dicom_file   *file;
    uint8_t             *fields = NULL, *encoded = NULL;
    size_t               fields_length = 0, length = 0;
    bool                 done;

    file = dicom_open(call->file, call->c.file_size, call->c.memory / 4,
        &call->error);
    if (file == NULL) {
        return false;
    }

    done = header_read(file, &index, &fields, &fields_length, &call->error);
    if (done && !index_encode(&index, &encoded, &length)) {
        done = call_fail(call, DECODER_MEMORY, "out of memory");
    }
    if (done && (fields_length > call->c.result_size
        || length > call->c.result_size - fields_length))
    {
        done = call_fail(call, DECODER_UNSUPPORTED,
            "the header is too large");
    }
    if (done) {
        memcpy(result, fields, fields_length);
        memcpy(result + fields_length, encoded, length);
        call->reply.fields_length = (uint32_t) fields_length;
        call->reply.index_length = (uint32_t) length;
    }

    free(encoded);
    free(fields);
    index_finish(&index);
    dicom_close(file);
    return done;
}


static void
answer(struct call *call)
{
    struct iovec   iov = { &call->reply, sizeof(call->reply) };
    struct msghdr  msg = { .msg_iov = &iov, .msg_iovlen = 1 };

    call->reply.magic = CHILD_REPLY_MAGIC;
    call->reply.status = call->error.status;
    memcpy(call->reply.detail, call->error.detail,
        sizeof(call->reply.detail));
    if (sendmsg(SOCKET, &msg, MSG_NOSIGNAL) != (ssize_t) sizeof(call->reply)) {
        _exit(1);
    }
}


static void
serve(struct call *call)
{
    size_t   size = (size_t) call->c.result_size;
    /* a frame needs all of its pages: one call instead of a fault for each */
    uint8_t *result = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED
        | (call->c.task == CHILD_FRAME ? MAP_POPULATE : 0), call->result, 0);
    bool     done;

    if (result == MAP_FAILED) {
        call_fail(call, DECODER_MEMORY, "the frame is too large");
        answer(call);
        return;
    }

    call->c.text[sizeof(call->c.text) - 1] = '\0';
    switch (call->c.task) {
    case CHILD_HEADER:
        done = do_header(call, result);
        break;
    case CHILD_METADATA:
        done = child_metadata(&call->c, call->file, result, &call->reply,
            &call->error);
        break;
    case CHILD_VALUE:
        done = child_value(&call->c, call->file, result, &call->reply,
            &call->error);
        break;
    default:
        done = do_frame(call, result);
        break;
    }
    munmap(result, size);

    if (done) {
        call->error.status = DECODER_OK;
        call->error.detail[0] = '\0';
    } else {
        call_fail(call, DECODER_INVALID, "the file is damaged");
    }
    answer(call);
}


/* One call with its two descriptors; false: the parent is gone. */
static bool
receive(struct call *call)
{
    union {
        struct cmsghdr  align;
        char            buffer[CMSG_SPACE(2 * sizeof(int))];
    } control;
    struct iovec     iov = { &call->c, sizeof(call->c) };
    struct msghdr    msg = { .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = control.buffer, .msg_controllen = sizeof(control) };
    struct cmsghdr  *cmsg;
    ssize_t          n;
    int              fds[2];

    do {
        n = recvmsg(SOCKET, &msg, MSG_CMSG_CLOEXEC);
    } while (n == -1 && errno == EINTR);

    cmsg = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
    if (n != (ssize_t) sizeof(call->c) || call->c.magic != CHILD_CALL_MAGIC
        || cmsg == NULL || cmsg->cmsg_type != SCM_RIGHTS
        || cmsg->cmsg_len != CMSG_LEN(sizeof(fds)))
    {
        return false;
    }
    memcpy(fds, CMSG_DATA(cmsg), sizeof(fds));
    call->file = fds[0];
    call->result = fds[1];
    return true;
}


_Noreturn void
decoder_child_run(const struct sandbox *sandbox, int socket, uint64_t memory,
    unsigned seconds)
{
    if (!sandbox_enter(sandbox, socket, memory, seconds)) {
        _exit(1);
    }

    /* what one frame needed the next one needs too: memory stays */
    mallopt(M_MMAP_THRESHOLD, KEPT_MAP);
    mallopt(M_TRIM_THRESHOLD, KEPT_HEAP);

    for (;;) {
        struct call  call;

        memset(&call, 0, sizeof(call));
        if (!receive(&call)) {
            _exit(0);
        }
        serve(&call);
        close(call.file);
        close(call.result);
    }
}
