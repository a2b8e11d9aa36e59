#ifndef SERVE_H
#define SERVE_H

#include <signal.h>
#include <stdbool.h>

#include "listen.h"

/*
 * One event-loop process: accepts, turns the loop, stops in good order. It
 * owns the signals and knows nothing of what connections carry.
 */

/* The signals that serve handles are blocked and no signal is ignored from
 * here on, so that programs inherit a clean state. Once, at the start. */
void serve_take_signals(void);

/* The signals that a process of the wrapper handles. */
void serve_signals(sigset_t *handled);

/* nohup: HUP is no signal to stop then. */
bool serve_hup_is_ignored(void);

/*
 * Serves until it is told to stop (or -idle is over). The listening sockets
 * are closed then, and their files removed unless there are several workers.
 * Returns the exit status.
 */
int serve(struct listener *listeners, int count);

#endif
