#include <string.h>
#include <zlib.h>

#include "inflated.h"
#include "meta.h"

#define WINDOW  (1u << 18)

static struct {
    bool      open;
    uint64_t  file_id[3];
    z_stream  z;
    uint64_t  from;             /* next byte of the file to be read */
    uint64_t  begin, end;       /* what out holds of the inflated file */
    int       rc;
    uint8_t   in[65536], out[WINDOW];
} stream;


static bool
begin(const struct codec_source *source, uint64_t file_size)
{
    struct meta  meta;
    int          fd = source->fd;

    if (stream.open) {
        inflateEnd(&stream.z);
        stream.open = false;
    }
    memset(&stream.z, 0, sizeof(stream.z));
    if (!meta_scan(&meta, meta_read_file, &fd, file_size)
        || inflateInit2(&stream.z, -15) != Z_OK)
    {
        return false;
    }
    memcpy(stream.file_id, source->file_id, sizeof(stream.file_id));
    stream.from = stream.begin = stream.end = meta.end;
    stream.rc = Z_OK;
    stream.open = true;
    return true;
}


/* The next piece of the inflated file takes the place of the one before. */
static bool
next_piece(int fd, uint64_t file_size)
{
    z_stream  *z = &stream.z;

    stream.begin = stream.end;
    z->next_out = stream.out;
    z->avail_out = sizeof(stream.out);
    while (z->avail_out > 0 && (stream.rc == Z_OK || stream.rc == Z_BUF_ERROR))
    {
        if (z->avail_in == 0) {
            uint64_t  left = file_size - stream.from;
            size_t    count = left > sizeof(stream.in) ? sizeof(stream.in)
                : (size_t) left;

            if (count == 0
                || !meta_read_file(&fd, stream.from, stream.in, count))
            {
                break;
            }
            z->next_in = stream.in;
            z->avail_in = (uInt) count;
            stream.from += count;
        }
        stream.rc = inflate(z, Z_NO_FLUSH);
    }
    stream.end += sizeof(stream.out) - z->avail_out;
    return stream.end > stream.begin;
}


bool
inflated_read(const struct codec_source *source, uint64_t file_size,
    uint8_t *span)
{
    const uint64_t  first = source->offset, end = first + source->length;
    uint64_t        at = first;

    if ((!stream.open || first < stream.begin || memcmp(stream.file_id,
            source->file_id, sizeof(stream.file_id)) != 0)
        && !begin(source, file_size))
    {
        return false;
    }

    for (;;) {
        if (at >= stream.begin && at < stream.end) {
            uint64_t  until = end < stream.end ? end : stream.end;

            memcpy(span + (at - first), stream.out + (at - stream.begin),
                (size_t) (until - at));
            at = until;
        }
        if (at >= end) {
            return true;
        }
        if (!next_piece(source->fd, file_size)) {
            return false;
        }
    }
}
