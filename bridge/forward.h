#ifndef FORWARD_H
#define FORWARD_H

#include "outcome.h"
#include "patience.h"
#include "slice.h"
#include "source.h"

/*
 * Sends a request over a connected socket, its first bytes up to the end of its
 * FCGI_PARAMS (opening) and then its streams, prints the answer to stdout and
 * stderr while it comes, and ends with FCGI_END_REQUEST or with a failure
 * (FastCGI 1.0 §3.3, §5). All callers' descriptors stay open. What is printed
 * follows wish.show; the outcome has the exit status.
 */
void forward(int fd, struct slice opening, struct source *sources, int count,
	     struct patience *patience, struct outcome *outcome);

#endif
