#ifndef ASK_H
#define ASK_H

#include "params.h"

/*
 * The request's variables: those of the environment, or of a clean request
 * that -url describes, and -env. The body's length is source's business.
 */

/* Fills params. Ends the process with a usage error if -url or -header is
 * malformed. */
void ask_fill(struct params *params);

#endif
