#ifndef QUERY_H
#define QUERY_H

#include "outcome.h"
#include "patience.h"

/* -values: asks an application what it can do (FastCGI 1.0 §4.1) and prints
 * its answers as lines NAME=VALUE. fd is a connected, non-blocking socket that
 * stays the caller's. Returns 0, or -1 with the outcome. */
int query_values(int fd, struct patience *patience, struct outcome *outcome);

#endif
