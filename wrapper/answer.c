/*
 * answer: from a program's stdout and stderr to records.
 * Bytes are read where they are sent from, behind a header that is filled in
 * afterwards: nothing is copied but a first line that comes in parts, and a
 * header where it is to go on whole.
 */
#include "answer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bulk.h"
#include "drain.h"
#include "reply.h"
#include "settings.h"

#define NOT_COUNTED UINT64_MAX

void answer_init(struct answer *answer)
{
	answer->out.pipe.fd = answer->err.pipe.fd = -1;
	answer->head = answer->first;
}

void answer_hold_head(struct answer *answer)
{
	unsigned char *head = malloc(ANSWER_HEAD_MAX);

	if (head)
		answer->head = head;
}

void answer_open(struct answer *answer, int out, int err,
		 void (*out_ready)(struct watch *, unsigned),
		 void (*err_ready)(struct watch *, unsigned))
{
	answer->out.pipe.ready = out_ready;
	answer->err.pipe.ready = err_ready;
	answer->out.pipe.fd = out;
	answer->err.pipe.fd = err;
}

int stream_watch(struct stream *stream)
{
	return stream->pipe.fd < 0 ? 0 : loop_add(&stream->pipe, LOOP_IN);
}

void stream_ready(struct stream *stream, unsigned events)
{
	stream->readable = true;
	if (events & LOOP_GONE)
		stream->hung_up = true;
}

bool stream_is_readable(const struct stream *stream)
{
	return stream->readable && stream->pipe.fd >= 0;
}

void answer_ended(struct answer *answer)
{
	stream_ready(&answer->out, LOOP_IN | LOOP_GONE);
	stream_ready(&answer->err, LOOP_IN | LOOP_GONE);
	answer->errors_certain = NOT_COUNTED;
}

bool answer_owes_errors(struct answer *answer)
{
	/* Most have said nothing, and their stderr is at its end by now. */
	if (answer->errors_certain == NOT_COUNTED)
		answer->errors_certain =
			answer->errors_read + bulk_waiting(answer->err.pipe.fd);
	return answer->errors_read < answer->errors_certain;
}

/* Reads once and notes what that says. Returns the bytes read, or 0. */
static size_t stream_read(struct stream *stream, void *to, size_t room)
{
	ssize_t n;

	do
		n = read(stream->pipe.fd, to, room);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN) {
		stream->readable = false;
		return 0;
	}
	if (n <= 0) {
		stream->readable = false;
		loop_shut(&stream->pipe);
		return 0;
	}
	/* A pipe gives all it has: less than there was room for is all. Its
	 * end has been told already if the writer has gone. */
	stream->bulk = (size_t)n == room;
	if (!stream->bulk && !stream->hung_up)
		stream->readable = false;
	return (size_t)n;
}

static void move_errors(struct answer *answer, struct out *out, uint16_t id)
{
	size_t room;
	unsigned char *content = out_content(out, &room);
	size_t n;

	if (room > ANSWER_ERRORS_MAX)
		room = ANSWER_ERRORS_MAX;
	n = stream_read(&answer->err, content, room);
	if (n == 0)
		return;
	answer->moved = true;
	answer->errors_read += n;
	if (set.stderr_mode & STDERR_LOG)
		errors_take(&answer->errors, answer->program, answer->pid,
			    content, n);
	if (set.stderr_mode & STDERR_FCGI) {
		out_commit(out, FCGI_STDERR, id, n);
		answer->err_opened = true;
	}
}

/* Whether the header is to go on when it is whole (answer_hold_head). */
static bool holds_head(const struct answer *answer)
{
	return answer->head != answer->first;
}

/* Whether what has come of the header is to wait for the rest. */
static bool waits_for_rest(const struct answer *answer,
			   const unsigned char *content, size_t n)
{
	return holds_head(answer) && answer->out.pipe.fd >= 0 &&
	       n < ANSWER_HEAD_MAX && !reply_is_whole(content, n);
}

/* The beginning, as far as it has come: n bytes in content. Returns how many
 * bytes may go on. */
static size_t judge(struct answer *answer, unsigned char *content, size_t n)
{
	size_t room =
		holds_head(answer) ? ANSWER_HEAD_MAX : sizeof(answer->first);
	size_t kept = n < room ? n : room;
	enum reply_head head = reply_judge(content, n);
	bool known = head == REPLY_FIELD || head == REPLY_STATUS;

	if (known && !waits_for_rest(answer, content, n)) {
		answer->judged = true;
		return head == REPLY_STATUS ? reply_status_line(content, n) : n;
	}
	memcpy(answer->head, content, kept);
	answer->head_have = (uint16_t)kept;
	return 0;
}

/* A stream that fills the reads need not be read: what waits is enough to
 * make a record of. Returns whether it is so. */
static bool promise_output(struct answer *answer, struct out *out, uint16_t id)
{
	struct stream *stream = &answer->out;
	size_t room;
	size_t n;

	if (!stream->bulk || !answer->judged || !out->can_promise)
		return false;
	if (!stream->grown)
		bulk_grow(stream->pipe.fd);
	stream->grown = true;
	out_content(out, &room);
	n = bulk_waiting(stream->pipe.fd);
	n = n < room ? n : room;
	if (n < BULK_MIN) {
		stream->bulk = false;
		return false;
	}
	/* A promised record has no padding. */
	n &= ~(size_t)7;
	out_promise(out, FCGI_STDOUT, id, stream->pipe.fd, n);
	answer->moved = true;
	answer->bytes += n;
	return true;
}

static void move_output(struct answer *answer, struct out *out, uint16_t id)
{
	size_t room;
	unsigned char *content = out_content(out, &room);
	size_t have = answer->judged ? 0 : answer->head_have;
	size_t n;

	memcpy(content, answer->head, have);
	n = stream_is_readable(&answer->out)
		    ? stream_read(&answer->out, content + have, room - have)
		    : 0;
	if (n == 0 && (have == 0 || answer->out.pipe.fd >= 0))
		return;
	answer->moved = true;
	n += have;
	if (!answer->judged)
		n = judge(answer, content, n);
	if (n == 0)
		return;
	if (!answer->status)
		answer->status = reply_status(content, n);
	out_commit(out, FCGI_STDOUT, id, n);
	answer->bytes += n;
}

/* Whether what is held of a header has nothing to wait for any more. */
static bool owes_head(const struct answer *answer)
{
	return !answer->judged && answer->head_have > 0 &&
	       answer->out.pipe.fd < 0;
}

static bool is_bad(const struct answer *answer)
{
	return owes_head(answer) ||
	       (!answer->judged &&
		reply_judge(answer->head, answer->head_have) == REPLY_BAD);
}

enum answer_result answer_move(struct answer *answer, struct out *out,
			       uint16_t id, bool held)
{
	if (stream_is_readable(&answer->err))
		move_errors(answer, out, id);
	if (!held && (stream_is_readable(&answer->out) || owes_head(answer)) &&
	    !promise_output(answer, out, id))
		move_output(answer, out, id);
	if (is_bad(answer))
		return ANSWER_BAD;
	if (stream_is_readable(&answer->err) ||
	    (!held && stream_is_readable(&answer->out)))
		return ANSWER_MORE;
	return ANSWER_IDLE;
}

static void abandon(struct stream *stream)
{
	if (stream->pipe.fd >= 0)
		drain_take(&stream->pipe);
}

void answer_end_output(struct answer *answer)
{
	abandon(&answer->out);
}

void answer_abandon(struct answer *answer)
{
	abandon(&answer->out);
	abandon(&answer->err);
	answer_close(answer);
}

void answer_close(struct answer *answer)
{
	errors_close(&answer->errors, answer->program, answer->pid);
	loop_shut(&answer->out.pipe);
	loop_shut(&answer->err.pipe);
	if (holds_head(answer))
		free(answer->head);
	answer->head = answer->first;
}
