#include "metadata.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "charset.h"
#include "dicom_json.h"

#define MAX_DEPTH   32u
#define TAG_DIGITS  8u
#define STEP_SIZE   sizeof("7FE00010.4294967295.")

#define CHARACTER_SET         0x00080005u
#define PIXEL_REPRESENTATION  0x00280103u
#define FIRST_PIXELS          0x7fe00008u   /* Float, Double Float, and */
#define LAST_PIXELS           0x7fe00010u   /* the usual Pixel Data */

struct step {
    uint32_t  tag;
    uint32_t  item;             /* from 1 */
};

struct walk {
    const struct metadata_set  *set;
    const char                 *url;
    size_t                      most;
    struct json                *json;
    bool                        is_signed;      /* Pixel Representation */
    unsigned                    depth;
    char                        path[MAX_DEPTH * STEP_SIZE + TAG_DIGITS + 1];
    struct step                 steps[MAX_DEPTH + 1];
    unsigned                    nsteps;
    struct element_reader       reader;
};

static bool write_set(struct walk *w, uint64_t *at, uint64_t end,
    bool is_explicit, const struct charset *outer);
static bool find_in_set(struct walk *w, uint64_t at, uint64_t end,
    bool is_explicit, unsigned step, struct metadata_value *value);


static bool
is_vr(const struct element *e, const char *list)
{
    for (; *list != '\0'; list += 2) {
        if (memcmp(e->vr, list, 2) == 0) {
            return true;
        }
    }
    return false;
}


/* Private tags have no place in the dictionary but their creators. */
static void
choose_vr(const struct walk *w, struct element *e)
{
    const char  *vr = w->set->vr(e->tag);

    if (e->is_sequence) {
        vr = "SQ";
    } else if ((e->tag >> 16 & 1) != 0 && (e->tag & 0xff00) == 0
        && (e->tag & 0xffff) >= 0x10)
    {
        vr = "LO";
    } else if (vr == NULL || strlen(vr) < 2) {
        vr = "UN";
    } else if (strcmp(vr, "US_SS") == 0) {
        vr = w->is_signed ? "SS" : "US";
    } else if (strstr(vr, "OW") != NULL) {
        vr = "OW";
    }
    memcpy(e->vr, vr, 2);
    e->is_sequence = strcmp(e->vr, "SQ") == 0;
}


/*
 * The next element of a set, at *at, with a VR; false: the set ends here, or
 * what follows cannot be read.
 */
static bool
next_element(struct walk *w, uint64_t *at, uint64_t end, bool is_explicit,
    struct element *e)
{
    if (*at >= end || !element_read(&w->reader, *at, is_explicit, e)) {
        return false;
    }
    if (e->tag >> 16 == 0xfffe) {
        if (e->tag == ELEMENT_ITEM_END) {
            *at = e->value;
        }
        return false;
    }
    if (e->vr[0] == '\0') {
        choose_vr(w, e);
    }
    return e->length == ELEMENT_UNDEFINED
        || e->length <= w->reader.end - e->value;
}


/* Undefined length: a sequence has sets in its items, pixel data has bytes. */
static bool
has_fragments(const struct element *e)
{
    return e->length == ELEMENT_UNDEFINED && is_vr(e, "OBOW");
}


/*
 * The next item of a sequence at *at, whose set ends at *end if that is not
 * left to a delimiter; false: there are no more, and *at is behind the
 * sequence.
 */
static bool
next_item(struct walk *w, const struct element *sequence, uint64_t *at,
    uint64_t *end)
{
    uint64_t        last = sequence->length == ELEMENT_UNDEFINED
        ? w->reader.end : sequence->value + sequence->length;
    struct element  item;

    if (*at >= last || !element_read(&w->reader, *at, false, &item)) {
        return false;
    }
    if (item.tag != ELEMENT_ITEM) {
        *at = item.value;
        return false;
    }
    if (item.length == ELEMENT_UNDEFINED) {
        *end = last;
    } else if (item.length > last - item.value) {
        return false;
    } else {
        *end = item.value + item.length;
    }
    *at = item.value;
    return true;
}


/* Behind the element; false: its end cannot be found. */
static bool
skip(struct walk *w, const struct element *e, uint64_t *at)
{
    struct element  inner;
    uint64_t        end;
    bool            done = true;

    *at = e->value;
    if (e->length != ELEMENT_UNDEFINED) {
        *at += e->length;
        return true;
    }
    if (w->depth == MAX_DEPTH) {
        return false;
    }
    w->depth++;
    while (done && next_item(w, e, at, &end)) {
        if (has_fragments(e)) {
            *at = end;
            continue;
        }
        while (done && next_element(w, at, end, e->is_explicit, &inner)) {
            done = skip(w, &inner, at);
        }
    }
    w->depth--;
    return done;
}


static void
write_url(struct walk *w)
{
    size_t  length = strlen(w->url) + strlen(w->path) + 1;
    char   *url = malloc(length);

    if (url == NULL) {
        w->json->failed = true;
        return;
    }
    snprintf(url, length, "%s%s", w->url, w->path);
    json_string(w->json, "BulkDataURI", url);
    free(url);
}


/* What the swap of a big-endian value takes apart, bytes. */
static unsigned
word_of(const struct element *e)
{
    return is_vr(e, "OWUSSSAT") ? 2 : is_vr(e, "OFOLFLSLUL") ? 4
        : is_vr(e, "ODOVFDSVUV") ? 8 : 1;
}


/* The data set's own, not those of an icon. */
static bool
is_pixels(const struct walk *w, const struct element *e)
{
    return w->depth == 0 && e->tag >= FIRST_PIXELS && e->tag <= LAST_PIXELS;
}


static void
write_value(struct walk *w, const struct element *e,
    const struct charset *charset)
{
    bool            binary = is_vr(e, "OBODOFOLOVOWUN");
    const uint8_t  *value;

    if (e->length == 0) {
        return;
    }
    if (is_pixels(w, e)
        || e->length > (binary ? METADATA_INLINE : ELEMENT_WINDOW))
    {
        write_url(w);
        return;
    }
    value = element_peek(&w->reader, e->value, e->length);
    if (value == NULL) {
        w->json->failed = true;
        return;
    }
    dicom_json_value(w->json, e->vr, value, e->length,
        w->set->is_big_endian ? word_of(e) : 1, charset);
}


static bool
write_items(struct walk *w, const struct element *e, uint64_t *at,
    const struct charset *charset)
{
    size_t    length = strlen(w->path);
    uint64_t  end;
    uint32_t  n = 0;
    bool      done = true;

    if (w->depth == MAX_DEPTH) {
        return false;
    }
    *at = e->value;
    w->depth++;
    while (done && !w->json->failed && w->json->length <= w->most
        && next_item(w, e, at, &end))
    {
        if (n++ == 0) {
            json_open(w->json, "Value", '[');
        }
        snprintf(w->path + length, sizeof(w->path) - length, ".%" PRIu32 ".",
            n);
        done = write_set(w, at, end, e->is_explicit, charset);
    }
    if (n > 0) {
        json_close(w->json, ']');
    }
    w->path[length] = '\0';
    w->depth--;
    return done;
}


static bool
write_element(struct walk *w, const struct element *e, uint64_t *at,
    struct charset *charset)
{
    size_t          length = strlen(w->path);
    const uint8_t  *value;
    char            tag[TAG_DIGITS + 1];
    bool            done;

    snprintf(tag, sizeof(tag), "%08" PRIX32, e->tag);
    memcpy(w->path + length, tag, sizeof(tag));

    json_open(w->json, tag, '{');
    json_string(w->json, "vr", e->vr);
    if (e->tag == CHARACTER_SET) {
        /* the text of the answer is in another than that of the file */
        value = e->length <= ELEMENT_WINDOW
            ? element_peek(&w->reader, e->value, e->length) : NULL;
        charset_init(charset, value != NULL ? (const char *) value : "",
            value != NULL ? e->length : 0);
        json_open(w->json, "Value", '[');
        json_string(w->json, NULL, "ISO_IR 192");
        json_close(w->json, ']');
    } else if (has_fragments(e)) {
        write_url(w);
    } else if (!e->is_sequence) {
        write_value(w, e, charset);
    }
    done = e->is_sequence && !has_fragments(e)
        ? write_items(w, e, at, charset) : skip(w, e, at);
    json_close(w->json, '}');

    w->path[length] = '\0';
    return done;
}


/* false: what follows in the file cannot be told. */
static bool
write_set(struct walk *w, uint64_t *at, uint64_t end, bool is_explicit,
    const struct charset *outer)
{
    struct charset  charset = *outer;
    struct element  e;
    uint32_t        last = 0;
    bool            done = true;

    json_open(w->json, NULL, '{');
    while (done && !w->json->failed && w->json->length <= w->most
        && next_element(w, at, end, is_explicit, &e))
    {
        if ((e.tag & 0xffff) == 0 || e.tag == last) {
            done = skip(w, &e, at);
            continue;
        }
        last = e.tag;
        if (e.tag == PIXEL_REPRESENTATION && e.length == 2) {
            const uint8_t  *p = element_peek(&w->reader, e.value, 2);

            w->is_signed = p != NULL && element_number(&w->reader, p, 2) == 1;
        }
        done = write_element(w, &e, at, &charset);
        if (is_pixels(w, &e)) {
            break;
        }
    }
    json_close(w->json, '}');
    return done;
}


static struct walk *
walk_create(const struct metadata_set *set)
{
    struct walk  *w = malloc(sizeof(*w));

    if (w == NULL) {
        return NULL;
    }
    memset(w, 0, offsetof(struct walk, reader.buffer));
    w->set = set;
    w->reader.end = set->end;
    w->reader.is_big_endian = set->is_big_endian;
    w->reader.source = set->source;
    w->reader.data = set->data;
    return w;
}


bool
metadata_write(const struct metadata_set *set, const char *url, size_t most,
    struct json *json)
{
    struct walk    *w = walk_create(set);
    struct charset  charset;
    uint64_t        at = set->begin;
    bool            done;

    if (w == NULL) {
        return false;
    }
    w->url = url;
    w->most = most;
    w->json = json;
    charset_init(&charset, "", 0);
    (void) write_set(w, &at, set->end, set->is_explicit, &charset);
    done = !json->failed && json->length <= most;
    free(w);
    return done;
}


/* "7FE00010" or "00081140.2.00081155"; false: malformed. */
static bool
read_path(struct walk *w, const char *path)
{
    for (w->nsteps = 0; w->nsteps <= MAX_DEPTH; ) {
        struct step  *step = &w->steps[w->nsteps++];
        int           used = 0;

        if (strspn(path, "0123456789ABCDEFabcdef") != TAG_DIGITS
            || sscanf(path, "%8" SCNx32 "%n", &step->tag, &used) != 1)
        {
            return false;
        }
        path += used;
        if (*path == '\0') {
            return true;
        }
        if (path[0] != '.' || path[1] < '1' || path[1] > '9'
            || sscanf(path, ".%9" SCNu32 "%n", &step->item, &used) != 1
            || path[used] != '.')
        {
            return false;
        }
        path += used + 1;
    }
    return false;
}


static bool
find_in_items(struct walk *w, const struct element *e, unsigned step,
    struct metadata_value *value)
{
    uint64_t        at = e->value, end;
    struct element  inner;
    uint32_t        n = 0;
    bool            done = true;

    while (done && next_item(w, e, &at, &end)) {
        if (++n == w->steps[step].item) {
            return find_in_set(w, at, end, e->is_explicit, step + 1, value);
        }
        while (done && next_element(w, &at, end, e->is_explicit, &inner)) {
            done = skip(w, &inner, &at);
        }
    }
    return false;
}


static bool
find_in_set(struct walk *w, uint64_t at, uint64_t end, bool is_explicit,
    unsigned step, struct metadata_value *value)
{
    struct element  e;

    while (next_element(w, &at, end, is_explicit, &e)) {
        if (e.tag == PIXEL_REPRESENTATION && e.length == 2) {
            const uint8_t  *p = element_peek(&w->reader, e.value, 2);

            w->is_signed = p != NULL && element_number(&w->reader, p, 2) == 1;
        }
        if (e.tag == w->steps[step].tag) {
            if (step + 1 < w->nsteps) {
                return e.is_sequence && !has_fragments(&e)
                    && find_in_items(w, &e, step, value);
            }
            value->offset = e.value;
            value->length = has_fragments(&e) ? 0 : e.length;
            value->word = w->set->is_big_endian ? word_of(&e) : 1;
            return !e.is_sequence || has_fragments(&e);
        }
        if (!skip(w, &e, &at)) {
            return false;
        }
    }
    return false;
}


bool
metadata_find(const struct metadata_set *set, const char *path,
    struct metadata_value *value)
{
    struct walk  *w = walk_create(set);
    bool          found;

    memset(value, 0, sizeof(*value));
    if (w == NULL) {
        return false;
    }
    found = read_path(w, path)
        && find_in_set(w, set->begin, set->end, set->is_explicit, 0, value);
    free(w);
    return found;
}
