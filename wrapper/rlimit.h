#ifndef RLIMIT_H
#define RLIMIT_H

#include <sys/resource.h>

/*
 * Resource limits of this process.
 */

/* Sets the one and fills the other; either may be NULL. Returns 0, or -1 and
 * errno. */
int rlimit_change(int resource, const struct rlimit *new, struct rlimit *old);

#endif
