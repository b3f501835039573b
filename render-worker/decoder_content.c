#include "decoder_content.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "decoder_impl.h"


static bool
fail(struct decoder_error *error, const char *detail)
{
    error->status = DECODER_CRASHED;
    snprintf(error->detail, sizeof(error->detail), "%s", detail);
    return false;
}


static bool
call_with(struct decoder *decoder, int fd, const uint8_t user[16],
    enum child_task task, const char *text, uint8_t **data, size_t *length,
    struct decoder_error *error)
{
    struct child_call  call = { .task = task,
        .result_size = CHILD_CONTENT_SIZE };

    if (strlen(text) >= sizeof(call.text)) {
        error->status = DECODER_UNSUPPORTED;
        snprintf(error->detail, sizeof(error->detail), "the path is too long");
        return false;
    }
    strcpy(call.text, text);
    return decoder_call(decoder, fd, user, &call, data, length, error);
}


bool
decoder_metadata(struct decoder *decoder, int fd, const uint8_t user[16],
    const char *url, uint8_t **json, size_t *length,
    struct decoder_error *error)
{
    return call_with(decoder, fd, user, CHILD_METADATA, url, json, length,
        error);
}


bool
decoder_value(struct decoder *decoder, int fd, const uint8_t user[16],
    const char *path, struct decoder_value *value,
    struct decoder_error *error)
{
    struct child_value  found;
    struct stat         st;
    uint8_t            *data;
    size_t              length;

    memset(value, 0, sizeof(*value));
    if (!call_with(decoder, fd, user, CHILD_VALUE, path, &data, &length,
        error))
    {
        return false;
    }
    if (length < sizeof(found)) {
        free(data);
        return fail(error, "the decoder gave an impossible answer");
    }
    memcpy(&found, data, sizeof(found));
    value->found = found.place != CHILD_VALUE_NONE;
    value->encapsulated = found.place == CHILD_VALUE_FRAMES;
    value->offset = found.offset;
    value->length = found.length;

    if (found.place == CHILD_VALUE_HERE) {
        value->length = length - sizeof(found);
        memmove(data, data + sizeof(found), (size_t) value->length);
        value->data = data;
        return true;
    }
    free(data);
    if (fstat(fd, &st) == -1 || value->offset > (uint64_t) st.st_size
        || value->length > (uint64_t) st.st_size - value->offset)
    {
        return fail(error, "the decoder gave an impossible answer");
    }
    return true;
}
