#ifndef SINK_H
#define SINK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "patience.h"

/*
 * Writes to a descriptor that others share, without blocking and without
 * touching its flags: O_NONBLOCK would be set for the shell and for every
 * other process that has the same pipe or terminal.
 */

enum sink_kind {
	SINK_UNKNOWN, /* not written to yet */
	SINK_SOCKET,
	SINK_PLAIN,   /* a file, or flags of our own: write(2) does not wait */
	SINK_PIPE,    /* pwritev2(2) is asked not to wait */
	SINK_NOWAIT,  /* a device, say: the same */
	SINK_CAREFUL, /* little at a time, and only when poll(2) says so */
};

struct sink {
	int fd; /* belongs to the caller; a terminal is opened once more */
	enum sink_kind kind;
};

/* As write(2); -1 with EAGAIN when it would wait: poll for POLLOUT then. */
ssize_t sink_write(struct sink *sink, const void *bytes, size_t n);

/* Writes all of it, and waits as long as there is patience. Returns 0, or -1
 * and errno: ETIME when time is over. */
int sink_write_all(struct sink *sink, const char *text, size_t length,
		   const struct patience *patience);

/* Whether it is one end of a pipe. */
bool sink_is_pipe(struct sink *sink);

#endif
