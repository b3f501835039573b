/*
 * One line per event on stderr: 2026-11-22T13:00:00Z info stack: text.
 * Any thread.  Texts never carry names of patients, tokens or pixel data.
 */

#ifndef DICOM_LOG_H
#define DICOM_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG };

/* Lines above level are dropped.  Before threads. */
void log_set_level(enum log_level level);

/* Reads "error", "warn", "info" or "debug"; false: none of them. */
bool log_level_parse(const char *name, enum log_level *level);

/* room is the file that speaks, "stack"; control characters become "?". */
void log_line(enum log_level level, const char *room, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(room, ...) log_line(LOG_LEVEL_ERROR, room, __VA_ARGS__)
#define log_warn(room, ...)  log_line(LOG_LEVEL_WARN, room, __VA_ARGS__)
#define log_info(room, ...)  log_line(LOG_LEVEL_INFO, room, __VA_ARGS__)
#define log_debug(room, ...) log_line(LOG_LEVEL_DEBUG, room, __VA_ARGS__)

#endif /* DICOM_LOG_H */
