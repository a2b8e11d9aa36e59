/*
 * query: the one conversation with an application that is no request.
 */
#include "query.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pair.h"
#include "record.h"
#include "text.h"
#include "trace.h"

#define QUESTION_MAX 128
#define LINES_MAX    4096 /* more is not what was asked */

struct query {
	struct record_reader records;
	struct pair_reader pairs;
	struct trace sent;
	struct trace received;
	bool came;
	int send_error; /* errno, 0: none */
	bool done;
	size_t used; /* of the lines that are printed at the end */
	char lines[LINES_MAX];
};

static size_t put_name(unsigned char *out, const char *name)
{
	size_t length = strlen(name);
	size_t used = pair_lengths(out, (uint32_t)length, 0);

	memcpy(out + used, name, length);
	return used + length;
}

/* libfcgi answers only when the next record comes: so it is asked twice. */
static size_t write_question(unsigned char out[2 * QUESTION_MAX])
{
	size_t used = FCGI_HEADER_LEN;

	used += put_name(out + used, "FCGI_MAX_CONNS");
	used += put_name(out + used, "FCGI_MAX_REQS");
	used += put_name(out + used, "FCGI_MPXS_CONNS");
	record_header(out, FCGI_GET_VALUES, FCGI_NULL_REQUEST_ID,
		      (uint16_t)(used - FCGI_HEADER_LEN), 0);
	memcpy(out + used, out, used);
	return 2 * used;
}

static void put(struct query *query, const void *bytes, size_t n)
{
	if (n > LINES_MAX - query->used)
		n = LINES_MAX - query->used;
	memcpy(query->lines + query->used, bytes, n);
	query->used += n;
}

static void take_pairs(struct query *query, const struct record *record)
{
	const unsigned char *at = record->bytes;
	const unsigned char *end = at + record->length;
	const unsigned char *part;
	enum pair_result result;
	size_t length;

	while ((result = pair_next(&query->pairs, &at, end, &part, &length)) !=
	       PAIR_MORE) {
		if (result == PAIR_NAME || result == PAIR_VALUE)
			put(query, part, length);
		if (result == PAIR_NAME && query->pairs.name == 0)
			put(query, "=", 1);
		if (result == PAIR_END)
			put(query, "\n", 1);
	}
}

static int take(struct query *query, const unsigned char *bytes, size_t n,
		struct outcome *outcome)
{
	const unsigned char *end = bytes + n;
	struct record record;
	enum record_result result;

	query->came = true;
	trace_bytes(&query->received, bytes, n);
	if (outcome->text[0])
		return -1;
	while (!query->done &&
	       (result = record_next(&query->records, &bytes, end, &record)) !=
		       RECORD_MORE) {
		if (result == RECORD_BAD)
			return outcome_fail(outcome, OUTCOME_NOT_FASTCGI,
					    "not FastCGI: %s",
					    outcome_stranger(&query->records));
		if (record.type == FCGI_UNKNOWN_TYPE)
			return outcome_fail(outcome, OUTCOME_NOT_FASTCGI,
					    "the application does not know "
					    "FCGI_GET_VALUES");
		if (record.type != FCGI_GET_VALUES_RESULT)
			continue;
		take_pairs(query, &record);
		query->done = record.last;
	}
	return 0;
}

static int closed(const struct query *query, struct outcome *outcome)
{
	if (query->came)
		return outcome_fail(outcome, OUTCOME_CUT_SHORT,
				    "cut short: the application closed the "
				    "connection in its answer");
	if (query->send_error)
		return outcome_fail(outcome, OUTCOME_SENDING,
				    "sending failed: %s",
				    strerror(query->send_error));
	return outcome_fail(outcome, OUTCOME_NOTHING_CAME,
			    "no answer: the application closed the connection "
			    "without a byte");
}

static int receive(struct query *query, int fd, struct patience *patience,
		   struct outcome *outcome)
{
	/* stdout is watched for its reader's end. */
	struct pollfd fds[] = {{.fd = fd, .events = POLLIN},
			       {.fd = STDOUT_FILENO, .events = 0}};
	unsigned char block[4096];
	int ready = poll(fds, 2, patience_left(patience));
	ssize_t n;

	/* Records that answer nothing may come without end. */
	if (ready == 0 || patience_left(patience) == 0)
		return outcome_fail(outcome, OUTCOME_TIME_OVER,
				    "time is over: waited for the answer");
	if (fds[1].revents)
		return outcome_fail(outcome, OUTCOME_STDOUT,
				    "stdout: nobody reads it any more");
	n = recv(fd, block, sizeof(block), MSG_DONTWAIT);
	if (n == 0)
		return closed(query, outcome);
	if (n > 0)
		return take(query, block, (size_t)n, outcome);
	if (errno == EAGAIN || errno == EINTR)
		return 0;
	return outcome_fail(outcome, OUTCOME_RECEIVING, "receiving failed: %s",
			    strerror(errno));
}

int query_values(int fd, struct patience *patience, struct outcome *outcome)
{
	unsigned char question[2 * QUESTION_MAX];
	size_t length = write_question(question);
	struct sink out = {.fd = STDOUT_FILENO};
	struct query query;

	memset(&query, 0, sizeof(query));
	trace_open(&query.sent, '>', patience, outcome);
	trace_open(&query.received, '<', patience, outcome);
	patience_moved(patience);
	/* A new connection takes so few bytes at once. If it does not, the
	 * application may have said something all the same. */
	if (text_write(fd, (const char *)question, length) < 0) {
		query.send_error = errno;
		shutdown(fd, SHUT_RDWR);
	} else {
		trace_bytes(&query.sent, question, length);
	}
	while (!query.done)
		if (receive(&query, fd, patience, outcome) < 0)
			return -1;
	if (sink_write_all(&out, query.lines, query.used, patience) < 0)
		return outcome_fail(outcome,
				    errno == ETIME ? OUTCOME_TIME_OVER
						   : OUTCOME_STDOUT,
				    "stdout: %s", strerror(errno));
	return 0;
}
