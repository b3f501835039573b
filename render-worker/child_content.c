#include "child_content.h"

#include <stdio.h>
#include <string.h>

#include "dataset.h"
#include "dicom_json.h"


static bool
fail(struct decoder_error *error, enum decoder_status status,
    const char *detail)
{
    error->status = status;
    snprintf(error->detail, sizeof(error->detail), "%s", detail);
    return false;
}


bool
child_metadata(const struct child_call *call, int fd, uint8_t *result,
    struct child_reply *reply, struct decoder_error *error)
{
    struct dataset  dataset;
    struct json     json = { 0 };
    bool            done;

    if (!dataset_init(&dataset, fd, call->file_size, call->memory / 4, error))
    {
        return false;
    }
    done = metadata_write(&dataset.set, call->text,
        (size_t) call->result_size, &json);
    if (done) {
        memcpy(result, json.data, json.length);
        reply->fields_length = (uint32_t) json.length;
    } else {
        fail(error, DECODER_MEMORY, "the metadata is too large");
    }
    json_finish(&json);
    dataset_finish(&dataset);
    return done;
}


/* Reads the value to where the parent finds it. */
static bool
copy_value(const struct child_call *call, const struct dataset *dataset,
    const struct metadata_value *value, uint8_t *result,
    struct child_reply *reply, struct decoder_error *error)
{
    uint8_t  *to = result + sizeof(struct child_value);

    if (value->length > call->result_size - sizeof(struct child_value)) {
        return fail(error, DECODER_UNSUPPORTED,
            "a value of this size cannot be converted");
    }
    if (!dataset->set.source(dataset->set.data, value->offset, to,
        (size_t) value->length))
    {
        return fail(error, DECODER_INVALID, "the value cannot be read");
    }
    dicom_json_swap(to, (size_t) value->length, value->word);
    reply->fields_length += (uint32_t) value->length;
    return true;
}


bool
child_value(const struct child_call *call, int fd, uint8_t *result,
    struct child_reply *reply, struct decoder_error *error)
{
    struct dataset         dataset;
    struct metadata_value  value;
    struct child_value     answer = { .place = CHILD_VALUE_NONE };
    bool                   done = true;

    if (!dataset_init(&dataset, fd, call->file_size, call->memory / 4, error))
    {
        return false;
    }
    reply->fields_length = sizeof(answer);
    if (metadata_find(&dataset.set, call->text, &value)) {
        answer.place = value.length == 0 ? CHILD_VALUE_FRAMES
            : dataset.is_deflated || value.word > 1 ? CHILD_VALUE_HERE
            : CHILD_VALUE_FILE;
        if (answer.place == CHILD_VALUE_FILE) {
            answer.offset = value.offset;
            answer.length = value.length;
        } else if (answer.place == CHILD_VALUE_HERE) {
            done = copy_value(call, &dataset, &value, result, reply, error);
        }
    }
    memcpy(result, &answer, sizeof(answer));
    dataset_finish(&dataset);
    return done;
}
