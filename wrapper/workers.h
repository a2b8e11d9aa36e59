#ifndef WORKERS_H
#define WORKERS_H

#include "listen.h"

/*
 * -workers N: processes that share the listening sockets. The parent serves
 * nothing: it replaces a worker that dies and passes on the signal to stop.
 */

/* Returns the exit status when all have stopped. */
int workers_run(struct listener *listeners, int count);

#endif
