/*
 * log: what the command says to whoever runs it.
 * Every line of either side comes through here. It knows nothing of requests.
 */
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdbool.h>
#include <syslog.h>
#include <unistd.h>

static const char *log_prefix = "cgi-fcgi";
static bool log_syslog;
static int log_fd = STDERR_FILENO;

void log_open(const char *name)
{
	log_prefix = name;
}

int log_keep(void)
{
	int fd = fcntl(log_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

	if (fd < 0)
		return -1;
	log_fd = fd;
	return 0;
}

void log_to_syslog(void)
{
	openlog(log_prefix, LOG_PID, LOG_DAEMON);
	log_syslog = true;
}

/* Copies text as printable bytes; returns how many bytes of out are used. */
static size_t log_clean(char *out, size_t room, const char *text)
{
	static const char digits[] = "0123456789abcdef";
	size_t used = 0;

	for (; *text && used + 4 < room; text++) {
		unsigned char c = (unsigned char)*text;

		if (c >= ' ' && c != 0x7f) {
			out[used++] = (char)c;
			continue;
		}
		out[used++] = '\\';
		out[used++] = 'x';
		out[used++] = digits[c >> 4];
		out[used++] = digits[c & 15];
	}
	return used;
}

static void log_line(const char *format, va_list args)
{
	char text[LOG_LINE_MAX];
	char line[LOG_LINE_MAX + 80];
	int saved = errno;
	ssize_t ignored;
	int length;
	size_t used;

	vsnprintf(text, sizeof(text), format, args);
	if (log_syslog) {
		line[log_clean(line, sizeof(line), text)] = '\0';
		syslog(LOG_NOTICE, "%s", line);
		errno = saved;
		return;
	}
	length = snprintf(line, 64, "%s: ", log_prefix);
	used = length < 0 ? 0 : length < 64 ? (size_t)length : 63;
	used += log_clean(line + used, sizeof(line) - used - 1, text);
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

void die(int status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(format, args);
	va_end(args);
	exit(status);
}
