#ifndef SENDING_H
#define SENDING_H

#include <stdbool.h>

#include "outcome.h"
#include "patience.h"
#include "record.h"
#include "slice.h"
#include "source.h"
#include "trace.h"

/*
 * A request on its way to the application (FastCGI 1.0 §3.3, §5). It owns no
 * descriptor; that the socket takes bytes or that a body has some is told from
 * above, and the answer is not its business.
 */

struct sending {
	int fd;
	struct patience *patience;
	struct outcome *outcome;
	struct slice parts[2]; /* the opening, and one record of a stream */
	struct source *source; /* the stream that is sent now */
	int sources;	       /* how many there are from it on */
	int error;	       /* errno: nothing more can be sent */

	/* From here on nothing is touched before it is used. */
	unsigned char
		record[FCGI_HEADER_LEN + RECORD_CONTENT_MAX + FCGI_HEADER_LEN];
	struct trace trace;
};

/* fd is a connected socket. All that is given lives as long as sending does. */
void sending_open(struct sending *sending, int fd, struct slice opening,
		  struct source *sources, int count, struct patience *patience,
		  struct outcome *outcome);

/* Bytes wait to be sent, and may be. */
bool sending_has_bytes(const struct sending *sending);

/* The application has not been given all of the request. */
bool sending_is_unfinished(const struct sending *sending);

/* Bytes of a stream are wanted, and there is room for them. */
bool sending_wants_body(const struct sending *sending);

/* Sends what the socket takes. A failure is noted in error, not in the outcome:
 * the application may have answered all the same. */
void sending_more(struct sending *sending);

/* The body that is wanted has bytes, or has ended: reads once. If not all of it
 * can be had the request is aborted and the outcome says so. */
void sending_read_body(struct sending *sending);

#endif
