#ifndef FORK_H
#define FORK_H

/*
 * fork(2) as the program calls it, which stands before the C library's: for an
 * interpreter whose prelude has listed its files the next one is the wait.
 */

/* Before main: later it may be called where nothing can be looked up (fork(2)
 * is async-signal-safe). */
void fork_find(void);

#endif
