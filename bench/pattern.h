#ifndef PATTERN_H
#define PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * The bytes of big bodies and replies: each 8 hold their place in the stream,
 * modulo a period. To look at a few bytes of each piece is to see any loss or
 * change of order but that of whole periods, which the length shows.
 */

#define PATTERN_PERIOD ((size_t)65536)

/* Two periods, so that a whole one can be had from any place in the first.
 * The caller's; NULL without memory. */
static inline unsigned char *pattern_make(void)
{
	unsigned char *bytes = malloc(2 * PATTERN_PERIOD);
	uint64_t i;

	for (i = 0; bytes && i < 2 * PATTERN_PERIOD / 8; i++) {
		uint64_t word = i % (PATTERN_PERIOD / 8) * 0x9e3779b97f4a7c15u;
		memcpy(bytes + i * 8, &word, 8);
	}
	return bytes;
}

/* Whether a piece of n bytes can stand at this place of the stream. */
static inline bool pattern_fits(const unsigned char *piece, size_t n,
				uint64_t place)
{
	size_t skip = (size_t)(-place % 8);
	uint64_t word, want = (place + skip) % PATTERN_PERIOD / 8;

	if (n < skip + 8)
		return true;
	memcpy(&word, piece + skip, 8);
	return word == want * 0x9e3779b97f4a7c15u;
}

#endif
