/*
 * Presentation states as an index holds them: what is accepted is written to
 * the same again.
 */

#include "fuzz.h"
#include "pack.h"
#include "presentation.h"


static struct presentation *
decode(const uint8_t *data, size_t size)
{
    struct reader         r = { data, data + size, NULL };
    struct presentation  *state = presentation_get(&r);

    fuzz_check((state == NULL) == (r.error != NULL));
    return state;
}


static struct writer
encode(const struct presentation *state)
{
    struct writer  w = { 0 };

    presentation_put(&w, state);
    fuzz_check(!w.failed);
    return w;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz           f = { data, size };
    uint8_t              *bytes = fuzz_take(&f, SIZE_MAX, &size);
    struct presentation  *state = decode(bytes, size), *again;
    struct writer         first, second;

    if (state != NULL) {
        (void) presentation_problem(state);
        fuzz_check(presentation_bytes(state) >= sizeof(*state));
        first = encode(state);
        again = decode(first.data, first.length);
        fuzz_check(again != NULL);
        second = encode(again);
        fuzz_check(first.length == second.length
            && memcmp(first.data, second.data, first.length) == 0);
        free(first.data);
        free(second.data);
        presentation_destroy(again);
        presentation_destroy(state);
    }
    free(bytes);
    return 0;
}
