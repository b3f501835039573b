/*
 * MPEG-2, H.264 and HEVC by FFmpeg's libraries (PS3.5 8.2.5 to 8.2.12): a bare
 * bit stream, a program or transport stream, or MP4, in one fragment or many.
 *
 * All frames are one stream, so a child keeps its decoder between calls: frames
 * asked for in order are decoded once, those just shown are still there, and
 * only what lies further back begins anew.  The libraries are looked for when
 * the zygote starts: a worker without them says that it cannot show video.
 */

#include "codec.h"
#include "meta.h"

#ifdef HAVE_FFMPEG

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/pixdesc.h>

#define RECENT       8u             /* frames kept behind the newest */
#define IO_SIZE      65536
#define SHIFT        14             /* of the fixed-point matrices */
#define DEMUXERS     "mpegvideo,h264,hevc,mpeg,mpegts,mov"
#define DECODERS     "mpeg1video,mpeg2video,h264,hevc"

#define STRING(x)            #x
#define LIBRARY(name, major) "lib" name ".so." STRING(major)

/* What is taken from the libraries, each as a pointer of its own type. */
#define FUNCTIONS(F) \
    F(util, av_dict_free) \
    F(util, av_dict_set) \
    F(util, av_frame_alloc) \
    F(util, av_frame_free) \
    F(util, av_freep) \
    F(util, av_log_set_level) \
    F(util, av_malloc) \
    F(util, av_pix_fmt_desc_get) \
    F(codec, av_packet_alloc) \
    F(codec, av_packet_free) \
    F(codec, av_packet_unref) \
    F(codec, avcodec_alloc_context3) \
    F(codec, avcodec_find_decoder) \
    F(codec, avcodec_free_context) \
    F(codec, avcodec_open2) \
    F(codec, avcodec_parameters_to_context) \
    F(codec, avcodec_receive_frame) \
    F(codec, avcodec_send_packet) \
    F(format, av_find_best_stream) \
    F(format, av_read_frame) \
    F(format, avformat_alloc_context) \
    F(format, avformat_close_input) \
    F(format, avformat_find_stream_info) \
    F(format, avformat_open_input) \
    F(format, avio_alloc_context) \
    F(format, avio_context_free)

#define DECLARE(library, name)  __typeof__(name) *name;

static struct {
    void  *util, *codec, *format;
    FUNCTIONS(DECLARE)
} av;

/* A fragment's value: where it lies in the file and in the stream. */
struct piece {
    uint64_t  offset, begin, length;
};

static struct video {
    uint64_t          file_id[3];
    int               fd;           /* of the call at hand */
    struct piece     *pieces;
    size_t            npieces, piece;
    uint64_t          at, length;   /* within the stream */
    AVIOContext      *io;
    AVFormatContext  *format;
    AVCodecContext   *decoder;
    AVPacket         *packet;
    int               track;
    bool              drained;      /* no packet is left */
    uint32_t          decoded;      /* frames, in order of presentation */
    AVFrame          *recent[RECENT];
} video;


bool
codec_video_prepare(void)
{
    av.util = dlopen(LIBRARY("avutil", LIBAVUTIL_VERSION_MAJOR),
        RTLD_NOW | RTLD_LOCAL);
    av.codec = dlopen(LIBRARY("avcodec", LIBAVCODEC_VERSION_MAJOR),
        RTLD_NOW | RTLD_LOCAL);
    av.format = dlopen(LIBRARY("avformat", LIBAVFORMAT_VERSION_MAJOR),
        RTLD_NOW | RTLD_LOCAL);
    if (av.util == NULL || av.codec == NULL || av.format == NULL) {
        av.format = NULL;
        return false;
    }

#define FIND(library, name) \
    *(void **) &av.name = dlsym(av.library, #name); \
    if (av.name == NULL) { \
        av.format = NULL; \
        return false; \
    }
    FUNCTIONS(FIND)

    av.av_log_set_level(AV_LOG_QUIET);
    return true;
}


static void
close_video(void)
{
    for (size_t i = 0; i < RECENT; i++) {
        av.av_frame_free(&video.recent[i]);
    }
    av.av_packet_free(&video.packet);
    av.avcodec_free_context(&video.decoder);
    av.avformat_close_input(&video.format);
    if (video.io != NULL) {
        av.av_freep(&video.io->buffer);
        av.avio_context_free(&video.io);
    }
    free(video.pieces);
    memset(&video, 0, sizeof(video));
}


static bool
read_at(uint64_t offset, void *buffer, size_t size)
{
    return meta_read_file(&video.fd, offset, buffer, size);
}


/* The items of the span become the pieces of one stream. */
static bool
find_pieces(const struct codec_source *source)
{
    const uint64_t  end = source->offset + source->length;
    uint64_t        at = source->offset;
    size_t          room = 0;

    while (end - at >= 8) {
        uint8_t   head[8];
        uint32_t  length;

        if (!read_at(at, head, sizeof(head))) {
            return false;
        }
        length = head[4] | (uint32_t) head[5] << 8 | (uint32_t) head[6] << 16
            | (uint32_t) head[7] << 24;
        at += 8;
        if (memcmp(head, "\xfe\xff\x00\xe0", 4) != 0 || length > end - at) {
            return false;
        }
        if (video.npieces == room) {
            struct piece  *grown;

            room = room * 2 + 16;
            grown = realloc(video.pieces, room * sizeof(video.pieces[0]));
            if (grown == NULL) {
                return false;
            }
            video.pieces = grown;
        }
        video.pieces[video.npieces++] = (struct piece) { at, video.length,
            length };
        video.length += length;
        at += length;
    }
    return video.length > 0;
}


static int
io_read(void *data, uint8_t *buffer, int size)
{
    const struct piece  *piece;
    uint64_t             within, left;

    (void) data;
    while (video.piece < video.npieces
        && video.at >= video.pieces[video.piece].begin
            + video.pieces[video.piece].length)
    {
        video.piece++;
    }
    if (video.piece == video.npieces || size <= 0) {
        return AVERROR_EOF;
    }

    piece = &video.pieces[video.piece];
    within = video.at - piece->begin;
    left = piece->length - within;
    if ((uint64_t) size > left) {
        size = (int) left;
    }
    if (!read_at(piece->offset + within, buffer, (size_t) size)) {
        return AVERROR(EIO);
    }
    video.at += (uint64_t) size;
    return size;
}


static int64_t
io_seek(void *data, int64_t offset, int whence)
{
    (void) data;
    if (whence == AVSEEK_SIZE) {
        return (int64_t) video.length;
    }
    if (whence == SEEK_CUR) {
        offset += (int64_t) video.at;
    } else if (whence == SEEK_END) {
        offset += (int64_t) video.length;
    }
    if (offset < 0 || (uint64_t) offset > video.length) {
        return AVERROR(EINVAL);
    }
    video.at = (uint64_t) offset;
    video.piece = 0;
    return offset;
}


static bool
open_format(void)
{
    AVDictionary  *options = NULL;
    uint8_t       *buffer = av.av_malloc(IO_SIZE);
    bool           opened;

    video.io = buffer != NULL ? av.avio_alloc_context(buffer, IO_SIZE, 0,
        NULL, io_read, NULL, io_seek) : NULL;
    video.format = av.avformat_alloc_context();
    if (video.io == NULL || video.format == NULL) {
        return false;
    }
    video.format->pb = video.io;
    video.format->flags |= AVFMT_FLAG_CUSTOM_IO;
    video.format->probesize = 1 << 20;

    av.av_dict_set(&options, "format_whitelist", DEMUXERS, 0);
    av.av_dict_set(&options, "codec_whitelist", DECODERS, 0);
    opened = av.avformat_open_input(&video.format, NULL, NULL, &options) == 0
        && av.avformat_find_stream_info(video.format, NULL) >= 0;
    av.av_dict_free(&options);
    return opened;
}


static bool
open_decoder(void)
{
    const AVCodecParameters  *parameters;
    const AVCodec            *codec;

    video.track = av.av_find_best_stream(video.format, AVMEDIA_TYPE_VIDEO, -1,
        -1, NULL, 0);
    if (video.track < 0) {
        return false;
    }
    parameters = video.format->streams[video.track]->codecpar;
    codec = av.avcodec_find_decoder(parameters->codec_id);
    video.decoder = codec != NULL ? av.avcodec_alloc_context3(codec) : NULL;
    video.packet = av.av_packet_alloc();
    if (video.decoder == NULL || video.packet == NULL
        || av.avcodec_parameters_to_context(video.decoder, parameters) < 0)
    {
        return false;
    }

    /* no threads in the sandbox; the order of presentation as the standard
       has it, where a stream does not say how far it reorders */
    video.decoder->thread_count = 1;
    video.decoder->strict_std_compliance = FF_COMPLIANCE_STRICT;
    return av.avcodec_open2(video.decoder, codec, NULL) == 0;
}


static bool
open_video(const struct codec_source *source)
{
    memcpy(video.file_id, source->file_id, sizeof(video.file_id));
    video.fd = source->fd;
    return find_pieces(source) && open_format() && open_decoder();
}


/* The next packet of the picture's track goes to the decoder. */
static bool
feed(void)
{
    int  rc;

    for (;;) {
        rc = av.av_read_frame(video.format, video.packet);
        if (rc < 0) {
            video.drained = true;
            return av.avcodec_send_packet(video.decoder, NULL) == 0;
        }
        if (video.packet->stream_index == video.track) {
            break;
        }
        av.av_packet_unref(video.packet);
    }
    rc = av.avcodec_send_packet(video.decoder, video.packet);
    av.av_packet_unref(video.packet);

    /* a damaged packet costs its own frames, which will be missed */
    return rc == 0 || rc == AVERROR_INVALIDDATA;
}


/* The next frame in order of presentation becomes the newest of the recent. */
static bool
decode_next(void)
{
    AVFrame  **slot = &video.recent[video.decoded % RECENT];

    if (*slot == NULL && (*slot = av.av_frame_alloc()) == NULL) {
        return false;
    }
    for (;;) {
        int  rc = av.avcodec_receive_frame(video.decoder, *slot);

        if (rc == 0) {
            video.decoded++;
            return true;
        }
        if (rc != AVERROR(EAGAIN) || video.drained || !feed()) {
            return false;
        }
    }
}


/* The frame, decoded; NULL: the stream does not have it. */
static const AVFrame *
find_frame(const struct codec_source *source)
{
    bool  same = video.decoder != NULL && memcmp(video.file_id,
        source->file_id, sizeof(video.file_id)) == 0;

    if (!same || (source->frame < video.decoded
        && video.decoded - source->frame > RECENT))
    {
        close_video();
        if (!open_video(source)) {
            close_video();
            return NULL;
        }
    }

    video.fd = source->fd;
    while (video.decoded <= source->frame) {
        if (!decode_next()) {
            return NULL;
        }
    }
    return video.recent[source->frame % RECENT];
}


/* Of one component of RGB: what luma and the chromas add to it. */
struct matrix {
    int32_t  y, red_cr, green_cb, green_cr, blue_cb;
    int32_t  black, middle;     /* Y of black; Cb and Cr of gray */
    int32_t  most;              /* greatest sample of the picture */
};


/*
 * The stream says which matrix and range it was made with (H.273).  Where it
 * does not, it is BT.601 for pictures of less than 720 lines and BT.709 for
 * others, and studio range, as PS3.3 C.7.6.3.1.2 has it.
 */
static void
make_matrix(const struct codec *c, const AVFrame *frame, unsigned depth,
    struct matrix *m)
{
    bool    full = frame->color_range == AVCOL_RANGE_JPEG;
    double  kr = 0.299, kb = 0.114, step = 1 << (depth - 8);
    double  scale, sy, sc;

    switch (frame->colorspace) {
    case AVCOL_SPC_BT709:
        kr = 0.2126, kb = 0.0722;
        break;
    case AVCOL_SPC_BT2020_NCL:
    case AVCOL_SPC_BT2020_CL:
        kr = 0.2627, kb = 0.0593;
        break;
    case AVCOL_SPC_SMPTE240M:
        kr = 0.212, kb = 0.087;
        break;
    case AVCOL_SPC_FCC:
        kr = 0.30, kb = 0.11;
        break;
    case AVCOL_SPC_UNSPECIFIED:
        if (c->rows >= 720) {
            kr = 0.2126, kb = 0.0722;
        }
        break;
    default:
        break;
    }

    m->most = (1 << c->bits_stored) - 1;
    scale = m->most * (double) (1 << SHIFT);
    sy = scale / (full ? (1 << depth) - 1 : 219 * step);
    sc = scale / (full ? (1 << depth) - 1 : 224 * step);
    m->y = (int32_t) (sy + 0.5);
    m->red_cr = (int32_t) (sc * 2 * (1 - kr) + 0.5);
    m->blue_cb = (int32_t) (sc * 2 * (1 - kb) + 0.5);
    m->green_cb = (int32_t) (sc * 2 * (1 - kb) * kb / (1 - kr - kb) + 0.5);
    m->green_cr = (int32_t) (sc * 2 * (1 - kr) * kr / (1 - kr - kb) + 0.5);
    m->black = full ? 0 : (int32_t) (16 * step);
    m->middle = 1 << (depth - 1);
}


static inline int32_t
sample(const uint8_t *row, uint32_t x, bool wide)
{
    return wide ? ((const uint16_t *) (const void *) row)[x] : row[x];
}


static inline void
put(uint8_t *to, int32_t value, int32_t most, bool wide)
{
    value = value < 0 ? 0 : value >> SHIFT;
    value = value > most ? most : value;
    to[0] = (uint8_t) value;
    if (wide) {
        to[1] = (uint8_t) (value >> 8);
    }
}


/*
 * One row of RGB; each chroma sample counts for all the pixels it stands for,
 * wherever among them it was sited.
 */
static inline __attribute__((always_inline)) void
convert_row(uint8_t *to, const uint8_t *y, const uint8_t *cb,
    const uint8_t *cr, uint32_t columns, unsigned chroma_shift,
    const struct matrix *m, bool in_wide, bool out_wide)
{
    const unsigned  bytes = out_wide ? 2 : 1;

    for (uint32_t x = 0; x < columns; x++, to += 3 * bytes) {
        int32_t  luma = (sample(y, x, in_wide) - m->black) * m->y
            + (1 << (SHIFT - 1));
        int32_t  b = sample(cb, x >> chroma_shift, in_wide) - m->middle;
        int32_t  r = sample(cr, x >> chroma_shift, in_wide) - m->middle;

        put(to, luma + r * m->red_cr, m->most, out_wide);
        put(to + bytes, luma - b * m->green_cb - r * m->green_cr, m->most,
            out_wide);
        put(to + 2 * bytes, luma + b * m->blue_cb, m->most, out_wide);
    }
}


static bool
is_interlaced(const AVFrame *frame)
{
#ifdef AV_FRAME_FLAG_INTERLACED
    return (frame->flags & AV_FRAME_FLAG_INTERLACED) != 0;
#else
    return frame->interlaced_frame != 0;    /* before FFmpeg 6.1 */
#endif
}


/*
 * The row of chroma that belongs to row y of luma; the two fields of an
 * interlaced picture have their own rows.
 */
static uint32_t
chroma_row(const AVFrame *frame, unsigned shift, uint32_t y)
{
    if (shift == 1 && is_interlaced(frame)) {
        uint32_t  row = y / 4 * 2 + y % 2;

        return row < (uint32_t) (frame->height + 1) / 2 ? row : y / 2;
    }
    return y >> shift;
}


static void
convert(struct codec *c, const AVFrame *frame,
    const AVPixFmtDescriptor *format)
{
    const unsigned  depth = (unsigned) format->comp[0].depth;
    const unsigned  width = format->log2_chroma_w;
    const bool      in_wide = depth > 8, out_wide = codec_sample_size(c) == 2;
    const size_t    stride = (size_t) c->columns * 3 * codec_sample_size(c);
    struct matrix   m;

    make_matrix(c, frame, depth, &m);
    for (uint32_t y = 0; y < c->rows; y++) {
        uint32_t        row = chroma_row(frame, format->log2_chroma_h, y);
        uint8_t        *to = c->pixels + y * stride;
        const uint8_t  *luma = frame->data[0]
            + (ptrdiff_t) y * frame->linesize[0];
        const uint8_t  *cb = frame->data[1]
            + (ptrdiff_t) row * frame->linesize[1];
        const uint8_t  *cr = frame->data[2]
            + (ptrdiff_t) row * frame->linesize[2];

        if (!in_wide && !out_wide && width == 1) {
            convert_row(to, luma, cb, cr, c->columns, 1, &m, false, false);
        } else {
            convert_row(to, luma, cb, cr, c->columns, width, &m, in_wide,
                out_wide);
        }
    }
    c->photometric = PHOTOMETRIC_RGB;
}


static bool
is_expected(struct codec *c, const AVFrame *frame,
    const AVPixFmtDescriptor *format)
{
    const uint64_t  refused = AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL
        | AV_PIX_FMT_FLAG_BE | AV_PIX_FMT_FLAG_HWACCEL;

    /* some writers leave the coded height's last lines in */
    if ((uint32_t) frame->width != c->columns
        || (uint32_t) frame->height < c->rows
        || (uint32_t) frame->height > c->rows + 15)
    {
        return codec_fail(c, DECODER_INVALID,
            "the video has other dimensions than rows and columns");
    }
    if (c->samples != 3 || codec_sample_size(c) > 2 || c->bits_stored < 8
        || c->bits_stored > 12 || format == NULL || format->nb_components < 3
        || (format->flags & refused) != 0
        || (format->flags & AV_PIX_FMT_FLAG_PLANAR) == 0
        || format->comp[0].depth < 8 || format->comp[0].depth > 12)
    {
        return codec_fail(c, DECODER_UNSUPPORTED,
            "the video has samples of a kind that is not supported");
    }
    if (frame->decode_error_flags != 0
        || (frame->flags & AV_FRAME_FLAG_CORRUPT) != 0)
    {
        return codec_fail(c, DECODER_INVALID, "the video is damaged here");
    }
    return true;
}


bool
codec_video(struct codec *c, const struct codec_source *source)
{
    const AVPixFmtDescriptor  *format;
    const AVFrame             *frame;

    if (av.format == NULL) {
        return codec_fail(c, DECODER_UNSUPPORTED,
            "this render worker has no video decoder");
    }

    frame = find_frame(source);
    if (frame == NULL) {
        return codec_fail(c, DECODER_INVALID, video.decoded > 0
            ? "the video is damaged, or has fewer frames than the data set"
            : "the video stream is damaged or of an unknown kind");
    }
    format = av.av_pix_fmt_desc_get((enum AVPixelFormat) frame->format);
    if (!is_expected(c, frame, format)) {
        return false;
    }
    convert(c, frame, format);
    return true;
}

#else

bool
codec_video_prepare(void)
{
    return false;
}


bool
codec_video(struct codec *c, const struct codec_source *source)
{
    (void) source;
    return codec_fail(c, DECODER_UNSUPPORTED,
        "video is not built into this render worker");
}

#endif /* HAVE_FFMPEG */
