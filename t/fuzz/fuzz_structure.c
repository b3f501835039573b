/* The File Meta Information and the first look over a data set. */

#include "fuzz.h"
#include "meta.h"
#include "structure.h"

struct source {
    const uint8_t  *data;
    size_t          size;
    size_t          reads;
};


static bool
read_source(void *data, uint64_t offset, void *buffer, size_t size)
{
    struct source  *source = data;

    /* what is walked over is walked over once: no loops */
    fuzz_check(++source->reads <= 64 + 4 * source->size);
    if (offset > source->size || size > source->size - offset) {
        return false;
    }
    memcpy(buffer, source->data + offset, size);
    return true;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz       f = { data, size };
    unsigned          flags = (unsigned) fuzz_number(&f, 1);
    struct source     source = { 0 };
    struct structure  structure = { 0 };
    struct meta       meta;
    char              detail[120] = "";
    uint8_t          *bytes = fuzz_take(&f, SIZE_MAX, &source.size);

    source.data = bytes;
    if (meta_scan(&meta, read_source, &source, source.size)) {
        fuzz_check(meta.end <= source.size);
        fuzz_check(memchr(meta.syntax, '\0', sizeof(meta.syntax)) != NULL);
        fuzz_check(meta.syntax_length == 0
            || meta.syntax_offset + meta.syntax_length <= source.size);
        structure.begin = flags & 4 ? meta.end : 0;
    }
    structure.end = source.size;
    structure.is_explicit = flags & 1;
    structure.is_big_endian = flags & 2;
    source.reads = 0;
    if (!structure_check(&structure, read_source, &source, detail,
        sizeof(detail)))
    {
        fuzz_check(detail[0] != '\0');
    }
    free(bytes);
    return 0;
}
