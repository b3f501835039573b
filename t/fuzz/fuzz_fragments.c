/* Encapsulated pixel data: items, offset tables, spans of frames. */

#include "fragments.h"
#include "fuzz.h"

struct source {
    const uint8_t  *data;
    size_t          size;
};


static bool
read_source(void *data, uint64_t offset, void *buffer, size_t size)
{
    const struct source  *source = data;

    if (offset > source->size || size > source->size - offset) {
        return false;
    }
    memcpy(buffer, source->data + offset, size);
    return true;
}


/* Each span is of whole items or of bytes within one, and none overlaps. */
static void
check_spans(struct source *source, const struct fragment_span *spans,
    uint32_t count)
{
    uint64_t  end = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint8_t  *copy;

        fuzz_check(spans[i].offset >= end && spans[i].length > 0);
        end = spans[i].offset + spans[i].length;
        fuzz_check(end <= source->size);

        copy = malloc(spans[i].length);
        fuzz_check(copy != NULL);
        memcpy(copy, source->data + spans[i].offset, spans[i].length);
        fuzz_check(fragments_join(copy, spans[i].length)
            <= spans[i].length);
        free(copy);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz           f = { data, size };
    struct fragments      fragments;
    struct source         source;
    struct fragment_span *spans;
    const char           *error = NULL;
    uint32_t              nframes = 1 + (uint32_t) fuzz_number(&f, 1) % 40;
    uint32_t              asked;
    uint64_t              offset = fuzz_number(&f, 1) % 16;
    uint8_t              *extended = NULL, *bytes;
    size_t                length;

    if (fuzz_number(&f, 1) % 2) {
        extended = calloc(nframes, 8);
        fuzz_check(extended != NULL);
        for (uint32_t i = 0; i < nframes; i++) {
            uint64_t  value = fuzz_number(&f, 2);

            value = value == 0xffff ? UINT64_MAX - i : value;
            memcpy(extended + 8 * i, &value, 8);
        }
    }
    bytes = fuzz_take(&f, SIZE_MAX, &source.size);
    source.data = bytes;

    if (fragments_scan(&fragments, read_source, &source, offset, source.size,
        &error))
    {
        fuzz_check(fragments.count > 0);
        spans = calloc(nframes, sizeof(spans[0]));
        fuzz_check(spans != NULL);
        asked = nframes;
        if (fragments_spans(&fragments, read_source, &source, &nframes,
            extended, spans, &error))
        {
            fuzz_check(nframes > 0 && nframes <= asked);
            check_spans(&source, spans, nframes);
        } else {
            fuzz_check(error != NULL);
        }
        free(spans);
        fragments_finish(&fragments);
    } else {
        fuzz_check(error != NULL);
    }

    length = fragments_join(bytes, source.size);
    fuzz_check(length <= source.size);
    free(bytes);
    free(extended);
    return 0;
}
