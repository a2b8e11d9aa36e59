/*
 * path: what a program is called, and where it is.
 */
#include "path.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

const char *path_search(const char *name, char where[PATH_MAX])
{
	const char *path = getenv("PATH");

	while (path && *path) {
		size_t length = strcspn(path, ":");

		text_format(where, PATH_MAX, "%.*s/%s", (int)length, path,
			    name);
		if (access(where, X_OK) == 0)
			return where;
		path += length + (path[length] == ':');
	}
	return NULL;
}
