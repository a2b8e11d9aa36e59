#ifndef ADDR_H
#define ADDR_H

#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/*
 * ADDR of the command line: where a socket is. Text in, socket addresses out;
 * nothing is opened here.
 *
 *	/PATH  unix:PATH  @NAME  HOST:PORT  [V6]:PORT  :PORT
 *	tcp:HOST:PORT  tcp6:[V6]:PORT
 */

enum addr_kind {
	ADDR_UNIX,
	ADDR_ABSTRACT, /* unix, a name without a file */
	ADDR_TCP,
	ADDR_TCP6, /* IPv6 alone */
};

struct addr {
	const char *text; /* as it was given; belongs to the caller */
	enum addr_kind kind;
	char host[256]; /* empty: loopback */
	uint16_t port;
	char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

#define ADDR_ENDPOINTS_MAX 16 /* of one name, to listen at */

struct endpoint {
	struct sockaddr_storage name;
	socklen_t length;
};

/* Fills addr. Returns NULL, or why the text is not an address. */
const char *addr_parse(struct addr *addr, const char *text);

/*
 * Every socket address that addr stands for, in the order to try them. A name
 * is asked of the resolver, which may block. Returns how many of list, room
 * for ADDR_ENDPOINTS_MAX, are filled; 0 and *why if the name is unknown or has
 * more.
 */
int addr_resolve(const struct addr *addr, struct endpoint *list,
		 const char **why);

/* The same for any number of addresses: *list is allocated and, unless 0 is
 * returned, the caller's to free. */
int addr_resolve_all(const struct addr *addr, struct endpoint **list,
		     const char **why);

/* Writes an endpoint the way ADDR is written. Returns text. */
#define ADDR_TEXT_MAX 128
const char *addr_format(const struct endpoint *endpoint,
			char text[ADDR_TEXT_MAX]);

#endif
