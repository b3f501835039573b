#include "deflate.h"

#include <stdlib.h>
#include <string.h>

#include "multiversion.h"

#define SYMBOLS      286        /* literals, the end, lengths */
#define END          256
#define LONGEST      258        /* run of one token; its symbol is the last */
#define CODE_BITS    14         /* four of them fit between two flushes */
#define STORED_MOST  65535      /* bytes of a stored block */
#define BLOCK        8          /* bytes looked at in one go */

/* So many bytes as they are, then so many times the last of them. */
struct token {
    uint32_t  literals, run;
};

struct deflate {
    struct token  *tokens;
    size_t         ntokens, room;
    uint32_t       counts[4][SYMBOLS];      /* apart: neighbours are alike */
    uint8_t        lengths[SYMBOLS];
    uint32_t       codes[SYMBOLS];          /* bits, mirrored; length << 16 */
};

/* A stream of bits, least significant first. */
struct bits {
    uint8_t   *out;
    uint64_t   word;
    unsigned   n;
};

struct deflate *
deflate_create(void)
{
    return calloc(1, sizeof(struct deflate));
}

void
deflate_destroy(struct deflate *deflate)
{
    if (deflate != NULL) {
        free(deflate->tokens);
        free(deflate);
    }
}

size_t
deflate_bound(size_t length)
{
    /* stored, if it must be; 8 bytes are written at a time */
    return length + (length / STORED_MOST + 1) * 5 + 16;
}

/* RFC 1951 3.2.5 */
static void
length_symbol(uint32_t length, unsigned *symbol, unsigned *nextra,
    uint32_t *extra)
{
    uint32_t x = length - 3;

    if (length == LONGEST || x < 8) {
        *symbol = length == LONGEST ? 285 : 257 + x;
        *nextra = 0;
        *extra = 0;
        return;
    }
    *nextra = 29u - (unsigned) __builtin_clz(x);
    *symbol = 257 + 4 * *nextra + (x >> *nextra);
    *extra = x & ((1u << *nextra) - 1);
}

/* What of a run of that length goes into its first token: no rest below 3. */
static uint32_t
run_part(uint32_t run)
{
    return run <= LONGEST ? run : run < LONGEST + 3 ? run - 3 : LONGEST;
}

static bool
add_token(struct deflate *deflate, size_t literals, size_t run)
{
    if (deflate->ntokens == deflate->room) {
        size_t room = deflate->room > 0 ? 2 * deflate->room : 1024;
        struct token *tokens = realloc(deflate->tokens,
            room * sizeof(tokens[0]));

        if (tokens == NULL) {
            return false;
        }
        deflate->tokens = tokens;
        deflate->room = room;
    }
    deflate->tokens[deflate->ntokens++] = (struct token) {
        (uint32_t) literals, (uint32_t) run };

    for (uint32_t left = (uint32_t) run; left > 0; left -= run_part(left)) {
        unsigned symbol, nextra;
        uint32_t extra;

        length_symbol(run_part(left), &symbol, &nextra, &extra);
        deflate->counts[0][symbol]++;
    }
    return true;
}

static uint64_t
load(const uint8_t *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return word;
}

/* Finds the runs, and counts the symbols. */
static bool
tokenize(struct deflate *deflate, const uint8_t *in, size_t length)
{
    const uint64_t ones = 0x0101010101010101;
    uint32_t (*counts)[SYMBOLS] = deflate->counts;
    size_t at = 0, from = 0;

    memset(counts, 0, sizeof(deflate->counts));
    deflate->ntokens = 0;
    while (at + BLOCK <= length) {
        uint64_t word = load(in + at);

        if (at > 0 && word == in[at - 1] * ones) {
            size_t start = at;

            do {
                at += BLOCK;
            } while (at + BLOCK <= length && load(in + at) == word);
            if (!add_token(deflate, start - from, at - start)) {
                return false;
            }
            from = at;
            continue;
        }
        for (unsigned i = 0; i < BLOCK; i++) {
            counts[i % 4][word >> 8 * i & 255]++;
        }
        at += BLOCK;
    }
    for (; at < length; at++) {
        counts[0][in[at]]++;
    }
    counts[0][END] = 1;
    for (unsigned i = 0; i < SYMBOLS; i++) {
        counts[0][i] += counts[1][i] + counts[2][i] + counts[3][i];
    }
    return add_token(deflate, length - from, 0);
}

static int
by_count(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}

/*
 * Lengths of an optimal code for n counts in ascending order, in place
 * (Moffat and Katajainen, 1995).
 */
static void
optimal_lengths(uint32_t *a, int n)
{
    int root = 0, leaf = 2, next;
    int available = 1, used = 0, depth = 0;

    a[0] += a[1];
    for (next = 1; next < n - 1; next++) {
        if (leaf >= n || a[root] < a[leaf]) {
            a[next] = a[root];
            a[root++] = (uint32_t) next;
        } else {
            a[next] = a[leaf++];
        }
        if (leaf >= n || (root < next && a[root] < a[leaf])) {
            a[next] += a[root];
            a[root++] = (uint32_t) next;
        } else {
            a[next] += a[leaf++];
        }
    }

    a[n - 2] = 0;
    for (next = n - 3; next >= 0; next--) {
        a[next] = a[a[next]] + 1;
    }
    root = n - 2;
    next = n - 1;
    while (available > 0) {
        while (root >= 0 && (int) a[root] == depth) {
            used++;
            root--;
        }
        while (available > used) {
            a[next--] = (uint32_t) depth;
            available--;
        }
        available = 2 * used;
        depth++;
        used = 0;
    }
}

/* Codes of at most CODE_BITS for what was counted. */
static void
choose_lengths(struct deflate *deflate)
{
    uint64_t order[SYMBOLS];
    uint32_t a[SYMBOLS] = { 0 }, lengths[33] = { 0 };
    int n = 0;

    memset(deflate->lengths, 0, sizeof(deflate->lengths));
    for (unsigned i = 0; i < SYMBOLS; i++) {
        if (deflate->counts[0][i] > 0) {
            order[n++] = (uint64_t) deflate->counts[0][i] << 16 | i;
        }
    }
    if (n == 1) {
        deflate->lengths[order[0] & 0xffff] = 1;
        return;
    }
    qsort(order, (size_t) n, sizeof(order[0]), by_count);
    for (int i = 0; i < n; i++) {
        a[i] = (uint32_t) (order[i] >> 16);
    }
    optimal_lengths(a, n);
    for (int i = 0; i < n; i++) {
        lengths[a[i] < 32 ? a[i] : 32]++;
    }

    /* too long ones are cut, and room is made by lengthening others */
    uint32_t total = 0;
    for (int bits = CODE_BITS + 1; bits <= 32; bits++) {
        lengths[CODE_BITS] += lengths[bits];
    }
    for (int bits = 1; bits <= CODE_BITS; bits++) {
        total += lengths[bits] << (CODE_BITS - bits);
    }
    while (total > 1u << CODE_BITS) {
        int bits = CODE_BITS - 1;

        while (lengths[bits] == 0) {
            bits--;
        }
        lengths[CODE_BITS]--;
        lengths[bits]--;
        lengths[bits + 1] += 2;
        total--;
    }

    /* the rarest have the longest */
    int at = 0;
    for (int bits = CODE_BITS; bits > 0; bits--) {
        for (uint32_t k = 0; k < lengths[bits]; k++) {
            deflate->lengths[order[at++] & 0xffff] = (uint8_t) bits;
        }
    }
}

/* RFC 1951 3.2.2; deflate wants the bits of a code in reverse. */
static void
choose_codes(struct deflate *deflate)
{
    uint32_t code = 0;

    for (uint32_t bits = 1; bits <= CODE_BITS; bits++) {
        for (unsigned i = 0; i < SYMBOLS; i++) {
            if (deflate->lengths[i] == bits) {
                uint32_t mirrored = 0;

                for (unsigned k = 0; k < bits; k++) {
                    mirrored |= (code >> k & 1) << (bits - 1 - k);
                }
                deflate->codes[i] = mirrored | bits << 16;
                code++;
            }
        }
        code <<= 1;
    }
}

static inline void
put(struct bits *bits, uint32_t value, unsigned n)
{
    bits->word |= (uint64_t) value << bits->n;
    bits->n += n;
}

/* Writes whole bytes; fewer than 8 bits remain. */
static inline void
flush(struct bits *bits)
{
    memcpy(bits->out, &bits->word, sizeof(bits->word));
    bits->out += bits->n / 8;
    bits->word >>= bits->n & ~7u;
    bits->n &= 7;
}

static inline void
put_symbol(struct bits *bits, const struct deflate *deflate, unsigned symbol)
{
    put(bits, deflate->codes[symbol] & 0xffff, deflate->codes[symbol] >> 16);
}

/* Four at a time, put together before they are added to the stream. */
MULTIVERSION static void
put_literals(struct bits *stream, const struct deflate *deflate,
    const uint8_t *in, size_t n)
{
    struct bits bits = *stream;         /* in registers */
    const uint32_t *codes = deflate->codes;
    size_t i = 0;

    for (; i + 4 <= n; i += 4) {
        uint32_t a = codes[in[i]], b = codes[in[i + 1]];
        uint32_t c = codes[in[i + 2]], d = codes[in[i + 3]];
        uint64_t ab = (a & 0xffff) | (uint64_t) (b & 0xffff) << (a >> 16);
        uint64_t cd = (c & 0xffff) | (uint64_t) (d & 0xffff) << (c >> 16);
        unsigned n_ab = (a >> 16) + (b >> 16);

        bits.word |= (ab | cd << n_ab) << bits.n;
        bits.n += n_ab + (c >> 16) + (d >> 16);
        flush(&bits);
    }
    for (; i < n; i++) {
        put_symbol(&bits, deflate, in[i]);
        flush(&bits);
    }
    *stream = bits;
}

static void
put_run(struct bits *bits, const struct deflate *deflate, uint32_t run)
{
    for (uint32_t part; run > 0; run -= part) {
        unsigned symbol, nextra;
        uint32_t extra;

        part = run_part(run);
        length_symbol(part, &symbol, &nextra, &extra);
        put_symbol(bits, deflate, symbol);
        put(bits, extra, nextra);
        put(bits, 0, 1);                /* distance 1, the only code */
        flush(bits);
    }
}

/*
 * A block of dynamic codes.  Their lengths are not worth packing: each has 4
 * bits, its own value.
 */
static void
put_head(struct bits *bits, const struct deflate *deflate, bool last)
{
    /* RFC 1951 3.2.7; the first three repeat lengths */
    static const uint8_t order[19] = { 16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11,
        4, 12, 3, 13, 2, 14, 1, 15 };
    static const uint8_t mirrored[16] = { 0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5,
        13, 3, 11, 7, 15 };

    put(bits, last, 1);
    put(bits, 2, 2);
    put(bits, SYMBOLS - 257, 5);
    put(bits, 0, 5);                    /* one distance */
    put(bits, 19 - 4, 4);
    flush(bits);
    for (unsigned i = 0; i < 19; i++) {
        put(bits, order[i] < 16 ? 4 : 0, 3);
        flush(bits);
    }
    for (unsigned i = 0; i < SYMBOLS; i++) {
        put(bits, mirrored[deflate->lengths[i]], 4);
        flush(bits);
    }
    put(bits, mirrored[1], 4);          /* its code has one bit */
    flush(bits);
}

/* Bytes of the block, what ends it included. */
static size_t
coded_size(const struct deflate *deflate)
{
    uint64_t bits = 3 + 14 + 19 * 3 + (SYMBOLS + 1) * 4;

    for (unsigned i = 0; i < SYMBOLS; i++) {
        unsigned nextra = i >= 265 && i < 285 ? (i - 261) / 4 : 0;

        bits += (uint64_t) deflate->counts[0][i]
            * (deflate->lengths[i] + nextra + (i > END ? 1 : 0));
    }
    return (size_t) (bits / 8) + 8;
}

static size_t
store(const uint8_t *in, size_t length, bool last, uint8_t *out)
{
    uint8_t *p = out;

    do {
        size_t n = length < STORED_MOST ? length : STORED_MOST;

        length -= n;
        *p++ = last && length == 0;
        *p++ = (uint8_t) n;
        *p++ = (uint8_t) (n >> 8);
        *p++ = (uint8_t) ~n;
        *p++ = (uint8_t) (~n >> 8);
        memcpy(p, in, n);
        p += n;
        in += n;
    } while (length > 0);
    return (size_t) (p - out);
}

size_t
deflate_run(struct deflate *deflate, const uint8_t *in, size_t length,
    bool last, uint8_t *out)
{
    struct bits bits = { .out = out };

    if (length > DEFLATE_MOST || !tokenize(deflate, in, length)) {
        return 0;
    }
    choose_lengths(deflate);
    choose_codes(deflate);
    if (coded_size(deflate) >= length) {
        return store(in, length, last, out);
    }

    put_head(&bits, deflate, last);
    for (size_t i = 0; i < deflate->ntokens; i++) {
        put_literals(&bits, deflate, in, deflate->tokens[i].literals);
        put_run(&bits, deflate, deflate->tokens[i].run);
        in += (size_t) deflate->tokens[i].literals + deflate->tokens[i].run;
    }
    put_symbol(&bits, deflate, END);
    if (!last) {
        /* an empty stored block, which begins and ends on a byte */
        flush(&bits);
        put(&bits, 0, 3);
        bits.n = (bits.n + 7) & ~7u;
        put(&bits, 0, 16);
        put(&bits, 0xffff, 16);
    }
    bits.n = (bits.n + 7) & ~7u;
    flush(&bits);
    return (size_t) (bits.out - out);
}
