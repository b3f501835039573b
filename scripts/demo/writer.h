/*
 * A small DICOM writer: explicit VR little endian, UTF-8, and nothing that the
 * demo's files do not need.  A data set is a growing run of bytes; elements are
 * put in ascending order by the caller.
 */

#ifndef DEMO_WRITER_H
#define DEMO_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UID_SIZE 65

struct dataset {
    uint8_t *bytes;
    size_t length;
    size_t size;
    bool failed;        /* out of memory: checked once, when written */
};

void dataset_finish(struct dataset *ds);

/* Text of any string VR, padded as that VR wants it. */
void put(struct dataset *ds, uint32_t tag, const char *vr, const char *text);
void put_format(struct dataset *ds, uint32_t tag, const char *vr,
    const char *format, ...) __attribute__((format(printf, 4, 5)));
void put_us(struct dataset *ds, uint32_t tag, uint16_t value);
void put_ul(struct dataset *ds, uint32_t tag, uint32_t value);
void put_at(struct dataset *ds, uint32_t tag, uint32_t value);
void put_fd(struct dataset *ds, uint32_t tag, double value);
void put_us_list(struct dataset *ds, uint32_t tag, const uint16_t *values,
    size_t count);
/* vr "OW" or "OB" */
void put_bytes(struct dataset *ds, uint32_t tag, const char *vr,
    const void *bytes, size_t length);
/* A sequence of one item. */
void put_item(struct dataset *ds, uint32_t tag, const struct dataset *item);

/* An encapsulated pixel data element: begin, each frame, end. */
void put_frames(struct dataset *ds, const struct dataset *frames,
    size_t count);

/* 2.25.<UUID>, the same for the same seed and name on every machine. */
void uid_set_seed(const char *seed);     /* kept; "" at first */
void uid_of(char uid[UID_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Writes preamble, file meta information and ds.  Says on stderr what failed.
 */
bool write_file(const char *path, const char *sop_class, const char *instance,
    const char *transfer_syntax, const struct dataset *ds);

#endif /* DEMO_WRITER_H */
