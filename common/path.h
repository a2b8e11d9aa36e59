#ifndef PATH_H
#define PATH_H

#include <limits.h>

/*
 * Names of programs, as text.
 */

/* What follows the last slash; all of it if there is none. Points into path. */
const char *path_base(const char *path);

/* Looks for a program as execvp(3) would in these folders, the text of a PATH;
 * an empty one, or one that is relative, is seen from the open folder. Returns
 * where, which is filled, or NULL if there is none that may be executed. */
const char *path_search(const char *path, int folder, const char *name,
			char where[PATH_MAX]);

#endif
