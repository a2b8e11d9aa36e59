#ifndef START_H
#define START_H

#include <sys/types.h>

#include "addr.h"
#include "outcome.h"

/*
 * Starts the application: wish.copies of wish.app on one socket, or one of
 * them for one request.
 */

enum {
	START_FAILED = -1,
	START_TAKEN = -2, /* somebody else listens there already */
};

/*
 * Makes the socket and starts the copies, which survive this process. One that
 * cannot be run, or ends at once, ends all of them and removes the socket.
 * Returns 0, or one of the above with the outcome.
 */
int start_copies(const struct addr *addr, struct outcome *outcome);

/* The same, and stays: a copy that ends is started again. Returns only on
 * failure; TERM, INT and HUP (but under nohup) end the copies, remove the
 * socket and end this process as the signal does. */
int start_supervise(const struct addr *addr, struct outcome *outcome);

/*
 * Starts one copy for this process alone, at addr or, without one, on a
 * private socket, and connects to it. No socket file stays; the copy ends with
 * this process, or by app_end. Returns the connection and *pid, or -1 with the
 * outcome.
 */
int start_once(const struct addr *addr, pid_t *pid, struct outcome *outcome);

#endif
