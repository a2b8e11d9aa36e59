/*
 * addr: any text as an address. What is taken must mean the same when it is
 * written and read again. Names are not looked up.
 */
#include "addr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

void fuzz_init(void)
{
}

static bool needs_resolver(const struct addr *addr)
{
	unsigned char bytes[16];

	return addr->host[0] && inet_pton(AF_INET, addr->host, bytes) != 1 &&
	       inet_pton(AF_INET6, addr->host, bytes) != 1;
}

static void write_again(const struct endpoint *endpoint)
{
	char text[ADDR_TEXT_MAX];
	char again[ADDR_TEXT_MAX];
	char whole[ADDR_TEXT_MAX + 8];
	struct endpoint list[ADDR_ENDPOINTS_MAX];
	struct addr addr;
	const char *why;

	addr_format(endpoint, text);
	CHECK(strlen(text) < sizeof(text));
	snprintf(whole, sizeof(whole), "%s%s",
		 endpoint->name.ss_family == AF_UNIX ? "unix:" : "", text);
	CHECK(addr_parse(&addr, whole) == NULL);
	CHECK(addr_resolve(&addr, list, &why) > 0);
	CHECK(strcmp(addr_format(&list[0], again), text) == 0);
}

static void parse(const char *text)
{
	struct endpoint list[ADDR_ENDPOINTS_MAX];
	struct addr addr;
	const char *why;
	int count;
	int i;

	if (addr_parse(&addr, text))
		return;
	CHECK(memchr(addr.host, '\0', sizeof(addr.host)) != NULL);
	CHECK(memchr(addr.path, '\0', sizeof(addr.path)) != NULL);
	if (addr.kind == ADDR_UNIX || addr.kind == ADDR_ABSTRACT)
		CHECK(addr.path[0] != '\0');
	if (needs_resolver(&addr))
		return;
	count = addr_resolve(&addr, list, &why);
	for (i = 0; i < count; i++)
		write_again(&list[i]);
}

/* What the kernel may tell of a peer. */
static void format(struct input input)
{
	struct endpoint endpoint;
	const unsigned char *bytes;
	char text[ADDR_TEXT_MAX];
	size_t n;

	memset(&endpoint, 0, sizeof(endpoint));
	n = input_bytes(&input, sizeof(struct sockaddr_un), &bytes);
	memcpy(&endpoint.name, bytes, n);
	endpoint.length = (socklen_t)n;
	if (n < sizeof(sa_family_t))
		return;
	addr_format(&endpoint, text);
	CHECK(memchr(text, '\0', sizeof(text)) != NULL);
}

void fuzz_one(const unsigned char *bytes, size_t n)
{
	struct input input = {bytes, bytes + n};
	char *text = malloc(n + 1);

	CHECK(text != NULL);
	memcpy(text, bytes, n);
	text[n] = '\0';
	parse(text);
	free(text);
	format(input);
}
