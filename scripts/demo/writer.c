#include "writer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void dataset_finish(struct dataset *ds)
{
    free(ds->bytes);
    memset(ds, 0, sizeof(*ds));
}

static void append(struct dataset *ds, const void *bytes, size_t length)
{
    if (ds->failed) {
        return;
    }

    if (ds->length + length > ds->size) {
        size_t size = (ds->length + length) * 3 / 2 + 256;
        uint8_t *grown = realloc(ds->bytes, size);
        if (grown == NULL) {
            ds->failed = true;
            return;
        }
        ds->bytes = grown;
        ds->size = size;
    }

    if (length != 0) {
        memcpy(ds->bytes + ds->length, bytes, length);
        ds->length += length;
    }
}

static void append_u16(struct dataset *ds, uint16_t v)
{
    uint8_t b[2] = { (uint8_t) v, (uint8_t) (v >> 8) };

    append(ds, b, sizeof(b));
}

static void append_u32(struct dataset *ds, uint32_t v)
{
    append_u16(ds, (uint16_t) v);
    append_u16(ds, (uint16_t) (v >> 16));
}

static void append_tag(struct dataset *ds, uint32_t tag)
{
    append_u16(ds, (uint16_t) (tag >> 16));
    append_u16(ds, (uint16_t) tag);
}

static bool has_long_length(const char *vr)
{
    static const char *const vrs[] = { "OB", "OW", "SQ", "UN", "UT" };

    for (size_t i = 0; i < sizeof(vrs) / sizeof(vrs[0]); i++) {
        if (memcmp(vr, vrs[i], 2) == 0) {
            return true;
        }
    }
    return false;
}

static void append_head(struct dataset *ds, uint32_t tag, const char *vr,
    uint32_t length)
{
    append_tag(ds, tag);
    append(ds, vr, 2);
    if (has_long_length(vr)) {
        append_u16(ds, 0);
        append_u32(ds, length);
    } else {
        append_u16(ds, (uint16_t) length);
    }
}

void put(struct dataset *ds, uint32_t tag, const char *vr, const char *text)
{
    size_t length = strlen(text);

    append_head(ds, tag, vr, (uint32_t) (length + length % 2));
    append(ds, text, length);
    if (length % 2 != 0) {
        append(ds, memcmp(vr, "UI", 2) == 0 ? "\0" : " ", 1);
    }
}

void put_format(struct dataset *ds, uint32_t tag, const char *vr,
    const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    put(ds, tag, vr, text);
}

void put_us(struct dataset *ds, uint32_t tag, uint16_t value)
{
    put_us_list(ds, tag, &value, 1);
}

void put_us_list(struct dataset *ds, uint32_t tag, const uint16_t *values,
    size_t count)
{
    append_head(ds, tag, "US", (uint32_t) (2 * count));
    for (size_t i = 0; i < count; i++) {
        append_u16(ds, values[i]);
    }
}

void put_ul(struct dataset *ds, uint32_t tag, uint32_t value)
{
    append_head(ds, tag, "UL", 4);
    append_u32(ds, value);
}

void put_at(struct dataset *ds, uint32_t tag, uint32_t value)
{
    append_head(ds, tag, "AT", 4);
    append_tag(ds, value);
}

void put_fd(struct dataset *ds, uint32_t tag, double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    append_head(ds, tag, "FD", 8);
    append_u32(ds, (uint32_t) bits);
    append_u32(ds, (uint32_t) (bits >> 32));
}

void put_bytes(struct dataset *ds, uint32_t tag, const char *vr,
    const void *bytes, size_t length)
{
    append_head(ds, tag, vr, (uint32_t) (length + length % 2));
    append(ds, bytes, length);
    if (length % 2 != 0) {
        append(ds, "\0", 1);
    }
}

void put_item(struct dataset *ds, uint32_t tag, const struct dataset *item)
{
    append_head(ds, tag, "SQ", (uint32_t) (8 + item->length));
    append_tag(ds, 0xfffee000);
    append_u32(ds, (uint32_t) item->length);
    append(ds, item->bytes, item->length);
    ds->failed |= item->failed;
}

void put_frames(struct dataset *ds, const struct dataset *frames, size_t count)
{
    uint32_t offset = 0;

    append_tag(ds, 0x7fe00010);
    append(ds, "OB\0\0", 4);
    append_u32(ds, 0xffffffff);

    append_tag(ds, 0xfffee000);                 /* basic offset table */
    append_u32(ds, (uint32_t) (4 * count));
    for (size_t i = 0; i < count; i++) {
        append_u32(ds, offset);
        offset += (uint32_t) (8 + frames[i].length + frames[i].length % 2);
    }

    for (size_t i = 0; i < count; i++) {
        append_tag(ds, 0xfffee000);
        append_u32(ds,
            (uint32_t) (frames[i].length + frames[i].length % 2));
        append(ds, frames[i].bytes, frames[i].length);
        if (frames[i].length % 2 != 0) {
            append(ds, "\0", 1);
        }
        ds->failed |= frames[i].failed;
    }

    append_tag(ds, 0xfffee0dd);
    append_u32(ds, 0);
}

static uint64_t mix(uint64_t h)
{
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
    h = (h ^ (h >> 27)) * 0x94d049bb133111ebu;
    return h ^ (h >> 31);
}

static const char *uid_seed = "";

void uid_set_seed(const char *seed)
{
    uid_seed = seed;
}

void uid_of(char uid[UID_SIZE], const char *format, ...)
{
    char name[256], digits[48];
    uint64_t high = 0x0d1c000000000001u, low = 0x0d1c000000000002u;
    unsigned __int128 value;
    size_t n = sizeof(digits);
    va_list args;

    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);

    for (const char *p = uid_seed; *p != '\0'; p++) {
        high = mix(high + (uint8_t) *p);
    }
    for (const char *p = name; *p != '\0'; p++) {
        high = mix(high ^ (uint8_t) *p);
        low = mix(low + 0x9e3779b97f4a7c15u * (uint8_t) *p + 1);
    }

    /* RFC 9562: version 8, made by a hash of our own. */
    high = (high & ~(uint64_t) 0xf000) | 0x8000;
    low = (low & ~((uint64_t) 3 << 62)) | (uint64_t) 2 << 62;

    value = (unsigned __int128) high << 64 | low;
    digits[--n] = '\0';
    do {
        digits[--n] = (char) ('0' + (int) (value % 10));
        value /= 10;
    } while (value != 0);

    snprintf(uid, UID_SIZE, "2.25.%s", digits + n);
}

bool write_file(const char *path, const char *sop_class, const char *instance,
    const char *transfer_syntax, const struct dataset *ds)
{
    static const uint8_t zeros[128];
    struct dataset meta = { 0 }, head = { 0 };
    char implementation[UID_SIZE];
    bool ok = false;
    FILE *f;

    uid_of(implementation, "implementation");
    put_bytes(&meta, 0x00020001, "OB", "\0\1", 2);
    put(&meta, 0x00020002, "UI", sop_class);
    put(&meta, 0x00020003, "UI", instance);
    put(&meta, 0x00020010, "UI", transfer_syntax);
    put(&meta, 0x00020012, "UI", implementation);
    append(&head, zeros, sizeof(zeros));
    append(&head, "DICM", 4);
    put_ul(&head, 0x00020000, (uint32_t) meta.length);
    append(&head, meta.bytes, meta.length);

    f = fopen(path, "wb");
    if (f == NULL) {
        fprintf(stderr, "demo-dicom: %s: %s\n", path, strerror(errno));
        goto done;
    }
    if (meta.failed || head.failed || ds->failed) {
        fprintf(stderr, "demo-dicom: out of memory\n");
    } else if (fwrite(head.bytes, 1, head.length, f) != head.length
        || fwrite(ds->bytes, 1, ds->length, f) != ds->length)
    {
        fprintf(stderr, "demo-dicom: %s: %s\n", path, strerror(errno));
    } else {
        ok = true;
    }
    if (fclose(f) != 0 && ok) {
        fprintf(stderr, "demo-dicom: %s: %s\n", path, strerror(errno));
        ok = false;
    }

done:
    dataset_finish(&meta);
    dataset_finish(&head);
    return ok;
}
