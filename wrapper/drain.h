#ifndef DRAIN_H
#define DRAIN_H

#include "loop.h"

/*
 * Pipes of programs whose request is over: what they still print is read and
 * thrown away, so that they can go on. As long as one is open the wrapper
 * counts as in use (-idle).
 */

/* Takes over the reading end of a pipe, non-blocking, whoever watched it: the
 * watch has none any more. Without memory for it the pipe is closed, and
 * whoever writes to it gets SIGPIPE. */
void drain_take(struct watch *watch);

#endif
