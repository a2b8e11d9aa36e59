/*
 * out: the records of a connection, until its socket has taken them.
 */
#include "out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define SPARE_MAX 2 /* buffers kept: most turns need one or two */

static unsigned char *spare[SPARE_MAX];
static int spares;

int out_open(struct out *out)
{
	if (out->buffer)
		return 0;
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
	out->start = out->end = 0;
}

size_t out_space(const struct out *out)
{
	return OUT_SIZE - out->end;
}

size_t out_used(const struct out *out)
{
	return out->end - out->start;
}

unsigned char *out_content(struct out *out, size_t *room)
{
	size_t space = out_space(out);

	/* Header before and at most 7 bytes of padding behind. */
	*room = space > FCGI_HEADER_LEN + 7 ? space - FCGI_HEADER_LEN - 7 : 0;
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

enum out_result out_flush(struct out *out, int fd)
{
	while (out->start < out->end) {
		ssize_t n = send(fd, out->buffer + out->start,
				 out->end - out->start, MSG_NOSIGNAL);

		if (n >= 0) {
			out->start += (size_t)n;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			out->blocked = true;
			return OUT_BLOCKED;
		} else if (errno != EINTR && errno != ENOBUFS) {
			return OUT_GONE;
		}
	}
	out_close(out);
	out->blocked = false;
	return OUT_SENT;
}
