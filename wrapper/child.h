#ifndef CHILD_H
#define CHILD_H

#include <stdbool.h>
#include <sys/types.h>

#include "loop.h"

/*
 * The programs that run, from their start, which is spawn's, until they are
 * reaped: told to end, awaited, and not left alone. A child outlives the
 * request it was started for; until it is reaped it counts under -max. What a
 * program leaves in its group can be ended as long as its owner waits.
 */

struct child {
	struct child *next; /* of the same bucket */
	struct timer timer; /* -grace, or a look at what is left of it */
	int64_t kill_ms;    /* when its group gets KILL */
	pid_t pid;	    /* of the process and of its group */
	bool reaped;
	bool gone;   /* reaped, and its group is empty or got KILL */
	void *owner; /* the request; NULL when nobody waits for it any more */
	void (*exited)(void *owner, int status); /* status as of waitpid(2) */
};

/* Must be called once, after the settings are known. */
void child_init(void);

/* Takes a started process into the table, where it stays until it is reaped and
 * its owner no longer waits. Returns NULL if there is no memory: then the
 * process has been killed and reaped. The caller has its place under -max
 * (shared_start); the table gives it back. */
struct child *child_add(pid_t pid, void *owner,
			void (*exited)(void *owner, int status));

/* Whose process that is; NULL if nobody waits for it any more. */
void *child_owner(pid_t pid);

/* Whether a process that was in the table has been reaped; true of one that
 * never was. */
bool child_is_reaped(pid_t pid);

/* The owner no longer waits; the program, or what it left, goes on. */
void child_forget(struct child *child);

/* The owner no longer waits, and the program and what it started are ended:
 * TERM, after -grace KILL. */
void child_end(struct child *child);

/* From now on there may be processes of ours that are in no table; ended is
 * told when one of them has. */
void child_mind_strangers(void (*ended)(pid_t pid));

/* Reaps all that have ended; exited is called for each that an owner waits for.
 * To be called after SIGCHLD. */
void child_reap(void);

/* Sends a signal to the groups of all programs. */
void child_signal_all(int signal_number);

/* TERM now, KILL after -grace, to all of them; their owners still wait. */
void child_terminate_all(void);

/* How many are not reaped, and how many groups may be left that an owner waits
 * for or that are to end. */
long child_count(void);

#endif
