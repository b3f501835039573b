#include "encode.h"

#include <openssl/evp.h>

struct hashing {
    const struct encode_source  *source;
    band_fn                      fn;
    void                        *context;
};

/* The hash cannot be cut into pieces and takes longest: it comes first. */
static void
hash_or_encode(void *context, unsigned piece, unsigned worker)
{
    const struct hashing *hashing = context;
    const struct encode_source *source = hashing->source;

    if (piece > 0) {
        hashing->fn(hashing->context, piece - 1, worker);
        return;
    }
    EVP_Digest(source->pixels, (size_t) source->width * source->height
        * source->samples, source->sha256, NULL, EVP_sha256(), NULL);
}

void
encode_bands(const struct encode_source *source, struct bands *bands,
    band_fn fn, void *context, unsigned pieces)
{
    struct hashing hashing = { source, fn, context };

    if (source->sha256 == NULL) {
        bands_run(bands, fn, context, pieces);
    } else {
        bands_run(bands, hash_or_encode, &hashing, pieces + 1);
    }
}

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
