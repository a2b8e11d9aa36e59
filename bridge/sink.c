/*
 * sink: stdout and stderr. Whoever reads them may be slow, or may itself wait
 * for us to take its body: a write that blocks could wait for ever.
 */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "text.h"

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif
#define PTMX	    (5 << 8 | 2) /* as makedev(3) has it */
#define CAREFUL_MAX 4096	 /* PIPE_BUF: fits when poll says so */

static enum sink_kind kind_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0 || S_ISREG(st.st_mode) || S_ISBLK(st.st_mode))
		return SINK_PLAIN;
	if (S_ISFIFO(st.st_mode))
		return SINK_PIPE;
	return S_ISSOCK(st.st_mode) ? SINK_SOCKET : SINK_NOWAIT;
}

static bool cannot_nowait(int error)
{
	return error == EOPNOTSUPP || error == ENOSYS || error == EPERM ||
	       error == EINVAL;
}

static ssize_t write_nowait(int fd, const void *bytes, size_t n)
{
#ifdef SYS_pwritev2
	struct iovec part = {(void *)(size_t)bytes, n};

	return syscall(SYS_pwritev2, fd, &part, 1L, -1L, -1L, RWF_NOWAIT);
#else
	(void)fd, (void)bytes, (void)n;
	errno = ENOSYS;
	return -1;
#endif
}

static ssize_t write_careful(int fd, const void *bytes, size_t n)
{
	struct pollfd one = {.fd = fd, .events = POLLOUT};

	if (poll(&one, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(fd, bytes, n < CAREFUL_MAX ? n : CAREFUL_MAX);
}

/* A terminal that nobody reads takes less than it is given, and then write(2)
 * waits for the rest without end: opened once more it has flags of its own. */
static void open_terminal(struct sink *sink)
{
	char path[40];
	int fd;

	text_format(path, sizeof(path), "/proc/self/fd/%d", sink->fd);
	fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return;
	sink->fd = fd;
	sink->kind = SINK_PLAIN;
}

/* The other end of terminals, /dev/ptmx: once more it is another one's. */
static bool is_master(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_rdev == PTMX;
}

static void look_once(struct sink *sink)
{
	if (sink->kind != SINK_UNKNOWN)
		return;
	sink->kind = kind_of(sink->fd);
	if (sink->kind == SINK_NOWAIT && isatty(sink->fd) &&
	    !is_master(sink->fd))
		open_terminal(sink);
}

ssize_t sink_write(struct sink *sink, const void *bytes, size_t n)
{
	ssize_t written;

	look_once(sink);
	switch (sink->kind) {
	case SINK_SOCKET:
		return send(sink->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	case SINK_PIPE:
	case SINK_NOWAIT:
		written = write_nowait(sink->fd, bytes, n);
		if (written >= 0 || !cannot_nowait(errno))
			return written;
		sink->kind = SINK_CAREFUL;
		return write_careful(sink->fd, bytes, n);
	case SINK_CAREFUL:
		return write_careful(sink->fd, bytes, n);
	default:
		return write(sink->fd, bytes, n);
	}
}

int sink_write_all(struct sink *sink, const char *text, size_t length,
		   const struct patience *patience)
{
	while (length > 0) {
		ssize_t n = sink_write(sink, text, length);
		struct pollfd one = {.fd = sink->fd, .events = POLLOUT};

		if (n >= 0) {
			text += n;
			length -= (size_t)n;
		} else if (errno != EAGAIN) {
			if (errno != EINTR)
				return -1;
		} else if (poll(&one, 1, patience_left(patience)) == 0) {
			errno = ETIME;
			return -1;
		}
	}
	return 0;
}

bool sink_is_pipe(struct sink *sink)
{
	look_once(sink);
	return sink->kind == SINK_PIPE;
}
