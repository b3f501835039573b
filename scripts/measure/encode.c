#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <isa-l/igzip_lib.h>
#include <jpeglib.h>
#include <zlib.h>

#include "measure.h"

#define RUNS  15

struct gray {
    uint32_t  width, height;
    uint8_t  *pixels;
};

static uint32_t
be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
        p[3];
}

static uint8_t *
slurp(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;

    if (file != NULL && fseek(file, 0, SEEK_END) == 0) {
        *length = (size_t)ftell(file);
        rewind(file);
        data = malloc(*length + 1);
        if (data != NULL && fread(data, 1, *length, file) != *length) {
            free(data);
            data = NULL;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
    return data;
}

/* Our own pictures: 8-bit gray, filters None and Up. */
static bool
read_png(const char *path, struct gray *gray)
{
    size_t length = 0, packed = 0;
    uint8_t *data = slurp(path, &length);

    if (data == NULL || length < 33 || data[24] != 8 || data[25] != 0) {
        free(data);
        return false;
    }
    gray->width = be32(data + 16);
    gray->height = be32(data + 20);

    /* the chunks' contents move together */
    for (size_t at = 8; at + 12 <= length; ) {
        size_t n = be32(data + at);
        if (n > length - at - 12) {
            break;
        }
        if (memcmp(data + at + 4, "IDAT", 4) == 0) {
            memmove(data + packed, data + at + 8, n);
            packed += n;
            at += 12 + n;
            continue;
        }
        at += 12 + n;
    }

    size_t stride = gray->width;
    uLongf size = (uLongf)(stride + 1) * gray->height;
    uint8_t *rows = malloc(size);
    bool ok = rows != NULL && uncompress(rows, &size, data, packed) == Z_OK;
    free(data);
    gray->pixels = malloc(stride * gray->height);
    ok = ok && gray->pixels != NULL;
    for (size_t y = 0; ok && y < gray->height; y++) {
        const uint8_t *row = rows + y * (stride + 1);
        uint8_t *to = gray->pixels + y * stride;
        for (size_t x = 0; x < stride; x++) {
            to[x] = (uint8_t)(row[1 + x] +
                (row[0] == 2 && y > 0 ? to[x - stride] : 0));
        }
    }
    free(rows);
    return ok;
}

static size_t
encode_jpeg(const struct gray *gray, uint8_t **out, unsigned long *size)
{
    struct jpeg_compress_struct cinfo;
    struct jpeg_error_mgr errors;

    cinfo.err = jpeg_std_error(&errors);
    jpeg_create_compress(&cinfo);
    jpeg_mem_dest(&cinfo, out, size);
    cinfo.image_width = gray->width;
    cinfo.image_height = gray->height;
    cinfo.input_components = 1;
    cinfo.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&cinfo);
    jpeg_set_quality(&cinfo, 90, TRUE);
    jpeg_start_compress(&cinfo, TRUE);
    while (cinfo.next_scanline < gray->height) {
        JSAMPROW row = gray->pixels +
            (size_t)cinfo.next_scanline * gray->width;
        jpeg_write_scanlines(&cinfo, &row, 1);
    }
    jpeg_finish_compress(&cinfo);
    jpeg_destroy_compress(&cinfo);
    return *size;
}

static size_t
encode_igzip(const struct gray *gray, uint8_t *rows, uint8_t *out,
    size_t room)
{
    static uint8_t level[ISAL_DEF_LVL1_DEFAULT];
    struct isal_zstream stream;
    size_t stride = gray->width;

    for (size_t y = 0; y < gray->height; y++) {
        const uint8_t *from = gray->pixels + y * stride;
        uint8_t *to = rows + y * (stride + 1);
        *to++ = 2;
        for (size_t x = 0; x < stride; x++) {
            to[x] = (uint8_t)(from[x] - (y > 0 ? from[x - stride] : 0));
        }
    }
    isal_deflate_stateless_init(&stream);
    stream.level = 1;
    stream.level_buf = level;
    stream.level_buf_size = sizeof(level);
    stream.gzip_flag = IGZIP_ZLIB;
    stream.end_of_stream = 1;
    stream.next_in = rows;
    stream.avail_in = (uint32_t)((stride + 1) * gray->height);
    stream.next_out = out;
    stream.avail_out = (uint32_t)room;
    return isal_deflate_stateless(&stream) == COMP_OK
        ? room - stream.avail_out : 0;
}

int
measure_encode(const char *path)
{
    struct gray gray = { 0 };
    double jpeg[RUNS], png[RUNS], jpeg_cpu = 0, png_cpu = 0;
    unsigned long jpeg_bytes = 0;
    size_t png_bytes = 0;
    uint8_t *jpeg_out = NULL;

    if (!read_png(path, &gray)) {
        fprintf(stderr, "measure: %s is no gray PNG of ours\n", path);
        return 1;
    }
    size_t plain = (size_t)(gray.width + 1) * gray.height;
    size_t room = plain + plain / 512 + 1024;
    uint8_t *rows = malloc(plain), *out = malloc(room);
    if (rows == NULL || out == NULL) {
        return 1;
    }
    for (int i = 0; i < RUNS; i++) {
        double start = now(), cpu = computed();
        encode_jpeg(&gray, &jpeg_out, &jpeg_bytes);
        jpeg[i] = now() - start;
        jpeg_cpu += computed() - cpu;
        start = now();
        cpu = computed();
        png_bytes = encode_igzip(&gray, rows, out, room);
        png[i] = now() - start;
        png_cpu += computed() - cpu;
    }
    qsort(jpeg, RUNS, sizeof(jpeg[0]), by_value);
    qsort(png, RUNS, sizeof(png[0]), by_value);
    printf("{\"png\":%.3f,\"png_bytes\":%zu,\"jpeg\":%.3f,"
        "\"jpeg_bytes\":%lu,\"png_cpu\":%.3f,\"jpeg_cpu\":%.3f}\n",
        percentile(png, RUNS, 0.5), png_bytes, percentile(jpeg, RUNS, 0.5),
        jpeg_bytes, png_cpu / RUNS, jpeg_cpu / RUNS);
    free(jpeg_out);
    free(out);
    free(rows);
    free(gray.pixels);
    return 0;
}
