/*
 * fds: a clean table of descriptors to begin with.
 */
#include "fds.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "log.h"

#define INHERITED_MAX 1024 /* looked at on kernels before 5.11 */

#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1u << 2)
#endif

/* Elsewhere that number is another option's. */
#if !defined(SO_PASSRIGHTS) && !defined(__sparc__) && !defined(__hppa__)
#define SO_PASSRIGHTS 83
#endif

void fds_open_standard(void)
{
	struct pollfd fds[] = {{.fd = 0}, {.fd = 1}, {.fd = 2}};
	int fd;

	/* One call where all is as it should be, which is nearly always. */
	poll(fds, 3, 0);
	if (!((fds[0].revents | fds[1].revents | fds[2].revents) & POLLNVAL))
		return;
	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		die_errno("/dev/null");
	close(fd);
}

/* Closes all from this one on, or marks them. */
static void close_from(int fd, unsigned flags)
{
	if (syscall(SYS_close_range, (unsigned)fd, ~0u, flags) == 0)
		return;
	for (; fd < INHERITED_MAX; fd++)
		if (flags)
			fcntl(fd, F_SETFD, FD_CLOEXEC);
		else
			close(fd);
}

void fds_hide_inherited(void)
{
	close_from(3, CLOSE_RANGE_CLOEXEC);
}

void fds_close_all(void)
{
	close_from(0, 0);
}

void fds_refuse(int socket)
{
#ifdef SO_PASSRIGHTS
	const int off = 0;

	setsockopt(socket, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off));
#else
	(void)socket;
#endif
}
