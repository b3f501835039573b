/*
 * A few threads that share the rows of one picture with the caller.
 */

#ifndef DICOM_BANDS_H
#define DICOM_BANDS_H

struct bands;

/* One piece of the work; worker tells threads apart: 0 is the caller. */
typedef void (*band_fn)(void *context, unsigned piece, unsigned worker);

/*
 * Starts threads beside the caller: workers - 1 of them, fewer when the system
 * refuses.  NULL when memory is short.
 */
struct bands *bands_create(unsigned workers);

/* Accepts NULL. */
void bands_destroy(struct bands *bands);

/* Threads at work, with the caller. */
unsigned bands_workers(const struct bands *bands);

/* Calls fn for each piece, in any order, on any worker; returns when all are
   done.  One caller at a time. */
void bands_run(struct bands *bands, band_fn fn, void *context,
    unsigned pieces);

#endif /* DICOM_BANDS_H */
