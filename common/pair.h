#ifndef PAIR_H
#define PAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Name-value pairs of FastCGI 1.0 (§3.4), the content of FCGI_PARAMS and of
 * FCGI_GET_VALUES: taken out of bytes that come in pieces of any size, and
 * their lengths written. Pure functions on bytes; how long a name or a value
 * may be is the caller's to say.
 */

/* Zeroed is ready. */
struct pair_reader {
	unsigned char lengths[8];
	uint8_t have;	/* bytes of lengths that have come */
	bool inside;	/* lengths are known, the pair is not complete */
	uint32_t name;	/* bytes of the name still to come */
	uint32_t value; /* bytes of the value still to come */
};

enum pair_result {
	PAIR_MORE,  /* all input is used up */
	PAIR_BEGIN, /* reader->name and reader->value tell the lengths */
	PAIR_NAME,
	PAIR_VALUE,
	PAIR_END,
};

/*
 * Reads from *input up to end, moves *input behind what it used. A pair gives
 * PAIR_BEGIN, then its name and its value, each in one or more pieces (none
 * when empty) that *bytes and *length tell, in place, then PAIR_END.
 */
enum pair_result pair_next(struct pair_reader *reader,
			   const unsigned char **input,
			   const unsigned char *end,
			   const unsigned char **bytes, size_t *length);

/* Whether the bytes so far end between two pairs. */
bool pair_complete(const struct pair_reader *reader);

/* Writes the lengths of a pair, 2 to 8 bytes, and returns how many. Neither
 * length may exceed 2^31 - 1. */
size_t pair_lengths(unsigned char out[8], uint32_t name, uint32_t value);

#endif
