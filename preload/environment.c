/*
 * environment: constructors have run with what the wrapper gave the template;
 * what they made of it is found by comparing, and made of each request's too.
 */
#include "environment.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "call.h"
#include "giveup.h"
#include "template.h"

/* For the preludes: see template.h. */
EXPORTED char *cgi_fcgi_env;
EXPORTED size_t cgi_fcgi_env_length;

static bool has_prelude;

struct change {
	struct change *next;
	char *name;
	const char *value; /* NULL: removed */
	bool had;	   /* there was one before */
};

static struct change *changes;

/* Behind the request the list of its variables, each of which has two bytes at
 * least. */
struct template_request *environment_room(void)
{
	size_t list = (TEMPLATE_ENV_MAX / 2 + 2) * sizeof(char *);
	struct template_request *request = malloc(sizeof(*request) + list);

	if (!request)
		give_up("memory");
	return request;
}

/* The list of a text's variables stands behind it. */
static char **list_of(char *text, size_t length)
{
	size_t used = (size_t)(uintptr_t)text + length;
	size_t gap = -used % sizeof(char *);
	char **list = (char **)(void *)(text + length + gap);
	size_t count = 0;
	size_t i;

	for (i = 0; i < length; i += strlen(text + i) + 1)
		list[count++] = text + i;
	list[count] = NULL;
	return list;
}

/* The same in memory of its own. */
static void *own(const void *what, size_t size)
{
	void *copy = malloc(size);

	if (!copy)
		give_up("environment");
	return memcpy(copy, what, size);
}

static size_t length_of(char **list)
{
	size_t count = 0;

	while (list[count])
		count++;
	return count;
}

/* The variable of a list that has the name of this one, or NULL. */
static const char *same_name(char **list, const char *variable)
{
	size_t length = strcspn(variable, "=");

	for (; list && *list; list++)
		if (strncmp(*list, variable, length) == 0 &&
		    (*list)[length] == '=')
			return *list;
	return NULL;
}

/* --- What constructors do */

/* What the kernel gave: libraries' constructors, which glibc runs before
 * anything of ours is called, may have changed the list in place. Returns its
 * length; 0 without /proc: then nothing is known of changes. */
static size_t read_given(struct template_request *room)
{
	int fd = (int)CALL(openat, AT_FDCWD, "/proc/self/environ",
			   O_RDONLY | O_CLOEXEC);
	long n = fd < 0 ? 0 : CALL(read, fd, room->env, sizeof(room->env));

	if (fd >= 0)
		CALL(close, fd);
	/* A part would look as if the rest were new. */
	return n > 0 && n < (long)sizeof(room->env) ? (size_t)n : 0;
}

/* Returns where the next one goes. */
static struct change **note_change(struct change **to, const char *variable,
				   bool removed, bool had)
{
	struct change *change = calloc(1, sizeof(*change));
	size_t length = strcspn(variable, "=");

	if (!change)
		give_up("environment");
	change->name = own(variable, length + 1);
	change->name[length] = '\0';
	change->value = removed ? NULL : variable + length + 1;
	change->had = had;
	*to = change;
	return &change->next;
}

static void compare(char **given)
{
	struct change **to = &changes;
	char **at;

	for (at = given; *at; at++)
		if (!same_name(environ, *at))
			to = note_change(to, *at, true, true);
	for (at = environ; at && *at; at++) {
		const char *before = same_name(given, *at);

		if (!before || strcmp(before, *at) != 0)
			to = note_change(to, *at, false, before != NULL);
	}
}

static void note_changes(void)
{
	struct template_request *room = environment_room();
	size_t length = read_given(room);

	if (length > 0)
		compare(list_of(room->env, length));
	free(room);
}

void environment_begin(bool prelude)
{
	has_prelude = prelude;
	if (!prelude)
		note_changes();
}

/* --- A request's own */

/* What was not there may have been set because it was not: a variable of the
 * request's own stays. */
static void repeat_changes(void)
{
	const struct change *at;

	for (at = changes; at; at = at->next)
		if (at->value)
			setenv(at->name, at->value, at->had);
		else
			unsetenv(at->name);
}

/* Interpreters that have begun may free all of it, one by one. */
static char **own_copy(char **list)
{
	char **copy = own(list, (length_of(list) + 1) * sizeof(*list));
	char **at;

	for (at = copy; *at; at++)
		*at = own(*at, strlen(*at) + 1);
	return copy;
}

void environment_set(char *text, size_t length)
{
	char **list = list_of(text, length);

	if (has_prelude) {
		cgi_fcgi_env = text;
		cgi_fcgi_env_length = length;
		environ = own_copy(list);
	} else {
		environ = list;
		repeat_changes();
	}
}
