#include "element.h"

#include <string.h>

#include "meta.h"


const uint8_t *
element_peek(struct element_reader *reader, uint64_t at, size_t size)
{
    if (at > reader->end || size > reader->end - at) {
        return NULL;
    }
    if (at < reader->window || at + size > reader->window + reader->filled) {
        uint64_t  left = reader->end - at;
        size_t    count = left < ELEMENT_WINDOW ? (size_t) left
            : ELEMENT_WINDOW;

        if (!reader->source(reader->data, at, reader->buffer, count)) {
            reader->filled = 0;
            return NULL;
        }
        reader->window = at;
        reader->filled = count;
    }
    return reader->buffer + (at - reader->window);
}


uint32_t
element_number(const struct element_reader *reader, const uint8_t *p,
    unsigned bytes)
{
    uint32_t  value = 0;

    for (unsigned i = 0; i < bytes; i++) {
        unsigned  shift = reader->is_big_endian ? bytes - 1 - i : i;

        value |= (uint32_t) p[i] << (8 * shift);
    }
    return value;
}


bool
element_read(struct element_reader *reader, uint64_t at, bool is_explicit,
    struct element *e)
{
    const uint8_t  *p = element_peek(reader, at, 8);
    bool            wide;

    if (p == NULL) {
        return false;
    }
    memset(e, 0, sizeof(*e));
    e->tag = element_number(reader, p, 2) << 16
        | element_number(reader, p + 2, 2);
    e->is_explicit = is_explicit;
    e->length = element_number(reader, p + 4, 4);
    e->value = at + 8;

    if (e->tag >> 16 == 0xfffe) {
        return true;
    }
    if (!is_explicit) {
        e->is_sequence = e->length == ELEMENT_UNDEFINED;
        return true;
    }

    if (!meta_is_vr(p + 4, &wide)) {
        return false;
    }
    memcpy(e->vr, p + 4, 2);
    e->is_sequence = strcmp(e->vr, "SQ") == 0;
    if (!wide) {
        e->length = element_number(reader, p + 6, 2);
        return true;
    }
    if (strcmp(e->vr, "UN") == 0) {
        e->is_explicit = false;     /* PS3.5 6.2.2 note 2 */
    }
    p = element_peek(reader, at, 12);
    if (p == NULL) {
        return false;
    }
    e->length = element_number(reader, p + 8, 4);
    e->value = at + 12;
    e->is_sequence |= e->length == ELEMENT_UNDEFINED;
    return true;
}
