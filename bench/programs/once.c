/*
 * once SOCKET: the floor of a bridge. Sends its environment as one FastCGI
 * request without a body, in one write, prints what comes, and does nothing
 * else: no option, no limit, no check.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "pair.h"
#include "record.h"

extern char **environ;

static size_t make(unsigned char *out, size_t size)
{
	size_t used = 24;
	char **pair;

	record_begin_request(out, 1, FCGI_RESPONDER, 0);
	for (pair = environ; *pair; pair++) {
		const char *equals = strchr(*pair, '=');
		size_t name = equals ? (size_t)(equals - *pair) : 0;
		if (!equals || used + strlen(*pair) + 32 > size)
			continue;
		used += pair_lengths(out + used, (uint32_t)name,
				     (uint32_t)strlen(equals + 1));
		memcpy(out + used, *pair, name);
		memcpy(out + used + name, equals + 1, strlen(equals + 1));
		used += name + strlen(equals + 1);
	}
	record_header(out + 16, FCGI_PARAMS, 1, (uint16_t)(used - 24), 0);
	record_header(out + used, FCGI_PARAMS, 1, 0, 0);
	record_header(out + used + 8, FCGI_STDIN, 1, 0, 0);
	return used + 16;
}

static int take(int fd)
{
	static unsigned char input[1 << 16];
	struct record_reader reader = {.have = 0};
	struct record record;
	ssize_t n;

	while ((n = read(fd, input, sizeof(input))) > 0) {
		const unsigned char *at = input;
		while (record_next(&reader, &at, input + n, &record) ==
		       RECORD_PIECE) {
			if (record.type == FCGI_END_REQUEST)
				return 0;
			if (record.type == FCGI_STDOUT &&
			    write(1, record.bytes, record.length) < 0)
				return 1;
		}
	}
	return 1;
}

int main(int argc, char **argv)
{
	static unsigned char out[1 << 15];
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	size_t n = make(out, sizeof(out));
	int fd;

	if (argc != 2 || strlen(argv[1]) >= sizeof(name.sun_path))
		return 1;
	memcpy(name.sun_path, argv[1], strlen(argv[1]));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&name, sizeof(name)) ||
	    write(fd, out, n) != (ssize_t)n)
		return 1;
	return take(fd);
}
