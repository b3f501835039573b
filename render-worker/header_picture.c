/*
 * Image Pixel module (PS3.3 C.7.6.3) and where the frames lie in the file.
 */

#include <stdlib.h>
#include <string.h>

#include "attribute.h"
#include "fragments.h"
#include "header.h"

#define TAG_FLOAT   DICOM_TAG(0x7fe0, 0x0008)
#define TAG_DOUBLE  DICOM_TAG(0x7fe0, 0x0009)

#define IMPLICIT_LE       "1.2.840.10008.1.2"
#define EXPLICIT_LE       "1.2.840.10008.1.2.1"
#define EXPLICIT_BE       "1.2.840.10008.1.2.2"
#define DEFLATED_LE       "1.2.840.10008.1.2.1.99"
#define DEFLATED_FRAMES   "1.2.840.10008.1.2.8.1"
#define GE_PRIVATE_BE     "1.2.840.113619.5.2"


static uint8_t
parse_photometric(const char *text)
{
    static const struct {
        const char  *text;
        uint8_t      photometric;
    } known[] = {
        { "MONOCHROME1", PHOTOMETRIC_MONOCHROME1 },
        { "MONOCHROME2", PHOTOMETRIC_MONOCHROME2 },
        { "PALETTE COLOR", PHOTOMETRIC_PALETTE },
        { "RGB", PHOTOMETRIC_RGB },
        { "YBR_FULL", PHOTOMETRIC_YBR_FULL },
        { "YBR_FULL_422", PHOTOMETRIC_YBR_FULL_422 },
        { "YBR_RCT", PHOTOMETRIC_YBR_RCT },
        { "YBR_ICT", PHOTOMETRIC_YBR_ICT },
        { "YBR_PARTIAL_420", PHOTOMETRIC_YBR_PARTIAL_420 },
        { "YBR_PARTIAL_422", PHOTOMETRIC_YBR_PARTIAL_422 },

        /* JPEG XL's own, which does not outlive its decoder */
        { "XYB", PHOTOMETRIC_RGB }
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strcmp(text, known[i].text) == 0) {
            return known[i].photometric;
        }
    }
    return PHOTOMETRIC_NONE;
}


static bool
begins_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}


/* ICC Profile, PS3.3 C.11.15. */
static bool
has_icc(const struct header *h)
{
    const uint8_t  *data;
    size_t          length;

    return dicom_value(h->root, DICOM_TAG(0x0028, 0x2000), &data, &length);
}


/*
 * A syntax that always loses something, one that may, unless the file says it
 * did not, or the file's own word.
 */
static uint8_t
is_lossy(const struct header *h)
{
    static const char  *const always[] = {
        "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51",
        "1.2.840.10008.1.2.4.53", "1.2.840.10008.1.2.4.55",
        "1.2.840.10008.1.2.4.111"
    };
    static const char  *const maybe[] = {
        "1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91",
        "1.2.840.10008.1.2.4.203", "1.2.840.10008.1.2.4.112"
    };
    const char  *syntax = h->index->transfer_syntax;
    char         said[3] = "";

    attribute_code(h->root, DICOM_TAG(0x0028, 0x2110), 0, said, sizeof(said));
    if (strcmp(said, "01") == 0
        || begins_with(syntax, "1.2.840.10008.1.2.4.10"))
    {
        return 1;
    }
    for (size_t i = 0; i < sizeof(always) / sizeof(always[0]); i++) {
        if (strcmp(syntax, always[i]) == 0) {
            return 1;
        }
    }
    for (size_t i = 0; i < sizeof(maybe) / sizeof(maybe[0]); i++) {
        if (strcmp(syntax, maybe[i]) == 0) {
            return strcmp(said, "00") != 0;
        }
    }
    return 0;
}


static bool
read_bits(struct header *h, uint32_t pixels)
{
    struct dicom_index  *x = h->index;
    uint16_t             sign = 0;

    if (pixels == TAG_FLOAT || pixels == TAG_DOUBLE) {
        x->sample = pixels == TAG_FLOAT ? SAMPLE_FLOAT : SAMPLE_DOUBLE;
        x->bits_allocated = pixels == TAG_FLOAT ? 32 : 64;
        x->bits_stored = x->bits_allocated;
        x->high_bit = (uint16_t) (x->bits_allocated - 1);
        x->is_signed = 1;
        return true;
    }

    if (!attribute_u16(h->root, DICOM_TAG(0x0028, 0x0100), 0,
        &x->bits_allocated))
    {
        return header_fail(h, DECODER_INVALID, "Bits Allocated is missing");
    }
    x->bits_stored = x->bits_allocated;
    attribute_u16(h->root, DICOM_TAG(0x0028, 0x0101), 0, &x->bits_stored);
    if (x->bits_stored == 0 || x->bits_stored > x->bits_allocated) {
        return header_fail(h, DECODER_INVALID,
            "Bits Stored contradicts Bits Allocated");
    }

    /* an impossible High Bit is replaced by the only one PS3.5 8.1.1 allows */
    x->high_bit = (uint16_t) (x->bits_stored - 1);
    attribute_u16(h->root, DICOM_TAG(0x0028, 0x0102), 0, &x->high_bit);
    if (x->high_bit + 1 < x->bits_stored || x->high_bit >= x->bits_allocated) {
        x->high_bit = (uint16_t) (x->bits_stored - 1);
    }

    attribute_u16(h->root, DICOM_TAG(0x0028, 0x0103), 0, &sign);
    x->is_signed = sign == 1;
    return true;
}


static bool
read_layout(struct header *h, uint32_t pixels)
{
    struct dicom_index  *x = h->index;
    uint16_t             rows, columns;
    char                 text[32];

    if (!attribute_u16(h->root, DICOM_TAG(0x0028, 0x0010), 0, &rows)
        || !attribute_u16(h->root, DICOM_TAG(0x0028, 0x0011), 0, &columns)
        || rows == 0 || columns == 0)
    {
        return header_fail(h, DECODER_INVALID, "Rows or Columns is missing");
    }
    x->rows = rows;
    x->columns = columns;

    x->samples = 1;
    attribute_u16(h->root, DICOM_TAG(0x0028, 0x0002), 0, &x->samples);
    if (attribute_code(h->root, DICOM_TAG(0x0028, 0x0004), 0, text,
        sizeof(text)))
    {
        x->photometric = parse_photometric(text);
    } else {
        x->photometric = x->samples == 3 ? PHOTOMETRIC_RGB
            : PHOTOMETRIC_MONOCHROME2;
    }
    return read_bits(h, pixels);
}


/* A valid picture that nothing here can show, as is no picture at all. */
static bool
is_showable(const struct dicom_index *x)
{
    unsigned  bits = x->bits_allocated;
    unsigned  samples = x->photometric <= PHOTOMETRIC_PALETTE ? 1 : 3;

    return (bits == 1 || bits == 8 || bits == 16 || bits == 32 || bits == 64)
        && x->photometric != PHOTOMETRIC_NONE && x->samples == samples;
}


static bool
read_frame_count(struct header *h)
{
    int32_t  frames = 1;

    if (attribute_integer(h->root, DICOM_TAG(0x0028, 0x0008), &frames)
        && (frames < 0 || (uint32_t) frames > INDEX_MAX_FRAMES))
    {
        return header_fail(h, DECODER_INVALID,
            "Number of Frames is out of range");
    }
    h->index->nframes = frames == 0 ? 1 : (uint32_t) frames;
    return true;
}


bool
header_picture(struct header *h)
{
    struct dicom_index  *x = h->index;
    struct dicom_pixels  pixels;

    dicom_find_pixels(h->file, &pixels);
    if (pixels.tag == 0 || pixels.length == 0) {
        return true;
    }

    if (!read_layout(h, pixels.tag)) {
        return false;
    }
    if (!is_showable(x)) {
        x->nframes = 0;
        return true;
    }
    x->lossy = is_lossy(h);
    x->icc = x->photometric > PHOTOMETRIC_MONOCHROME2 && has_icc(h);
    if (!read_frame_count(h)) {
        return false;
    }

    x->frames = calloc(x->nframes, sizeof(x->frames[0]));
    if (x->frames == NULL) {
        x->nframes = 0;
        return header_fail(h, DECODER_MEMORY, "out of memory");
    }
    return true;
}


static bool
is_native_syntax(const char *syntax)
{
    return strcmp(syntax, IMPLICIT_LE) == 0 || strcmp(syntax, EXPLICIT_LE) == 0
        || strcmp(syntax, EXPLICIT_BE) == 0 || strcmp(syntax, DEFLATED_LE) == 0
        || strcmp(syntax, GE_PRIVATE_BE) == 0;
}


/*
 * Bits of one native frame.  Files that say YBR_FULL_422 and hold all three
 * samples of each pixel exist; their length gives them away.
 */
static uint64_t
native_bits(struct dicom_index *x, uint64_t length)
{
    uint64_t  pixels = (uint64_t) x->rows * x->columns;
    uint64_t  full = pixels * x->samples * x->bits_allocated;

    if (x->photometric != PHOTOMETRIC_YBR_FULL_422
        && x->photometric != PHOTOMETRIC_YBR_PARTIAL_422)
    {
        return full;
    }
    if (length / x->nframes >= full / 8) {
        x->photometric = PHOTOMETRIC_YBR_FULL;
        return full;
    }
    return pixels * 2 * x->bits_allocated;
}


static bool
native_spans(struct header *h, const struct dicom_pixels *pixels)
{
    struct dicom_index  *x = h->index;
    uint64_t             bits = native_bits(x, pixels->length);
    uint16_t             planar = 0;

    if (pixels->offset > dicom_size(h->file)
        || pixels->length > dicom_size(h->file) - pixels->offset)
    {
        return header_fail(h, DECODER_INVALID,
            "the pixel data is cut short: the file ends before it does");
    }
    if (x->nframes > pixels->length * 8 / bits) {
        /* the frames that are there */
        x->nframes = (uint32_t) (pixels->length * 8 / bits);
    }
    if (x->nframes == 0) {
        return header_fail(h, DECODER_INVALID, "the pixel data is shorter "
            "than rows, columns, samples and bits ask for");
    }

    for (uint32_t i = 0; i < x->nframes; i++) {
        uint64_t  first = bits * i, end = bits * (i + 1);

        x->frames[i].offset = pixels->offset + first / 8;
        x->frames[i].length = (end + 7) / 8 - first / 8;
    }

    attribute_u16(h->root, DICOM_TAG(0x0028, 0x0006), 0, &planar);
    x->storage = STORAGE_NATIVE;
    if ((planar == 1 && x->samples > 1) || x->bits_allocated == 1
        || x->photometric == PHOTOMETRIC_YBR_FULL_422
        || x->photometric == PHOTOMETRIC_YBR_PARTIAL_422
        || x->photometric == PHOTOMETRIC_YBR_PARTIAL_420
        || (strcmp(x->transfer_syntax, IMPLICIT_LE) != 0
            && strcmp(x->transfer_syntax, EXPLICIT_LE) != 0))
    {
        x->storage = STORAGE_CHILD;
    }

    /* for the child, which has no data set at hand when it decodes */
    x->planar = planar == 1 && x->samples > 1;
    return true;
}


/* (7FE0,0001), which gdcm hands over as bytes, 8 for each frame. */
static const uint8_t *
extended_table(const struct header *h)
{
    const uint8_t  *data;
    size_t          length;

    if (!dicom_value(h->root, DICOM_TAG(0x7fe0, 0x0001), &data, &length)
        || length / 8 != h->index->nframes)
    {
        return NULL;
    }
    return data;
}


static bool
is_video(const char *syntax)
{
    return begins_with(syntax, "1.2.840.10008.1.2.4.10");
}


static bool
encapsulated_spans(struct header *h, const struct dicom_pixels *pixels)
{
    struct dicom_index    *x = h->index;
    struct fragments       fragments;
    struct fragment_span  *spans = NULL;
    const char            *error = NULL;
    bool                   done = false;

    if (!fragments_scan(&fragments, dicom_read, h->file, pixels->offset,
        dicom_size(h->file), &error))
    {
        return header_fail(h, DECODER_INVALID, error);
    }

    spans = calloc(x->nframes, sizeof(spans[0]));
    if (spans == NULL) {
        header_fail(h, DECODER_MEMORY, "out of memory");
        goto done;
    }

    /* a video is one stream, and every frame needs all of it */
    if (is_video(x->transfer_syntax)) {
        uint32_t  one = 1;

        if (!fragments_spans(&fragments, dicom_read, h->file, &one, NULL,
            spans, &error))
        {
            header_fail(h, DECODER_INVALID, error);
            goto done;
        }
        for (uint32_t i = 1; i < x->nframes; i++) {
            spans[i] = spans[0];
        }

    } else if (!fragments_spans(&fragments, dicom_read, h->file,
        &x->nframes, extended_table(h), spans, &error))
    {
        header_fail(h, DECODER_INVALID, error);
        goto done;
    }

    for (uint32_t i = 0; i < x->nframes; i++) {
        x->frames[i].offset = spans[i].offset;
        x->frames[i].length = spans[i].length;
    }
    x->storage = STORAGE_CHILD;
    if (strcmp(x->transfer_syntax, DEFLATED_FRAMES) == 0) {
        uint16_t  planar = 0;

        attribute_u16(h->root, DICOM_TAG(0x0028, 0x0006), 0, &planar);
        x->planar = planar == 1 && x->samples > 1;
    }
    done = true;

done:
    free(spans);
    fragments_finish(&fragments);
    return done;
}


/* Native pixels of undefined length, which some writers put into one item. */
static void
unwrap(struct header *h, struct dicom_pixels *pixels)
{
    struct fragments  fragments;
    const char       *error;

    if (fragments_scan(&fragments, dicom_read, h->file, pixels->offset,
        dicom_size(h->file), &error))
    {
        if (fragments.count == 1) {
            pixels->offset = fragments.items[0].offset + 8;
            pixels->length = fragments.items[0].length;
            pixels->encapsulated = false;
        }
        fragments_finish(&fragments);
    }
}


bool
header_spans(struct header *h)
{
    struct dicom_index  *x = h->index;
    struct dicom_pixels  pixels;

    if (x->nframes == 0) {
        return true;
    }

    dicom_find_pixels(h->file, &pixels);
    if (pixels.encapsulated && is_native_syntax(x->transfer_syntax)) {
        unwrap(h, &pixels);
    }
    if (pixels.encapsulated == is_native_syntax(x->transfer_syntax)) {
        return header_fail(h, DECODER_INVALID, pixels.encapsulated
            ? "the pixel data is encapsulated, its transfer syntax is not"
            : "the pixel data is not encapsulated, as its transfer syntax "
                "asks for");
    }
    return pixels.encapsulated ? encapsulated_spans(h, &pixels)
        : native_spans(h, &pixels);
}
