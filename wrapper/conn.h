#ifndef CONN_H
#define CONN_H

#include <stdbool.h>

/*
 * One connection from a web server: records in, records out, and the requests
 * that they belong to. It owns its socket and its requests; what a request
 * does with its records is not its business.
 */

/* Takes over an accepted socket, non-blocking. Returns 0, or -1 and errno if
 * there is no memory: then it is closed. */
int conn_open(int fd, bool is_unix);

/* How many there are. */
long conn_count(void);

/* From now on connections are closed as soon as they have no request; those
 * that have not had any yet are given a moment. */
void conn_drain_all(void);

/* Closes all of them; programs that still run are ended. */
void conn_close_all(void);

/* Once, after the settings are known. */
void conn_init(void);

#endif
