/*
 * program: from SCRIPT_FILENAME to a file that may be executed.
 * A name is looked up once (lookup): the file that this gives is what is
 * checked, and the name that the kernel has for it is what is run. Where it
 * matters who may run what (-root, -allow, -as-owner) the program is run by its
 * name in its folder, which is held open: nobody can put another in between.
 */
#include "program.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lookup.h"
#include "owner.h"
#include "settings.h"
#include "text.h"

/* Apache names a program proxy:fcgi://HOST:PORT/PATH. */
static const char *without_proxy(const char *path)
{
	const char *host;
	const char *slash;

	if (strncmp(path, "proxy:", 6) != 0)
		return path;
	host = strstr(path, "://");
	slash = host ? strchr(host + 3, '/') : NULL;
	return slash ? slash : path;
}

/* The byte that %XX stands for; -1 if there is none at text, or one that would
 * make another path of it: a slash, a dot, a NUL. */
static int decoded_byte(const char *text)
{
	int byte = text_percent(text);

	return byte < 0 || strchr("/.", byte) ? -1 : byte;
}

static void decode(char *text)
{
	char *to = text;

	while (*text) {
		int byte = decoded_byte(text);

		if (byte < 0) {
			*to++ = *text++;
		} else {
			*to++ = (char)byte;
			text += 3;
		}
	}
	*to = '\0';
}

/*
 * Whether Apache has encoded the path: for ProxyPass and RewriteRule it has,
 * for SetHandler not, and then a %20 is of the file's name. SCRIPT_NAME, which
 * it has not, ends as the path does: with what each %XX of a whole part stands
 * for, or with that itself. What is not encoded, or may not be, must not be
 * decoded: Apache has not asked who may run that.
 */
static bool is_encoded(const char *path, const struct env *env)
{
	const char *sent = env_get(env, "SCRIPT_FILENAME");
	const char *name = env_get(env, "SCRIPT_NAME");
	size_t left = strlen(path);
	size_t n = name ? strlen(name) : 0;
	bool found = false;

	if (!sent || without_proxy(sent) == sent)
		return false;
	for (; left > 0 && n > 0; left--, n--) {
		const char *last = path + left - 3;
		int byte = left >= 3 ? decoded_byte(last) : -1;

		if (byte >= 0) {
			if (n >= 3 && memcmp(name + n - 3, last, 3) == 0)
				return false;
			found = true;
			left -= 2;
		} else {
			byte = (unsigned char)path[left - 1];
		}
		if (name[n - 1] != (char)byte)
			return false;
		if (found && byte == '/')
			return true;
	}
	return false;
}

/* The path that the request names, in memory of its own; NULL and *status if
 * it names none. */
static char *asked_path(struct program *program, const struct env *env,
			int *status)
{
	const char *path = env_get(env, "SCRIPT_FILENAME");
	const char *root = env_get(env, "DOCUMENT_ROOT");
	const char *name = env_get(env, "SCRIPT_NAME");
	char *asked = NULL;

	if (path) {
		asked = strdup(without_proxy(path));
	} else if (root && name) {
		asked = text_join(root, name, "");
	} else {
		*status = refusal(program->why, 403,
				  "the server names no program",
				  "neither SCRIPT_FILENAME nor DOCUMENT_ROOT "
				  "and SCRIPT_NAME are set");
		return NULL;
	}
	if (!asked) {
		*status = refusal_errno(program->why, "SCRIPT_FILENAME");
	} else if (asked[0] != '/') {
		*status =
			refusal(program->why, 403, asked[0] ? asked : "(empty)",
				"SCRIPT_FILENAME is not an absolute path");
		free(asked);
		asked = NULL;
	}
	return asked;
}

/* Notes what it is called in its folder. */
static int name_in_folder(struct program *program)
{
	program->local = text_join(".", strrchr(program->path, '/'), "");
	return program->local ? 0 : refusal_errno(program->why, program->path);
}

/* Whether it matters who could have put what where. */
static bool is_strict(void)
{
	return (set.root || set.allow.count || set.as_owner) && !set.fcgiwrap;
}

static bool is_below(const char *path, const char *root)
{
	size_t length = strlen(root);

	return strncmp(path, root, length) == 0 && path[length] == '/';
}

static bool is_allowed(const char *path)
{
	int i;

	for (i = 0; i < set.allow.count; i++)
		if (strcmp(path, set.allow.word[i]) == 0)
			return true;
	return set.allow.count == 0;
}

static int check_owner(struct program *program, const struct stat *file)
{
	struct stat folder;
	const char *why;

	if (!set.as_owner)
		return 0;
	if (fstat(program->folder, &folder) < 0)
		return refusal_errno(program->why, program->path);
	why = owner_refuses((uid_t)set.as_owner, file, &folder);
	if (why)
		return refusal(program->why, 403, program->path, why);
	program->uid = file->st_uid;
	program->gid = file->st_gid;
	return 0;
}

/* The checks are of the file that was opened; that the folder still has this
 * very file under this name is looked at last. */
static int check(struct program *program, const struct lookup *lookup)
{
	struct stat st;

	if (set.root && !is_below(program->path, set.root))
		return refusal(program->why, 403, program->path,
			       "outside the folder given by -root");
	if (!is_allowed(program->path))
		return refusal(program->why, 403, program->path,
			       "not a program given by -allow");
	if (!is_strict())
		return 0;
	if (fstatat(program->folder, program->local, &st, AT_SYMLINK_NOFOLLOW) <
		    0 ||
	    st.st_ino != lookup->st.st_ino || st.st_dev != lookup->st.st_dev)
		return refusal(program->why, 404, program->path,
			       "it has changed while it was looked at");
	return check_owner(program, &st);
}

static const struct handler *handler_of(const char *path)
{
	size_t length = strlen(path);
	int i;

	for (i = 0; i < set.handlers; i++) {
		const struct handler *handler = &set.handler[i];

		if (length > handler->suffix_length &&
		    memcmp(path + length - handler->suffix_length,
			   handler->suffix, handler->suffix_length) == 0)
			return handler;
	}
	return NULL;
}

static void choose_words(struct program *program, const char *asked)
{
	const struct handler *handler = handler_of(asked);
	char *name = is_strict() ? program->local : program->path;

	program->argv = program->words;
	program->exec = name;
	program->words[0] = program->path;
	if (handler) {
		program->exec = handler->program;
		program->words[0] = (char *)(size_t)handler->program;
		program->words[1] = name;
	}
}

static bool ends_with(const char *text, const char *tail)
{
	size_t length = strlen(text);
	size_t tail_length = strlen(tail);

	return length >= tail_length &&
	       strcmp(text + length - tail_length, tail) == 0;
}

static int set_translated(struct env *env, const char *path_info)
{
	const char *root = env_get(env, "DOCUMENT_ROOT");
	char *text;
	int result;

	if (!root)
		return 0;
	text = text_join(root, path_info, "");
	if (!text)
		return -1;
	result = env_set(env, "PATH_TRANSLATED", text);
	free(text);
	return result;
}

/* Whether SCRIPT_NAME holds what follows the program. A server that sends the
 * two apart may call the program by the very name. */
static bool has_tail(const struct env *env, const char *name, const char *tail)
{
	const char *sent = env_get(env, "PATH_INFO");

	return ends_with(name, tail) &&
	       (strcmp(name, tail) != 0 || !sent || strcmp(sent, tail) != 0);
}

/* What follows the program in the path is PATH_INFO, and nobody else's. */
static int set_path_info(struct env *env, const char *path_info)
{
	const char *name = env_get(env, "SCRIPT_NAME");
	int result = 0;

	if (name && has_tail(env, name, path_info)) {
		char *own = strdup(name);

		if (!own)
			return -1;
		own[strlen(own) - strlen(path_info)] = '\0';
		result = env_set(env, "SCRIPT_NAME", own);
		free(own);
	}
	if (result < 0 || set_translated(env, path_info) < 0)
		return -1;
	return env_set(env, "PATH_INFO", path_info);
}

/* Puts the variables right where they are not already. */
static int correct(struct lookup *lookup, struct env *env)
{
	char *tail = lookup->asked + lookup->found;
	const char *sent;

	if (*tail && set_path_info(env, tail) < 0)
		return -1;
	*tail = '\0';
	sent = env_get(env, "SCRIPT_FILENAME");
	if (sent && strcmp(sent, lookup->asked) == 0)
		return 0;
	return env_set(env, "SCRIPT_FILENAME", lookup->asked);
}

/* A program whose own name has a %XX is found by it. */
static int look_up(struct lookup *lookup, const struct env *env, char *why)
{
	int status = lookup_file(lookup, why);
	bool whole = status == 0 && !lookup->asked[lookup->found];

	/* Most are found as they are. */
	if (whole || (status != 0 && status != 404) ||
	    !is_encoded(lookup->asked, env))
		return status;
	if (status == 0) {
		decode(lookup->asked + lookup->found);
		return 0;
	}
	if (lookup->fd >= 0)
		close(lookup->fd);
	free(lookup->path);
	*lookup =
		(struct lookup){.asked = lookup->asked, .fd = -1, .folder = -1};
	decode(lookup->asked);
	return lookup_file(lookup, why);
}

static int find(struct program *program, struct lookup *lookup, struct env *env)
{
	int status = look_up(lookup, env, program->why);

	program->path = lookup->path;
	program->folder = lookup->folder;
	if (status)
		return status;
	status = name_in_folder(program);
	if (!status)
		status = check(program, lookup);
	if (status)
		return status;
	if (correct(lookup, env) < 0)
		return refusal_errno(program->why, program->path);
	choose_words(program, lookup->asked);
	if (set.only_handled && !program->words[1])
		return refusal(program->why, 403, program->path,
			       "no -handler is for it, and the wrapper listens "
			       "on TCP without -root or -allow");
	return 0;
}

/* Puts it at a path that is known to be a program's. */
static int place(struct program *program, const char *path)
{
	int status;

	program->path = strdup(path);
	if (!program->path)
		return refusal_errno(program->why, path);
	status = lookup_folder(program->path, &program->folder, program->why);
	return status ? status : name_in_folder(program);
}

static int from_command_line(struct program *program)
{
	struct stat st;
	int status = place(program, set.program[0]);

	program->exec = program->path;
	program->argv = set.program;
	if (status || !set.as_owner)
		return status;
	if (fstatat(program->folder, program->local, &st, 0) < 0)
		return refusal_errno(program->why, program->path);
	program->exec = program->local;
	return check_owner(program, &st);
}

int program_named(struct program *program, const char *path)
{
	struct stat st;
	int status;

	if (set.program && strcmp(path, set.program[0]) == 0)
		return from_command_line(program);
	status = place(program, path);
	if (status)
		return status;
	choose_words(program, path);
	if (fstatat(program->folder, program->local, &st, 0) < 0)
		return refusal_errno(program->why, path);
	return check_owner(program, &st);
}

int program_find(struct program *program, struct env *env)
{
	struct lookup lookup = {.fd = -1, .folder = -1};
	int status = 0;

	if (set.program)
		return from_command_line(program);
	lookup.asked = asked_path(program, env, &status);
	if (!lookup.asked)
		return status;
	status = find(program, &lookup, env);
	if (lookup.fd >= 0)
		close(lookup.fd);
	free(lookup.asked);
	return status;
}

void program_free(struct program *program)
{
	free(program->path);
	free(program->local);
	program->path = program->local = NULL;
	if (program->folder >= 0)
		close(program->folder);
	program->folder = -1;
}
