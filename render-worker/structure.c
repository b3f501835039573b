#include <stdio.h>
#include <string.h>

#include "meta.h"
#include "structure.h"

#define WINDOW     65536u
#define UNDEFINED  0xffffffffu

#define ITEM           0xfffee000u
#define ITEM_END       0xfffee00du
#define SEQUENCE_END   0xfffee0ddu

/* A sequence, or an item of one, that we are within. */
struct level {
    uint64_t  end;              /* UINT64_MAX: until its delimiter */
    bool      is_sequence;      /* holds items, not elements */
    bool      is_explicit;
};

struct walk {
    const struct structure  *structure;
    structure_read           reader;
    void                    *data;
    uint64_t                 at;
    struct level             levels[2 * STRUCTURE_MAX_DEPTH + 2];
    unsigned                 depth;
    uint64_t                 window;        /* offset of buffer */
    size_t                   filled;
    uint8_t                  buffer[WINDOW];
};

struct element {
    uint32_t  tag;
    uint32_t  length;
    uint64_t  value;            /* offset */
    bool      is_sequence;
    bool      is_explicit;      /* what its items are in */
};

enum verdict { VERDICT_ON, VERDICT_DONE, VERDICT_WRONG };


/* size bytes at the walk's place, from the window; NULL: not there. */
static const uint8_t *
peek(struct walk *w, uint64_t at, size_t size)
{
    if (at > w->structure->end || size > w->structure->end - at) {
        return NULL;
    }
    if (at < w->window || at + size > w->window + w->filled) {
        uint64_t  left = w->structure->end - at;
        size_t    count = left < WINDOW ? (size_t) left : WINDOW;

        if (!w->reader(w->data, at, w->buffer, count)) {
            w->filled = 0;
            return NULL;
        }
        w->window = at;
        w->filled = count;
    }
    return w->buffer + (at - w->window);
}


static uint32_t
number(const struct walk *w, const uint8_t *p, unsigned bytes)
{
    uint32_t  value = 0;

    for (unsigned i = 0; i < bytes; i++) {
        unsigned  shift = w->structure->is_big_endian ? bytes - 1 - i : i;

        value |= (uint32_t) p[i] << (8 * shift);
    }
    return value;
}


static bool
read_element(struct walk *w, bool is_explicit, struct element *e)
{
    const uint8_t  *p = peek(w, w->at, 8);
    bool            wide;

    if (p == NULL) {
        return false;
    }
    memset(e, 0, sizeof(*e));
    e->tag = number(w, p, 2) << 16 | number(w, p + 2, 2);
    e->is_explicit = is_explicit;
    e->length = number(w, p + 4, 4);
    e->value = w->at + 8;

    if (e->tag >> 16 == 0xfffe) {
        return true;
    }
    if (!is_explicit) {
        e->is_sequence = e->length == UNDEFINED;
        return true;
    }

    if (!meta_is_vr(p + 4, &wide)) {
        return false;
    }
    e->is_sequence = memcmp(p + 4, "SQ", 2) == 0;
    if (!wide) {
        e->length = number(w, p + 6, 2);
        return true;
    }
    if (memcmp(p + 4, "UN", 2) == 0) {
        e->is_explicit = false;     /* PS3.5 6.2.2 note 2 */
    }
    p = peek(w, w->at, 12);
    if (p == NULL) {
        return false;
    }
    e->length = number(w, p + 8, 4);
    e->value = w->at + 12;
    e->is_sequence |= e->length == UNDEFINED;
    return true;
}


static bool
enter(struct walk *w, const struct element *e, bool is_sequence)
{
    struct level  *level;

    if (w->depth + 1 >= sizeof(w->levels) / sizeof(w->levels[0])) {
        return false;
    }
    level = &w->levels[++w->depth];
    level->end = e->length == UNDEFINED ? UINT64_MAX : e->value + e->length;
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
    bool                 is_item = e->tag == ITEM;

    if (e->tag == ITEM_END || e->tag == SEQUENCE_END) {
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

    if (e->length != UNDEFINED && e->length > w->structure->end - e->value) {
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

    memset(w, 0, offsetof(struct walk, buffer));
    w->structure = structure;
    w->reader = reader;
    w->data = data;
    w->at = structure->begin;
    w->levels[0].end = structure->end;
    w->levels[0].is_explicit = structure->is_explicit;

    while (verdict == VERDICT_ON) {
        while (w->depth > 0 && w->at >= w->levels[w->depth].end) {
            w->depth--;
        }
        if (w->at >= structure->end
            || !read_element(w, w->levels[w->depth].is_explicit, &e))
        {
            break;
        }
        verdict = take_element(w, &e, detail, size);
    }
    return verdict != VERDICT_WRONG;
}
