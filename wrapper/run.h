#ifndef RUN_H
#define RUN_H

#include "request.h"

/*
 * A request's program, from its start to its end: what happens to it (a pipe's
 * event, its exit, a limit in time) is noted in the request. What follows from
 * that is decided above, but for the limits, which end it.
 */

/* Once, after the settings are known. */
void run_init(void);

/* Starts its program, whose place under -max it has (shared_start). If that
 * fails the place is given back, and the request ends. */
void run_program(struct request *request);

/* A byte has moved: -timeout begins anew. */
void run_touch(struct request *request);

#endif
