#ifndef ENDING_H
#define ENDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "env.h"
#include "out.h"

/*
 * The last words of a request: why it ends, what a page says of it, and
 * FCGI_END_REQUEST. It knows nothing of programs; what the words are is decided
 * above.
 */

struct ending {
	int page;		 /* the HTTP status to say, or 0 */
	const struct env *asked; /* for the status page, or NULL */
	char *why;		 /* a line for FCGI_STDERR; owned */
	uint32_t app_status;
};

/* Why it ends: a line for the log now, and for FCGI_STDERR then. */
void ending_explain(struct ending *ending, const char *why);

/* Puts the words, the ends of the streams and the end into out; stderr_opened:
 * FCGI_STDERR has begun. Returns whether there was room for all of it. */
bool ending_say(const struct ending *ending, struct out *out, uint16_t id,
		bool stderr_opened);

void ending_free(struct ending *ending);

#endif
