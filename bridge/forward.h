#ifndef FORWARD_H
#define FORWARD_H

#include <stdint.h>

#include "outcome.h"
#include "patience.h"
#include "source.h"

/* The request's first bytes, up to the end of its FCGI_PARAMS. */
struct opening {
	const unsigned char *bytes;
	size_t length;
};

/*
 * Sends a request over a connected socket and its streams, prints the answer
 * to stdout and stderr while it comes, and ends with FCGI_END_REQUEST or with
 * a failure (FastCGI 1.0 §3.3, §5). All callers' descriptors stay open. What
 * is printed follows wish.show; the outcome has the exit status.
 */
void forward(int fd, struct opening opening, struct source *sources, int count,
	     struct patience *patience, struct outcome *outcome);

#endif
