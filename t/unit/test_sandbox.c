/*
 * What a child in the sandbox can no longer do: each attempt is made in a
 * process of its own, which must be refused or die.
 */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "log.h"
#include "sandbox.h"

/* links: render-worker/sandbox.c render-worker/log.c */
/* pkg: libseccomp */

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED  1
#else
#define SANITIZED  0
#endif

/* The status with which a process ends that does attempt in the sandbox. */
static int
status_of(int (*attempt)(void))
{
    int    pair[2], status;
    pid_t  pid;

    fflush(NULL);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct sandbox  *sandbox;

        log_set_level(LOG_LEVEL_ERROR);
        sandbox = sandbox_create();
        if (sandbox == NULL
            || !sandbox_enter(sandbox, pair[1], 64u * 1024 * 1024, 2))
        {
            _exit(100);
        }
        _exit(attempt());
    }
    close(pair[0]);
    close(pair[1]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}


static int
stay(void)
{
    char  *p = malloc(1 << 20);

    if (p == NULL) {
        return 1;
    }
    memset(p, 1, 1 << 20);
    free(p);
    return 0;
}

static int
open_file(void)
{
    return open("/etc/passwd", O_RDONLY) == -1 && errno == EPERM ? 0 : 1;
}

static int
make_file(void)
{
    return open("/tmp/dicom-sandbox", O_CREAT | O_WRONLY, 0600) == -1 ? 0 : 1;
}

static int
open_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) == -1 ? 0 : 1;
}

static int
kill_parent(void)
{
    return kill(1, SIGKILL) == -1 ? 0 : 1;
}

static int
fork_again(void)
{
    return fork() == -1 ? 0 : 1;
}

static int
execute(void)
{
    char  *const argv[] = { (char *) "true", NULL };

    execv("/bin/true", argv);
    return 0;
}

static int
map_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
        -1, 0) == MAP_FAILED ? 0 : 1;
}

static int
take_memory(void)
{
    return malloc(512u * 1024 * 1024) == NULL ? 0 : 1;
}

static int
spin(void)
{
    for (volatile unsigned long i = 0; ; i++) { }
    return 1;
}

static int
use_descriptors(void)
{
    char  c = 'x';

    /* 3 is the socket; nothing else is open besides the standard ones */
    for (int fd = 4; fd < 64; fd++) {
        if (read(fd, &c, 1) != -1 || errno != EBADF) {
            return 1;
        }
    }
    return 0;
}


static void
assert_refused(int (*attempt)(void), bool may_die)
{
    int  status = status_of(attempt);

    if (WIFSIGNALED(status)) {
        assert_true(may_die);
        assert_int_equal(WTERMSIG(status), SIGSYS);
    } else {
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}


static void
test_allowed(void **state)
{
    int  status = status_of(stay);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}


static void
test_refused(void **state)
{
    assert_refused(open_file, false);
    assert_refused(make_file, false);
    assert_refused(open_socket, false);
    assert_refused(kill_parent, false);
    assert_refused(use_descriptors, false);
}


static void
test_killed(void **state)
{
    assert_refused(fork_again, true);
    assert_refused(execute, true);
    assert_refused(map_code, true);
}


static void
test_limits(void **state)
{
    int  status = status_of(spin);

    assert_true(WIFSIGNALED(status));
    assert_true(WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGXCPU);
    if (!SANITIZED) {
        assert_refused(take_memory, false);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
