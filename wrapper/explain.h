#ifndef EXPLAIN_H
#define EXPLAIN_H

#include "program.h"
#include "spawn.h"

/*
 * Why a program that was found could not be started, in words for whoever put
 * it there. It changes nothing and starts nothing.
 */

/* After spawn_start has failed: fills program->why and returns the HTTP
 * status. */
int explain_start(struct program *program, const struct spawn *spawn);

#endif
