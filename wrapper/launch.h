#ifndef LAUNCH_H
#define LAUNCH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "env.h"
#include "program.h"

/*
 * From a request's variables to a running program: finds it, completes its
 * environment (RFC 3875 §4.1), makes its pipes, starts it. What then happens
 * to it is not its business.
 */

struct launch {
	pid_t pid;
	/* Our ends of its pipes, non-blocking; in may be -1. The caller's. */
	int in, out, err;
	char *name; /* the program's path, for the log; the caller's */
	int status; /* on failure: the HTTP status */
	char *why;  /* and the reason, in REFUSAL_MAX bytes of the caller's */
};

/* Prepares what all programs have in common. To be called once, as the user
 * that runs them; returns 0, or -1 and errno. */
int launch_init(void);

/* Once in each process that launches, after the settings are known: what is to
 * be told if a program that was launched cannot be run after all. Its owner is
 * the one that child knows; a process that has ended is told of before. */
void launch_follow(void (*failed)(void *owner, int status, const char *why));

/* Looks at those that have been launched and are not yet what they shall be. To
 * be called when one of them ends, and before spawn_has_room is asked;
 * otherwise it is done by itself. */
void launch_settle(void);

/* Only while spawn_has_room: there is no place to remember one start more.
 * Starts the program for these variables, which are taken over; without a body
 * its stdin is at its end. Returns 0, or -1 with status and why filled and
 * nothing left open. */
int launch(struct launch *launch, struct env *env, uint16_t role,
	   bool has_body);

#endif
