#ifndef HEAD_H
#define HEAD_H

#include <stddef.h>

#include "field.h"
#include "slice.h"
#include "wish.h"

/*
 * The answer's header (RFC 3875 §6.3): where it ends, and the HTTP status that
 * it names. Cuts the header or the body away when that is wanted; otherwise
 * every byte goes on as it came.
 */

#define HEAD_MAX 65536 /* a longer one is none */

enum head_state {
	HEAD_LINES, /* its end has not come */
	HEAD_DONE,
	HEAD_NONE, /* the answer has none: all is body */
};

struct head {
	enum show show;
	enum head_state state;
	int status;	    /* 200 unless the header names another */
	size_t lines;	    /* complete ones */
	size_t line_length; /* of the line that is coming */
	size_t held;
	char line[FIELD_NAME_MAX + 1]; /* the beginning of that line */
	/* HEAD_MAX bytes of the caller's: what is kept back until it is known
	 * what it is; not touched with SHOW_ALL. */
	unsigned char *hold;
};

void head_open(struct head *head, enum show show, unsigned char *hold);

/* Takes a piece of the answer; returns how many of out are to be printed.
 * They point into the piece and into head, valid until the next call. */
int head_take(struct head *head, const unsigned char *bytes, size_t n,
	      struct slice out[2]);

/* The answer has ended; returns how many of out remain to be printed. */
int head_end(struct head *head, struct slice out[2]);

#endif
