/*
 * peek: what waits behind a body that its program does not take.
 */
#include "peek.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define PEEK_MAX 262144 /* bytes: more than a unix socket holds */

static bool has_more(struct record_reader *reader, uint16_t id,
		     const unsigned char *bytes, size_t n)
{
	const unsigned char *end = bytes + n;
	struct record record;

	while (record_next(reader, &bytes, end, &record) == RECORD_PIECE)
		if (record.id != id ||
		    (record.type != FCGI_STDIN && record.type != FCGI_DATA))
			return true;
	return false;
}

bool peek_past_body(const struct record_reader *reader, uint16_t id,
		    const unsigned char *bytes, size_t n, int socket)
{
	struct record_reader copy = *reader;
	unsigned char *peeked;
	ssize_t got;
	int size;
	bool more;

	if (n > 0 && has_more(&copy, id, bytes, n))
		return true;
	if (ioctl(socket, FIONREAD, &size) < 0 || size <= 0)
		return false;
	if (size > PEEK_MAX)
		size = PEEK_MAX;
	peeked = malloc((size_t)size);
	if (!peeked)
		return false;
	got = recv(socket, peeked, (size_t)size, MSG_PEEK | MSG_DONTWAIT);
	more = got > 0 && has_more(&copy, id, peeked, (size_t)got);
	free(peeked);
	return more;
}
