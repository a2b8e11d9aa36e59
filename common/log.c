/*
 * log: what the command says to whoever runs it.
 * Every line of either side comes through here. It knows nothing of requests.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "text.h"

#define SYSLOG_PRIORITY "<29>" /* a daemon's notice (RFC 3164 §4.1.1) */

static const char *log_prefix = "cgi-fcgi";
static bool log_syslog;
static int log_fd = STDERR_FILENO;
static long log_lost; /* lines, since one was written */
static void (*log_end)(void);

void log_open(const char *name)
{
	log_prefix = name;
}

int log_keep(void)
{
	int fd;

	if (log_syslog)
		return 0;
	fd = fcntl(log_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
	if (fd < 0)
		return -1;
	log_fd = fd;
	return 0;
}

int log_descriptor(void)
{
	return log_fd;
}

void log_to_syslog(void)
{
	static const struct sockaddr_un name = {.sun_family = AF_UNIX,
						.sun_path = "/dev/log"};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	/* Connected now: the root folder may change. */
	if (fd >= 0 &&
	    connect(fd, (const struct sockaddr *)&name, sizeof(name)) < 0) {
		close(fd);
		fd = -1;
	}
	log_fd = fd;
	log_syslog = true;
}

static size_t put_begin(char *line, size_t size)
{
	return log_syslog ? text_format(line, size,
					SYSLOG_PRIORITY "%s[%ld]: ", log_prefix,
					(long)getpid())
			  : text_format(line, size, "%s: ", log_prefix);
}

/* One write, so that lines of several processes do not mix. When nobody can
 * read it there is nobody left to tell. */
static void put_line(const char *text)
{
	char line[LOG_LINE_MAX + 80];
	size_t used = put_begin(line, 64);
	ssize_t ignored;

	used += text_clean(line + used, sizeof(line) - used, text);
	line[used++] = '\n';
	ignored = write(log_fd, line, used);
	(void)ignored;
}

/* Whoever reads slowly is waited for; whoever has stopped must not stop us. */
static bool is_read(void)
{
	struct pollfd one = {.fd = log_fd, .events = POLLOUT};

	return poll(&one, 1, log_lost ? 0 : LOG_PATIENCE_MS) != 0;
}

static void log_line(const char *format, va_list args)
{
	char text[LOG_LINE_MAX];
	int saved = errno;

	if (log_lost && is_read()) {
		text_format(text, sizeof(text),
			    "%ld lines were not read and are lost", log_lost);
		put_line(text);
		log_lost = 0;
	}
	if (log_lost || !is_read()) {
		log_lost++;
	} else {
		text_vformat(text, sizeof(text), format, args);
		put_line(text);
	}
	errno = saved;
}

void note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(format, args);
	va_end(args);
}

void log_before_end(void (*call)(void))
{
	log_end = call;
}

void die(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(format, args);
	va_end(args);
	if (log_end)
		log_end();
	exit(status);
}
