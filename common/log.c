/*
 * log: what the command says to whoever runs it.
 * Every line of either side comes through here. It knows nothing of requests.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "text.h"

#define SYSLOG_PRIORITY "<29>" /* a daemon's notice (RFC 3164 §4.1.1) */

static const char *log_prefix = "cgi-fcgi";
static bool log_syslog;
static int log_fd = STDERR_FILENO;
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

static void log_line(const char *format, va_list args)
{
	char text[LOG_LINE_MAX];
	char line[LOG_LINE_MAX + 80];
	int saved = errno;
	ssize_t ignored;
	size_t used;

	text_vformat(text, sizeof(text), format, args);
	if (log_syslog)
		used = text_format(line, 64,
				   SYSLOG_PRIORITY "%s[%ld]: ", log_prefix,
				   (long)getpid());
	else
		used = text_format(line, 64, "%s: ", log_prefix);
	used += text_clean(line + used, sizeof(line) - used, text);
	line[used++] = '\n';
	/* One write, so that lines of several processes do not mix. When
	 * nobody can read it there is nobody left to tell. */
	ignored = write(log_fd, line, used);
	(void)ignored;
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
