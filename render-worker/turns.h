/*
 * A queue that serves users in turn: what a user put in comes out in order, and
 * nobody is served twice while another waits.  Entries are embedded in what
 * they stand for, so that adding one never needs memory.  Not locked.
 */

#ifndef DICOM_TURNS_H
#define DICOM_TURNS_H

#include <stdbool.h>
#include <stdint.h>

struct turn {
    const uint8_t  *user;       /* 16 bytes that outlive it; NULL: nobody's */
    struct turn    *next;       /* of the same user */

    /* of a user's first one only: */
    struct turn    *after;      /* the first one of the user who comes next */
    struct turn    *last;       /* the user's last one */
    unsigned        count;      /* how many the user has */
};

/* All zero but for the limits: empty. */
struct turns {
    struct turn  *first, *last; /* each user's first one */
    unsigned      count;        /* of all users */
    unsigned      limit, user_limit;
    uint8_t       served[16];   /* whose turn was taken last */
};

/*
 * Adds a turn, of which user is set.  false: as many as the limits allow wait,
 * of all users or of this one; never when forced.
 */
bool turns_add(struct turns *turns, struct turn *turn, bool forced);

/* Takes the next one out; NULL: nobody waits. */
struct turn *turns_take(struct turns *turns);

#endif /* DICOM_TURNS_H */
