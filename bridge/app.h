#ifndef APP_H
#define APP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * One process of the application, wish.app: with the listening socket as fd 0
 * (FastCGI 1.0 §2.2), an environment without the request's variables, and a
 * session of its own. How many there are, and what is done when one ends, is
 * decided above.
 */

#define APP_END_MS 2000 /* between TERM and KILL */

/* Starts it on a listening socket, which stays the caller's. Returns its pid
 * when it has been executed, or -1 and errno. With -once it is the pid of a
 * guard, which ends the application when this process ends, however it does. */
pid_t app_start(int socket);

/* It has been sent TERM: waits for its end, with KILL at that moment, and kills
 * what it has started itself. Returns its wait status. */
int app_await_end(pid_t pid, int64_t moment);

/* With -once: tells the guard that it is over, and waits until nothing of the
 * application is left. Returns the wait status (waitpid(2)) of one that had
 * ended by itself, otherwise 0. One that is going, as its connection tells, is
 * given a moment to do so. */
int app_end(pid_t pid, bool going);

#endif
