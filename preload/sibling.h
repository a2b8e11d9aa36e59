#ifndef SIBLING_H
#define SIBLING_H

#include <sys/types.h>

/*
 * The clone that is a sibling: what depends on the machine and on the C library
 * in forking without fork(3). What the two do then is not its business.
 */

/* fork(2), but the child is a child of our parent. */
pid_t sibling_fork(void);

#endif
