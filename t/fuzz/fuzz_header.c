/*
 * From the elements of a file to index and fields: all of the header path but
 * the parser, which is GDCM's and aborts by itself.  In its place stands the
 * plain reader below, of data sets in the form
 *
 *   item count (1 byte), then for each item: element count (1), then for each
 *   element: tag (4), kind and item (1), length (2), value
 *
 * where item 0 is the data set, and an element whose kind has bit 7 is a
 * sequence of the item its value names and those that follow it.
 */

#include "dicom.h"
#include "fuzz.h"
#include "header.h"
#include "index.h"
#include "wire.h"

#define MAX_ITEMS     16u
#define MAX_ELEMENTS  64u

struct element {
    uint32_t  tag;
    bool      is_sequence;
    uint8_t   first, count;         /* items of a sequence */
    uint8_t  *data;                 /* of its own size, on the heap */
    size_t    length;
};

struct dicom_set {
    struct element  elements[MAX_ELEMENTS];
    unsigned        count;
};

struct dicom_file {
    struct dicom_set     items[MAX_ITEMS];
    unsigned             nitems;
    struct dicom_pixels  pixels;
    const char          *syntax;
    bool                 preamble;
    const uint8_t       *data;      /* what follows: the file's own bytes */
    size_t               size;
};

static struct dicom_file  file;


const struct dicom_set *
dicom_meta(const struct dicom_file *f)
{
    return &f->items[MAX_ITEMS - 1];
}


const struct dicom_set *
dicom_root(const struct dicom_file *f)
{
    return &f->items[0];
}


const char *
dicom_transfer_syntax(const struct dicom_file *f)
{
    return f->syntax;
}


bool
dicom_has_preamble(const struct dicom_file *f)
{
    return f->preamble;
}


void
dicom_find_pixels(const struct dicom_file *f, struct dicom_pixels *pixels)
{
    *pixels = f->pixels;
}


uint64_t
dicom_size(const struct dicom_file *f)
{
    return f->size;
}


bool
dicom_read(void *f, uint64_t offset, void *buffer, size_t size)
{
    if (offset > file.size || size > file.size - offset) {
        return false;
    }
    memcpy(buffer, file.data + offset, size);
    return f == &file;
}


static const struct element *
find(const struct dicom_set *set, uint32_t tag)
{
    for (unsigned i = 0; i < set->count; i++) {
        if (set->elements[i].tag == tag) {
            return &set->elements[i];
        }
    }
    return NULL;
}


bool
dicom_value(const struct dicom_set *set, uint32_t tag, const uint8_t **data,
    size_t *length)
{
    const struct element  *element = find(set, tag);

    if (element == NULL || element->is_sequence || element->length == 0) {
        return false;
    }
    *data = element->data;
    *length = element->length;
    return true;
}


uint32_t
dicom_items(struct dicom_file *f, const struct dicom_set *set, uint32_t tag)
{
    const struct element  *element = find(set, tag);

    (void) f;
    return element != NULL && element->is_sequence ? element->count : 0;
}


const struct dicom_set *
dicom_item(struct dicom_file *f, const struct dicom_set *set, uint32_t tag,
    uint32_t n)
{
    const struct element  *element = find(set, tag);

    if (element == NULL || !element->is_sequence || n >= element->count) {
        return NULL;
    }
    return &f->items[(element->first + n) % MAX_ITEMS];
}


static void
read_set(struct fuzz *f, struct dicom_set *set)
{
    set->count = (unsigned) fuzz_number(f, 1) % (MAX_ELEMENTS + 1);
    for (unsigned i = 0; i < set->count; i++) {
        struct element  *e = &set->elements[i];
        unsigned         kind;

        e->tag = (uint32_t) fuzz_number(f, 4);
        kind = (unsigned) fuzz_number(f, 1);
        e->is_sequence = kind & 0x80;
        e->first = (uint8_t) (kind & 15);
        e->data = fuzz_take(f, fuzz_number(f, 2), &e->length);
        e->count = (uint8_t) (e->length > 0 ? e->data[0] % 32 : 1);
    }
}


static void
read_input(struct fuzz *f)
{
    static const char  *const syntaxes[] = {
        "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5",
        "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.91",
        "1.2.840.10008.1.2.4.102", "", "1.2.3.4.5"
    };
    static const uint32_t  tags[] = { 0x7fe00010, 0x7fe00008, 0x7fe00009, 0 };
    unsigned               flags;

    memset(&file, 0, sizeof(file));
    file.syntax = syntaxes[fuzz_number(f, 1) % 10];
    flags = (unsigned) fuzz_number(f, 1);
    file.preamble = flags & 1;
    file.pixels.encapsulated = flags & 2;
    file.pixels.tag = tags[flags >> 2 & 3];
    file.pixels.offset = fuzz_number(f, 2);
    file.pixels.length = file.pixels.encapsulated ? UINT32_MAX
        : fuzz_number(f, 4);

    file.nitems = (unsigned) fuzz_number(f, 1) % (MAX_ITEMS + 1);
    for (unsigned i = 0; i < file.nitems; i++) {
        read_set(f, &file.items[i]);
    }
    file.data = f->data;
    file.size = f->size;
}


/* Records as wire.h has them: whole, within bounds, without controls. */
static void
check_fields(const uint8_t *data, size_t length)
{
    while (length > 0) {
        struct wire_field  field;

        fuzz_check(length >= sizeof(field));
        memcpy(&field, data, sizeof(field));
        data += sizeof(field);
        length -= sizeof(field);
        fuzz_check(field.length > 0 && field.length <= 1024
            && field.length <= length);
        for (uint32_t i = 0; i < field.length; i++) {
            fuzz_check(data[i] >= 0x20 && data[i] != 0x7f);
        }
        data += field.length;
        length -= field.length;
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool           ready;
    struct fuzz           f = { data, size };
    struct decoder_error  error = { 0 };
    struct dicom_index    index, again;
    uint8_t              *fields = NULL, *bytes;
    size_t                nfields = 0, length;
    const char           *wrong = NULL;

    if (!ready) {
        charset_prepare();
        ready = true;
    }
    read_input(&f);
    if (header_read(&file, &index, &fields, &nfields, &error)) {
        check_fields(fields, nfields);

        /* what enters the store can be opened */
        fuzz_check(index_encode(&index, &bytes, &length));
        if (!index_decode(&again, bytes, length, file.size, &wrong)) {
            fprintf(stderr, "the index is refused: %s\n", wrong);
            abort();
        }
        index_finish(&again);
        free(bytes);
    } else {
        fuzz_check(error.status != DECODER_OK && error.detail[0] != '\0');
    }
    index_finish(&index);
    free(fields);
    for (unsigned i = 0; i < file.nitems; i++) {
        for (unsigned k = 0; k < file.items[i].count; k++) {
            free(file.items[i].elements[k].data);
        }
    }
    return 0;
}
