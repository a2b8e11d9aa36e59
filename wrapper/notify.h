#ifndef NOTIFY_H
#define NOTIFY_H

#include <stdbool.h>

/*
 * Tells a service manager how we are (sd_notify(3)), without its library:
 * one datagram to the socket that NOTIFY_SOCKET names.
 */

/* Takes the address out of the environment. To be called once, first. */
void notify_open(void);

/* Sends one state, such as "READY=1". Nobody there: nothing happens. */
void notify(const char *state);

/* A worker says nothing: the manager listens to the parent. */
void notify_close(void);

/* Whether anybody listens. */
bool notify_is_open(void);

#endif
