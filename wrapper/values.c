/*
 * values: answers to FCGI_GET_VALUES. Names that we do not know are left out.
 */
#include "values.h"

#include <string.h>

#include "record.h"
#include "rlimit.h"
#include "settings.h"
#include "text.h"

#define FDS_RESERVED 32 /* descriptors that are no connection */

static const char known[][VALUES_NAME_MAX] = {
	"FCGI_MAX_CONNS",
	"FCGI_MAX_REQS",
	"FCGI_MPXS_CONNS",
};

#define KNOWN (sizeof(known) / sizeof(known[0]))

static void ask(struct values *values)
{
	size_t i;

	for (i = 0; i < KNOWN; i++)
		if (strlen(known[i]) == values->have &&
		    memcmp(known[i], values->name, values->have) == 0)
			values->asked |= (uint8_t)(1 << i);
}

void values_take(struct values *values, const unsigned char *bytes, size_t n)
{
	const unsigned char *end = bytes + n;
	const unsigned char *part = NULL;
	size_t length = 0;

	for (;;) {
		switch (pair_next(&values->reader, &bytes, end, &part,
				  &length)) {
		case PAIR_MORE:
			return;
		case PAIR_BEGIN:
			values->have = 0;
			break;
		case PAIR_NAME:
			/* A name too long for us fills it and matches none. */
			if (length > sizeof(values->name) - values->have)
				length = sizeof(values->name) - values->have;
			memcpy(values->name + values->have, part, length);
			values->have = (uint8_t)(values->have + length);
			break;
		case PAIR_VALUE:
			break;
		case PAIR_END:
			ask(values);
			break;
		}
	}
}

static long max_connections(void)
{
	struct rlimit limit;

	if (rlimit_change(RLIMIT_NOFILE, NULL, &limit) < 0 ||
	    limit.rlim_cur <= FDS_RESERVED)
		return 1;
	if (limit.rlim_cur > 65535)
		return 65535;
	return (long)(limit.rlim_cur - FDS_RESERVED);
}

static long value_of(size_t i)
{
	switch (i) {
	case 0:
		return max_connections() * set.workers;
	case 1:
		return set.max + set.queue;
	default:
		return 1;
	}
}

void values_answer(struct values *values, struct out *out)
{
	unsigned char content[VALUES_SPACE - 16];
	size_t used = 0;
	size_t i;

	for (i = 0; i < KNOWN; i++) {
		char value[24];
		size_t name_length = strlen(known[i]);
		size_t length;

		if (!(values->asked & 1 << i))
			continue;
		length = text_format(value, sizeof(value), "%ld", value_of(i));
		used += pair_lengths(content + used, (uint32_t)name_length,
				     (uint32_t)length);
		memcpy(content + used, known[i], name_length);
		memcpy(content + used + name_length, value, length);
		used += name_length + length;
	}
	out_record(out, FCGI_GET_VALUES_RESULT, FCGI_NULL_REQUEST_ID, content,
		   used);
	memset(values, 0, sizeof(*values));
}
