/*
 * print: stdout.
 * It may be a pipe that somebody reads slowly or not at all, and it must not
 * be made non-blocking: others have it too. So no more is written than is sure
 * to fit.
 */
#include "print.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bridge.h"
#include "fault.h"

#define LINE_MAX_KEPT 64 /* of a header line: enough for its status */

static bool is_pipe;
static bool is_socket;
static size_t pipe_size = PIPE_BUF;

static const unsigned char *waiting;
static size_t waiting_length;

static char line[LINE_MAX_KEPT];
static size_t line_length;
static bool in_body;
static int status = 200;

void print_open(void)
{
	struct stat st;
	int size;

	if (fstat(STDOUT_FILENO, &st) < 0)
		return;
	is_pipe = S_ISFIFO(st.st_mode);
	is_socket = S_ISSOCK(st.st_mode);
	size = is_pipe ? fcntl(STDOUT_FILENO, F_GETPIPE_SZ) : 0;
	if (size > 0)
		pipe_size = (size_t)size;
}

static int digits(const char *text)
{
	text += strspn(text, " \t");
	if (text[0] < '1' || text[0] > '9' || text[1] < '0' || text[1] > '9' ||
	    text[2] < '0' || text[2] > '9')
		return 0;
	return (text[0] - '0') * 100 + (text[1] - '0') * 10 + text[2] - '0';
}

static void end_line(void)
{
	if (line_length > 0 && line[line_length - 1] == '\r')
		line_length--;
	line[line_length] = '\0';
	if (line_length == 0)
		in_body = true;
	else if (strncasecmp(line, "Status:", 7) == 0)
		status = digits(line + 7);
	else if (strncasecmp(line, "Location:", 9) == 0 && status == 200)
		status = 302;
	line_length = 0;
}

/* How many of n bytes belong to the header; notes what its lines say. */
static size_t take_header(const unsigned char *bytes, size_t n)
{
	size_t i;

	for (i = 0; i < n && !in_body; i++) {
		if (bytes[i] == '\n')
			end_line();
		else if (line_length + 1 < sizeof(line))
			line[line_length++] = (char)bytes[i];
	}
	return i;
}

void print_take(const unsigned char *bytes, size_t n)
{
	size_t header = take_header(bytes, n);

	if (wish.part == PART_HEAD) {
		n = header;
	} else if (wish.part == PART_CONTENT) {
		bytes += header;
		n -= header;
	}
	waiting = bytes;
	waiting_length = n;
}

/* How much a write may be so that it does not wait; 0: it would. */
static size_t room(void)
{
	struct pollfd out = {.fd = STDOUT_FILENO, .events = POLLOUT};
	int unread = 1;

	if (!is_pipe)
		return waiting_length;
	if (poll(&out, 1, 0) <= 0)
		return 0;
	if (out.revents & POLLERR)
		return waiting_length;
	/* An empty pipe takes its whole size, any other PIPE_BUF at least. */
	if (ioctl(STDOUT_FILENO, FIONREAD, &unread) < 0 || unread > 0)
		return PIPE_BUF;
	return pipe_size;
}

static ssize_t write_some(size_t n)
{
	if (is_socket)
		return send(STDOUT_FILENO, waiting, n, MSG_DONTWAIT);
	return write(STDOUT_FILENO, waiting, n);
}

bool print_flush(void)
{
	while (waiting_length > 0) {
		size_t n = room();
		ssize_t written;

		if (n == 0)
			return false;
		written = write_some(n < waiting_length ? n : waiting_length);
		if (written < 0 && errno == EAGAIN)
			return false;
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			fault(EXIT_STDOUT, "stdout cannot be written",
			      strerror(errno));
		fault_answered();
		waiting += written;
		waiting_length -= (size_t)written;
	}
	return true;
}

bool print_waits(void)
{
	return waiting_length > 0;
}

int print_status(void)
{
	return in_body ? status : 0;
}
