#include "turns.h"

#include <stddef.h>
#include <string.h>

static const uint8_t *
user_of(const struct turn *turn)
{
    static const uint8_t nobody[16];

    return turn->user != NULL ? turn->user : nobody;
}

static bool
is_of(const struct turn *turn, const uint8_t user[16])
{
    return memcmp(user_of(turn), user, 16) == 0;
}

static void
append(struct turns *turns, struct turn *turn)
{
    turn->after = NULL;
    if (turns->first == NULL) {
        turns->first = turn;
    } else {
        turns->last->after = turn;
    }
    turns->last = turn;
}

bool
turns_add(struct turns *turns, struct turn *turn, bool forced)
{
    struct turn *mine = turns->first;

    while (mine != NULL && !is_of(mine, user_of(turn))) {
        mine = mine->after;
    }
    if (!forced && (turns->count >= turns->limit
            || (mine != NULL && mine->count >= turns->user_limit)))
    {
        return false;
    }

    turn->next = NULL;
    if (mine != NULL) {
        mine->last->next = turn;
        mine->last = turn;
        mine->count++;
    } else {
        turn->last = turn;
        turn->count = 1;
        append(turns, turn);
    }
    turns->count++;
    return true;
}

struct turn *
turns_take(struct turns *turns)
{
    struct turn *before = NULL, *turn = turns->first;

    if (turn == NULL) {
        return NULL;
    }
    if (turn->after != NULL && is_of(turn, turns->served)) {
        before = turn;
        turn = turn->after;
    }

    if (before != NULL) {
        before->after = turn->after;
    } else {
        turns->first = turn->after;
    }
    if (turns->last == turn) {
        turns->last = before;
    }
    if (turn->next != NULL) {
        turn->next->last = turn->last;
        turn->next->count = turn->count - 1;
        append(turns, turn->next);
    }
    turns->count--;
    memcpy(turns->served, user_of(turn), sizeof(turns->served));
    return turn;
}
