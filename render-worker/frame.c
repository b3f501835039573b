#include "frame.h"

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fragments.h"
#include "multiversion.h"
#include "wire.h"

static bool
frame_fail(struct frame_error *error, const char *slug, const char *detail)
{
    error->slug = slug;
    snprintf(error->detail, sizeof(error->detail), "%s", detail);
    return false;
}

static bool
frame_is_colour(const struct dicom_index *index)
{
    return index->samples == 3 || index->photometric == PHOTOMETRIC_PALETTE;
}

enum layer_format
frame_format(const struct dicom_index *index)
{
    if (frame_is_colour(index)) {
        return LAYER_RGBA8;
    }
    if (index->sample != SAMPLE_INTEGER || index->bits_allocated > 32) {
        return LAYER_R32F;
    }
    if (index->bits_allocated <= 8) {
        return index->is_signed ? LAYER_R8I : LAYER_R8UI;
    }
    if (index->bits_allocated <= 16) {
        return index->is_signed ? LAYER_R16I : LAYER_R16UI;
    }
    return index->is_signed ? LAYER_R32I : LAYER_R32UI;
}

static bool
window_usable(const struct dicom_window *windows, uint32_t count)
{
    return count > 0 && isfinite(windows[0].center)
        && isfinite(windows[0].width) && windows[0].width >= 1;
}

bool
frame_needs_range(const struct dicom_index *index, uint32_t frame)
{
    const struct dicom_frame *f = &index->frames[frame];

    return !frame_is_colour(index)
        && !window_usable(f->windows, f->nwindows)
        && !window_usable(index->windows, index->nwindows);
}

static bool
frame_pread(int fd, uint8_t *data, size_t size, uint64_t offset,
    struct frame_error *error)
{
    while (size > 0) {
        ssize_t n = pread(fd, data, size, (off_t) offset);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return frame_fail(error, "frame-not-decodable",
                "the stored file cannot be read");
        }
        if (n == 0) {
            return frame_fail(error, "frame-not-decodable",
                "the stored file ends before the frame does");
        }
        data += n;
        size -= (size_t) n;
        offset += (uint64_t) n;
    }
    return true;
}

static int
frame_open(const struct frame_source *source, const struct frame_ref *ref,
    struct frame_error *error)
{
    int fd = objects_open(source->objects, ref->location,
        ref->index->nframes > 1);

    if (fd >= 0) {
        return fd;
    }
    if (errno == ENOENT || errno == ENOTDIR) {
        frame_fail(error, "frame-not-decodable",
            "the stored file is gone, its series may have been deleted");
    } else if (errno == EMFILE || errno == ENFILE) {
        frame_fail(error, "busy", "too many open files");
    } else {
        frame_fail(error, "frame-not-decodable",
            "the stored file cannot be opened");
    }
    return -1;
}

static bool
frame_decode(const struct frame_source *source, const struct frame_ref *ref,
    int fd, void *pixels, size_t size, uint8_t *photometric,
    struct frame_error *error)
{
    struct decoder_error why = { 0 };

    if (decoder_frame(source->decoder, fd, ref->user, ref->index, ref->frame,
            pixels, size, photometric, &why))
    {
        return true;
    }

    why.detail[sizeof(why.detail) - 1] = '\0';
    switch (why.status) {
    case DECODER_UNAVAILABLE:
        return frame_fail(error, "decoder-unavailable",
            "no decoder process can be had");
    case DECODER_TIMEOUT:
        return frame_fail(error, "frame-not-decodable",
            "decoding the frame took too long");
    case DECODER_CRASHED:
        return frame_fail(error, "frame-not-decodable",
            why.detail[0] != '\0' ? why.detail
                : "the decoder died of this frame");
    default:
        return frame_fail(error, "frame-not-decodable",
            why.detail[0] != '\0' ? why.detail
                : "the frame cannot be decoded");
    }
}

bool
frame_read(const struct frame_source *source, const struct frame_ref *ref,
    void *pixels, uint8_t *photometric, struct frame_error *error)
{
    const struct dicom_index *index = ref->index;
    const struct dicom_frame *frame = &index->frames[ref->frame];
    size_t size = index_frame_size(index);

    int fd = frame_open(source, ref, error);
    if (fd < 0) {
        return false;
    }

    bool ok;
    *photometric = index->photometric;
    if (index->storage != STORAGE_NATIVE) {
        ok = frame_decode(source, ref, fd, pixels, size, photometric, error);
    } else if (frame->length < size) {
        ok = frame_fail(error, "frame-not-decodable",
            "the frame is shorter than its rows and columns need");
    } else {
        ok = frame_pread(fd, pixels, size, frame->offset, error);
    }
    objects_close(source->objects, fd);
    return ok;
}

/* Whether the file has the samples as such, in the order of this machine. */
static bool
frame_is_plain(const struct dicom_index *index)
{
    return strcmp(index->transfer_syntax, "1.2.840.10008.1.2") == 0
        || strcmp(index->transfer_syntax, "1.2.840.10008.1.2.1") == 0;
}

/* A frame of single bits begins within a byte: makes its first one the first. */
static void
frame_shift(const struct dicom_index *index, uint32_t frame, uint8_t *data,
    size_t *length)
{
    uint64_t bits = (uint64_t) index->rows * index->columns * index->samples;
    unsigned shift = (unsigned) (bits % 8 * (frame % 8) % 8);
    size_t bytes = (size_t) (bits + 7) / 8;

    for (size_t i = 0; shift > 0 && i < *length; i++) {
        data[i] = (uint8_t) (data[i] >> shift
            | (i + 1 < *length ? data[i + 1] << (8 - shift) : 0));
    }
    if (*length > bytes) {
        *length = bytes;
    }
    if (bits % 8 != 0 && *length == bytes) {
        data[bytes - 1] &= (uint8_t) ((1u << bits % 8) - 1);
    }
}

/* Bytes of 0 and 1 as the bits that the file says they are. */
static void
frame_pack(uint8_t *data, size_t *length)
{
    size_t count = *length;

    *length = (count + 7) / 8;
    for (size_t i = 0; i < *length; i++) {
        uint8_t byte = 0;

        for (size_t k = 0; k < 8 && 8 * i + k < count; k++) {
            byte |= (uint8_t) ((data[8 * i + k] & 1u) << k);
        }
        data[i] = byte;
    }
}

static bool
frame_bytes(const struct frame_source *source, const struct frame_ref *ref,
    uint8_t *data, size_t *length, struct frame_error *error)
{
    const struct dicom_index *index = ref->index;
    const struct dicom_frame *frame = &index->frames[ref->frame];
    int fd = frame_open(source, ref, error);

    if (fd < 0) {
        return false;
    }
    bool ok = frame_pread(fd, data, *length, frame->offset, error);
    objects_close(source->objects, fd);
    if (!ok) {
        return false;
    }
    if (frame_is_plain(index)) {
        if (index->bits_allocated == 1) {
            frame_shift(index, ref->frame, data, length);
        }
        return true;
    }
    *length = fragments_join(data, *length);
    return *length > 0 || frame_fail(error, "frame-not-decodable",
        "the frame's fragments are malformed");
}

bool
frame_place(const struct frame_source *source, const struct frame_ref *ref,
    bool decoded, uint64_t *offset, uint64_t *length)
{
    const struct dicom_frame *frame = &ref->index->frames[ref->frame];
    bool plain = frame_is_plain(ref->index), ok = false;
    struct frame_error error;
    struct stat st;
    uint8_t head[8] = { 0 };
    int fd, skip = 0;

    if (plain ? ref->index->bits_allocated == 1 : decoded) {
        return false;
    }
    fd = frame_open(source, ref, &error);
    if (fd < 0) {
        return false;
    }
    if (frame->length > 0 && fstat(fd, &st) == 0
        && frame->offset <= (uint64_t) st.st_size
        && frame->length <= (uint64_t) st.st_size - frame->offset
        && (plain || frame->length < sizeof(head)
            || frame_pread(fd, head, sizeof(head), frame->offset, &error)))
    {
        skip = plain ? 0 : fragments_whole(head, frame->length);
        ok = skip >= 0 && frame->length > (uint64_t) skip;
    }
    objects_close(source->objects, fd);
    if (ok) {
        *offset = frame->offset + (uint64_t) skip;
        *length = frame->length - (uint64_t) skip;
    }
    return ok;
}

bool
frame_stored(const struct frame_source *source, const struct frame_ref *ref,
    bool decoded, uint8_t **data, size_t *length, struct frame_error *error)
{
    const struct dicom_index *index = ref->index;
    bool plain = frame_is_plain(index), ok;
    uint64_t size = plain || !decoded ? index->frames[ref->frame].length
        : index_frame_size(index);
    uint8_t photometric;

    if (size > WIRE_MAX_CONTENT) {
        return frame_fail(error, "frame-not-decodable",
            "the frame is too large for one answer");
    }
    *length = (size_t) size;
    *data = malloc(*length + 1);
    if (*data == NULL) {
        return frame_fail(error, "busy", "memory is short");
    }
    if (plain || !decoded) {
        ok = frame_bytes(source, ref, *data, length, error);
    } else {
        ok = frame_read(source, ref, *data, &photometric, error);
        if (ok && index->bits_allocated == 1) {
            frame_pack(*data, length);
        }
    }
    if (!ok) {
        free(*data);
        *data = NULL;
    }
    return ok;
}

void
frame_prefetch(const struct frame_source *source, const struct frame_ref *ref)
{
    const struct dicom_frame *frame = &ref->index->frames[ref->frame];
    int fd = objects_open(source->objects, ref->location,
        ref->index->nframes > 1);

    if (fd >= 0) {
        posix_fadvise(fd, (off_t) frame->offset, (off_t) frame->length,
            POSIX_FADV_WILLNEED);
        objects_close(source->objects, fd);
    }
}

/* How raw integer samples become stored values. */
struct sample_bits {
    unsigned  shift;
    uint32_t  mask;
    uint32_t  sign;             /* the sign bit, 0: unsigned */
};

static struct sample_bits
sample_bits(const struct dicom_index *index)
{
    unsigned stored = index->bits_stored, high = index->high_bit;
    unsigned allocated = index->bits_allocated < 8 ? 8 : index->bits_allocated;

    if (stored == 0 || stored > allocated || stored > 32) {
        stored = allocated > 32 ? 32 : allocated;
        high = stored - 1;
    }
    return (struct sample_bits) {
        .shift = high + 1 >= stored && high < allocated ? high + 1 - stored : 0,
        .mask = stored == 32 ? UINT32_MAX : (1u << stored) - 1,
        .sign = index->is_signed ? 1u << (stored - 1) : 0,
    };
}

static inline int64_t
sample_value(struct sample_bits bits, uint32_t raw)
{
    raw = raw >> bits.shift & bits.mask;
    return (int64_t) (raw ^ bits.sign) - (int64_t) bits.sign;
}

double
frame_sample(const struct dicom_index *index, const void *pixels, size_t i)
{
    if (index->sample == SAMPLE_DOUBLE) {
        return ((const double *) pixels)[i];
    }
    if (index->sample == SAMPLE_FLOAT) {
        return (double) ((const float *) pixels)[i];
    }
    if (index->bits_allocated == 64) {
        return index->is_signed ? (double) ((const int64_t *) pixels)[i]
            : (double) ((const uint64_t *) pixels)[i];
    }

    struct sample_bits bits = sample_bits(index);
    uint32_t raw = index->bits_allocated <= 8 ? ((const uint8_t *) pixels)[i]
        : index->bits_allocated <= 16 ? ((const uint16_t *) pixels)[i]
        : ((const uint32_t *) pixels)[i];

    return (double) sample_value(bits, raw);
}

/* Extremes of 16-bit samples: the common case, worth vectors. */
MULTIVERSION static void
range_16(const uint16_t *restrict samples, size_t count,
    struct sample_bits bits, struct frame_range *range)
{
    int32_t lowest = INT32_MAX, highest = INT32_MIN;

    for (size_t i = 0; i < count; i++) {
        uint32_t raw = (uint32_t) samples[i] >> bits.shift & bits.mask;
        int32_t value = (int32_t) (raw ^ bits.sign) - (int32_t) bits.sign;

        lowest = value < lowest ? value : lowest;
        highest = value > highest ? value : highest;
    }
    range->lowest = lowest;
    range->highest = highest;
}

static void
frame_extremes(const struct dicom_index *index, const void *pixels,
    struct frame_range *range)
{
    size_t count = (size_t) index->rows * index->columns;

    if (index->sample == SAMPLE_INTEGER && index->bits_allocated == 16) {
        range_16(pixels, count, sample_bits(index), range);
        return;
    }

    double lowest = DBL_MAX, highest = -DBL_MAX;
    for (size_t i = 0; i < count; i++) {
        double value = frame_sample(index, pixels, i);

        if (!isfinite(value)) {
            continue;
        }
        lowest = value < lowest ? value : lowest;
        highest = value > highest ? value : highest;
    }
    if (lowest > highest) {
        lowest = highest = 0;
    }
    range->lowest = lowest;
    range->highest = highest;
}

static inline uint8_t
to_byte(double value)
{
    return value <= 0 ? 0 : value >= 255 ? 255 : (uint8_t) (value + 0.5);
}

/* Colour samples wider than 8 bits are scaled, not cut. */
static void
colour_to_8(const struct dicom_index *index, const void *pixels,
    uint8_t *out, size_t count)
{
    struct sample_bits bits = sample_bits(index);
    double scale = 255.0 / bits.mask;

    bits.sign = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t raw = index->bits_allocated <= 8
            ? ((const uint8_t *) pixels)[i]
            : index->bits_allocated <= 16 ? ((const uint16_t *) pixels)[i]
            : ((const uint32_t *) pixels)[i];

        out[i] = to_byte((double) sample_value(bits, raw) * scale);
    }
}

/* PS3.3 C.7.6.3.1.2: BT.601, of full range or, "partial", of studio range */
static void
ybr_to_rgb(const uint8_t *ybr, uint8_t *rgba, size_t count, bool partial)
{
    double ky = partial ? 255.0 / 219 : 1, kc = partial ? 255.0 / 224 : 1;
    double y0 = partial ? 16 : 0;

    for (size_t i = 0; i < count; i++, ybr += 3, rgba += 4) {
        double y = ky * (ybr[0] - y0);
        double cb = kc * (ybr[1] - 128.0), cr = kc * (ybr[2] - 128.0);

        rgba[0] = to_byte(y + 1.402 * cr);
        rgba[1] = to_byte(y - 0.344136286 * cb - 0.714136286 * cr);
        rgba[2] = to_byte(y + 1.772 * cb);
        rgba[3] = 255;
    }
}

static void
rgb_to_rgba(const uint8_t *restrict rgb, uint8_t *restrict rgba, size_t count)
{
    for (size_t i = 0; i < count; i++, rgb += 3, rgba += 4) {
        rgba[0] = rgb[0];
        rgba[1] = rgb[1];
        rgba[2] = rgb[2];
        rgba[3] = 255;
    }
}

static bool
frame_colour(const struct dicom_index *index, uint8_t photometric,
    const void *pixels, uint8_t *rgba, struct frame_error *error)
{
    size_t count = (size_t) index->rows * index->columns;
    const uint8_t *samples = pixels;
    uint8_t *narrow = NULL;

    if (index->sample != SAMPLE_INTEGER || index->bits_allocated > 32) {
        return frame_fail(error, "frame-not-decodable",
            "colour of floating-point samples is not defined");
    }
    if (index->bits_allocated != 8 || index->bits_stored != 8) {
        narrow = malloc(count * 3);
        if (narrow == NULL) {
            return frame_fail(error, "busy", "memory is short");
        }
        colour_to_8(index, pixels, narrow, count * 3);
        samples = narrow;
    }

    switch (photometric) {
    case PHOTOMETRIC_YBR_FULL:
    case PHOTOMETRIC_YBR_FULL_422:
    case PHOTOMETRIC_YBR_ICT:
        ybr_to_rgb(samples, rgba, count, false);
        break;
    case PHOTOMETRIC_YBR_PARTIAL_420:
    case PHOTOMETRIC_YBR_PARTIAL_422:
        ybr_to_rgb(samples, rgba, count, true);
        break;
    default:
        /* YBR_RCT is undone by the codec, which knows its extra bit */
        rgb_to_rgba(samples, rgba, count);
        break;
    }
    free(narrow);
    return true;
}

/* PS3.3 C.7.9: outside the table its first or last entry counts. */
static bool
frame_palette(const struct dicom_index *index, const void *pixels,
    uint8_t *rgba, struct frame_error *error)
{
    size_t count = (size_t) index->rows * index->columns;

    if (index->sample != SAMPLE_INTEGER || index->bits_allocated > 32) {
        return frame_fail(error, "frame-not-decodable",
            "a palette needs integer samples");
    }
    for (unsigned c = 0; c < 3; c++) {
        if (index->palette[c].count == 0) {
            return frame_fail(error, "frame-not-decodable",
                "the palette is missing");
        }
    }

    for (size_t i = 0; i < count; i++, rgba += 4) {
        int64_t value = (int64_t) frame_sample(index, pixels, i);

        for (unsigned c = 0; c < 3; c++) {
            const struct dicom_lut *lut = &index->palette[c];
            int64_t entry = value - lut->first;

            entry = entry < 0 ? 0
                : entry >= lut->count ? (int64_t) lut->count - 1 : entry;
            rgba[c] = (uint8_t) (lut->bits > 8 ? lut->data[entry] >> 8
                : lut->data[entry]);
        }
        rgba[3] = 255;
    }
    return true;
}

static void
frame_to_float(const struct dicom_index *index, const void *pixels,
    float *texels)
{
    size_t count = (size_t) index->rows * index->columns;

    for (size_t i = 0; i < count; i++) {
        texels[i] = (float) frame_sample(index, pixels, i);
    }
}

bool
frame_load(const struct frame_source *source, const struct frame_ref *ref,
    void *texels, struct frame_range *range, struct frame_error *error)
{
    const struct dicom_index *index = ref->index;
    enum layer_format format = frame_format(index);
    bool converts = format == LAYER_RGBA8
        || (format == LAYER_R32F && index->sample != SAMPLE_FLOAT);
    void *pixels = converts ? malloc(index_frame_size(index)) : texels;
    uint8_t photometric;

    if (pixels == NULL) {
        return frame_fail(error, "busy", "memory is short");
    }

    bool ok = frame_read(source, ref, pixels, &photometric, error);
    if (!ok) {
        goto done;
    }
    if (format == LAYER_RGBA8) {
        ok = index->samples == 3
            ? frame_colour(index, photometric, pixels, texels, error)
            : frame_palette(index, pixels, texels, error);
    } else if (converts) {
        frame_to_float(index, pixels, texels);
    }
    if (ok && range != NULL) {
        frame_extremes(index, pixels, range);
    }

done:
    if (converts) {
        free(pixels);
    }
    return ok;
}
