#ifndef ENV_H
#define ENV_H

#include <stdbool.h>
#include <stddef.h>

#include "pair.h"

/*
 * The environment of one program: FCGI_PARAMS in, NAME=VALUE out (RFC 3875
 * §4.1). It owns one growing block of text and says what may not be in it.
 * What the variables mean is not its business.
 */

#define ENV_MAX (1024 * 1024) /* bytes of names and values; more is a 431 */

struct env {
	char *text; /* NAME=VALUE, each ended by NUL */
	size_t used;
	size_t size;
	size_t pair;  /* where the pair that is coming in begins */
	size_t value; /* where its value begins */
	struct pair_reader reader;
	bool skip;	/* the pair that is coming in is left out */
	bool too_large; /* over ENV_MAX: the rest is read and dropped */
	bool no_memory;
	char **list; /* made by env_list */
};

/* Takes bytes of the FCGI_PARAMS stream. Zeroed is ready; what goes wrong is
 * told by too_large and no_memory, and nothing of it is kept. */
void env_params(struct env *env, const unsigned char *bytes, size_t length);

/* Whether the stream so far ends between two pairs. */
bool env_complete(const struct env *env);

/* The value of a variable, the last one if it came twice; NULL if there is
 * none. Valid until the next env_set. */
const char *env_get(const struct env *env, const char *name);

/* Sets a variable in place of any that came before. Returns 0, or -1 and errno
 * if there is no memory or no room. */
int env_set(struct env *env, const char *name, const char *value);

/* The same for a text NAME=VALUE. */
int env_put(struct env *env, const char *pair);

/* Takes every variable of that name out. */
void env_unset(struct env *env, const char *name);

/* The list for execve(2), each name once; NULL if there is no memory. Valid
 * until anything is set. */
char **env_list(struct env *env);

/* May be called twice. */
void env_free(struct env *env);

#endif
