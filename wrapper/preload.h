#ifndef PRELOAD_H
#define PRELOAD_H

#include <sys/types.h>

#include "program.h"
#include "spawn.h"

/*
 * -preload: templates of programs, which are forked for each request instead
 * of being started. It owns the templates of this process; what a template
 * does is in preload/wait.c. Whatever cannot be done so is left to be
 * started as always.
 */

/* Once in each process, after the settings are known. Where it cannot be done
 * a line in the log says so, and nothing is preloaded. */
void preload_init(void);

/* Starts the program by its template. Returns its pid, a child of this process
 * in a group of its own, as if by spawn_start; or 0: it must be started as
 * always. */
pid_t preload_start(struct program *program, const struct spawn *spawn);

/* Ends all templates; also one that was stopped and would not notice. */
void preload_end(void);

#endif
