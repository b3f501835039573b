#include "server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "log.h"

#define BACKLOG          1024
#define MAX_CONNECTIONS  4096u
#define MAX_BODIES       ((size_t) 256 * 1024 * 1024)   /* all together */
#define MAX_ANSWERS      ((size_t) 256 * 1024 * 1024)   /* not taken yet, */
#define USER_ANSWERS     (MAX_ANSWERS / 4)              /* and of one user */
#define SEND_BUFFER      (1024 * 1024)  /* most pictures, before they are read */
#define SEND_TURN        (128u * 1024)  /* then others' events come first */
#define STALL_MS         30000u     /* half a frame */
#define ANSWER_STALL_MS  90000u     /* an answer not read: nginx, which goes as
                                       slow as its client, gives up before */
#define DRAIN_MS         10000u

enum connection_state { READ_HEAD, READ_BODY, WORKING, WRITING };

struct connection {
    struct connection      *prev, *next;
    struct server          *server;
    int                     fd;
    uint32_t                events;     /* what epoll watches */
    enum connection_state   state;
    bool                    closed;     /* freed after this round */
    size_t                  have;       /* bytes of the head or body */
    size_t                  sent;       /* bytes of the answer */
    uint64_t                moved_ms;   /* when bytes last moved */
    struct wire_request     head;
    struct request         *request;
};

struct server {
    struct worker      *worker;
    char               *path;
    dev_t               dev;            /* of our socket's file */
    ino_t               ino;
    int                 listen_fd, epoll_fd;
    bool                accepting;
    unsigned            nconnections;
    size_t              bodies;         /* bytes of bodies in memory */
    struct connection  *connections, *dead;
};

static uint64_t
now_ms(void)
{
    return request_now_us() / 1000;
}

static size_t
answer_size(const struct request *request)
{
    return request->answer.meta_length + (size_t) request->answer.body_length;
}

static void
request_free(struct server *server, struct request *request)
{
    server->bodies -= request->head.length;
    free(request->body);
    free(request->meta);
    free(request->data);
    free(request);
}

/* Watches for events; EPOLLRDHUP tells that nginx has given up. */
static bool
connection_watch(struct connection *connection, uint32_t events)
{
    struct epoll_event event = { .events = events | EPOLLRDHUP,
        .data.ptr = connection };

    if (connection->events == event.events) {
        return true;
    }
    if (epoll_ctl(connection->server->epoll_fd, connection->events == 0
            ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, connection->fd, &event) < 0)
    {
        log_error("server", "epoll_ctl: %s", strerror(errno));
        return false;
    }
    connection->events = event.events;
    return true;
}

static void
connection_close(struct connection *connection)
{
    struct server *server = connection->server;
    struct request *request = connection->request;

    if (connection->closed) {
        return;
    }
    connection->closed = true;
    close(connection->fd);
    if (connection->prev != NULL) {
        connection->prev->next = connection->next;
    } else {
        server->connections = connection->next;
    }
    if (connection->next != NULL) {
        connection->next->prev = connection->prev;
    }
    connection->next = server->dead;
    server->dead = connection;
    server->nconnections--;
    server->worker->connections = server->nconnections;

    connection->request = NULL;
    if (request == NULL) {
        return;
    }
    if (connection->state == WRITING) {
        server->worker->answers -= answer_size(request);
    }
    if (connection->state == WORKING) {
        /* the answer will find nobody, and frees the request */
        request->connection = NULL;
        if (request->cancel != NULL) {
            request->cancel(request);
        }
    } else {
        request_free(server, request);
    }
}

static void
connection_idle(struct connection *connection)
{
    connection->state = READ_HEAD;
    connection->have = 0;
    if (connection->server->worker->draining
        || !connection_watch(connection, EPOLLIN))
    {
        connection_close(connection);
    }
}

static void
connection_write(struct connection *connection)
{
    struct request *request = connection->request;
    const struct wire_response *answer = &request->answer;
    size_t left = SEND_TURN;

    for (;;) {
        struct iovec parts[3] = {
            { (void *) (uintptr_t) answer, sizeof(*answer) },
            { request->meta, answer->meta_length },
            { request->data, answer->body_length },
        };
        size_t skip = connection->sent;
        int first = 0;

        while (first < 3 && skip >= parts[first].iov_len) {
            skip -= parts[first++].iov_len;
        }
        if (first == 3) {
            break;
        }
        parts[first].iov_base = (char *) parts[first].iov_base + skip;
        parts[first].iov_len -= skip;
        if (left == 0) {
            if (!connection_watch(connection, EPOLLOUT)) {
                connection_close(connection);
            }
            return;
        }
        if (parts[2].iov_len > left) {
            parts[2].iov_len = left;
        }

        ssize_t n = writev(connection->fd, parts + first, 3 - first);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            if (!connection_watch(connection, EPOLLOUT)) {
                connection_close(connection);
            }
            return;
        }
        if (n < 0) {
            connection_close(connection);
            return;
        }
        connection->sent += (size_t) n;
        left -= (size_t) n < left ? (size_t) n : left;
        connection->moved_ms = now_ms();
    }

    connection->request = NULL;
    connection->server->worker->answers -= answer_size(request);
    request_free(connection->server, request);
    connection_idle(connection);
}

/* Bytes of the answers that the user's connections have not taken yet. */
static size_t
server_user_answers(const struct server *server, const uint8_t user[16])
{
    size_t size = 0;

    for (const struct connection *connection = server->connections;
         connection != NULL; connection = connection->next)
    {
        if (connection->state == WRITING
            && memcmp(connection->head.user, user, 16) == 0)
        {
            size += answer_size(connection->request);
        }
    }
    return size;
}

/*
 * Whether the answer may stay until its connection takes it: nginx goes as slow
 * as its client does.  One small answer of a user may always, since it mostly
 * goes at once, and one of any size when no other waits: a few slow clients
 * must not keep all others from being served.
 */
static bool
server_has_room(const struct server *server, const struct request *request)
{
    size_t size = answer_size(request), sum = server->worker->answers + size;

    if (request->answer.body_length == 0 || sum <= USER_ANSWERS) {
        return true;
    }
    size_t own = server_user_answers(server, request->head.user);

    if (own == 0) {
        return sum <= MAX_ANSWERS || size <= SEND_BUFFER || sum == size;
    }
    return sum <= MAX_ANSWERS && own + size <= USER_ANSWERS;
}

/* An answer is ready: request->done. */
static void
server_answer(struct request *request)
{
    struct connection *connection = request->connection;
    struct worker *worker = request->worker;

    if (connection != NULL && !server_has_room(request->server, request)) {
        free(request->meta);
        free(request->data);
        request->meta = request->data = NULL;
        request_problem(request, 503, "busy",
            "too many answers wait for their clients");
        return;
    }
    if (worker != NULL && request->answer.status < 600) {
        worker->counts.refused[request->answer.status / 100]++;
    }
    request->cancel = NULL;
    if (connection == NULL) {
        request_free(request->server, request);
        return;
    }
    connection->state = WRITING;
    connection->sent = 0;
    connection->moved_ms = now_ms();
    connection->server->worker->answers += answer_size(request);
    connection_write(connection);
}

/* The frame is complete. */
static void
connection_dispatch(struct connection *connection)
{
    connection->state = WORKING;
    connection->request->start_us = request_now_us();
    worker_handle(connection->server->worker, connection->request);
}

/* false: the connection was closed. */
static bool
connection_begin(struct connection *connection)
{
    struct server *server = connection->server;
    const struct wire_request *head = &connection->head;
    uint32_t least, most;

    if (head->magic != WIRE_REQUEST_MAGIC || head->version != WIRE_VERSION) {
        log_warn("server", "a connection does not speak our protocol");
        goto error;
    }
    if (!worker_body_bounds(head->type, &least, &most)
        || head->length < least || head->length > most)
    {
        log_warn("server", "request of type %u with %u bytes", head->type,
            head->length);
        goto error;
    }
    if (server->bodies + head->length > MAX_BODIES) {
        log_warn("server", "too many request bodies at once");
        goto error;
    }

    struct request *request = calloc(1, sizeof(*request));
    if (request == NULL) {
        goto error;
    }
    request->body = malloc(head->length + 1);
    if (request->body == NULL) {
        free(request);
        goto error;
    }
    server->bodies += head->length;
    request->head = *head;
    request->server = server;
    request->connection = connection;
    request->done = server_answer;
    connection->request = request;
    connection->state = READ_BODY;
    connection->have = 0;
    return true;

error:
    connection_close(connection);
    return false;
}

static void
connection_read(struct connection *connection)
{
    for (;;) {
        uint8_t *to;
        size_t want;

        if (connection->state == READ_HEAD) {
            to = (uint8_t *) &connection->head;
            want = sizeof(connection->head);
        } else {
            to = connection->request->body;
            want = connection->head.length;
        }

        if (connection->have < want) {
            ssize_t n = read(connection->fd, to + connection->have,
                want - connection->have);

            if (n < 0 && errno == EINTR) {
                continue;
            }
            if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
                return;
            }
            if (n <= 0) {
                connection_close(connection);
                return;
            }
            connection->have += (size_t) n;
            connection->moved_ms = now_ms();
        }
        if (connection->have < want) {
            continue;
        }
        if (connection->state == READ_BODY) {
            connection_dispatch(connection);
            return;
        }
        if (!connection_begin(connection)) {
            return;
        }
    }
}

static void
connection_event(struct connection *connection, uint32_t events)
{
    if (connection->closed) {
        return;
    }
    switch (connection->state) {
    case WORKING:
        if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
            connection_close(connection);
        } else {
            /* the next request came early: it waits */
            connection_watch(connection, 0);
        }
        break;
    case WRITING:
        if (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) {
            connection_close(connection);
        } else if (events & EPOLLOUT) {
            connection_write(connection);
        } else {
            connection_watch(connection, EPOLLOUT);
        }
        break;
    default:
        connection_read(connection);
        break;
    }
}

static void
server_accept(struct server *server)
{
    const int size = SEND_BUFFER;

    for (int i = 0; i < 64; i++) {
        int fd = accept4(server->listen_fd, NULL, NULL,
            SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0) {
            if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR
                && errno != ECONNABORTED)
            {
                log_warn("server", "accept: %s", strerror(errno));
            }
            return;
        }

        struct connection *connection = server->nconnections
            < MAX_CONNECTIONS ? calloc(1, sizeof(*connection)) : NULL;
        if (connection == NULL) {
            close(fd);
            continue;
        }
        connection->server = server;
        connection->fd = fd;
        /* what the system's own limit leaves of it */
        (void) setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
        connection->moved_ms = now_ms();
        connection->next = server->connections;
        if (server->connections != NULL) {
            server->connections->prev = connection;
        }
        server->connections = connection;
        server->worker->connections = ++server->nconnections;
        connection_idle(connection);
    }
}

/* Not while events are handled: one that follows may name a dead connection. */
static void
server_bury(struct server *server)
{
    while (server->dead != NULL) {
        struct connection *connection = server->dead;

        server->dead = connection->next;
        free(connection);
    }
}

/* Closes connections that stopped in the middle of something. */
static void
server_sweep(struct server *server)
{
    uint64_t now = now_ms();
    struct connection *next;

    for (struct connection *connection = server->connections;
         connection != NULL; connection = next)
    {
        bool midway = connection->state == WRITING
            || connection->state == READ_BODY
            || (connection->state == READ_HEAD && connection->have > 0);

        next = connection->next;
        if (midway && now - connection->moved_ms
            > (connection->state == WRITING ? ANSWER_STALL_MS : STALL_MS))
        {
            log_warn("server", "a connection stalled and was closed");
            connection_close(connection);
        } else if (server->worker->draining
                   && connection->state == READ_HEAD)
        {
            connection_close(connection);
        }
    }
}

static void
server_stop_accepting(struct server *server)
{
    struct stat st;

    if (!server->accepting) {
        return;
    }
    server->accepting = false;
    close(server->listen_fd);
    if (stat(server->path, &st) == 0 && st.st_dev == server->dev
        && st.st_ino == server->ino)
    {
        unlink(server->path);       /* and not a successor's */
    }
}

static bool
server_watch_fd(struct server *server, int fd, void *tag)
{
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = tag };

    if (epoll_ctl(server->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        log_error("server", "epoll_ctl: %s", strerror(errno));
        return false;
    }
    return true;
}

/* Whether something answers on the socket at path. */
static bool
socket_is_alive(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool alive = fd < 0
        || connect(fd, (const struct sockaddr *) address,
               sizeof(*address)) == 0
        || errno == EAGAIN;

    if (fd >= 0) {
        close(fd);
    }
    return alive;
}

static bool
server_clear_path(const struct sockaddr_un *address)
{
    struct stat st;

    if (lstat(address->sun_path, &st) < 0) {
        return errno == ENOENT;
    }
    if (!S_ISSOCK(st.st_mode)) {
        log_error("server", "%s exists and is no socket", address->sun_path);
        return false;
    }
    if (socket_is_alive(address)) {
        log_error("server", "another worker listens on %s",
            address->sun_path);
        return false;
    }
    return unlink(address->sun_path) == 0 || errno == ENOENT;
}

static bool
server_listen(struct server *server)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct stat st;

    if (strlen(server->path) >= sizeof(address.sun_path)) {
        log_error("server", "the socket's path is too long");
        return false;
    }
    strcpy(address.sun_path, server->path);
    if (!server_clear_path(&address)) {
        return false;
    }

    server->listen_fd = socket(AF_UNIX,
        SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (server->listen_fd < 0) {
        log_error("server", "socket: %s", strerror(errno));
        return false;
    }

    /* never open to others, not even before chmod() */
    mode_t mask = umask(0117);
    int bound = bind(server->listen_fd, (struct sockaddr *) &address,
        sizeof(address));
    int error = errno;
    umask(mask);
    if (bound < 0 || listen(server->listen_fd, BACKLOG) < 0
        || stat(server->path, &st) < 0)
    {
        log_error("server", "%s: %s", server->path,
            strerror(bound < 0 ? error : errno));
        return false;
    }
    server->dev = st.st_dev;
    server->ino = st.st_ino;
    server->accepting = true;
    return true;
}

struct server *
server_create(const char *path, struct worker *worker)
{
    struct server *server = calloc(1, sizeof(*server));

    if (server == NULL) {
        return NULL;
    }
    server->worker = worker;
    server->listen_fd = -1;
    server->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    server->path = strdup(path);
    if (server->epoll_fd < 0 || server->path == NULL
        || !server_listen(server)
        || !server_watch_fd(server, server->listen_fd, &server->listen_fd)
        || !server_watch_fd(server, worker->mailbox.fd, &worker->mailbox))
    {
        server_destroy(server);
        return NULL;
    }
    return server;
}

void
server_close(struct server *server)
{
    if (server == NULL) {
        return;
    }
    server_stop_accepting(server);
    while (server->connections != NULL) {
        connection_close(server->connections);
    }
    server_bury(server);
}

void
server_destroy(struct server *server)
{
    if (server == NULL) {
        return;
    }
    server_close(server);
    if (server->epoll_fd >= 0) {
        close(server->epoll_fd);
    }
    free(server->path);
    free(server);
}

static void
server_drain(struct server *server)
{
    if (!server->worker->draining) {
        server->worker->draining = true;
        server_stop_accepting(server);
        server_sweep(server);
    }
}

static void
server_round(struct server *server, int signal_fd)
{
    struct epoll_event events[128];
    int n = epoll_wait(server->epoll_fd, events, 128, 500);

    for (int i = 0; i < n; i++) {
        void *tag = events[i].data.ptr;

        server->worker->crowded = i + 1 < n;
        if (tag == &server->listen_fd) {
            if (server->accepting) {
                server_accept(server);
            }
        } else if (tag == &server->worker->mailbox) {
            mailbox_drain(&server->worker->mailbox);
        } else if (tag == server) {
            char info[128 * 8];
            ssize_t ignored = read(signal_fd, info, sizeof(info));

            (void) ignored;
            log_info("server", "told to end: finishing what is in progress");
            server_drain(server);
        } else {
            connection_event(tag, events[i].events);
        }
    }
    server_bury(server);
}

int
server_run(struct server *server, int signal_fd)
{
    struct worker *worker = server->worker;
    uint64_t ticked = now_ms(), drain_since = 0;

    if (!server_watch_fd(server, signal_fd, server)) {
        return EXIT_FAILURE;
    }
    for (;;) {
        server_round(server, signal_fd);

        uint64_t now = now_ms();
        if (now - ticked >= 500) {
            ticked = now;
            worker_tick(worker);
            server_sweep(server);
        }
        if (worker->lost) {
            server_drain(server);
        }
        if (worker->draining) {
            if (drain_since == 0) {
                drain_since = now;
            }
            if (server->nconnections == 0
                || now - drain_since > (worker->lost ? 1000 : DRAIN_MS))
            {
                break;
            }
        }
    }
    return worker->lost ? 75 : EXIT_SUCCESS;
}
