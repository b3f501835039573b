#include "session.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

#define BUCKETS       1024u
#define MAX_LEASES    8192u
#define USER_LEASES   64u
#define TOMBSTONES    8192u

/* A lease that ended: tells "expired" from "never was". */
struct tombstone {
    uint8_t  id[16], user[16];
    bool     set;
};

struct session {
    struct session_config  config;
    struct lease          *buckets[BUCKETS];
    struct lease          *oldest, *newest;
    struct stack          *shelf;           /* all open stacks */
    uint64_t               tick;
    struct session_stats   stats;
    unsigned               graves;          /* next tombstone to write */
    struct tombstone       tombstones[TOMBSTONES];
};

struct session *
session_create(const struct session_config *config)
{
    struct session *session = calloc(1, sizeof(*session));

    if (session != NULL) {
        session->config = *config;
    }
    return session;
}

static struct lease **
session_bucket(struct session *session, const uint8_t id[16])
{
    uint32_t hash;

    memcpy(&hash, id + 8, sizeof(hash));    /* ids are random */
    return &session->buckets[hash % BUCKETS];
}

static void
lease_append(struct session *session, struct lease *lease)
{
    lease->prev = session->newest;
    lease->next = NULL;
    if (session->newest != NULL) {
        session->newest->next = lease;
    } else {
        session->oldest = lease;
    }
    session->newest = lease;
}

static void
lease_unlink(struct session *session, struct lease *lease)
{
    if (lease->prev != NULL) {
        lease->prev->next = lease->next;
    } else {
        session->oldest = lease->next;
    }
    if (lease->next != NULL) {
        lease->next->prev = lease->prev;
    } else {
        session->newest = lease->prev;
    }
}

static void
session_use(struct session *session, struct lease *lease, uint64_t now)
{
    lease->used = now;
    lease->stack->used = ++session->tick;
    lease_unlink(session, lease);
    lease_append(session, lease);
}

/* Unused arrays may fill what the leases leave of the budget. */
static void
session_spare(struct session *session)
{
    uint64_t left = session->config.budget - session->stats.bytes;
    uint64_t most = session->config.budget / 2;

    painter_spare(session->config.painter, left < most ? left : most);
}

static void
shelf_remove(struct session *session, struct stack *stack)
{
    if (stack->shelf_prev != NULL) {
        stack->shelf_prev->shelf_next = stack->shelf_next;
    } else {
        session->shelf = stack->shelf_next;
    }
    if (stack->shelf_next != NULL) {
        stack->shelf_next->shelf_prev = stack->shelf_prev;
    }
    session->stats.stacks--;
    session->stats.bytes -= stack->cost;
    session_spare(session);
    loader_close(session->config.loader, stack);
    stack_release(session->config.painter, stack);
}

static void
shelf_add(struct session *session, struct stack *stack)
{
    stack->shelf_prev = NULL;
    stack->shelf_next = session->shelf;
    if (session->shelf != NULL) {
        session->shelf->shelf_prev = stack;
    }
    session->shelf = stack;
    session->stats.stacks++;
    session->stats.bytes += stack->cost;
    session_spare(session);
}

static void
lease_end(struct session *session, struct lease *lease, bool leave_tombstone)
{
    struct lease **link = session_bucket(session, lease->id);

    while (*link != lease) {
        link = &(*link)->chain;
    }
    *link = lease->chain;
    lease_unlink(session, lease);
    session->stats.leases--;

    if (leave_tombstone) {
        struct tombstone *stone = &session->tombstones[session->graves];

        memcpy(stone->id, lease->id, sizeof(stone->id));
        memcpy(stone->user, lease->user, sizeof(stone->user));
        stone->set = true;
        session->graves = (session->graves + 1) % TOMBSTONES;
    }

    struct stack *stack = lease->stack;
    free(lease);
    if (--stack->leases == 0) {
        shelf_remove(session, stack);
    }
}

void
session_destroy(struct session *session)
{
    if (session == NULL) {
        return;
    }
    while (session->oldest != NULL) {
        lease_end(session, session->oldest, false);
    }
    free(session);
}

static bool
is_user(const struct lease *lease, const uint8_t user[16])
{
    return memcmp(lease->user, user, sizeof(lease->user)) == 0;
}

static struct lease *
session_look(struct session *session, const uint8_t id[16])
{
    struct lease *lease = *session_bucket(session, id);

    while (lease != NULL && memcmp(lease->id, id, sizeof(lease->id)) != 0) {
        lease = lease->chain;
    }
    return lease;
}

struct lease *
session_find(struct session *session, const uint8_t user[16],
    const uint8_t id[16], uint64_t now, struct session_refusal *refusal)
{
    static const struct session_refusal missing = { 404, "stack-not-found",
        "no such stack" };
    static const struct session_refusal expired = { 410, "stack-expired",
        "the stack was idle for too long or made room for another" };

    struct lease *lease = session_look(session, id);
    if (lease != NULL) {
        if (!is_user(lease, user)) {
            *refusal = missing;     /* somebody else's does not exist */
            return NULL;
        }
        session_use(session, lease, now);
        return lease;
    }

    *refusal = missing;
    for (unsigned i = 0; i < TOMBSTONES; i++) {
        const struct tombstone *stone = &session->tombstones[i];

        if (stone->set && memcmp(stone->id, id, sizeof(stone->id)) == 0) {
            if (memcmp(stone->user, user, sizeof(stone->user)) == 0) {
                *refusal = expired;
            }
            break;
        }
    }
    return NULL;
}

struct stack *
session_stack(struct session *session, const uint8_t key[32])
{
    struct stack *stack = session->shelf;

    while (stack != NULL && memcmp(stack->key, key, sizeof(stack->key)) != 0) {
        stack = stack->shelf_next;
    }
    return stack;
}

/* Whether an earlier lease of the same user, up to lease, has its stack. */
static bool
counted(const struct session *session, const struct lease *lease)
{
    for (const struct lease *other = session->oldest; other != lease;
         other = other->next)
    {
        if (other->stack == lease->stack && is_user(other, lease->user)) {
            return true;
        }
    }
    return false;
}

/*
 * The stacks of a user, each once; *oldest is what could go first: of the
 * leases whose stack nobody asks for just now, else of all.
 */
static uint64_t
user_bytes(struct session *session, const uint8_t user[16],
    const struct stack *except, unsigned *leases, struct lease **oldest)
{
    struct lease *busiest = NULL;
    uint64_t bytes = 0;

    *oldest = NULL;
    *leases = 0;
    for (struct lease *lease = session->oldest; lease != NULL;
         lease = lease->next)
    {
        if (!is_user(lease, user)) {
            continue;
        }
        ++*leases;
        if (*oldest == NULL && lease->stack->pictures == 0) {
            *oldest = lease;
        }
        if (busiest == NULL) {
            busiest = lease;
        }
        if (lease->stack != except && !counted(session, lease)) {
            bytes += lease->stack->cost;
        }
    }
    if (*oldest == NULL) {
        *oldest = busiest;
    }
    return bytes;
}

/* Makes the user's own leases fit, with cost more bytes. */
static bool
fit_user(struct session *session, const uint8_t user[16],
    const struct stack *shared, uint64_t cost)
{
    for (;;) {
        unsigned leases;
        struct lease *oldest;
        uint64_t bytes = user_bytes(session, user, shared, &leases, &oldest);

        if (bytes + cost <= session->config.user_budget
            && leases < USER_LEASES)
        {
            return true;
        }
        if (oldest == NULL) {
            return false;
        }
        session->stats.evicted++;
        lease_end(session, oldest, true);
    }
}

static void
evict_stack(struct session *session, struct stack *stack)
{
    struct lease *lease = session->oldest;
    unsigned left = stack->leases;

    log_info("session", "series %s made room: %u leases end", stack->series,
        left);
    while (left > 0) {
        struct lease *next = lease->next;

        if (lease->stack == stack) {
            session->stats.evicted++;
            lease_end(session, lease, true);
            left--;
        }
        lease = next;
    }
}

/* Makes all stacks fit, with cost more bytes. */
static bool
fit_all(struct session *session, uint64_t cost)
{
    while (session->stats.bytes + cost > session->config.budget) {
        struct stack *victim = NULL;

        for (struct stack *stack = session->shelf; stack != NULL;
             stack = stack->shelf_next)
        {
            if (stack->pictures == 0
                && (victim == NULL || stack->used < victim->used))
            {
                victim = stack;
            }
        }
        if (victim == NULL) {
            return false;
        }
        evict_stack(session, victim);
    }
    return true;
}

static struct lease *
lease_create(struct session *session, const uint8_t user[16],
    const uint8_t id[16], struct stack *stack, uint64_t now)
{
    struct lease *lease = calloc(1, sizeof(*lease));
    struct lease **bucket = session_bucket(session, id);

    if (lease == NULL) {
        return NULL;
    }
    memcpy(lease->id, id, sizeof(lease->id));
    memcpy(lease->user, user, sizeof(lease->user));
    lease->stack = stack;
    lease->chain = *bucket;
    *bucket = lease;
    lease_append(session, lease);
    stack->leases++;
    session->stats.leases++;
    session_use(session, lease, now);
    return lease;
}

struct lease *
session_open(struct session *session, const uint8_t user[16],
    const uint8_t id[16], struct stack *stack, uint32_t first, uint64_t now,
    struct session_refusal *refusal)
{
    static const struct session_refusal conflict = { 409, "stack-conflict",
        "a stack of this name is open" };
    static const struct session_refusal full = { 507, "out-of-texture-memory",
        "the series is larger than the memory for images allows" };
    static const struct session_refusal pressed = { 503,
        "out-of-texture-memory", "all memory for images is in use" };
    static const struct session_refusal busy = { 503, "busy",
        "too many stacks are open" };

    struct lease *lease = session_look(session, id);
    if (lease != NULL) {
        *refusal = conflict;
        if (!is_user(lease, user)
            || memcmp(lease->stack->key, stack->key, sizeof(stack->key)) != 0)
        {
            lease = NULL;
        } else {
            session_use(session, lease, now);
        }
        stack_release(session->config.painter, stack);
        return lease;
    }

    struct stack *shared = session_stack(session, stack->key);
    if (shared != NULL) {
        stack_hold(shared);
        stack_release(session->config.painter, stack);
        stack = shared;
        stack->leases++;                /* it must not end meanwhile */
    }

    *refusal = full;
    if (stack->cost > session->config.user_budget
        || stack->cost > session->config.budget)
    {
        goto error;
    }
    *refusal = pressed;
    if (!fit_user(session, user, shared, stack->cost)
        || (shared == NULL && !fit_all(session, stack->cost)))
    {
        goto error;
    }
    *refusal = busy;
    if (session->stats.leases >= MAX_LEASES) {
        goto error;
    }

    lease = lease_create(session, user, id, stack, now);
    if (lease == NULL) {
        goto error;
    }
    if (shared == NULL) {
        shelf_add(session, stack);
    } else {
        stack->leases--;
        stack_release(session->config.painter, stack);
    }
    loader_open(session->config.loader, stack, first);
    return lease;

error:
    if (shared != NULL && --stack->leases == 0) {
        shelf_remove(session, stack);
    }
    stack_release(session->config.painter, stack);
    return NULL;
}

void
session_close(struct session *session, struct lease *lease)
{
    lease_end(session, lease, false);
}

void
session_expire(struct session *session, uint64_t now)
{
    struct lease *lease = session->oldest;

    while (lease != NULL) {
        struct lease *next = lease->next;

        if (now - lease->used < session->config.idle_ms) {
            break;          /* the others were used later */
        }
        /* pictures pin a stack, not every lease on it */
        if (lease->stack->pictures == 0 || lease->stack->leases > 1) {
            session->stats.expired++;
            lease_end(session, lease, true);
        }
        lease = next;
    }
}

void
session_stats(const struct session *session, struct session_stats *stats)
{
    *stats = session->stats;
}
