/*
 * wire ADDR ITEM...: a FastCGI client that does exactly what it is told, for
 * tests of the other end. An item is one argument, of words; `-` reads items
 * from stdin, one a line. In words \s is a blank, \n \r \t \0 \\ \xHH as in C.
 *
 *  begin ID [ROLE] [keep]    params ID NAME=VALUE...   (none: stream's end)
 *  stdin ID [TEXT]           data ID [TEXT]            (none: stream's end)
 *  fill ID BYTES             FCGI_STDIN, a pattern, no end
 *  flood ID                  fills until nothing is taken for 0.5 s, tells
 *  abort ID                  get-values NAME...
 *  get ID FILE [NAME=VALUE]  a whole request that keeps the connection
 *  post ID FILE TEXT         likewise with a body
 *  open ID FILE [NAME=VALUE] a request whose FCGI_STDIN has no end yet
 *  record TYPE ID [TEXT]     raw TEXT
 *  chunk N                   from now on N bytes a write (0: all at once)
 *  pad N                     padding of the records from now on
 *  hold, flush               collect what is sent; send it in one write
 *  half, close, reconnect    of the connection
 *  end ID...                 waits until these requests have ended
 *  ends N                    until N requests have ended in all
 *  records N                 until N records have come in all
 *  out ID TEXT, err ID TEXT  until a request's stream holds TEXT
 *  eof                       until the other end closes
 *  quiet MS                  nothing may come for so long
 *  stall MS                  reads nothing for so long
 *  create FILE, await FILE   tells and waits for programs and tests
 *  timeout SEC               of every wait (10); nothing waits for ever
 *  order                     prints the ids in the order that they ended
 *  show                      prints every record that has come, in order
 *  tell ID                   prints a request's streams and its end
 *  sum ID                    prints their lengths and checksums
 *
 * Exit status: 0; 1 a wait was in vain, 2 an item is wrong, 3 the other end
 * broke the protocol (a record after its request's or stream's end, an empty
 * FCGI_STDERR that closes nothing, bytes that are no record).
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "addr.h"
#include "pair.h"
#include "record.h"

enum {
	WORDS_MAX = 512,
	KEPT_MAX = 1 << 18, /* of a stream, as text */
	LOG_MAX = 1 << 20,
	FILL_MAX = 32768,
};

struct stream {
	char *text; /* its beginning, ended by NUL */
	size_t kept;
	unsigned long long length;
	uint64_t hash;
	bool closed;
};

struct request {
	struct stream out;
	struct stream err;
	bool ended;
	uint32_t status;
	uint8_t protocol;
	unsigned long long filled;
};

static struct {
	const char *addr;
	int fd;
	struct record_reader reader;
	bool eof;
	long timeout_ms;
	size_t chunk;
	uint8_t pad;
	bool holding;
	unsigned char *held;
	size_t held_length;
	struct request request[65536];
	uint16_t order[65536];
	long ends;
	long records;
	char *log;
	size_t log_length;
} wire;

struct words {
	char *word[WORDS_MAX];
	size_t length[WORDS_MAX];
	int count;
};

static void stop(int status, const char *format, ...)
{
	va_list list;

	fflush(stdout);
	fputs("wire: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
	exit(status);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void print_bytes(FILE *file, const void *bytes, size_t n)
{
	const unsigned char *byte = bytes;
	size_t i;

	for (i = 0; i < n; i++)
		if (byte[i] == '\n')
			fputs("\\n", file);
		else if (byte[i] == '\r')
			fputs("\\r", file);
		else if (byte[i] == '\\')
			fputs("\\\\", file);
		else if (byte[i] < ' ' || byte[i] == 0x7f)
			fprintf(file, "\\x%02x", byte[i]);
		else
			fputc(byte[i], file);
}

/* --- What comes */

static void stream_take(struct stream *stream, const struct record *record,
			const char *name)
{
	size_t n = record->length;
	size_t i;

	if (stream->closed)
		stop(3, "%s of %d after its end", name, record->id);
	if (record->content_length == 0) {
		if (record->type == FCGI_STDERR && stream->length == 0)
			stop(3, "an empty FCGI_STDERR closes nothing");
		stream->closed = true;
		return;
	}
	if (stream->length == 0)
		stream->hash = 14695981039346656037u;
	for (i = 0; i < n; i++)
		stream->hash =
			(stream->hash ^ record->bytes[i]) * 1099511628211u;
	stream->length += n;
	if (n > KEPT_MAX - stream->kept)
		n = KEPT_MAX - stream->kept;
	if (n == 0)
		return;
	stream->text = realloc(stream->text, stream->kept + n + 1);
	memcpy(stream->text + stream->kept, record->bytes, n);
	stream->kept += n;
	stream->text[stream->kept] = '\0';
}

static void log_record(const struct record *record)
{
	const char *name = record_type_name(record->type);
	FILE *file;
	size_t room = LOG_MAX - wire.log_length;

	if (room < 4096 || (record->length > 1000 && room < LOG_MAX / 2))
		return;
	file = fmemopen(wire.log + wire.log_length, room, "w");
	if (record->first)
		fprintf(file, "%s %d %d ", name ? name + 5 : "?", record->id,
			record->content_length);
	print_bytes(file, record->bytes,
		    record->length < 1000 ? record->length : 1000);
	if (record->last)
		fputc('\n', file);
	fflush(file);
	wire.log_length += (size_t)ftell(file);
	fclose(file);
}

static void take_end(struct request *request, const struct record *record)
{
	if (record->length < 8)
		stop(3, "END_REQUEST of %d bytes", (int)record->length);
	request->ended = true;
	request->status = record_u32(record->bytes);
	request->protocol = record->bytes[4];
	if (wire.ends < 65536)
		wire.order[wire.ends] = record->id;
	wire.ends++;
}

static void take_record(const struct record *record)
{
	struct request *request = &wire.request[record->id];

	log_record(record);
	if (record->id != 0 && request->ended)
		stop(3, "a record of type %d for %d after its END_REQUEST",
		     record->type, record->id);
	if (record->last)
		wire.records++;
	switch (record->type) {
	case FCGI_STDOUT:
		stream_take(&request->out, record, "FCGI_STDOUT");
		break;
	case FCGI_STDERR:
		stream_take(&request->err, record, "FCGI_STDERR");
		break;
	case FCGI_END_REQUEST:
		take_end(request, record);
		break;
	case FCGI_GET_VALUES_RESULT:
	case FCGI_UNKNOWN_TYPE:
		if (record->id == 0)
			break;
		/* fall through */
	default:
		stop(3, "a record of type %d for %d", record->type, record->id);
	}
}

static void read_some(void)
{
	static unsigned char buffer[1 << 16];
	const unsigned char *at = buffer;
	struct record record;
	enum record_result result;
	ssize_t n = read(wire.fd, buffer, sizeof(buffer));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		if (wire.reader.have > 0)
			stop(3, "the connection ends within a record");
		wire.eof = true;
		return;
	}
	while ((result = record_next(&wire.reader, &at, buffer + n, &record)) ==
	       RECORD_PIECE)
		take_record(&record);
	if (result == RECORD_BAD)
		stop(3, "what came is not FastCGI");
}

/* Waits for events, reading what comes; returns what there is. */
static short wait_for(short events, long ms)
{
	struct pollfd poll_fd = {.fd = wire.fd, .events = events};

	if (wire.eof)
		poll_fd.events &= (short)~POLLIN;
	if (poll(&poll_fd, 1, (int)(ms < 0 ? 0 : ms)) <= 0)
		return 0;
	if (events & POLLIN && !wire.eof &&
	    poll_fd.revents & (POLLIN | POLLHUP | POLLERR))
		read_some();
	return poll_fd.revents;
}

/* --- What goes */

/* Returns how many bytes went before nothing moved for so long. */
static size_t send_for(const unsigned char *bytes, size_t n, long patience_ms)
{
	size_t sent = 0;
	int64_t last = now_ms();

	while (sent < n && now_ms() - last < patience_ms) {
		size_t part = n - sent;
		ssize_t done;

		if (wire.chunk > 0 && part > wire.chunk)
			part = wire.chunk;
		done = write(wire.fd, bytes + sent, part);
		if (done > 0) {
			sent += (size_t)done;
			last = now_ms();
		} else if (errno == EPIPE || errno == ECONNRESET) {
			wire.eof = true;
			return n;
		}
		wait_for(done > 0 ? POLLIN : POLLIN | POLLOUT,
			 done > 0 ? 0 : 20);
	}
	return sent;
}

static void send_bytes(const unsigned char *bytes, size_t n)
{
	if (wire.holding) {
		wire.held = realloc(wire.held, wire.held_length + n);
		memcpy(wire.held + wire.held_length, bytes, n);
		wire.held_length += n;
		return;
	}
	if (send_for(bytes, n, wire.timeout_ms) < n)
		stop(1, "%d bytes cannot be sent", (int)n);
}

static size_t make_record(unsigned char *to, uint8_t type, uint16_t id,
			  const void *content, size_t n)
{
	record_header(to, type, id, (uint16_t)n, wire.pad);
	if (n > 0)
		memcpy(to + FCGI_HEADER_LEN, content, n);
	memset(to + FCGI_HEADER_LEN + n, 0xa5, wire.pad);
	return FCGI_HEADER_LEN + n + wire.pad;
}

static void send_record(uint8_t type, uint16_t id, const void *content,
			size_t n)
{
	static unsigned char bytes[FCGI_HEADER_LEN + FCGI_MAX_CONTENT + 255];

	if (n > FCGI_MAX_CONTENT)
		stop(2, "a record holds %d bytes at most", FCGI_MAX_CONTENT);
	send_bytes(bytes, make_record(bytes, type, id, content, n));
}

static void send_begin(uint16_t id, uint16_t role, uint8_t flags)
{
	unsigned char body[8] = {(unsigned char)(role >> 8),
				 (unsigned char)role, flags};
	struct request *request = &wire.request[id];

	free(request->out.text);
	free(request->err.text);
	memset(request, 0, sizeof(*request));
	send_record(FCGI_BEGIN_REQUEST, id, body, sizeof(body));
}

static void send_pairs(uint8_t type, uint16_t id, const struct words *words,
		       int from)
{
	static unsigned char content[FCGI_MAX_CONTENT + 8];
	size_t n = 0;
	int i;

	for (i = from; i < words->count; i++) {
		const char *word = words->word[i];
		size_t all = words->length[i];
		const char *equals = memchr(word, '=', all);
		size_t name = equals ? (size_t)(equals - word) : all;
		size_t value = equals ? all - name - 1 : 0;

		if (n + all > FCGI_MAX_CONTENT)
			stop(2, "too much for one record");
		n += pair_lengths(content + n, (uint32_t)name, (uint32_t)value);
		memcpy(content + n, word, name);
		n += name;
		if (value > 0)
			memcpy(content + n, equals + 1, value);
		n += value;
	}
	send_record(type, id, content, n);
}

/* Bytes of a pattern that goes on over records: byte i of a stream is
 * 'A' + i % 251 % 26 whatever it is cut into. */
static size_t fill_record(uint16_t id, size_t n, unsigned char *bytes)
{
	static unsigned char content[FILL_MAX];
	unsigned long long at = wire.request[id].filled;
	size_t i;

	for (i = 0; i < n; i++)
		content[i] = (unsigned char)('A' + (at + i) % 251 % 26);
	wire.request[id].filled += n;
	return make_record(bytes, FCGI_STDIN, id, content, n);
}

static void fill(uint16_t id, unsigned long long n)
{
	static unsigned char bytes[FILL_MAX + 1024];

	while (n > 0) {
		size_t part = n < FILL_MAX ? (size_t)n : FILL_MAX;

		send_bytes(bytes, fill_record(id, part, bytes));
		n -= part;
	}
}

static void flood(uint16_t id)
{
	static unsigned char bytes[FILL_MAX + 1024];
	unsigned long long sent = 0;
	size_t n;
	size_t part;

	do {
		n = fill_record(id, FILL_MAX, bytes);
		part = send_for(bytes, n, 500);
		sent += part;
	} while (part == n && !wire.eof);
	printf("flooded %llu\n", sent);
}

static void wire_connect(void)
{
	struct addr addr;
	struct endpoint list[ADDR_ENDPOINTS_MAX];
	const char *why = addr_parse(&addr, wire.addr);
	int n = why ? 0 : addr_resolve(&addr, list, &why);
	int one = 1;

	if (n <= 0)
		stop(2, "%s: %s", wire.addr, why);
	wire.fd = socket(list[0].name.ss_family, SOCK_STREAM, 0);
	if (connect(wire.fd, (struct sockaddr *)&list[0].name, list[0].length) <
	    0)
		stop(1, "%s: %s", wire.addr, strerror(errno));
	fcntl(wire.fd, F_SETFL, O_NONBLOCK);
	setsockopt(wire.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	wire.eof = false;
	memset(&wire.reader, 0, sizeof(wire.reader));
}

/* --- Items */

/* In place; returns the length. */
static size_t unescape(char *word)
{
	static const char letters[] = "snrt0";
	static const char bytes[] = " \n\r\t";
	const char *from = word;
	const char *letter;
	char *to = word;
	unsigned byte;

	while (*from != '\0') {
		if (*from != '\\' || from[1] == '\0') {
			*to++ = *from++;
			continue;
		}
		letter = strchr(letters, from[1]);
		if (from[1] == 'x' && sscanf(from + 2, "%2x", &byte) == 1) {
			*to++ = (char)byte;
			from += 4;
		} else {
			*to++ = letter ? bytes[letter - letters] : from[1];
			from += 2;
		}
	}
	*to = '\0';
	return (size_t)(to - word);
}

static unsigned long number(const struct words *words, int i)
{
	char *end;
	unsigned long value;

	if (i >= words->count)
		stop(2, "%s: a number is missing", words->word[0]);
	value = strtoul(words->word[i], &end, 0);
	if (*end != '\0')
		stop(2, "%s is not a number", words->word[i]);
	return value;
}

static uint16_t id_of(const struct words *words)
{
	return (uint16_t)number(words, 1);
}

static uint16_t role_of(const char *word)
{
	if (strcmp(word, "responder") == 0)
		return FCGI_RESPONDER;
	if (strcmp(word, "authorizer") == 0)
		return FCGI_AUTHORIZER;
	if (strcmp(word, "filter") == 0)
		return FCGI_FILTER;
	return (uint16_t)strtoul(word, NULL, 0);
}

static bool all_ended(const struct words *words)
{
	int i;

	for (i = 1; i < words->count; i++)
		if (!wire.request[number(words, i) & 0xffff].ended)
			return false;
	return true;
}

static bool holds(const struct stream *stream, const struct words *words)
{
	return stream->kept > 0 &&
	       memmem(stream->text, stream->kept, words->word[2],
		      words->length[2]) != NULL;
}

static bool reached(const struct words *words)
{
	const char *what = words->word[0];

	if (strcmp(what, "end") == 0)
		return all_ended(words);
	if (strcmp(what, "ends") == 0)
		return wire.ends >= (long)number(words, 1);
	if (strcmp(what, "records") == 0)
		return wire.records >= (long)number(words, 1);
	if (strcmp(what, "out") == 0)
		return holds(&wire.request[id_of(words)].out, words);
	if (strcmp(what, "err") == 0)
		return holds(&wire.request[id_of(words)].err, words);
	if (strcmp(what, "await") == 0)
		return access(words->word[1], F_OK) == 0;
	return wire.eof;
}

static void wait_item(const struct words *words, const char *item)
{
	int64_t end = now_ms() + wire.timeout_ms;

	while (!reached(words)) {
		if (wire.eof && strcmp(words->word[0], "await") != 0)
			stop(1, "the connection was closed before: %s", item);
		if (now_ms() > end)
			stop(1, "in vain: %s", item);
		wait_for(POLLIN, 20);
	}
}

static void quiet(long ms)
{
	int64_t end = now_ms() + ms;
	long before = wire.records;

	while (now_ms() < end && !wire.eof)
		wait_for(POLLIN, (long)(end - now_ms()));
	if (wire.records != before || wire.eof)
		stop(1, "it is not quiet");
}

static void print_stream(uint16_t id, const char *name,
			 const struct stream *stream)
{
	if (stream->length == 0 && !stream->closed)
		return;
	printf("%d %s ", id, name);
	print_bytes(stdout, stream->text, stream->kept);
	puts(stream->closed ? "" : "...");
}

static void tell(uint16_t id)
{
	const struct request *request = &wire.request[id];

	print_stream(id, "STDOUT", &request->out);
	print_stream(id, "STDERR", &request->err);
	if (request->ended)
		printf("%d END %lu %d\n", id, (unsigned long)request->status,
		       request->protocol);
}

static void sum(uint16_t id)
{
	const struct request *request = &wire.request[id];

	printf("%d out=%llu:%016llx err=%llu:%016llx end=%d status=%lu\n", id,
	       request->out.length, (unsigned long long)request->out.hash,
	       request->err.length, (unsigned long long)request->err.hash,
	       request->ended, (unsigned long)request->status);
}

static void order(void)
{
	long i;

	for (i = 0; i < wire.ends && i < 65536; i++)
		printf("%s%d", i > 0 ? " " : "", wire.order[i]);
	putchar('\n');
}

static void flush(void)
{
	wire.holding = false;
	send_bytes(wire.held, wire.held_length);
	wire.held_length = 0;
}

/* begin, FCGI_PARAMS with what FILE needs, their end. */
static void open_request(const struct words *words, const char *method,
			 size_t length)
{
	static char line[3][4200];
	struct words pairs = {.count = 3};
	uint16_t id = id_of(words);
	int i;

	if (words->count < 3)
		stop(2, "%s: ID FILE", words->word[0]);
	snprintf(line[0], sizeof(line[0]), "SCRIPT_FILENAME=%s",
		 words->word[2]);
	snprintf(line[1], sizeof(line[1]), "REQUEST_METHOD=%s", method);
	snprintf(line[2], sizeof(line[2]), "CONTENT_LENGTH=%d", (int)length);
	for (i = 0; i < 3; i++) {
		pairs.word[i] = line[i];
		pairs.length[i] = strlen(line[i]);
	}
	if (strcmp(words->word[0], "post") != 0) {
		pairs.count = 2;
		for (i = 3; i < words->count; i++, pairs.count++) {
			pairs.word[pairs.count] = words->word[i];
			pairs.length[pairs.count] = words->length[i];
		}
	}
	send_begin(id, FCGI_RESPONDER, FCGI_KEEP_CONN);
	send_pairs(FCGI_PARAMS, id, &pairs, 0);
	send_record(FCGI_PARAMS, id, NULL, 0);
}

static void post(const struct words *words)
{
	size_t n = words->count > 3 ? words->length[3] : 0;

	open_request(words, "POST", n);
	if (n > 0)
		send_record(FCGI_STDIN, id_of(words), words->word[3], n);
	send_record(FCGI_STDIN, id_of(words), NULL, 0);
}

static bool is(const struct words *words, const char *name)
{
	return strcmp(words->word[0], name) == 0;
}

static void content_record(uint8_t type, uint16_t id, const struct words *words,
			   int i)
{
	if (i < words->count)
		send_record(type, id, words->word[i], words->length[i]);
	else
		send_record(type, id, NULL, 0);
}

static bool send_item(const struct words *words)
{
	if (is(words, "begin"))
		send_begin(id_of(words),
			   words->count > 2 ? role_of(words->word[2])
					    : FCGI_RESPONDER,
			   words->count > 3);
	else if (is(words, "params"))
		send_pairs(FCGI_PARAMS, id_of(words), words, 2);
	else if (is(words, "stdin"))
		content_record(FCGI_STDIN, id_of(words), words, 2);
	else if (is(words, "data"))
		content_record(FCGI_DATA, id_of(words), words, 2);
	else if (is(words, "abort"))
		send_record(FCGI_ABORT_REQUEST, id_of(words), NULL, 0);
	else if (is(words, "get-values"))
		send_pairs(FCGI_GET_VALUES, 0, words, 1);
	else if (is(words, "record"))
		content_record((uint8_t)number(words, 1),
			       (uint16_t)number(words, 2), words, 3);
	else if (is(words, "raw"))
		send_bytes((unsigned char *)words->word[1], words->length[1]);
	else if (is(words, "fill"))
		fill(id_of(words), number(words, 2));
	else if (is(words, "flood"))
		flood(id_of(words));
	else if (is(words, "post"))
		post(words);
	else if (is(words, "get") || is(words, "open"))
		open_request(words, "GET", 0);
	else
		return false;
	if (is(words, "get"))
		send_record(FCGI_STDIN, id_of(words), NULL, 0);
	return true;
}

static bool print_item(const struct words *words)
{
	int i;

	if (is(words, "show"))
		fwrite(wire.log, 1, wire.log_length, stdout);
	else if (is(words, "order"))
		order();
	else if (is(words, "tell"))
		for (i = 1; i < words->count; i++)
			tell((uint16_t)number(words, i));
	else if (is(words, "sum"))
		for (i = 1; i < words->count; i++)
			sum((uint16_t)number(words, i));
	else
		return false;
	fflush(stdout);
	return true;
}

static bool state_item(const struct words *words)
{
	struct timespec pause = {0};

	if (is(words, "chunk")) {
		wire.chunk = number(words, 1);
	} else if (is(words, "pad")) {
		wire.pad = (uint8_t)number(words, 1);
	} else if (is(words, "timeout")) {
		wire.timeout_ms = (long)number(words, 1) * 1000;
	} else if (is(words, "hold")) {
		wire.holding = true;
	} else if (is(words, "flush")) {
		flush();
	} else if (is(words, "half")) {
		shutdown(wire.fd, SHUT_WR);
	} else if (is(words, "close")) {
		close(wire.fd);
		wire.fd = -1;
	} else if (is(words, "reconnect")) {
		wire_connect();
	} else if (is(words, "stall")) {
		pause.tv_sec = (time_t)(number(words, 1) / 1000);
		pause.tv_nsec = (long)(number(words, 1) % 1000) * 1000000;
		nanosleep(&pause, NULL);
	} else if (is(words, "quiet")) {
		quiet((long)number(words, 1));
	} else if (is(words, "create")) {
		close(open(words->word[1], O_WRONLY | O_CREAT, 0666));
	} else {
		return false;
	}
	return true;
}

static void do_item(const char *item)
{
	static const char *const waits[] = {"end", "ends", "records", "out",
					    "err", "eof",  "await"};
	struct words words = {.count = 0};
	char *copy = strdup(item);
	char *at = copy;
	char *word;
	size_t i;

	while ((word = strsep(&at, " ")) && words.count < WORDS_MAX) {
		if (*word == '\0')
			continue;
		words.word[words.count] = word;
		words.length[words.count++] = unescape(word);
	}
	for (i = 0; words.count && i < sizeof(waits) / sizeof(*waits); i++)
		if (is(&words, waits[i])) {
			wait_item(&words, item);
			words.count = 0;
		}
	if (words.count > 0 && !send_item(&words) && !print_item(&words) &&
	    !state_item(&words))
		stop(2, "what is %s?", item);
	free(copy);
}

static void do_lines(void)
{
	char *line = NULL;
	size_t room = 0;

	while (getline(&line, &room, stdin) > 0) {
		line[strcspn(line, "\n")] = '\0';
		do_item(line);
	}
	free(line);
}

int main(int argc, char **argv)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	int i;

	if (argc < 3)
		stop(2, "ADDR ITEM...");
	sigaction(SIGPIPE, &ignore, NULL);
	wire.addr = argv[1];
	wire.timeout_ms = 10000;
	wire.log = malloc(LOG_MAX);
	wire_connect();
	for (i = 2; i < argc; i++)
		if (strcmp(argv[i], "-") == 0)
			do_lines();
		else
			do_item(argv[i]);
	return 0;
}
