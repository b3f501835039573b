/*
 * Small DICOM files made in memory, for tests: explicit VR little endian (or
 * another syntax's pixel data), one element after the other in tag order.
 */

#ifndef T_DICOM_BYTES_H
#define T_DICOM_BYTES_H

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct dicom_bytes {
    uint8_t  *data;
    size_t    length;
};


static inline void
bytes_put(struct dicom_bytes *b, const void *data, size_t length)
{
    b->data = realloc(b->data, b->length + length);
    if (b->data == NULL) {
        abort();
    }
    memcpy(b->data + b->length, data, length);
    b->length += length;
}


static inline void
bytes_number(struct dicom_bytes *b, uint32_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        const uint8_t  byte = (uint8_t) (value >> (8 * i));

        bytes_put(b, &byte, 1);
    }
}


static inline void
bytes_element(struct dicom_bytes *b, uint32_t tag, const char *vr,
    const void *value, size_t length)
{
    const char  *wide[] = { "OB", "OW", "SQ", "UN", "OF", "OD", "UT" };
    bool         is_wide = false;
    bool         is_text = strchr("OSU", vr[0]) == NULL || vr[1] == 'H';

    for (size_t i = 0; i < sizeof(wide) / sizeof(wide[0]); i++) {
        is_wide |= strcmp(vr, wide[i]) == 0;
    }
    bytes_number(b, tag >> 16, 2);
    bytes_number(b, tag & 0xffff, 2);
    bytes_put(b, vr, 2);
    if (is_wide) {
        bytes_number(b, 0, 2);
    }
    bytes_number(b, (uint32_t) (length + length % 2), is_wide ? 4 : 2);
    bytes_put(b, value, length);
    if (length % 2 != 0) {
        bytes_put(b, is_text ? " " : "", 1);
    }
}


static inline void
bytes_text(struct dicom_bytes *b, uint32_t tag, const char *vr,
    const char *text)
{
    bytes_element(b, tag, vr, text, strlen(text));
}


static inline void
bytes_us(struct dicom_bytes *b, uint32_t tag, unsigned value)
{
    const uint8_t  le[2] = { (uint8_t) value, (uint8_t) (value >> 8) };

    bytes_element(b, tag, "US", le, 2);
}


/* Preamble and File Meta Information; the data set follows. */
static inline void
bytes_meta(struct dicom_bytes *b, const char *syntax)
{
    const uint8_t  zeros[128] = { 0 };

    bytes_put(b, zeros, sizeof(zeros));
    bytes_put(b, "DICM", 4);
    bytes_element(b, 0x00020001, "OB", "\0\1", 2);
    bytes_text(b, 0x00020010, "UI", syntax);
}


struct bytes_picture {
    const char  *photometric;
    unsigned     rows, columns, samples, planar, frames;
    unsigned     allocated, stored, high, is_signed;
};


/* Identity and Image Pixel attributes; the pixel data follows. */
static inline void
bytes_header(struct dicom_bytes *b, const char *instance,
    const struct bytes_picture *p)
{
    char  text[32];

    bytes_text(b, 0x00080016, "UI", "1.2.840.10008.5.1.4.1.1.7");
    bytes_text(b, 0x00080018, "UI", instance);
    bytes_text(b, 0x00080060, "CS", "OT");
    bytes_text(b, 0x00100010, "PN", "Test^Picture");
    bytes_text(b, 0x00100020, "LO", "T-1");
    bytes_text(b, 0x0020000d, "UI", "1.2.3.1");
    bytes_text(b, 0x0020000e, "UI", "1.2.3.2");
    if (p == NULL) {
        return;
    }
    bytes_us(b, 0x00280002, p->samples);
    bytes_text(b, 0x00280004, "CS", p->photometric);
    if (p->samples > 1) {
        bytes_us(b, 0x00280006, p->planar);
    }
    snprintf(text, sizeof(text), "%u", p->frames ? p->frames : 1);
    bytes_text(b, 0x00280008, "IS", text);
    bytes_us(b, 0x00280010, p->rows);
    bytes_us(b, 0x00280011, p->columns);
    bytes_us(b, 0x00280100, p->allocated);
    bytes_us(b, 0x00280101, p->stored ? p->stored : p->allocated);
    bytes_us(b, 0x00280102, p->high ? p->high
        : (p->stored ? p->stored : p->allocated) - 1);
    bytes_us(b, 0x00280103, p->is_signed);
}


static inline void
bytes_item(struct dicom_bytes *b, const void *value, size_t length)
{
    bytes_number(b, 0xe000fffe, 4);
    bytes_number(b, (uint32_t) (length + length % 2), 4);
    bytes_put(b, value, length);
    if (length % 2 != 0) {
        bytes_put(b, "", 1);
    }
}


/* Encapsulated pixel data: an empty offset table, then items to be added. */
static inline void
bytes_encapsulated(struct dicom_bytes *b)
{
    bytes_put(b, "\xe0\x7f\x10\x00" "OB\0\0\xff\xff\xff\xff", 12);
    bytes_item(b, "", 0);
}


static inline void
bytes_end(struct dicom_bytes *b)
{
    bytes_put(b, "\xfe\xff\xdd\xe0\0\0\0\0", 8);
}


/* The bytes as a file of no name; frees them. */
static inline int
bytes_file(struct dicom_bytes *b)
{
    int  fd = memfd_create("dicom", MFD_CLOEXEC);

    if (fd == -1 || write(fd, b->data, b->length) != (ssize_t) b->length) {
        abort();
    }
    free(b->data);
    memset(b, 0, sizeof(*b));
    return fd;
}

#endif /* T_DICOM_BYTES_H */
