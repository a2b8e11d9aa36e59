#ifndef BULK_H
#define BULK_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * Bytes that pass between a pipe and a socket without being looked at: the
 * kernel hands its pages over (splice). That is worth while into unix sockets,
 * and out of any; from a pipe into a TCP socket reading and writing is faster.
 * Where the kernel has no such thing bulk_move fails: copy then.
 */

/* What is less than this is read and written. */
#define BULK_MIN 16384

/* Lets a pipe hold much more, as far as the user may have such pipes. errno is
 * not kept. */
void bulk_grow(int pipe);

/* How many bytes can be read from a pipe now; 0 also if that cannot be told. */
size_t bulk_waiting(int fd);

/* Whether it takes no more now. */
bool bulk_is_full(int fd);

/* Moves up to n bytes; one of the two is a pipe. Returns how many, 0 at the end
 * of from, or -1 and errno: EAGAIN if from is empty or to is full. */
ssize_t bulk_move(int from, int to, size_t n);

#endif
