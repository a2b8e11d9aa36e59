/*
 * least SOCKET: the least that a wrapper can do, to tell what FastCGI and a
 * process cost from what a wrapper costs. One request after the other, each on
 * a connection of its own; it waits in every call, bears no failure, has no
 * limits, looks for nothing and believes all that it is sent.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "addr.h"
#include "listen.h"
#include "pair.h"
#include "record.h"

enum {
	INPUT_MAX = 65536,
	VARIABLES_MAX = 128,
	TAIL_LENGTH = 24, /* the end of FCGI_STDOUT and FCGI_END_REQUEST */
};

static struct {
	char text[INPUT_MAX];
	size_t used;
	char *list[VARIABLES_MAX + 1];
	int count;
	char *program;
} env;

static _Noreturn void stop(const char *what)
{
	fprintf(stderr, "least: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void put(const void *bytes, size_t n)
{
	if (n > sizeof(env.text) - env.used)
		stop("too many variables");
	memcpy(env.text + env.used, bytes, n);
	env.used += n;
}

static void end_variable(void)
{
	char *variable = env.list[env.count++];

	put("", 1);
	if (strncmp(variable, "SCRIPT_FILENAME=", 16) == 0)
		env.program = variable + 16;
}

/* They come in one record, whole. */
static void take_params(const struct record *record)
{
	const unsigned char *at = record->bytes;
	const unsigned char *end = at + record->length;
	struct pair_reader pairs = {.have = 0};
	const unsigned char *bytes;
	enum pair_result result;
	bool named = false;
	size_t n;

	while ((result = pair_next(&pairs, &at, end, &bytes, &n)) !=
	       PAIR_MORE) {
		if (result == PAIR_BEGIN) {
			if (env.count == VARIABLES_MAX)
				stop("too many variables");
			env.list[env.count] = env.text + env.used;
			named = false;
			continue;
		}
		if (result != PAIR_NAME && !named) {
			put("=", 1);
			named = true;
		}
		if (result == PAIR_END)
			end_variable();
		else
			put(bytes, n);
	}
}

/* Whether it has come whole, with the end of its FCGI_STDIN. */
static bool take_request(int fd)
{
	static unsigned char input[INPUT_MAX];
	struct record_reader reader = {.have = 0};
	struct record record;
	ssize_t n;

	env.used = 0;
	env.count = 0;
	env.program = NULL;
	while ((n = read(fd, input, sizeof(input))) > 0) {
		const unsigned char *at = input;

		while (record_next(&reader, &at, input + n, &record) ==
		       RECORD_PIECE) {
			if (record.type == FCGI_PARAMS)
				take_params(&record);
			if (record.type == FCGI_STDIN && record.length == 0)
				return env.program != NULL;
		}
	}
	return false;
}

static pid_t start(int in, int out, int err)
{
	char *argv[] = {env.program, NULL};
	pid_t pid;

	env.list[env.count] = NULL;
	pid = vfork();
	if (pid == 0) {
		setpgid(0, 0);
		dup2(in, 0);
		dup2(out, 1);
		dup2(err, 2);
		execve(env.program, argv, env.list);
		_exit(127);
	}
	return pid;
}

static void send_reply(int fd, unsigned char *reply, size_t n)
{
	unsigned char *tail = reply + FCGI_HEADER_LEN + n;

	record_header(reply, FCGI_STDOUT, 1, (uint16_t)n, 0);
	record_header(tail, FCGI_STDOUT, 1, 0, 0);
	record_end_request(tail + FCGI_HEADER_LEN, 1, 0, FCGI_REQUEST_COMPLETE);
	n += FCGI_HEADER_LEN + TAIL_LENGTH;
	if (write(fd, reply, n) != (ssize_t)n)
		stop("write");
}

static void answer(int fd, int no_body)
{
	static unsigned char reply[FCGI_HEADER_LEN + INPUT_MAX + TAIL_LENGTH];
	int out[2], err[2];
	size_t used = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC) < 0)
		stop("pipe");
	pid = start(no_body, out[1], err[1]);
	if (pid < 0)
		stop("vfork");
	close(out[1]);
	close(err[1]);
	while ((n = read(out[0], reply + FCGI_HEADER_LEN + used,
			 RECORD_CONTENT_MAX - used)) > 0)
		used += (size_t)n;
	if (waitpid(pid, NULL, 0) < 0)
		stop("waitpid");
	close(out[0]);
	close(err[0]);
	send_reply(fd, reply, used);
}

static int listen_at(const char *text)
{
	struct listen_wish wish = {LISTEN_MODE, (uid_t)-1, (gid_t)-1,
				   LISTEN_BACKLOG};
	struct listener list[ADDR_ENDPOINTS_MAX];
	char why[LISTEN_WHY_MAX];
	struct addr addr;

	if (addr_parse(&addr, text) || listen_open(&addr, &wish, list, why) < 1)
		stop(text);
	fcntl(list[0].fd, F_SETFL, 0);
	return list[0].fd;
}

int main(int argc, char **argv)
{
	int listener, fd, no_body[2];

	if (argc != 2 || pipe2(no_body, O_CLOEXEC) < 0)
		return 2;
	close(no_body[1]);
	listener = listen_at(argv[1]);
	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0) {
		if (take_request(fd))
			answer(fd, no_body[0]);
		close(fd);
	}
	return 1;
}
