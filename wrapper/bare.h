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

/* Returns what the kernel does: a result, or -errno. If alone, or where it is
 * not known how else, the C library makes the call. */
long bare_call(bool alone, long number, long a, long b, long c, long d);

#endif
