/*
 * A small HTTP/1.1 client with keepalive, over TLS or for http: addresses
 * without, for measurements: what it adds itself is one write and the reads of
 * the answer.
 */

#ifndef MEASURE_HTTP_H
#define MEASURE_HTTP_H

#include <stdbool.h>
#include <stddef.h>

struct http;                    /* one connection; one thread at a time */

struct http_answer {
    int      status;
    size_t   length;            /* of the body, bytes */
    char    *body;              /* NUL-terminated; valid until the next call */
};

/*
 * A connection to url's host ("https://127.0.0.1:8446/..."), its certificate
 * checked against the authority in the file ca (not for http:).  NULL on
 * failure, said on stderr.
 */
struct http *http_open(const char *url, const char *ca);
void http_close(struct http *http);

/* What later requests accept, such as "image/png"; NULL: anything.  Kept. */
void http_accept(struct http *http, const char *type);

/*
 * One request; token and body may be NULL.  false when the connection broke or
 * the answer is no HTTP.
 */
bool http_request(struct http *http, const char *method, const char *path,
    const char *token, const char *body, struct http_answer *answer);

/* The path of url, "/" when it has none. */
const char *http_path(const char *url);

#endif /* MEASURE_HTTP_H */
