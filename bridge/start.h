#ifndef START_H
#define START_H

#include <sys/types.h>

/*
 * -start: an application's processes, with a listening socket as fd 0
 * (FastCGI 1.0 §2.2).
 */

/* Listens at -connect ADDR and starts the copies; returns 0 when they run.
 * If somebody listens there already nothing is started: -1 with errno
 * EADDRINUSE. Any other failure ends the process. */
int start_application(void);

/* The same, and stays: a copy that ends is started again. */
int start_and_supervise(void);

/* -once: starts one copy on a private socket, to which wish.connect is set.
 * It is ended when this process is, at the latest. */
void start_once(void);

/* Ends what start_once has started and removes its socket. */
void start_end_once(void);

#endif
