#ifndef ENVIRONMENT_H
#define ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

struct template_request;

/*
 * The environment, which is another one for each request: it owns environ, what
 * the preludes see of it, and the memory of what libraries' constructors have
 * done to it. It knows nothing of where a request comes from.
 */

/* Room for a request, which environment_set is given a part of. Pages that
 * nobody has touched cost a fork nothing. */
struct template_request *environment_room(void);

/* Before main. With a prelude there is nothing to be remembered: it runs after
 * them, and sees to what changed itself. */
void environment_begin(bool prelude);

/* The request's own: so many bytes in its room, NAME=VALUE, each ended by NUL,
 * and what constructors did once more. */
void environment_set(char *text, size_t length);

#endif
