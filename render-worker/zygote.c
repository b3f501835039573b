#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "charset.h"
#include "decoder_child.h"
#include "log.h"
#include "sandbox.h"
#include "zygote.h"

#define SPAWN_TIMEOUT_MS  5000

struct zygote {
    pid_t            pid;
    int              socket;
    pthread_mutex_t  mutex;
    atomic_bool      lost;
};

union fd_pair {
    struct cmsghdr  align;
    char            buffer[CMSG_SPACE(2 * sizeof(int))];
};


static void
send_child(int socket, const int fds[2])
{
    union fd_pair    control = { 0 };
    char             status = fds != NULL ? '+' : '-';
    struct iovec     iov = { &status, 1 };
    struct msghdr    msg = { .msg_iov = &iov, .msg_iovlen = 1 };
    struct cmsghdr  *cmsg;

    if (fds != NULL) {
        msg.msg_control = control.buffer;
        msg.msg_controllen = sizeof(control);
        cmsg = CMSG_FIRSTHDR(&msg);
        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(2 * sizeof(int));
        memcpy(CMSG_DATA(cmsg), fds, 2 * sizeof(int));
    }
    if (sendmsg(socket, &msg, MSG_NOSIGNAL) != 1) {
        _exit(0);
    }
}


static void
fork_child(const struct sandbox *sandbox, int socket, uint64_t memory,
    unsigned seconds)
{
    int    pair[2], fds[2];
    pid_t  pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1) {
        send_child(socket, NULL);
        return;
    }

    pid = fork();
    if (pid == 0) {
        close(pair[0]);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        signal(SIGTERM, SIG_DFL);
        decoder_child_run(sandbox, pair[1], memory, seconds);
    }
    close(pair[1]);

    fds[0] = pair[0];
    fds[1] = pid > 0 ? (int) syscall(SYS_pidfd_open, pid, 0) : -1;
    send_child(socket, fds[1] >= 0 ? fds : NULL);
    close(pair[0]);
    if (fds[1] >= 0) {
        close(fds[1]);
    }
}


static _Noreturn void
zygote_run(int socket, uint64_t memory, unsigned seconds)
{
    struct sandbox  *sandbox;
    char             request;

    /* a terminal's Ctrl-C is for the worker, which ends us by hanging up */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "decoder-zygote");

    charset_prepare();
    log_info("decoder", "JPEG XL: %s, video: %s", codec_jxl_built()
        ? "yes" : "no, not built in", codec_video_prepare()
        ? "yes" : "no, FFmpeg's libraries were not found");
    sandbox = sandbox_create();
    if (sandbox == NULL) {
        _exit(1);
    }
    log_info("decoder", "%s", sandbox_description(sandbox));

    for (;;) {
        ssize_t  n = recv(socket, &request, 1, 0);

        if (n == -1 && errno == EINTR) {
            continue;
        }
        if (n != 1) {
            _exit(0);
        }
        fork_child(sandbox, socket, memory, seconds);
    }
}


struct zygote *
zygote_create(uint64_t memory, unsigned seconds)
{
    struct zygote  *zygote = calloc(1, sizeof(*zygote));
    int             pair[2];

    if (zygote == NULL
        || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
    {
        log_error("decoder", "the zygote's socket cannot be made");
        free(zygote);
        return NULL;
    }

    zygote->pid = fork();
    if (zygote->pid == -1) {
        log_error("decoder", "the zygote cannot be forked");
        close(pair[0]);
        close(pair[1]);
        free(zygote);
        return NULL;
    }
    if (zygote->pid == 0) {
        if (dup2(pair[1], 3) == -1 || !sandbox_close_from(4)) {
            _exit(1);
        }
        zygote_run(3, memory, seconds);
    }

    close(pair[1]);
    zygote->socket = pair[0];
    pthread_mutex_init(&zygote->mutex, NULL);
    return zygote;
}


void
zygote_destroy(struct zygote *zygote)
{
    if (zygote == NULL) {
        return;
    }
    close(zygote->socket);
    kill(zygote->pid, SIGKILL);
    while (waitpid(zygote->pid, NULL, 0) == -1 && errno == EINTR) { }
    pthread_mutex_destroy(&zygote->mutex);
    free(zygote);
}


bool
zygote_lost(const struct zygote *zygote)
{
    return atomic_load(&zygote->lost);
}


static bool
receive_child(int socket, struct zygote_child *child)
{
    union fd_pair    control = { 0 };
    char             status;
    struct iovec     iov = { &status, 1 };
    struct msghdr    msg = { .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = control.buffer, .msg_controllen = sizeof(control) };
    struct cmsghdr  *cmsg;
    struct pollfd    poller = { .fd = socket, .events = POLLIN };
    ssize_t          n;
    int              fds[2], rc;

    child->socket = child->pidfd = -1;
    do {
        rc = poll(&poller, 1, SPAWN_TIMEOUT_MS);
    } while (rc == -1 && errno == EINTR);
    if (rc != 1) {
        return false;
    }

    n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
    if (n != 1) {
        return false;
    }
    cmsg = CMSG_FIRSTHDR(&msg);
    if (status == '+' && cmsg != NULL && cmsg->cmsg_type == SCM_RIGHTS
        && cmsg->cmsg_len == CMSG_LEN(sizeof(fds)))
    {
        memcpy(fds, CMSG_DATA(cmsg), sizeof(fds));
        child->socket = fds[0];
        child->pidfd = fds[1];
    }
    return true;
}


bool
zygote_spawn(struct zygote *zygote, struct zygote_child *child)
{
    char  request = 'f';
    bool  answered = false;

    child->socket = child->pidfd = -1;

    pthread_mutex_lock(&zygote->mutex);
    if (!atomic_load(&zygote->lost)) {
        answered = send(zygote->socket, &request, 1, MSG_NOSIGNAL) == 1
            && receive_child(zygote->socket, child);
        if (!answered) {
            /* an answer that comes late would be taken for the next one's */
            atomic_store(&zygote->lost, true);
            log_error("decoder", "the zygote does not answer");
        }
    }
    pthread_mutex_unlock(&zygote->mutex);
    return answered && child->socket != -1;
}


void
zygote_child_end(struct zygote_child *child)
{
    if (child->pidfd != -1) {
        syscall(SYS_pidfd_send_signal, child->pidfd, SIGKILL, NULL, 0);
        close(child->pidfd);
    }
    if (child->socket != -1) {
        close(child->socket);
    }
    child->socket = child->pidfd = -1;
}
