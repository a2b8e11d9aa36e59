/*
 * pair: name-value pairs, in and out. As in record a reader accepts any split
 * of the input; a length says how much follows and is no size of anything here.
 */
#include "pair.h"

#include "record.h"

/* How many bytes of lengths there are, as far as those that have come tell. */
static size_t lengths_size(const struct pair_reader *reader)
{
	size_t name = 1;
	size_t value = 1;

	if (reader->have > 0 && reader->lengths[0] & 0x80)
		name = 4;
	if (reader->have > name && reader->lengths[name] & 0x80)
		value = 4;
	return name + value;
}

static uint32_t one_length(const unsigned char *bytes)
{
	return bytes[0] & 0x80 ? record_u32(bytes) & 0x7fffffff : bytes[0];
}

static bool take_lengths(struct pair_reader *reader,
			 const unsigned char **input, const unsigned char *end)
{
	while (reader->have < lengths_size(reader)) {
		if (*input == end)
			return false;
		reader->lengths[reader->have++] = *(*input)++;
	}
	reader->name = one_length(reader->lengths);
	reader->value = one_length(reader->lengths +
				   (reader->lengths[0] & 0x80 ? 4 : 1));
	reader->inside = true;
	return true;
}

static void take_string(uint32_t *left, const unsigned char **input,
			const unsigned char *end, const unsigned char **bytes,
			size_t *length)
{
	size_t there = (size_t)(end - *input);

	*length = *left < there ? *left : there;
	*bytes = *input;
	*input += *length;
	*left -= (uint32_t)*length;
}

enum pair_result pair_next(struct pair_reader *reader,
			   const unsigned char **input,
			   const unsigned char *end,
			   const unsigned char **bytes, size_t *length)
{
	if (!reader->inside)
		return take_lengths(reader, input, end) ? PAIR_BEGIN
							: PAIR_MORE;
	if (reader->name == 0 && reader->value == 0) {
		reader->inside = false;
		reader->have = 0;
		return PAIR_END;
	}
	if (*input == end)
		return PAIR_MORE;
	if (reader->name > 0) {
		take_string(&reader->name, input, end, bytes, length);
		return PAIR_NAME;
	}
	take_string(&reader->value, input, end, bytes, length);
	return PAIR_VALUE;
}

bool pair_complete(const struct pair_reader *reader)
{
	return !reader->inside && reader->have == 0;
}

static size_t put_length(unsigned char *out, uint32_t length)
{
	if (length < 128) {
		out[0] = (unsigned char)length;
		return 1;
	}
	out[0] = (unsigned char)(length >> 24 | 0x80);
	out[1] = (unsigned char)(length >> 16);
	out[2] = (unsigned char)(length >> 8);
	out[3] = (unsigned char)length;
	return 4;
}

size_t pair_lengths(unsigned char out[8], uint32_t name, uint32_t value)
{
	size_t used = put_length(out, name);

	return used + put_length(out + used, value);
}
