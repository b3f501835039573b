#include <iconv.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include "charset.h"

/* What two bytes, or one, of a set are called by iconv. */
enum form {
    FORM_WHOLE,         /* the bytes as they are */
    FORM_HIGH,          /* two bytes, with their high bits set (EUC) */
    FORM_HIGH_3,        /* the same behind 0x8f (EUC-JP's third set) */
    FORM_KANA           /* one byte behind 0x8e (EUC-JP's second set) */
};

struct charset_term {
    const char  *name;          /* defined term, without "ISO 2022" */
    const char  *codec;         /* iconv's name */
    const char  *escape;        /* of ISO 2022; NULL: no code extension */
    uint8_t      high;          /* replaces bytes from 0x80 (G1), not below */
    uint8_t      width;         /* bytes a character; 0: as the codec says */
    uint8_t      form;          /* enum form */
};

/* The first three matter by their place. */
static const struct charset_term  terms[] = {
    { "ISO_IR 6",   "ASCII",      "(B",   0, 1, FORM_WHOLE },
    { "ISO_IR 192", "UTF-8",      NULL,   0, 0, FORM_WHOLE },
    { "ISO_IR 100", "ISO-8859-1", "-A",   1, 1, FORM_WHOLE },
    { "ISO_IR 101", "ISO-8859-2", "-B",   1, 1, FORM_WHOLE },
    { "ISO_IR 109", "ISO-8859-3", "-C",   1, 1, FORM_WHOLE },
    { "ISO_IR 110", "ISO-8859-4", "-D",   1, 1, FORM_WHOLE },
    { "ISO_IR 144", "ISO-8859-5", "-L",   1, 1, FORM_WHOLE },
    { "ISO_IR 127", "ISO-8859-6", "-G",   1, 1, FORM_WHOLE },
    { "ISO_IR 126", "ISO-8859-7", "-F",   1, 1, FORM_WHOLE },
    { "ISO_IR 138", "ISO-8859-8", "-H",   1, 1, FORM_WHOLE },
    { "ISO_IR 148", "ISO-8859-9", "-M",   1, 1, FORM_WHOLE },
    { "ISO_IR 203", "ISO-8859-15", "-b",  1, 1, FORM_WHOLE },
    { "ISO_IR 166", "TIS-620",    "-T",   1, 1, FORM_WHOLE },
    { "ISO_IR 13",  "EUC-JP",     ")I",   1, 1, FORM_KANA },
    { "ISO_IR 14",  "ASCII",      "(J",   0, 1, FORM_WHOLE },
    { "ISO_IR 87",  "EUC-JP",     "$B",   0, 2, FORM_HIGH },
    { "ISO_IR 159", "EUC-JP",     "$(D",  0, 2, FORM_HIGH_3 },
    { "ISO_IR 149", "EUC-KR",     "$)C",  1, 2, FORM_WHOLE },
    { "ISO_IR 58",  "GB2312",     "$)A",  1, 2, FORM_WHOLE },
    { "GB18030",    "GB18030",    NULL,   0, 0, FORM_WHOLE },
    { "GBK",        "GBK",        NULL,   0, 0, FORM_WHOLE }
};

#define TERMS    (sizeof(terms) / sizeof(terms[0]))
#define ASCII    (&terms[0])
#define UTF_8    (&terms[1])
#define LATIN_1  (&terms[2])

static iconv_t         codecs[TERMS];
static pthread_once_t  once = PTHREAD_ONCE_INIT;

struct output {
    char    *data;
    size_t   length, size;
    bool     lines;             /* what divides them stays */
};


static void
open_codecs(void)
{
    for (size_t i = 0; i < TERMS; i++) {
        codecs[i] = iconv_open("UTF-8", terms[i].codec);
    }
}


void
charset_prepare(void)
{
    pthread_once(&once, open_codecs);
}


static bool
names(const char *value, size_t length, const char *name)
{
    return length == strlen(name) && memcmp(value, name, length) == 0;
}


static const struct charset_term *
find_term(const char *value, size_t length)
{
    while (length > 0 && value[0] == ' ') {
        value++;
        length--;
    }
    while (length > 0 && (value[length - 1] == ' '
        || value[length - 1] == '\0'))
    {
        length--;
    }
    if (length == 0) {
        return ASCII;
    }

    for (size_t i = 0; i < TERMS; i++) {
        const char  *name = terms[i].name;
        const char  *number = strncmp(name, "ISO_IR ", 7) == 0 ? name + 7
            : NULL;

        if (names(value, length, name)) {
            return &terms[i];
        }
        if (number != NULL && length > 12
            && memcmp(value, "ISO 2022 IR ", 12) == 0
            && names(value + 12, length - 12, number))
        {
            return &terms[i];
        }
    }
    return NULL;
}


void
charset_init(struct charset *charset, const char *value, size_t length)
{
    size_t  begin = 0;

    charset_prepare();
    charset->count = 0;

    for (size_t i = 0; i <= length; i++) {
        const struct charset_term  *term;

        if (i < length && value[i] != '\\') {
            continue;
        }
        term = find_term(value + begin, i - begin);
        if (charset->count < CHARSET_MAX_TERMS) {
            charset->terms[charset->count++] = term;
        }
        begin = i + 1;
    }
}


static bool
is_line_control(unsigned char c)
{
    return c == '\r' || c == '\n' || c == '\f' || c == '\t';
}


static void
emit(struct output *out, const char *text, size_t length)
{
    const unsigned char  *p = (const unsigned char *) text;

    /* U+0000 to U+001F, U+007F, and U+0080 to U+009F are control characters */
    if ((length == 1 && (p[0] < 0x20 || p[0] == 0x7f)
            && !(out->lines && is_line_control(p[0])))
        || (length == 2 && p[0] == 0xc2 && p[1] < 0xa0))
    {
        return;
    }
    /* iconv lets pass what lies beyond Unicode, and surrogates */
    if (p[0] > 0xf4 || (p[0] == 0xf4 && p[1] > 0x8f)
        || (p[0] == 0xed && p[1] > 0x9f))
    {
        text = "\xef\xbf\xbd";
        length = 3;
    }
    if (length <= out->size - out->length - 1) {
        memcpy(out->data + out->length, text, length);
        out->length += length;
    } else {
        out->size = out->length + 1;
    }
}


static size_t
utf8_length(unsigned char lead)
{
    return lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3
        : lead < 0xf8 ? 4 : lead < 0xfc ? 5 : 6;
}


/* Converts a run in one set; what the codec refuses becomes U+FFFD. */
static void
convert_run(const struct charset_term *term, const char *text, size_t length,
    struct output *out)
{
    iconv_t  codec = codecs[term - terms];

    if (codec == (iconv_t) -1) {
        codec = codecs[ASCII - terms];
    }
    if (codec == (iconv_t) -1) {
        return;
    }

    while (length > 0) {
        char     piece[256];
        char    *in = (char *) (uintptr_t) text, *to = piece;
        size_t   left = length, room = sizeof(piece);

        /* the result says nothing that left does not say */
        iconv(codec, NULL, NULL, NULL, NULL);
        (void) iconv(codec, &in, &left, &to, &room);

        for (char *p = piece; p < to; ) {
            size_t  n = utf8_length((unsigned char) *p);

            if (n > (size_t) (to - p)) {
                break;
            }
            emit(out, p, n);
            p += n;
        }
        if (left == length) {
            emit(out, "\xef\xbf\xbd", 3);
            in++;
            left--;
        }
        text += length - left;
        length = left;
    }
}


/* Characters that stand in another form in the EUC that iconv knows. */
static void
convert_euc(const struct charset_term *term, const char *text, size_t length,
    struct output *out)
{
    if (term->form == FORM_KANA) {
        for (size_t i = 0; i < length; i++) {
            const char  kana[2] = { (char) 0x8e, text[i] };

            convert_run(term, kana, 2, out);
        }
        return;
    }

    for (size_t i = 0; i + 1 < length; i += 2) {
        char    euc[3] = { (char) 0x8f, (char) (text[i] | 0x80),
            (char) (text[i + 1] | 0x80) };
        size_t  skip = term->form == FORM_HIGH_3 ? 0 : 1;

        convert_run(term, euc + skip, 3 - skip, out);
    }
}


static bool
is_delimiter(char c)
{
    return c == '\\' || c == '^' || c == '=' || c == '\r' || c == '\n'
        || c == '\f' || c == '\t';
}


static const struct charset_term *
escape_term(const char *text, size_t length, size_t *used)
{
    for (size_t i = 0; i < TERMS; i++) {
        size_t  n = terms[i].escape != NULL ? strlen(terms[i].escape) : 0;

        if (n > 0 && n <= length && memcmp(text, terms[i].escape, n) == 0) {
            *used = n;
            return &terms[i];
        }
    }
    return NULL;
}


/* ISO 2022: g0 stands for the bytes below 0x80, g1 for those above. */
static void
convert_extended(const struct charset *charset, const char *text,
    size_t length, struct output *out)
{
    const struct charset_term  *first = charset->terms[0];
    const struct charset_term  *g0 = ASCII, *g1 = first;
    size_t                      i = 0;

    while (i < length) {
        const struct charset_term  *term;
        size_t                      begin = i, used;

        if (text[i] == 0x1b) {
            term = escape_term(text + i + 1, length - i - 1, &used);
            if (term == NULL) {
                emit(out, "\xef\xbf\xbd", 3);
                i++;
                continue;
            }
            if (term->high) {
                g1 = term;
            } else {
                g0 = term;
            }
            i += 1 + used;
            continue;
        }

        /* a delimiter or a line's end brings the first set back */
        if (is_delimiter(text[i]) && g0->width == 1) {
            emit(out, text + i, 1);
            g0 = ASCII;
            g1 = first;
            i++;
            continue;
        }

        term = text[i] & 0x80 ? g1 : g0;
        while (i < length && text[i] != 0x1b
            && (text[i] & 0x80) == (text[begin] & 0x80)
            && !(term->width == 1 && is_delimiter(text[i])))
        {
            i++;
        }
        if (term->form == FORM_WHOLE) {
            convert_run(term, text + begin, i - begin, out);
        } else {
            convert_euc(term, text + begin, i - begin, out);
        }
    }
}


static bool
is_utf8(const char *text, size_t length)
{
    const unsigned char  *p = (const unsigned char *) text;

    for (size_t i = 0; i < length; ) {
        size_t  n = utf8_length(p[i]);

        if ((p[i] >= 0x80 && p[i] < 0xc2) || p[i] > 0xf4 || n > length - i) {
            return false;
        }
        for (size_t k = 1; k < n; k++) {
            if ((p[i + k] & 0xc0) != 0x80) {
                return false;
            }
        }
        i += n;
    }
    return true;
}


static size_t
convert(const struct charset *charset, const char *text, size_t length,
    struct output *out)
{
    const struct charset_term  *term = charset->terms[0];

    /*
     * Files without a term, or with an unknown one, have bytes above 0x7f as
     * well: guess what reads.
     */
    if (term == NULL || (term == ASCII && charset->count == 1)) {
        term = is_utf8(text, length) ? UTF_8 : LATIN_1;
    }

    if (term->escape == NULL && memchr(text, 0x1b, length) == NULL) {
        convert_run(term, text, length, out);

    } else {
        struct charset  with = *charset;

        with.terms[0] = term;
        convert_extended(&with, text, length, out);
    }

    out->data[out->length] = '\0';
    return out->length;
}


size_t
charset_convert(const struct charset *charset, const char *text,
    size_t length, char *out, size_t size)
{
    struct output  o = { out, 0, size, false };

    return convert(charset, text, length, &o);
}


size_t
charset_convert_lines(const struct charset *charset, const char *text,
    size_t length, char *out, size_t size)
{
    struct output  o = { out, 0, size, true };

    return convert(charset, text, length, &o);
}
