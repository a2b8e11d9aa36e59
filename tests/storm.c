/*
 * storm ADDR PROGRAM CONNECTIONS REQUESTS AT-ONCE plain|wild|rough [SEED]: many
 * connections, on each so many requests, so many of them at once. Each has a
 * nonce, so that PROGRAM (tests/cgi/nonce.c) answers it with bytes that no
 * other request has; every byte and every exit status is compared. A wild storm
 * mixes in aborts, programs that die, and connections that are cut. In a rough
 * one somebody else kills programs, and ends connections in the middle.
 * Prints what it counted; exit status 0 if all was as foretold.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "addr.h"
#include "pair.h"
#include "record.h"

enum {
	AT_ONCE_MAX = 64,
	BYTES_MAX = 20000,
	BODY_MAX = 6000,
	TEXT_MAX = BYTES_MAX + 200,
	QUIET_S = 30,
};

struct request {
	bool active;
	bool aborted;
	bool page;
	char how;
	unsigned long nonce;
	unsigned bytes;
	unsigned body;
	unsigned long sum;
	char *text; /* what should come */
	size_t length;
	size_t come;
};

struct connection {
	int fd;
	struct record_reader reader;
	struct request request[AT_ONCE_MAX]; /* id - 1 */
	int active;
	long left; /* requests still to be made */
	unsigned char *out;
	size_t out_used;
	size_t out_sent;
};

static struct {
	struct endpoint endpoint;
	const char *program;
	bool wild;
	bool rough;
	int at_once;
	long nonce;
	long good;
	long aborted;
	long died;
	long cut;
	uint64_t seed;
} storm;

static void stop(const char *what, const struct request *request)
{
	fprintf(stderr, "storm: %s", what);
	if (request)
		fprintf(stderr,
			" (nonce %lu, %c, %u bytes, body %u, %zu of "
			"%zu came)",
			request->nonce, request->how, request->bytes,
			request->body, request->come, request->length);
	fprintf(stderr, ": %s\n", strerror(errno));
	exit(1);
}

static unsigned dice(unsigned n)
{
	storm.seed = storm.seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(storm.seed >> 33) % n;
}

static void dial(struct connection *connection)
{
	connection->fd = socket(storm.endpoint.name.ss_family, SOCK_STREAM, 0);
	if (connection->fd < 0 ||
	    connect(connection->fd, (struct sockaddr *)&storm.endpoint.name,
		    storm.endpoint.length) < 0)
		stop("connect", NULL);
	fcntl(connection->fd, F_SETFL, O_NONBLOCK);
	memset(&connection->reader, 0, sizeof(connection->reader));
	connection->out_used = connection->out_sent = 0;
}

static void queue(struct connection *connection, uint8_t type, uint16_t id,
		  const void *content, size_t n)
{
	unsigned char *to;

	connection->out = realloc(connection->out,
				  connection->out_used + FCGI_HEADER_LEN + n);
	if (!connection->out)
		stop("memory", NULL);
	to = connection->out + connection->out_used;
	record_header(to, type, id, (uint16_t)n, 0);
	if (n > 0)
		memcpy(to + FCGI_HEADER_LEN, content, n);
	connection->out_used += FCGI_HEADER_LEN + n;
}

static size_t put_pair(unsigned char *to, const char *name, const char *value)
{
	size_t n = pair_lengths(to, (uint32_t)strlen(name),
				(uint32_t)strlen(value));

	memcpy(to + n, name, strlen(name));
	n += strlen(name);
	memcpy(to + n, value, strlen(value));
	return n + strlen(value);
}

static void queue_params(struct connection *connection, uint16_t id,
			 const struct request *request)
{
	unsigned char content[5000];
	char text[100];
	size_t n = put_pair(content, "SCRIPT_FILENAME", storm.program);

	snprintf(text, sizeof(text), "%lu:%u:%c", request->nonce,
		 request->bytes, request->how);
	n += put_pair(content + n, "QUERY_STRING", text);
	snprintf(text, sizeof(text), "%u", request->body);
	n += put_pair(content + n, "CONTENT_LENGTH", text);
	queue(connection, FCGI_PARAMS, id, content, n);
	queue(connection, FCGI_PARAMS, id, NULL, 0);
}

static void queue_body(struct connection *connection, uint16_t id,
		       struct request *request)
{
	unsigned char body[BODY_MAX];
	unsigned i;

	request->sum = 0;
	for (i = 0; i < request->body; i++) {
		body[i] = (unsigned char)dice(256);
		request->sum = (request->sum * 31 + body[i]) & 0xffffffff;
	}
	if (request->body > 0)
		queue(connection, FCGI_STDIN, id, body, request->body);
	queue(connection, FCGI_STDIN, id, NULL, 0);
}

/* What the program will print; of one that dies, all up to its death. */
static void foretell(struct request *request)
{
	unsigned long nonce = request->nonce;
	unsigned long whole =
		request->how == 'p' ? request->bytes : request->bytes / 2;
	unsigned long i;
	char *to;

	request->text = malloc(TEXT_MAX);
	if (!request->text)
		stop("memory", NULL);
	to = request->text;
	to += snprintf(to, 100, "Nonce: %lu\n\n", nonce);
	for (i = 0; i < whole; i++)
		*to++ = (char)('a' + (nonce + i * (nonce % 7 + 1)) % 26);
	if (request->how == 'p')
		to += snprintf(to, 100, "\n%u %lu\n", request->body,
			       request->sum);
	request->length = (size_t)(to - request->text);
	request->come = 0;
}

static void begin(struct connection *connection, int slot)
{
	struct request *request = &connection->request[slot];
	uint16_t id = (uint16_t)(slot + 1);
	unsigned char body[8] = {0, FCGI_RESPONDER, FCGI_KEEP_CONN};
	unsigned luck = storm.wild ? dice(20) : 10;

	memset(request, 0, sizeof(*request));
	request->active = true;
	request->how = luck == 0 ? 'k' : luck == 1 ? 's' : 'p';
	request->nonce = (unsigned long)++storm.nonce;
	request->bytes = dice(BYTES_MAX);
	request->body = dice(3) == 0 ? dice(BODY_MAX) : 0;
	queue(connection, FCGI_BEGIN_REQUEST, id, body, 8);
	queue_params(connection, id, request);
	queue_body(connection, id, request);
	foretell(request);
	/* A silent one ends by an abort alone; others are aborted at a venture
	 * after they have begun. */
	if (request->how == 's' || (storm.wild && dice(20) == 0)) {
		request->aborted = true;
		queue(connection, FCGI_ABORT_REQUEST, id, NULL, 0);
	}
	connection->active++;
	connection->left--;
}

static void forget(struct connection *connection, struct request *request)
{
	free(request->text);
	memset(request, 0, sizeof(*request));
	connection->active--;
}

static void take_output(struct request *request, const struct record *record)
{
	static const char page[] = "Status: 500";
	size_t n = sizeof(page) - 1;

	/* Of a program that was killed before its first byte. */
	if (storm.rough && request->come == 0 && record->length >= n &&
	    memcmp(record->bytes, page, n) == 0)
		request->page = true;
	if (request->page)
		return;
	if (record->length > request->length - request->come ||
	    memcmp(request->text + request->come, record->bytes,
		   record->length) != 0)
		stop("a wrong byte", request);
	request->come += record->length;
}

static void take_end(struct connection *connection, struct request *request,
		     const struct record *record)
{
	uint32_t status = record_u32(record->bytes);

	if (record->bytes[4] != FCGI_REQUEST_COMPLETE)
		stop("not complete", request);
	if (request->aborted) {
		storm.aborted++;
	} else if (storm.rough && status > 128 && request->how == 'p') {
		storm.died++;
	} else if (request->come != request->length) {
		stop("bytes are missing", request);
	} else if (request->how == 'k') {
		if (status != 128 + SIGKILL)
			stop("the signal is not told", request);
		storm.died++;
	} else {
		if (status != request->nonce % 100)
			stop("a wrong exit status", request);
		storm.good++;
	}
	forget(connection, request);
}

static void take_record(struct connection *connection,
			const struct record *record)
{
	struct request *request;

	if (record->id < 1 || record->id > storm.at_once)
		stop("a strange id", NULL);
	request = &connection->request[record->id - 1];
	if (!request->active)
		stop("a record for no request", NULL);
	if (record->type == FCGI_STDOUT)
		take_output(request, record);
	else if (record->type == FCGI_END_REQUEST)
		take_end(connection, request, record);
	else if (record->type != FCGI_STDERR)
		stop("a strange type", request);
}

/* Closes it with all that runs on it, and begins anew. */
static void cut(struct connection *connection)
{
	int slot;

	for (slot = 0; slot < storm.at_once; slot++)
		if (connection->request[slot].active) {
			forget(connection, &connection->request[slot]);
			storm.cut++;
		}
	close(connection->fd);
	dial(connection);
}

static void receive(struct connection *connection)
{
	static unsigned char buffer[65536];
	const unsigned char *at = buffer;
	struct record record;
	ssize_t n = read(connection->fd, buffer, sizeof(buffer));

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0 && storm.rough) {
		cut(connection);
		return;
	}
	if (n <= 0)
		stop("the connection was closed", &connection->request[0]);
	while (record_next(&connection->reader, &at, buffer + n, &record) ==
	       RECORD_PIECE)
		take_record(connection, &record);
}

static void transmit(struct connection *connection)
{
	ssize_t n =
		write(connection->fd, connection->out + connection->out_sent,
		      connection->out_used - connection->out_sent);

	if (n < 0 && errno != EAGAIN && !storm.rough)
		stop("write", NULL);
	if (n > 0)
		connection->out_sent += (size_t)n;
	if (connection->out_sent == connection->out_used)
		connection->out_sent = connection->out_used = 0;
}

static void refill(struct connection *connection)
{
	int slot;

	if (storm.wild && connection->active > 0 && dice(400) == 0)
		cut(connection);
	for (slot = 0; slot < storm.at_once; slot++)
		if (!connection->request[slot].active && connection->left > 0)
			begin(connection, slot);
}

static void turn(struct connection *connection, struct pollfd *poll_fd, int n)
{
	int i;

	for (i = 0; i < n; i++) {
		poll_fd[i].fd = connection[i].active ? connection[i].fd : -1;
		poll_fd[i].events = POLLIN;
		if (connection[i].out_used > 0)
			poll_fd[i].events |= POLLOUT;
	}
	if (poll(poll_fd, (nfds_t)n, QUIET_S * 1000) <= 0)
		stop("silence", NULL);
	for (i = 0; i < n; i++) {
		if (poll_fd[i].revents & POLLOUT)
			transmit(&connection[i]);
		if (poll_fd[i].revents & (POLLIN | POLLHUP | POLLERR)) {
			receive(&connection[i]);
			refill(&connection[i]);
		}
	}
}

static void run(int n, long requests)
{
	struct connection *connection = calloc((size_t)n, sizeof(*connection));
	struct pollfd *poll_fd = calloc((size_t)n, sizeof(*poll_fd));
	long active = n;
	int i;

	if (!connection || !poll_fd)
		stop("memory", NULL);
	for (i = 0; i < n; i++) {
		connection[i].left = requests;
		dial(&connection[i]);
		refill(&connection[i]);
	}
	while (active > 0) {
		turn(connection, poll_fd, n);
		active = 0;
		for (i = 0; i < n; i++)
			active += connection[i].active;
	}
	for (i = 0; i < n; i++) {
		close(connection[i].fd);
		free(connection[i].out);
	}
	free(connection);
	free(poll_fd);
}

int main(int argc, char **argv)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	struct rlimit limit;
	struct endpoint list[ADDR_ENDPOINTS_MAX];
	struct addr addr;
	const char *why = NULL;

	if (argc < 7 || addr_parse(&addr, argv[1]) ||
	    addr_resolve(&addr, list, &why) < 1)
		stop("ADDR PROGRAM CONNECTIONS REQUESTS AT-ONCE "
		     "plain|wild|rough",
		     NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	storm.endpoint = list[0];
	storm.program = argv[2];
	storm.at_once = (int)strtol(argv[5], NULL, 10);
	storm.rough = strcmp(argv[6], "rough") == 0;
	storm.wild = storm.rough || strcmp(argv[6], "wild") == 0;
	storm.seed = argc > 7 ? strtoul(argv[7], NULL, 10) : 1;
	if (storm.at_once < 1 || storm.at_once > AT_ONCE_MAX)
		stop("AT-ONCE", NULL);
	run((int)strtol(argv[3], NULL, 10), strtol(argv[4], NULL, 10));
	printf("good %ld died %ld aborted %ld cut %ld\n", storm.good,
	       storm.died, storm.aborted, storm.cut);
	return 0;
}
