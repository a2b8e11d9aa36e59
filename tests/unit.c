/*
 * unit: the wire format of common/record, tested from outside on bytes.
 * unit CASE: one of the cases below; silent and 0, or the check that failed
 * and 1. Every string of bytes is fed whole, byte by byte, and in every
 * two-way split, and must mean the same each time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pair.h"
#include "record.h"
#include "text.h"

#define CHECK(what)                                                            \
	do {                                                                   \
		if (!(what))                                                   \
			fail(#what, __func__, __LINE__);                       \
	} while (0)

enum { TEXT_MAX = 400000 };

/* What a reader made of its input, in one notation for all splits. */
struct told {
	char *text;
	size_t used;
};

static void fail(const char *what, const char *where, int line)
{
	fprintf(stderr, "unit: %s:%d: %s\n", where, line, what);
	exit(1);
}

static void tell(struct told *told, const void *bytes, size_t n)
{
	CHECK(told->used + n < TEXT_MAX);
	memcpy(told->text + told->used, bytes, n);
	told->used += n;
}

static void tell_text(struct told *told, const char *text)
{
	tell(told, text, strlen(text));
}

static struct told told_new(void)
{
	struct told told = {.text = malloc(TEXT_MAX)};

	CHECK(told.text != NULL);
	return told;
}

static void same(const struct told *a, const struct told *b)
{
	CHECK(a->used == b->used);
	CHECK(memcmp(a->text, b->text, a->used) == 0);
}

/* Record type, id, content and padding lengths, content; pieces of one record
 * leave no trace. */
static int records(struct record_reader *reader, const unsigned char *from,
		   const unsigned char *end, struct told *told)
{
	struct record record;
	enum record_result result;
	char line[64];

	while ((result = record_next(reader, &from, end, &record)) ==
	       RECORD_PIECE) {
		if (record.first) {
			snprintf(line, sizeof(line),
				 "<%d %d %d %d:", record.type, record.id,
				 record.content_length, record.padding_length);
			tell_text(told, line);
		}
		tell(told, record.bytes, record.length);
		if (record.last)
			tell_text(told, ">");
	}
	if (result == RECORD_BAD) {
		tell_text(told, "BAD");
		return -1;
	}
	CHECK(from == end);
	return 0;
}

static int pairs(struct pair_reader *reader, const unsigned char *from,
		 const unsigned char *end, struct told *told)
{
	const unsigned char *bytes;
	size_t length;
	char line[64];
	enum pair_result result;

	while ((result = pair_next(reader, &from, end, &bytes, &length)) !=
	       PAIR_MORE) {
		if (result == PAIR_BEGIN) {
			snprintf(line, sizeof(line),
				 "<%lu=%lu:", (unsigned long)reader->name,
				 (unsigned long)reader->value);
			tell_text(told, line);
		} else if (result == PAIR_END) {
			tell_text(told, ">");
		} else {
			tell(told, bytes, length);
		}
	}
	CHECK(from == end);
	return 0;
}

enum kind { RECORDS, PAIRS };

/* Feeds a copy of exactly n bytes, so that a read past them is seen. */
static int feed(enum kind kind, void *reader, const unsigned char *bytes,
		size_t n, struct told *told)
{
	unsigned char *copy = malloc(n + (n == 0));
	int result;

	CHECK(copy != NULL);
	memcpy(copy, bytes, n);
	if (kind == RECORDS)
		result = records(reader, copy, copy + n, told);
	else
		result = pairs(reader, copy, copy + n, told);
	free(copy);
	return result;
}

static struct told feed_parts(enum kind kind, const unsigned char *bytes,
			      size_t n, size_t first, size_t step)
{
	struct record_reader record_reader = {0};
	struct pair_reader pair_reader = {0};
	void *reader = &record_reader;
	struct told told = told_new();
	size_t at = 0;

	if (kind == PAIRS)
		reader = &pair_reader;
	while (at < n) {
		size_t size = at == 0 ? first : step;

		if (size > n - at)
			size = n - at;
		if (feed(kind, reader, bytes + at, size, &told) < 0)
			break;
		at += size;
	}
	return told;
}

/* All splits must agree; what they agree on is returned. */
static struct told agree(enum kind kind, const unsigned char *bytes, size_t n)
{
	struct told whole = feed_parts(kind, bytes, n, n, n);
	struct told part = feed_parts(kind, bytes, n, 1, 1);
	/* Of a long string its beginning, its end, and some between. */
	size_t stride = n > 2000 ? 997 : 1;
	size_t first;

	same(&whole, &part);
	free(part.text);
	for (first = 1; first < n; first++) {
		if (first > 600 && n - first > 600 && first % stride != 0)
			continue;
		part = feed_parts(kind, bytes, n, first, n);
		same(&whole, &part);
		free(part.text);
	}
	return whole;
}

static void expect(enum kind kind, const void *bytes, size_t n,
		   const char *text)
{
	struct told told = agree(kind, bytes, n);

	if (told.used != strlen(text) ||
	    memcmp(told.text, text, told.used) != 0)
		fprintf(stderr, "got  %.*s\nwant %s\n", (int)told.used,
			told.text, text);
	CHECK(told.used == strlen(text));
	CHECK(memcmp(told.text, text, told.used) == 0);
	free(told.text);
}

static size_t put_record(unsigned char *out, uint8_t type, uint16_t id,
			 size_t content, uint8_t padding)
{
	size_t i;

	record_header(out, type, id, (uint16_t)content, padding);
	for (i = 0; i < content; i++)
		out[8 + i] = (unsigned char)('a' + i % 23);
	memset(out + 8 + content, 0xee, padding);
	return 8 + content + padding;
}

static void test_header(void)
{
	unsigned char out[8];

	record_header(out, FCGI_STDOUT, 0x1234, 0xabcd, 7);
	CHECK(memcmp(out, "\x01\x06\x12\x34\xab\xcd\x07\x00", 8) == 0);
	record_header(out, FCGI_PARAMS, 65535, 65535, 255);
	CHECK(memcmp(out, "\x01\x04\xff\xff\xff\xff\xff\x00", 8) == 0);
	CHECK(record_u16((const unsigned char *)"\xff\xfe") == 0xfffe);
	CHECK(record_u32((const unsigned char *)"\xff\x00\x01\xfe") ==
	      0xff0001fe);
}

static void test_padding(void)
{
	size_t n;

	for (n = 0; n <= FCGI_MAX_CONTENT; n++) {
		CHECK(record_padding(n) < 8);
		CHECK((n + record_padding(n)) % 8 == 0);
	}
	CHECK(RECORD_CONTENT_MAX + record_padding(RECORD_CONTENT_MAX) <= 65535);
}

static void test_bodies(void)
{
	unsigned char out[16];

	record_begin_request(out, 258, FCGI_FILTER, FCGI_KEEP_CONN);
	CHECK(memcmp(out, "\1\1\1\2\0\10\0\0\0\3\1\0\0\0\0\0", 16) == 0);
	record_end_request(out, 1, 0x80ff0102, FCGI_OVERLOADED);
	CHECK(memcmp(out, "\1\3\0\1\0\10\0\0\x80\xff\1\2\2\0\0\0", 16) == 0);
}

static void test_types(void)
{
	CHECK(strcmp(record_type_name(1), "FCGI_BEGIN_REQUEST") == 0);
	CHECK(strcmp(record_type_name(11), "FCGI_UNKNOWN_TYPE") == 0);
	CHECK(record_type_name(0) == NULL);
	CHECK(record_type_name(12) == NULL);
	CHECK(record_type_name(255) == NULL);
}

/* Every length at which something changes, with and without padding. */
static void test_lengths(void)
{
	static const size_t lengths[] = {0,   1,   7,	  8,	 9,    127,
					 128, 255, 65527, 65528, 65535};
	static const uint8_t paddings[] = {0, 1, 7, 8, 255};
	unsigned char *bytes = malloc(200000);
	char head[64];
	size_t i;
	size_t j;
	size_t n;

	CHECK(bytes != NULL);
	for (i = 0; i < sizeof(lengths) / sizeof(*lengths); i++)
		for (j = 0; j < sizeof(paddings); j++) {
			struct told told;

			n = put_record(bytes, FCGI_STDIN, 7, lengths[i],
				       paddings[j]);
			n += put_record(bytes + n, FCGI_STDIN, 7, 0, 0);
			told = agree(RECORDS, bytes, n);
			snprintf(head, sizeof(head),
				 "<5 7 %d %d:", (int)lengths[i], paddings[j]);
			CHECK(memcmp(told.text, head, strlen(head)) == 0);
			CHECK(memcmp(told.text + strlen(head), bytes + 8,
				     lengths[i]) == 0);
			CHECK(told.used == strlen(head) + lengths[i] +
						   strlen("><5 7 0 0:>"));
			free(told.text);
		}
	free(bytes);
}

/* Every split of a whole conversation. */
static void test_conversation(void)
{
	unsigned char bytes[2000];
	size_t n = 16;

	record_begin_request(bytes, 9, FCGI_RESPONDER, 0);
	n += put_record(bytes + n, FCGI_PARAMS, 9, 3, 5);
	n += put_record(bytes + n, FCGI_PARAMS, 9, 0, 8);
	n += put_record(bytes + n, FCGI_STDIN, 9, 1, 255);
	n += put_record(bytes + n, 200, 0, 2, 0);
	n += put_record(bytes + n, FCGI_STDIN, 9, 0, 0);
	record_end_request(bytes + n, 9, 0x41424344, 'E');
	n += 16;
	bytes[9] = '1';
	memcpy(bytes + 10, "flags.", 6);
	bytes[8] = '0';
	memcpy(bytes + n - 3, "xyz", 3);
	expect(RECORDS, bytes, n,
	       "<1 9 8 0:01flags.><4 9 3 5:abc><4 9 0 8:><5 9 1 255:a>"
	       "<200 0 2 0:ab><5 9 0 0:><3 9 8 0:ABCDExyz>");
}

/* Bodies of the fixed types that are shorter or longer than 8 bytes. */
static void test_short_bodies(void)
{
	unsigned char bytes[600];
	size_t n;
	char want[64];

	for (n = 0; n < 8; n++) {
		size_t all = put_record(bytes, FCGI_BEGIN_REQUEST, 1, n, 3);

		snprintf(want, sizeof(want), "<1 1 %d 3:%.*s><2 1 0 0:>",
			 (int)n, (int)n, "abcdefgh");
		all += put_record(bytes + all, FCGI_ABORT_REQUEST, 1, 0, 0);
		expect(RECORDS, bytes, all, want);
	}
	n = put_record(bytes, FCGI_END_REQUEST, 1, 300, 4);
	n += put_record(bytes + n, FCGI_ABORT_REQUEST, 1, 0, 0);
	expect(RECORDS, bytes, n, "<3 1 300 4:abcdefgh><2 1 0 0:>");
}

static void test_version(void)
{
	unsigned char bytes[64];
	int version;
	size_t n;

	for (version = 0; version < 256; version++) {
		n = put_record(bytes, FCGI_STDIN, 1, 4, 0);
		put_record(bytes + n, FCGI_STDIN, 1, 4, 0);
		bytes[n] = (unsigned char)version;
		if (version == 1)
			expect(RECORDS, bytes, 2 * n,
			       "<5 1 4 0:abcd><5 1 4 0:abcd>");
		else
			expect(RECORDS, bytes, 2 * n, "<5 1 4 0:abcd>BAD");
		expect(RECORDS, bytes + n, 1, version == 1 ? "" : "BAD");
	}
	expect(RECORDS, "GET / HTTP/1.0\r\n\r\n", 18, "BAD");
}

/* What is given back comes again, at every place. */
static void test_unread(void)
{
	unsigned char bytes[64];
	size_t total = put_record(bytes, FCGI_STDIN, 3, 20, 4);
	size_t first;
	size_t back;

	for (first = 9; first <= 28; first++)
		for (back = 0; back <= first - 8; back++) {
			struct record_reader reader = {0};
			struct record record;
			const unsigned char *at = bytes;

			CHECK(record_next(&reader, &at, bytes + first,
					  &record) == RECORD_PIECE);
			CHECK(record.length == first - 8 && record.first);
			record_unread(&reader, &at, &record, back);
			CHECK(at == bytes + first - back);
			if (first == 28 && back == 0)
				continue;
			CHECK(record_next(&reader, &at, bytes + total,
					  &record) == RECORD_PIECE);
			CHECK(record.bytes == bytes + first - back);
			CHECK(record.length == 28 - first + back);
			CHECK(record.last);
			CHECK(record.first == (back == first - 8));
			CHECK(record_next(&reader, &at, bytes + total,
					  &record) == RECORD_MORE);
			CHECK(at == bytes + total && !reader.inside);
		}
}

static size_t put_pair(unsigned char *out, size_t name, size_t value)
{
	size_t n = pair_lengths(out, (uint32_t)name, (uint32_t)value);

	memset(out + n, 'n', name);
	memset(out + n + name, 'v', value);
	return n + name + value;
}

static void test_pair_lengths(void)
{
	unsigned char out[8];

	CHECK(pair_lengths(out, 0, 0) == 2 && memcmp(out, "\0\0", 2) == 0);
	CHECK(pair_lengths(out, 127, 128) == 5);
	CHECK(memcmp(out, "\x7f\x80\0\0\x80", 5) == 0);
	CHECK(pair_lengths(out, 128, 127) == 5);
	CHECK(memcmp(out, "\x80\0\0\x80\x7f", 5) == 0);
	CHECK(pair_lengths(out, 65535, 0x7fffffff) == 8);
	CHECK(memcmp(out, "\x80\0\xff\xff\xff\xff\xff\xff", 8) == 0);
}

static void test_pairs(void)
{
	static const size_t lengths[] = {0, 1, 127, 128, 65535};
	unsigned char *bytes = malloc(300000);
	char head[64];
	size_t i;
	size_t j;
	size_t n;

	CHECK(bytes != NULL);
	for (i = 0; i < 5; i++)
		for (j = 0; j < 5; j++) {
			struct told told;

			n = put_pair(bytes, lengths[i], lengths[j]);
			n += put_pair(bytes + n, 1, 0);
			told = agree(PAIRS, bytes, n);
			snprintf(head, sizeof(head), "<%d=%d:", (int)lengths[i],
				 (int)lengths[j]);
			CHECK(memcmp(told.text, head, strlen(head)) == 0);
			CHECK(told.used == strlen(head) + lengths[i] +
						   lengths[j] +
						   strlen("><1=0:n>"));
			free(told.text);
		}
	free(bytes);
}

/* §3.4 lets a short length be written in 4 bytes. */
static void test_long_form(void)
{
	expect(PAIRS, "\x80\0\0\1\2Axy", 8, "<1=2:Axy>");
	expect(PAIRS, "\1\x80\0\0\2Axy", 8, "<1=2:Axy>");
	expect(PAIRS, "\x80\0\0\1\x80\0\0\0A", 9, "<1=0:A>");
	expect(PAIRS, "\x80\0\0\0\0\0\0", 7, "<0=0:><0=0:>");
}

static void test_complete(void)
{
	unsigned char bytes[400];
	size_t n = put_pair(bytes, 130, 2);
	size_t i;

	for (i = 0; i <= n; i++) {
		struct pair_reader reader = {0};
		struct told told = told_new();

		CHECK(pair_complete(&reader));
		feed(PAIRS, &reader, bytes, i, &told);
		CHECK(pair_complete(&reader) == (i == 0 || i == n));
		free(told.text);
	}
}

static void test_text(void)
{
	char text[40];

	CHECK(text_format(text, sizeof(text), "%d %ld %lu %llu", -7, -8L,
			  4000000000UL, 18446744073709551615ULL) == 37);
	CHECK(strcmp(text, "-7 -8 4000000000 18446744073709551615") == 0);
	CHECK(text_format(text, sizeof(text), "%03ld|%-4s|%.2s|%x|%c%%", 7L,
			  "a", "bcd", 254U, 'e') == 17);
	CHECK(strcmp(text, "007|a   |bc|fe|e%") == 0);
	/* What does not fit is cut, and ended all the same. */
	text_format(text, 4, "%s", "abcdef");
	CHECK(strcmp(text, "abc") == 0);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{"header", test_header},
	{"padding", test_padding},
	{"bodies", test_bodies},
	{"types", test_types},
	{"lengths", test_lengths},
	{"conversation", test_conversation},
	{"short-bodies", test_short_bodies},
	{"version", test_version},
	{"unread", test_unread},
	{"pair-lengths", test_pair_lengths},
	{"pairs", test_pairs},
	{"long-form", test_long_form},
	{"complete", test_complete},
	{"text", test_text},
};

int main(int argc, char **argv)
{
	size_t i;

	for (i = 0; argc == 2 && i < sizeof(cases) / sizeof(*cases); i++)
		if (strcmp(argv[1], cases[i].name) == 0) {
			cases[i].run();
			return 0;
		}
	fprintf(stderr, "unit: no such case\n");
	return 2;
}
