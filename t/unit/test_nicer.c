/* A thread becomes nicer also where the kernel or a filter refuses the slice. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pool.h"

/* links: render-worker/log.c render-worker/pool.c render-worker/turns.c */

/* Makes sched_setattr(2) fail with error in this process; 0 on success. */
static int
refuse(uint32_t error)
{
    struct sock_filter lines[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_setattr, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = 4, .filter = lines };

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
        || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0;
}

/* How much nicer a process became, where sched_setattr(2) fails with error. */
static int
nicer_by(int by, uint32_t error)
{
    int status, before = getpriority(PRIO_PROCESS, 0);
    pid_t child = fork();

    if (child == 0) {
        if (error != 0 && refuse(error) != 0) {
            _exit(100);
        }
        thread_nicer(by);
        _exit(getpriority(PRIO_PROCESS, 0) - before);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void
test_nicer(void **state)
{
    (void) state;
    assert_int_equal(nicer_by(0, 0), 0);
    assert_int_equal(nicer_by(3, 0), 3);
    assert_int_equal(nicer_by(3, EINVAL), 3);
    assert_int_equal(nicer_by(3, ENOSYS), 3);
    assert_int_equal(nicer_by(3, EPERM), 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nicer),
    };

    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
