/*
 * program: from SCRIPT_FILENAME to a file that may be executed.
 * A name is looked up once: the descriptor that this gives is what is checked,
 * and the name that the kernel has for it is what is run. Where it matters who
 * may run what (-root, -allow, -as-owner) the program is run by its name in
 * its folder, which is held open: nobody can put another in between.
 */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "owner.h"
#include "settings.h"
#include "text.h"

#ifndef RESOLVE_NO_SYMLINKS
#define RESOLVE_NO_SYMLINKS 4
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

/* A path that a request asks for, and what is there. */
struct lookup {
	char *asked;  /* owned */
	size_t found; /* how much of it exists */
	int fd;	      /* O_PATH of that; owned */
	struct stat st;
};

int program_refuse(struct program *program, int status, const char *path,
		   const char *reason)
{
	text_format(program->why, sizeof(program->why), "%.300s: %.200s", path,
		    reason);
	return status;
}

int program_status_of(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOMEM ||
			       error == EAGAIN
		       ? 503
		       : 500;
}

int program_refuse_errno(struct program *program, const char *path)
{
	return program_refuse(program, program_status_of(errno), path,
			      strerror(errno));
}

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
		size_t size = strlen(root) + strlen(name) + 1;

		asked = malloc(size);
		if (asked)
			text_format(asked, size, "%s%s", root, name);
	} else {
		*status = program_refuse(
			program, 403, "the server names no program",
			"neither SCRIPT_FILENAME nor DOCUMENT_ROOT "
			"and SCRIPT_NAME are set");
		return NULL;
	}
	if (!asked) {
		*status = program_refuse_errno(program, "SCRIPT_FILENAME");
	} else if (asked[0] != '/') {
		*status = program_refuse(
			program, 403, asked[0] ? asked : "(empty)",
			"SCRIPT_FILENAME is not an absolute path");
		free(asked);
		asked = NULL;
	}
	return asked;
}

static size_t slash_before(const char *path, size_t length)
{
	do
		length--;
	while (length > 0 && path[length] != '/');
	return length;
}

/* Opens the longest beginning of the path that exists (RFC 3875 §4.1.5). */
static int open_walking(struct lookup *lookup)
{
	size_t length = strlen(lookup->asked);

	while (length > 0) {
		char kept = lookup->asked[length];

		if (length < PATH_MAX) {
			lookup->asked[length] = '\0';
			lookup->fd = open(lookup->asked, O_PATH | O_CLOEXEC);
			lookup->asked[length] = kept;
			lookup->found = length;
			if (lookup->fd >= 0)
				return 0;
			if (errno != ENOENT && errno != ENOTDIR &&
			    errno != ENAMETOOLONG)
				return -1;
		}
		length = slash_before(lookup->asked, length);
	}
	errno = ENOENT;
	return -1;
}

/* The user as -user names it, or a number, since a name would have to be asked
 * for. */
int program_refuse_us(struct program *program, const char *path,
		      const char *what)
{
	char number[16];
	char reason[200];

	text_format(number, sizeof(number), "%u", geteuid());
	text_format(reason, sizeof(reason),
		    "the wrapper (user %.100s) may not %s",
		    set.user ? set.user : number, what);
	return program_refuse(program, 403, path, reason);
}

/* Which folder on the way may not be entered. */
static int refuse_closed(struct program *program, char *path)
{
	size_t i;

	for (i = 1; path[i]; i++) {
		int closed;

		if (path[i] != '/')
			continue;
		path[i] = '\0';
		closed = faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0;
		if (closed)
			return program_refuse_us(program, path,
						 "enter this folder");
		path[i] = '/';
	}
	return program_refuse(program, 403, path, "permission denied");
}

static int refuse_missing(struct program *program, const struct lookup *lookup)
{
	char reason[200];

	if (lookup->fd < 0)
		return program_refuse(program, 404, lookup->asked,
				      "no such program");
	text_format(reason, sizeof(reason),
		    "no such program (%.*s is there, what follows is not)",
		    (int)(lookup->found < 150 ? lookup->found : 150),
		    lookup->asked);
	return program_refuse(program, 404, lookup->asked, reason);
}

static int look_up(struct program *program, struct lookup *lookup)
{
	bool whole;

	if (open_walking(lookup) < 0) {
		if (errno == EACCES)
			return refuse_closed(program, lookup->asked);
		if (errno == ENOENT)
			return refuse_missing(program, lookup);
		if (errno == ELOOP)
			return program_refuse(program, 404, lookup->asked,
					      "too many symbolic links");
		return program_refuse_errno(program, lookup->asked);
	}
	if (fstat(lookup->fd, &lookup->st) < 0)
		return program_refuse_errno(program, lookup->asked);
	whole = lookup->asked[lookup->found] == '\0';
	if (S_ISDIR(lookup->st.st_mode))
		return whole ? program_refuse(program, 403, lookup->asked,
					      "a folder, not a program")
			     : refuse_missing(program, lookup);
	if (!S_ISREG(lookup->st.st_mode))
		return program_refuse(program, 403, lookup->asked,
				      "not a file");
	return 0;
}

/* The name that the kernel has for the open file; in a chroot without /proc
 * the path is resolved by hand. */
static char *resolved_name(struct lookup *lookup)
{
	char link[40];
	char name[PATH_MAX];
	ssize_t length;
	char *resolved;
	char tail;

	text_format(link, sizeof(link), "/proc/self/fd/%d", lookup->fd);
	length = readlink(link, name, sizeof(name));
	if (length > 0 && length < (ssize_t)sizeof(name)) {
		name[length] = '\0';
		return strdup(name);
	}
	tail = lookup->asked[lookup->found];
	lookup->asked[lookup->found] = '\0';
	resolved = realpath(lookup->asked, NULL);
	lookup->asked[lookup->found] = tail;
	return resolved;
}

/* Opens the folder of program->path. */
static int open_folder(struct program *program)
{
	char *slash = strrchr(program->path, '/');

	*slash = '\0';
	program->folder = open(slash == program->path ? "/" : program->path,
			       O_PATH | O_DIRECTORY | O_CLOEXEC);
	*slash = '/';
	if (program->folder < 0)
		return errno == ENOENT || errno == ENOTDIR
			       ? program_refuse(program, 404, program->path,
						"it has just gone")
			       : program_refuse_errno(program, program->path);
	return 0;
}

/* Notes what it is called in its folder. */
static int name_in_folder(struct program *program)
{
	const char *slash = strrchr(program->path, '/');
	size_t size = strlen(slash) + 2;

	program->local = malloc(size);
	if (!program->local)
		return program_refuse_errno(program, program->path);
	text_format(program->local, size, ".%s", slash);
	return 0;
}

/* Whether a path has no part that leads elsewhere by its name. */
static bool is_plain(const char *path)
{
	while (*path == '/') {
		size_t length = strcspn(++path, "/");

		if (length == 0 || strncmp(path, "..", length) == 0)
			return false;
		path += length;
	}
	return true;
}

/* Opens a folder if no symbolic link is on the way (Linux 5.6). */
static int open_straight(const char *path)
{
	struct {
		uint64_t flags;
		uint64_t mode;
		uint64_t resolve;
	} how = {O_PATH | O_DIRECTORY | O_CLOEXEC, 0, RESOLVE_NO_SYMLINKS};

	return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));
}

/*
 * The short way, which most requests can go: the path is that of a file, as
 * the kernel would name it too. Returns whether that is so; otherwise nothing
 * has happened.
 */
static bool look_up_straight(struct program *program, struct lookup *lookup)
{
	char *slash = strrchr(lookup->asked, '/');
	int folder;

	if (!is_plain(lookup->asked))
		return false;
	*slash = '\0';
	folder = open_straight(slash == lookup->asked ? "/" : lookup->asked);
	*slash = '/';
	if (folder < 0)
		return false;
	if (fstatat(folder, slash + 1, &lookup->st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(lookup->st.st_mode)) {
		close(folder);
		return false;
	}
	program->folder = folder;
	lookup->found = strlen(lookup->asked);
	return true;
}

/* The long way: tails, symbolic links, and why it cannot be. */
static int look_up_winding(struct program *program, struct lookup *lookup)
{
	int status = look_up(program, lookup);

	if (status)
		return status;
	program->path = resolved_name(lookup);
	if (!program->path)
		return program_refuse_errno(program, lookup->asked);
	return open_folder(program);
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
		return program_refuse_errno(program, program->path);
	why = owner_refuses(file, &folder);
	if (why)
		return program_refuse(program, 403, program->path, why);
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
		return program_refuse(program, 403, program->path,
				      "outside the folder given by -root");
	if (!is_allowed(program->path))
		return program_refuse(program, 403, program->path,
				      "not a program given by -allow");
	if (!is_strict())
		return 0;
	if (fstatat(program->folder, program->local, &st, AT_SYMLINK_NOFOLLOW) <
		    0 ||
	    st.st_ino != lookup->st.st_ino || st.st_dev != lookup->st.st_dev)
		return program_refuse(program, 404, program->path,
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
	size_t size;
	char *text;
	int result;

	if (!root)
		return 0;
	size = strlen(root) + strlen(path_info) + 1;
	text = malloc(size);
	if (!text)
		return -1;
	text_format(text, size, "%s%s", root, path_info);
	result = env_set(env, "PATH_TRANSLATED", text);
	free(text);
	return result;
}

/* What follows the program in the path is PATH_INFO, and nobody else's. */
static int set_path_info(struct env *env, const char *path_info)
{
	const char *name = env_get(env, "SCRIPT_NAME");
	int result = 0;

	if (name && ends_with(name, path_info)) {
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

static int find(struct program *program, struct lookup *lookup, struct env *env)
{
	int status = 0;

	if (look_up_straight(program, lookup))
		program->path = strdup(lookup->asked);
	else
		status = look_up_winding(program, lookup);
	if (status)
		return status;
	if (!program->path)
		return program_refuse_errno(program, lookup->asked);
	status = name_in_folder(program);
	if (!status)
		status = check(program, lookup);
	if (status)
		return status;
	if (correct(lookup, env) < 0)
		return program_refuse_errno(program, program->path);
	choose_words(program, lookup->asked);
	if (set.only_handled && !program->words[1])
		return program_refuse(
			program, 403, program->path,
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
		return program_refuse_errno(program, path);
	status = open_folder(program);
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
		return program_refuse_errno(program, program->path);
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
		return program_refuse_errno(program, path);
	return check_owner(program, &st);
}

int program_find(struct program *program, struct env *env)
{
	struct lookup lookup = {.fd = -1};
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
