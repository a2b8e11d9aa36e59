/*
 * load: asks a FastCGI server for the same page many times, checks every reply
 * and prints one line of figures. One thread, one epoll; its requests are
 * copies of one template, so that its own share of the machine stays small.
 *
 *	load -s ADDR [OPTION]... [NAME=VALUE]...
 *
 *	-c N	connections (1)
 *	-n N	requests in all (1000)
 *	-k	keep connections; else each request has one of its own
 *	-m N	requests at once on a connection (1; more than 1 means -k)
 *	-b N	bytes of body that each request sends
 *	-e TEXT	the reply's body must be TEXT and a newline
 *	-q	QUERY_STRING is a number never used before, and the reply's
 *		body must be TEXT, a blank, that number and a newline
 *	-l N	the reply's body must be N bytes of the pattern (pattern.h)
 *	-r N	reads no more than N bytes a second of each connection
 *	-i N	idle connections held open meanwhile
 *	-w SEC	waits at the end, connections open
 *	-t SEC	gives up after so long (60)
 *
 * Exit status 0 if every reply came and was right.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "pair.h"
#include "record.h"
#include "pattern.h"

enum {
	AT_ONCE_MAX = 256,
	GOT_MAX = 64,
	EVENTS_MAX = 256,
	TEMPLATE_MAX = 65536 + 64,
	NONCE_DIGITS = 12,
	PLACES_MAX = 8,
	TICK_MS = 50, /* of slow reading */
	REDIAL_MS = 1,
};

struct request {
	bool active;
	bool sending;	     /* its FCGI_STDIN is not yet ended */
	bool wrong;	     /* something of its reply was */
	uint64_t began;	     /* ns */
	uint64_t nonce;	     /* as sent */
	uint64_t sent;	     /* of its body */
	uint64_t come;	     /* of the reply's body */
	unsigned char lines; /* 0 in a line, 1 at its begin, 2 in the body */
	unsigned char got_used;
	char got[GOT_MAX]; /* the body's begin */
};

struct connection {
	int fd;	     /* -1: not connected */
	bool writes; /* EPOLLOUT is asked for */
	/* When it became free to connect: a full backlog is waiting, too. */
	uint64_t since;
	int active;
	int turn; /* whose body is sent next */
	struct record_reader reader;
	unsigned char *out; /* requests' first records */
	size_t out_used;
	size_t out_sent;
	unsigned char header[FCGI_HEADER_LEN]; /* of the body's record */
	size_t frame; /* of that record still to be sent, header and all */
	size_t content;
	const unsigned char *payload;
	struct request *requests; /* id - 1 */
};

static struct {
	struct endpoint endpoint;
	long connections;
	long requests;
	bool keep;
	long at_once;
	uint64_t body;
	const char *text;
	bool nonces;
	uint64_t length;
	bool patterned;
	uint64_t rate;
	long idle;
	long linger;
	long patience;
} wish = {.connections = 1, .requests = 1000, .at_once = 1, .patience = 60};

/* A request's records up to the end of its parameters, and where in them its
 * id and its nonce stand. */
static struct {
	unsigned char bytes[TEMPLATE_MAX];
	size_t length;
	size_t ids[PLACES_MAX];
	int ids_used;
	size_t nonce;
} model;

static struct {
	int epoll;
	struct connection *connections;
	long unconnected;
	long turn;	     /* who dials next */
	uint32_t *latencies; /* us */
	long started;
	long good;
	long wrong;
	long errors;
	long active;
	uint64_t bytes; /* of replies and bodies */
	uint64_t nonce;
	unsigned char *pattern;
} run;

static unsigned char input[1 << 18];

static void stop(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(2);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* --- The template */

static void model_record(uint8_t type, const unsigned char *content, size_t n)
{
	unsigned char *to = model.bytes + model.length;

	record_header(to, type, 0, (uint16_t)n, 0);
	model.ids[model.ids_used++] = model.length + 2;
	if (n > 0)
		memcpy(to + FCGI_HEADER_LEN, content, n);
	model.length += FCGI_HEADER_LEN + n;
}

static size_t put_pair(unsigned char *to, const char *name, size_t name_length,
		       const char *value)
{
	size_t n = pair_lengths(to, (uint32_t)name_length,
				(uint32_t)strlen(value));

	memcpy(to + n, name, name_length);
	n += name_length;
	memcpy(to + n, value, strlen(value));
	return n + strlen(value);
}

static void model_make(char **pairs)
{
	static unsigned char content[FCGI_MAX_CONTENT];
	size_t used = 0;
	char text[24];

	record_begin_request(model.bytes, 0, FCGI_RESPONDER,
			     wish.keep ? FCGI_KEEP_CONN : 0);
	model.ids[model.ids_used++] = 2;
	model.length = 16;
	for (; *pairs; pairs++) {
		const char *equals = strchr(*pairs, '=');
		if (!equals || used + strlen(*pairs) + 100 > sizeof(content))
			stop("a parameter is not NAME=VALUE or too long");
		used += put_pair(content + used, *pairs,
				 (size_t)(equals - *pairs), equals + 1);
	}
	snprintf(text, sizeof(text), "%llu", (unsigned long long)wish.body);
	used += put_pair(content + used, "CONTENT_LENGTH", 14, text);
	if (wish.nonces) {
		used += put_pair(content + used, "QUERY_STRING", 12,
				 "000000000000");
		model.nonce =
			model.length + FCGI_HEADER_LEN + used - NONCE_DIGITS;
	}
	model_record(FCGI_PARAMS, content, used);
	model_record(FCGI_PARAMS, NULL, 0);
	if (wish.body == 0)
		model_record(FCGI_STDIN, NULL, 0);
}

/* --- Replies */

static bool reply_right(const struct request *request)
{
	char want[GOT_MAX + 32];
	int n;

	if (request->wrong || request->lines != 2)
		return false;
	if (wish.patterned)
		return request->come == wish.length;
	if (!wish.text)
		return true;
	if (wish.nonces)
		n = snprintf(want, sizeof(want), "%s %0*llu\n", wish.text,
			     NONCE_DIGITS, (unsigned long long)request->nonce);
	else
		n = snprintf(want, sizeof(want), "%s\n", wish.text);
	return n == request->got_used && request->come == (uint64_t)n &&
	       memcmp(want, request->got, (size_t)n) == 0;
}

static void reply_piece(struct request *request, const unsigned char *bytes,
			size_t n)
{
	for (; n > 0 && request->lines < 2; bytes++, n--) {
		if (*bytes == '\n')
			request->lines++;
		else if (*bytes != '\r')
			request->lines = 0;
	}
	if (n == 0)
		return;
	if (request->got_used < GOT_MAX) {
		size_t room = GOT_MAX - (size_t)request->got_used;
		room = n < room ? n : room;
		memcpy(request->got + request->got_used, bytes, room);
		request->got_used = (unsigned char)(request->got_used + room);
	}
	if (wish.patterned && !pattern_fits(bytes, n, request->come))
		request->wrong = true;
	request->come += n;
	run.bytes += n;
}

static void request_over(struct connection *connection, struct request *request,
			 bool right)
{
	uint64_t us = (now() - request->began) / 1000;

	request->active = request->sending = false;
	connection->active--;
	run.active--;
	if (!right) {
		run.wrong++;
		return;
	}
	run.latencies[run.good++] = (uint32_t)us;
}

/* --- Connections */

static void connection_drop(struct connection *connection)
{
	int i;

	if (connection->fd >= 0)
		close(connection->fd);
	connection->fd = -1;
	connection->since = now();
	run.unconnected++;
	for (i = 0; i < wish.at_once; i++) {
		if (!connection->requests[i].active)
			continue;
		connection->requests[i].active = false;
		connection->active--;
		run.active--;
		run.errors++;
	}
	memset(&connection->reader, 0, sizeof(connection->reader));
	connection->out_used = connection->out_sent = 0;
	connection->frame = 0;
	connection->writes = false;
}

static void connection_watch(struct connection *connection, int what,
			     bool writes)
{
	struct epoll_event event = {
		.events = (wish.rate ? 0 : EPOLLIN) | (writes ? EPOLLOUT : 0),
		.data.ptr = connection,
	};

	connection->writes = writes;
	if (epoll_ctl(run.epoll, what, connection->fd, &event) < 0)
		stop("epoll_ctl");
}

/* A full backlog of a unix socket is EAGAIN: then it is tried again. */
static int dial(void)
{
	int fd = socket(wish.endpoint.name.ss_family,
			SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		stop("socket");
	if (connect(fd, (struct sockaddr *)&wish.endpoint.name,
		    wish.endpoint.length) == 0 ||
	    errno == EINPROGRESS)
		return fd;
	if (errno != EAGAIN)
		stop("connect");
	close(fd);
	return -1;
}

static void request_begin(struct connection *connection, int i, uint64_t began)
{
	struct request *request = &connection->requests[i];
	unsigned char *to = connection->out + connection->out_used;
	char digits[NONCE_DIGITS + 1];
	int k;

	memset(request, 0, sizeof(*request));
	request->active = true;
	request->sending = wish.body > 0;
	request->lines = 1;
	request->began = began;
	request->nonce = run.nonce++ % 1000000000000u;
	memcpy(to, model.bytes, model.length);
	for (k = 0; k < model.ids_used; k++) {
		to[model.ids[k]] = (unsigned char)((i + 1) >> 8);
		to[model.ids[k] + 1] = (unsigned char)(i + 1);
	}
	if (wish.nonces) {
		snprintf(digits, sizeof(digits), "%0*llu", NONCE_DIGITS,
			 (unsigned long long)request->nonce);
		memcpy(to + model.nonce, digits, NONCE_DIGITS);
	}
	connection->out_used += model.length;
	connection->active++;
	run.active++;
	run.started++;
}

/* The next record of a body: of each request in turn. */
static bool frame_begin(struct connection *connection)
{
	struct request *request = NULL;
	uint64_t left;
	int i;

	if (wish.body == 0)
		return false;
	for (i = 0; i < wish.at_once; i++) {
		connection->turn = (int)((connection->turn + 1) % wish.at_once);
		request = &connection->requests[connection->turn];
		if (request->active && request->sending)
			break;
	}
	if (i == wish.at_once)
		return false;
	left = wish.body - request->sent;
	connection->content =
		left < RECORD_CONTENT_MAX ? (size_t)left : RECORD_CONTENT_MAX;
	record_header(connection->header, FCGI_STDIN,
		      (uint16_t)(connection->turn + 1),
		      (uint16_t)connection->content, 0);
	connection->payload = run.pattern + request->sent % PATTERN_PERIOD;
	connection->frame = FCGI_HEADER_LEN + connection->content;
	request->sent += connection->content;
	request->sending = connection->content > 0;
	run.bytes += connection->content;
	return true;
}

static ssize_t frame_send(struct connection *connection)
{
	size_t left = connection->frame;
	size_t head =
		left > connection->content ? left - connection->content : 0;
	size_t data = left - head;
	struct iovec parts[2] = {
		{connection->header + FCGI_HEADER_LEN - head, head},
		{(void *)(connection->payload + connection->content - data),
		 data},
	};
	ssize_t n = writev(connection->fd, parts, 2);

	if (n > 0)
		connection->frame -= (size_t)n;
	return n;
}

/* Sends what there is. A record that was begun is ended first. */
static bool connection_send(struct connection *connection)
{
	ssize_t n;

	for (;;) {
		size_t left = connection->out_used - connection->out_sent;
		if (connection->frame > 0) {
			n = frame_send(connection);
		} else if (left > 0) {
			n = write(connection->fd,
				  connection->out + connection->out_sent, left);
			if (n > 0)
				connection->out_sent += (size_t)n;
			if (connection->out_sent == connection->out_used)
				connection->out_sent = connection->out_used = 0;
		} else if (!frame_begin(connection)) {
			if (connection->writes)
				connection_watch(connection, EPOLL_CTL_MOD,
						 false);
			return true;
		} else {
			continue;
		}
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return false;
	}
	if (!connection->writes)
		connection_watch(connection, EPOLL_CTL_MOD, true);
	return true;
}

/* Connects if need be and puts new requests on the connection. */
static void connection_fill(struct connection *connection)
{
	uint64_t began = connection->fd < 0 ? connection->since : now();
	bool begun = false;
	int i;

	if (run.started >= wish.requests)
		return;
	if (connection->fd < 0) {
		connection->fd = dial();
		if (connection->fd < 0)
			return;
		run.unconnected--;
		connection_watch(connection, EPOLL_CTL_ADD, false);
	}
	/* Room in out: what a request before has not sent stays whole. */
	for (i = 0; i < wish.at_once && run.started < wish.requests; i++) {
		if (connection->requests[i].active ||
		    connection->out_used + model.length >
			    model.length * (size_t)wish.at_once)
			continue;
		request_begin(connection, i, began);
		begun = true;
	}
	if (begun && !connection_send(connection) && errno != EPIPE)
		stop("write");
}

static bool connection_record(struct connection *connection,
			      const struct record *record)
{
	struct request *request;

	if (record->id == 0 || record->id > wish.at_once)
		return false;
	request = &connection->requests[record->id - 1];
	if (!request->active)
		return false;
	if (record->type == FCGI_STDOUT)
		reply_piece(request, record->bytes, record->length);
	else if (record->type == FCGI_STDERR && record->length > 0)
		request->wrong = true;
	else if (record->type == FCGI_END_REQUEST)
		request_over(
			connection, request,
			record->length == 8 && record_u32(record->bytes) == 0 &&
				record->bytes[4] == 0 && reply_right(request));
	return true;
}

/* At most so many bytes. */
static void connection_read(struct connection *connection, size_t most)
{
	const unsigned char *at = input;
	ssize_t n = read(connection->fd, input,
			 most < sizeof(input) ? most : sizeof(input));
	enum record_result result = RECORD_MORE;
	struct record record;

	if (n < 0 && errno == EAGAIN)
		return;
	while (n > 0 &&
	       (result = record_next(&connection->reader, &at, input + n,
				     &record)) == RECORD_PIECE)
		if (!connection_record(connection, &record)) {
			result = RECORD_BAD;
			break;
		}
	if (n <= 0 || result == RECORD_BAD ||
	    (!wish.keep && connection->active == 0))
		connection_drop(connection);
	if (connection->active < wish.at_once)
		connection_fill(connection);
}

/* --- The run */

/* Whether there is room for them in time. */
static bool idle_open(uint64_t end)
{
	long i;

	for (i = 0; i < wish.idle; i++)
		while (dial() < 0) {
			if (now() >= end)
				return false;
			usleep(REDIAL_MS * 1000);
		}
	return true;
}

/* The one that finds the backlog full is the first of the next time. */
static void fill_all(void)
{
	long i;

	for (i = 0; i < wish.connections; i++) {
		struct connection *c = &run.connections[run.turn];
		if (c->fd < 0)
			connection_fill(c);
		if (c->fd < 0)
			return;
		run.turn = (run.turn + 1) % wish.connections;
	}
}

static void read_all(void)
{
	size_t most = (size_t)(wish.rate * TICK_MS / 1000);
	long i;

	for (i = 0; i < wish.connections; i++)
		if (run.connections[i].fd >= 0)
			connection_read(&run.connections[i], most ? most : 1);
}

static bool work_left(void)
{
	return run.active > 0 || run.started < wish.requests;
}

static void go(uint64_t end)
{
	struct epoll_event events[EVENTS_MAX];
	int i, n, wait;

	while (work_left() && now() < end) {
		bool redial =
			run.unconnected > 0 && run.started < wish.requests;
		if (redial)
			fill_all();
		wait = redial ? REDIAL_MS : wish.rate ? TICK_MS : 1000;
		n = epoll_wait(run.epoll, events, EVENTS_MAX, wait);
		for (i = 0; i < n; i++) {
			struct connection *c = events[i].data.ptr;
			if ((events[i].events & EPOLLOUT) &&
			    !connection_send(c)) {
				connection_drop(c);
				continue;
			}
			if (events[i].events & ~(unsigned)EPOLLOUT)
				connection_read(c, sizeof(input));
		}
		if (wish.rate)
			read_all();
	}
	run.errors += run.active;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static unsigned percentile(int percent)
{
	return run.good ? run.latencies[(run.good - 1) * percent / 100] : 0;
}

static void tell(uint64_t took)
{
	double seconds = (double)took / 1e9;
	struct rusage own;

	getrusage(RUSAGE_SELF, &own);
	qsort(run.latencies, (size_t)run.good, sizeof(uint32_t), by_size);
	printf("good=%ld wrong=%ld errors=%ld seconds=%.3f rps=%.1f p50=%u "
	       "p90=%u p99=%u max=%u mib_s=%.1f own_cpu_us=%ld\n",
	       run.good, run.wrong, run.errors + wish.requests - run.started,
	       seconds, (double)run.good / seconds, percentile(50),
	       percentile(90), percentile(99), percentile(100),
	       (double)run.bytes / seconds / (1 << 20),
	       (own.ru_utime.tv_sec + own.ru_stime.tv_sec) * 1000000 +
		       own.ru_utime.tv_usec + own.ru_stime.tv_usec);
	fflush(stdout);
}

/* --- The command line */

static void set_number(char option, const char *value)
{
	uint64_t n = strtoull(value, NULL, 10);

	switch (option) {
	case 'c':
		wish.connections = (long)n;
		break;
	case 'n':
		wish.requests = (long)n;
		break;
	case 'm':
		wish.at_once = (long)n;
		break;
	case 'b':
		wish.body = n;
		break;
	case 'l':
		wish.length = n;
		wish.patterned = true;
		break;
	case 'r':
		wish.rate = n;
		break;
	case 'i':
		wish.idle = (long)n;
		break;
	case 'w':
		wish.linger = (long)n;
		break;
	default:
		wish.patience = (long)n;
	}
}

static void set_address(const char *text)
{
	static struct endpoint list[ADDR_ENDPOINTS_MAX];
	struct addr addr;
	const char *why = addr_parse(&addr, text);

	if (!why && addr_resolve(&addr, list, &why) > 0) {
		wish.endpoint = list[0];
		return;
	}
	fprintf(stderr, "load: %s: %s\n", text, why);
	exit(2);
}

static void usage(void)
{
	fprintf(stderr, "usage: load -s ADDR [-k] [-q] [-e TEXT] "
			"[-cnmblriwt N] [NAME=VALUE]...\n");
	exit(2);
}

static char **options(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "s:kqe:c:n:m:b:l:r:i:w:t:")) != -1)
		switch (option) {
		case 's':
			set_address(optarg);
			break;
		case 'k':
			wish.keep = true;
			break;
		case 'q':
			wish.nonces = true;
			break;
		case 'e':
			wish.text = optarg;
			break;
		case '?':
			usage();
			break;
		default:
			set_number((char)option, optarg);
		}
	if (wish.at_once > 1)
		wish.keep = true;
	if (wish.endpoint.length == 0 || wish.connections < 1 ||
	    wish.requests < 0 || wish.at_once < 1 ||
	    wish.at_once > AT_ONCE_MAX ||
	    (wish.text && strlen(wish.text) + NONCE_DIGITS + 3 > GOT_MAX))
		usage();
	return argv + optind;
}

static void prepare(void)
{
	struct rlimit files;
	long i;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGPIPE, SIG_IGN);
	run.epoll = epoll_create1(EPOLL_CLOEXEC);
	run.pattern = pattern_make();
	run.nonce = now() / 1000 * 1000;
	run.latencies = calloc((size_t)wish.requests + 1, sizeof(uint32_t));
	run.connections =
		calloc((size_t)wish.connections, sizeof(struct connection));
	if (run.epoll < 0 || !run.pattern || !run.latencies || !run.connections)
		stop("prepare");
	run.unconnected = wish.connections;
	for (i = 0; i < wish.connections; i++) {
		struct connection *c = &run.connections[i];
		c->fd = -1;
		c->out = malloc(model.length * (size_t)wish.at_once);
		c->requests =
			calloc((size_t)wish.at_once, sizeof(struct request));
		if (!c->out || !c->requests)
			stop("prepare");
	}
}

int main(int argc, char **argv)
{
	uint64_t began, end;
	long i;

	model_make(options(argc, argv));
	prepare();
	end = now() + (uint64_t)wish.patience * 1000000000u;
	if (!idle_open(end))
		end = 0;
	began = now();
	for (i = 0; i < wish.connections; i++)
		run.connections[i].since = began;
	go(end);
	tell(now() - began);
	if (wish.linger)
		sleep((unsigned)wish.linger);
	return run.good == wish.requests && run.wrong + run.errors == 0 ? 0 : 1;
}
