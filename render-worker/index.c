/*
 * The encoded form is "DIX1", the length of what follows before compression,
 * and a zlib stream (of a small one: stored, not compressed) of little-endian
 * fields in the order of the structs.  Text is a length byte and its bytes.  A
 * frame says with one mask what differs from the frame before it.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "index.h"
#include "index_values.h"
#include "pack.h"

#define INDEX_HEADER        8u
#define INDEX_MAX_RAW       (64u * 1024 * 1024)
#define INDEX_SMALL         1024u       /* bytes not worth compressing */
#define INDEX_MAX_VOI_LUTS  16u
#define INDEX_MAX_FRAME     ((uint64_t) 1 << 40)

/* What a frame has that the one before has not. */
enum frame_mask {
    FRAME_OFFSET = 1,           /* does not begin where the last one ended */
    FRAME_LENGTH = 2,
    FRAME_POSITION = 4,
    FRAME_ORIENTATION = 8,
    FRAME_SPACING = 16,
    FRAME_RESCALE = 32,
    FRAME_TIME = 64,            /* only in old ones */
    FRAME_WINDOWS = 128
};

enum index_block {
    BLOCK_OVERLAYS = 'O',       /* the groups of the overlays */
    BLOCK_SHUTTER = 'S',
    BLOCK_PRESENTATION = 'P'
};

void
index_finish(struct dicom_index *index)
{
    free(index->modality_lut.data);
    for (uint32_t i = 0; i < index->nvoi_luts; i++) {
        free(index->voi_luts[i].data);
    }
    free(index->voi_luts);
    for (uint32_t i = 0; i < index->nframe_luts; i++) {
        free(index->frame_luts[i].data);
    }
    free(index->frame_luts);
    for (unsigned i = 0; i < 3; i++) {
        free(index->palette[i].data);
    }
    for (uint32_t i = 0; i < index->noverlays; i++) {
        free(index->overlays[i].bits);
    }
    free(index->overlays);
    free(index->regions);
    free(index->shutter.points);
    presentation_destroy(index->presentation);
    free(index->frames);
    memset(index, 0, sizeof(*index));
}


uint64_t
index_frame_size(const struct dicom_index *index)
{
    uint64_t bytes = index->bits_allocated <= 8 ? 1 : index->bits_allocated / 8;

    return (uint64_t) index->rows * index->columns * index->samples * bytes;
}


/* Encoding */

static void
put_frame(struct writer *w, const struct dicom_frame *f,
    const struct dicom_frame *last)
{
    unsigned  mask = 0;

    mask |= f->offset != last->offset + last->length ? FRAME_OFFSET : 0;
    mask |= f->length != last->length ? FRAME_LENGTH : 0;
    mask |= memcmp(f->position, last->position, sizeof(f->position)) != 0
        || f->has_position != last->has_position ? FRAME_POSITION : 0;
    mask |= memcmp(f->orientation, last->orientation,
        sizeof(f->orientation)) != 0 ? FRAME_ORIENTATION : 0;
    mask |= memcmp(f->spacing, last->spacing, sizeof(f->spacing)) != 0
        || f->has_spacing != last->has_spacing ? FRAME_SPACING : 0;
    mask |= f->slope != last->slope || f->intercept != last->intercept
        ? FRAME_RESCALE : 0;
    mask |= f->nwindows != last->nwindows
        || memcmp(f->windows, last->windows,
            f->nwindows * sizeof(f->windows[0])) != 0 ? FRAME_WINDOWS : 0;

    put_number(w, mask, 1);
    if (mask & FRAME_OFFSET) {
        put_number(w, f->offset, 8);
    }
    if (mask & FRAME_LENGTH) {
        put_number(w, f->length, 8);
    }
    if (mask & FRAME_POSITION) {
        put_number(w, f->has_position, 1);
        put_doubles(w, f->position, 3);
    }
    if (mask & FRAME_ORIENTATION) {
        put_doubles(w, f->orientation, 6);
    }
    if (mask & FRAME_SPACING) {
        put_number(w, f->has_spacing, 1);
        put_doubles(w, f->spacing, 2);
    }
    if (mask & FRAME_RESCALE) {
        put_double(w, f->slope);
        put_double(w, f->intercept);
    }
    if (mask & FRAME_WINDOWS) {
        put_windows(w, f->windows, f->nwindows);
    }
}


/*
 * What came later follows the frames in blocks of a tag, a length and that many
 * bytes; a reader passes over those that it does not know.
 */
static void
put_block(struct writer *w, unsigned tag, struct writer *block)
{
    if (block->length > 0 || block->failed) {
        put_number(w, tag, 1);
        put_number(w, block->length, 4);
        put_bytes(w, block->data, block->length);
        w->failed = w->failed || block->failed;
    }
    free(block->data);
}


static void
put_blocks(struct writer *w, const struct dicom_index *x)
{
    struct writer  overlays = { 0 }, shutter = { 0 }, presentation = { 0 };

    for (uint32_t i = 0; i < x->noverlays; i++) {
        put_number(&overlays, x->overlays[i].group, 2);
    }
    if (x->shutter.shapes != 0) {
        put_shutter(&shutter, &x->shutter);
    }
    if (x->presentation != NULL) {
        presentation_put(&presentation, x->presentation);
    }
    put_block(w, BLOCK_OVERLAYS, &overlays);
    put_block(w, BLOCK_SHUTTER, &shutter);
    put_block(w, BLOCK_PRESENTATION, &presentation);

    for (const char *tag = VALUES_TAGS; *tag != '\0'; tag++) {
        struct writer  values = { 0 };

        values_put(&values, (unsigned char) *tag, x);
        put_block(w, (unsigned char) *tag, &values);
    }
}


static void
put_index(struct writer *w, const struct dicom_index *x)
{
    struct dicom_frame  none = { .slope = 1 };

    put_text(w, x->instance_uid, sizeof(x->instance_uid));
    put_text(w, x->sop_class, sizeof(x->sop_class));
    put_text(w, x->transfer_syntax, sizeof(x->transfer_syntax));
    put_text(w, x->frame_of_reference, sizeof(x->frame_of_reference));
    put_text(w, x->modality, sizeof(x->modality));
    put_number(w, (uint32_t) x->instance_number, 4);
    put_number(w, x->rows, 4);
    put_number(w, x->columns, 4);
    put_number(w, x->nframes, 4);
    put_number(w, x->samples, 2);
    put_number(w, x->bits_allocated, 2);
    put_number(w, x->bits_stored, 2);
    put_number(w, x->high_bit, 2);
    put_number(w, x->is_signed, 1);
    put_number(w, x->planar, 1);
    put_number(w, x->photometric, 1);
    put_number(w, x->storage, 1);
    put_number(w, x->sample, 1);
    put_number(w, x->voi_function, 1);
    put_number(w, x->lossy, 1);
    put_number(w, x->inverse_lut_shape, 1);
    put_number(w, x->rescale_ignored, 1);
    put_number(w, x->has_padding, 1);
    put_number(w, (uint32_t) x->padding_first, 4);
    put_number(w, (uint32_t) x->padding_last, 4);
    put_text(w, x->rescale_type, sizeof(x->rescale_type));
    put_text(w, x->patient_orientation[0], sizeof(x->patient_orientation[0]));
    put_text(w, x->patient_orientation[1], sizeof(x->patient_orientation[1]));
    put_text(w, x->laterality, sizeof(x->laterality));
    put_double(w, x->pixel_aspect);
    put_double(w, x->frame_time);
    put_double(w, x->slice_thickness);
    put_double(w, x->gantry_tilt);
    put_windows(w, x->windows, x->nwindows);

    put_lut(w, &x->modality_lut);
    put_number(w, x->nvoi_luts, 1);
    for (uint32_t i = 0; i < x->nvoi_luts; i++) {
        put_lut(w, &x->voi_luts[i]);
    }
    for (unsigned i = 0; i < 3; i++) {
        put_lut(w, &x->palette[i]);
    }
    put_number(w, x->noverlays, 1);
    for (uint32_t i = 0; i < x->noverlays; i++) {
        put_overlay(w, &x->overlays[i]);
    }

    for (uint32_t i = 0; i < x->nframes; i++) {
        put_frame(w, &x->frames[i], i == 0 ? &none : &x->frames[i - 1]);
    }
    put_blocks(w, x);
}


bool
index_encode(const struct dicom_index *index, uint8_t **data, size_t *length)
{
    struct writer  w = { 0 };
    uint8_t       *packed = NULL;
    uLongf         size;

    put_index(&w, index);
    if (w.failed || w.length > INDEX_MAX_RAW) {
        goto error;
    }

    size = compressBound(w.length);
    packed = malloc(INDEX_HEADER + size);
    if (packed == NULL) {
        goto error;
    }

    memcpy(packed, "DIX1", 4);
    for (unsigned i = 0; i < 4; i++) {
        packed[4 + i] = (uint8_t) (w.length >> (8 * i));
    }
    /* the first picture waits for all of a series, which may be thousands */
    if (compress2(packed + INDEX_HEADER, &size, w.data, w.length,
            w.length <= INDEX_SMALL ? 0 : 6) != Z_OK)
    {
        goto error;
    }

    free(w.data);
    *data = packed;
    *length = INDEX_HEADER + size;
    return true;

error:
    free(packed);
    free(w.data);
    return false;
}


/* Decoding: after the first error every read gives zero. */

static void
get_frame(struct reader *r, struct dicom_frame *f,
    const struct dicom_frame *last)
{
    unsigned  mask = get_number(r, 1);

    *f = *last;
    f->offset = mask & FRAME_OFFSET ? get_number(r, 8)
        : last->offset + last->length;
    if (mask & FRAME_LENGTH) {
        f->length = get_number(r, 8);
    }
    if (mask & FRAME_POSITION) {
        f->has_position = get_bounded(r, 1, 1, "index has no position flag");
        get_doubles(r, f->position, 3);
    }
    if (mask & FRAME_ORIENTATION) {
        get_doubles(r, f->orientation, 6);
    }
    if (mask & FRAME_SPACING) {
        f->has_spacing = get_bounded(r, 1, 1, "index has no spacing flag");
        get_doubles(r, f->spacing, 2);
    }
    if (mask & FRAME_RESCALE) {
        f->slope = get_double(r);
        f->intercept = get_double(r);
    }
    if (mask & FRAME_TIME) {
        f->dimensions[DIM_TIME] = get_double(r);
        f->known = 1u << DIM_TIME;
    }
    if (mask & FRAME_WINDOWS) {
        memset(f->windows, 0, sizeof(f->windows));
        f->nwindows = get_windows(r, f->windows,
            sizeof(f->windows) / sizeof(f->windows[0]));
    }
}


static void
get_picture(struct reader *r, struct dicom_index *x)
{
    x->instance_number = (int32_t) (uint32_t) get_number(r, 4);
    x->rows = get_bounded(r, 4, INDEX_MAX_DIMENSION, "too many rows");
    x->columns = get_bounded(r, 4, INDEX_MAX_DIMENSION, "too many columns");
    x->nframes = get_bounded(r, 4, INDEX_MAX_FRAMES, "too many frames");
    x->samples = get_number(r, 2);
    x->bits_allocated = get_number(r, 2);
    x->bits_stored = get_number(r, 2);
    x->high_bit = get_number(r, 2);
    x->is_signed = get_bounded(r, 1, 1, "sign is neither 0 nor 1");
    x->planar = get_bounded(r, 1, 1, "planar configuration is not 0 or 1");
    x->photometric = get_bounded(r, 1, PHOTOMETRIC_YBR_PARTIAL_422,
        "unknown photometric interpretation");
    x->storage = get_bounded(r, 1, STORAGE_CHILD, "unknown storage");
    x->sample = get_bounded(r, 1, SAMPLE_DOUBLE, "unknown kind of sample");
    x->voi_function = get_bounded(r, 1, VOI_SIGMOID, "unknown VOI function");
    x->lossy = get_bounded(r, 1, 1, "lossy is neither 0 nor 1");
    x->inverse_lut_shape = get_bounded(r, 1, 1, "LUT shape is not 0 or 1");
    x->rescale_ignored = get_bounded(r, 1, 1, "rescale flag is not 0 or 1");
    x->has_padding = get_bounded(r, 1, 1, "padding flag is not 0 or 1");
    x->padding_first = (int32_t) (uint32_t) get_number(r, 4);
    x->padding_last = (int32_t) (uint32_t) get_number(r, 4);
}


static void
get_tables(struct reader *r, struct dicom_index *x)
{
    uint32_t  count;

    get_lut(r, &x->modality_lut);

    count = get_bounded(r, 1, INDEX_MAX_VOI_LUTS, "too many VOI LUTs");
    if (count > 0) {
        x->voi_luts = calloc(count, sizeof(x->voi_luts[0]));
        if (x->voi_luts == NULL) {
            get_fail(r, "out of memory");
            return;
        }
        x->nvoi_luts = count;
    }
    for (uint32_t i = 0; i < count; i++) {
        get_lut(r, &x->voi_luts[i]);
    }

    for (unsigned i = 0; i < 3; i++) {
        get_lut(r, &x->palette[i]);
    }

    count = get_bounded(r, 1, TABLES_MAX_OVERLAYS, "too many overlays");
    if (count > 0) {
        x->overlays = calloc(count, sizeof(x->overlays[0]));
        if (x->overlays == NULL) {
            get_fail(r, "out of memory");
            return;
        }
        x->noverlays = count;
    }
    for (uint32_t i = 0; i < count; i++) {
        x->overlays[i].group = (uint16_t) (0x6000 + 2 * i);
        get_overlay(r, &x->overlays[i]);
    }
}


static const char *
check_layout(const struct dicom_index *x)
{
    unsigned  samples, bits = x->bits_allocated;

    if (x->rows == 0 || x->columns == 0) {
        return "a picture has no rows or no columns";
    }
    if (x->storage == STORAGE_NONE || x->photometric == PHOTOMETRIC_NONE) {
        return "a picture has no storage or no photometric interpretation";
    }
    samples = x->photometric <= PHOTOMETRIC_PALETTE ? 1 : 3;
    if (x->samples != samples) {
        return "samples and photometric interpretation contradict";
    }
    if (bits != 1 && bits != 8 && bits != 16 && bits != 32 && bits != 64) {
        return "bits allocated is not 1, 8, 16, 32 or 64";
    }
    if ((x->sample == SAMPLE_FLOAT && bits != 32)
        || (x->sample == SAMPLE_DOUBLE && bits != 64))
    {
        return "floating-point samples have another width";
    }
    if (x->bits_stored == 0 || x->bits_stored > bits || x->high_bit >= bits
        || x->high_bit + 1 < x->bits_stored)
    {
        return "bits stored and high bit do not fit bits allocated";
    }
    if (x->storage == STORAGE_NATIVE && (bits == 1 || x->planar)) {
        return "one-bit or planar pixels cannot be read as they are";
    }
    if (index_frame_size(x) > INDEX_MAX_FRAME) {
        return "a frame is too large";
    }
    return NULL;
}


static const char *
check_spans(const struct dicom_index *x, uint64_t file_size)
{
    uint64_t  size = index_frame_size(x);

    if (strcmp(x->transfer_syntax, "1.2.840.10008.1.2.1.99") == 0) {
        file_size = 0;
    }

    for (uint32_t i = 0; i < x->nframes; i++) {
        const struct dicom_frame *f = &x->frames[i];

        if (f->length == 0 || f->offset > UINT64_MAX - f->length) {
            return "a frame has no length or an impossible one";
        }
        if (file_size != 0 && f->offset + f->length > file_size) {
            return "a frame lies beyond the end of the file";
        }
        if (x->storage == STORAGE_NATIVE && f->length != size) {
            return "a frame has another length than its rows and columns";
        }
    }
    return NULL;
}


static void
get_block(struct reader *r, struct dicom_index *x)
{
    unsigned       tag = get_number(r, 1);
    uint32_t       length = get_number(r, 4);
    struct reader  block = { r->data, r->data, NULL };

    if (length > (size_t) (r->end - r->data)) {
        get_fail(r, "index is cut short");
        return;
    }
    block.end += length;

    switch (tag) {
    case BLOCK_OVERLAYS:
        for (uint32_t i = 0; i < x->noverlays; i++) {
            x->overlays[i].group = get_number(&block, 2);
        }
        break;
    case BLOCK_SHUTTER:
        if (x->shutter.points == NULL) {
            get_shutter(&block, &x->shutter);
        }
        break;
    case BLOCK_PRESENTATION:
        if (x->presentation == NULL) {
            x->presentation = presentation_get(&block);
        }
        break;
    default:
        if (!values_get(&block, tag, x)) {
            block.data = block.end;
        }
        break;
    }

    if (block.error != NULL || block.data != block.end) {
        get_fail(r, block.error != NULL ? block.error
            : "a block of the index has another length");
    }
    r->data = r->error != NULL ? r->end : block.end;
}


static void
get_index(struct reader *r, struct dicom_index *x)
{
    static const struct dicom_frame  none = { .slope = 1 };

    get_text(r, x->instance_uid, sizeof(x->instance_uid));
    get_text(r, x->sop_class, sizeof(x->sop_class));
    get_text(r, x->transfer_syntax, sizeof(x->transfer_syntax));
    get_text(r, x->frame_of_reference, sizeof(x->frame_of_reference));
    get_text(r, x->modality, sizeof(x->modality));
    get_picture(r, x);
    get_text(r, x->rescale_type, sizeof(x->rescale_type));
    get_text(r, x->patient_orientation[0], sizeof(x->patient_orientation[0]));
    get_text(r, x->patient_orientation[1], sizeof(x->patient_orientation[1]));
    get_text(r, x->laterality, sizeof(x->laterality));
    x->pixel_aspect = get_double(r);
    x->frame_time = get_double(r);
    x->slice_thickness = get_double(r);
    x->gantry_tilt = get_double(r);
    x->nwindows = get_windows(r, x->windows, INDEX_MAX_WINDOWS);
    get_tables(r, x);

    if (r->error == NULL && (x->voi_function == 0 || x->pixel_aspect <= 0)) {
        get_fail(r, "VOI function or pixel aspect is missing");
    }
    /* each frame takes one byte at least, which bounds the allocation */
    if (r->error != NULL || x->nframes > (size_t) (r->end - r->data)) {
        get_fail(r, "index is cut short");
        return;
    }
    if (x->nframes > 0) {
        x->frames = calloc(x->nframes, sizeof(x->frames[0]));
        if (x->frames == NULL) {
            get_fail(r, "out of memory");
            return;
        }
    }
    for (uint32_t i = 0; i < x->nframes && r->error == NULL; i++) {
        get_frame(r, &x->frames[i], i == 0 ? &none : &x->frames[i - 1]);
    }
    while (r->error == NULL && r->data != r->end) {
        get_block(r, x);
    }
}


bool
index_decode(struct dicom_index *index, const uint8_t *data, size_t length,
    uint64_t file_size, const char **error)
{
    struct reader  r = { 0 };
    uint8_t       *raw = NULL;
    uLongf         size = 0;

    memset(index, 0, sizeof(*index));

    if (length < INDEX_HEADER || memcmp(data, "DIX1", 4) != 0) {
        *error = "no index, or one of another version";
        return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        size |= (uLongf) data[4 + i] << (8 * i);
    }
    if (size == 0 || size > INDEX_MAX_RAW) {
        *error = "index has an impossible length";
        return false;
    }

    raw = malloc(size);
    if (raw == NULL) {
        *error = "out of memory";
        return false;
    }

    r.data = raw;
    r.end = raw + size;
    if (uncompress(raw, &size, data + INDEX_HEADER, length - INDEX_HEADER)
        != Z_OK || raw + size != r.end)
    {
        r.error = "index is damaged";
        goto done;
    }

    get_index(&r, index);
    if (r.error == NULL && index->nframes > 0) {
        r.error = check_layout(index);
        if (r.error == NULL) {
            r.error = check_spans(index, file_size);
        }
    }

done:
    free(raw);
    if (r.error != NULL) {
        index_finish(index);
        *error = r.error;
        return false;
    }
    return true;
}
