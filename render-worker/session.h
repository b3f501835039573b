/*
 * Leases: a user's right to pictures of a stack.  Two users of one series
 * share its stack.  Leases end when they are idle, when their user gives them
 * back, or when room is needed for another stack; a stack with requests in
 * progress (stack->pictures) stays.  Main thread only.
 */

#ifndef DICOM_SESSION_H
#define DICOM_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "loader.h"
#include "stack.h"

struct lease {
    struct lease   *chain;          /* of its hash bucket */
    struct lease   *prev, *next;    /* all leases, used longest ago first */
    uint8_t         id[16], user[16];
    struct stack   *stack;
    uint64_t        used;           /* ms */
};

struct session;

struct session_config {
    struct loader   *loader;
    struct painter  *painter;
    uint64_t         idle_ms;
    uint64_t         user_budget;   /* bytes */
    uint64_t         budget;        /* bytes, of all */
};

struct session_refusal {
    unsigned     status;
    const char  *slug, *detail;     /* literals */
};

struct session_stats {
    unsigned  stacks, leases;
    uint64_t  bytes;
    uint64_t  expired, evicted;     /* leases, since the start */
};

struct session *session_create(const struct session_config *config);

/* Ends all leases.  Accepts NULL. */
void session_destroy(struct session *session);

/*
 * Makes a lease named id on stack, or on an equal stack that is there; takes
 * stack over either way.  Others may have to go for it.  Layer first is loaded
 * first.  NULL: *refusal.
 */
struct lease *session_open(struct session *session, const uint8_t user[16],
    const uint8_t id[16], struct stack *stack, uint32_t first, uint64_t now,
    struct session_refusal *refusal);

/* The open stack of this key (stack_key()), or NULL. */
struct stack *session_stack(struct session *session, const uint8_t key[32]);

/* The user's lease named id, used now.  NULL: *refusal is 404 or 410. */
struct lease *session_find(struct session *session, const uint8_t user[16],
    const uint8_t id[16], uint64_t now, struct session_refusal *refusal);

/* Ends a lease on its user's wish. */
void session_close(struct session *session, struct lease *lease);

/* Ends the leases that are idle for too long. */
void session_expire(struct session *session, uint64_t now);

void session_stats(const struct session *session,
    struct session_stats *stats);

#endif /* DICOM_SESSION_H */
