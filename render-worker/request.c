#include "request.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t
request_now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t) now.tv_sec * 1000000 + (uint64_t) now.tv_nsec / 1000;
}

void
request_answer(struct request *request, unsigned status, void *meta,
    size_t meta_length, void *data, size_t length)
{
    request->meta = meta;
    request->data = data;
    request->answer.magic = WIRE_RESPONSE_MAGIC;
    request->answer.version = WIRE_VERSION;
    request->answer.type = request->head.type;
    request->answer.status = (uint16_t) status;
    request->answer.meta_length = (uint32_t) meta_length;
    request->answer.body_length = length;
    request->done(request);
}

void
request_problem(struct request *request, unsigned status, const char *slug,
    const char *detail)
{
    size_t slug_length = strlen(slug), length = strlen(detail);
    char *meta = malloc(slug_length + 1 + length);

    if (status == 503) {
        request->answer.retry_after = 1;
    }
    if (meta == NULL) {
        request_answer(request, status, NULL, 0, NULL, 0);
        return;
    }
    memcpy(meta, slug, slug_length + 1);
    memcpy(meta + slug_length + 1, detail, length);
    request_answer(request, status, meta, slug_length + 1 + length, NULL, 0);
}

void
request_json(struct request *request, unsigned status, struct json *json)
{
    if (json->failed) {
        json_finish(json);
        request_problem(request, 503, "busy", "memory is short");
        return;
    }
    request_answer(request, status, NULL, 0, json->data, json->length);
    memset(json, 0, sizeof(*json));
}
