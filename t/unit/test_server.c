/* A large answer is written in turns, between which others are served. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "server.h"

/* links: render-worker/server.c render-worker/request.c render-worker/pool.c */
/* links: render-worker/turns.c render-worker/log.c render-worker/json.c */

#define LARGE  (3u * 1024 * 1024 + 17)
#define TURN   (128u * 1024)
#define WRITES 1000

static size_t    writes[WRITES];        /* by the server, in order */
static unsigned  nwrites;

/* In place of the C library's. */
ssize_t
writev(int fd, const struct iovec *parts, int count)
{
    ssize_t n = syscall(SYS_writev, fd, parts, count);

    if (n > 0 && nwrites < WRITES) {
        writes[nwrites++] = (size_t) n;
    }
    return n;
}

bool
worker_body_bounds(unsigned type, uint32_t *least, uint32_t *most)
{
    *least = 0;
    *most = 4;
    return true;
}

/* Answers at once, with as many bytes as are asked for. */
void
worker_handle(struct worker *worker, struct request *request)
{
    uint32_t length = 0;

    memcpy(&length, request->body, sizeof(length));
    uint8_t *data = malloc(length);
    assert_non_null(data);
    for (uint32_t i = 0; i < length; i++) {
        data[i] = (uint8_t) (i * 2654435761u >> 24);
    }
    request_answer(request, 200, strdup("meta"), 4, data, length);
}

void
worker_tick(struct worker *worker)
{
}

static int
ask(const char *path, uint32_t length)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    struct wire_request head = { .magic = WIRE_REQUEST_MAGIC,
        .version = WIRE_VERSION, .type = WIRE_RENDER,
        .length = sizeof(length) };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    strcpy(address.sun_path, path);
    assert_int_equal(connect(fd, (struct sockaddr *) &address,
        sizeof(address)), 0);
    assert_int_equal(write(fd, &head, sizeof(head)), sizeof(head));
    assert_int_equal(write(fd, &length, sizeof(length)), sizeof(length));
    return fd;
}

static void
read_all(int fd, void *data, size_t length)
{
    for (size_t have = 0; have < length; ) {
        ssize_t n = read(fd, (char *) data + have, length - have);

        assert_true(n > 0);
        have += (size_t) n;
    }
}

/* The answer is whole and in order. */
static void
take(int fd, uint32_t length)
{
    struct wire_response answer;
    char meta[4];
    uint8_t *data = malloc(length);
    uint32_t i = 0;

    assert_non_null(data);
    read_all(fd, &answer, sizeof(answer));
    assert_int_equal(answer.status, 200);
    assert_int_equal(answer.body_length, length);
    read_all(fd, meta, sizeof(meta));
    assert_memory_equal(meta, "meta", 4);
    read_all(fd, data, length);
    while (i < length && data[i] == (uint8_t) (i * 2654435761u >> 24)) {
        i++;
    }
    assert_int_equal(i, length);
    free(data);
    close(fd);
}

struct run {
    struct server  *server;
    int             end;
};

static void *
run(void *data)
{
    struct run *self = data;

    assert_int_equal(server_run(self->server, self->end), EXIT_SUCCESS);
    return NULL;
}

static void
test_turns(void **state)
{
    char path[] = "/tmp/test_server.XXXXXX";
    struct worker worker;
    struct run self;
    pthread_t thread;
    int ends[2];
    unsigned last = 0, small = WRITES;

    (void) state;
    memset(&worker, 0, sizeof(worker));
    assert_non_null(mkdtemp(path));
    char name[sizeof(path) + 8];
    snprintf(name, sizeof(name), "%s/socket", path);
    assert_true(mailbox_init(&worker.mailbox));
    assert_int_equal(pipe(ends), 0);
    self.server = server_create(name, &worker);
    self.end = ends[0];
    assert_non_null(self.server);

    /* both are there when the server looks */
    int large = ask(name, LARGE), other = ask(name, 10);
    assert_int_equal(pthread_create(&thread, NULL, run, &self), 0);
    take(large, LARGE);
    take(other, 10);
    assert_int_equal(write(ends[1], "", 1), 1);
    pthread_join(thread, NULL);

    for (unsigned i = 0; i < nwrites; i++) {
        assert_in_range(writes[i], 1, TURN
            + sizeof(struct wire_response) + 4);
        if (writes[i] == sizeof(struct wire_response) + 4 + 10) {
            small = i;
        } else {
            last = i;
        }
    }
    assert_true(small < last);

    server_destroy(self.server);
    mailbox_finish(&worker.mailbox);
    close(ends[0]);
    close(ends[1]);
    rmdir(path);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_turns),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
