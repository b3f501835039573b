#include <stdio.h>

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
