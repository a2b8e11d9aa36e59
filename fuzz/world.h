#ifndef WORLD_H
#define WORLD_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * What the wrapper calls and a fuzz target decides: the clock, waiting, calls
 * that are interrupted or do less than was asked, and programs. Sockets and
 * pipes are real ones: nobody tells of them as the kernel does.
 */

extern int64_t world_ms; /* the clock */
extern int world_wait;	 /* how long the loop wanted to wait; -1: for ever */

/* The product runs: its calls may be interfered with. */
extern bool world_inside;
extern unsigned world_interrupted; /* so many calls are, from now on */
extern unsigned world_short;	   /* the next one writes no more; 0: all */

/* What stands for the descriptors 0 to 2; -1: nothing does. A read or write of
 * them that would have to wait is a mistake. */
extern int world_fds[3];
extern bool world_careful; /* the kernel cannot be asked not to wait */

/* What the bridge's target defines. */
int bridge_connect(void);
int bridge_poll(struct pollfd *fds, nfds_t count, int ms);

int world_real_poll(struct pollfd *fds, nfds_t count, int ms);

#define PROGRAMS_MAX 24

/* A program that the wrapper runs, as the program sees it. */
struct running {
	pid_t pid;
	uint32_t serial; /* the value of R in its environment; 0: none */
	int fds[3];	 /* the other ends of the wrapper's pipes; -1: closed */
	bool ignores_term;
	bool term;	/* was told to end */
	bool dead;	/* has ended */
	bool reaped;	/* and that was told */
	int status;	/* as of waitpid(2) */
	bool looked_at; /* whether it has begun, once */
	bool left;	/* what it has started holds its pipes open */
	bool was_left;
	bool no_body;	   /* CONTENT_LENGTH=0 */
	uint64_t got;	   /* bytes of stdin */
	bool got_end;	   /* and their end */
	struct told *said; /* its stdout */
};

extern struct running programs[PROGRAMS_MAX];
extern int program_count;

/* The next program fails to start: the step, and errno. */
extern int world_spawn_step;
extern int world_spawn_error;

/* It ends, with a status as of waitpid(2). With left its pipes stay open. */
void program_end(struct running *program, int status, bool left);

/* What it has left behind ends. */
void program_clear(struct running *program);

/* Whether one has ended and that was not told yet: SIGCHLD is pending. */
bool programs_to_reap(void);

#endif
