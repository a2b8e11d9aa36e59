#ifndef FDS_H
#define FDS_H

/*
 * The descriptors that whoever starts us left open, or closed.
 */

/* Opens those of 0 to 2 that are closed: a socket must not become stdout.
 * Ends the process if it cannot. */
void fds_open_standard(void);

/* Marks all from 3 on close-on-exec: they are not for what we start. */
void fds_hide_inherited(void);

/* Closes all: for a process that only waits. */
void fds_close_all(void);

/* No descriptors come with what is sent to that unix socket, or to one that is
 * accepted there. Nobody has any for us, and to close one takes as long as who
 * sends it likes: a socket's lingering, a file system's flush. Before Linux
 * 6.16 they come all the same. */
void fds_refuse(int socket);

#endif
