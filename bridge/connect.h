#ifndef CONNECT_H
#define CONNECT_H

/*
 * Connecting to the application: every address of its name, within
 * -connect-timeout and -max-time, again and again within -retry.
 */

/* Returns a connected socket, non-blocking and close-on-exec, or ends the
 * process with the reason. */
int connect_application(void);

/* Tries once; returns the socket, or -1 and errno. */
int connect_once(void);

#endif
