#ifndef CONNECT_H
#define CONNECT_H

#include <stdint.h>

#include "addr.h"
#include "outcome.h"

/*
 * A connection to the application. No byte is sent here, so all of it may be
 * tried again.
 */

enum {
	CONNECT_FAILED = -1,
	CONNECT_NOBODY = -2, /* no socket, or nobody listens on it */
};

/* How to tell of a resolver that does not answer in time, before anything is
 * connected: called in a signal's handler, it returns the exit status. */
void connect_mind_late(int (*tell)(const struct outcome *outcome));

/*
 * Tries every address that addr stands for, each attempt for attempt_ms at the
 * most (0: no limit), and again and again for retry_ms while nobody listens or
 * too many wait already; never after end (0: no limit). Returns a connected,
 * non-blocking, close-on-exec socket of 3 or more that the caller closes, or
 * one of the above with the outcome.
 */
int connect_open(const struct addr *addr, long attempt_ms, long retry_ms,
		 int64_t end, struct outcome *outcome);

#endif
