/*
 * measure: the clocks of scripts/bench.  Prints one JSON object a call.
 *
 *   measure pread FILE...                 reads all bytes with one buffer
 *   measure get CA TOKEN CLIENTS COUNT [accept=TYPE] [rate=N] URL...
 *   measure load CA TOKEN NODE STUDY SERIES [LAYER]
 *   measure first CA TOKEN NODE STUDY SERIES LAYER COUNT [PICTURE]
 *   measure encode PNG                    the same pixels encoded in a loop
 *   measure users CA TOKENS ACTIVE SECONDS NODE STUDY SERIES LAYERS
 *
 * get prints what it has when it is told to end (SIGTERM).  "404=URL" expects
 * that status instead of 200, "401=URL" goes without the token.  With a rate, so
 * many requests a second are due, of all clients together, and their times count
 * from when they were: who comes late waits, too.
 *
 * first opens the series COUNT times, each time until its first picture is there:
 * a request to open it and one for the layer; with PICTURE, parameters such as
 * "format=png", one for both.
 *
 * CA, TOKEN and TOKENS (one a line) are files; TOKEN may be "-": none.  Times
 * are milliseconds, by CLOCK_MONOTONIC.
 */

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "http.h"
#include "measure.h"

#define BUFFER  (4 * 1024 * 1024)

double
now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

double
computed(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double
percentile(const double *sorted, size_t n, double p)
{
    return n == 0 ? 0 : sorted[(size_t)((double)(n - 1) * p + 0.5)];
}

static char *
read_token(const char *path)
{
    static char token[8192];
    FILE *file = strcmp(path, "-") == 0 ? NULL : fopen(path, "r");
    if (strcmp(path, "-") == 0) {
        return NULL;
    }
    if (file == NULL || fgets(token, sizeof(token), file) == NULL) {
        fprintf(stderr, "measure: no token in %s\n", path);
        exit(1);
    }
    fclose(file);
    token[strcspn(token, "\r\n")] = '\0';
    return token;
}

/* The machine's limit for a load: the same bytes into one warm buffer. */
static int
measure_pread(int count, char **paths)
{
    double times[5], cpu = computed();
    unsigned long long bytes = 0;
    char *buffer = malloc(BUFFER);

    if (buffer == NULL) {
        return 1;
    }
    memset(buffer, 1, BUFFER);
    for (int run = 0; run < 5; run++) {
        double start = now();
        bytes = 0;
        for (int i = 0; i < count; i++) {
            int fd = open(paths[i], O_RDONLY | O_CLOEXEC);
            ssize_t n;
            off_t at = 0;
            if (fd == -1) {
                perror(paths[i]);
                free(buffer);
                return 1;
            }
            while ((n = pread(fd, buffer, BUFFER, at)) > 0) {
                at += n;
            }
            bytes += (unsigned long long)at;
            close(fd);
        }
        times[run] = now() - start;
    }
    free(buffer);
    qsort(times, 5, sizeof(times[0]), by_value);
    printf("{\"bytes\":%llu,\"ms\":%.3f,\"cpu\":%.3f}\n", bytes, times[2],
        (computed() - cpu) / 5);
    return 0;
}

/* Set by SIGTERM: no more pictures, but the figures of those that came. */
static volatile sig_atomic_t enough;

static void
stop(int signal)
{
    (void)signal;
    enough = 1;
}

struct client {
    pthread_t     thread;
    const char   *ca, *token, *accept;
    char        **urls;
    int           nurls, first, count;
    double        interval, offset;     /* ms between requests; 0: at once */
    pthread_barrier_t  *connected;
    double       *times;
    int           done, errors;
    unsigned long long  bytes;
};

/* The status that is expected of a URL, which loses its mark. */
static int
expected(const char **url)
{
    int status = 200;

    if (sscanf(*url, "%3d=", &status) == 1) {
        *url += 4;
    }
    return status;
}

static void
wait_until(double due)
{
    double left = due - now();

    if (left > 0) {
        struct timespec t = { (time_t)(left / 1e3),
            (long)(left * 1e6) % 1000000000 };
        nanosleep(&t, NULL);
    }
}

static void *
run_client(void *data)
{
    struct client *c = data;
    struct http_answer answer;
    const char *url = c->urls[0];

    expected(&url);
    struct http *http = http_open(url, c->ca);

    pthread_barrier_wait(c->connected);
    if (http == NULL) {
        c->errors = c->count;
        return NULL;
    }
    http_accept(http, c->accept);
    double begin = now() + c->offset;
    for (int i = 0; i < c->count && !enough; i++) {
        url = c->urls[(c->first + i) % c->nurls];
        int status = expected(&url);
        double start = now();
        if (c->interval > 0) {
            start = begin + i * c->interval;
            wait_until(start);
        }
        if (!http_request(http, "GET", http_path(url),
            status == 401 ? NULL : c->token, NULL, &answer)) {
            c->errors += c->count - i;
            break;
        }
        if (answer.status != status) {
            if (c->errors++ == 0) {
                fprintf(stderr, "measure: %d: %.200s\n", answer.status,
                    answer.length ? answer.body : "");
            }
            continue;
        }
        c->times[c->done++] = now() - start;
        c->bytes += answer.length;
    }
    http_close(http);
    return NULL;
}

static int
measure_get(const char *ca, const char *token, int clients, int count,
    int nurls, char **urls)
{
    struct client *all = calloc((size_t)clients, sizeof(*all));
    double *times = calloc((size_t)clients * (size_t)count, sizeof(*times));
    unsigned long long bytes = 0;
    const char *accept = NULL;
    double interval = 0;
    size_t done = 0;
    int errors = 0;

    if (nurls > 1 && strncmp(urls[0], "accept=", 7) == 0) {
        accept = urls[0] + 7;
        urls++;
        nurls--;
    }
    if (nurls > 1 && strncmp(urls[0], "rate=", 5) == 0) {
        double rate = atof(urls[0] + 5);
        interval = rate > 0 ? 1e3 * clients / rate : 0;
        urls++;
        nurls--;
    }
    if (all == NULL || times == NULL) {
        free(all);
        free(times);
        return 1;
    }
    struct sigaction action = { .sa_handler = stop, .sa_flags = SA_RESTART };
    sigaction(SIGTERM, &action, NULL);
    pthread_barrier_t connected;
    pthread_barrier_init(&connected, NULL, (unsigned)clients + 1);
    for (int i = 0; i < clients; i++) {
        all[i] = (struct client) { .ca = ca, .token = token,
            .accept = accept, .urls = urls, .connected = &connected,
            .nurls = nurls, .first = i, .count = count,
            .interval = interval, .offset = interval * i / clients,
            .times = times + (size_t)i * (size_t)count };
        if (pthread_create(&all[i].thread, NULL, run_client, &all[i]) != 0) {
            exit(1);
        }
    }
    /* the pictures are measured, not the handshakes */
    pthread_barrier_wait(&connected);
    double start = now();
    for (int i = 0; i < clients; i++) {
        pthread_join(all[i].thread, NULL);
        memmove(times + done, all[i].times,
            (size_t)all[i].done * sizeof(*times));
        done += (size_t)all[i].done;
        errors += all[i].errors;
        bytes += all[i].bytes;
    }
    double elapsed = now() - start;
    qsort(times, done, sizeof(*times), by_value);
    printf("{\"clients\":%d,\"count\":%zu,\"errors\":%d,\"bytes\":%llu,"
        "\"p50\":%.3f,\"p95\":%.3f,\"per_second\":%.1f}\n", clients, done,
        errors, done ? bytes / done : 0, percentile(times, done, 0.5),
        percentile(times, done, 0.95), (double)done * 1e3 / elapsed);
    free(all);
    free(times);
    return errors != 0;
}

/* The text of a member of a flat JSON object; enough for our own answers. */
const char *
member(const char *json, const char *name)
{
    char key[64];
    snprintf(key, sizeof(key), "\"%s\":", name);
    const char *at = strstr(json, key);
    return at ? at + strlen(key) : "";
}

/* POST stacks; false: it was refused, said on stderr. */
static bool
open_stack(struct http *http, const char *token, const char *body, char id[33])
{
    struct http_answer answer;

    if (http_request(http, "POST", "/api/v1/stacks", token, body, &answer) &&
        answer.status == 202 &&
        sscanf(member(answer.body, "id"), " \"%32[0-9a-f]", id) == 1) {
        return true;
    }
    fprintf(stderr, "measure: POST stacks: %d %.300s\n", answer.status,
        answer.body);
    return false;
}

static int
measure_load(const char *ca, const char *token, const char *node,
    const char *study, const char *series, int layer)
{
    char body[512], id[33] = "", path[128];
    struct http_answer answer;
    struct http *http = http_open(node, ca);
    struct timespec pause = { 0, 1000000 };

    if (http == NULL) {
        return 1;
    }
    snprintf(body, sizeof(body), "{\"study\":\"%s\",\"series\":\"%s\"}", study,
        series);
    double start = now(), first = 0;
    if (!open_stack(http, token, body, id)) {
        http_close(http);
        return 1;
    }
    double opened = now() - start;
    if (layer >= 0) {
        snprintf(path, sizeof(path), "/api/v1/stacks/%s/layers/%d", id, layer);
        if (!http_request(http, "GET", path, token, NULL, &answer) ||
            answer.status != 200) {
            fprintf(stderr, "measure: first picture: %d\n", answer.status);
        } else {
            first = now() - start;
        }
    }
    snprintf(path, sizeof(path), "/api/v1/stacks/%s", id);
    bool ready = false;
    while (!ready && http_request(http, "GET", path, token, NULL, &answer) &&
        answer.status == 200) {
        const char *state = member(answer.body, "state");
        ready = strncmp(state + strspn(state, " "), "\"ready\"", 7) == 0;
        if (!ready && strncmp(state + strspn(state, " "), "\"failed\"", 8)
            == 0) {
            break;
        }
        if (!ready) {
            nanosleep(&pause, NULL);
        }
    }
    double loaded = now() - start;
    printf("{\"open\":%.3f,\"first\":%.3f,\"loaded\":%.3f,\"ready\":%s}\n",
        opened, first, loaded, ready ? "true" : "false");
    http_request(http, "DELETE", path, token, NULL, &answer);
    http_close(http);
    return ready ? 0 : 1;
}

static int
measure_first(const char *ca, const char *token, const char *node,
    const char *study, const char *series, int layer, int count,
    const char *picture)
{
    char body[2048], more[1100] = "", id[33], path[128];
    struct http_answer answer;
    struct http *http = http_open(node, ca);
    double *times = calloc((size_t)count, sizeof(*times));
    int n = 0;

    if (picture != NULL) {
        snprintf(more, sizeof(more), ",\"layer\":%d,\"picture\":\"%s\"", layer,
            picture);
    }
    snprintf(body, sizeof(body), "{\"study\":\"%s\",\"series\":\"%s\"%s}",
        study, series, more);
    while (http != NULL && times != NULL && n < count) {
        double start = now();
        if (!open_stack(http, token, body, id)) {
            break;
        }
        snprintf(path, sizeof(path), "/api/v1/stacks/%s/layers/%d", id, layer);
        if (picture == NULL &&
            (!http_request(http, "GET", path, token, NULL, &answer) ||
            answer.status != 200)) {
            fprintf(stderr, "measure: first picture: %d\n", answer.status);
            break;
        }
        times[n++] = now() - start;
        snprintf(path, sizeof(path), "/api/v1/stacks/%s", id);
        http_request(http, "DELETE", path, token, NULL, &answer);
    }
    http_close(http);
    bool done = n > 0 && n == count;
    if (done) {
        qsort(times, (size_t)n, sizeof(*times), by_value);
        printf("{\"least\":%.3f,\"p50\":%.3f,\"p95\":%.3f}\n", times[0],
            percentile(times, (size_t)n, 0.5),
            percentile(times, (size_t)n, 0.95));
    }
    free(times);
    return done ? 0 : 1;
}

int
main(int argc, char **argv)
{
    if (argc >= 3 && strcmp(argv[1], "pread") == 0) {
        return measure_pread(argc - 2, argv + 2);
    }
    if (argc >= 7 && strcmp(argv[1], "get") == 0) {
        int clients = atoi(argv[4]), count = atoi(argv[5]);
        if (clients < 1 || clients > 256 || count < 1 || count > 1000000) {
            fprintf(stderr, "measure: CLIENTS 1..256, COUNT 1..1000000\n");
            return 2;
        }
        return measure_get(argv[2], read_token(argv[3]), clients, count,
            argc - 6, argv + 6);
    }
    if (argc >= 7 && strcmp(argv[1], "load") == 0) {
        return measure_load(argv[2], read_token(argv[3]), argv[4], argv[5],
            argv[6], argc > 7 ? atoi(argv[7]) : -1);
    }
    if (argc >= 9 && strcmp(argv[1], "first") == 0) {
        int count = atoi(argv[8]);
        if (count < 1 || count > 100000) {
            fprintf(stderr, "measure: COUNT 1..100000\n");
            return 2;
        }
        return measure_first(argv[2], read_token(argv[3]), argv[4], argv[5],
            argv[6], atoi(argv[7]), count, argc > 9 ? argv[9] : NULL);
    }
    if (argc == 3 && strcmp(argv[1], "encode") == 0) {
        return measure_encode(argv[2]);
    }
    if (argc == 10 && strcmp(argv[1], "users") == 0) {
        return measure_users(argv[2], argv[3], atoi(argv[4]), atof(argv[5]),
            argv[6], argv[7], argv[8], atoi(argv[9]));
    }
    fprintf(stderr, "usage: measure pread FILE...\n"
        "       measure get CA TOKEN CLIENTS COUNT [accept=TYPE] URL...\n"
        "       measure load CA TOKEN NODE STUDY SERIES [LAYER]\n"
        "       measure first CA TOKEN NODE STUDY SERIES LAYER COUNT "
        "[PICTURE]\n"
        "       measure encode PNG\n"
        "       measure users CA TOKENS ACTIVE SECONDS NODE STUDY SERIES "
        "LAYERS\n");
    return 2;
}
