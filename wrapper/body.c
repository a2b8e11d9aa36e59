/*
 * body: from the web server to a program's stdin.
 */
#include "body.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "bulk.h"

void body_init(struct body *body)
{
	body->pipe.fd = body->file.fd = body->data.fd = -1;
}

void body_refuse(struct body *body)
{
	body->refused = true;
	body->lost = 0;
	loop_shut(&body->pipe);
	spool_close(&body->file);
	spool_close(&body->data);
}

/* The program has closed its stdin, or it cannot be given the rest: then it
 * must not see an end before it is ended itself. */
static void stop(struct body *body)
{
	int error = errno;

	if (error == EPIPE) {
		body_refuse(body);
	} else {
		body->refused = true;
		body->lost = error;
	}
}

/* Nothing is left that could still come: the program sees the end. */
static void settle(struct body *body)
{
	if (body->ended && body->pipe.fd >= 0 && !body->lost &&
	    (body->file.fd < 0 || spool_size(&body->file) == 0)) {
		loop_shut(&body->pipe);
		spool_close(&body->file);
	}
}

int body_watch(struct body *body)
{
	if (body->watched || body->pipe.fd < 0)
		return 0;
	body->watched = true;
	return loop_add(&body->pipe, LOOP_OUT);
}

/* An edge that comes between the failed write and this is told when the watch
 * is added. */
static void fill(struct body *body)
{
	body->full = true;
	if (body_watch(body) < 0)
		stop(body);
}

size_t body_feed(struct body *body)
{
	size_t moved = 0;

	body->full = false;
	if (body->pipe.fd < 0 || body->refused)
		return 0;
	if (body->file.fd >= 0) {
		switch (spool_feed(&body->file, body->pipe.fd, &moved)) {
		case SPOOL_EMPTY:
			break;
		case SPOOL_FULL:
			body->full = true;
			break;
		case SPOOL_BAD:
			stop(body);
			return moved;
		}
	}
	settle(body);
	if (body->full)
		fill(body);
	return moved;
}

void body_start(struct body *body, int pipe,
		void (*ready)(struct watch *, unsigned))
{
	body->pipe.ready = ready;
	body->pipe.fd = pipe;
	if (pipe < 0 || body->refused)
		body_refuse(body);
	body_feed(body);
}

int body_let_wait(struct body *body)
{
	if (body->file.fd < 0 && spool_open(&body->file) < 0)
		return -1;
	body->waits = true;
	return 0;
}

/* Writes into the pipe what it takes; the program may have closed it. */
static size_t write_pipe(struct body *body, const char *bytes, size_t n)
{
	size_t written = 0;

	while (written < n && !body->full) {
		ssize_t part =
			write(body->pipe.fd, bytes + written, n - written);

		if (part >= 0) {
			written += (size_t)part;
		} else if (errno == EAGAIN) {
			fill(body);
		} else if (errno != EINTR) {
			stop(body);
		}
		if (body->refused)
			return n;
	}
	return written;
}

enum body_result body_take(struct body *body, const void *bytes, size_t n,
			   size_t *taken)
{
	*taken = n;
	body->size += n;
	if (body->refused)
		return BODY_TAKEN;
	if (body->pipe.fd >= 0 &&
	    (body->file.fd < 0 || spool_size(&body->file) == 0))
		*taken = write_pipe(body, bytes, n);
	else
		*taken = 0;
	if (*taken == n)
		return BODY_TAKEN;
	if (body->waits) {
		const char *rest = (const char *)bytes + *taken;

		if (spool_write(&body->file, rest, n - *taken) < 0)
			return BODY_LOST;
		*taken = n;
		return BODY_TAKEN;
	}
	body->size -= n - *taken;
	return BODY_FULL;
}

enum body_result body_pass(struct body *body, int socket, size_t n,
			   size_t *passed)
{
	ssize_t moved;

	*passed = 0;
	if (body->pipe.fd < 0 || body->full || body->file.fd >= 0 ||
	    body->refused)
		return BODY_TAKEN;
	if (!body->grown)
		bulk_grow(body->pipe.fd);
	body->grown = true;
	moved = bulk_move(socket, body->pipe.fd, n);
	if (moved > 0) {
		body->size += (size_t)moved;
		*passed = (size_t)moved;
	} else if (moved < 0 && errno == EAGAIN &&
		   bulk_is_full(body->pipe.fd)) {
		fill(body);
		return body->refused ? BODY_TAKEN : BODY_FULL;
	}
	return BODY_TAKEN;
}

enum body_result body_take_early(struct body *body, const void *bytes, size_t n)
{
	if (body->refused)
		return BODY_TAKEN;
	if (body->data.fd < 0 && spool_open(&body->data) < 0)
		return BODY_LOST;
	return spool_write(&body->data, bytes, n) < 0 ? BODY_LOST : BODY_TAKEN;
}

/* Appends one file to the other. */
static int append_file(struct body *body)
{
	char block[16384];

	while (spool_size(&body->data) > 0) {
		ssize_t n = pread(body->data.fd, block, sizeof(block),
				  body->data.begin);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0 || spool_write(&body->file, block, (size_t)n) < 0)
			return -1;
		body->data.begin += n;
	}
	return 0;
}

enum body_result body_take_data(struct body *body)
{
	if (body->data.fd < 0 || body->refused)
		return BODY_TAKEN;
	body->size += (uint64_t)spool_size(&body->data);
	if (body->file.fd < 0) {
		/* Nothing waits: what came early is what waits from now on. */
		body->file = body->data;
		body->data.fd = -1;
	} else if (append_file(body) < 0) {
		return BODY_LOST;
	}
	body->waits = true;
	spool_close(&body->data);
	body_feed(body);
	return BODY_TAKEN;
}

void body_end(struct body *body)
{
	body->ended = true;
	settle(body);
}

static void feed_ready(struct watch *watch, unsigned events)
{
	struct body *body = LOOP_OWNER(watch, struct body, pipe);

	if (events & LOOP_GONE)
		body_refuse(body);
	else
		body_feed(body);
	if (body->pipe.fd < 0 || body->lost) {
		body_close(body);
		loop_free(body);
	}
}

bool body_abandon(struct body *body)
{
	struct body *left;

	if (body->pipe.fd < 0)
		return true;
	if (!body->ended || body->lost)
		return false;
	left = malloc(sizeof(*left));
	if (!left)
		return false;
	*left = *body;
	body->pipe.fd = body->file.fd = body->data.fd = -1;
	left->pipe.ready = feed_ready;
	if (loop_change(&left->pipe, LOOP_OUT) < 0 &&
	    loop_add(&left->pipe, LOOP_OUT) < 0) {
		body_close(left);
		free(left);
		return false;
	}
	return true;
}

void body_close(struct body *body)
{
	loop_shut(&body->pipe);
	spool_close(&body->file);
	spool_close(&body->data);
}
