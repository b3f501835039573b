#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "http.h"
#include "measure.h"

#define PAUSE_MS    100
#define MAX_USERS   1000
#define STACK_SIZE  (256 * 1024)

struct user {
    pthread_t     thread;
    struct crowd *crowd;
    char         *token;
    bool          active;
    unsigned      number;
    double       *times;
    size_t        done, errors;
    char          id[33];
    struct http  *http;
};

struct crowd {
    const char         *ca, *node, *study, *series;
    int                 layers;
    double              until;
    size_t              room;           /* for times of one user */
    pthread_barrier_t   opened, begun;
};

static void
pause_until(double when)
{
    double left = when - now();
    if (left > 0) {
        struct timespec t = { (time_t)(left / 1e3),
            (long)((left - 1e3 * (double)(time_t)(left / 1e3)) * 1e6) };
        nanosleep(&t, NULL);
    }
}

static bool
open_stack(struct user *user)
{
    const struct crowd *crowd = user->crowd;
    struct http_answer answer;
    char body[512];

    user->http = http_open(crowd->node, crowd->ca);
    snprintf(body, sizeof(body), "{\"study\":\"%s\",\"series\":\"%s\"}",
        crowd->study, crowd->series);
    return user->http != NULL && http_request(user->http, "POST",
        "/api/v1/stacks", user->token, body, &answer) &&
        answer.status == 202 &&
        sscanf(member(answer.body, "id"), " \"%32[0-9a-f]", user->id) == 1;
}

/* One picture each PAUSE_MS, a layer further each time. */
static void
look(struct user *user)
{
    const struct crowd *crowd = user->crowd;
    struct http_answer answer;
    char path[128];
    /* they do not all come at once */
    double next = now() + PAUSE_MS * (double)(user->number % 50) / 50;

    for (unsigned i = user->number * 7; next < crowd->until; i++) {
        pause_until(next);
        snprintf(path, sizeof(path), "/api/v1/stacks/%s/layers/%u", user->id,
            i % (unsigned)crowd->layers);
        double start = now();
        if (!http_request(user->http, "GET", path, user->token, NULL, &answer)
            || answer.status != 200) {
            user->errors++;
            return;
        }
        if (user->done < crowd->room) {
            user->times[user->done++] = now() - start;
        }
        next = next + PAUSE_MS > now() ? next + PAUSE_MS : now();
    }
}

static void *
run_user(void *data)
{
    struct user *user = data;
    struct http_answer answer;
    char path[128];
    bool in = open_stack(user);

    user->errors += !in;
    pthread_barrier_wait(&user->crowd->opened);
    pthread_barrier_wait(&user->crowd->begun);
    if (in && user->active) {
        look(user);
    }
    if (!user->active) {
        pause_until(user->crowd->until);
    }
    if (in) {
        snprintf(path, sizeof(path), "/api/v1/stacks/%s", user->id);
        http_request(user->http, "DELETE", path, user->token, NULL, &answer);
    }
    http_close(user->http);
    return NULL;
}

static size_t
read_tokens(const char *path, struct user *users)
{
    FILE *file = fopen(path, "r");
    char line[8192];
    size_t n = 0;

    while (file != NULL && n < MAX_USERS && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\r\n")] = '\0';
        users[n++].token = strdup(line);
    }
    if (file != NULL) {
        fclose(file);
    }
    return n;
}

int
measure_users(const char *ca, const char *tokens, int active, double seconds,
    const char *node, const char *study, const char *series, int layers)
{
    struct user *users = calloc(MAX_USERS, sizeof(*users));
    struct crowd crowd = { .ca = ca, .node = node, .study = study,
        .series = series, .layers = layers };
    pthread_attr_t attributes;
    size_t n = users != NULL ? read_tokens(tokens, users) : 0;
    size_t done = 0, errors = 0;

    crowd.room = (size_t)(seconds * 1e3 / PAUSE_MS) + 2;
    double *times = calloc(n + 1, crowd.room * sizeof(*times));
    if (n == 0 || layers < 1 || times == NULL) {
        fprintf(stderr, "measure: no users in %s\n", tokens);
        return 1;
    }
    pthread_barrier_init(&crowd.opened, NULL, (unsigned)n + 1);
    pthread_barrier_init(&crowd.begun, NULL, (unsigned)n + 1);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    for (size_t i = 0; i < n; i++) {
        users[i].crowd = &crowd;
        users[i].number = (unsigned)i;
        users[i].active = (int)i < active;
        users[i].times = times + i * crowd.room;
        if (pthread_create(&users[i].thread, &attributes, run_user, &users[i])
            != 0) {
            perror("measure: thread");
            exit(1);
        }
    }
    pthread_barrier_wait(&crowd.opened);
    printf("{\"users\":%zu}\n", n);
    fflush(stdout);
    crowd.until = now() + seconds * 1e3;
    pthread_barrier_wait(&crowd.begun);

    for (size_t i = 0; i < n; i++) {
        pthread_join(users[i].thread, NULL);
        memmove(times + done, users[i].times, users[i].done * sizeof(*times));
        done += users[i].done;
        errors += users[i].errors;
        free(users[i].token);
    }
    qsort(times, done, sizeof(*times), by_value);
    printf("{\"active\":%d,\"idle\":%zu,\"count\":%zu,\"errors\":%zu,"
        "\"p50\":%.3f,\"p95\":%.3f,\"per_second\":%.1f}\n", active,
        n - (size_t)active, done, errors, percentile(times, done, 0.5),
        percentile(times, done, 0.95), (double)done / seconds);
    free(times);
    free(users);
    return errors != 0;
}
