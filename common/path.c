/*
 * path: what a program is called, and where it is.
 */
#include "path.h"

#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "text.h"

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A folder may be entered, which is the same permission. */
static bool is_program(int folder, const char *path)
{
	struct stat st;

	return faccessat(folder, path, X_OK, 0) == 0 &&
	       fstatat(folder, path, &st, 0) == 0 && S_ISREG(st.st_mode);
}

const char *path_search(const char *path, int folder, const char *name,
			char where[PATH_MAX])
{
	/* A name with a slash is looked for nowhere else. */
	if (strchr(name, '/'))
		path = "";
	while (path) {
		size_t length = strcspn(path, ":");

		text_format(where, PATH_MAX, "%.*s%s%s", (int)length, path,
			    length ? "/" : "", name);
		if (is_program(folder, where))
			return where;
		path = path[length] ? path + length + 1 : NULL;
	}
	return NULL;
}
