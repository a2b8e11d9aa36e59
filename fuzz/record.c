/*
 * record: the reader of records against a plain one that has all bytes at
 * once. However the bytes are cut, given back or passed on, both must tell the
 * same.
 */
#include "record.h"

#include <string.h>

#include "fuzz.h"

enum { MARK_FIRST = 1, MARK_LAST, MARK_BAD };

void fuzz_init(void)
{
}

static void tell_first(struct told *told, const struct record *record)
{
	told_number(told, MARK_FIRST);
	told_number(told, record->type);
	told_number(told, record->id);
	told_number(told, record->content_length);
	told_number(told, record->padding_length);
}

static bool is_fixed(unsigned type)
{
	return type == FCGI_BEGIN_REQUEST || type == FCGI_END_REQUEST ||
	       type == FCGI_UNKNOWN_TYPE;
}

/* The plain reader. */
static void read_plainly(const unsigned char *bytes, size_t n,
			 struct told *told)
{
	size_t at = 0;

	while (at < n && bytes[at] == 1 && n - at >= 8) {
		const unsigned char *h = bytes + at;
		size_t content = (size_t)(h[4] << 8 | h[5]);
		size_t there = n - at - 8 < content ? n - at - 8 : content;
		struct record record = {
			.type = h[1],
			.id = (uint16_t)(h[2] << 8 | h[3]),
			.content_length = (uint16_t)content,
			.padding_length = h[6],
		};

		if (there < content && (is_fixed(h[1]) || there == 0))
			return;
		tell_first(told, &record);
		if (is_fixed(h[1]) && there > 8)
			there = 8;
		told_add(told, h + 8, there);
		if (there < content && !is_fixed(h[1]))
			return;
		told_number(told, MARK_LAST);
		at += 8 + content + h[6];
	}
	if (at < n && bytes[at] != 1)
		told_number(told, MARK_BAD);
}

struct source {
	struct record_reader reader;
	uint32_t seed;
	struct told told;
	struct told bare; /* the same bytes, so that ASan sees the ends */
};

/* Content that goes on elsewhere: its bytes are never looked at. */
static bool pass(struct source *source, const unsigned char **at,
		 const unsigned char *end)
{
	struct record record;
	size_t left = record_left(&source->reader, &record);
	size_t n = split_next(&source->seed, (size_t)(end - *at));

	if (left == 0 || n == 0 || source->seed >> 30)
		return false;
	n = n < left ? n : left;
	if (record.first)
		tell_first(&source->told, &record);
	told_add(&source->told, *at, n);
	if (n == left)
		told_number(&source->told, MARK_LAST);
	*at += n;
	record_passed(&source->reader, n);
	return true;
}

/* One piece of the input. Returns false at a bad record. */
static bool feed(struct source *source, const unsigned char *at,
		 const unsigned char *end)
{
	struct record record;

	for (;;) {
		size_t back;

		if (pass(source, &at, end))
			continue;
		switch (record_next(&source->reader, &at, end, &record)) {
		case RECORD_MORE:
			CHECK(at == end);
			return true;
		case RECORD_BAD:
			told_number(&source->told, MARK_BAD);
			return false;
		case RECORD_PIECE:
			break;
		}
		back = split_next(&source->seed, record.length);
		if (source->seed >> 29 == 0) {
			if (is_fixed(record.type) || record.length == 0)
				back = record.length;
			record_unread(&source->reader, &at, &record, back);
			if (back == record.length)
				continue;
			record.length -= back;
			record.last = record.last && back == 0;
		}
		if (record.first)
			tell_first(&source->told, &record);
		told_add(&source->told, record.bytes, record.length);
		if (record.last)
			told_number(&source->told, MARK_LAST);
	}
}

/* How far it is to the next record's content, after the first at bytes. */
static void check_distance(const struct record_reader *reader,
			   const unsigned char *bytes, size_t at)
{
	struct record record;
	size_t told = record_left(reader, &record) + record_before_next(reader);
	size_t begin = 0;

	while (at >= begin + 8) {
		const unsigned char *h = bytes + begin;
		size_t next = begin + 8 + (size_t)(h[4] << 8 | h[5]) + h[6];

		if (at < next) {
			CHECK(told == next - at + 8);
			return;
		}
		begin = next;
	}
	CHECK(told == begin + 8 - at);
}

void fuzz_one(const unsigned char *bytes, size_t n)
{
	struct input input = {bytes, bytes + n};
	struct source source = {.seed = input_number(&input)};
	struct told plain = {.used = 0};
	const unsigned char *at = input.at;
	bool good = true;

	source.seed |= input_byte(&input) << 16;
	read_plainly(input.at, (size_t)(input.end - input.at), &plain);
	at = input.at;
	while (at < input.end && good) {
		size_t size =
			split_next(&source.seed, (size_t)(input.end - at));

		if (size == 0)
			continue;
		told_free(&source.bare);
		told_add(&source.bare, at, size);
		good = feed(&source, source.bare.bytes,
			    source.bare.bytes + source.bare.used);
		at += size;
		if (good)
			check_distance(&source.reader, input.at,
				       (size_t)(at - input.at));
	}
	CHECK(told_same(&source.told, &plain));
	told_free(&source.told);
	told_free(&source.bare);
	told_free(&plain);
}
