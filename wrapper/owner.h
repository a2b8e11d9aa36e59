#ifndef OWNER_H
#define OWNER_H

#include <sys/stat.h>

/*
 * -as-owner: whether a program may run as the owner of its file, by checks
 * like suEXEC's. Pure judgement of two stat(2) results.
 */

/* least is the least uid that an owner may have. Returns NULL, or why not. */
const char *owner_refuses(uid_t least, const struct stat *file,
			  const struct stat *folder);

#endif
