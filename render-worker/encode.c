#include "encode.h"

#include <math.h>
#include <stdlib.h>

#include <openssl/evp.h>

/* Nobody recognises anything below; a smaller picture shows more. */
#define LEAST_QUALITY   15
#define TRIES           4

/* Bytes go down as the steps of quantisation go up, to about this power. */
#define BYTES_BY_STEP   0.6
#define MARGIN          0.95

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

/* libjpeg's steps are the standard's by so many per cent. */
static double
step_of(unsigned quality)
{
    return quality < 50 ? 5000.0 / quality : quality < 100
        ? 200.0 - 2.0 * quality : 1;
}

/* The best quality with steps that are not finer. */
static unsigned
quality_of(double step)
{
    double quality = step > 100 ? 5000 / step : (200 - step) / 2;

    return quality > LEAST_QUALITY ? (unsigned) quality : LEAST_QUALITY;
}

bool
encode_within(const struct encode_source *source, unsigned *quality,
    size_t most, struct bands *bands, uint8_t **data, size_t *length)
{
    struct encode_source again = *source;
    double power = BYTES_BY_STEP, last_step = 0, last_length = 0;

    again.sha256 = NULL;
    for (unsigned tries = 1; ; tries++) {
        double step = step_of(*quality);

        if (!encode_picture(ENCODE_JPEG, tries == 1 ? source : &again,
                *quality, bands, data, length))
        {
            return false;
        }
        if (*length <= most) {
            return true;
        }
        free(*data);
        *data = NULL;
        if (tries == TRIES || *quality <= LEAST_QUALITY) {
            return true;
        }

        /* two pictures tell how this one goes on */
        if (tries > 1 && last_length > (double) *length) {
            power = log(last_length / (double) *length)
                / log(step / last_step);
            power = fmin(fmax(power, 0.1), 1.5);
        }
        last_step = step;
        last_length = (double) *length;
        step *= pow((double) *length / ((double) most * MARGIN), 1 / power);
        unsigned lower = tries + 1 == TRIES ? LEAST_QUALITY
            : quality_of(step);
        *quality = lower < *quality ? lower : *quality - 1;
    }
}
