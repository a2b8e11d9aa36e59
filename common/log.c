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
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "text.h"

#define SYSLOG_PRIORITY "<29>" /* a daemon's notice (RFC 3164 §4.1.1) */

static const char *log_prefix = "cgi-fcgi";
static bool log_syslog;
static int log_fd = STDERR_FILENO;
static long log_lost; /* lines, since one was written */
static int64_t log_patience_ms = LOG_PATIENCE_MS; /* what is left of it */
static int64_t log_window_ms;			  /* when it was all there */
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

static int connect_syslog(void)
{
	static const struct sockaddr_un name = {.sun_family = AF_UNIX,
						.sun_path = "/dev/log"};

	return connect(log_fd, (const struct sockaddr *)&name, sizeof(name));
}

void log_to_syslog(void)
{
	log_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	log_syslog = true;
	/* Connected now: the root folder may change. */
	if (log_fd >= 0)
		connect_syslog();
}

static size_t put_begin(char *line, size_t size)
{
	return log_syslog ? text_format(line, size,
					SYSLOG_PRIORITY "%s[%ld]: ", log_prefix,
					(long)getpid())
			  : text_format(line, size, "%s: ", log_prefix);
}

/* Whether who reads the log has gone, and another one is there by now. */
static bool is_read_anew(void)
{
	return log_syslog && (errno == ECONNREFUSED || errno == ENOTCONN) &&
	       connect_syslog() == 0;
}

/* One write, so that lines of several processes do not mix. When nobody can
 * read it there is nobody left to tell. */
static void put_line(const char *text)
{
	char line[LOG_LINE_MAX + 80];
	size_t used = put_begin(line, 64);
	ssize_t n;

	used += text_clean(line + used, sizeof(line) - used, text);
	line[used++] = '\n';
	n = write(log_fd, line, used);
	if (n < 0 && is_read_anew())
		n = write(log_fd, line, used);
	(void)n;
}

/* Whoever pauses is waited for; whoever has stopped, or does not keep up, must
 * not stop us. */
static bool is_read(void)
{
	struct pollfd one = {.fd = log_fd, .events = POLLOUT};
	int64_t from;
	bool taken;

	if (poll(&one, 1, 0) != 0)
		return true;
	if (log_lost)
		return false;
	from = clock_us() / 1000;
	if (from - log_window_ms >= LOG_WINDOW_MS) {
		log_window_ms = from;
		log_patience_ms = LOG_PATIENCE_MS;
	}
	if (log_patience_ms <= 0)
		return false;
	taken = poll(&one, 1, (int)log_patience_ms) != 0;
	log_patience_ms -= clock_us() / 1000 - from;
	return taken;
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

void die_errno(const char *format, ...)
{
	char text[LOG_LINE_MAX];
	va_list args;

	va_start(args, format);
	text_vformat(text, sizeof(text), format, args);
	va_end(args);
	die(1, "%s: %s", text, strerror(errno));
}
