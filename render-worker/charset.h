/*
 * Specific Character Set (0008,0005) to UTF-8: the single-byte repertoires,
 * the multi-byte ones and ISO 2022 code extensions (PS3.3 C.12.1.1.2, PS3.5
 * 6.1).  Bytes that are no character become U+FFFD, so the result is always
 * valid UTF-8.
 */

#ifndef DICOM_CHARSET_H
#define DICOM_CHARSET_H

#include <stdbool.h>
#include <stddef.h>

#define CHARSET_MAX_TERMS  8u

struct charset_term;

struct charset {
    const struct charset_term  *terms[CHARSET_MAX_TERMS];
    unsigned                    count;      /* at least 1 */
};

/*
 * Opens every converter, because iconv needs files that the sandbox does not
 * have.  Call before the sandbox is entered; one thread.
 */
void charset_prepare(void);

/*
 * Reads the value of (0008,0005), length bytes, terms divided by backslashes.
 * Unknown terms are taken for UTF-8 where the bytes are that, else Latin-1.
 */
void charset_init(struct charset *charset, const char *value, size_t length);

/*
 * Converts length bytes of text into out, NUL-terminated and cut at a character
 * when size is short.  Control characters are left out.  Returns the length.
 */
size_t charset_convert(const struct charset *charset, const char *text,
    size_t length, char *out, size_t size);

/* The same of a text with lines: CR, LF, FF and TAB stay. */
size_t charset_convert_lines(const struct charset *charset, const char *text,
    size_t length, char *out, size_t size);

#endif /* DICOM_CHARSET_H */
