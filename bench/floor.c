/*
 * floor: what the bare system calls cost, without any wrapper.
 *
 *	floor run vfork|spawn [-n N] [-b BYTES] [-e TEXT] PROGRAM [ARG]...
 *		starts PROGRAM N times as CGI programs are started, with three
 *		pipes, reads its output to the end, reaps it; with BYTES feeds
 *		it so much of the pattern; TEXT is what its output must end
 *		with. Prints CPU per run: in all, and the program's alone.
 *	floor run fork [-n N] [-e TEXT] OUTPUT
 *		the same with a program that is there already, the loop itself,
 *		and writes OUTPUT: the least that a template costs.
 *	floor reply splice|copy BLOCK MIB
 *		frames what a program writes in blocks into a pipe as
 *		FCGI_STDOUT on a unix socket.
 *	floor body splice|copy MIB
 *		takes FCGI_STDIN from a unix socket and hands it to a program's
 *		pipe.
 *		Both print CPU seconds per GiB, of the loop alone.
 *
 * Ends itself after two minutes, whatever happens.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "record.h"
#include "pattern.h"

extern char **environ;

enum {
	PATIENCE_S = 120,
	PIPE_SIZE = 1 << 20,
	COPY_SIZE = 1 << 16,
	TAIL_MAX = 256,
};

static _Noreturn void stop(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(2);
}

static double seconds(const struct timeval *t)
{
	return (double)t->tv_sec + (double)t->tv_usec / 1e6;
}

static double cpu(int who)
{
	struct rusage used;

	getrusage(who, &used);
	return seconds(&used.ru_utime) + seconds(&used.ru_stime);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void write_all(int fd, const unsigned char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, bytes, n);
		if (done < 0)
			stop("write");
		bytes += done;
		n -= (size_t)done;
	}
}

static void read_all(int fd, unsigned char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t done = read(fd, bytes, n);
		if (done <= 0)
			stop("read");
		bytes += done;
		n -= (size_t)done;
	}
}

/* --- Programs */

struct pipes {
	int in[2];
	int out[2];
	int err[2];
};

static void pipes_open(struct pipes *pipes)
{
	if (pipe2(pipes->in, O_CLOEXEC) || pipe2(pipes->out, O_CLOEXEC) ||
	    pipe2(pipes->err, O_CLOEXEC))
		stop("pipe");
}

/* In the program's process. */
static void take_pipes(const struct pipes *pipes)
{
	dup2(pipes->in[0], 0);
	dup2(pipes->out[1], 1);
	dup2(pipes->err[1], 2);
}

static pid_t start_vfork(const struct pipes *pipes, char **argv)
{
	pid_t pid = vfork();

	if (pid == 0) {
		take_pipes(pipes);
		execve(argv[0], argv, environ);
		_exit(127);
	}
	return pid;
}

static pid_t start_spawn(const struct pipes *pipes, char **argv)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes->in[0], 0);
	posix_spawn_file_actions_adddup2(&actions, pipes->out[1], 1);
	posix_spawn_file_actions_adddup2(&actions, pipes->err[1], 2);
	if (posix_spawn(&pid, argv[0], &actions, NULL, argv, environ))
		pid = -1;
	posix_spawn_file_actions_destroy(&actions);
	return pid;
}

static pid_t start_fork(const struct pipes *pipes, char **argv)
{
	pid_t pid = fork();

	if (pid == 0) {
		take_pipes(pipes);
		fputs(argv[0], stdout);
		exit(0);
	}
	return pid;
}

/* A process that writes the pattern and ends. */
static pid_t feed(int fd, unsigned long long n)
{
	unsigned char *pattern = pattern_make();
	pid_t pid = fork();

	if (pid != 0) {
		free(pattern);
		return pid;
	}
	for (; n > 0; n -= n < PATTERN_PERIOD ? n : PATTERN_PERIOD)
		write_all(fd, pattern,
			  n < PATTERN_PERIOD ? (size_t)n : PATTERN_PERIOD);
	_exit(0);
}

static struct {
	pid_t (*start)(const struct pipes *pipes, char **argv);
	long n;
	unsigned long long body;
	const char *text;
	double program; /* CPU of the programs alone */
	unsigned long long bytes;
} run = {.n = 1};

/* Reads to the end; keeps the last bytes. */
static size_t drain(int fd, char tail[TAIL_MAX])
{
	static char bytes[PIPE_SIZE];
	size_t used = 0, keep;
	ssize_t n;

	while ((n = read(fd, bytes, sizeof(bytes))) > 0) {
		run.bytes += (size_t)n;
		keep = n < TAIL_MAX ? (size_t)n : TAIL_MAX;
		if (used + keep > TAIL_MAX)
			used = 0;
		memcpy(tail + used, bytes + n - keep, keep);
		used += keep;
	}
	return used;
}

static void one_run(char **argv)
{
	struct pipes pipes;
	struct rusage used;
	char tail[TAIL_MAX];
	size_t n, want = run.text ? strlen(run.text) : 0;
	pid_t pid, feeder = -1;
	int status;

	pipes_open(&pipes);
	if (run.body > 0)
		feeder = feed(pipes.in[1], run.body);
	pid = run.start(&pipes, argv);
	if (pid < 0)
		stop("start");
	close(pipes.in[0]);
	close(pipes.in[1]);
	close(pipes.out[1]);
	close(pipes.err[1]);
	n = drain(pipes.out[0], tail);
	if (wait4(pid, &status, 0, &used) != pid || status != 0)
		stop("the program failed");
	run.program += seconds(&used.ru_utime) + seconds(&used.ru_stime);
	if (n == 0 || n < want ||
	    (want && memcmp(tail + n - want, run.text, want) != 0))
		stop("not the output that was to come");
	if (feeder > 0)
		waitpid(feeder, NULL, 0);
	close(pipes.out[0]);
	close(pipes.err[0]);
}

static void runs(int argc, char **argv)
{
	double began, before;
	long i;
	int option;

	run.start = start_vfork;
	if (strcmp(argv[0], "spawn") == 0)
		run.start = start_spawn;
	else if (strcmp(argv[0], "fork") == 0)
		run.start = start_fork;
	while ((option = getopt(argc, argv, "+n:b:e:")) != -1)
		if (option == 'n')
			run.n = strtol(optarg, NULL, 10);
		else if (option == 'b')
			run.body = strtoull(optarg, NULL, 10);
		else if (option == 'e')
			run.text = optarg;
		else
			exit(2);
	began = now();
	before = cpu(RUSAGE_SELF) + cpu(RUSAGE_CHILDREN);
	for (i = 0; i < run.n; i++)
		one_run(argv + optind);
	printf("cpu_us=%.1f program_us=%.1f wall_us=%.1f bytes=%llu\n",
	       (cpu(RUSAGE_SELF) + cpu(RUSAGE_CHILDREN) - before) * 1e6 /
		       (double)run.n,
	       run.program * 1e6 / (double)run.n,
	       (now() - began) * 1e6 / (double)run.n, run.bytes);
}

/* --- Bulk: the same loops as a wrapper's, with nothing around them */

static int blocked_pipe(int ends[2], int size)
{
	if (pipe2(ends, O_CLOEXEC))
		stop("pipe");
	if (size)
		fcntl(ends[1], F_SETPIPE_SZ, size);
	return 0;
}

/* Reads and forgets, in a process of its own, which ends with the stream. */
static void sink(int fd, int other)
{
	static unsigned char bytes[1 << 18];

	if (fork() == 0) {
		close(other);
		while (read(fd, bytes, sizeof(bytes)) > 0)
			continue;
		_exit(0);
	}
	close(fd);
}

static void pour(int fd, int other, size_t block, unsigned long long n)
{
	unsigned char *pattern = pattern_make();

	if (fork() == 0) {
		close(other);
		for (; n > 0; n -= n < block ? n : block)
			write_all(fd, pattern, n < block ? (size_t)n : block);
		_exit(0);
	}
	free(pattern);
	close(fd);
}

static void frame_copy(int from, int to)
{
	static unsigned char out[FCGI_HEADER_LEN + COPY_SIZE];
	ssize_t n;

	while ((n = read(from, out + FCGI_HEADER_LEN, RECORD_CONTENT_MAX)) >
	       0) {
		record_header(out, FCGI_STDOUT, 1, (uint16_t)n, 0);
		write_all(to, out, (size_t)n + FCGI_HEADER_LEN);
	}
}

static void move(int from, int to, size_t n)
{
	while (n > 0) {
		ssize_t moved = splice(from, NULL, to, NULL, n, SPLICE_F_MOVE);
		if (moved <= 0)
			stop("splice");
		n -= (size_t)moved;
	}
}

static void frame_splice(int from, int to)
{
	unsigned char header[FCGI_HEADER_LEN];
	unsigned char first;
	int there;

	for (;;) {
		if (ioctl(from, FIONREAD, &there) < 0)
			stop("FIONREAD");
		if (there == 0) {
			/* Waits for more, or sees the end. */
			if (read(from, &first, 1) < 1)
				return;
			record_header(header, FCGI_STDOUT, 1, 1, 0);
			send(to, header, sizeof(header), MSG_MORE);
			write_all(to, &first, 1);
			continue;
		}
		if (there > RECORD_CONTENT_MAX)
			there = RECORD_CONTENT_MAX;
		record_header(header, FCGI_STDOUT, 1, (uint16_t)there, 0);
		if (send(to, header, sizeof(header), MSG_MORE) !=
		    sizeof(header))
			stop("send");
		move(from, to, (size_t)there);
	}
}

static double reply(int splices, size_t block, unsigned long long n)
{
	int pipe_ends[2], sockets[2];
	double before;

	blocked_pipe(pipe_ends, splices ? PIPE_SIZE : 0);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		stop("socketpair");
	pour(pipe_ends[1], pipe_ends[0], block, n);
	sink(sockets[1], sockets[0]);
	before = cpu(RUSAGE_SELF);
	if (splices)
		frame_splice(pipe_ends[0], sockets[0]);
	else
		frame_copy(pipe_ends[0], sockets[0]);
	before = cpu(RUSAGE_SELF) - before;
	close(sockets[0]);
	while (wait(NULL) > 0)
		continue;
	return before;
}

static void send_body(int fd, int other, unsigned long long n)
{
	static unsigned char out[FCGI_HEADER_LEN + COPY_SIZE];

	if (fork() == 0) {
		close(other);
		for (; n > 0;
		     n -= n < RECORD_CONTENT_MAX ? n : RECORD_CONTENT_MAX) {
			size_t content = n < RECORD_CONTENT_MAX
						 ? (size_t)n
						 : RECORD_CONTENT_MAX;
			record_header(out, FCGI_STDIN, 1, (uint16_t)content, 0);
			write_all(fd, out, FCGI_HEADER_LEN + content);
		}
		record_header(out, FCGI_STDIN, 1, 0, 0);
		write_all(fd, out, FCGI_HEADER_LEN);
		_exit(0);
	}
	close(fd);
}

static void take_splice(int from, int to)
{
	unsigned char header[FCGI_HEADER_LEN];
	uint16_t content;

	do {
		read_all(from, header, sizeof(header));
		content = record_u16(header + 4);
		move(from, to, content);
	} while (content > 0);
}

static void take_copy(int from, int to)
{
	static unsigned char input[COPY_SIZE];
	struct record_reader reader = {.have = 0};
	struct record record;
	ssize_t n;

	while ((n = read(from, input, sizeof(input))) > 0) {
		const unsigned char *at = input;
		while (record_next(&reader, &at, input + n, &record) ==
		       RECORD_PIECE)
			write_all(to, record.bytes, record.length);
	}
}

static double body(int splices, unsigned long long n)
{
	int pipe_ends[2], sockets[2];
	double before;

	blocked_pipe(pipe_ends, splices ? PIPE_SIZE : 0);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets))
		stop("socketpair");
	send_body(sockets[1], sockets[0], n);
	sink(pipe_ends[0], pipe_ends[1]);
	before = cpu(RUSAGE_SELF);
	if (splices)
		take_splice(sockets[0], pipe_ends[1]);
	else
		take_copy(sockets[0], pipe_ends[1]);
	before = cpu(RUSAGE_SELF) - before;
	close(pipe_ends[1]);
	while (wait(NULL) > 0)
		continue;
	return before;
}

static void bulk(int argc, char **argv)
{
	int splices = argc > 2 && strcmp(argv[2], "splice") == 0;
	unsigned long long mib = strtoull(argv[argc - 1], NULL, 10);
	double began = now(), used;

	if (strcmp(argv[1], "reply") == 0 && argc == 5)
		used = reply(splices, (size_t)strtoul(argv[3], NULL, 10),
			     mib << 20);
	else if (strcmp(argv[1], "body") == 0 && argc == 4)
		used = body(splices, mib << 20);
	else
		exit(2);
	printf("cpu_s_gib=%.4f mib_s=%.0f\n", used * 1024 / (double)mib,
	       (double)mib / (now() - began));
}

int main(int argc, char **argv)
{
	alarm(PATIENCE_S);
	signal(SIGPIPE, SIG_IGN);
	if (argc >= 4 && strcmp(argv[1], "run") == 0) {
		signal(SIGPIPE, SIG_DFL);
		runs(argc - 2, argv + 2);
	} else if (argc >= 4) {
		bulk(argc, argv);
	} else {
		fprintf(stderr, "usage: floor run|reply|body ...\n");
		return 2;
	}
	return 0;
}
