/*
 * bridge: the whole bridge, from its command line to its exit status, between
 * an application, a stdin and readers of stdout and stderr that do what the
 * fuzzer's bytes say. Whatever they do, it comes to an end without waiting
 * where it must not, sends only what may be sent and prints what came.
 */
#include "../bridge/bridge.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../bridge/connect.h"
#include "../bridge/wish.h"
#include "fuzz.h"
#include "log.h"
#include "world.h"

#define ARGS_MAX    24
#define POLLS_MAX   20000
#define STEPS_MAX   16 /* of the script at one poll */
#define SAID_MAX    200000
#define FIRST_FD    3
#define LAST_FD	    127
#define HEADER	    8
#define BODY_LENGTH 300 /* CONTENT_LENGTH, when it is given */

extern char **environ;

static struct input script;
static int app = -1;	    /* our end of its connection */
static int in = -1;	    /* we write to its stdin */
static int readers[3];	    /* we read from its stdout and stderr */
static struct told sent;    /* by the application */
static struct told came;    /* to it */
static struct told body;    /* written to stdin */
static struct told printed; /* on stdout */
static bool stdout_gone;
static int last_step;
static int polls;
static bool running;

struct call {
	int argc;
	char *argv[ARGS_MAX];
	int status;
};

void fuzz_init(void)
{
	sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
}

/* --- The other ends */

static void shut(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool drain(int fd, size_t n, struct told *told)
{
	static unsigned char block[65536];
	ssize_t got;

	if (fd < 0 || n == 0)
		return false;
	got = read(fd, block, n < sizeof(block) ? n : sizeof(block));
	if (got > 0 && told)
		told_add(told, block, (size_t)got);
	return got > 0;
}

static void app_say(const void *bytes, size_t n)
{
	ssize_t written;

	if (app < 0 || sent.used > SAID_MAX)
		return;
	written = send(app, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (written > 0)
		told_add(&sent, bytes, (size_t)written);
}

static void app_record(unsigned type, unsigned id, const void *bytes, size_t n)
{
	unsigned char record[HEADER + 65535 + 7] = {
		1,
		(unsigned char)type,
		0,
		(unsigned char)id,
		(unsigned char)(n >> 8),
		(unsigned char)n,
		(unsigned char)(-n & 7),
	};

	memcpy(record + HEADER, bytes, n);
	app_say(record, HEADER + n + (-n & 7));
}

static const unsigned char *filler(size_t n)
{
	static unsigned char bytes[65535];
	size_t i;

	CHECK(n <= sizeof(bytes));
	if (bytes[1] == 0)
		for (i = 0; i < sizeof(bytes); i++)
			bytes[i] = (unsigned char)(i * 7 + (i >> 8) + 33);
	return bytes;
}

static size_t amount(unsigned n)
{
	return n < 0x80 ? n : n < 0xf0 ? (n & 0x7f) << 8 : 65535 - (n & 15);
}

static void app_step(unsigned what)
{
	static const char *const heads[] = {
		"A: b\n\n", "Status: 404 No\r\n\r\n", "HTTP/1.1 500 x\n\n",
		"no header\n\n"};
	const unsigned char *bytes;
	unsigned char end[8] = {0};
	size_t n;

	switch (what & 7) {
	case 0:
		n = what >> 3 & 3;
		app_record(6, 1, heads[n], strlen(heads[n]));
		break;
	case 1:
		n = amount(input_byte(&script));
		app_record(what & 8 ? 7 : 6, what & 0x70 ? 1 : 2, filler(n), n);
		break;
	case 2:
		n = input_bytes(&script, input_byte(&script), &bytes);
		app_say(bytes, n);
		break;
	case 3:
		n = input_bytes(&script, input_byte(&script), &bytes);
		app_record(what >> 3 & 15, 1, bytes, n);
		break;
	case 4:
		end[3] = (unsigned char)(what >> 5);
		end[2] = what >> 3 & 1;
		end[4] = what & 0x10 ? input_byte(&script) & 7 : 0;
		app_record(3, 1, end, 8);
		break;
	case 5:
		drain(app, amount(input_byte(&script)), &came);
		break;
	case 6:
		app_record(10, 0, "\17\1FCGI_MPXS_CONNS1", 18);
		break;
	default:
		if (what & 8)
			shut(&app);
		else if (app >= 0)
			shutdown(app, SHUT_WR);
		break;
	}
}

static void other_step(unsigned what)
{
	static const int delays[] = {1, 100, 1000, 10000};
	ssize_t n;

	switch (what & 7) {
	case 0:
	case 1:
		n = in < 0 ? -1
			   : write(in, filler(400) + body.used % 100,
				   what >> 3);
		if (n > 0)
			told_add(&body, filler(400) + body.used % 100,
				 (size_t)n);
		break;
	case 2:
		shut(&in);
		break;
	case 3:
		drain(readers[1], amount(input_byte(&script)), &printed);
		break;
	case 4:
		drain(readers[2], amount(input_byte(&script)), NULL);
		break;
	case 5:
		if (what & 8)
			stdout_gone = true;
		shut(&readers[what & 8 ? 1 : 2]);
		break;
	case 6:
		world_short = what >> 3;
		break;
	default:
		world_ms += delays[what >> 3 & 3];
		break;
	}
}

/* The script is over: all goes on to its end, one thing after the other.
 * False: nothing more will ever happen. */
static bool step_to_end(void)
{
	bool moved = drain(app, 65536, &came);

	moved = drain(readers[1], 65536, &printed) || moved;
	moved = drain(readers[2], 65536, NULL) || moved;
	if (moved)
		return true;
	switch (last_step++) {
	case 0:
		shut(&in);
		return true;
	case 1:
		shut(&app);
		return true;
	default:
		return last_step < 4;
	}
}

/* --- What the linker brings here while the bridge runs (world.c). */

int bridge_connect(void)
{
	int pair[2];

	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
			 pair) == 0);
	app = pair[0];
	return pair[1];
}

static int wait_here(struct pollfd *fds, nfds_t count, int ms)
{
	int64_t until = world_ms + ms;
	int steps = 0;

	CHECK(++polls < POLLS_MAX);
	for (;;) {
		int ready = world_real_poll(fds, count, 0);

		if (ready > 0 &&
		    (steps >= STEPS_MAX || script.at == script.end ||
		     input_byte(&script) & 1))
			return ready;
		if (ready == 0 && ms >= 0 && world_ms >= until)
			return 0;
		steps++;
		if (script.at < script.end) {
			unsigned kind = input_byte(&script);
			unsigned what = input_byte(&script);

			(kind & 1 ? app_step : other_step)(what);
		} else if (!step_to_end() && ready == 0) {
			/* Only its own limit can end it now. */
			CHECK(ms >= 0);
			world_ms = until;
		}
	}
}

int bridge_poll(struct pollfd *fds, nfds_t count, int ms)
{
	/* The log waits for nobody here. */
	return ms == 0 || ms == LOG_PATIENCE_MS || !running
		       ? world_real_poll(fds, count, 0)
		       : wait_here(fds, count, ms);
}

/* --- What it was asked, and what came of it */

static void choose(struct call *call, struct input *input, char **list)
{
	static const char *const words[][2] = {
		{"-timeout", "2"},	 {"-max-time", "5"},
		{"-url", "/a.php?b=c"},	 {"-content", NULL},
		{"-head", NULL},	 {"-include", NULL},
		{"-fail", NULL},	 {"-trace", NULL},
		{"-values", NULL},	 {"-role", "filter"},
		{"-role", "authorizer"}, {"-body", "-"},
		{"-header", "A-B: c"},	 {"-method", "PUT"},
		{"-env", "X=y"},	 {"-root", "/srv"},
	};
	static const char *const variables[] = {
		"GATEWAY_INTERFACE=CGI/1.1",
		"CONTENT_LENGTH=300",
		"HTTP_TRANSFER_ENCODING=chunked",
		"CONTENT_LENGTH=3x",
		"REQUEST_METHOD=POST",
		"SCRIPT_NAME=/x",
		"QUERY_STRING=a=b",
		"EMPTY="};
	unsigned options = input_number(input);
	unsigned set = input_byte(input);
	int i;

	call->argv[call->argc++] = (char *)"cgi-fcgi";
	call->argv[call->argc++] = (char *)"-connect";
	call->argv[call->argc++] = (char *)"/a/socket";
	for (i = 0; i < 16 && call->argc < ARGS_MAX - 3; i++) {
		if (!(options & 1u << i))
			continue;
		call->argv[call->argc++] = (char *)words[i][0];
		if (words[i][1])
			call->argv[call->argc++] = (char *)words[i][1];
	}
	for (i = 0; i < 8; i++)
		if (set & 1u << i)
			*list++ = (char *)variables[i];
	*list = NULL;
}

static void open_all(unsigned kind)
{
	int pair[2];
	int i;

	CHECK(pipe2(pair, O_CLOEXEC | O_NONBLOCK) == 0);
	world_fds[0] = pair[0];
	in = pair[1];
	for (i = 1; i < 3; i++) {
		if (i == 1 && kind & 1)
			CHECK(socketpair(AF_UNIX,
					 SOCK_STREAM | SOCK_CLOEXEC |
						 SOCK_NONBLOCK,
					 0, pair) == 0);
		else
			CHECK(pipe2(pair, O_CLOEXEC | O_NONBLOCK) == 0);
		readers[i] = pair[0];
		world_fds[i] = pair[1];
	}
	world_careful = kind & 2;
}

static void run(void *argument)
{
	struct call *call = argument;

	running = true;
	call->status = bridge_main(call->argc, call->argv);
}

/* Its records of one type and id 1, without their headers, up to its end. */
struct stream {
	struct told told;
	bool ended;
	bool found_end; /* FCGI_END_REQUEST */
	unsigned char end[8];
	bool broken;
};

static void gather(struct stream *stream, const struct told *from,
		   unsigned type)
{
	size_t at = 0;

	while (from->used - at >= HEADER && !stream->found_end) {
		const unsigned char *h = from->bytes + at;
		size_t n = (size_t)(h[4] << 8 | h[5]);
		size_t there = from->used - at - HEADER;
		bool mine = h[2] == 0 && h[3] == 1;

		if (h[0] != 1) {
			stream->broken = true;
			return;
		}
		there = there < n ? there : n;
		if (mine && h[1] == type && !stream->ended) {
			told_add(&stream->told, h + HEADER, there);
			stream->ended = n == 0 && type != 6;
		}
		if (mine && h[1] == 3 && n < 8)
			stream->broken = true;
		if (mine && h[1] == 3 && n >= 8 && there == n) {
			stream->found_end = true;
			memcpy(stream->end, h + HEADER, 8);
		}
		if (there < n || from->used - at < HEADER + n + h[6])
			return;
		at += HEADER + n + h[6];
	}
}

/* Whether a record has only whole pairs. */
static bool are_pairs(const unsigned char *bytes, size_t n)
{
	size_t at = 0;

	while (at < n) {
		size_t lengths[2];
		int i;

		for (i = 0; i < 2; i++) {
			if (at >= n)
				return false;
			lengths[i] = bytes[at++];
			if (lengths[i] < 128)
				continue;
			if (n - at < 3)
				return false;
			lengths[i] = (lengths[i] & 127) << 24 |
				     (size_t)bytes[at] << 16 |
				     (size_t)bytes[at + 1] << 8 | bytes[at + 2];
			at += 3;
		}
		if (n - at < lengths[0] + lengths[1])
			return false;
		at += lengths[0] + lengths[1];
	}
	return true;
}

/* What the application was sent: a request, as far as it came. */
static void check_request(void)
{
	size_t at = 0;
	bool first = true;
	bool aborted = false;

	while (came.used - at >= HEADER) {
		const unsigned char *h = came.bytes + at;
		size_t n = (size_t)(h[4] << 8 | h[5]);

		CHECK(h[0] == 1 && h[2] == 0 && h[3] == 1 && h[7] == 0);
		CHECK(n + h[6] <= 65535);
		CHECK(first == (h[1] == 1));
		CHECK(!aborted);
		CHECK(h[1] == 1 || h[1] == 2 || h[1] == 4 || h[1] == 5 ||
		      h[1] == 8);
		aborted = h[1] == 2;
		first = false;
		if (came.used - at < HEADER + n + h[6])
			return;
		if (h[1] == 4)
			CHECK(are_pairs(h + HEADER, n));
		at += HEADER + n + h[6];
	}
}

static void check_body(void)
{
	struct stream stream = {.ended = false};
	const char *length = NULL;
	char **p;

	gather(&stream, &came, 5);
	for (p = environ; *p; p++)
		if (strncmp(*p, "CONTENT_LENGTH=", 15) == 0)
			length = *p + 15;
	if (!wish.url && wish.role != FCGI_AUTHORIZER && length) {
		CHECK(strcmp(length, "300") == 0 || came.used == 0);
		CHECK(stream.told.used <= BODY_LENGTH);
		CHECK(!stream.ended || stream.told.used == BODY_LENGTH);
	}
	CHECK(stream.told.used <= body.used);
	CHECK(stream.told.used == 0 ||
	      memcmp(stream.told.bytes, body.bytes, stream.told.used) == 0);
	told_free(&stream.told);
}

/* Byte for byte what the application printed, at least from the beginning;
 * with a reply of its own behind nothing (CGI). */
static void check_printed(const struct stream *answer, int status)
{
	const struct told *told = &answer->told;
	bool same = printed.used <= told->used &&
		    (printed.used == 0 ||
		     memcmp(printed.bytes, told->bytes, printed.used) == 0);

	if (wish.show != SHOW_ALL)
		return;
	CHECK(same ||
	      (wish.cgi && memcmp(printed.bytes, "Status: ",
				  printed.used < 8 ? printed.used : 8) == 0));
	if (status == 0 && !stdout_gone)
		CHECK(printed.used == told->used);
}

static void check(const struct call *call)
{
	struct stream answer = {.ended = false};

	while (drain(readers[1], 65536, &printed))
		;
	while (drain(app, 65536, &came))
		;
	if (wish.values)
		return;
	check_request();
	check_body();
	gather(&answer, &sent, 6);
	if (call->status == 0)
		CHECK(answer.found_end && !answer.broken);
	if (call->status == 0)
		CHECK(memcmp(answer.end, "\0\0\0\0\0", 5) == 0);
	check_printed(&answer, call->status);
	told_free(&answer.told);
}

static void close_all(void)
{
	int i;

	shut(&app);
	shut(&in);
	for (i = 0; i < 3; i++) {
		shut(&world_fds[i]);
		shut(&readers[i]);
	}
	told_free(&sent);
	told_free(&came);
	told_free(&body);
	told_free(&printed);
}

/* What it leaves to the end of its process. */
static void end_process(const bool open[LAST_FD + 1])
{
	int fd;

	for (fd = FIRST_FD; fd <= LAST_FD; fd++)
		if (!open[fd] && fcntl(fd, F_GETFD) >= 0)
			close(fd);
	free(wish.env.word);
	free(wish.header.word);
}

void fuzz_one(const unsigned char *bytes, size_t n)
{
	struct input input = {bytes, bytes + n};
	struct call call = {.argc = 0};
	char **before = environ;
	char *list[9];
	bool open[LAST_FD + 1];
	bool ended;
	int fd;

	memset(&wish, 0, sizeof(wish));
	readers[0] = -1;
	last_step = polls = 0;
	stdout_gone = running = false;
	for (fd = 0; fd <= LAST_FD; fd++)
		open[fd] = fcntl(fd, F_GETFD) >= 0;
	choose(&call, &input, list);
	open_all(input_byte(&input));
	script = input;
	environ = list;
	ended = fuzz_try(run, &call);
	world_short = 0;
	if (ended)
		check(&call);
	else
		CHECK(fuzz_status == 2);
	environ = before;
	close_all();
	if (ended)
		end_process(open);
}
