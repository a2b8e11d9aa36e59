/*
 * badapp ADDR SEEN STEP...: an application that does exactly what it is told,
 * right or wrong, for tests of the bridge. Each connection, one after the
 * other, goes through all steps and is closed then. What is received is noted
 * in the file SEEN, a line a record: its name, id, length; whole or cut for
 * name-value pairs; ABORT at once. In TEXT \xHH and \n are as in C.
 *
 *  params        reads to the end of FCGI_PARAMS
 *  stdin         reads to the end of FCGI_STDIN, or of the connection
 *  data          reads to the end of FCGI_DATA, or of the connection
 *  eof           reads to the end of the connection
 *  out TEXT, err TEXT            a record
 *  head TYPE ID LENGTH PADDING   a record's header alone
 *  raw TEXT                      bytes as they are
 *  bytewise TEXT                 the same, each byte in a write of its own
 *  fill N                        N bytes of FCGI_STDOUT in full records
 *  flood TYPE ID PADDING         empty records of padding, without end
 *  end [APPSTATUS [PROTOCOLSTATUS]]
 *  split N       what is sent from here on goes in writes of N bytes
 *  await FILE    waits until it is there
 *  hang          does nothing until the connection is closed
 *  reset         closes the connection with a TCP reset
 *
 * "deaf" in place of all steps: never accepts.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "addr.h"
#include "listen.h"
#include "pair.h"
#include "record.h"

struct app {
	int fd;
	FILE *seen;
	struct record_reader reader;
	struct pair_reader pairs;
	unsigned char block[65536];
	const unsigned char *at;
	const unsigned char *end;
	size_t split; /* bytes a write; 0: all */
	bool closed;
};

static void send_all(struct app *app, const void *bytes, size_t n)
{
	const char *from = bytes;

	while (n > 0 && !app->closed) {
		size_t part = app->split && app->split < n ? app->split : n;
		ssize_t sent = send(app->fd, from, part, MSG_NOSIGNAL);

		if (sent < 0) {
			app->closed = true;
			return;
		}
		from += sent;
		n -= (size_t)sent;
	}
}

static void send_record(struct app *app, uint8_t type, const void *bytes,
			size_t n)
{
	static unsigned char record[FCGI_HEADER_LEN + FCGI_MAX_CONTENT];

	record_header(record, type, 1, (uint16_t)n, 0);
	memcpy(record + FCGI_HEADER_LEN, bytes, n);
	send_all(app, record, FCGI_HEADER_LEN + n);
}

/* Undoes \xHH and \n in place; returns the length. */
static size_t unescape(char *text)
{
	char *to = text;
	char *from = text;

	while (*from) {
		char hex[3] = "";

		if (from[0] != '\\') {
			*to++ = *from++;
		} else if (from[1] == 'x') {
			memcpy(hex, from + 2, 2);
			*to++ = (char)strtol(hex, NULL, 16);
			from += 4;
		} else {
			*to++ = from[1] == 'n' ? '\n' : from[1];
			from += 2;
		}
	}
	return (size_t)(to - text);
}

static bool receive(struct app *app)
{
	ssize_t n = recv(app->fd, app->block, sizeof(app->block), 0);

	if (n <= 0) {
		app->closed = true;
		return false;
	}
	app->at = app->block;
	app->end = app->block + n;
	return true;
}

static void note_record(struct app *app, const struct record *record)
{
	const unsigned char *at = record->bytes;
	const unsigned char *part;
	size_t length;

	if (record->first)
		fprintf(app->seen, "%s %u %u",
			record_type_name(record->type)
				? record_type_name(record->type)
				: "?",
			record->id, record->content_length);
	if (record->type == FCGI_PARAMS)
		while (pair_next(&app->pairs, &at,
				 record->bytes + record->length, &part,
				 &length) != PAIR_MORE)
			;
	if (!record->last)
		return;
	if (record->type == FCGI_PARAMS && record->content_length > 0)
		fprintf(app->seen, " %s",
			pair_complete(&app->pairs) ? "whole" : "cut");
	fputc('\n', app->seen);
	fflush(app->seen);
}

/* Reads until a stream's end; 0: until the connection's. */
static void read_to(struct app *app, uint8_t type)
{
	struct record record;

	while (!app->closed) {
		enum record_result result =
			record_next(&app->reader, &app->at, app->end, &record);

		if (result == RECORD_BAD) {
			fprintf(app->seen, "garbage\n");
			app->closed = true;
		} else if (result == RECORD_MORE) {
			receive(app);
		} else {
			note_record(app, &record);
			if (record.type == type && record.content_length == 0)
				return;
		}
	}
}

static void fill(struct app *app, unsigned long n)
{
	static unsigned char block[RECORD_CONTENT_MAX];

	memset(block, 'x', sizeof(block));
	while (n > 0 && !app->closed) {
		size_t part = n < sizeof(block) ? n : sizeof(block);

		send_record(app, FCGI_STDOUT, block, part);
		n -= part;
	}
}

static void flood(struct app *app, uint8_t type, uint16_t id, uint8_t padding)
{
	unsigned char record[FCGI_HEADER_LEN + 255] = {0};

	record_header(record, type, id, 0, padding);
	while (!app->closed)
		send_all(app, record, (size_t)FCGI_HEADER_LEN + padding);
}

static void await(const char *path)
{
	const struct timespec pause = {.tv_nsec = 10000000};

	while (access(path, F_OK) < 0)
		nanosleep(&pause, NULL);
}

static void reset(struct app *app)
{
	struct linger linger = {.l_onoff = 1, .l_linger = 0};

	setsockopt(app->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	app->closed = true;
}

static unsigned long number(char **words, int index)
{
	return words[index] ? strtoul(words[index], NULL, 0) : 0;
}

static void end_request(struct app *app, char **words)
{
	unsigned char record[16];

	record_end_request(record, 1, (uint32_t)number(words, 1),
			   words[1] ? (uint8_t)number(words, 2) : 0);
	send_all(app, record, sizeof(record));
}

static void header(struct app *app, char **words)
{
	unsigned char bytes[FCGI_HEADER_LEN];

	record_header(bytes, (uint8_t)number(words, 1),
		      (uint16_t)number(words, 2), (uint16_t)number(words, 3),
		      (uint8_t)number(words, 4));
	send_all(app, bytes, sizeof(bytes));
}

static void send_text(struct app *app, const char *verb, char *text)
{
	size_t before = app->split;
	size_t n = unescape(text);

	if (strcmp(verb, "bytewise") == 0)
		app->split = 1;
	if (strcmp(verb, "out") == 0)
		send_record(app, FCGI_STDOUT, text, n);
	else if (strcmp(verb, "err") == 0)
		send_record(app, FCGI_STDERR, text, n);
	else
		send_all(app, text, n);
	app->split = before;
}

static void act(struct app *app, char **words)
{
	const char *verb = words[0];

	if (strcmp(verb, "params") == 0)
		read_to(app, FCGI_PARAMS);
	else if (strcmp(verb, "stdin") == 0)
		read_to(app, FCGI_STDIN);
	else if (strcmp(verb, "data") == 0)
		read_to(app, FCGI_DATA);
	else if (strcmp(verb, "eof") == 0 || strcmp(verb, "hang") == 0)
		read_to(app, 0);
	else if (strcmp(verb, "head") == 0)
		header(app, words);
	else if (strcmp(verb, "fill") == 0)
		fill(app, number(words, 1));
	else if (strcmp(verb, "flood") == 0)
		flood(app, (uint8_t)number(words, 1),
		      (uint16_t)number(words, 2), (uint8_t)number(words, 3));
	else if (strcmp(verb, "end") == 0)
		end_request(app, words);
	else if (strcmp(verb, "split") == 0)
		app->split = number(words, 1);
	else if (strcmp(verb, "await") == 0)
		await(words[1]);
	else if (strcmp(verb, "reset") == 0)
		reset(app);
	else
		exit(2);
}

/* One step: a verb and its words; a text is the rest of it. */
static void step(struct app *app, const char *line)
{
	char copy[4096];
	char *words[8] = {NULL};
	char *p = copy;
	int count = 0;

	snprintf(copy, sizeof(copy), "%s", line);
	p = strchr(copy, ' ');
	if (p &&
	    (strncmp(copy, "out ", 4) == 0 || strncmp(copy, "err ", 4) == 0 ||
	     strncmp(copy, "raw ", 4) == 0 ||
	     strncmp(copy, "bytewise ", 9) == 0)) {
		*p = '\0';
		send_text(app, copy, p + 1);
		return;
	}
	for (p = strtok_r(copy, " ", &words[7]); p && count < 6;
	     p = strtok_r(NULL, " ", &words[7]))
		words[count++] = p;
	if (count > 0)
		act(app, words);
}

static void serve(int fd, const char *path, char **steps)
{
	struct app app = {.fd = fd};

	app.seen = fopen(path, "a");
	if (!app.seen)
		exit(1);
	for (; *steps && !app.closed; steps++)
		step(&app, *steps);
	fputs("closed\n", app.seen);
	fclose(app.seen);
	close(fd);
}

int main(int argc, char **argv)
{
	const struct listen_wish wish = {.mode = 0666,
					 .user = (uid_t)-1,
					 .group = (gid_t)-1,
					 .backlog = 1};
	struct listener listeners[ADDR_ENDPOINTS_MAX];
	char why[LISTEN_WHY_MAX];
	struct addr addr;
	struct pollfd one = {.events = POLLIN};

	if (argc < 4 || addr_parse(&addr, argv[1]) ||
	    listen_open(&addr, &wish, listeners, why) < 1) {
		fprintf(stderr, "badapp: cannot listen\n");
		return 1;
	}
	one.fd = listeners[0].fd;
	if (strcmp(argv[3], "deaf") == 0)
		one.events = 0;
	for (;;) {
		int fd;

		poll(&one, 1, -1);
		fd = accept(one.fd, NULL, NULL);
		if (fd >= 0)
			serve(fd, argv[2], argv + 3);
	}
}
