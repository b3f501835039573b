/*
 * The decoders of one frame, each in its own file.  Child only.
 */

#ifndef DICOM_CODEC_H
#define DICOM_CODEC_H

#include "decoder.h"

/* Where in which file a frame lies, for those that are no streams of their own
   and leave something for the next call */
struct codec_source {
    int       fd;
    uint64_t  file_id[3];       /* the same as long as the bytes are */
    uint64_t  offset, length;   /* the frame's span */
    uint32_t  frame;
};

#define CODEC_ROOM  8u

struct codec {
    char      syntax[65];       /* Transfer Syntax UID */
    uint32_t  rows, columns;
    uint16_t  samples;
    uint16_t  bits_allocated, bits_stored, high_bit;
    uint8_t   is_signed;
    uint8_t   planar;           /* native pixels only */
    uint8_t   photometric;      /* changed when the decoder converts colour */

    uint8_t  *stream;           /* the frame's bytes, fragments joined; behind
                                   them is room for CODEC_ROOM more */
    size_t    length;

    uint8_t  *pixels;           /* zeroed; all of size is written */
    size_t    size;             /* rows * columns * samples * bytes each */

    struct decoder_error  *error;
};

/* Says why, unless something was said before, and returns false. */
bool codec_fail(struct codec *codec, enum decoder_status status,
    const char *detail);

/* Bytes of one sample in pixels. */
unsigned codec_sample_size(const struct codec *codec);

/*
 * Calls decode with a stream that has the end marker of the JPEG family, which
 * some writers leave out and some decoders insist on.
 */
bool codec_ended(struct codec *codec, bool (*decode)(struct codec *codec));

/* Native pixels: 1-bit, planar or 4:2:2, already little-endian; first_bit:
   where 1-bit pixels begin within the stream's first byte */
bool codec_native(struct codec *codec, unsigned first_bit);

bool codec_rle(struct codec *codec);            /* PS3.5 annex G */
bool codec_jpeg_any(struct codec *codec);       /* chooses of the next two */
bool codec_jpeg(struct codec *codec);           /* 8-bit DCT */
bool codec_jpeg_lossless(struct codec *codec);  /* T.81 annex H */
bool codec_jpegls(struct codec *codec);
bool codec_jpeg2000(struct codec *codec);       /* HTJ2K as well */
bool codec_jxl(struct codec *codec);            /* when built with libjxl */
bool codec_jxl_built(void);

/* Video, when FFmpeg's libraries are there; the first loads them: in the
   zygote, before any child.  stream and length are not used. */
bool codec_video_prepare(void);
bool codec_video(struct codec *codec, const struct codec_source *source);
bool codec_deflated(struct codec *codec);       /* Deflated Image Frame */
bool codec_gdcm(struct codec *codec);           /* the JPEG family's rest */

/* Writes one sample of up to 32 bits where pixels has samples of its size. */
static inline void
codec_store(uint8_t *at, unsigned bytes, uint32_t value)
{
    for (unsigned i = 0; i < bytes; i++) {
        at[i] = (uint8_t) (i < 4 ? value >> (8 * i) : 0);
    }
}

#endif /* DICOM_CODEC_H */
