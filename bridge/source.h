#ifndef SOURCE_H
#define SOURCE_H

#include <stdint.h>

#include "outcome.h"
#include "params.h"
#include "patience.h"
#include "record.h"

/*
 * Where a stream to the application comes from: stdin, a file, or what has
 * been taken in beforehand because its length must be known. Decides how many
 * bytes there are and sets the variables that say so; their texts are in the
 * list, which must stay where it is.
 */

struct source {
	enum record_type type; /* FCGI_STDIN or FCGI_DATA */
	int fd;		       /* -1: there are no bytes */
	int64_t left;	       /* to be read */
	const char *name;      /* for the line that says what failed */
	char length[24];       /* texts of variables */
	char date[24];
};

#define SOURCES_MAX 2

/*
 * Opens what the wish and the variables ask for: the body, and in the filter
 * role the data. Returns how many of list are filled, or -1 with the outcome.
 */
int source_open(struct source list[SOURCES_MAX], struct params *params,
		const struct patience *patience, struct outcome *outcome);

#endif
