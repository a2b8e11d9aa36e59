#ifndef ENDED_H
#define ENDED_H

#include <stddef.h>

/*
 * How a process ended, in words, from its wait status (waitpid(2)). Each
 * returns how many bytes there are before the NUL.
 */

/* "signal 9" or "exit status 1". */
size_t ended_with(char *text, size_t size, int wait_status);

/* "was killed by signal 9" or "ended with exit status 1". */
size_t ended_how(char *text, size_t size, int wait_status);

#endif
