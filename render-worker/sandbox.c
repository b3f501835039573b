#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/filter.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"
#include "sandbox.h"

/*
 * Sanitizers map terabytes of address space, write their reports to stderr and
 * make system calls of their own before they end the process.  Their builds
 * get no address-space and file-size limit, keep stderr, and are refused
 * system calls instead of being killed for them.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED  1
#else
#define SANITIZED  0
#endif

#define NOBODY  65534

struct sandbox {
    struct sock_fprog  program;
    uint64_t           mapped;      /* address space of the zygote, bytes */
    char               description[80];
};


/* What decoding needs. */
static const int  allowed[] = {
    SCMP_SYS(read), SCMP_SYS(readv), SCMP_SYS(pread64), SCMP_SYS(lseek),
    SCMP_SYS(recvmsg), SCMP_SYS(sendmsg), SCMP_SYS(close),
    SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk),
    SCMP_SYS(futex), SCMP_SYS(sched_yield), SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask), SCMP_SYS(sigaltstack),
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_nanosleep),
    SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom),
    SCMP_SYS(sysinfo), SCMP_SYS(sched_getaffinity),
    SCMP_SYS(exit), SCMP_SYS(exit_group)
};

/* What libraries try and can do without. */
static const int  refused[] = {
    SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(openat2), SCMP_SYS(stat),
    SCMP_SYS(lstat), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(statx),
    SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2),
    SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getdents64),
    SCMP_SYS(getcwd), SCMP_SYS(uname), SCMP_SYS(ioctl), SCMP_SYS(fcntl),
    SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(getuid),
    SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid),
    SCMP_SYS(tgkill), SCMP_SYS(kill), SCMP_SYS(prlimit64),
    SCMP_SYS(getrlimit), SCMP_SYS(getrusage), SCMP_SYS(rt_sigaction),
    SCMP_SYS(prctl), SCMP_SYS(socket), SCMP_SYS(dup), SCMP_SYS(dup2),
    SCMP_SYS(pwrite64), SCMP_SYS(ftruncate), SCMP_SYS(mlock),
    SCMP_SYS(sched_setaffinity), SCMP_SYS(set_robust_list), SCMP_SYS(rseq)
};


static bool
add_rules(scmp_filter_ctx filter)
{
    int  rc = 0;

    for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
        rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0);
    }
    if (!SANITIZED) {
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
            rc |= seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), refused[i],
                0);
        }
    }

    /* messages of an abort; memory that is never executable */
    if (!SANITIZED) {
        rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1,
            SCMP_A0(SCMP_CMP_LE, 2));
    }
    rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(writev), 1,
        SCMP_A0(SCMP_CMP_LE, 2));
    rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
        SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
        SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

    if (SANITIZED) {
        /*
         * A report names the process and ends it by its own signal; memory is
         * tried for being there by writing it into a pipe.
         */
        rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(pipe2), 0);
        rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 0);
        rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(getpid), 0);
        rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(gettid), 0);
        rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 0);
        rc |= seccomp_rule_add(filter, SCMP_ACT_ALLOW,
            SCMP_SYS(rt_sigaction), 0);
    }
    return rc == 0;
}


/* The filter as the kernel takes it, made once for all children. */
static bool
compile_filter(struct sandbox *sandbox)
{
    scmp_filter_ctx  filter;
    off_t            size;
    int              fd = -1;
    bool             done = false;

    filter = seccomp_init(SANITIZED ? SCMP_ACT_ERRNO(EPERM)
        : SCMP_ACT_KILL_PROCESS);
    if (filter == NULL || !add_rules(filter)) {
        goto done;
    }

    fd = memfd_create("filter", MFD_CLOEXEC);
    if (fd == -1 || seccomp_export_bpf(filter, fd) != 0) {
        goto done;
    }
    size = lseek(fd, 0, SEEK_END);
    if (size <= 0 || size % (off_t) sizeof(struct sock_filter) != 0) {
        goto done;
    }

    sandbox->program.filter = malloc((size_t) size);
    if (sandbox->program.filter == NULL
        || pread(fd, sandbox->program.filter, (size_t) size, 0) != size)
    {
        goto done;
    }
    sandbox->program.len = (unsigned short) (size
        / (off_t) sizeof(struct sock_filter));
    done = true;

done:
    if (fd != -1) {
        close(fd);
    }
    seccomp_release(filter);
    return done;
}


static uint64_t
mapped_bytes(void)
{
    unsigned long long  pages = 0;
    FILE               *file = fopen("/proc/self/statm", "re");

    if (file != NULL) {
        if (fscanf(file, "%llu", &pages) != 1) {
            pages = 0;
        }
        fclose(file);
    }
    return pages * (uint64_t) sysconf(_SC_PAGESIZE);
}


/* Containers often refuse namespaces; the filter alone must do there. */
static void
leave_namespaces(struct sandbox *sandbox)
{
    const int    namespaces = CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS;
    const char  *left = "network, IPC";

    if (unshare(namespaces) == -1) {
        left = "user, network, IPC";
        if (unshare(CLONE_NEWUSER | namespaces) == -1) {
            left = "none";
        }
    }
    snprintf(sandbox->description, sizeof(sandbox->description),
        "seccomp, own namespaces: %s", left);
}


struct sandbox *
sandbox_create(void)
{
    struct sandbox  *sandbox = calloc(1, sizeof(*sandbox));

    if (sandbox == NULL || !compile_filter(sandbox)) {
        log_error("sandbox", "the system call filter cannot be made");
        sandbox_destroy(sandbox);
        return NULL;
    }
    sandbox->mapped = mapped_bytes();
    leave_namespaces(sandbox);
    return sandbox;
}


void
sandbox_destroy(struct sandbox *sandbox)
{
    if (sandbox != NULL) {
        free(sandbox->program.filter);
        free(sandbox);
    }
}


const char *
sandbox_description(const struct sandbox *sandbox)
{
    return sandbox->description;
}


bool
sandbox_close_from(int first)
{
    struct rlimit  limits;

    if (syscall(SYS_close_range, first, ~0U, 0) == 0) {
        return true;
    }

    /* an old kernel, or a container that does not know the call */
    if (getrlimit(RLIMIT_NOFILE, &limits) == -1
        || limits.rlim_cur > 1048576)
    {
        return false;
    }
    for (int fd = first; fd < (int) limits.rlim_cur; fd++) {
        close(fd);
    }
    return true;
}


/* Standard descriptors to /dev/null, socket to 3, all others closed. */
static bool
keep_only(int socket)
{
    int  null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null == -1 || dup2(null, 0) == -1 || dup2(null, 1) == -1
        || (!SANITIZED && dup2(null, 2) == -1))
    {
        return false;
    }
    if (socket != 3 && dup2(socket, 3) == -1) {
        return false;
    }
    return sandbox_close_from(4);
}


static bool
limit(int resource, uint64_t value)
{
    struct rlimit  limits = { value, value };

    if (setrlimit(resource, &limits) == 0) {
        return true;
    }

    /* already lower than asked for, and not ours to raise */
    return errno == EPERM && getrlimit(resource, &limits) == 0
        && limits.rlim_max <= value;
}


static bool
set_limits(const struct sandbox *sandbox, uint64_t memory, unsigned seconds)
{
    if (!SANITIZED && (!limit(RLIMIT_AS, sandbox->mapped + memory)
        || !limit(RLIMIT_FSIZE, 0)))
    {
        return false;
    }
    return limit(RLIMIT_CPU, seconds) && limit(RLIMIT_CORE, 0)
        && limit(RLIMIT_NOFILE, 8) && limit(RLIMIT_NPROC, 0);
}


/* The superuser's child becomes nobody. */
static bool
drop_user(void)
{
    if (geteuid() != 0) {
        return true;
    }

    /* in a user namespace of our own there is nobody else to become */
    if (setgroups(0, NULL) == -1 && errno != EPERM) {
        return false;
    }
    if (setresgid(NOBODY, NOBODY, NOBODY) == -1
        || setresuid(NOBODY, NOBODY, NOBODY) == -1)
    {
        return errno == EINVAL || errno == EPERM;
    }
    return true;
}


bool
sandbox_enter(const struct sandbox *sandbox, int socket, uint64_t memory,
    unsigned seconds)
{
    if (!keep_only(socket) || !set_limits(sandbox, memory, seconds)
        || !drop_user())
    {
        return false;
    }

    /* a change of user clears the first of these */
    return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0
        && prctl(PR_SET_DUMPABLE, 0) == 0
        && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
        && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &sandbox->program) == 0;
}
