/* Texts in any character set become valid UTF-8 that fits. */

#include "charset.h"
#include "fuzz.h"


/* RFC 3629 */
static bool
is_utf8(const uint8_t *p, size_t length)
{
    const uint8_t  *end = p + length;

    while (p < end) {
        unsigned  more = *p < 0x80 ? 0 : *p >= 0xc2 && *p < 0xe0 ? 1
            : *p >= 0xe0 && *p < 0xf0 ? 2 : *p >= 0xf0 && *p < 0xf5 ? 3 : 4;
        uint8_t   first = *p++;

        if (more == 4 || (size_t) (end - p) < more) {
            return false;
        }
        if ((first == 0xe0 && p[0] < 0xa0) || (first == 0xed && p[0] > 0x9f)
            || (first == 0xf0 && p[0] < 0x90)
            || (first == 0xf4 && p[0] > 0x8f))
        {
            return false;
        }
        for (; more > 0; more--) {
            if ((*p++ & 0xc0) != 0x80) {
                return false;
            }
        }
    }
    return true;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool     ready;
    struct fuzz     f = { data, size };
    struct charset  charset;
    size_t          room = 1 + fuzz_number(&f, 2) % 600;
    size_t          nterms = fuzz_number(&f, 1), length, out;
    uint8_t        *terms, *text;
    char           *to = malloc(room);

    if (!ready) {
        charset_prepare();
        ready = true;
    }
    fuzz_check(to != NULL);
    terms = fuzz_take(&f, nterms, &nterms);
    text = fuzz_take(&f, 4096, &length);

    charset_init(&charset, (const char *) terms, nterms);
    fuzz_check(charset.count >= 1 && charset.count <= CHARSET_MAX_TERMS);
    out = charset_convert(&charset, (const char *) text, length, to, room);
    fuzz_check(out < room && to[out] == '\0' && strlen(to) == out);
    fuzz_check(is_utf8((const uint8_t *) to, out));
    for (size_t i = 0; i < out; i++) {
        fuzz_check((uint8_t) to[i] >= 0x20 && to[i] != 0x7f);
    }
    free(text);
    free(terms);
    free(to);
    return 0;
}
