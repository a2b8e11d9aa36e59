#ifndef ADMIT_H
#define ADMIT_H

#include "request.h"

/*
 * Whether a request's program may run now, waits for its turn, or is refused
 * (-max, -queue, the wrapper's own end). How it runs is not its business.
 */

/* All that its program needs is there: runs it, or lets it wait, or ends the
 * request with a 503. */
void admit_request(struct request *request);

/* Runs programs of requests that wait, as far as -max and the starts that are
 * under way let. To be called when a program ends, and when the bell rings. */
void admit_waiting(void);

/* From now on no program is started: what waits, or comes, is a 503. */
void admit_none(void);

#endif
