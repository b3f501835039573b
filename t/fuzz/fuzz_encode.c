/* Pictures of any content: a PNG holds the very pixels, a JPEG the size. */

#include <stdio.h>
#include <jpeglib.h>
#include <zlib.h>

#include "encode.h"
#include "fuzz.h"


static uint32_t
be32(const uint8_t *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
        | (uint32_t) p[2] << 8 | p[3];
}


static uint8_t
paeth(int a, int b, int c)
{
    int  pa = abs(b - c), pb = abs(a - c), pc = abs(a + b - 2 * c);

    return (uint8_t) (pa <= pb && pa <= pc ? a : pb <= pc ? b : c);
}


/* Undoes a row's filter (RFC 2083, 6). */
static void
unfilter(uint8_t *row, const uint8_t *above, size_t stride, unsigned samples)
{
    uint8_t *pixels = row + 1;

    fuzz_check(row[0] <= 4);
    for (size_t i = 0; i < stride; i++) {
        int  a = i >= samples ? pixels[i - samples] : 0;
        int  b = above != NULL ? above[i] : 0;
        int  c = above != NULL && i >= samples ? above[i - samples] : 0;

        switch (row[0]) {
        case 1: pixels[i] = (uint8_t) (pixels[i] + a); break;
        case 2: pixels[i] = (uint8_t) (pixels[i] + b); break;
        case 3: pixels[i] = (uint8_t) (pixels[i] + (a + b) / 2); break;
        case 4: pixels[i] = (uint8_t) (pixels[i] + paeth(a, b, c)); break;
        }
    }
}


/* Chunks with their sums, and the rows that they hold. */
static void
check_png(const uint8_t *png, size_t length, const uint8_t *pixels,
    uint32_t width, uint32_t height, unsigned samples)
{
    size_t          stride = (size_t) width * samples;
    uLongf          size = (stride + 1) * height, nidat = 0;
    uint8_t        *idat = malloc(length), *rows = malloc(size);
    const uint8_t  *p = png + 8, *end = png + length;
    bool            ended = false;

    fuzz_check(idat != NULL && rows != NULL && length > 8);
    fuzz_check(memcmp(png, "\x89PNG\r\n\x1a\n", 8) == 0);
    while (p < end) {
        uint32_t  n;

        fuzz_check(!ended && end - p >= 12);
        n = be32(p);
        fuzz_check(n <= (size_t) (end - p) - 12);
        fuzz_check(crc32(0, p + 4, n + 4) == be32(p + 8 + n));
        if (memcmp(p + 4, "IHDR", 4) == 0) {
            fuzz_check(be32(p + 8) == width && be32(p + 12) == height);
            fuzz_check(p[16] == 8 && p[17] == (samples == 3 ? 2 : 0));
        } else if (memcmp(p + 4, "IDAT", 4) == 0) {
            memcpy(idat + nidat, p + 8, n);
            nidat += n;
        }
        ended = memcmp(p + 4, "IEND", 4) == 0;
        p += 12 + n;
    }
    fuzz_check(ended);
    fuzz_check(uncompress(rows, &size, idat, nidat) == Z_OK);
    fuzz_check(size == (stride + 1) * height);
    for (uint32_t y = 0; y < height; y++) {
        uint8_t  *row = rows + y * (stride + 1);

        unfilter(row, y > 0 ? row - stride : NULL, stride, samples);
        fuzz_check(memcmp(row + 1, pixels + y * stride, stride) == 0);
    }
    free(rows);
    free(idat);
}


static void
check_jpeg(const uint8_t *data, size_t length, uint32_t width,
    uint32_t height, unsigned samples)
{
    struct jpeg_decompress_struct  info;
    struct jpeg_error_mgr          errors;

    info.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, data, length);
    fuzz_check(jpeg_read_header(&info, TRUE) == JPEG_HEADER_OK);
    fuzz_check(info.image_width == width && info.image_height == height
        && info.num_components == (int) samples);
    jpeg_destroy_decompress(&info);
}


/* The restart interval that a file begins with, 0: none (T.81 B.2.4.4). */
static unsigned
restart_interval(const uint8_t *data)
{
    for (size_t at = 2; data[at + 1] != 0xda;
         at += 2 + ((size_t) data[at + 2] << 8) + data[at + 3])
    {
        if (data[at + 1] == 0xdd) {
            return (unsigned) data[at + 4] << 8 | data[at + 5];
        }
    }
    return 0;
}


/* Gray has the very bytes that libjpeg writes. */
static void
check_gray(const uint8_t *data, size_t length, const uint8_t *pixels,
    uint32_t width, uint32_t height, unsigned quality)
{
    struct jpeg_compress_struct  info;
    struct jpeg_error_mgr        errors;
    uint8_t                     *want = NULL;
    unsigned long                n = 0;

    info.err = jpeg_std_error(&errors);
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &want, &n);
    info.image_width = width;
    info.image_height = height;
    info.input_components = 1;
    info.in_color_space = JCS_GRAYSCALE;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, (int) quality, TRUE);
    info.restart_interval = restart_interval(data);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < height) {
        JSAMPROW  row = (JSAMPROW) (uintptr_t) (pixels
            + (size_t) info.next_scanline * width);

        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    jpeg_destroy_compress(&info);
    fuzz_check(length == n && memcmp(data, want, n) == 0);
    free(want);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz         f = { data, size };
    enum encode_format  format = fuzz_number(&f, 1) % 2 ? ENCODE_JPEG
        : ENCODE_PNG;
    uint32_t            width = 1 + (uint32_t) fuzz_number(&f, 2) % 700;
    uint32_t            height = 1 + (uint32_t) fuzz_number(&f, 1) % 200;
    unsigned            samples = fuzz_number(&f, 1) % 2 ? 3 : 1;
    unsigned            quality = 1 + (unsigned) fuzz_number(&f, 1) % 100;
    unsigned            fill = (unsigned) fuzz_number(&f, 1) % 4;
    size_t              count = (size_t) width * height * samples, n, length;
    size_t              again_length;
    uint8_t            *pixels = malloc(count), *out = NULL, *again = NULL;
    uint8_t             hash[32];
    struct encode_source  source = { pixels, width, height, samples, hash };
    static struct bands  *bands;
    uint8_t            *some = fuzz_take(&f, SIZE_MAX, &n);

    fuzz_check(pixels != NULL);
    for (size_t i = 0; i < count; i++) {
        pixels[i] = n == 0 ? 0
            : fill == 0 ? some[i % n]
            : fill == 1 ? (uint8_t) (i < n ? some[i] : 0)
            : fill == 2 ? (uint8_t) (some[i / 97 % n] + i)
            : (uint8_t) (some[i * 7919 % n] ^ (i >> 8));
    }
    if (bands == NULL) {
        bands = bands_create(2, NULL, encode_thread_finish);
    }
    fuzz_check(encode_picture(format, &source, quality, NULL, &out, &length));
    fuzz_check(encode_picture(format, &source, quality, bands, &again,
        &again_length));
    fuzz_check(length == again_length && memcmp(out, again, length) == 0);
    free(again);
    if (format == ENCODE_PNG) {
        check_png(out, length, pixels, width, height, samples);
    } else {
        check_jpeg(out, length, width, height, samples);
        if (samples == 1) {
            check_gray(out, length, pixels, width, height, quality);
        }
    }
    free(out);
    free(some);
    free(pixels);
    return 0;
}
