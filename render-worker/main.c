/*
 * Arguments, signals, and the order in which the rooms start.
 */

#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "check.h"
#include "log.h"
#include "server.h"
#include "worker.h"

struct options {
    const char             *socket, *store;
    struct renderer_config  egl;
    enum renderer_kind       renderer;
    uint64_t                idle, budget, user_budget;
    uint64_t                children, frame_timeout;
    enum log_level          level;
    struct check_config     check;
};

static const char usage[] =
    "usage: render-worker --socket PATH --store DIR [--egl auto|gbm|device|"
    "surfaceless]\n"
    "  [--device /dev/dri/renderD128] [--renderer auto|gl|cpu] "
    "[--idle SECONDS]\n"
    "  [--user-budget BYTES] [--budget BYTES] [--children N] "
    "[--frame-timeout MS]\n"
    "  [--log-level error|warn|info|debug]\n"
    "   or: render-worker --render FILE [--frame N] [--center C --window W]\n"
    "  [--window-index N] [--voi file|linear|linear_exact|sigmoid|lut] "
    "[--overlays]\n"
    "  [--renderer auto|gl|cpu] > PNG\n";

enum { OPT_SOCKET = 1, OPT_STORE, OPT_EGL, OPT_DEVICE, OPT_RENDERER, OPT_IDLE,
    OPT_USER_BUDGET, OPT_BUDGET, OPT_CHILDREN, OPT_FRAME_TIMEOUT,
    OPT_LOG_LEVEL, OPT_RENDER, OPT_FRAME, OPT_CENTER, OPT_WINDOW,
    OPT_WINDOW_INDEX, OPT_VOI, OPT_OVERLAYS, OPT_HELP };

static const struct option long_options[] = {
    { "socket", required_argument, NULL, OPT_SOCKET },
    { "store", required_argument, NULL, OPT_STORE },
    { "egl", required_argument, NULL, OPT_EGL },
    { "device", required_argument, NULL, OPT_DEVICE },
    { "renderer", required_argument, NULL, OPT_RENDERER },
    { "idle", required_argument, NULL, OPT_IDLE },
    { "user-budget", required_argument, NULL, OPT_USER_BUDGET },
    { "budget", required_argument, NULL, OPT_BUDGET },
    { "children", required_argument, NULL, OPT_CHILDREN },
    { "frame-timeout", required_argument, NULL, OPT_FRAME_TIMEOUT },
    { "log-level", required_argument, NULL, OPT_LOG_LEVEL },
    { "render", required_argument, NULL, OPT_RENDER },
    { "frame", required_argument, NULL, OPT_FRAME },
    { "center", required_argument, NULL, OPT_CENTER },
    { "window", required_argument, NULL, OPT_WINDOW },
    { "window-index", required_argument, NULL, OPT_WINDOW_INDEX },
    { "voi", required_argument, NULL, OPT_VOI },
    { "overlays", no_argument, NULL, OPT_OVERLAYS },
    { "help", no_argument, NULL, OPT_HELP },
    { NULL, 0, NULL, 0 }
};

static bool
parse_number(const char *text, uint64_t least, uint64_t most,
    uint64_t *value)
{
    char *end;

    errno = 0;
    unsigned long long number = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || text[0] == '-'
        || number < least || number > most)
    {
        return false;
    }
    *value = number;
    return true;
}

static bool
parse_egl(const char *text, const char **egl)
{
    static const char *const names[] = { "auto", "gbm", "device",
        "surfaceless" };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            *egl = names[i];
            return true;
        }
    }
    return false;
}

static bool
parse_renderer(const char *text, enum renderer_kind *kind)
{
    *kind = strcmp(text, "cpu") == 0 ? RENDERER_CPU
        : strcmp(text, "gl") == 0 ? RENDERER_GL : RENDERER_AUTO;
    return *kind != RENDERER_AUTO || strcmp(text, "auto") == 0;
}

static bool
parse_real(const char *text, double *value)
{
    char *end;

    *value = strtod(text, &end);
    return end != text && *end == '\0';
}

static bool
parse_voi(const char *text, uint8_t *voi)
{
    static const char *const names[] = { "file", "linear", "linear_exact",
        "sigmoid", "lut" };

    for (uint8_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(text, names[i]) == 0) {
            *voi = i;
            return true;
        }
    }
    return false;
}

/* Options of --render. */
static bool
parse_check_option(int option, const char *text, struct check_config *check)
{
    uint64_t number;

    switch (option) {
    case OPT_RENDER:
        check->path = text;
        return true;
    case OPT_FRAME:
        if (!parse_number(text, 0, UINT32_MAX - 1, &number)) {
            return false;
        }
        check->frame = (uint32_t) number;
        return true;
    case OPT_CENTER:
        return parse_real(text, &check->ask.center);
    case OPT_WINDOW:
        check->ask.set |= WIRE_SET_WINDOW;
        return parse_real(text, &check->ask.window);
    case OPT_WINDOW_INDEX:
        if (!parse_number(text, 0, 255, &number)) {
            return false;
        }
        check->ask.set |= WIRE_SET_WINDOW_INDEX;
        check->ask.voi_index = (uint8_t) number;
        return true;
    case OPT_VOI:
        return parse_voi(text, &check->ask.voi);
    case OPT_OVERLAYS:
        check->ask.overlays = 1;
        return true;
    default:
        return false;
    }
}

static bool
parse_option(int option, const char *text, struct options *options)
{
    switch (option) {
    case OPT_SOCKET:
        options->socket = text;
        return true;
    case OPT_STORE:
        options->store = text;
        return true;
    case OPT_DEVICE:
        options->egl.device = text;
        return true;
    case OPT_EGL:
        return parse_egl(text, &options->egl.egl);
    case OPT_RENDERER:
        return parse_renderer(text, &options->renderer);
    case OPT_IDLE:
        return parse_number(text, 1, 86400 * 7, &options->idle);
    case OPT_USER_BUDGET:
        return parse_number(text, 1, (uint64_t) 1 << 50,
            &options->user_budget);
    case OPT_BUDGET:
        return parse_number(text, 1, (uint64_t) 1 << 50, &options->budget);
    case OPT_CHILDREN:
        return parse_number(text, 1, 256, &options->children);
    case OPT_FRAME_TIMEOUT:
        return parse_number(text, 100, 3600000, &options->frame_timeout);
    case OPT_LOG_LEVEL:
        return log_level_parse(text, &options->level);
    default:
        return parse_check_option(option, text, &options->check);
    }
}

/* 0, or the status to exit with, plus one. */
static int
parse_options(int argc, char **argv, struct options *options)
{
    int option, index = 0;

    while ((option = getopt_long(argc, argv, "", long_options, &index)) != -1)
    {
        if (option == OPT_HELP) {
            fputs(usage, stdout);
            return EXIT_SUCCESS + 1;
        }
        if (option == '?') {
            fputs(usage, stderr);
            return 2 + 1;
        }
        if (!parse_option(option, optarg, options)) {
            fprintf(stderr, "render-worker: --%s does not take \"%s\"\n%s",
                long_options[index].name, optarg, usage);
            return 2 + 1;
        }
    }
    if (optind < argc || (options->check.path == NULL
            && (options->socket == NULL || options->store == NULL)))
    {
        fputs(usage, stderr);
        return 2 + 1;
    }
    return 0;
}

/*
 * A software renderer keeps its textures in malloc's memory, and with 4 KB
 * pages their page faults cost four times what the copy costs.  The C library
 * reads this setting only at the start of a process.
 */
static void
use_huge_pages(char **argv)
{
    static const char setting[] = "glibc.malloc.hugetlb=1";
    const char *tunables = getenv("GLIBC_TUNABLES");
    char value[512];

    if (tunables != NULL && strstr(tunables, "glibc.malloc.hugetlb=") != NULL)
    {
        return;
    }
    if ((size_t) snprintf(value, sizeof(value), "%s%s%s",
            tunables != NULL ? tunables : "",
            tunables != NULL && tunables[0] != '\0' ? ":" : "", setting)
        >= sizeof(value) || setenv("GLIBC_TUNABLES", value, 1) < 0)
    {
        return;
    }
    execv("/proc/self/exe", argv);
    log_warn("main", "cannot start again with huge pages: %s",
        strerror(errno));
}

static void
raise_file_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0
        && limit.rlim_cur < limit.rlim_max)
    {
        limit.rlim_cur = limit.rlim_max < 16384 ? limit.rlim_max : 16384;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Signals are read from a descriptor; threads and children inherit the mask */
static int
take_signals(void)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) {
        return -1;
    }
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static volatile sig_atomic_t late_status;

static void
end_late(int signal_number)
{
    (void) signal_number;
    _exit(late_status);
}

/* A thread that waits for a decoder must not hold up the end. */
static void
end_in_time(int status)
{
    sigset_t set;

    late_status = status;
    signal(SIGALRM, end_late);
    sigemptyset(&set);
    sigaddset(&set, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    alarm(5);
}

static int
serve(const struct options *options, struct store *store,
    struct decoder *decoder, int signal_fd)
{
    static struct worker worker;
    struct worker_config config = {
        .store = store,
        .decoder = decoder,
        .renderer = options->renderer,
        .egl = options->egl,
        .idle_ms = options->idle * 1000,
        .budget = options->budget,
        .user_budget = options->user_budget,
        .children = (unsigned) options->children,
    };
    struct server *server = NULL;
    int status = EXIT_FAILURE;

    if (worker_init(&worker, &config)) {
        server = server_create(options->socket, &worker);
        if (server != NULL) {
            log_info("main", "ready on %s", options->socket);
            status = server_run(server, signal_fd);
        }
        server_close(server);
        end_in_time(status);
    }
    worker_finish(&worker);
    server_destroy(server);
    return status;
}

int
main(int argc, char **argv)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    struct options options = {
        .egl = { .egl = "auto" },
        .renderer = RENDERER_AUTO,
        .idle = 600,
        .children = processors > 0 ? (uint64_t) processors : 1,
        .frame_timeout = 20000,
        .level = LOG_LEVEL_INFO,
        .check = { .ask = { .zoom = 1, .quality = 90, .shutter = 1,
            .interpolation = WIRE_LINEAR } },
    };

    int status = parse_options(argc, argv, &options);
    if (status != 0) {
        return status - 1;
    }
    log_set_level(options.level);
    use_huge_pages(argv);
    raise_file_limit();

    int signal_fd = take_signals();
    if (signal_fd < 0) {
        log_error("main", "signals: %s", strerror(errno));
        return EXIT_FAILURE;
    }

    /* the zygote is forked before there are threads and a GL context */
    struct decoder_config decoding = {
        .children = (unsigned) options.children,
        .frame_timeout_ms = (unsigned) options.frame_timeout,
        .memory = (uint64_t) 2 << 30,
    };
    bool checks = options.check.path != NULL;
    struct store *store = checks ? NULL : store_open(options.store);
    struct decoder *decoder = checks || store != NULL
        ? decoder_create(&decoding) : NULL;

    status = EXIT_FAILURE;
    if (decoder != NULL && checks) {
        options.check.renderer = options.renderer;
        options.check.egl = options.egl;
        status = check_render(&options.check, decoder);
    } else if (decoder != NULL) {
        status = serve(&options, store, decoder, signal_fd);
    }
    decoder_destroy(decoder);
    store_close(store);
    close(signal_fd);
    if (!checks) {
        log_info("main", "ended with status %d", status);
    }
    return status;
}
