/*
 * trace: shows records. It reads the same bytes that go over the wire with a
 * reader of its own, so that it shows what is there and not what was meant.
 */
#include "trace.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "text.h"
#include "wish.h"

#define PRINT_MAX 100 /* of one call of print */

static void flush(struct trace *trace)
{
	if (sink_write_all(&trace->sink, trace->lines, trace->used,
			   trace->patience) < 0) {
		/* When nobody reads it there is nobody to tell. */
		if (errno == ETIME)
			outcome_fail(trace->outcome, OUTCOME_TIME_OVER,
				     "time is over: waited for stderr to be "
				     "read");
		trace->arrow = 0;
	}
	trace->used = 0;
}

/* Text that is short and known. */
static void print(struct trace *trace, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void print(struct trace *trace, const char *format, ...)
{
	va_list args;

	if (trace->used > TRACE_LINES_MAX - PRINT_MAX)
		flush(trace);
	va_start(args, format);
	trace->used += text_vformat(trace->lines + trace->used, PRINT_MAX,
				    format, args);
	va_end(args);
}

/* Nothing of it may move a terminal's cursor. */
static void print_text(struct trace *trace, const unsigned char *text, size_t n)
{
	size_t control = 0;
	size_t i;

	for (i = 0; i < n; i++) {
		int c = text[i];

		if (control == 0)
			control = text_control((const char *)text + i, n - i);
		if (c == '\n')
			print(trace, "\\n");
		else if (c == '\r')
			print(trace, "\\r");
		else if (c == '\t')
			print(trace, "\\t");
		else if (c == '\\')
			print(trace, "\\\\");
		else if (control > 0)
			print(trace, "\\x%02x", (unsigned)c);
		else
			print(trace, "%c", c);
		control -= control > 0;
	}
}

static void print_lost(struct trace *trace, const struct trace_text *text)
{
	if (text->lost > 0)
		print(trace, " ... (%llu bytes more)", text->lost);
	print(trace, "\n");
}

static void print_head(struct trace *trace, const struct record *record)
{
	const char *name = record_type_name(record->type);
	char number[24];

	if (!name) {
		text_format(number, sizeof(number), "type %u", record->type);
		name = number;
	}
	print(trace, "%c %-22s id %-5u %5u", trace->arrow, name, record->id,
	      record->content_length);
	if (record->padding_length > 0)
		print(trace, "+%u", record->padding_length);
}

/* BEGIN_REQUEST, END_REQUEST and UNKNOWN_TYPE. */
static void print_body(struct trace *trace, const struct record *record)
{
	const unsigned char *b = record->bytes;
	const char *status;

	if (record->length < 8) {
		print(trace, "  too short\n");
	} else if (record->type == FCGI_BEGIN_REQUEST) {
		print(trace, "  role %s, flags %u\n",
		      record_role_name(record_u16(b)), b[2]);
	} else if (record->type == FCGI_END_REQUEST) {
		status = record_status_text(b[4]);
		print(trace, "  appStatus %u, %s\n", record_u32(b),
		      status ? status : "?");
	} else {
		print(trace, "  type %u\n", b[0]);
	}
}

static void keep(struct trace_text *text, unsigned char *to, size_t room,
		 const unsigned char *bytes, size_t n)
{
	size_t part = room - text->kept;

	if (part > n)
		part = n;
	memcpy(to + text->kept, bytes, part);
	text->kept += part;
	text->lost += n - part;
}

static void print_pair(struct trace *trace)
{
	print(trace, "    ");
	print_text(trace, trace->pair_text, trace->name);
	print(trace, "=");
	print_text(trace, trace->pair_text + trace->name,
		   trace->pair.kept - trace->name);
	print_lost(trace, &trace->pair);
}

static void take_pairs(struct trace *trace, const unsigned char *bytes,
		       size_t n)
{
	const unsigned char *end = bytes + n;
	const unsigned char *part;
	enum pair_result result;
	size_t length;

	while ((result = pair_next(&trace->pairs, &bytes, end, &part,
				   &length)) != PAIR_MORE) {
		if (result == PAIR_BEGIN) {
			trace->pair.kept = trace->name = 0;
			trace->pair.lost = 0;
		} else if (result == PAIR_NAME) {
			keep(&trace->pair, trace->pair_text, TRACE_VALUE_MAX,
			     part, length);
			trace->name = trace->pair.kept;
		} else if (result == PAIR_VALUE) {
			keep(&trace->pair, trace->pair_text,
			     trace->name + TRACE_VALUE_MAX, part, length);
		} else {
			print_pair(trace);
		}
	}
}

static bool has_pairs(uint8_t type)
{
	return type == FCGI_PARAMS || type == FCGI_GET_VALUES ||
	       type == FCGI_GET_VALUES_RESULT;
}

static void take_piece(struct trace *trace, const struct record *record)
{
	if (record_has_body(record->type)) {
		print_head(trace, record);
		print_body(trace, record);
	} else if (has_pairs(record->type)) {
		if (record->first) {
			print_head(trace, record);
			print(trace, "\n");
		}
		take_pairs(trace, record->bytes, record->length);
	} else {
		if (record->first) {
			trace->content.kept = 0;
			trace->content.lost = 0;
		}
		keep(&trace->content, trace->content_text, TRACE_TEXT_MAX,
		     record->bytes, record->length);
		if (!record->last)
			return;
		print_head(trace, record);
		print(trace, trace->content.kept > 0 ? "  " : "");
		print_text(trace, trace->content_text, trace->content.kept);
		print_lost(trace, &trace->content);
	}
}

void trace_open(struct trace *trace, char arrow,
		const struct patience *patience, struct outcome *outcome)
{
	if (!wish.trace)
		return;
	memset(trace, 0, sizeof(*trace));
	trace->arrow = arrow;
	trace->patience = patience;
	trace->outcome = outcome;
	trace->sink.fd = STDERR_FILENO;
}

void trace_bytes(struct trace *trace, const unsigned char *bytes, size_t n)
{
	const unsigned char *end = bytes + n;
	const unsigned char *at = bytes;
	struct record record;
	enum record_result result;

	if (!wish.trace || !trace->arrow)
		return;
	while ((result = record_next(&trace->records, &at, end, &record)) ==
	       RECORD_PIECE)
		take_piece(trace, &record);
	if (result == RECORD_BAD) {
		print(trace, "%c not FastCGI\n", trace->arrow);
		trace->arrow = 0;
	}
	flush(trace);
}
