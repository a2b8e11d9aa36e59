/*
 * record: FastCGI's bytes, in and out.
 * The one place where bytes from a socket are interpreted: a reader accepts
 * any split of the input and never trusts a length before it is checked.
 */
#include "record.h"

#include <string.h>

uint16_t record_u16(const unsigned char bytes[2])
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

uint32_t record_u32(const unsigned char bytes[4])
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 |
	       (uint32_t)bytes[2] << 8 | bytes[3];
}

static size_t shorter(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Copies input until have reaches want; returns whether it has. */
static bool collect(unsigned char *to, uint8_t *have, size_t want,
		    const unsigned char **input, const unsigned char *end)
{
	size_t n = shorter(want - *have, (size_t)(end - *input));

	if (n > 0)
		memcpy(to + *have, *input, n);
	*input += n;
	*have = (uint8_t)(*have + n);
	return *have == want;
}

bool record_has_body(uint8_t type)
{
	return type == FCGI_BEGIN_REQUEST || type == FCGI_END_REQUEST ||
	       type == FCGI_UNKNOWN_TYPE;
}

static bool skip(uint16_t *left, const unsigned char **input,
		 const unsigned char *end)
{
	size_t n = shorter(*left, (size_t)(end - *input));

	*input += n;
	*left = (uint16_t)(*left - n);
	return *left == 0;
}

static void describe(const struct record_reader *reader, struct record *record)
{
	record->type = reader->header[1];
	record->id = record_u16(reader->header + 2);
	record->content_length = record_u16(reader->header + 4);
	record->padding_length = reader->header[6];
}

/* Collects the 8 bytes of a fixed body and skips what a peer adds to them. */
static bool take_body(struct record_reader *reader, const unsigned char **input,
		      const unsigned char *end, struct record *record)
{
	size_t want = shorter(record->content_length, sizeof(reader->body));
	uint8_t before = reader->body_have;
	bool whole =
		collect(reader->body, &reader->body_have, want, input, end);

	reader->content =
		(uint16_t)(reader->content - (reader->body_have - before));
	if (!whole || !skip(&reader->content, input, end))
		return false;
	record->bytes = reader->body;
	record->length = want;
	record->first = record->last = true;
	return true;
}

static void take_piece(struct record_reader *reader,
		       const unsigned char **input, const unsigned char *end,
		       struct record *record)
{
	size_t n = shorter(reader->content, (size_t)(end - *input));

	record->bytes = *input;
	record->length = n;
	record->first = !reader->begun;
	*input += n;
	reader->content = (uint16_t)(reader->content - n);
	record->last = reader->content == 0;
}

/* The header is complete: hand on content. False: more input is needed. */
static bool take_content(struct record_reader *reader,
			 const unsigned char **input, const unsigned char *end,
			 struct record *record)
{
	if (reader->begun && reader->content == 0)
		return false;
	describe(reader, record);
	if (record_has_body(record->type)) {
		if (!take_body(reader, input, end, record))
			return false;
	} else if (reader->content > 0 && *input == end) {
		return false;
	} else {
		take_piece(reader, input, end, record);
	}
	reader->begun = true;
	return true;
}

/* Collects a header. RECORD_PIECE: it is complete, its content is next. */
static enum record_result take_header(struct record_reader *reader,
				      const unsigned char **input,
				      const unsigned char *end)
{
	bool whole = collect(reader->header, &reader->have, FCGI_HEADER_LEN,
			     input, end);

	if (reader->have > 0 && reader->header[0] != FCGI_VERSION_1)
		return RECORD_BAD;
	if (!whole)
		return RECORD_MORE;
	reader->inside = true;
	reader->begun = false;
	reader->body_have = 0;
	reader->content = record_u16(reader->header + 4);
	reader->padding = reader->header[6];
	return RECORD_PIECE;
}

enum record_result record_next(struct record_reader *reader,
			       const unsigned char **input,
			       const unsigned char *end, struct record *record)
{
	enum record_result result = RECORD_PIECE;

	for (;;) {
		if (!reader->inside)
			result = take_header(reader, input, end);
		if (result != RECORD_PIECE)
			return result;
		if (take_content(reader, input, end, record))
			return RECORD_PIECE;
		if (!reader->begun || reader->content > 0 ||
		    !skip(&reader->padding, input, end))
			return RECORD_MORE;
		reader->inside = false;
		reader->have = 0;
	}
}

void record_unread(struct record_reader *reader, const unsigned char **input,
		   const struct record *record, size_t n)
{
	if (n == record->length && record->first)
		reader->begun = false;
	/* A fixed body has been collected and stays so. */
	if (record_has_body(record->type))
		return;
	*input -= n;
	reader->content = (uint16_t)(reader->content + n);
}

size_t record_left(const struct record_reader *reader, struct record *record)
{
	describe(reader, record);
	record->first = !reader->begun;
	return reader->inside && !record_has_body(record->type)
		       ? reader->content
		       : 0;
}

void record_passed(struct record_reader *reader, size_t n)
{
	reader->begun = true;
	reader->content = (uint16_t)(reader->content - n);
}

size_t record_before_next(const struct record_reader *reader)
{
	size_t n = (size_t)reader->padding + FCGI_HEADER_LEN;

	if (!reader->inside)
		return (size_t)FCGI_HEADER_LEN - reader->have;
	return record_has_body(reader->header[1]) ? n + reader->content : n;
}

void record_header(unsigned char out[FCGI_HEADER_LEN], uint8_t type,
		   uint16_t id, uint16_t content, uint8_t padding)
{
	out[0] = FCGI_VERSION_1;
	out[1] = type;
	out[2] = (unsigned char)(id >> 8);
	out[3] = (unsigned char)id;
	out[4] = (unsigned char)(content >> 8);
	out[5] = (unsigned char)content;
	out[6] = padding;
	out[7] = 0;
}

uint8_t record_padding(size_t content)
{
	return (uint8_t)(-content & 7);
}

void record_end_request(unsigned char out[16], uint16_t id, uint32_t app_status,
			uint8_t protocol_status)
{
	record_header(out, FCGI_END_REQUEST, id, 8, 0);
	out[8] = (unsigned char)(app_status >> 24);
	out[9] = (unsigned char)(app_status >> 16);
	out[10] = (unsigned char)(app_status >> 8);
	out[11] = (unsigned char)app_status;
	out[12] = protocol_status;
	memset(out + 13, 0, 3);
}

void record_begin_request(unsigned char out[16], uint16_t id, uint16_t role,
			  uint8_t flags)
{
	record_header(out, FCGI_BEGIN_REQUEST, id, 8, 0);
	out[8] = (unsigned char)(role >> 8);
	out[9] = (unsigned char)role;
	out[10] = flags;
	memset(out + 11, 0, 5);
}

/* Of texts that stand one behind the other, each with its NUL; NULL if there
 * are not so many. */
static const char *text_at(const char *texts, unsigned index)
{
	while (*texts && index-- > 0)
		texts += strlen(texts) + 1;
	return *texts ? texts : NULL;
}

const char *record_type_name(uint8_t type)
{
	return text_at("FCGI_BEGIN_REQUEST\0FCGI_ABORT_REQUEST\0"
		       "FCGI_END_REQUEST\0FCGI_PARAMS\0FCGI_STDIN\0"
		       "FCGI_STDOUT\0FCGI_STDERR\0FCGI_DATA\0"
		       "FCGI_GET_VALUES\0FCGI_GET_VALUES_RESULT\0"
		       "FCGI_UNKNOWN_TYPE\0",
		       type - 1U);
}

const char *record_role_name(unsigned role)
{
	const char *name = text_at("?\0RESPONDER\0AUTHORIZER\0FILTER\0", role);

	return name ? name : "?";
}

const char *record_status_text(unsigned status)
{
	return text_at("FCGI_REQUEST_COMPLETE\0"
		       "FCGI_CANT_MPX_CONN: it takes one request on a "
		       "connection\0"
		       "FCGI_OVERLOADED: it has too much to do\0"
		       "FCGI_UNKNOWN_ROLE: it does not know this role\0",
		       status);
}
