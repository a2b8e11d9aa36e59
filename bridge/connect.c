/*
 * connect: reaches the application, or says exactly why it cannot be reached.
 * It knows sockets and time, and nothing of FastCGI.
 */
#include "connect.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "fds.h"
#include "patience.h"

#define PAUSE_FIRST_MS 10
#define PAUSE_LAST_MS  200
#define AT_ONCE	       (-1) /* instead of a moment */

/* A socket that a listener's backlog has no room for cannot be polled: the
 * kernel is asked to wait instead, for so long. */
static int wait_in_kernel(int fd, const struct endpoint *endpoint,
			  int64_t until)
{
	struct timeval limit = {.tv_sec = 0};
	int left = patience_until(until);

	if (left == 0) {
		errno = EAGAIN;
		return -1;
	}
	if (left > 0) {
		limit.tv_sec = left / 1000;
		limit.tv_usec = left % 1000 * 1000;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return -1;
	return connect(fd, (const struct sockaddr *)&endpoint->name,
		       endpoint->length);
}

static int connect_waiting(int fd, const struct endpoint *endpoint,
			   int64_t until)
{
	int result = fcntl(fd, F_SETFL, 0);

	if (result < 0)
		return -1;
	/* With a limit it is interrupted when we are stopped and go on. */
	do
		result = wait_in_kernel(fd, endpoint, until);
	while (result < 0 && errno == EINTR);
	return result < 0 ? -1 : fcntl(fd, F_SETFL, O_NONBLOCK);
}

static int connect_polling(int fd, int64_t until)
{
	struct pollfd one = {.fd = fd, .events = POLLOUT};
	socklen_t size = sizeof(int);
	int error = 0;
	int ready;

	do
		ready = poll(&one, 1, patience_until(until));
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		error = ETIME;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		error = errno;
	errno = error;
	return error ? -1 : 0;
}

/* A free port of this machine may be given to the very socket that tries to
 * reach it: it is connected to itself then. */
static bool is_own_end(int fd)
{
	struct sockaddr_storage here;
	struct sockaddr_storage there;
	socklen_t here_size = sizeof(here);
	socklen_t there_size = sizeof(there);

	memset(&here, 0, sizeof(here));
	memset(&there, 0, sizeof(there));
	return getsockname(fd, (struct sockaddr *)&here, &here_size) == 0 &&
	       getpeername(fd, (struct sockaddr *)&there, &there_size) == 0 &&
	       here_size == there_size && memcmp(&here, &there, here_size) == 0;
}

static int connect_later(int fd, const struct endpoint *endpoint, int64_t until)
{
	if (errno == EINPROGRESS)
		return connect_polling(fd, until);
	if (errno == EAGAIN && endpoint->name.ss_family == AF_UNIX)
		return connect_waiting(fd, endpoint, until);
	return -1;
}

static int settle_tcp(int fd)
{
	int on = 1;

	if (is_own_end(fd)) {
		errno = ECONNREFUSED;
		return -1;
	}
	/* A byte that comes from stdin goes on at once. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return 0;
}

/* One attempt at one address; -1 and errno: ETIME or EAGAIN if time is over or,
 * AT_ONCE, would be needed. */
static int connect_one(const struct endpoint *endpoint, int64_t until)
{
	int family = endpoint->name.ss_family;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int result;
	int saved;

	if (fd < 0)
		return -1;
	if (family == AF_UNIX)
		fds_refuse(fd);
	result = connect(fd, (const struct sockaddr *)&endpoint->name,
			 endpoint->length);
	if (result < 0 && until != AT_ONCE)
		result = connect_later(fd, endpoint, until);
	if (result == 0 && family != AF_UNIX)
		result = settle_tcp(fd);
	if (result == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* This machine has no way to such an address, as one without IPv6 has none to
 * half of a name's: what another address says tells more. */
static bool is_no_way(int error)
{
	return error == EADDRNOTAVAIL || error == EAFNOSUPPORT ||
	       error == ENETUNREACH;
}

/* Each address has its share of the time: one that swallows everything does
 * not use up what the next one needs. */
static int connect_any(const struct endpoint *list, int count, int64_t until)
{
	int error = 0;
	int i;

	for (i = 0; i < count; i++) {
		int left = patience_until(until);
		int fd;

		if (left == 0 && i > 0)
			break;
		fd = connect_one(
			&list[i],
			left < 0 ? 0 : patience_now() + left / (count - i));
		if (fd >= 0)
			return fd;
		if (error == 0 || !is_no_way(errno))
			error = errno;
	}
	errno = error;
	return -1;
}

static bool is_socket_file(const struct addr *addr)
{
	struct stat st;

	return addr->kind != ADDR_UNIX ||
	       fstatat(AT_FDCWD, addr->path, &st, 0) < 0 ||
	       S_ISSOCK(st.st_mode);
}

/* Says why; returns what connect_open returns. */
static int explain(const struct addr *addr, int error, struct outcome *outcome)
{
	bool file = addr->kind == ADDR_UNIX;
	const char *why = strerror(error);
	int result = CONNECT_FAILED;

	if (error == ETIME || error == EAGAIN) {
		outcome_fail(outcome, OUTCOME_TIME_OVER,
			     "connect: time is over: %s",
			     error == EAGAIN ? "too many connections wait there"
					     : "no answer");
		return result;
	}
	if (error == ECONNREFUSED && !is_socket_file(addr)) {
		why = "this is not a socket";
	} else if (error == ECONNREFUSED) {
		result = CONNECT_NOBODY;
		why = file ? "refused: nobody listens on this socket"
			   : "refused: nobody listens there";
	} else if (error == ENOENT) {
		result = CONNECT_NOBODY;
		why = "no socket: there is no such file";
	} else if (error == EACCES || error == EPERM) {
		why = "no permission to use this socket";
	} else if (error == EPROTOTYPE) {
		why = "this socket is not a stream socket";
	}
	outcome_fail(outcome, OUTCOME_CANNOT_CONNECT, "connect: %s", why);
	return result;
}

/* The resolver knows no limit but its own. While it works, SIGALRM is all
 * that can end it. */
static struct outcome *late_outcome;
static int (*tell_late)(const struct outcome *outcome);

void connect_mind_late(int (*tell)(const struct outcome *outcome))
{
	tell_late = tell;
}

static void resolver_is_late(int number)
{
	(void)number;
	/* Nothing in this is unsafe in a signal's handler. */
	outcome_fail(late_outcome, OUTCOME_TIME_OVER,
		     "connect: time is over: the resolver does not answer");
	_exit(tell_late(late_outcome));
}

static int resolve(const struct addr *addr, struct endpoint **list,
		   int64_t until, const char **why, struct outcome *outcome)
{
	struct sigaction late = {.sa_handler = resolver_is_late};
	struct itimerval timer = {.it_value.tv_sec = 0};
	struct sigaction action;
	struct itimerval before;
	sigset_t mask;
	int left = patience_until(until);
	sigset_t one;
	int count;

	if (addr->kind == ADDR_UNIX || addr->kind == ADDR_ABSTRACT ||
	    !addr->host[0] || left < 0)
		return addr_resolve_all(addr, list, why);
	timer.it_value.tv_sec = left / 1000;
	timer.it_value.tv_usec = left % 1000 * 1000 + 1;
	late_outcome = outcome;
	sigaction(SIGALRM, &late, &action);
	/* Whoever started us may have held it back. */
	sigemptyset(&one);
	sigaddset(&one, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &one, &mask);
	setitimer(ITIMER_REAL, &timer, &before);
	count = addr_resolve_all(addr, list, why);
	memset(&timer, 0, sizeof(timer));
	setitimer(ITIMER_REAL, &timer, NULL);
	/* The signal is whoever's it was, and so is an alarm that was set. */
	sigprocmask(SIG_SETMASK, &mask, NULL);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &before, NULL);
	return count;
}

static void pause_for(int *pause, int64_t until)
{
	int left = patience_until(until);

	patience_pause(left >= 0 && left < *pause ? left : *pause);
	if (*pause < PAUSE_LAST_MS)
		*pause *= 2;
}

static bool may_retry(int error)
{
	/* ETIME: TCP says nothing where too many wait. */
	return error == ECONNREFUSED || error == ENOENT || error == EAGAIN ||
	       error == ETIME;
}

/* A unix socket takes a connection at once, or it is to be found out why not.
 * At once means without a clock: the first look at it costs as much as the
 * connection. */
static int connect_at_once(const struct addr *addr)
{
	struct endpoint list[ADDR_ENDPOINTS_MAX];
	const char *why;

	if ((addr->kind != ADDR_UNIX && addr->kind != ADDR_ABSTRACT) ||
	    addr_resolve(addr, list, &why) == 0)
		return -1;
	return connect_one(&list[0], AT_ONCE);
}

static int connect_in_time(const struct addr *addr, long attempt_ms,
			   long retry_ms, int64_t end, struct outcome *outcome)
{
	struct endpoint *list;
	int64_t until = patience_first(patience_in(attempt_ms), end);
	int64_t retry = patience_first(patience_in(retry_ms), end);
	const char *why = "no such host";
	int count = resolve(addr, &list, until, &why, outcome);
	int pause = PAUSE_FIRST_MS;
	int fd;

	if (count == 0)
		return outcome_fail(
			outcome, OUTCOME_UNKNOWN_HOST, "unknown host: %s%s",
			why, retry_ms > 0 ? " (-retry waits for no name)" : "");
	while ((fd = connect_any(list, count, until)) < 0) {
		if (retry_ms <= 0 || !may_retry(errno) ||
		    patience_until(retry) == 0 || !is_socket_file(addr)) {
			fd = explain(addr, errno, outcome);
			break;
		}
		pause_for(&pause, retry);
		until = patience_first(patience_in(attempt_ms), retry);
	}
	free(list);
	return fd;
}

int connect_open(const struct addr *addr, long attempt_ms, long retry_ms,
		 int64_t end, struct outcome *outcome)
{
	int fd = connect_at_once(addr);

	return fd >= 0 ? fd
		       : connect_in_time(addr, attempt_ms, retry_ms, end,
					 outcome);
}
