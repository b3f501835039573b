/*
 * relay NEAR FAR: a line between two network namespaces.
 *
 * Makes the TUN device NEAR in the namespace that it is started in, moves into
 * a new one, makes FAR there, and carries packets between them: each is held
 * back for a delay and lost with a probability, both the same each way.  The
 * rate is the kernel's business: tc on the two devices.  The new namespace is
 * reached as that of this process; it has no name, so that nothing of it is
 * left when the relay and what was started in it are gone, however they ended.
 *
 * Each line of standard input, "DELAY LOSS SEED" (microseconds, parts of a
 * million, a number), sets the line and is answered by "ok".  A loss of
 * 1000000 is a cut cable.  Packets already on their way keep their fate.
 * The end of standard input is the end of the relay.
 */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>

#define PACKET_MAX  2048
#define QUEUE_MAX   8192        /* packets on their way; more are lost */
#define MILLION     1000000u

struct packet {
    uint64_t  due_us;
    size_t    length;
    uint8_t   bytes[PACKET_MAX];
};

struct way {
    int             from, to;
    struct packet  *queue;
    size_t          first, count;
};

struct line {
    uint64_t  delay_us;
    uint32_t  loss;
    uint64_t  random;
};

static uint64_t
now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t) t.tv_sec * MILLION + (uint64_t) t.tv_nsec / 1000;
}

static void
fail(const char *what)
{
    fprintf(stderr, "relay: %s: %s\n", what, strerror(errno));
    exit(1);
}

/* A new TUN device in the present namespace. */
static int
open_tun(const char *name)
{
    struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

    if (fd < 0) {
        fail("/dev/net/tun");
    }
    snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
    if (ioctl(fd, TUNSETIFF, &request) < 0) {
        fail(name);
    }
    return fd;
}

/* xorshift64* */
static bool
is_lost(struct line *line)
{
    uint64_t x = line->random;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    line->random = x;
    return ((x * 0x2545f4914f6cdd1dull) >> 33) % MILLION < line->loss;
}

static void
take_in(struct way *way, struct line *line)
{
    uint8_t spare[PACKET_MAX];

    for (;;) {
        size_t last = (way->first + way->count) % QUEUE_MAX;
        struct packet *packet = &way->queue[last];
        bool full = way->count == QUEUE_MAX;
        ssize_t n = read(way->from, full ? spare : packet->bytes, PACKET_MAX);

        if (n <= 0) {
            return;
        }
        if (!is_lost(line) && !full) {
            packet->length = (size_t) n;
            packet->due_us = now_us() + line->delay_us;
            way->count++;
        }
    }
}

/* Microseconds until the next packet is due, or -1. */
static int64_t
give_out(struct way *way)
{
    while (way->count > 0) {
        struct packet *packet = &way->queue[way->first];
        int64_t left = (int64_t) (packet->due_us - now_us());

        if (left > 0) {
            return left;
        }
        /* A device that is down takes nothing; a real line would lose it. */
        if (write(way->to, packet->bytes, packet->length) < 0
            && errno == EAGAIN)
        {
            return 1000;
        }
        way->first = (way->first + 1) % QUEUE_MAX;
        way->count--;
    }
    return -1;
}

/* false at the end of the input. */
static bool
obey(struct line *line)
{
    unsigned long long delay, seed;
    unsigned loss;
    char text[128];
    ssize_t n = read(STDIN_FILENO, text, sizeof(text) - 1);

    if (n <= 0) {
        return false;
    }
    text[n] = '\0';
    if (sscanf(text, "%llu %u %llu", &delay, &loss, &seed) != 3) {
        fprintf(stderr, "relay: DELAY LOSS SEED is wanted, not %s", text);
        return false;
    }
    line->delay_us = delay;
    line->loss = loss;
    line->random = seed * 2 + 1;
    return write(STDOUT_FILENO, "ok\n", 3) == 3;
}

int
main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: relay NEAR FAR\n");
        return 2;
    }

    struct line line = { .random = 1 };
    int near = open_tun(argv[1]);

    if (unshare(CLONE_NEWNET) < 0) {
        fail("a new network namespace");
    }

    int far = open_tun(argv[2]);
    struct way ways[2] = { { near, far, NULL, 0, 0 },
                           { far, near, NULL, 0, 0 } };

    for (int i = 0; i < 2; i++) {
        ways[i].queue = malloc(QUEUE_MAX * sizeof(struct packet));
        if (ways[i].queue == NULL) {
            fail("memory");
        }
    }

    for (;;) {
        int64_t wait_us = -1;
        struct pollfd fds[3] = { { near, POLLIN, 0 }, { far, POLLIN, 0 },
                                 { STDIN_FILENO, POLLIN, 0 } };

        for (int i = 0; i < 2; i++) {
            int64_t left = give_out(&ways[i]);

            if (left >= 0 && (wait_us < 0 || left < wait_us)) {
                wait_us = left;
            }
        }

        struct timespec wait = { wait_us / MILLION,
                                 wait_us % MILLION * 1000 };

        if (ppoll(fds, 3, wait_us < 0 ? NULL : &wait, NULL) < 0
            && errno != EINTR)
        {
            fail("poll");
        }
        if (fds[2].revents != 0 && !obey(&line)) {
            return 0;
        }
        take_in(&ways[0], &line);
        take_in(&ways[1], &line);
    }
}
