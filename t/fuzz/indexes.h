/*
 * Indexes made of an input's bytes: valid ones of small pictures, in every
 * layout that index.h knows, and the same with some bytes changed beneath the
 * compression, where a fuzzer cannot reach.
 */

#ifndef T_FUZZ_INDEXES_H
#define T_FUZZ_INDEXES_H

#include <math.h>
#include <zlib.h>

#include "fuzz.h"
#include "index.h"

#define INDEXES_MAX_RAW  (1024u * 1024)


static inline void
make_lut(struct fuzz *f, struct dicom_lut *lut)
{
    uint32_t  count = (uint32_t) fuzz_number(f, 1);

    memset(lut, 0, sizeof(*lut));
    if (count == 0) {
        return;
    }
    lut->count = count == 255 && fuzz_number(f, 1) == 7 ? 65536 : count;
    lut->first = (int16_t) (uint16_t) fuzz_number(f, 2);
    lut->bits = 1 + (uint16_t) fuzz_number(f, 1) % 16;
    lut->data = malloc(lut->count * sizeof(lut->data[0]));
    fuzz_check(lut->data != NULL);
    for (uint32_t i = 0; i < lut->count; i++) {
        lut->data[i] = (uint16_t) (i ^ fuzz_number(f, i < 8 ? 2 : 0));
    }
}


static inline void
make_overlay(struct fuzz *f, struct dicom_overlay *o)
{
    o->rows = 1 + (uint16_t) fuzz_number(f, 1) % 32;
    o->columns = 1 + (uint16_t) fuzz_number(f, 1) % 32;
    o->origin_row = (int8_t) fuzz_number(f, 1);
    o->origin_column = (int8_t) fuzz_number(f, 1);
    o->frames = 1 + (uint32_t) fuzz_number(f, 1) % 4;
    o->first_frame = (uint32_t) fuzz_number(f, 1) % 4;
    o->bit_position = (uint16_t) fuzz_number(f, 1) % 64;
    if (fuzz_number(f, 1) % 2) {
        o->length = ((size_t) o->rows * o->columns * o->frames + 7) / 8;
        o->bits = malloc(o->length);
        fuzz_check(o->bits != NULL);
        memset(o->bits, (int) fuzz_number(f, 1), o->length);
    }
}


static inline void
make_frame(struct fuzz *f, struct dicom_frame *frame)
{
    unsigned  has = (unsigned) fuzz_number(f, 1);
    double    angle = (has >> 4) * M_PI / 8;

    frame->slope = has & 1 ? fuzz_decimal(f) : 1;
    frame->intercept = has & 1 ? fuzz_decimal(f) : 0;
    frame->has_position = has & 2;
    if (frame->has_position) {
        for (unsigned i = 0; i < 3; i++) {
            frame->position[i] = (int8_t) fuzz_number(f, 1);
        }
        frame->orientation[0] = frame->orientation[4] = cos(angle);
        frame->orientation[1] = sin(angle);
        frame->orientation[3] = -sin(angle);
    }
    frame->has_spacing = has & 4;
    frame->spacing[0] = frame->spacing[1] = 0.5 + (has >> 4);
    frame->nwindows = has & 8 ? 1 + has / 16 % 4 : 0;
    for (uint32_t i = 0; i < frame->nwindows; i++) {
        frame->windows[i].center = fuzz_decimal(f);
        frame->windows[i].width = fuzz_decimal(f);
    }
    frame->dimensions[DIM_TRIGGER] = has >> 5;
    frame->known = 1u << DIM_TRIGGER;
}


static inline void
make_samples(struct fuzz *f, struct dicom_index *x)
{
    static const uint16_t  bits[] = { 8, 16, 16, 32, 64, 1 };
    unsigned               kind = (unsigned) fuzz_number(f, 1);

    x->photometric = 1 + (uint8_t) fuzz_number(f, 1)
        % PHOTOMETRIC_YBR_PARTIAL_422;
    if (kind & 0x80) {
        x->photometric = PHOTOMETRIC_MONOCHROME2;
    }
    x->samples = x->photometric <= PHOTOMETRIC_PALETTE ? 1 : 3;
    x->bits_allocated = bits[kind % 6];
    if (kind & 0x40 && x->bits_allocated >= 32) {
        x->sample = x->bits_allocated == 32 ? SAMPLE_FLOAT : SAMPLE_DOUBLE;
    }
    x->bits_stored = x->bits_allocated;
    if (kind & 0x20) {
        x->bits_stored = 1 + (uint16_t) fuzz_number(f, 1) % x->bits_allocated;
    }
    x->high_bit = x->bits_stored - 1;
    if (kind & 0x10) {
        x->high_bit += (uint16_t) fuzz_number(f, 1)
            % (x->bits_allocated - x->bits_stored + 1);
    }
    x->is_signed = kind >> 3 & 1;
    x->storage = x->bits_allocated == 1 || fuzz_number(f, 1) % 2
        ? STORAGE_CHILD : STORAGE_NATIVE;
}


/* A valid index; the caller finishes it. */
static inline void
make_index(struct fuzz *f, struct dicom_index *x)
{
    unsigned  flags = (unsigned) fuzz_number(f, 2);
    uint64_t  at = fuzz_number(f, 2) % 4096;

    memset(x, 0, sizeof(*x));
    strcpy(x->instance_uid, "1.2.3.4");
    strcpy(x->sop_class, "1.2.840.10008.5.1.4.1.1.2");
    strcpy(x->transfer_syntax, "1.2.840.10008.1.2.1");
    strcpy(x->modality, flags & 1 ? "PT" : "CT");
    x->rows = 1 + (uint32_t) fuzz_number(f, 1) % 48;
    x->columns = 1 + (uint32_t) fuzz_number(f, 1) % 48;
    make_samples(f, x);

    x->voi_function = 1 + (flags >> 1) % 3;
    x->lossy = flags >> 3 & 1;
    x->inverse_lut_shape = flags >> 4 & 1;
    x->rescale_ignored = flags >> 5 & 1;
    x->has_padding = flags >> 6 & 1;
    x->pixel_aspect = flags & 0x80 ? 0.01 + fuzz_number(f, 1) : 1;
    strcpy(x->patient_orientation[0], flags & 0x100 ? "L" : "");
    strcpy(x->patient_orientation[1], flags & 0x100 ? "PF" : "");
    x->nwindows = flags & 0x200 ? 1 + (flags >> 10) % 4 : 0;
    for (uint32_t i = 0; i < x->nwindows; i++) {
        x->windows[i].center = fuzz_decimal(f);
        x->windows[i].width = fuzz_decimal(f);
        strcpy(x->windows[i].explanation, "bone");
    }
    if (flags & 0x1000) {
        make_lut(f, &x->modality_lut);
    }
    if (flags & 0x2000) {
        x->nvoi_luts = 1 + (uint32_t) fuzz_number(f, 1) % 3;
        x->voi_luts = calloc(x->nvoi_luts, sizeof(x->voi_luts[0]));
        fuzz_check(x->voi_luts != NULL);
        for (uint32_t i = 0; i < x->nvoi_luts; i++) {
            make_lut(f, &x->voi_luts[i]);
        }
    }
    if (x->photometric == PHOTOMETRIC_PALETTE) {
        for (unsigned i = 0; i < 3; i++) {
            make_lut(f, &x->palette[i]);
        }
    }
    if (flags & 0x4000) {
        x->noverlays = 1 + (uint32_t) fuzz_number(f, 1) % 3;
        x->overlays = calloc(x->noverlays, sizeof(x->overlays[0]));
        fuzz_check(x->overlays != NULL);
        for (uint32_t i = 0; i < x->noverlays; i++) {
            make_overlay(f, &x->overlays[i]);
        }
    }

    x->nframes = 1 + (uint32_t) fuzz_number(f, 1) % 8;
    x->frames = calloc(x->nframes, sizeof(x->frames[0]));
    fuzz_check(x->frames != NULL);
    for (uint32_t i = 0; i < x->nframes; i++) {
        make_frame(f, &x->frames[i]);
        x->frames[i].offset = at;
        x->frames[i].length = index_frame_size(x);
        at += x->frames[i].length;
    }
    if (flags & 1 && x->nvoi_luts > 0) {
        x->nframe_luts = 1;
        x->frame_luts = calloc(1, sizeof(x->frame_luts[0]));
        fuzz_check(x->frame_luts != NULL);
        make_lut(f, &x->frame_luts[0]);
        x->frames[0].nvoi_luts = 1;
        x->frames[0].voi_function = VOI_SIGMOID;
    }
}


/* The encoded form of raw fields.  Free it. */
static inline uint8_t *
pack_index(const uint8_t *raw, size_t size, size_t *length)
{
    uLongf    packed = compressBound(size);
    uint8_t  *data = malloc(8 + packed), *exact;

    fuzz_check(data != NULL);
    memcpy(data, "DIX1", 4);
    for (unsigned i = 0; i < 4; i++) {
        data[4 + i] = (uint8_t) (size >> (8 * i));
    }
    fuzz_check(compress2(data + 8, &packed, raw, size, 1) == Z_OK);
    *length = 8 + packed;
    exact = malloc(*length);
    fuzz_check(exact != NULL);
    memcpy(exact, data, *length);
    free(data);
    return exact;
}


/* An index, encoded, with as many of its bytes changed as the input says. */
static inline uint8_t *
make_packed_index(struct fuzz *f, size_t *length)
{
    unsigned            changes = (unsigned) fuzz_number(f, 1) % 8;
    uint32_t            where[8], to[8];
    struct dicom_index  index;
    uint8_t            *packed, *raw;
    uLongf              size;
    size_t              npacked;

    for (unsigned i = 0; i < changes; i++) {
        where[i] = (uint32_t) fuzz_number(f, 2);
        to[i] = (uint32_t) fuzz_number(f, 1);
    }
    make_index(f, &index);
    fuzz_check(index_encode(&index, &packed, &npacked));
    index_finish(&index);
    if (changes == 0) {
        *length = npacked;
        return packed;
    }

    size = packed[4] | (uLongf) packed[5] << 8 | (uLongf) packed[6] << 16;
    raw = malloc(size);
    fuzz_check(raw != NULL && size <= INDEXES_MAX_RAW);
    fuzz_check(uncompress(raw, &size, packed + 8, npacked - 8) == Z_OK);
    free(packed);
    for (unsigned i = 0; i < changes; i++) {
        raw[where[i] % size] = (uint8_t) to[i];
    }
    packed = pack_index(raw, size, length);
    free(raw);
    return packed;
}

#endif /* T_FUZZ_INDEXES_H */
