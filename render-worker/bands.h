/*
 * A few threads that help whoever has a picture in pieces: several callers at
 * once, each of which works on its own pieces too.
 */

#ifndef DICOM_BANDS_H
#define DICOM_BANDS_H

struct bands;

/* One piece of the work; worker tells the threads at it apart: 0 is the
   caller, the helpers are the same numbers in every job. */
typedef void (*band_fn)(void *context, unsigned piece, unsigned worker);

/*
 * Starts threads beside the callers: workers - 1 of them, fewer when the system
 * refuses.  enter and leave, if given, run as a thread begins and ends.  NULL
 * when memory is short.
 */
struct bands *bands_create(unsigned workers, void (*enter)(void),
    void (*leave)(void));

/* Nobody may be in bands_run().  Accepts NULL. */
void bands_destroy(struct bands *bands);

/*
 * Helpers join in only while fewer threads are at work than there are workers,
 * less threads: so many are left to others.  Any thread.
 */
void bands_spare(struct bands *bands, unsigned threads);

/* Threads at work, with one caller. */
unsigned bands_workers(const struct bands *bands);

/*
 * Calls fn for each piece, in any order; returns when all are done.  Helpers
 * join in when they are idle; with as many callers at work as there are threads,
 * one more is on its own.  bands may be NULL.  Any thread, but no fn may call it.
 */
void bands_run(struct bands *bands, band_fn fn, void *context,
    unsigned pieces);

#endif /* DICOM_BANDS_H */
