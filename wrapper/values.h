#ifndef VALUES_H
#define VALUES_H

#include <stdint.h>

#include "out.h"
#include "pair.h"

/*
 * FCGI_GET_VALUES (FastCGI 1.0 §4.1): what a web server may ask before it has
 * a request. Answers are true to the settings.
 */

#define VALUES_NAME_MAX 16 /* the longest name that we know has 15 bytes */

struct values {
	struct pair_reader reader;
	char name[VALUES_NAME_MAX];
	uint8_t have;
	uint8_t asked; /* bit n: the n-th variable that we know */
};

/* Room that an answer may need in out. */
#define VALUES_SPACE 256

/* Takes content of one record. */
void values_take(struct values *values, const unsigned char *bytes, size_t n);

/* The record is complete: answers in out, which has VALUES_SPACE room, and is
 * ready for the next. */
void values_answer(struct values *values, struct out *out);

#endif
