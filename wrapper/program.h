#ifndef PROGRAM_H
#define PROGRAM_H

#include <sys/types.h>

#include "env.h"
#include "refusal.h"

/*
 * Which program serves a request (RFC 3875 §4.1.5 to §4.1.13): finds it, puts
 * the variables right that tell where it is, and says why if it may not run.
 */

struct program {
	char *path;	  /* of the program or script, resolved; owned */
	const char *exec; /* what is executed */
	char *words[3];	  /* its argv, if not the command line's */
	char *const *argv;
	int folder; /* its folder, held open; owned */
	uid_t uid;  /* of its file */
	gid_t gid;
	char *local; /* ./NAME: its name seen from its folder; owned */
	char *why;   /* the caller's, REFUSAL_MAX bytes: why it does not run */
};

/*
 * Finds the program that the variables name, or the command line's. Returns 0,
 * or the HTTP status that tells why not, with why filled: 403, 404, 500, 503.
 */
int program_find(struct program *program, struct env *env);

/* The same for a path that is known to be one, resolved. */
int program_named(struct program *program, const char *path);

/* May be called twice, and on a struct that is zeroed but for folder = -1 and
 * why. */
void program_free(struct program *program);

#endif
