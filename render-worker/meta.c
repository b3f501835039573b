#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "meta.h"


static void
read_syntax(struct meta *meta, const char *value, size_t length)
{
    while (length > 0 && (value[length - 1] == '\0'
        || value[length - 1] == ' '))
    {
        length--;
    }
    if (length < sizeof(meta->syntax)) {
        memcpy(meta->syntax, value, length);
        meta->syntax[length] = '\0';
    }
}


bool
meta_is_vr(const uint8_t *vr, bool *wide)
{
    static const char  narrow[] = "AEASATCSDADSDTFDFLISLOLTPNSHSLSSSTTMUIULUS";
    static const char  broad[] = "OBODOFOLOVOWSQSVUCUNURUTUV";

    *wide = false;
    for (size_t i = 0; i + 1 < sizeof(narrow); i += 2) {
        if (memcmp(vr, narrow + i, 2) == 0) {
            return true;
        }
    }
    *wide = true;
    for (size_t i = 0; i + 1 < sizeof(broad); i += 2) {
        if (memcmp(vr, broad + i, 2) == 0) {
            return true;
        }
    }
    return false;
}


bool
meta_scan(struct meta *meta, meta_read reader, void *data, uint64_t size)
{
    uint64_t  at = 132;
    uint8_t   head[12];
    char      value[66];

    memset(meta, 0, sizeof(*meta));
    if (size < 144 || !reader(data, 128, head, 4)) {
        return false;
    }
    meta->preamble = memcmp(head, "DICM", 4) == 0;
    if (!meta->preamble) {
        at = 0;
        if (!reader(data, 0, head, 4) || head[0] != 0x02 || head[1] != 0x00) {
            return false;
        }
    }

    while (size - at >= 12 && reader(data, at, head, 12)
        && head[0] == 0x02 && head[1] == 0x00)
    {
        uint32_t  length = head[6] | (uint32_t) head[7] << 8;
        bool      wide;

        if (!meta_is_vr(head + 4, &wide)) {
            meta->malformed = true;
            return true;
        }
        at += wide ? 12 : 8;
        if (wide) {
            length = head[8] | (uint32_t) head[9] << 8
                | (uint32_t) head[10] << 16 | (uint32_t) head[11] << 24;
        }
        if (length > size - at) {
            meta->malformed = true;
            return true;
        }

        if (head[2] == 0x10 && head[3] == 0x00 && length <= sizeof(value)) {
            if (!reader(data, at, value, length)) {
                return false;
            }
            meta->syntax_offset = at;
            meta->syntax_length = length;
            read_syntax(meta, value, length);
        }
        at += length;
    }

    meta->end = at;
    return true;
}


bool
meta_read_file(void *data, uint64_t offset, void *buffer, size_t size)
{
    int       fd = *(const int *) data;
    uint8_t  *to = buffer;

    while (size > 0) {
        ssize_t  n = pread(fd, to, size, (off_t) offset);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        to += n;
        offset += (uint64_t) n;
        size -= (size_t) n;
    }
    return true;
}
