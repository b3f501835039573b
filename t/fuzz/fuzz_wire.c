/*
 * Whole frames on a connection: the real server and worker in this process,
 * with the renderer of the CPU, over a store of one object; only the decoder is
 * stood in for.  An input is a run of messages, each
 *
 *   type (1 byte), flags (1), length (2), body
 *
 * flags: 1 the bytes go out as they are, without a header of ours, and 2 with one;
 * either way the client goes away then, without waiting for an answer.  From the
 * body of WIRE_OPEN, and of WIRE_SHOW behind its view, the indexes of instances
 * are made, as indexes.h has it.
 */

#include <fcntl.h>
#include <signal.h>

#include "../../render-worker/server.c"
#include "../../render-worker/decoder_content.h"

#include "indexes.h"

#define OBJECT  "objects/00/00/000000000000000000000000000000000000000000000" \
                "0000000000000000000.dcm"
#define LARGEST  (512u * 1024)

static struct worker   worker;
static struct server  *server;
static char            folder[] = "/tmp/fuzz-wire-XXXXXX";


/* The decoder gives what the frame's number and size say. */
bool
decoder_frame(struct decoder *decoder, int fd, const uint8_t user[16],
    const struct dicom_index *index, uint32_t frame, void *pixels,
    size_t size, uint8_t *photometric, struct decoder_error *error)
{
    uint8_t  *to = pixels;

    (void) decoder;
    (void) user;
    fuzz_check(fd >= 0 && size == index_frame_size(index));
    if (frame % 7 == 6) {
        error->status = DECODER_INVALID;
        strcpy(error->detail, "the seventh frame is damaged");
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        to[i] = (uint8_t) (i * 31 + frame);
    }
    *photometric = index->photometric;
    return true;
}


bool
decoder_header(struct decoder *decoder, int fd, const uint8_t user[16],
    struct decoder_header *header, struct decoder_error *error)
{
    (void) decoder;
    (void) fd;
    (void) user;
    memset(header, 0, sizeof(*header));
    error->status = DECODER_INVALID;
    strcpy(error->detail, "nothing enters this store");
    return false;
}


bool
decoder_metadata(struct decoder *decoder, int fd, const uint8_t user[16],
    const char *url, uint8_t **json, size_t *length,
    struct decoder_error *error)
{
    (void) decoder;
    (void) user;
    (void) error;
    fuzz_check(fd >= 0);
    *json = (uint8_t *) strdup(url);
    fuzz_check(*json != NULL);
    *length = strlen(url);
    return true;
}


bool
decoder_value(struct decoder *decoder, int fd, const uint8_t user[16],
    const char *path, struct decoder_value *value,
    struct decoder_error *error)
{
    (void) decoder;
    (void) user;
    (void) error;
    fuzz_check(fd >= 0);
    memset(value, 0, sizeof(*value));
    value->found = *path != '\0';
    return true;
}


void
decoder_header_finish(struct decoder_header *header)
{
    memset(header, 0, sizeof(*header));
}


bool
decoder_lost(const struct decoder *decoder)
{
    return decoder != NULL;
}


void
decoder_rest(struct decoder *decoder, unsigned idle_ms)
{
    (void) decoder;
    (void) idle_ms;
}


static void
remove_store(void)
{
    char  path[256];

    snprintf(path, sizeof(path), "%s/s/%s", folder, OBJECT);
    unlink(path);
    for (size_t i = strlen(path) - 1; i > strlen(folder); i--) {
        if (path[i] == '/') {
            path[i] = '\0';
            rmdir(path);
        }
    }
    snprintf(path, sizeof(path), "%s/s/incoming", folder);
    rmdir(path);
    snprintf(path, sizeof(path), "%s/s", folder);
    rmdir(path);
    snprintf(path, sizeof(path), "%s/socket", folder);
    unlink(path);
    rmdir(folder);
}


static void
start(void)
{
    static const char *const  below[] = { "s/objects/00", "s/objects/00/00" };
    struct worker_config      config = { .renderer = RENDERER_CPU,
        .idle_ms = 1000, .budget = 64u << 20, .user_budget = 32u << 20,
        .children = 1 };
    char                      path[256];
    uint8_t                   bytes[4096];
    int                       fd;

    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_LEVEL_ERROR);
    fuzz_check(mkdtemp(folder) != NULL);
    atexit(remove_store);
    snprintf(path, sizeof(path), "%s/s", folder);
    config.store = store_open(path);
    fuzz_check(config.store != NULL);
    for (unsigned i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, below[i]);
        fuzz_check(mkdir(path, 0700) == 0);
    }
    snprintf(path, sizeof(path), "%s/s/%s", folder, OBJECT);
    fd = open(path, O_WRONLY | O_CREAT, 0600);
    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t) (i * 7);
    }
    fuzz_check(fd >= 0 && write(fd, bytes, sizeof(bytes)) == 4096);
    close(fd);

    fuzz_check(worker_init(&worker, &config));
    snprintf(path, sizeof(path), "%s/socket", folder);
    server = server_create(path, &worker);
    fuzz_check(server != NULL);
}


static void
put(uint8_t **to, const void *data, size_t length)
{
    memcpy(*to, data, length);
    *to += length;
}


/* A view from the first bytes; large pictures only take time, so they are cut. */
static struct wire_render
make_view(struct fuzz *f)
{
    struct wire_render  ask = { .zoom = 1, .quality = 50 };
    size_t              size = f->size < sizeof(ask) ? f->size : sizeof(ask);

    memcpy(&ask, f->data, size);
    f->data += size;
    f->size -= size;
    if (ask.width <= WIRE_MAX_VIEWPORT) {
        ask.width %= 200;
    }
    if (ask.height <= WIRE_MAX_VIEWPORT) {
        ask.height %= 200;
    }
    memset(ask.stack, 0, sizeof(ask.stack));
    return ask;
}


/* The body of WIRE_OPEN: a few instances of small pictures; behind a view. */
static uint8_t *
make_open(const uint8_t *body, size_t size, bool show, uint32_t *length)
{
    struct fuzz         f = { body, size };
    struct wire_render  view = { 0 };
    struct wire_open    open = { .study = "1.2", .series = "1.2.3" };
    uint32_t            count;
    uint8_t            *out, *to;

    if (show) {
        view = make_view(&f);
    }
    open.stack[0] = (uint8_t) (fuzz_number(&f, 1) % 4);
    open.layer = (uint32_t) fuzz_number(&f, 1);
    open.part = (uint32_t) fuzz_number(&f, 1) % 4 - 1;
    count = 1 + (uint32_t) fuzz_number(&f, 1) % 4;
    open.count = count + (fuzz_number(&f, 1) == 77);
    out = to = malloc(sizeof(view) + sizeof(open) + count * LARGEST);
    fuzz_check(out != NULL);
    if (show) {
        view.stack[0] = open.stack[0];
        if (view.layer > 4000) {
            view.layer = WIRE_LAYER_MIDDLE;
        }
        put(&to, &view, sizeof(view));
    }
    put(&to, &open, sizeof(open));

    for (uint32_t i = 0; i < count; i++) {
        struct wire_instance  instance = { .uid = "1.2.3.4" };
        struct fuzz           part = f;
        size_t                used, packed;
        uint8_t              *index = make_packed_index(&part, &packed);

        /* the next instance is like this one, when its bytes are spent */
        used = f.size - part.size;
        if (part.size > 0) {
            f.data += used;
            f.size -= used;
        }
        instance.location_length = strlen(OBJECT);
        instance.index_length = (uint32_t) packed;
        fuzz_check(packed + 1024 < LARGEST);
        put(&to, &instance, sizeof(instance));
        put(&to, OBJECT, strlen(OBJECT));
        put(&to, index, packed);
        free(index);
    }
    *length = (uint32_t) (to - out);
    return out;
}


/* The body of a message. */
static uint8_t *
make_body(unsigned type, const uint8_t *from, size_t size, uint32_t *length)
{
    struct fuzz         f = { from, size };
    struct wire_render  ask;
    uint8_t            *body;

    if (type == WIRE_OPEN || type == WIRE_SHOW) {
        return make_open(from, size, type == WIRE_SHOW, length);
    }
    *length = (uint32_t) size;
    if (type == WIRE_RENDER && size < sizeof(ask)) {
        *length = sizeof(ask);
    }
    body = malloc(*length + 1);
    fuzz_check(body != NULL);
    if (type == WIRE_RENDER) {
        ask = make_view(&f);
        memcpy(body, &ask, sizeof(ask));
        memcpy(body + sizeof(ask), f.data, f.size);
    } else {
        memcpy(body, from, size);
    }
    if (type >= WIRE_STATUS && type <= WIRE_STATE && type != WIRE_DISCARD
        && *length >= 16)
    {
        memset(body, 0, 16);
        body[0] = size > 0 ? from[0] % 4 : 0;
    }
    return body;
}


static void
turn(void)
{
    server_round(server, -1);
}


/* So many bytes of the answer; false: the connection was closed. */
static bool
receive(int fd, void *to, size_t size)
{
    uint8_t  *p = to;

    while (size > 0) {
        ssize_t  n = read(fd, p, size);

        if (n > 0) {
            p += n;
            size -= (size_t) n;
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            return false;
        } else {
            turn();
        }
    }
    return true;
}


static bool
check_answer(int fd, unsigned type)
{
    struct wire_response  answer;
    struct wire_picture   picture;
    char                 *meta;
    uint8_t              *body;
    bool                  whole;

    if (!receive(fd, &answer, sizeof(answer))) {
        return false;
    }
    fuzz_check(answer.magic == WIRE_RESPONSE_MAGIC
        && answer.version == WIRE_VERSION && answer.type == type);
    fuzz_check(answer.status >= 200 && answer.status < 600
        && answer.meta_length <= WIRE_MAX_META);
    meta = malloc(answer.meta_length + 1);
    body = malloc(answer.body_length + 1);
    fuzz_check(meta != NULL && body != NULL);
    whole = receive(fd, meta, answer.meta_length)
        && receive(fd, body, answer.body_length);
    meta[answer.meta_length] = '\0';

    if (whole && answer.status >= 400) {
        fuzz_check(strlen(meta) > 0 && strlen(meta) < answer.meta_length);
        for (uint32_t i = 0; i < answer.meta_length; i++) {
            fuzz_check((uint8_t) meta[i] >= 0x20 || i == strlen(meta));
        }
    } else if (whole && (type == WIRE_RENDER || type == WIRE_SHOW)) {
        fuzz_check(type == WIRE_RENDER
            ? answer.meta_length == sizeof(picture)
            : answer.meta_length > sizeof(picture)
              && meta[sizeof(picture)] == '{'
              && meta[answer.meta_length - 1] == '}');
        memcpy(&picture, meta, sizeof(picture));
        fuzz_check(picture.width > 0 && picture.height > 0
            && (picture.samples == 1 || picture.samples == 3));
        fuzz_check(answer.body_length > 60);
    }
    free(meta);
    free(body);
    return whole;
}


/* Bytes to the server, which reads while we write; false: it hung up. */
static bool
send_bytes(int fd, const void *data, size_t size)
{
    const uint8_t  *p = data;

    while (size > 0) {
        ssize_t  n = send(fd, p, size, MSG_NOSIGNAL);

        if (n > 0) {
            p += n;
            size -= (size_t) n;
        } else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            turn();
        } else {
            return false;
        }
    }
    return true;
}


static bool
message(int fd, struct fuzz *f)
{
    struct wire_request  head = { WIRE_REQUEST_MAGIC, WIRE_VERSION, 0, 0, 0,
        { 9 } };
    unsigned             type = (unsigned) fuzz_number(f, 1);
    unsigned             flags = (unsigned) fuzz_number(f, 1);
    size_t               size;
    uint8_t             *from = fuzz_take(f, fuzz_number(f, 2), &size), *body;
    bool                 alive;
    uint32_t             least, most;

    if (flags & 1) {
        send_bytes(fd, from, size);
        free(from);
        return false;
    }
    body = make_body(type, from, size, &head.length);
    free(from);
    head.type = (uint16_t) type;
    alive = send_bytes(fd, &head, sizeof(head))
        && send_bytes(fd, body, head.length);
    free(body);
    if (alive) {
        alive = !(flags & 2) && check_answer(fd, type);
        fuzz_check(!alive || (worker_body_bounds(type, &least, &most)
            && head.length >= least && head.length <= most));
    }
    return alive;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz         f = { data, size };
    struct sockaddr_un  address = { .sun_family = AF_UNIX };
    int                 fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK
        | SOCK_CLOEXEC, 0);

    if (server == NULL) {
        start();
    }
    strcpy(address.sun_path, server->path);
    fuzz_check(fd >= 0 && connect(fd, (struct sockaddr *) &address,
        sizeof(address)) == 0);
    for (unsigned i = 0; i < 24 && f.size > 0 && message(fd, &f); i++) {
        /* as long as it is answered */
    }
    close(fd);

    /* all that was asked for ends, and nothing is left of it */
    while (server->nconnections > 0 || server->bodies > 0) {
        turn();
    }
    session_expire(worker.session, UINT64_MAX / 2);
    fuzz_check(server->connections == NULL && server->dead == NULL);
    return 0;
}
