#ifndef SPAWN_H
#define SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

struct limit;

struct loan;

/*
 * Starts one process: the only file that knows how. Everything that the new
 * process needs is prepared before, so that between clone(2) and execve(2) it
 * makes system calls and nothing else.
 */

#define SPAWN_BESIDE 8 /* at most so many are under way at once */

enum spawn_step {
	SPAWN_FORK,
	SPAWN_FOLDER,
	SPAWN_FILES,
	SPAWN_LIMIT,
	SPAWN_OWNER,
	SPAWN_EXEC,
};

struct spawn {
	const char *path;
	char *const *argv;
	char *const *envp;
	int folder;	     /* the working directory; -1: the wrapper's own */
	int files[3];	     /* become fds 0, 1, 2; each is 3 or more */
	const char *library; /* which it must be able to read, or NULL */
	bool change_owner;
	uid_t uid;
	gid_t gid;

	enum spawn_step step; /* set on failure: what failed */
	int error;	      /* and its errno; else 0 */
	struct loan *loan;    /* spawn's own, while it is under way */
	pid_t parent;	      /* and whose child it is */
};

/* Becomes that user, with no supplementary groups, by bare system calls: the C
 * library's own would tell other threads, of which we have none. Returns 0, or
 * -1 and errno. */
int spawn_become(uid_t uid, gid_t gid);

/* The first limit of the settings that this process cannot give a program, and
 * errno; NULL if there is none. */
const struct limit *spawn_refused_limit(void);

/* Once, before the first program. Returns 0, or -1 and errno. */
int spawn_open(void);

/*
 * Starts the program in a process group of its own, with no signal blocked,
 * the resource limits of the settings, and no descriptors but the three, which
 * the caller may close from then on. Returns its pid, or -1 with step and error
 * set and no process left.
 *
 * The wrapper blocks all signals and leaves their actions at the default: a
 * program inherits those.
 */
pid_t spawn_start(struct spawn *spawn);

/*
 * The same, but where it can it does not wait for the exec: spawn is under way
 * then, and it, what it points to and its folder must stay until it is over. If
 * error is set at that time, the process ends without having been the program.
 */
pid_t spawn_begin(struct spawn *spawn);

/* Whether spawn_begin would not wait, or must in any case. */
bool spawn_has_room(void);

bool spawn_is_under_way(const struct spawn *spawn);

/* Whether the process of one that is under way has become the program, or has
 * failed to; from then on it is not under way. Reaped: the process has been;
 * where the system does not tell before, all are waited for from then on. */
bool spawn_is_over(struct spawn *spawn, bool reaped);

#endif
