#ifndef BARE_H
#define BARE_H

#include <stdbool.h>

/*
 * System calls without the C library: for a process that shares the memory of
 * one which goes on beside it. Its errno would be that one's.
 */

/* Whether that is known for this kind of machine. */
#if defined(__LP64__) && (defined(__x86_64__) || defined(__aarch64__))
#define BARE_IS_KNOWN true
#else
#define BARE_IS_KNOWN false
#endif

/* From now on calls are made so, where it is known; before that the C library
 * makes them. */
void bare_begin(void);

/* Returns what the kernel does: a result, or -errno. */
long bare_call(long number, long a, long b, long c, long d);

#endif
