/*
 * out: the records of a connection, until its socket has taken them.
 */
#include "out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bulk.h"

#define SPARE_MAX 2 /* buffers kept: most turns need one or two */

static unsigned char *spare[SPARE_MAX];
static int spares;

int out_open(struct out *out)
{
	if (out->buffer) {
		out_fetch(out);
		return 0;
	}
	out->buffer = spares > 0 ? spare[--spares] : malloc(OUT_SIZE);
	out->start = out->end = 0;
	return out->buffer ? 0 : -1;
}

void out_close(struct out *out)
{
	if (out->buffer && spares < SPARE_MAX)
		spare[spares++] = out->buffer;
	else
		free(out->buffer);
	out->buffer = NULL;
	out->start = out->end = out->promised = 0;
}

size_t out_space(const struct out *out)
{
	return OUT_SIZE - out->end;
}

size_t out_used(const struct out *out)
{
	return out->end - out->start + out->promised;
}

unsigned char *out_content(struct out *out, size_t *room)
{
	size_t space = out_space(out);

	*room = space > OUT_OVERHEAD ? space - OUT_OVERHEAD : 0;
	if (*room > RECORD_CONTENT_MAX)
		*room = RECORD_CONTENT_MAX;
	return out->buffer + out->end + FCGI_HEADER_LEN;
}

void out_commit(struct out *out, uint8_t type, uint16_t id, size_t n)
{
	uint8_t padding = record_padding(n);

	record_header(out->buffer + out->end, type, id, (uint16_t)n, padding);
	out->end += FCGI_HEADER_LEN + n;
	memset(out->buffer + out->end, 0, padding);
	out->end += padding;
}

bool out_record(struct out *out, uint8_t type, uint16_t id, const void *bytes,
		size_t n)
{
	size_t room;
	unsigned char *content = out_content(out, &room);

	if (n > room)
		return false;
	if (n > 0)
		memcpy(content, bytes, n);
	out_commit(out, type, id, n);
	return true;
}

bool out_end_request(struct out *out, uint16_t id, uint32_t app_status,
		     uint8_t protocol_status)
{
	if (out_space(out) < 16)
		return false;
	record_end_request(out->buffer + out->end, id, app_status,
			   protocol_status);
	out->end += 16;
	return true;
}

void out_promise(struct out *out, uint8_t type, uint16_t id, int pipe, size_t n)
{
	record_header(out->buffer + out->end, type, id, (uint16_t)n, 0);
	out->end += FCGI_HEADER_LEN;
	out->pipe = pipe;
	out->promised = n;
}

void out_fetch(struct out *out)
{
	while (out->promised > 0) {
		ssize_t n =
			read(out->pipe, out->buffer + out->end, out->promised);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			/* The program has taken it away again. */
			n = (ssize_t)out->promised;
			memset(out->buffer + out->end, 0, (size_t)n);
		}
		out->end += (size_t)n;
		out->promised -= (size_t)n;
	}
}

/* Sends what is in the buffer. Returns 0, or -1 and errno. */
static int send_buffer(struct out *out, int fd)
{
	int flags = MSG_NOSIGNAL | (out->promised > 0 ? MSG_MORE : 0);

	while (out->start < out->end) {
		ssize_t n = send(fd, out->buffer + out->start,
				 out->end - out->start, flags);

		if (n >= 0)
			out->start += (size_t)n;
		else if (errno != EINTR)
			return -1;
	}
	out->start = out->end = 0;
	return 0;
}

/* Sends what is promised. Returns 0, or -1 and errno. */
static int send_promised(struct out *out, int fd)
{
	while (out->promised > 0) {
		ssize_t n = bulk_move(out->pipe, fd, out->promised);

		if (n > 0) {
			out->promised -= (size_t)n;
		} else if (n < 0 && errno == EAGAIN && bulk_is_full(fd)) {
			errno = EAGAIN;
			return -1;
		} else {
			/* The buffer's way tells what is wrong, if anything.
			 * That the peer has read since then is not. */
			out->can_promise = n < 0 && errno == EAGAIN;
			out_fetch(out);
			return send_buffer(out, fd);
		}
	}
	return 0;
}

enum out_result out_flush(struct out *out, int fd)
{
	if (send_buffer(out, fd) == 0 && send_promised(out, fd) == 0) {
		out_close(out);
		out->blocked = false;
		return OUT_SENT;
	}
	if (errno != EAGAIN)
		return OUT_GONE;
	out->blocked = true;
	return OUT_BLOCKED;
}
