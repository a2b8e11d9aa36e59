#ifndef REPLY_H
#define REPLY_H

#include <stdbool.h>
#include <stddef.h>

/*
 * What a reply looks like (RFC 3875 §6): the judgement of a program's first
 * line, and the pages that the wrapper itself sends. Pure functions on bytes.
 */

enum reply_head {
	REPLY_UNKNOWN, /* too few bytes to tell */
	REPLY_FIELD,   /* begins with a header field */
	REPLY_STATUS,  /* begins with HTTP/1.x: an nph script (§5) */
	REPLY_BAD,     /* neither */
};

/* What the first n bytes of a program's output are. */
enum reply_head reply_judge(const unsigned char *bytes, size_t n);

/* Whether the empty line that ends a header is among them. */
bool reply_is_whole(const unsigned char *bytes, size_t n);

/* Makes "HTTP/1.x " at the beginning of n bytes "Status: " and returns how
 * many bytes there are then. */
size_t reply_status_line(unsigned char *bytes, size_t n);

/* The HTTP status that the header in the first n bytes of a reply gives: by a
 * Status field, or 302 by a Location field alone, or 200 (§6.3.3). */
int reply_status(const unsigned char *bytes, size_t n);

/* Writes a whole reply with that HTTP status, which names no path; returns its
 * length. */
#define REPLY_PAGE_MAX 512
size_t reply_page(char page[REPLY_PAGE_MAX], int status);

#endif
