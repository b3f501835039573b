/*
 * The coded data of gray baseline JPEG (ITU-T T.81), many blocks at a time:
 * byte for byte what libjpeg-turbo writes with its accurate DCT, in a third of
 * its time.  Pure; any thread.
 */

#ifndef DICOM_JPEG_GRAY_H
#define DICOM_JPEG_GRAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A Huffman code (T.81 C.2): the code of each symbol, its length << 16. */
typedef uint32_t jpeg_codes[256];

/* What all blocks of a picture are coded with. */
struct jpeg_gray {
    float       inverse[64];    /* 1 / divisor of a coefficient, row by row */
    float       rounding[64];   /* added to its magnitude before */
    jpeg_codes  dc, ac;
};

/* quant: steps of 1 to 255, row by row (not in zigzag order). */
void jpeg_gray_quant(struct jpeg_gray *gray, const uint16_t quant[64]);

/* counts[n]: how many codes have n bits, 1 to 16; symbols in their order. */
void jpeg_gray_codes(jpeg_codes codes, const uint8_t counts[17],
    const uint8_t *symbols);

/*
 * Codes width x height pixels, in tightly packed rows, into a malloc'ed buffer
 * that the caller frees; room is left behind it for a marker of two bytes.
 * Beyond the edges the last pixels go on.  false when memory is short.
 */
bool jpeg_gray_encode(const struct jpeg_gray *gray, const uint8_t *pixels,
    uint32_t width, uint32_t height, uint8_t **data, size_t *length);

#endif /* DICOM_JPEG_GRAY_H */
