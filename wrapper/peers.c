/*
 * peers: the list of web servers, read once. It judges an address and closes
 * nothing.
 */
#include "peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "log.h"
#include "settings.h"

/* IPv4 addresses stand here as IPv6 ones (::ffff:a.b.c.d). */
static struct in6_addr allowed[SETTINGS_LIST_MAX];
static int allowed_count;
static bool limited;

static struct in6_addr mapped(struct in_addr address)
{
	struct in6_addr result = {.s6_addr = {[10] = 0xff, [11] = 0xff}};

	memcpy(result.s6_addr + 12, &address, 4);
	return result;
}

static int add(const char *text)
{
	struct in_addr address;

	if (allowed_count == SETTINGS_LIST_MAX)
		return -1;
	if (inet_pton(AF_INET, text, &address) == 1)
		allowed[allowed_count] = mapped(address);
	else if (inet_pton(AF_INET6, text, &allowed[allowed_count]) != 1)
		return -1;
	allowed_count++;
	return 0;
}

const char *peers_init(void)
{
	static char item[INET6_ADDRSTRLEN + 1];
	const char *p = set.web_server_addrs;

	if (!p || !*p)
		return NULL;
	limited = true;
	while (*p) {
		size_t length = strcspn(p, ",");
		size_t start = strspn(p, " \t[");
		size_t end = length;

		while (end > start && strchr(" \t]", p[end - 1]))
			end--;
		if (end - start >= sizeof(item))
			return p;
		memcpy(item, p + start, end - start);
		item[end - start] = '\0';
		if (add(item) < 0)
			return item;
		p += length;
		p += *p == ',';
	}
	return NULL;
}

bool peers_allowed(const struct endpoint *peer)
{
	struct in6_addr address;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	char text[ADDR_TEXT_MAX];
	int i;

	if (!limited || peer->name.ss_family == AF_UNIX)
		return true;
	if (peer->name.ss_family == AF_INET) {
		memcpy(&in, &peer->name, sizeof(in));
		address = mapped(in.sin_addr);
	} else {
		memcpy(&in6, &peer->name, sizeof(in6));
		address = in6.sin6_addr;
	}
	for (i = 0; i < allowed_count; i++)
		if (memcmp(&address, &allowed[i], sizeof(address)) == 0)
			return true;
	note("%s: not in FCGI_WEB_SERVER_ADDRS: closed",
	     addr_format(peer, text));
	return false;
}
