/*
 * lookup: from a path to the file that is there.
 * A name is looked up once. The short way holds the file's folder and has
 * looked at the file in it; the long way holds the file too.
 */
#include "lookup.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "text.h"

#ifndef RESOLVE_NO_SYMLINKS
#define RESOLVE_NO_SYMLINKS 4
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif

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

/* Which folder on the way may not be entered. */
static int refuse_closed(char *path, char *why)
{
	size_t i;

	for (i = 1; path[i]; i++) {
		int closed;

		if (path[i] != '/')
			continue;
		path[i] = '\0';
		closed = faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) < 0;
		if (closed)
			return refusal_us(why, path, "enter this folder");
		path[i] = '/';
	}
	return refusal(why, 403, path, "permission denied");
}

static int refuse_missing(const struct lookup *lookup, char *why)
{
	char reason[200];

	if (lookup->fd < 0)
		return refusal(why, 404, lookup->asked, "no such program");
	text_format(reason, sizeof(reason),
		    "no such program (%.*s is there, what follows is not)",
		    (int)(lookup->found < 150 ? lookup->found : 150),
		    lookup->asked);
	return refusal(why, 404, lookup->asked, reason);
}

static int open_file(struct lookup *lookup, char *why)
{
	bool whole;

	if (open_walking(lookup) < 0) {
		if (errno == EACCES)
			return refuse_closed(lookup->asked, why);
		if (errno == ENOENT)
			return refuse_missing(lookup, why);
		if (errno == ELOOP)
			return refusal(why, 404, lookup->asked,
				       "too many symbolic links");
		return refusal_errno(why, lookup->asked);
	}
	if (fstat(lookup->fd, &lookup->st) < 0)
		return refusal_errno(why, lookup->asked);
	whole = lookup->asked[lookup->found] == '\0';
	if (S_ISDIR(lookup->st.st_mode))
		return whole ? refusal(why, 403, lookup->asked,
				       "a folder, not a program")
			     : refuse_missing(lookup, why);
	if (!S_ISREG(lookup->st.st_mode))
		return refusal(why, 403, lookup->asked, "not a file");
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

int lookup_folder(char *path, int *folder, char why[REFUSAL_MAX])
{
	char *slash = strrchr(path, '/');

	*slash = '\0';
	*folder = open(slash == path ? "/" : path,
		       O_PATH | O_DIRECTORY | O_CLOEXEC);
	*slash = '/';
	if (*folder >= 0)
		return 0;
	return errno == ENOENT || errno == ENOTDIR
		       ? refusal(why, 404, path, "it has just gone")
		       : refusal_errno(why, path);
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
static bool look_up_straight(struct lookup *lookup)
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
	lookup->folder = folder;
	lookup->found = strlen(lookup->asked);
	return true;
}

/* The long way: tails, symbolic links, and why it cannot be. */
static int look_up_winding(struct lookup *lookup, char *why)
{
	int status = open_file(lookup, why);

	if (status)
		return status;
	lookup->path = resolved_name(lookup);
	if (!lookup->path)
		return refusal_errno(why, lookup->asked);
	return lookup_folder(lookup->path, &lookup->folder, why);
}

int lookup_file(struct lookup *lookup, char why[REFUSAL_MAX])
{
	if (!look_up_straight(lookup))
		return look_up_winding(lookup, why);
	lookup->path = strdup(lookup->asked);
	return lookup->path ? 0 : refusal_errno(why, lookup->asked);
}
