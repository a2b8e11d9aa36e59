#ifndef LOOKUP_H
#define LOOKUP_H

#include <stddef.h>
#include <sys/stat.h>

#include "refusal.h"

/*
 * The file that a path leads to, of which a tail may be no more than PATH_INFO
 * (RFC 3875 §4.1.5). Whether it may be run is decided above.
 */

/* Whatever is in it is the caller's to free and to close. */
struct lookup {
	char *asked;	/* the absolute path; ours to change meanwhile */
	size_t found;	/* how much of it exists */
	int fd;		/* O_PATH of the file, if it was opened; or -1 */
	int folder;	/* its folder, held open; or -1 */
	char *path;	/* as the kernel names the file, or NULL */
	struct stat st; /* of the file */
};

/* Finds the file for lookup->asked; fd and folder are -1, all else is 0.
 * Returns 0, or the HTTP status with why filled. */
int lookup_file(struct lookup *lookup, char why[REFUSAL_MAX]);

/* Opens the folder of an absolute path, which is as before when this returns:
 * 0, or the HTTP status with why filled and *folder -1. */
int lookup_folder(char *path, int *folder, char why[REFUSAL_MAX]);

#endif
