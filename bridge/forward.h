#ifndef FORWARD_H
#define FORWARD_H

#include "ask.h"

/*
 * One request over a connection: the body is sent while the answer is read.
 * Memory is bounded: one record out, one read in.
 */

/* Sends ask on fd, prints the answer, and returns the exit status that the
 * application gives; a failure ends the process. Closes fd. */
int forward(int fd, struct ask *ask);

#endif
