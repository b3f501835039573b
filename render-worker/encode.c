#include "encode.h"

bool
encode_picture(enum encode_format format, const struct encode_source *source,
    unsigned quality, struct bands *bands, uint8_t **data, size_t *length)
{
    if (source->width == 0 || source->height == 0
        || (source->samples != 1 && source->samples != 3))
    {
        return false;
    }
    if (format == ENCODE_JPEG) {
        return encode_jpeg(source, quality, bands, data, length);
    }
    return encode_png(source, bands, data, length);
}
