#define _GNU_SOURCE
#include "http.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#define MAX_HEAD  (64 * 1024)

struct http {
    int       fd;
    SSL_CTX  *context;
    SSL      *ssl;              /* NULL: http: */
    const char  *accept;
    char      host[256];
    char     *data;             /* what was read, from the status line on */
    size_t    length, capacity;
};

const char *
http_path(const char *url)
{
    const char *host = strstr(url, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    return path ? path : "/";
}

static bool
split_url(const char *url, char *host, size_t host_size, char *port,
    size_t port_size)
{
    bool tls = strncmp(url, "https://", 8) == 0;
    if (!tls && strncmp(url, "http://", 7) != 0) {
        return false;
    }
    const char *start = url + (tls ? 8 : 7);
    size_t length = strcspn(start, "/");
    const char *colon = memchr(start, ':', length);
    size_t host_length = colon ? (size_t)(colon - start) : length;
    if (host_length == 0 || host_length >= host_size) {
        return false;
    }
    memcpy(host, start, host_length);
    host[host_length] = '\0';

    size_t port_length = colon ? length - host_length - 1 : 0;
    if (port_length >= port_size) {
        return false;
    }
    if (colon) {
        memcpy(port, colon + 1, port_length);
        port[port_length] = '\0';
    } else {
        snprintf(port, port_size, tls ? "443" : "80");
    }
    return true;
}

static int
connect_tcp(const char *host, const char *port)
{
    struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list, *it;
    int fd = -1, one = 1;

    if (getaddrinfo(host, port, &hints, &list) != 0) {
        return -1;
    }
    for (it = list; it != NULL && fd == -1; it = it->ai_next) {
        fd = socket(it->ai_family, it->ai_socktype | SOCK_CLOEXEC, 0);
        if (fd != -1 && connect(fd, it->ai_addr, it->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(list);
    if (fd != -1) {
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    }
    return fd;
}

struct http *
http_open(const char *url, const char *ca)
{
    char port[16];
    struct http *http = calloc(1, sizeof(*http));

    if (http == NULL) {
        return NULL;
    }
    http->fd = -1;
    if (!split_url(url, http->host, sizeof(http->host), port, sizeof(port))) {
        fprintf(stderr, "measure: no address: %s\n", url);
        goto error;
    }
    http->fd = connect_tcp(http->host, port);
    if (http->fd == -1) {
        fprintf(stderr, "measure: %s:%s does not answer\n", http->host, port);
        goto error;
    }
    if (strncmp(url, "http://", 7) == 0) {
        return http;
    }
    http->context = SSL_CTX_new(TLS_client_method());
    if (http->context == NULL ||
        SSL_CTX_load_verify_file(http->context, ca) != 1) {
        fprintf(stderr, "measure: no authority in %s\n", ca);
        goto error;
    }
    SSL_CTX_set_verify(http->context, SSL_VERIFY_PEER, NULL);
    http->ssl = SSL_new(http->context);
    if (http->ssl == NULL || SSL_set_fd(http->ssl, http->fd) != 1 ||
        SSL_connect(http->ssl) != 1) {
        fprintf(stderr, "measure: TLS with %s:%s failed: %s\n", http->host,
            port, ERR_reason_error_string(ERR_peek_last_error()));
        goto error;
    }
    return http;

error:
    http_close(http);
    return NULL;
}

void
http_close(struct http *http)
{
    if (http == NULL) {
        return;
    }
    SSL_free(http->ssl);
    SSL_CTX_free(http->context);
    if (http->fd != -1) {
        close(http->fd);
    }
    free(http->data);
    free(http);
}

/* Reads until want bytes are there; the buffer always has room for a NUL. */
static bool
fill(struct http *http, size_t want)
{
    if (want + 1 > http->capacity) {
        size_t capacity = want + MAX_HEAD;
        char *data = realloc(http->data, capacity);
        if (data == NULL) {
            return false;
        }
        http->data = data;
        http->capacity = capacity;
    }
    while (http->length < want) {
        size_t room = http->capacity - 1 - http->length;
        ssize_t n = http->ssl != NULL
            ? SSL_read(http->ssl, http->data + http->length, (int)room)
            : read(http->fd, http->data + http->length, room);
        if (n <= 0) {
            return false;
        }
        http->length += (size_t)n;
    }
    http->data[http->length] = '\0';
    return true;
}

static bool
send_all(struct http *http, const char *data, size_t length)
{
    if (http->ssl != NULL) {
        return length == 0 || SSL_write(http->ssl, data, (int)length) > 0;
    }
    while (length > 0) {
        ssize_t n = send(http->fd, data, length, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        data += n;
        length -= (size_t)n;
    }
    return true;
}

/* The value of a header within head, or NULL. */
static const char *
header(const char *head, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = strstr(head, "\r\n"); line != NULL;
        line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            line += length + 1;
            return line + strspn(line, " \t");
        }
    }
    return NULL;
}

/* A chunked body that begins at from, gathered in place. */
static bool
read_chunks(struct http *http, size_t from, size_t *length)
{
    size_t at = from, out = from;

    for (;;) {
        char *end;
        while ((end = http->length > at
            ? memmem(http->data + at, http->length - at, "\r\n", 2) : NULL)
            == NULL) {
            if (!fill(http, http->length + 1)) {
                return false;
            }
        }
        size_t size = strtoul(http->data + at, NULL, 16);
        at = (size_t)(end - http->data) + 2;
        if (!fill(http, at + size + 2)) {
            return false;
        }
        memmove(http->data + out, http->data + at, size);
        out += size;
        at += size + 2;
        if (size == 0) {
            http->data[out] = '\0';
            *length = out - from;
            return true;
        }
    }
}

static bool
read_answer(struct http *http, struct http_answer *answer)
{
    char *end = NULL;

    http->length = 0;
    while (end == NULL) {
        if (http->length > MAX_HEAD || !fill(http, http->length + 1)) {
            return false;
        }
        end = strstr(http->data, "\r\n\r\n");
    }
    if (sscanf(http->data, "HTTP/1.1 %d", &answer->status) != 1) {
        return false;
    }
    size_t body = (size_t)(end - http->data) + 4;
    *end = '\0';
    const char *length = header(http->data, "Content-Length");
    const char *coding = header(http->data, "Transfer-Encoding");
    bool empty = answer->status == 204 || answer->status == 304;

    answer->length = 0;
    if (coding != NULL) {
        if (!read_chunks(http, body, &answer->length)) {
            return false;
        }
    } else if (!empty && length != NULL) {
        answer->length = strtoul(length, NULL, 10);
        if (!fill(http, body + answer->length)) {
            return false;
        }
    }
    answer->body = http->data + body;
    return true;
}

void
http_accept(struct http *http, const char *type)
{
    http->accept = type;
}

bool
http_request(struct http *http, const char *method, const char *path,
    const char *token, const char *body, struct http_answer *answer)
{
    char head[8192];
    size_t length = body ? strlen(body) : 0;
    int n = snprintf(head, sizeof(head),
        "%s %s HTTP/1.1\r\nHost: %s\r\n%s%s%s%s%s%s%s", method, path,
        http->host, http->accept ? "Accept: " : "",
        http->accept ? http->accept : "", http->accept ? "\r\n" : "",
        token ? "Authorization: Bearer " : "", token ? token : "",
        token ? "\r\n" : "",
        body ? "Content-Type: application/json\r\n" : "");

    if (n < 0 || (size_t)n >= sizeof(head) - 64) {
        return false;
    }
    n += snprintf(head + n, sizeof(head) - (size_t)n,
        body ? "Content-Length: %zu\r\n\r\n" : "\r\n", length);
    return send_all(http, head, (size_t)n) && send_all(http, body, length) &&
        read_answer(http, answer);
}
