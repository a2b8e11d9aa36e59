#ifndef TRACE_H
#define TRACE_H

#include <stddef.h>

#include "record.h"

/*
 * -trace: what goes over the wire, in words, on stderr: a line a record, the
 * variables of a record on indented lines below it. It is fed with the bytes
 * of one direction as they are sent or received, in pieces of any size.
 */

#define TRACE_TEXT_MAX	256  /* bytes of a stream's content that are shown */
#define TRACE_VALUE_MAX 4096 /* bytes of a name, and of a value */
#define TRACE_LINES_MAX 4096 /* that are written at once */

struct trace {
	char arrow; /* '>' sent, '<' received; 0: nothing is printed */
	struct record_reader records;
	struct pair_reader pairs;
	size_t kept;		 /* of the record's content, or of a pair */
	size_t name;		 /* where the pair's value begins in text */
	unsigned long long lost; /* bytes of it that are not shown */
	unsigned char text[2 * TRACE_VALUE_MAX];
	size_t used;
	char lines[TRACE_LINES_MAX];
};

/* Without an arrow the trace prints nothing. */
void trace_open(struct trace *trace, char arrow);

void trace_bytes(struct trace *trace, const unsigned char *bytes, size_t n);

#endif
