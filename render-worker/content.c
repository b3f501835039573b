/*
 * What DICOMweb asks of one stored object: its data set, a value, a frame.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "decoder_content.h"
#include "frame.h"
#include "worker.h"

/* A request, taken apart, and what the thread that reads leaves behind. */
struct content {
    struct wire_content   ask;
    char                 *location, *text;      /* owned */
    const uint8_t        *index;                /* within the request's body */
    unsigned              status;
    const char           *slug;                 /* literal */
    char                  detail[220];
    struct wire_value     value;
    uint8_t              *data;                 /* owned */
    size_t                length;
};

static void
content_free(struct content *content)
{
    if (content == NULL) {
        return;
    }
    free(content->location);
    free(content->text);
    free(content->data);
    free(content);
}

static void
content_fail(struct content *content, unsigned status, const char *slug,
    const char *detail)
{
    content->status = status;
    content->slug = slug;
    snprintf(content->detail, sizeof(content->detail), "%s", detail);
}

/* NULL: malformed, or memory is short. */
static struct content *
content_parse(const struct request *request)
{
    struct content *content = calloc(1, sizeof(*content));
    const uint8_t *p = request->body + sizeof(content->ask);
    size_t left = request->head.length - sizeof(content->ask);

    if (content == NULL) {
        return NULL;
    }
    memcpy(&content->ask, request->body, sizeof(content->ask));

    const struct wire_content *ask = &content->ask;
    if (ask->location_length > left
        || ask->text_length > WIRE_MAX_TEXT
        || ask->text_length > left - ask->location_length
        || ask->index_length != left - ask->location_length
            - ask->text_length)
    {
        content_free(content);
        return NULL;
    }
    content->location = strndup((const char *) p, ask->location_length);
    content->text = strndup((const char *) p + ask->location_length,
        ask->text_length);
    content->index = p + ask->location_length + ask->text_length;
    if (content->location == NULL || content->text == NULL) {
        content_free(content);
        return NULL;
    }
    return content;
}

static int
content_open(const struct worker *worker, struct content *content)
{
    int fd = store_object(worker->config.store, content->location);

    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR) {
            content_fail(content, 404, "instance-not-found",
                "the stored file is gone, its series may have been deleted");
        } else {
            content_fail(content, 500, "store-error",
                "the stored file cannot be opened");
        }
    }
    return fd;
}

static void
content_refuse(struct content *content, const struct decoder_error *error)
{
    if (error->status == DECODER_UNAVAILABLE) {
        content_fail(content, 503, "decoder-unavailable", error->detail);
    } else {
        content_fail(content, 422, "instance-not-readable", error->detail);
    }
}

static void
content_metadata(const struct worker *worker, struct content *content,
    const uint8_t user[16])
{
    struct decoder_error error = { 0 };
    int fd = content_open(worker, content);

    if (fd < 0) {
        return;
    }
    if (decoder_metadata(worker->config.decoder, fd, user, content->text,
            &content->data, &content->length, &error))
    {
        content->status = 200;
    } else {
        content_refuse(content, &error);
    }
    close(fd);
}

static void
content_value(const struct worker *worker, struct content *content,
    const uint8_t user[16])
{
    struct decoder_error error = { 0 };
    struct decoder_value value;
    int fd = content_open(worker, content);

    if (fd < 0) {
        return;
    }
    if (!decoder_value(worker->config.decoder, fd, user, content->text,
            &value, &error))
    {
        content_refuse(content, &error);
    } else if (!value.found) {
        content_fail(content, 404, "bulkdata-not-found",
            "the instance has no such value");
    } else {
        content->status = 200;
        content->value.place = value.encapsulated ? WIRE_VALUE_FRAMES
            : value.data != NULL ? WIRE_VALUE_BODY : WIRE_VALUE_OBJECT;
        content->value.offset = value.offset;
        content->value.length = value.length;
        content->data = value.data;
        content->length = value.data != NULL ? (size_t) value.length : 0;
    }
    close(fd);
}

static void
content_frame(const struct worker *worker, struct content *content,
    const uint8_t user[16])
{
    struct dicom_index index;
    struct frame_error error = { 0 };
    struct frame_ref ref = { .index = &index,
        .location = content->location, .frame = content->ask.frame };
    const bool decoded = (content->ask.flags & WIRE_FRAME_DECODED) != 0;
    const char *why;

    memcpy(ref.user, user, sizeof(ref.user));
    if (!index_decode(&index, content->index, content->ask.index_length, 0,
            &why))
    {
        content_fail(content, 422, "instance-not-readable", why);
        return;
    }
    if (ref.frame >= index.nframes) {
        content_fail(content, 404, "frame-not-found",
            "the instance has no such frame");
    } else if ((content->ask.flags & WIRE_FRAME_PLACE) != 0
        && frame_place(&worker->source, &ref, decoded,
            &content->value.offset, &content->value.length))
    {
        content->status = 200;
        content->value.place = WIRE_VALUE_OBJECT;
    } else if (!frame_stored(&worker->source, &ref, decoded, &content->data,
        &content->length, &error))
    {
        content_fail(content, strcmp(error.slug, "frame-not-decodable") == 0
            ? 422 : 503, error.slug, error.detail);
    } else {
        content->status = 200;
    }
    index_finish(&index);
}

static void
content_run(struct job *job)
{
    struct request *request = (struct request *) job;
    struct content *content = request->work;

    switch (request->head.type) {
    case WIRE_METADATA:
        content_metadata(request->worker, content, request->head.user);
        break;
    case WIRE_VALUE:
        content_value(request->worker, content, request->head.user);
        break;
    default:
        content_frame(request->worker, content, request->head.user);
        break;
    }
}

static void
content_done(struct job *job)
{
    struct request *request = (struct request *) job;
    struct content *content = request->work;
    struct wire_value *meta = NULL;

    request->work = NULL;
    if (content->status >= 300) {
        request_problem(request, content->status, content->slug,
            content->detail);
        content_free(content);
        return;
    }
    if (content->value.place != 0) {
        meta = malloc(sizeof(*meta));
        if (meta == NULL) {
            request_problem(request, 503, "busy", "memory is short");
            content_free(content);
            return;
        }
        *meta = content->value;
    }
    request_answer(request, 200, meta, meta != NULL ? sizeof(*meta) : 0,
        content->data, content->length);
    content->data = NULL;
    content_free(content);
}

void
content_handle(struct worker *worker, struct request *request)
{
    struct content *content = content_parse(request);

    if (content == NULL) {
        request_problem(request, 400, "malformed-request",
            "the request contradicts itself");
        return;
    }
    request->work = content;
    request->job.turn.user = request->head.user;
    request->job.run = content_run;
    request->job.done = content_done;
    if (!pool_submit(worker->readers, &request->job)) {
        content_free(content);
        request->work = NULL;
        request_problem(request, 503, "busy", "too many requests wait");
    }
}
