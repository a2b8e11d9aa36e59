/*
 * wrapper: everything between web servers' sockets and programs' pipes, as one
 * machine. The fuzzer's bytes are what servers, programs and the clock do; at
 * the end all is brought to rest, and nothing may be left.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../wrapper/admit.h"
#include "../wrapper/child.h"
#include "../wrapper/conn.h"
#include "../wrapper/launch.h"
#include "../wrapper/loop.h"
#include "../wrapper/request.h"
#include "../wrapper/run.h"
#include "../wrapper/settings.h"
#include "../wrapper/shared.h"
#include "../wrapper/turn.h"
#include "server.h"

#define SERVERS_MAX 4
#define NOT_YET	    (-2)
#define TIMEOUT_MS  3000
#define MAX_TIME_MS 9000
#define ROUNDS_MAX  1000
#define QUIET	    14	/* rounds without a byte: longer than any timer */
#define HIGH_FD	    400 /* more than one run has */

static struct server servers[SERVERS_MAX];
static struct watch bell;

static void bell_ready(struct watch *watch, unsigned events)
{
	(void)watch;
	(void)events;
	admit_waiting();
}

/* Memory that is kept for ever is taken now. */
static void warm_up(void)
{
	struct out out[3] = {{.buffer = NULL}};
	struct watch high = {.fd = HIGH_FD};
	int i;

	for (i = 0; i < 3; i++)
		CHECK(out_open(&out[i]) == 0);
	for (i = 0; i < 3; i++)
		out_close(&out[i]);
	CHECK(loop_add(&high, LOOP_IN) < 0);
}

void fuzz_init(void)
{
	/* The wrapper blocks it. */
	sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	set.max = 2;
	set.queue = 2;
	set.workers = 1;
	set.timeout_ms = TIMEOUT_MS;
	set.max_time_ms = MAX_TIME_MS;
	set.grace_ms = 500;
	set.spool = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	set.status = "/status";
	CHECK(loop_open() == 0 && shared_open(1) == 0 && launch_init() == 0);
	child_init();
	run_init();
	turn_init();
	conn_init();
	bell.fd = shared_bell();
	bell.ready = bell_ready;
	CHECK(loop_add(&bell, LOOP_IN) == 0);
	warm_up();
}

static void turn(void)
{
	world_inside = true;
	loop_turn();
	request_trim();
	world_inside = false;
}

static void reap(void)
{
	if (!programs_to_reap())
		return;
	world_inside = true;
	child_reap();
	admit_waiting();
	world_inside = false;
}

/* --- Servers */

static void connect_one(struct server *server, unsigned kind)
{
	int small = 4096;
	int pair[2];

	/* Each has one connection in its life. */
	if (server->fd != NOT_YET)
		return;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
			 pair) == 0);
	server->fd = pair[0];
	server->is_unix = kind & 1;
	if (kind & 2)
		setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &small,
			   sizeof(small));
	CHECK(conn_open(pair[1], server->is_unix) == 0);
}

static size_t add_pair(unsigned char *to, const char *name, const char *value)
{
	size_t n = strlen(name);
	size_t v = strlen(value);

	to[0] = (unsigned char)n;
	to[1] = (unsigned char)v;
	memcpy(to + 2, name, n);
	memcpy(to + 2 + n, value, v);
	return 2 + n + v;
}

static void say_params(struct server *server, unsigned id, unsigned flags)
{
	static const char *const lengths[] = {NULL, "0", "5", "-1"};
	struct asked *one = asked_active(server, id);
	unsigned char pairs[400];
	char text[16];
	size_t n;

	snprintf(text, sizeof(text), "%x", one ? one->serial : 0);
	n = add_pair(pairs, "R", text);
	if (lengths[flags & 3])
		n += add_pair(pairs + n, "CONTENT_LENGTH", lengths[flags & 3]);
	if (flags & 4)
		n += add_pair(pairs + n, "SERVER_SOFTWARE", "nginx/1");
	if ((flags & 0x18) == 0x18)
		n += add_pair(pairs + n, "SCRIPT_NAME", "/status");
	if (flags & 0x20)
		n += add_pair(pairs + n, "SCRIPT_FILENAME", "/bin/sh/path");
	else
		n += add_pair(pairs + n, "SCRIPT_FILENAME", "/bin/true");
	server_record(server, 4, id, pairs, n, flags & 0x40 ? 7 : 0);
	if (flags & 0x80)
		server_record(server, 4, id, NULL, 0, 0);
}

/* n bytes that tell where they stand. */
static const unsigned char *filler(size_t n, unsigned from)
{
	static unsigned char bytes[65535 + 256];
	size_t i;

	CHECK(n <= 65535);
	if (bytes[1] == 0)
		for (i = 0; i < sizeof(bytes); i++)
			bytes[i] = (unsigned char)(i * 7 + (i >> 8));
	return bytes + (from & 255);
}

static size_t amount(struct input *input)
{
	unsigned n = input_byte(input);

	/* Little, a pipe's page, and as much as a record holds. */
	return n < 0x80 ? n : n < 0xe0 ? (n & 0x7f) << 7 : 65535 - (n & 31);
}

static void say_one(struct input *input, struct server *server)
{
	static const unsigned types[] = {5, 5, 5, 8, 8, 4, 2, 77};
	static const bool is_full[] = {false, true, true, false, true};
	unsigned what = input_byte(input);
	unsigned id = what >> 4 & 3;
	const unsigned char *bytes;
	size_t n;

	switch (what & 15) {
	case 0:
	case 1:
		if (asked_count < ASKED_MAX) {
			unsigned role = input_byte(input);
			unsigned char body[8] = {0, role & 3, !(role & 0x80)};

			server_record(server, 1, id, body, 8, role >> 4 & 7);
		}
		break;
	case 2:
	case 3:
	case 4:
		say_params(server, id, input_byte(input));
		break;
	case 5:
		n = input_bytes(input, input_byte(input), &bytes);
		server_say(server, bytes, n);
		break;
	case 6:
		n = input_bytes(input, input_byte(input), &bytes);
		server_record(server, input_byte(input), id, bytes, n, 1);
		break;
	case 7:
		server_record(server, 9, 0, "\17\0FCGI_MPXS_CONNS", 17, 0);
		break;
	default:
		what &= 7;
		n = what < 5 && is_full[what] ? amount(input) : 0;
		server_record(server, types[what], id, filler(n, what), n,
			      n & 1 ? 0 : 5);
		break;
	}
}

static void do_server(struct input *input, unsigned what)
{
	struct server *server = &servers[(what >> 3) % SERVERS_MAX];

	switch (what & 7) {
	case 0:
		connect_one(server, what >> 5);
		break;
	case 5:
		server_send(server, amount(input));
		break;
	case 6:
		server_receive(server, amount(input));
		break;
	case 7:
		if (what & 0x20)
			server_close(server);
		else if (what & 0x40)
			server_half_close(server);
		break;
	default:
		say_one(input, server);
		break;
	}
}

/* --- Programs */

static void print(struct running *program, int fd, const void *bytes, size_t n)
{
	ssize_t written;

	if (program->fds[fd] < 0)
		return;
	written = write(program->fds[fd], bytes, n);
	if (written > 0 && fd == 1)
		told_add(program->said, bytes, (size_t)written);
}

static bool read_stdin(struct running *program, size_t n)
{
	static unsigned char block[65536];
	ssize_t got;

	if (program->fds[0] < 0 || program->got_end || program->dead)
		return false;
	got = read(program->fds[0], block, n < 65536 ? n : 65536);
	if (got > 0) {
		asked_check_body(program, block, (size_t)got);
		program->got += (uint64_t)got;
	} else if (got == 0 && n > 0) {
		program->got_end = true;
		asked_check_end(program);
	}
	return got > 0;
}

static void shut(struct running *program, int fd)
{
	if (program->fds[fd] >= 0)
		close(program->fds[fd]);
	program->fds[fd] = -1;
}

static void end_it(struct running *program, unsigned how)
{
	static const int statuses[] = {0, 0, 3 << 8, SIGSEGV};

	if (program->dead)
		program_clear(program);
	else
		program_end(program, statuses[how & 3], how & 4);
}

static void do_program(struct input *input, unsigned what)
{
	static const char *const heads[] = {
		"A: b\n\n",
		"Status: 404 x\r\n\r\n",
		"HTTP/1.1 200 OK\n\n",
		"no header\n\n",
		"Content-Ty",
		"Location: /\n\n",
	};
	struct running *program;
	const unsigned char *bytes;
	size_t n;

	if (program_count == 0)
		return;
	program = &programs[(what >> 4) % (unsigned)program_count];
	switch (what & 7) {
	case 0:
		n = input_byte(input) % 6;
		print(program, 1, heads[n], strlen(heads[n]));
		break;
	case 1:
		n = amount(input);
		print(program, 1, filler(n, what), n);
		break;
	case 2:
		n = input_bytes(input, input_byte(input), &bytes);
		print(program, what & 8 ? 1 : 2, bytes, n);
		break;
	case 3:
		read_stdin(program, amount(input));
		break;
	case 4:
		shut(program, (what >> 3 & 1) + (input_byte(input) & 1));
		break;
	case 5:
		program->ignores_term = what & 8;
		break;
	default:
		end_it(program, input_byte(input));
		break;
	}
}

/* --- The rest of the world */

static void do_world(struct input *input, unsigned what)
{
	static const int steps[] = {5, 5, 5, 0, 1, 2, 5, 5};
	static const int errors[] = {ENOENT, EACCES, E2BIG,   EAGAIN,
				     EACCES, EMFILE, ENOEXEC, ETXTBSY};
	static const int delays[] = {1, 10, 100, 200, 1000, 2000, 5000, 60000};

	switch (what & 7) {
	case 0:
	case 1:
	case 2:
		world_ms += what & 8 ? delays[what >> 4 & 7] : 0;
		turn();
		break;
	case 3:
		reap();
		turn();
		break;
	case 4:
		world_interrupted = input_byte(input) & 7;
		break;
	case 5:
		world_short = input_byte(input);
		break;
	case 6:
		world_spawn_step = steps[what >> 4 & 7];
		world_spawn_error = errors[what >> 4 & 7];
		break;
	default:
		if (what == 0xff)
			child_terminate_all();
		break;
	}
}

static void configure(struct input *input)
{
	static char *const program[] = {(char *)"/bin/true", NULL};
	static const enum stderr_mode modes[] = {STDERR_FCGI, STDERR_LOG,
						 STDERR_BOTH, STDERR_OFF};
	unsigned what = input_byte(input);

	set.max = what & 1 ? 1 : 20;
	set.queue = what & 2 ? 1 : 20;
	set.timeout_ms = what & 4 ? TIMEOUT_MS : 0;
	set.max_time_ms = what & 8 ? MAX_TIME_MS : 0;
	set.stderr_mode = modes[what >> 4 & 3];
	set.program = what & 0x40 ? program : NULL;
	set.verbose = what & 0x80;
}

/* --- The end */

static bool serve_all(void)
{
	bool moved = false;
	int i;

	for (i = 0; i < SERVERS_MAX; i++) {
		moved |= server_send(&servers[i], 65536);
		moved |= server_receive(&servers[i], 65536);
	}
	return moved;
}

/* Programs end, each in its time: reading first. */
static bool run_all(bool finish)
{
	bool moved = false;
	int i;

	for (i = 0; i < program_count; i++) {
		struct running *program = &programs[i];

		if (program->dead && !program->left)
			continue;
		if (read_stdin(program, 65536)) {
			moved = true;
		} else if (finish) {
			end_it(program, 0);
			moved = true;
		}
	}
	return moved;
}

/* A program that has said nothing is told when its server has gone: nothing
 * else can have ended its request but an abort, which tells it too. */
static void check_orphans(void)
{
	int i;
	int k;

	for (i = 0; i < asked_count; i++) {
		const struct server *server = asked[i].server;

		for (k = 0; k < program_count; k++)
			if (programs[k].serial == asked[i].serial &&
			    server->fd == -1 && !server->broken &&
			    programs[k].said->used == 0 &&
			    programs[k].fds[1] >= 0)
				CHECK(programs[k].term || programs[k].dead);
	}
}

static void check_answers(void)
{
	int i;

	for (i = 0; i < asked_count; i++) {
		const struct asked *one = &asked[i];
		const struct server *server = one->server;

		if (server->fd < 0 || server->broken || one->too_late ||
		    !asked_is_whole(one) ||
		    (server->half_closed && !server->is_unix))
			continue;
		CHECK(one->ended);
	}
}

static void settle(bool finish, bool (*is_done)(void))
{
	int quiet = 0;
	int rounds;

	for (rounds = 0; rounds < ROUNDS_MAX && quiet < QUIET; rounds++) {
		bool moved = serve_all();

		moved |= run_all(finish && quiet > 3);
		reap();
		turn();
		moved |= world_wait == 0;
		world_ms += 500;
		quiet = moved ? 0 : quiet + 1;
		if (is_done && is_done())
			return;
	}
	CHECK(quiet >= QUIET && !is_done);
}

static bool is_empty(void)
{
	return conn_count() == 0 && child_count() == 0 && world_wait == -1;
}

static void free_all(void)
{
	int i;

	for (i = 0; i < SERVERS_MAX; i++) {
		told_free(&servers[i].queue);
		server_close(&servers[i]);
	}
	for (i = 0; i < asked_count; i++) {
		told_free(&asked[i].body);
		told_free(&asked[i].data);
		told_free(&asked[i].got);
	}
	for (i = 0; i < program_count; i++)
		told_free(programs[i].said);
	asked_count = program_count = 0;
}

static void finish(void)
{
	int i;

	world_interrupted = world_short = 0;
	world_spawn_error = 0;
	reap();
	for (i = 0; i < 3; i++)
		turn();
	check_orphans();
	settle(true, NULL);
	check_answers();
	for (i = 0; i < SERVERS_MAX; i++)
		server_half_close(&servers[i]);
	settle(true, is_empty);
	for (i = 0; i < SERVERS_MAX; i++)
		CHECK(servers[i].fd < 0 || servers[i].at_end ||
		      !server_receive(&servers[i], 1));
	CHECK(mine->requests == 0 && mine->connections == 0);
	CHECK(mine->running == 0 && mine->waiting == 0);
	CHECK(shared->running == 0 && shared->waiting == 0);
	free_all();
}

void fuzz_one(const unsigned char *bytes, size_t n)
{
	struct input input = {bytes, bytes + n};
	int i;

	for (i = 0; i < SERVERS_MAX; i++)
		servers[i] = (struct server){.fd = NOT_YET};
	configure(&input);
	connect_one(&servers[0], 1);
	while (input.at < input.end) {
		unsigned kind = input_byte(&input);
		unsigned what = input_byte(&input);

		if (kind < 0x60)
			do_server(&input, what);
		else if (kind < 0xa0)
			do_program(&input, what);
		else
			do_world(&input, what);
	}
	finish();
}
