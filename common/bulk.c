/*
 * bulk: splice(2), and what must be asked about a descriptor before it. It owns
 * none; when it is worth while is its callers' business, but for the number.
 */
#include "bulk.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>

/* Four times the usual. More gains little, and what one user may have in all
 * such pipes is limited. */
#define PIPE_SIZE (256 * 1024)

void bulk_grow(int pipe)
{
	/* Many at once are beyond what one user may have: then it stays. */
	fcntl(pipe, F_SETPIPE_SZ, PIPE_SIZE);
}

size_t bulk_waiting(int fd)
{
	int n;

	return ioctl(fd, FIONREAD, &n) < 0 || n < 0 ? 0 : (size_t)n;
}

bool bulk_is_full(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLOUT};

	return poll(&poll_fd, 1, 0) == 0;
}

ssize_t bulk_move(int from, int to, size_t n)
{
	ssize_t moved;

	do
		moved = splice(from, NULL, to, NULL, n,
			       SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	while (moved < 0 && errno == EINTR);
	return moved;
}
