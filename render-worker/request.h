/*
 * One request from nginx and its answer.  The server makes it, the worker
 * answers it exactly once, on the main thread, and the server frees it.
 */

#ifndef DICOM_REQUEST_H
#define DICOM_REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json.h"
#include "pool.h"
#include "wire.h"

struct connection;
struct server;
struct worker;

struct request {
    struct job            job;          /* for pools */
    struct worker        *worker;
    struct server        *server;
    struct connection    *connection;   /* of the server; NULL: it is gone */
    struct request       *next;         /* among those that wait */
    uint64_t              start_us;     /* when it was complete */
    struct wire_request   head;
    uint8_t              *body;         /* head.length bytes, owned */

    void                 *work;         /* of the handler */
    /* The client is gone: stop what can be stopped, then answer as usual */
    void                (*cancel)(struct request *request);

    struct wire_response  answer;
    uint8_t              *meta;         /* owned */
    uint8_t              *data;         /* owned, the body of the answer */

    void                (*done)(struct request *request);   /* of the server */
};

uint64_t request_now_us(void);

/* Answers with a problem; detail is copied. */
void request_problem(struct request *request, unsigned status,
    const char *slug, const char *detail);

/* Answers with what json holds, and finishes it. */
void request_json(struct request *request, unsigned status,
    struct json *json);

/* Answers; takes over meta and data (malloc'ed, or NULL). */
void request_answer(struct request *request, unsigned status, void *meta,
    size_t meta_length, void *data, size_t length);

#endif /* DICOM_REQUEST_H */
