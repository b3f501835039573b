#include <stdio.h>
#include <string.h>

#include "codec.h"


bool
codec_fail(struct codec *codec, enum decoder_status status, const char *detail)
{
    if (codec->error->detail[0] == '\0') {
        codec->error->status = status;
        snprintf(codec->error->detail, sizeof(codec->error->detail), "%s",
            detail);
    }
    return false;
}


unsigned
codec_sample_size(const struct codec *codec)
{
    return codec->bits_allocated <= 8 ? 1 : codec->bits_allocated / 8u;
}


static bool
has_end(const struct codec *c)
{
    size_t  end = c->length;

    while (end > 0 && (c->stream[end - 1] == 0x00
        || c->stream[end - 1] == 0xff))
    {
        end--;
    }
    return end >= 2 && c->stream[end - 2] == 0xff
        && c->stream[end - 1] == 0xd9;
}


bool
codec_ended(struct codec *c, bool (*decode)(struct codec *codec))
{
    size_t  length = c->length;

    if (length == 0 || has_end(c)) {
        return decode(c);
    }
    memcpy(c->stream + length, "\xff\xd9", 2);
    c->length = length + 2;
    if (decode(c)) {
        return true;
    }

    /* the last byte is of the stream, or made its length even */
    if (c->error->status != DECODER_INVALID || c->stream[length - 1] != 0) {
        return false;
    }
    c->error->detail[0] = '\0';
    memcpy(c->stream + length - 1, "\xff\xd9", 2);
    c->length = length + 1;
    return decode(c);
}
