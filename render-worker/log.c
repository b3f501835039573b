/*
 * The log: one write(2) a line, so that lines of threads and of the sandboxed
 * children never mix.
 */

#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static enum log_level log_limit = LOG_LEVEL_INFO;

static const char *const log_names[] = { "error", "warn", "info", "debug" };

void
log_set_level(enum log_level level)
{
    log_limit = level;
}

bool
log_level_parse(const char *name, enum log_level *level)
{
    for (size_t i = 0; i < sizeof(log_names) / sizeof(log_names[0]); i++) {
        if (strcmp(name, log_names[i]) == 0) {
            *level = (enum log_level) i;
            return true;
        }
    }
    return false;
}

void
log_line(enum log_level level, const char *room, const char *format, ...)
{
    if (level > log_limit) {
        return;
    }

    int saved = errno;
    char line[1024];
    struct tm tm;
    time_t now = time(NULL);

    gmtime_r(&now, &tm);
    size_t used = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%SZ ", &tm);
    int n = snprintf(line + used, sizeof(line) - used, "%s %s: ",
        log_names[level], room);
    if (n > 0) {
        used += (size_t) n;
    }

    va_list args;
    va_start(args, format);
    n = vsnprintf(line + used, sizeof(line) - used - 1, format, args);
    va_end(args);
    if (n > 0) {
        size_t room_left = sizeof(line) - used - 2;
        used += (size_t) n < room_left ? (size_t) n : room_left;
    }

    for (size_t i = 0; i < used; i++) {
        if ((unsigned char) line[i] < 0x20 || line[i] == 0x7f) {
            line[i] = '?';
        }
    }
    line[used++] = '\n';

    ssize_t ignored = write(STDERR_FILENO, line, used);
    (void) ignored;
    errno = saved;
}
