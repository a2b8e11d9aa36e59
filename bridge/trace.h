#ifndef TRACE_H
#define TRACE_H

#include <stddef.h>

#include "outcome.h"
#include "pair.h"
#include "patience.h"
#include "record.h"
#include "sink.h"

/*
 * -trace: what goes over the wire, in words, on stderr: a line a record, the
 * variables of a record on indented lines below it. It is fed with the bytes
 * of one direction as they are sent or received, in pieces of any size. It
 * waits until it is read, and so all else waits: a line that is missing would
 * mislead. When time is over that is the outcome, and no more is shown.
 */

#define TRACE_TEXT_MAX	256  /* bytes of a stream's content that are shown */
#define TRACE_VALUE_MAX 4096 /* bytes of a name, and of a value */
#define TRACE_LINES_MAX 4096 /* that are written at once */

struct trace {
	char arrow; /* '>' sent, '<' received; 0: nothing is printed */
	const struct patience *patience;
	struct outcome *outcome;
	struct sink sink;
	struct record_reader records;
	struct pair_reader pairs;
	struct trace_text {
		size_t kept;
		unsigned long long lost; /* bytes that are not shown */
	} content, pair;
	size_t name; /* where the pair's value begins */
	unsigned char content_text[TRACE_TEXT_MAX];
	/* A pair may be in several records, with others in between. */
	unsigned char pair_text[2 * TRACE_VALUE_MAX];
	size_t used;
	char lines[TRACE_LINES_MAX];
};

/* With -trace; without it nothing is printed, and none of the struct, which is
 * large, is touched. */
void trace_open(struct trace *trace, char arrow,
		const struct patience *patience, struct outcome *outcome);

/* n bytes have been sent, or received. */
void trace_bytes(struct trace *trace, const unsigned char *bytes, size_t n);

#endif
