/* A data set as DICOM JSON, and values by the paths that stand there. */

#include "charset.h"
#include "fuzz.h"
#include "metadata.h"

#define MOST  ((size_t) 4 << 20)

struct source {
    const uint8_t  *data;
    size_t          size;
};


static bool
read_source(void *data, uint64_t offset, void *buffer, size_t size)
{
    struct source  *source = data;

    if (offset > source->size || size > source->size - offset) {
        return false;
    }
    memcpy(buffer, source->data + offset, size);
    return true;
}


/* Stands for the dictionary, with choices too. */
static const char *
vr_of(uint32_t tag)
{
    static const char *const  vrs[] = { "LO", "PN", "SQ", "US_SS", "OB_OW",
        "DS", "IS", "AT", "FD", "UT", "UN", "", "SV", "CS" };

    return tag % 15 == 14 ? NULL : vrs[tag % 15];
}


/* Brackets match outside of strings, and strings have no raw controls. */
static void
check_json(const char *text, size_t length)
{
    int   depth = 0;
    bool  quoted = false;

    for (size_t i = 0; i < length; i++) {
        char  c = text[i];

        fuzz_check((unsigned char) c >= 0x20);
        if (quoted) {
            i += c == '\\';
            quoted = c != '"';
        } else if (c == '"') {
            quoted = true;
        } else if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            fuzz_check(--depth >= 0);
        }
    }
    fuzz_check(depth == 0 && !quoted && length >= 2);
}


/* Every value that is only referred to is found where its URL says. */
static void
check_paths(const struct metadata_set *set, const struct json *json)
{
    static const char  mark[] = "\"BulkDataURI\":\"u/";
    const char        *p = json->data, *end = json->data + json->length;
    char               path[2048];

    while ((p = memmem(p, (size_t) (end - p), mark, strlen(mark))) != NULL) {
        const char            *close;
        struct metadata_value  value;

        p += strlen(mark);
        close = memchr(p, '"', (size_t) (end - p));
        fuzz_check(close != NULL && (size_t) (close - p) < sizeof(path));
        memcpy(path, p, (size_t) (close - p));
        path[close - p] = '\0';
        if (metadata_find(set, path, &value)) {
            fuzz_check(value.offset <= set->end
                && value.length <= set->end - value.offset);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz            f = { data, size };
    unsigned               flags = (unsigned) fuzz_number(&f, 1);
    struct source          source = { 0 };
    struct metadata_set    set = { .source = read_source, .vr = vr_of };
    struct metadata_value  value;
    struct json            json = { 0 };
    uint8_t               *bytes = fuzz_take(&f, SIZE_MAX, &source.size);

    charset_prepare();
    source.data = bytes;
    set.data = &source;
    set.end = source.size;
    set.is_explicit = flags & 1;
    set.is_big_endian = flags & 2;

    if (metadata_write(&set, "u/", MOST, &json)) {
        check_json(json.data, json.length);
        check_paths(&set, &json);
    }
    json_finish(&json);
    (void) metadata_find(&set, "00081140.1.00100010", &value);
    free(bytes);
    return 0;
}
