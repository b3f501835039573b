#include "deflate.h"

#include <stdlib.h>
#include <string.h>

#include "multiversion.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define SYMBOLS      286        /* literals, the end, lengths */
#define LITERALS     256
#define END          256
#define LONGEST      258        /* run of one token; its symbol is the last */
#define CODE_BITS    14         /* four of them fit between two flushes */
#define STORED_MOST  65535      /* bytes of a stored block */
#define BLOCK        8          /* bytes that are a run or are not */
#define GROUP        64         /* bytes looked at in one go */

/* Of more bytes than these one group in so many is counted. */
#define COUNT_ALL    (64u * 1024)
#define COUNT_ONE_IN 8

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
    uint8_t        parts[2][LITERALS];      /* codes' low and high bytes */
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

/* Bytes if it must be stored. */
static size_t
stored_size(size_t length)
{
    return length + (length / STORED_MOST + 1) * 5;
}

size_t
deflate_bound(size_t length)
{
    /* the longest codes, their lengths; 8 bytes are written at a time */
    return stored_size(length) + length * CODE_BITS / 8 - length + 256;
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

/*
 * Bytes to the next run or, but for less than a block, to the end; there is one
 * byte before in.  A run's bytes are all like their neighbours before.
 */
MULTIVERSION static size_t
find_run(const uint8_t *in, size_t length)
{
    size_t at = 0;

    for (; at + GROUP <= length; at += GROUP) {
        uint64_t differ = UINT64_MAX;

        for (unsigned i = 0; i < GROUP; i += BLOCK) {
            differ &= load(in + at + i) == load(in + at + i - 1)
                ? 0 : UINT64_MAX;
        }
        if (differ == 0) {
            break;
        }
    }
    while (at + BLOCK <= length && load(in + at) != load(in + at - 1)) {
        at += BLOCK;
    }
    return at;
}

/*
 * Counts literals from to end of length bytes.  A large picture's are counted
 * here and there, in no order that its columns could have.
 */
static void
count_literals(struct deflate *deflate, const uint8_t *in, size_t from,
    size_t end, size_t length)
{
    uint32_t (*counts)[SYMBOLS] = deflate->counts;
    size_t next;

    for (size_t at = from; at < end; at = next) {
        uint32_t group = (uint32_t) (at / GROUP);

        next = (at / GROUP + 1) * GROUP;
        next = next < end ? next : end;
        if (length > COUNT_ALL
            && group * 0x9e3779b1u >= UINT32_MAX / COUNT_ONE_IN)
        {
            continue;
        }
        for (; at + 4 <= next; at += 4) {
            counts[0][in[at]]++;
            counts[1][in[at + 1]]++;
            counts[2][in[at + 2]]++;
            counts[3][in[at + 3]]++;
        }
        for (; at < next; at++) {
            counts[0][in[at]]++;
        }
    }
}

/* The largest of all bytes, as distances from 0 either way. */
MULTIVERSION static unsigned
steepest(const uint8_t *in, size_t length)
{
    uint8_t most = 0;

    for (size_t i = 0; i < length; i++) {
        uint8_t down = (uint8_t) -in[i];
        uint8_t step = in[i] < down ? in[i] : down;

        most = step > most ? step : most;
    }
    return most;
}

/*
 * The counts of the whole.  A step that was not seen may be there all the same
 * if there are larger ones.
 */
static void
sum_counts(struct deflate *deflate, const uint8_t *in, size_t length)
{
    uint32_t (*counts)[SYMBOLS] = deflate->counts;
    unsigned most = length > COUNT_ALL ? steepest(in, length) : 0;

    for (unsigned i = 0; i < LITERALS; i++) {
        counts[0][i] += counts[1][i] + counts[2][i] + counts[3][i];
        if (length > COUNT_ALL) {
            counts[0][i] = counts[0][i] > 0 ? counts[0][i] * COUNT_ONE_IN
                : i <= most || LITERALS - i <= most;
        }
    }
    counts[0][END] = 1;
}

/* Finds the runs, and counts the symbols. */
static bool
tokenize(struct deflate *deflate, const uint8_t *in, size_t length)
{
    size_t from = 0, at = length < BLOCK ? length : BLOCK;

    memset(deflate->counts, 0, sizeof(deflate->counts));
    deflate->ntokens = 0;
    for (;;) {
        at += find_run(in + at, length - at);
        if (at + BLOCK > length) {
            break;
        }

        size_t start = at;
        uint64_t word = load(in + at);

        do {
            at += BLOCK;
        } while (at + BLOCK <= length && load(in + at) == word);
        count_literals(deflate, in, from, start, length);
        if (!add_token(deflate, start - from, at - start)) {
            return false;
        }
        from = at;
    }
    count_literals(deflate, in, from, length, length);
    sum_counts(deflate, in, length);
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
                if (i < LITERALS) {
                    deflate->parts[0][i] = (uint8_t) mirrored;
                    deflate->parts[1][i] = (uint8_t) (mirrored >> 8);
                }
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

#if defined(__x86_64__)

#define WIDE  __attribute__((target("avx512f,avx512bw,avx512vbmi,bmi2")))

/* Of 64 bytes, each one's entry of a table of 256. */
WIDE static inline __m512i
look_up(const __m512i table[4], __m512i at)
{
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(at),
        _mm512_permutex2var_epi8(table[0], at, table[1]),
        _mm512_permutex2var_epi8(table[2], at, table[3]));
}

WIDE static inline void
load_table(__m512i table[4], const uint8_t *bytes)
{
    for (unsigned i = 0; i < 4; i++) {
        table[i] = _mm512_loadu_si512(bytes + 64 * i);
    }
}

/*
 * Four codes of 16 bits in each 64 become one; sizes holds the bits of each in
 * 16 bits and, afterwards, of all.
 */
WIDE static inline __m512i
join_codes(__m512i codes, __m512i *sizes)
{
    const __m512i half = _mm512_set1_epi32(0xffff);
    const __m512i whole = _mm512_set1_epi64(0xffffffff);
    __m512i first = _mm512_and_si512(*sizes, half);
    __m512i two = _mm512_or_si512(_mm512_and_si512(codes, half),
        _mm512_sllv_epi32(_mm512_srli_epi32(codes, 16), first));
    __m512i n = _mm512_add_epi32(first, _mm512_srli_epi32(*sizes, 16));

    first = _mm512_and_si512(n, whole);
    *sizes = _mm512_add_epi64(first, _mm512_srli_epi64(n, 32));
    return _mm512_or_si512(_mm512_and_si512(two, whole),
        _mm512_sllv_epi64(_mm512_srli_epi64(two, 32), first));
}

/* Two of those, in each 128 bits, become one in the lower half. */
WIDE static inline __m512i
join_pairs(__m512i codes, __m512i *sizes)
{
    __m512i first = *sizes;

    *sizes = _mm512_add_epi64(first, _mm512_bsrli_epi128(first, 8));
    return _mm512_or_si512(codes,
        _mm512_sllv_epi64(_mm512_bsrli_epi128(codes, 8), first));
}

/* Eight literals at a time if they fit, else four; gives how many it wrote. */
WIDE static size_t
put_wide(struct bits *stream, const struct deflate *deflate,
    const uint8_t *in, size_t n)
{
    /* what is unpacked from lower and upper halves of lanes is in order */
    const __m512i order = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
    const __m512i zero = _mm512_setzero_si512();
    const __m512i most = _mm512_set1_epi64(4 * CODE_BITS);
    __m512i low[4], high[4], lengths[4];
    struct bits bits = *stream;
    size_t i = 0;

    load_table(low, deflate->parts[0]);
    load_table(high, deflate->parts[1]);
    load_table(lengths, deflate->lengths);

    for (; i + 64 <= n; i += 64) {
        uint64_t words[16], sizes[16];
        __m512i at = _mm512_permutexvar_epi64(order,
            _mm512_loadu_si512(in + i));
        __m512i a = look_up(low, at), b = look_up(high, at);
        __m512i length = look_up(lengths, at);
        __m512i n0 = _mm512_unpacklo_epi8(length, zero);
        __m512i n1 = _mm512_unpackhi_epi8(length, zero);
        __m512i c0 = join_codes(_mm512_unpacklo_epi8(a, b), &n0);
        __m512i c1 = join_codes(_mm512_unpackhi_epi8(a, b), &n1);
        __m512i m0 = n0, m1 = n1;
        __m512i d0 = join_pairs(c0, &m0), d1 = join_pairs(c1, &m1);
        unsigned step = 2;

        if ((_mm512_cmpgt_epi64_mask(m0, most)
             | _mm512_cmpgt_epi64_mask(m1, most)) & 0x55)
        {
            d0 = c0;
            d1 = c1;
            m0 = n0;
            m1 = n1;
            step = 1;
        }
        _mm512_storeu_si512(words, d0);
        _mm512_storeu_si512(words + 8, d1);
        _mm512_storeu_si512(sizes, m0);
        _mm512_storeu_si512(sizes + 8, m1);
        for (unsigned k = 0; k < 16; k += step) {
            bits.word |= words[k] << bits.n;
            bits.n += (unsigned) sizes[k];
            flush(&bits);
        }
    }
    *stream = bits;
    return i;
}

#endif

/* Four at a time, put together before they are added to the stream. */
MULTIVERSION static size_t
put_fours(struct bits *stream, const struct deflate *deflate,
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
    *stream = bits;
    return i;
}

static void
put_literals(struct bits *bits, const struct deflate *deflate,
    const uint8_t *in, size_t n)
{
    size_t i = 0;

#if defined(__x86_64__)
    if (n >= 64 && __builtin_cpu_supports("avx512vbmi")) {
        i = put_wide(bits, deflate, in, n);
    }
#endif
    i += put_fours(bits, deflate, in + i, n - i);
    for (; i < n; i++) {
        put_symbol(bits, deflate, in[i]);
        flush(bits);
    }
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

    const uint8_t *p = in;

    put_head(&bits, deflate, last);
    for (size_t i = 0; i < deflate->ntokens; i++) {
        put_literals(&bits, deflate, p, deflate->tokens[i].literals);
        put_run(&bits, deflate, deflate->tokens[i].run);
        p += (size_t) deflate->tokens[i].literals + deflate->tokens[i].run;
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

    /* what was not counted may have been unlike the rest */
    size_t size = (size_t) (bits.out - out);
    return size <= stored_size(length) ? size
        : store(in, length, last, out);
}
