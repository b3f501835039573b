/*
 * The Unix socket: connections from nginx, whole frames in, answers out.
 * Runs the main thread's loop.
 */

#ifndef DICOM_SERVER_H
#define DICOM_SERVER_H

#include <stdbool.h>

#include "worker.h"

struct server;

/*
 * Listens on path, mode 0660.  A socket that is there is replaced only when
 * nothing answers on it.  NULL on failure (logged).
 */
struct server *server_create(const char *path, struct worker *worker);

/*
 * Closes all connections.  What is in progress for them is cancelled; it still
 * needs the server, until it is answered.  Accepts NULL.
 */
void server_close(struct server *server);

/* Closes and frees it; no request may be in progress.  Accepts NULL. */
void server_destroy(struct server *server);

/*
 * Serves until signal_fd (a signalfd) tells to end or the renderer is lost;
 * then finishes what is in progress, within a bound.  Returns the status to
 * exit with.
 */
int server_run(struct server *server, int signal_fd);

#endif /* DICOM_SERVER_H */
