/*
 * params: the list of variables and its encoding. It does not know where the
 * variables come from.
 */
#include "params.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "outcome.h"
#include "pair.h"
#include "record.h"

/* Headers that one pair can cost beside its bytes: its lengths, the record
 * that it ends and the one that it begins. */
#define PAIR_OVERHEAD (8 + 2 * FCGI_HEADER_LEN)

void params_open(struct params *params)
{
	params->list = params->first;
	params->count = 0;
	params->room = PARAMS_FIRST;
	params->texts = NULL;
}

static void grow(struct params *params)
{
	bool first = params->list == params->first;

	params->room *= 2;
	params->list = realloc(first ? NULL : params->list,
			       params->room * sizeof(*params->list));
	if (!params->list)
		die(OUTCOME_NO_MEMORY, "no memory");
	if (first)
		memcpy(params->list, params->first, sizeof(params->first));
}

void params_add(struct params *params, const char *name, size_t name_length,
		const char *value)
{
	struct param *param;

	if (params->count == params->room)
		grow(params);
	param = &params->list[params->count++];
	param->name = name;
	param->name_length = name_length;
	param->value = value;
	param->value_length = strlen(value);
}

struct params_text {
	struct params_text *next;
	char bytes[];
};

char *params_text(struct params *params, size_t size)
{
	struct params_text *text = malloc(sizeof(*text) + size);

	if (!text)
		die(OUTCOME_NO_MEMORY, "no memory");
	text->next = params->texts;
	params->texts = text;
	return text->bytes;
}

void params_free(struct params *params)
{
	while (params->texts) {
		struct params_text *next = params->texts->next;

		free(params->texts);
		params->texts = next;
	}
	if (params->list != params->first)
		free(params->list);
	params_open(params);
}

static bool is_named(const struct param *param, const char *name, size_t length)
{
	return param->name_length == length &&
	       memcmp(param->name, name, length) == 0;
}

static void drop(struct params *params, const char *name, size_t length)
{
	size_t from;
	size_t to = 0;

	for (from = 0; from < params->count; from++)
		if (!is_named(&params->list[from], name, length))
			params->list[to++] = params->list[from];
	params->count = to;
}

void params_set(struct params *params, const char *name, const char *value)
{
	drop(params, name, strlen(name));
	params_add(params, name, strlen(name), value);
}

void params_set_pair(struct params *params, const char *pair,
		     size_t name_length)
{
	drop(params, pair, name_length);
	params_add(params, pair, name_length, pair + name_length + 1);
}

void params_drop(struct params *params, const char *name)
{
	drop(params, name, strlen(name));
}

const char *params_get(const struct params *params, const char *name)
{
	size_t length = strlen(name);
	size_t i;

	for (i = params->count; i > 0; i--)
		if (is_named(&params->list[i - 1], name, length))
			return params->list[i - 1].value;
	return NULL;
}

struct writer {
	unsigned char *bytes;
	size_t used;
	size_t header;	/* where the open record's header stands */
	size_t content; /* of the open record */
	bool open;
};

static void end_record(struct writer *writer)
{
	if (writer->open)
		record_header(writer->bytes + writer->header, FCGI_PARAMS,
			      PARAMS_REQUEST_ID, (uint16_t)writer->content, 0);
	writer->open = false;
}

static void begin_record(struct writer *writer)
{
	writer->header = writer->used;
	writer->used += FCGI_HEADER_LEN;
	writer->content = 0;
	writer->open = true;
}

/* Appends bytes to the stream; a full record is followed by the next. */
static void put(struct writer *writer, const void *bytes, size_t n)
{
	const unsigned char *from = bytes;

	while (n > 0) {
		size_t part = FCGI_MAX_CONTENT - writer->content;

		if (part > n)
			part = n;
		memcpy(writer->bytes + writer->used, from, part);
		writer->used += part;
		writer->content += part;
		from += part;
		n -= part;
		if (n > 0) {
			end_record(writer);
			begin_record(writer);
		}
	}
}

static void put_pair(struct writer *writer, const struct param *param)
{
	unsigned char lengths[8];
	size_t head = pair_lengths(lengths, (uint32_t)param->name_length,
				   (uint32_t)param->value_length);
	size_t size = head + param->name_length + param->value_length;

	if (writer->open && writer->content + size > FCGI_MAX_CONTENT)
		end_record(writer);
	if (!writer->open)
		begin_record(writer);
	put(writer, lengths, head);
	put(writer, param->name, param->name_length);
	put(writer, param->value, param->value_length);
	/* What follows a pair that was cut begins a record again. */
	if (size > FCGI_MAX_CONTENT)
		end_record(writer);
}

/* More than all records need. */
static size_t bound(const struct params *params)
{
	size_t size = 64;
	size_t i;

	for (i = 0; i < params->count; i++) {
		const struct param *param = &params->list[i];
		size_t pair = param->name_length + param->value_length;

		size += pair + PAIR_OVERHEAD +
			pair / FCGI_MAX_CONTENT * FCGI_HEADER_LEN;
	}
	return size;
}

unsigned char *params_encode(const struct params *params, unsigned short role,
			     unsigned char *room, size_t size, size_t *length)
{
	struct writer writer = {.used = 16};
	size_t most = bound(params);
	size_t i;

	writer.bytes = most <= size ? room : malloc(most);
	if (!writer.bytes)
		die(OUTCOME_NO_MEMORY, "no memory");
	record_begin_request(writer.bytes, PARAMS_REQUEST_ID, role, 0);
	for (i = 0; i < params->count; i++)
		put_pair(&writer, &params->list[i]);
	end_record(&writer);
	begin_record(&writer);
	end_record(&writer);
	*length = writer.used;
	return writer.bytes;
}
