/*
 * connect: from ADDR to a connected socket.
 */
#include "connect.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "bridge.h"
#include "clock.h"
#include "fault.h"

#define AGAIN_MS 20 /* between two attempts */

static void rest(void)
{
	const struct timespec pause = {.tv_nsec = AGAIN_MS * 1000000L};

	nanosleep(&pause, NULL);
}

/* Waits for a connection in progress; returns 0, or -1 and errno. */
static int finish(int fd, int64_t end)
{
	struct pollfd waiting = {.fd = fd, .events = POLLOUT};
	int error = 0;
	socklen_t size = sizeof(error);
	int ready;

	do
		ready = poll(&waiting, 1, clock_wait(end, clock_end()));
	while (ready < 0 && errno == EINTR);
	if (ready == 0)
		errno = ETIMEDOUT;
	if (ready <= 0)
		return -1;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		return -1;
	errno = error;
	return error ? -1 : 0;
}

/* A unix socket whose backlog is full says EAGAIN and cannot be waited for:
 * try until time is over. */
static int try_endpoint(const struct endpoint *endpoint, int64_t end)
{
	int family = endpoint->name.ss_family;
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;

	if (fd < 0)
		return -1;
	for (;;) {
		if (connect(fd, (const struct sockaddr *)&endpoint->name,
			    endpoint->length) == 0)
			break;
		if (errno == EINPROGRESS && finish(fd, end) == 0)
			break;
		if (errno != EAGAIN || clock_ms() >= end ||
		    clock_ms() >= clock_end()) {
			int saved = errno == EAGAIN ? ETIMEDOUT : errno;

			close(fd);
			errno = saved;
			return -1;
		}
		rest();
	}
	if (family != AF_UNIX)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	return fd;
}

static int try_all(const struct endpoint *list, int count)
{
	int64_t end = INT64_MAX;
	int fd = -1;
	int i;

	if (wish.connect_timeout_ms > 0)
		end = clock_ms() + wish.connect_timeout_ms;
	for (i = 0; i < count && fd < 0; i++)
		fd = try_endpoint(&list[i], end);
	return fd;
}

static int resolve(struct endpoint *list)
{
	const char *why = "no such host";
	struct addr addr;
	int count;

	addr_parse(&addr, wish.connect);
	count = addr_resolve(&addr, list, &why);
	if (count == 0)
		fault(EXIT_HOST, "unknown host", why);
	return count;
}

int connect_once(void)
{
	struct endpoint list[ADDR_ENDPOINTS_MAX];

	return try_all(list, resolve(list));
}

static _Noreturn void give_up(int error)
{
	switch (error) {
	case ETIMEDOUT:
		fault(EXIT_TIME, "cannot connect", "time is over");
	case ENOENT:
		fault(EXIT_CONNECT, "cannot connect",
		      "there is no such socket: is the application running?");
	case ECONNREFUSED:
		fault(EXIT_CONNECT, "cannot connect",
		      "refused: nobody listens there");
	case EACCES:
	case EPERM:
		fault(EXIT_CONNECT, "cannot connect",
		      "permission denied: look at the socket's mode and owner");
	case ENOTSOCK:
		fault(EXIT_CONNECT, "cannot connect", "not a socket");
	case EPROTOTYPE:
		fault(EXIT_CONNECT, "cannot connect",
		      "not a stream socket: no FastCGI application");
	default:
		fault(EXIT_CONNECT, "cannot connect", strerror(error));
	}
}

static int may_come_up(int error)
{
	return error == ENOENT || error == ECONNREFUSED || error == ETIMEDOUT;
}

int connect_application(void)
{
	struct endpoint list[ADDR_ENDPOINTS_MAX];
	int count = resolve(list);
	int64_t end = clock_ms() + wish.retry_ms;

	for (;;) {
		int fd = try_all(list, count);
		int error = errno;

		if (fd >= 0)
			return fd;
		if (!may_come_up(error) || clock_ms() >= end ||
		    clock_ms() >= clock_end())
			give_up(error);
		rest();
	}
}
