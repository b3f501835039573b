#include <stdio.h>
#include <string.h>

#include "element.h"
#include "structure.h"

/* A sequence, or an item of one, that we are within. */
struct level {
    uint64_t  end;              /* UINT64_MAX: until its delimiter */
    bool      is_sequence;      /* holds items, not elements */
    bool      is_explicit;
};

struct walk {
    uint64_t               at;
    struct level           levels[2 * STRUCTURE_MAX_DEPTH + 2];
    unsigned               depth;
    struct element_reader  reader;
};

enum verdict { VERDICT_ON, VERDICT_DONE, VERDICT_WRONG };


static bool
enter(struct walk *w, const struct element *e, bool is_sequence)
{
    struct level  *level;

    if (w->depth + 1 >= sizeof(w->levels) / sizeof(w->levels[0])) {
        return false;
    }
    level = &w->levels[++w->depth];
    level->end = e->length == ELEMENT_UNDEFINED ? UINT64_MAX
        : e->value + e->length;
    level->is_sequence = is_sequence;
    level->is_explicit = e->is_explicit;
    w->at = e->value;
    return true;
}


static enum verdict
take_element(struct walk *w, const struct element *e, char *detail,
    size_t size)
{
    const struct level  *level = &w->levels[w->depth];
    bool                 is_item = e->tag == ELEMENT_ITEM;

    if (e->tag == ELEMENT_ITEM_END || e->tag == ELEMENT_SEQUENCE_END) {
        if (w->depth == 0) {
            return VERDICT_DONE;
        }
        w->depth--;
        w->at = e->value;
        return VERDICT_ON;
    }
    if (is_item != level->is_sequence) {
        return VERDICT_DONE;
    }
    if (w->depth == 0 && e->tag >= 0x7fe00008) {
        return VERDICT_DONE;
    }

    if (e->length != ELEMENT_UNDEFINED
        && e->length > w->reader.end - e->value)
    {
        if (is_item) {
            snprintf(detail, size, "a sequence runs beyond the end of the "
                "file");
        } else {
            snprintf(detail, size, "the element (%04X,%04X) runs beyond the "
                "end of the file", e->tag >> 16, e->tag & 0xffff);
        }
        return VERDICT_WRONG;
    }
    if (is_item || e->is_sequence) {
        if (!enter(w, e, !is_item)) {
            snprintf(detail, size, "sequences are nested too deeply");
            return VERDICT_WRONG;
        }
        return VERDICT_ON;
    }
    w->at = e->value + e->length;
    return VERDICT_ON;
}


bool
structure_check(const struct structure *structure, structure_read reader,
    void *data, char *detail, size_t size)
{
    static _Thread_local struct walk  walk;
    struct walk                      *w = &walk;
    struct element                    e;
    enum verdict                      verdict = VERDICT_ON;

    memset(w, 0, offsetof(struct walk, reader.buffer));
    w->reader.end = structure->end;
    w->reader.is_big_endian = structure->is_big_endian;
    w->reader.source = reader;
    w->reader.data = data;
    w->at = structure->begin;
    w->levels[0].end = structure->end;
    w->levels[0].is_explicit = structure->is_explicit;

    while (verdict == VERDICT_ON) {
        while (w->depth > 0 && w->at >= w->levels[w->depth].end) {
            w->depth--;
        }
        if (w->at >= structure->end
            || !element_read(&w->reader, w->at,
                w->levels[w->depth].is_explicit, &e))
        {
            break;
        }
        verdict = take_element(w, &e, detail, size);
    }
    return verdict != VERDICT_WRONG;
}
