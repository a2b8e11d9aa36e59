/*
 * sending: the opening, and then the streams record by record. One record of a
 * stream is all that is ever kept of it.
 */
#include "sending.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define ABORT_WAIT_MS 1000

bool sending_has_bytes(const struct sending *sending)
{
	return sending->parts[0].length + sending->parts[1].length > 0 &&
	       !sending->error;
}

bool sending_is_unfinished(const struct sending *sending)
{
	return sending->sources > 0 || sending_has_bytes(sending);
}

bool sending_wants_body(const struct sending *sending)
{
	return sending->sources > 0 && sending->parts[1].length == 0 &&
	       sending->parts[0].length == 0 && !sending->error;
}

/* n bytes of content stand behind the record's header: the record is ready,
 * followed by the stream's end if there is no more. */
static void queue_record(struct sending *sending, size_t n)
{
	struct source *source = sending->source;
	size_t used = 0;

	if (n > 0) {
		record_header(sending->record, (uint8_t)source->type,
			      PARAMS_REQUEST_ID, (uint16_t)n, 0);
		used = FCGI_HEADER_LEN + n;
		source->left -= (int64_t)n;
	}
	if (source->left == 0) {
		record_header(sending->record + used, (uint8_t)source->type,
			      PARAMS_REQUEST_ID, 0, 0);
		used += FCGI_HEADER_LEN;
		sending->source++;
		sending->sources--;
	}
	sending->parts[1] = (struct slice){sending->record, used};
}

/* The body is shorter than it was said to be: no application may take the part
 * for the whole, so its stream is not ended but the request aborted. */
static void abort_request(struct sending *sending)
{
	struct pollfd one = {.fd = sending->fd, .events = POLLOUT};
	unsigned char record[FCGI_HEADER_LEN];

	record_header(record, FCGI_ABORT_REQUEST, PARAMS_REQUEST_ID, 0, 0);
	if (poll(&one, 1, ABORT_WAIT_MS) > 0 &&
	    send(sending->fd, record, sizeof(record),
		 MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)sizeof(record))
		trace_bytes(&sending->trace, record, sizeof(record));
}

static void lose_body(struct sending *sending, const char *why)
{
	outcome_fail(sending->outcome, OUTCOME_BODY,
		     "%s: %s (%lld bytes are missing)", sending->source->name,
		     why, (long long)sending->source->left);
	abort_request(sending);
}

void sending_read_body(struct sending *sending)
{
	struct source *source = sending->source;
	size_t want = RECORD_CONTENT_MAX;
	ssize_t n;

	if (source->left < (int64_t)want)
		want = (size_t)source->left;
	n = read(source->fd, sending->record + FCGI_HEADER_LEN, want);
	if (n > 0)
		queue_record(sending, (size_t)n);
	else if (n == 0)
		lose_body(sending, "ended early");
	else if (errno != EAGAIN && errno != EINTR)
		lose_body(sending, strerror(errno));
}

/* Streams without a byte need no reading. */
static void end_empty_streams(struct sending *sending)
{
	if (sending->sources > 0 && sending->parts[1].length == 0 &&
	    sending->source->left == 0)
		queue_record(sending, 0);
}

static void note_sent(struct sending *sending, size_t n)
{
	int i;

	patience_moved(sending->patience);
	for (i = 0; i < 2; i++) {
		struct slice *slice = &sending->parts[i];
		size_t part = n < slice->length ? n : slice->length;

		if (part == 0)
			continue;
		trace_bytes(&sending->trace, slice->bytes, part);
		slice->bytes += part;
		slice->length -= part;
		n -= part;
	}
}

void sending_more(struct sending *sending)
{
	while (sending_has_bytes(sending)) {
		struct iovec parts[2];
		struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
		ssize_t n;
		int i;

		for (i = 0; i < 2; i++) {
			const struct slice *slice = &sending->parts[i];

			parts[i].iov_base = (void *)(size_t)slice->bytes;
			parts[i].iov_len = slice->length;
		}
		n = sendmsg(sending->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0) {
			/* The application may have answered all the same:
			 * what it said is read to its end. It must not wait
			 * for the rest of the request. */
			if (errno != EAGAIN && errno != EINTR) {
				sending->error = errno;
				shutdown(sending->fd, SHUT_RDWR);
			}
			return;
		}
		note_sent(sending, (size_t)n);
		end_empty_streams(sending);
	}
}

void sending_open(struct sending *sending, int fd, struct slice opening,
		  struct source *sources, int count, struct patience *patience,
		  struct outcome *outcome)
{
	memset(sending, 0, offsetof(struct sending, record));
	sending->fd = fd;
	sending->patience = patience;
	sending->outcome = outcome;
	sending->parts[0] = opening;
	sending->source = sources;
	sending->sources = count;
	trace_open(&sending->trace, '>', patience, outcome);
	end_empty_streams(sending);
}
