/*
 * forward: the exchange itself, one poll(2) a turn.
 */
#include "forward.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge.h"
#include "clock.h"
#include "fault.h"
#include "print.h"
#include "record.h"
#include "trace.h"

#define ID	  1
#define READ_SIZE 65536

/* FCGI_STDIN or FCGI_DATA. */
struct source {
	int fd;
	uint8_t type;
	uint64_t left;
	bool ended; /* its end is on its way */
};

struct exchange {
	int fd;
	struct source source[2];
	const unsigned char *out; /* what is being sent */
	size_t out_left;
	bool deaf; /* the application takes no more */
	struct record_reader reader;
	const unsigned char *in; /* what has been received */
	const unsigned char *in_end;
	bool received;
	bool ended;
	uint32_t app_status;
	uint8_t protocol_status;
	int64_t idle_end;
};

/* A record of a body, and the end of its stream. */
static unsigned char
	out_buffer[FCGI_HEADER_LEN + RECORD_CONTENT_MAX + FCGI_HEADER_LEN];
static unsigned char in_buffer[READ_SIZE];

static void touch(struct exchange *exchange)
{
	exchange->idle_end =
		wish.timeout_ms > 0 ? clock_ms() + wish.timeout_ms : INT64_MAX;
}

static void send_bytes(struct exchange *exchange, const unsigned char *bytes,
		       size_t n)
{
	exchange->out = bytes;
	exchange->out_left = n;
	trace_sent(bytes, n);
}

/* The body is shorter than was announced: no application may take a part for
 * the whole. */
static void abort_request(struct exchange *exchange)
{
	unsigned char record[FCGI_HEADER_LEN];

	record_header(record, FCGI_ABORT_REQUEST, ID, 0, 0);
	trace_sent(record, sizeof(record));
	/* The connection is closed next, which says the same. */
	if (send(exchange->fd, record, sizeof(record), MSG_NOSIGNAL) < 0)
		exchange->deaf = true;
	fault_page(EXIT_BODY, 400, "the body is shorter than CONTENT_LENGTH",
		   NULL);
}

/* What is sent next, once everything before it has been. */
static struct source *next_source(struct exchange *exchange)
{
	int i;

	for (i = 0; i < 2; i++)
		if (!exchange->source[i].ended)
			return &exchange->source[i];
	return NULL;
}

static void end_source(struct source *source, unsigned char *at)
{
	source->ended = true;
	record_header(at, source->type, ID, 0, 0);
}

static void read_source(struct exchange *exchange, struct source *source)
{
	unsigned char *content = out_buffer + FCGI_HEADER_LEN;
	size_t room = source->left < RECORD_CONTENT_MAX ? (size_t)source->left
							: RECORD_CONTENT_MAX;
	ssize_t n = read(source->fd, content, room);
	size_t length;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0)
		fault(EXIT_BODY, "the body cannot be read", strerror(errno));
	if (n == 0)
		abort_request(exchange);
	source->left -= (uint64_t)n;
	record_header(out_buffer, source->type, ID, (uint16_t)n, 0);
	length = FCGI_HEADER_LEN + (size_t)n;
	if (source->left == 0) {
		end_source(source, out_buffer + length);
		length += FCGI_HEADER_LEN;
	}
	send_bytes(exchange, out_buffer, length);
	touch(exchange);
}

static void write_socket(struct exchange *exchange)
{
	ssize_t n = send(exchange->fd, exchange->out, exchange->out_left,
			 MSG_NOSIGNAL);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		/* It may have answered before it closed. */
		exchange->deaf = true;
		exchange->out_left = 0;
		return;
	}
	exchange->out += n;
	exchange->out_left -= (size_t)n;
	touch(exchange);
}

static void write_errors(const unsigned char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t written = write(STDERR_FILENO, bytes, n);

		if (written < 0 && errno == EINTR)
			continue;
		/* An answer is worth more than its error messages. */
		if (written <= 0)
			return;
		bytes += written;
		n -= (size_t)written;
	}
}

static void take_record(struct exchange *exchange, const struct record *record)
{
	trace_received(record);
	if (record->id != ID)
		return;
	if (record->type == FCGI_STDOUT) {
		print_take(record->bytes, record->length);
	} else if (record->type == FCGI_STDERR) {
		write_errors(record->bytes, record->length);
	} else if (record->type == FCGI_END_REQUEST) {
		if (record->length < 8)
			fault(EXIT_PROTOCOL, "protocol error",
			      "FCGI_END_REQUEST is too short");
		exchange->ended = true;
		exchange->app_status = record_u32(record->bytes);
		exchange->protocol_status = record->bytes[4];
	}
}

/* Takes records until there are none, or stdout is full. */
static void take_records(struct exchange *exchange)
{
	struct record record;

	while (!exchange->ended && print_flush()) {
		switch (record_next(&exchange->reader, &exchange->in,
				    exchange->in_end, &record)) {
		case RECORD_PIECE:
			take_record(exchange, &record);
			break;
		case RECORD_BAD:
			fault(EXIT_PROTOCOL, "not a FastCGI application",
			      "what it sends is no record of version 1");
		case RECORD_MORE:
			return;
		}
	}
}

static _Noreturn void closed_early(const struct exchange *exchange, int error)
{
	if (error)
		fault(exchange->deaf && !exchange->received ? EXIT_SEND
							    : EXIT_RECEIVE,
		      "the application broke the connection", strerror(error));
	if (!exchange->received)
		fault(exchange->deaf ? EXIT_SEND : EXIT_EMPTY,
		      "the application closed the connection",
		      "without a byte of an answer");
	fault(EXIT_PARTIAL, "the application closed the connection",
	      "before FCGI_END_REQUEST: the answer may be incomplete");
}

static void read_socket(struct exchange *exchange)
{
	ssize_t n = recv(exchange->fd, in_buffer, sizeof(in_buffer), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		closed_early(exchange, n < 0 ? errno : 0);
	exchange->received = true;
	exchange->in = in_buffer;
	exchange->in_end = in_buffer + n;
	touch(exchange);
}

/* Which body, if any, is to be read now. */
static struct source *wanted_source(struct exchange *exchange)
{
	struct source *source = next_source(exchange);

	if (exchange->out_left > 0 || exchange->deaf || !source)
		return NULL;
	if (source->left > 0)
		return source;
	end_source(source, out_buffer);
	send_bytes(exchange, out_buffer, FCGI_HEADER_LEN);
	return NULL;
}

static _Noreturn void time_is_over(void)
{
	fault(EXIT_TIME,
	      clock_ms() >= clock_end() ? "-max-time is over"
					: "-timeout is over",
	      "the application does not answer in time");
}

/* One turn: waits until something can move, and moves it. */
static void turn(struct exchange *exchange)
{
	struct source *source = wanted_source(exchange);
	bool input = exchange->in < exchange->in_end || print_waits();
	struct pollfd fds[3] = {
		{.fd = exchange->fd,
		 .events = (short)((input ? 0 : POLLIN) |
				   (exchange->out_left ? POLLOUT : 0))},
		{.fd = source ? source->fd : -1, .events = POLLIN},
		{.fd = STDOUT_FILENO,
		 .events = (short)(print_waits() ? POLLOUT : 0)},
	};
	int ready = poll(fds, 3, clock_wait(exchange->idle_end, clock_end()));

	if (ready < 0 && errno != EINTR)
		fault(1, "poll", strerror(errno));
	if (ready == 0)
		time_is_over();
	if (ready <= 0)
		return;
	if (fds[0].revents & POLLOUT || (fds[0].revents && exchange->out_left))
		write_socket(exchange);
	if (source && fds[1].revents)
		read_source(exchange, source);
	if (!input && fds[0].revents & (POLLIN | POLLHUP | POLLERR))
		read_socket(exchange);
	if (fds[2].revents & POLLERR)
		fault(EXIT_STDOUT, "stdout cannot be written",
		      "nobody reads it any more");
	if (fds[2].revents)
		touch(exchange);
	take_records(exchange);
}

static int exit_status(const struct exchange *exchange)
{
	static const char *const refusals[] = {NULL, "FCGI_CANT_MPX_CONN",
					       "FCGI_OVERLOADED",
					       "FCGI_UNKNOWN_ROLE"};
	unsigned char status = exchange->protocol_status;
	int http = print_status();

	if (status != FCGI_REQUEST_COMPLETE)
		fault_page(EXIT_REFUSED, status == FCGI_OVERLOADED ? 503 : 502,
			   "the application refused the request",
			   status < 4 ? refusals[status] : "unknown reason");
	if (wish.fail && http == 0)
		fault(EXIT_HTTP, "-fail", "the answer has no header");
	if (wish.fail && http >= 400)
		return EXIT_HTTP;
	return exchange->app_status > 255 ? 255 : (int)exchange->app_status;
}

static void begin_source(struct source *source, uint8_t type, int fd,
			 uint64_t length)
{
	source->type = type;
	source->fd = fd;
	source->left = length;
}

/* Streams without a byte are ended with the variables. */
static void begin(struct exchange *exchange, struct ask *ask)
{
	unsigned char header[FCGI_HEADER_LEN];
	struct source *source;

	begin_source(&exchange->source[0], FCGI_STDIN, ask->body,
		     ask->body_length);
	begin_source(&exchange->source[1], FCGI_DATA, ask->data,
		     ask->data_length);
	exchange->source[1].ended = wish.role != FCGI_FILTER;
	while ((source = next_source(exchange)) && source->left == 0) {
		end_source(source, header);
		params_raw(&ask->params, header, sizeof(header));
	}
	send_bytes(exchange, ask->params.bytes, ask->params.used);
	touch(exchange);
}

int forward(int fd, struct ask *ask)
{
	struct exchange exchange = {.fd = fd};

	print_open();
	begin(&exchange, ask);
	while (!exchange.ended || print_waits())
		turn(&exchange);
	close(fd);
	return exit_status(&exchange);
}
