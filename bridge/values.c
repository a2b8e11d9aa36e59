/*
 * values: what an application says of itself.
 */
#include "values.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bridge.h"
#include "clock.h"
#include "fault.h"
#include "record.h"
#include "text.h"
#include "trace.h"

static void send_question(int fd)
{
	static const char *const names[] = {"FCGI_MAX_CONNS", "FCGI_MAX_REQS",
					    "FCGI_MPXS_CONNS"};
	unsigned char record[256];
	size_t used = FCGI_HEADER_LEN;
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t length = strlen(names[i]);

		used += pair_lengths(record + used, (uint32_t)length, 0);
		memcpy(record + used, names[i], length);
		used += length;
	}
	record_header(record, FCGI_GET_VALUES, FCGI_NULL_REQUEST_ID,
		      (uint16_t)(used - FCGI_HEADER_LEN), 0);
	/* libfcgi answers only when the next record comes: ask twice. */
	for (i = 0; i < 2; i++) {
		trace_sent(record, used);
		if (send(fd, record, used, MSG_NOSIGNAL) < 0)
			fault(EXIT_SEND, "cannot send", strerror(errno));
	}
}

static void print(const void *bytes, size_t n)
{
	if (text_write(STDOUT_FILENO, bytes, n) < 0)
		fault(EXIT_STDOUT, "stdout cannot be written", strerror(errno));
}

static void print_pairs(const unsigned char *bytes, size_t n)
{
	static struct pair_reader reader;
	const unsigned char *end = bytes + n;
	const unsigned char *part;
	size_t length;

	for (;;) {
		switch (pair_next(&reader, &bytes, end, &part, &length)) {
		case PAIR_MORE:
			return;
		case PAIR_BEGIN:
			break;
		case PAIR_NAME:
			print(part, length);
			if (reader.name == 0)
				print("=", 1);
			break;
		case PAIR_VALUE:
			print(part, length);
			break;
		case PAIR_END:
			print("\n", 1);
			break;
		}
	}
}

/* Returns whether an answer is complete. */
static bool take(struct record_reader *reader, const unsigned char *bytes,
		 size_t n)
{
	const unsigned char *at = bytes;
	struct record record;

	for (;;) {
		switch (record_next(reader, &at, bytes + n, &record)) {
		case RECORD_MORE:
			return false;
		case RECORD_BAD:
			fault(EXIT_PROTOCOL, "not a FastCGI application",
			      "what it sends is no record of version 1");
		case RECORD_PIECE:
			break;
		}
		trace_received(&record);
		if (record.type != FCGI_GET_VALUES_RESULT)
			continue;
		print_pairs(record.bytes, record.length);
		if (record.last)
			return true;
	}
}

static size_t receive(int fd, unsigned char *bytes, size_t size, int64_t end)
{
	struct pollfd in = {.fd = fd, .events = POLLIN};
	ssize_t n;

	for (;;) {
		int ready = poll(&in, 1, clock_wait(end, clock_end()));

		if (ready == 0)
			fault(EXIT_TIME, "time is over",
			      "the application does not answer in time");
		n = ready < 0 ? -1 : recv(fd, bytes, size, 0);
		if (n > 0)
			return (size_t)n;
		if (n == 0)
			fault(EXIT_EMPTY,
			      "the application closed the connection",
			      "without an answer to FCGI_GET_VALUES");
		if (errno != EINTR && errno != EAGAIN)
			fault(EXIT_RECEIVE,
			      "the application broke the connection",
			      strerror(errno));
	}
}

int values_ask(int fd)
{
	unsigned char bytes[4096];
	struct record_reader reader = {.have = 0};
	int64_t end = INT64_MAX;
	size_t n;

	if (wish.timeout_ms > 0)
		end = clock_ms() + wish.timeout_ms;
	send_question(fd);
	do
		n = receive(fd, bytes, sizeof(bytes), end);
	while (!take(&reader, bytes, n));
	close(fd);
	return 0;
}
