/*
 * descriptors: the pipes of a program that is loaded, and numbers out of the
 * way.
 */
#include "descriptors.h"

#include <fcntl.h>
#include <stddef.h>

#include "call.h"
#include "giveup.h"

static int unread = -1; /* what is printed while the program is loaded */

int descriptors_aside(int fd)
{
	long high = CALL(fcntl, fd, F_DUPFD_CLOEXEC, FIRST_FD);

	/* There may not be so many. */
	return (int)(high >= 0 ? high : CALL(fcntl, fd, F_DUPFD_CLOEXEC, 3));
}

void descriptors_open_pipes(void)
{
	int in[2];
	int out[2];

	if (CALL(pipe2, in, O_CLOEXEC) < 0 ||
	    CALL(pipe2, out, O_CLOEXEC | O_NONBLOCK) < 0 ||
	    CALL(dup3, in[0], STDIN_FILENO, 0) < 0 ||
	    CALL(dup3, out[1], STDOUT_FILENO, 0) < 0)
		give_up("pipes");
	unread = descriptors_aside(out[0]);
	CALL(close, in[0]);
	CALL(close, in[1]);
	CALL(close, out[0]);
	CALL(close, out[1]);
}

void descriptors_close_pipes(void)
{
	if (unread >= 0)
		CALL(close, unread);
}
