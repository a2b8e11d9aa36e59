/*
 * trace: what goes over the wire, for people.
 */
#include "trace.h"

#include <string.h>
#include <unistd.h>

#include "bridge.h"
#include "text.h"

#define SHOWN_MAX 60 /* bytes of a stream's piece */

static struct record_reader sent;
static struct pair_reader pairs[2]; /* received, sent */

static void put(const char *text, size_t n)
{
	if (write(STDERR_FILENO, text, n) < 0)
		return;
}

/* Printable as it is, the rest as in C; returns the length. */
static size_t escape(char *out, size_t room, const unsigned char *bytes,
		     size_t n)
{
	size_t used = 0;
	size_t i;

	for (i = 0; i < n && used + 5 < room; i++) {
		unsigned char c = bytes[i];

		if (c == '\n' || c == '\r' || c == '\t' || c == '\\') {
			out[used++] = '\\';
			out[used++] = c == '\n'	  ? 'n'
				      : c == '\r' ? 'r'
				      : c == '\t' ? 't'
						  : '\\';
		} else if (c >= ' ' && c < 0x7f) {
			out[used++] = (char)c;
		} else {
			used += text_format(out + used, 5, "\\x%02x", c);
		}
	}
	return used;
}

static size_t say_begin(char *out, size_t room, const struct record *record)
{
	static const char *const roles[] = {NULL, "RESPONDER", "AUTHORIZER",
					    "FILTER"};
	uint16_t role = record_u16(record->bytes);

	return text_format(
		out, room, "%s%s",
		role >= 1 && role <= 3 ? roles[role] : "unknown role",
		record->bytes[2] & FCGI_KEEP_CONN ? " FCGI_KEEP_CONN" : "");
}

static size_t say_end(char *out, size_t room, const struct record *record)
{
	static const char *const names[] = {
		"FCGI_REQUEST_COMPLETE", "FCGI_CANT_MPX_CONN",
		"FCGI_OVERLOADED", "FCGI_UNKNOWN_ROLE"};
	unsigned char protocol = record->bytes[4];

	return text_format(
		out, room, "appStatus %u %s", record_u32(record->bytes),
		protocol < 4 ? names[protocol] : "unknown protocolStatus");
}

static size_t say_stream(char *out, size_t room, const struct record *record)
{
	size_t shown = record->length < SHOWN_MAX ? record->length : SHOWN_MAX;
	size_t used;

	if (record->content_length == 0)
		return text_format(out, room, "end of stream");
	out[0] = '"';
	used = 1 + escape(out + 1, room - 8, record->bytes, shown);
	out[used++] = '"';
	if (shown < record->length) {
		memcpy(out + used, "...", 3);
		used += 3;
	}
	return used;
}

static size_t say_content(char *out, size_t room, const struct record *record)
{
	if (record->type == FCGI_BEGIN_REQUEST && record->length == 8)
		return say_begin(out, room, record);
	if (record->type == FCGI_END_REQUEST && record->length == 8)
		return say_end(out, room, record);
	return say_stream(out, room, record);
}

/* The pairs of a PARAMS or GET_VALUES record, a line each. */
static void say_pairs(char direction, const struct record *record)
{
	struct pair_reader *reader = &pairs[direction == '>'];
	const unsigned char *at = record->bytes;
	const unsigned char *end = at + record->length;
	const unsigned char *part;
	char text[SHOWN_MAX * 4 + 16];
	size_t n;

	for (;;) {
		size_t used;

		switch (pair_next(reader, &at, end, &part, &n)) {
		case PAIR_MORE:
			return;
		case PAIR_BEGIN:
			put("      ", 6);
			continue;
		case PAIR_NAME:
			used = escape(text, sizeof(text), part,
				      n < SHOWN_MAX ? n : SHOWN_MAX);
			if (reader->name == 0)
				text[used++] = '=';
			break;
		case PAIR_VALUE:
			used = escape(text, sizeof(text), part,
				      n < SHOWN_MAX ? n : SHOWN_MAX);
			break;
		default:
			text[0] = '\n';
			used = 1;
		}
		put(text, used);
	}
}

static bool has_pairs(const struct record *record)
{
	return record->content_length > 0 &&
	       (record->type == FCGI_PARAMS ||
		record->type == FCGI_GET_VALUES ||
		record->type == FCGI_GET_VALUES_RESULT);
}

static void say(char direction, const struct record *record)
{
	const char *name = record_type_name(record->type);
	char line[SHOWN_MAX * 4 + 128];
	char number[24];
	size_t used;

	text_format(number, sizeof(number), "type %u", record->type);
	used = text_format(line, sizeof(line), "%c %-22s id %-5u %5u%s ",
			   direction, name ? name : number, record->id,
			   record->content_length,
			   record->padding_length ? "+" : " ");
	if (!has_pairs(record))
		used += say_content(line + used, sizeof(line) - used - 1,
				    record);
	line[used++] = '\n';
	if (record->first)
		put(line, used);
	if (has_pairs(record))
		say_pairs(direction, record);
}

void trace_sent(const unsigned char *bytes, size_t n)
{
	const unsigned char *at = bytes;
	struct record record;

	while (wish.trace &&
	       record_next(&sent, &at, bytes + n, &record) == RECORD_PIECE)
		say('>', &record);
}

void trace_received(const struct record *record)
{
	if (wish.trace)
		say('<', record);
}
