/*
 * app SOCKET [MIB]: a FastCGI application for the bridges to ask, on a unix
 * socket, one request after the other, nothing more than that. It answers with
 * the request's query or, given MIB, with so much of the pattern; if the
 * request had a body it says how much came, as programs/sink.c does.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "addr.h"
#include "pair.h"
#include "record.h"
#include "pattern.h"

struct request {
	struct record_reader reader;
	struct pair_reader pairs;
	bool query; /* the pair at hand is QUERY_STRING */
	size_t name_used;
	char name[16];
	size_t text_used;
	char text[256];
	unsigned long long body;
	bool right;
	bool whole;
};

static void take_params(struct request *request, const struct record *record)
{
	const unsigned char *at = record->bytes, *bytes;
	enum pair_result result;
	size_t n;

	while ((result = pair_next(&request->pairs, &at,
				   record->bytes + record->length, &bytes,
				   &n)) != PAIR_MORE) {
		if (result == PAIR_BEGIN) {
			request->name_used = 0;
		} else if (result == PAIR_NAME) {
			if (request->name_used + n < sizeof(request->name))
				memcpy(request->name + request->name_used,
				       bytes, n);
			request->name_used += n;
		} else if (result == PAIR_VALUE && request->name_used == 12 &&
			   memcmp(request->name, "QUERY_STRING", 12) == 0 &&
			   request->text_used + n < sizeof(request->text)) {
			memcpy(request->text + request->text_used, bytes, n);
			request->text_used += n;
		}
	}
}

static void take(struct request *request, const struct record *record)
{
	if (record->type == FCGI_PARAMS) {
		take_params(request, record);
	} else if (record->type == FCGI_STDIN) {
		if (record->content_length == 0)
			request->whole = true;
		if (!pattern_fits(record->bytes, record->length, request->body))
			request->right = false;
		request->body += record->length;
	}
}

/* One record, whole; false if the bridge has gone. */
static bool put(int fd, uint8_t type, const void *content, size_t n)
{
	unsigned char header[FCGI_HEADER_LEN];
	struct iovec parts[2] = {
		{header, sizeof(header)},
		{(void *)content, n},
	};

	record_header(header, type, 1, (uint16_t)n, 0);
	while (parts[0].iov_len + parts[1].iov_len > 0) {
		ssize_t sent = writev(fd, parts, 2);
		size_t of_first;
		if (sent < 0)
			return false;
		of_first = (size_t)sent < parts[0].iov_len ? (size_t)sent
							   : parts[0].iov_len;
		parts[0].iov_base = (char *)parts[0].iov_base + of_first;
		parts[0].iov_len -= of_first;
		parts[1].iov_base =
			(char *)parts[1].iov_base + ((size_t)sent - of_first);
		parts[1].iov_len -= (size_t)sent - of_first;
	}
	return true;
}

static void answer(int fd, const struct request *request,
		   const unsigned char *pattern, unsigned long long pour)
{
	unsigned char end[24];
	unsigned long long at;
	char text[400];
	int n;

	if (pour)
		n = snprintf(text, sizeof(text),
			     "Content-Type: application/octet-stream\r\n\r\n");
	else if (request->body)
		n = snprintf(text, sizeof(text),
			     "Content-Type: text/plain\r\n\r\n%s %llu\n",
			     request->right ? "sank" : "spoilt", request->body);
	else
		n = snprintf(text, sizeof(text),
			     "Content-Type: text/plain\r\n\r\nhello %.*s\n",
			     (int)request->text_used, request->text);
	put(fd, FCGI_STDOUT, text, (size_t)n);
	for (at = 0; at < pour; at += RECORD_CONTENT_MAX) {
		unsigned long long left = pour - at;
		if (!put(fd, FCGI_STDOUT, pattern + at % PATTERN_PERIOD,
			 left < RECORD_CONTENT_MAX ? (size_t)left
						   : RECORD_CONTENT_MAX))
			return;
	}
	record_header(end, FCGI_STDOUT, 1, 0, 0);
	record_end_request(end + 8, 1, 0, FCGI_REQUEST_COMPLETE);
	if (write(fd, end, sizeof(end)) < 0)
		perror("app: write");
}

static void serve(int fd, const unsigned char *pattern, unsigned long long pour)
{
	static unsigned char input[1 << 17];
	struct request request = {.right = true};
	struct record record;
	ssize_t n;

	while (!request.whole && (n = read(fd, input, sizeof(input))) > 0) {
		const unsigned char *at = input;
		while (record_next(&request.reader, &at, input + n, &record) ==
		       RECORD_PIECE)
			take(&request, &record);
	}
	if (request.whole)
		answer(fd, &request, pattern, pour);
}

int main(int argc, char **argv)
{
	struct endpoint list[ADDR_ENDPOINTS_MAX];
	unsigned char *pattern = pattern_make();
	unsigned long long pour = 0;
	struct addr addr;
	const char *why;
	int fd, listener;

	if (argc < 2 || !pattern || addr_parse(&addr, argv[1]) ||
	    addr_resolve(&addr, list, &why) < 1)
		return 2;
	if (argc > 2)
		pour = strtoull(argv[2], NULL, 10) << 20;
	signal(SIGPIPE, SIG_IGN);
	listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (listener < 0 ||
	    bind(listener, (struct sockaddr *)&list[0].name, list[0].length) ||
	    listen(listener, 64)) {
		perror("app");
		return 2;
	}
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		serve(fd, pattern, pour);
		close(fd);
	}
	return 1;
}
