/*
 * params: pairs into records.
 */
#include "params.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "record.h"

static void append(struct params *params, const void *bytes, size_t n)
{
	if (params->size - params->used < n) {
		size_t size = params->size ? params->size : 4096;

		while (size - params->used < n)
			size *= 2;
		params->bytes = realloc(params->bytes, size);
		if (!params->bytes)
			die(1, "no memory for the request's variables");
		params->size = size;
	}
	if (n > 0)
		memcpy(params->bytes + params->used, bytes, n);
	params->used += n;
}

static size_t content(const struct params *params)
{
	return params->used - params->record - FCGI_HEADER_LEN;
}

static void begin_record(struct params *params)
{
	static const unsigned char header[FCGI_HEADER_LEN];

	params->record = params->used;
	append(params, header, sizeof(header));
}

static void end_record(struct params *params)
{
	record_header(params->bytes + params->record, FCGI_PARAMS, 1,
		      (uint16_t)content(params), 0);
	params->record = 0;
}

/* Appends bytes to the record, and to further ones when it is full. */
static void append_cut(struct params *params, const char *bytes, size_t n)
{
	while (n > 0) {
		size_t room = RECORD_CONTENT_MAX - content(params);
		size_t part = n < room ? n : room;

		append(params, bytes, part);
		bytes += part;
		n -= part;
		if (n > 0) {
			end_record(params);
			begin_record(params);
		}
	}
}

void params_add(struct params *params, const char *name, size_t name_length,
		const char *value, size_t value_length)
{
	unsigned char lengths[8];
	size_t n = pair_lengths(lengths, (uint32_t)name_length,
				(uint32_t)value_length);
	size_t whole = n + name_length + value_length;

	if (params->record && content(params) + whole > RECORD_CONTENT_MAX)
		end_record(params);
	if (!params->record)
		begin_record(params);
	append(params, lengths, n);
	append_cut(params, name, name_length);
	append_cut(params, value, value_length);
}

void params_end(struct params *params)
{
	if (params->record)
		end_record(params);
	begin_record(params);
	end_record(params);
}

void params_raw(struct params *params, const unsigned char *bytes, size_t n)
{
	append(params, bytes, n);
}
