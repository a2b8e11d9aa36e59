/*
 * addr: ADDR of the command line to socket addresses and back.
 */
#include "addr.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

static const char *parse_unix(struct addr *addr, const char *path)
{
	size_t length = strlen(path);

	addr->kind = ADDR_UNIX;
	if (path[0] == '@') {
		addr->kind = ADDR_ABSTRACT;
		path++;
		length--;
	}
	if (length == 0)
		return "the socket's path is empty";
	if (length >= sizeof(addr->path))
		return "the socket's path is too long "
		       "(the system allows 107 bytes)";
	memcpy(addr->path, path, length + 1);
	return NULL;
}

static const char *parse_port(struct addr *addr, const char *text)
{
	unsigned long port = 0;
	const char *p;

	for (p = text; *p >= '0' && *p <= '9' && port <= 65535; p++)
		port = port * 10 + (unsigned long)(*p - '0');
	if (p == text || *p || port > 65535)
		return "the port is not a number from 0 to 65535";
	addr->port = (uint16_t)port;
	return NULL;
}

static const char *parse_host(struct addr *addr, const char *text)
{
	const char *colon = strrchr(text, ':');
	const char *host = text;
	size_t length;

	if (!colon)
		return "not an address: give a path with a /, @NAME, "
		       "HOST:PORT, [V6]:PORT or :PORT";
	length = (size_t)(colon - text);
	if (*text == '[') {
		if (length < 3 || text[length - 1] != ']')
			return "an IPv6 address is written [ADDRESS]:PORT";
		host = text + 1;
		length -= 2;
		addr->kind = ADDR_TCP6;
	} else if (memchr(text, ':', length)) {
		return "an IPv6 address is written [ADDRESS]:PORT";
	}
	if (length >= sizeof(addr->host))
		return "the host's name is too long";
	memcpy(addr->host, host, length);
	addr->host[length] = '\0';
	return parse_port(addr, colon + 1);
}

/* SCHEME://; a folder whose name ends so is ./SCHEME:/ or unix:SCHEME:/. */
static bool is_url(const char *text)
{
	const char *slash = strchr(text, '/');

	if (!slash || slash == text)
		return false;
	return slash[-1] == ':' && slash[1] == '/' && *text != '@';
}

const char *addr_parse(struct addr *addr, const char *text)
{
	memset(addr, 0, sizeof(*addr));
	addr->text = text;
	addr->kind = ADDR_TCP;
	if (strncmp(text, "unix:", 5) == 0)
		return parse_unix(addr, text + 5);
	if (is_url(text))
		return "a URL: give HOST:PORT or a path instead";
	if (strncmp(text, "tcp:", 4) == 0)
		return parse_host(addr, text + 4);
	if (strncmp(text, "tcp6:", 5) == 0) {
		addr->kind = ADDR_TCP6;
		return parse_host(addr, text + 5);
	}
	if (text[0] == '@' || strchr(text, '/'))
		return parse_unix(addr, text);
	return parse_host(addr, text);
}

static void unix_endpoint(const struct addr *addr, struct endpoint *endpoint)
{
	struct sockaddr_un name;
	size_t length = strlen(addr->path);
	size_t before = offsetof(struct sockaddr_un, sun_path);

	memset(&name, 0, sizeof(name));
	name.sun_family = AF_UNIX;
	if (addr->kind == ADDR_ABSTRACT) {
		memcpy(name.sun_path + 1, addr->path, length);
		endpoint->length = (socklen_t)(before + 1 + length);
	} else {
		memcpy(name.sun_path, addr->path, length + 1);
		endpoint->length = (socklen_t)sizeof(name);
	}
	memcpy(&endpoint->name, &name, sizeof(name));
}

static void loopback4(struct endpoint *endpoint, uint16_t port)
{
	struct sockaddr_in name = {.sin_family = AF_INET};

	name.sin_port = htons(port);
	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	endpoint->length = sizeof(name);
	memcpy(&endpoint->name, &name, sizeof(name));
}

static void loopback6(struct endpoint *endpoint, uint16_t port)
{
	struct sockaddr_in6 name = {.sin6_family = AF_INET6};

	name.sin6_port = htons(port);
	name.sin6_addr.s6_addr[15] = 1;
	endpoint->length = sizeof(name);
	memcpy(&endpoint->name, &name, sizeof(name));
}

/* Without a host: loopback of both families, asking no resolver, which a
 * small container may not have. */
static int loopback(const struct addr *addr, struct endpoint *list)
{
	int count = 0;

	if (addr->kind != ADDR_TCP6)
		loopback4(&list[count++], addr->port);
	loopback6(&list[count++], addr->port);
	return count;
}

/* A file of hosts may say the same twice. */
static bool is_listed(const struct endpoint *list, int count,
		      const struct addrinfo *one)
{
	while (count-- > 0)
		if (list[count].length == one->ai_addrlen &&
		    memcmp(&list[count].name, one->ai_addr, one->ai_addrlen) ==
			    0)
			return true;
	return false;
}

/* All that the resolver knows; *list is the caller's to free. */
static int look_up(const struct addr *addr, struct endpoint **list,
		   const char **why)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	struct addrinfo *found;
	struct addrinfo *one;
	char port[8];
	int count = 1;
	int error;

	hints.ai_family = addr->kind == ADDR_TCP6 ? AF_INET6 : AF_UNSPEC;
	hints.ai_flags = AI_NUMERICSERV;
	text_format(port, sizeof(port), "%u", addr->port);
	error = getaddrinfo(addr->host, port, &hints, &found);
	if (error) {
		*why = gai_strerror(error);
		return 0;
	}
	for (one = found->ai_next; one; one = one->ai_next)
		count++;
	*list = malloc((size_t)count * sizeof(**list));
	count = 0;
	*why = "no memory";
	for (one = found; one && *list; one = one->ai_next) {
		if (is_listed(*list, count, one))
			continue;
		memcpy(&(*list)[count].name, one->ai_addr, one->ai_addrlen);
		(*list)[count++].length = one->ai_addrlen;
	}
	freeaddrinfo(found);
	return count;
}

static bool is_name(const struct addr *addr)
{
	return addr->kind != ADDR_UNIX && addr->kind != ADDR_ABSTRACT &&
	       addr->host[0];
}

int addr_resolve_all(const struct addr *addr, struct endpoint **list,
		     const char **why)
{
	if (is_name(addr))
		return look_up(addr, list, why);
	*list = malloc(2 * sizeof(**list));
	*why = "no memory";
	return *list ? addr_resolve(addr, *list, why) : 0;
}

int addr_resolve(const struct addr *addr, struct endpoint *list,
		 const char **why)
{
	struct endpoint *all = NULL;
	int count;

	if (addr->kind == ADDR_UNIX || addr->kind == ADDR_ABSTRACT) {
		unix_endpoint(addr, list);
		return 1;
	}
	if (!is_name(addr))
		return loopback(addr, list);
	count = look_up(addr, &all, why);
	if (count > ADDR_ENDPOINTS_MAX) {
		*why = "the name has more than 16 addresses";
		count = 0;
	}
	if (count > 0)
		memcpy(list, all, (size_t)count * sizeof(*all));
	free(all);
	return count;
}

static void format_unix(const struct endpoint *endpoint, char *text)
{
	const size_t before = offsetof(struct sockaddr_un, sun_path);
	struct sockaddr_un name;
	size_t length;

	memcpy(&name, &endpoint->name, sizeof(name));
	if (endpoint->length <= before) {
		text_format(text, ADDR_TEXT_MAX, "a unix socket");
		return;
	}
	length = endpoint->length - before;
	if (name.sun_path[0])
		text_format(text, ADDR_TEXT_MAX, "%.*s", (int)length,
			    name.sun_path);
	else
		text_format(text, ADDR_TEXT_MAX, "@%.*s", (int)length - 1,
			    name.sun_path + 1);
}

static void format_inet(const struct endpoint *endpoint, char *text)
{
	struct sockaddr_in name;
	unsigned char byte[4];

	memcpy(&name, &endpoint->name, sizeof(name));
	memcpy(byte, &name.sin_addr, sizeof(byte));
	text_format(text, ADDR_TEXT_MAX, "%u.%u.%u.%u:%u", byte[0], byte[1],
		    byte[2], byte[3], ntohs(name.sin_port));
}

/* With :: for zeros only where they begin it, which is what loopback and the
 * wildcard need. */
static void format_inet6(const struct endpoint *endpoint, char *text)
{
	struct sockaddr_in6 name;
	const unsigned char *byte = name.sin6_addr.s6_addr;
	size_t used;
	int i = 0;

	memcpy(&name, &endpoint->name, sizeof(name));
	while (i < 7 && byte[2 * i] == 0 && byte[2 * i + 1] == 0)
		i++;
	used = text_format(text, ADDR_TEXT_MAX, "[%s", i > 0 ? "::" : "");
	if (i == 7 && byte[14] == 0 && byte[15] == 0)
		i = 8;
	for (; i < 8; i++)
		used += text_format(text + used, ADDR_TEXT_MAX - used, "%x%s",
				    (unsigned)byte[2 * i] << 8 |
					    byte[2 * i + 1],
				    i < 7 ? ":" : "");
	text_format(text + used, ADDR_TEXT_MAX - used, "]:%u",
		    ntohs(name.sin6_port));
}

const char *addr_format(const struct endpoint *endpoint,
			char text[ADDR_TEXT_MAX])
{
	switch (endpoint->name.ss_family) {
	case AF_UNIX:
		format_unix(endpoint, text);
		break;
	case AF_INET:
		format_inet(endpoint, text);
		break;
	case AF_INET6:
		format_inet6(endpoint, text);
		break;
	default:
		text_format(text, ADDR_TEXT_MAX, "an unknown kind of socket");
	}
	return text;
}
