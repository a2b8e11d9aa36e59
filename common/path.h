#ifndef PATH_H
#define PATH_H

#include <limits.h>

/*
 * Names of programs, as text.
 */

/* What follows the last slash; all of it if there is none. Points into path. */
const char *path_base(const char *path);

/* Looks for a bare name in the folders of PATH. Returns where, which is filled,
 * or NULL if none has a file of that name that may be executed. */
const char *path_search(const char *name, char where[PATH_MAX]);

#endif
