#ifndef TURN_H
#define TURN_H

#include "request.h"

/*
 * What a request has to say, and when it is over: the one place where the facts
 * of a running request are judged. It says it into the room that it is given,
 * and knows nothing of whose turn it is.
 */

enum turn_result {
	TURN_IDLE, /* nothing for now */
	TURN_MORE, /* it has more, or there was no room */
	TURN_OVER, /* FCGI_END_REQUEST is in out: close it */
};

/* Once, at the start. */
void turn_init(void);

/* Puts into out what it has to say, as far as there is room. */
enum turn_result turn_take(struct request *request, struct out *out);

#endif
