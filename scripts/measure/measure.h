/*
 * What the parts of measure share.
 */

#ifndef MEASURE_H
#define MEASURE_H

#include <stddef.h>

/* Milliseconds of CLOCK_MONOTONIC. */
double now(void);

/* Milliseconds that the calling thread has computed. */
double computed(void);

/* For qsort() of doubles. */
int by_value(const void *a, const void *b);

/* p from 0 to 1, of sorted values; 0 of none. */
double percentile(const double *sorted, size_t n, double p);

/* Where the value of a member of a flat JSON object begins; "" without it. */
const char *member(const char *json, const char *name);

/*
 * Encodes the pixels of a gray PNG again and again, on one thread, with what a
 * program would take that does nothing else: libjpeg (quality 90), and igzip
 * level 1 behind the filter Up.
 */
int measure_encode(const char *path);

/*
 * As many users as there are tokens open the series; all stay, and the first
 * active ones of them look through it, a picture every 100 ms, for seconds.
 * Prints a line when all are in, and one at the end.
 */
int measure_users(const char *ca, const char *tokens, int active,
    double seconds, const char *node, const char *study, const char *series,
    int layers);

#endif /* MEASURE_H */
